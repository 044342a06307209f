"""Density of all eigenvalues of a random matrix of finite size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import inf, sqrt
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from dyson.laws.base import Array
from dyson.laws.finite_n_kernels import gaussian_density, laguerre_log_density
from dyson.laws.fitting import Fit, checked_sample, judge
from dyson.laws.log_table import LogTable, Pieces, Tabulated, index, panel_nodes, settle
from dyson.laws.quadrature import Panels
from dyson.laws.two_point_kernels import two_point
from streams.arguments import choice, count, shown

ENSEMBLES = ("gaussian", "laguerre")
MOST, MOST_PFAFFIAN = 150, 60


@dataclass(frozen=True, slots=True)
class FiniteDensity(Tabulated):
    r"""Density of any one of n eigenvalues, exact at finite n, for β = 1, 2, 4.

        "gaussian":  P ∝ Π|x_i − x_j|^β exp(−Σ x_i²/2σ²),
        "laguerre":  P ∝ Π|x_i − x_j|^β Π x_i^a exp(−Σ x_i/2σ²),   x_i > 0.

    The first is `docs/conventions.md`'s matrix of density exp(−tr X²/2σ²), the second X = WᵀW with W of
    M × n, real entries of variance σ² and a = (M − n − 1)/2 (β = 1), or complex ones of mean square 2σ² and
    a = M − n (β = 2).

    β = 2: ρ = Σ φ_k², orthonormal functions of Hermite or Laguerre. β = 1, 4, Gaussian: the same with
    one term more (Mehta, Random Matrices, ch. 7, 8); Laguerre: Pfaffian, from the inverse of the skew inner
    products of Laguerre functions. n = 2, β = 1 is `OnePairSemicircle`; n → ∞ `Semicircle` and
    `MarchenkoPastur`.

    Tabulated on first use; density right to 1e-12 of the largest (2e-12 at a = 100). Pairs: `two_point`.

    Fitted by moments: sigma from ⟨x²⟩ (gaussian) or ⟨x⟩ (laguerre), the rest held. Pass matrices as rows.

    Parameters
    ----------
    n : int
        1 to 150; to 60 for "laguerre" at β = 1, 4.
    beta : int
        1, 2 or 4.
    sigma : float
        > 0; units of x (gaussian), √x (laguerre).
    ensemble : str
        "gaussian" or "laguerre".
    a : float
        Of "laguerre" only, ≤ 100: > −1 at β = 2, a half-integer from −1/2 at β = 1, a whole number from 0
        at β = 4.

    Raises
    ------
    TypeError, ValueError
        See `Law`; for other n, beta, ensemble, a.
    """

    n: int
    beta: int = 1
    sigma: float = 1.0
    ensemble: str = "gaussian"
    a: float = 0.0

    _positive = ("sigma",)
    _formula = r"\frac{1}{n}\sum_{k<n}\varphi_k(x)^2 \quad (\beta=2)"

    def __post_init__(self) -> None:
        n, beta = count("FiniteDensity: n", self.n), index("FiniteDensity", self.beta)
        ensemble = choice("ensemble", self.ensemble, ENSEMBLES)
        object.__setattr__(self, "ensemble", 0.0)
        object.__setattr__(self, "n", 0.0)
        settle(self, n=n, beta=beta, ensemble=ensemble)
        most = MOST_PFAFFIAN if ensemble == "laguerre" and beta != 2 else MOST
        if n > most:
            raise ValueError(
                f"FiniteDensity: n must be at most {most} for {ensemble} at beta = {beta}, got {shown(n)}; "
                "use Semicircle or MarchenkoPastur"
            )
        _check_a(ensemble, beta, self.a)

    @classmethod
    def fit(  # type: ignore[override]
        cls, sample: ArrayLike, n: int, beta: int = 1, ensemble: str = "gaussian", a: float = 0.0
    ) -> Fit[Self]:
        """Sigma from a sample, the rest held fixed; see `Law.fit`. Rows are the n eigenvalues of a matrix."""
        unit = cls(n, beta, 1.0, ensemble, a)
        x = checked_sample(cls.__name__, sample)
        half = 1 + beta * (unit.n - 1) / 2
        if ensemble == "gaussian":
            square, rows = np.mean(x * x) / half, x * x / half
        else:
            if x.min() < 0:
                raise ValueError(f"FiniteDensity.fit: eigenvalues of WᵀW must be ≥ 0, got {x.min():.6g}")
            square, rows = x.mean() / (2 * (half + a)), x / (2 * (half + a))
        sigma = sqrt(square)
        return judge(cls(n, beta, sigma, ensemble, a), x, {"sigma": (rows - square) / (2 * sigma)})

    def two_point(self, x: ArrayLike, y: ArrayLike) -> Array:
        r"""R_2(x, y): density of ordered pairs of different eigenvalues, integral n(n − 1).

            β = 2:     K(x, x) K(y, y) − K(x, y)²,
            β = 1, 4:  S(x, x) S(y, y) − S(x, y) S(y, x) − D(x, y) J(x, y),

        S, D, J the entries of the 2 × 2 (quaternion) kernel of Mehta, Random Matrices, ch. 6-8, and Adler,
        Forrester, Nagao, van Moerbeke, J. Stat. Phys. 99 (2000) 141. R_1 = n pdf is K(x, x) or S(x, x), so
        ∫R_2 dy = (n − 1) n pdf(x), and 1 − R_2/R_1 R_1 → `cluster` for large n.

        Right to 1e-15, 4e-15, 2e-14 (gaussian, n = 3, 40, 150) and 1e-14, 6e-13, 6e-13 (laguerre, n = 3, 40,
        60; a = 100: 1e-13, 4e-13, 4e-13) of the largest R_1²; to 3e-12 of R_1(x) R_1(y) but in far tails and,
        at β = 4, close to the wall. So digits are lost near x = y, where R_2 vanishes as |x − y|^β.

        Parameters
        ----------
        x, y : array_like
            Of shapes that broadcast, (m, 1) and (1, k) for a plane; units of `pdf`'s argument.

        Returns
        -------
        array
            Of the broadcast shape, units 1/x². 0 at n = 1 and outside `support`; NaN goes through.
        """
        x, y = self._standard(x), self._standard(y)
        value = two_point(x, y, self.n, self.beta, self.ensemble, self.a)
        with np.errstate(over="ignore"):
            return (value / self._scale / self._scale)[()]

    @property
    def _loc(self) -> float:
        return 0.0

    @property
    def _scale(self) -> float:
        return sqrt(2) * self.sigma if self.ensemble == "gaussian" else 2 * self.sigma**2

    @property
    def _support(self) -> tuple[float, float]:
        return (-inf, inf) if self.ensemble == "gaussian" else (0.0, inf)

    @property
    def _table(self) -> LogTable:
        return _table(self.n, self.beta, self.ensemble, self.a)


def _check_a(ensemble: str, beta: int, a: float) -> None:
    if ensemble == "gaussian":
        if a != 0:
            raise ValueError(f"FiniteDensity: a belongs to the laguerre ensemble, got {a:g} with gaussian")
        return
    right = {
        1: (a >= -0.5 and float(2 * a).is_integer(), "a half-integer from -1/2"),
        2: (a > -1, "> -1"),
        4: (a >= 0 and float(a).is_integer(), "a whole number from 0"),
    }[beta]
    if not right[0] or a > 100:
        raise ValueError(f"FiniteDensity: a must be {right[1]} to 100 at beta = {beta}, got {a:g}")


@lru_cache(maxsize=32)
def _table(n: int, beta: int, ensemble: str, a: float) -> LogTable:
    """In t with weight e^{−t²} or t^a e^{−t}."""
    if ensemble == "gaussian":
        panels = 24 + n * (5 if beta == 4 else 3) // 2
        edge = sqrt(beta * n)
        reach, far = _reach(edge, 60.0), _reach(edge, 100.0)
        edges = np.linspace(-reach, reach, panels + 1)
        log_pdf = np.log(gaussian_density(panel_nodes(edges), n, beta) / n)
        more = np.linspace(reach, far, 12)
        whole = Panels.of(lambda t: gaussian_density(t, n, beta) / n, np.r_[-more[:0:-1], edges, more[1:]])
        nodes = panel_nodes(edges)
        log_cdf, log_sf = np.log(whole.cdf(nodes)), np.log(whole.sf(nodes))
        return LogTable.of(edges, log_pdf, log_cdf, log_sf)
    panels = 24 + 2 * beta * n
    edge = sqrt(beta * n / 2 + a + 1) + sqrt(beta * n / 2)
    reach, far = _reach(edge, 60.0), _reach(edge, 100.0)
    wide = np.r_[np.linspace(0, reach, panels + 1), np.linspace(reach, far, 9)[1:]]
    u = panel_nodes(wide)
    log = laguerre_log_density(wide, n, beta, a) - np.log(n)
    height = log + (2 * a + 1) * np.log(u)
    empty = int(np.argmax(height[:, -1] > height.max() - 100))
    if empty > 1:  # panels where x^{a+1} is beyond floats become one
        first = wide[[0, empty]]
        log = np.r_[Pieces.of(wide, log)(panel_nodes(first)), log[empty:]]
        wide = np.r_[first, wide[empty + 1 :]]
        u, panels = panel_nodes(wide), panels - empty + 1
    every = LogTable.of(wide, log, None, np.zeros_like(log), power=a, root=True)
    total = Panels.of(lambda u: np.exp(every.log_pdf(u * u)) * 2 * u, wide)
    log_sf = np.log(total.sf(np.maximum(u[:panels], wide[1])))
    log_sf[0] = np.log1p(-np.exp(every.lower(u[0])) * u[0] ** (2 * (a + 1)))
    log_cdf = every.lower(u[:panels])
    return LogTable.of(wide[: panels + 1], log[:panels], log_cdf, log_sf, power=a, root=True)


def _reach(edge: float, depth: float) -> float:
    """Where the density is about e^{−depth}: one particle in t² and the repulsion of a semicircle."""
    t = edge + np.linspace(0, 11, 2201)
    work = t * np.sqrt(t * t - edge * edge) - edge**2 * np.arccosh(t / edge)
    return float(t[np.searchsorted(work, depth)])
