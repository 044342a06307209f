"""The smallest eigenvalue of WᵀW for a large W that is square or nearly so."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from dyson.laws.base import Array, _parameter
from dyson.laws.fitting import Fit, checked_sample, judge
from dyson.laws.fredholm import Pair, hard
from dyson.laws.log_table import LogTable, Tabulated, index, log_complement, panel_nodes, settle

MOST = 30.0  # a: beyond, the first panel underflows
DEEPEST = 7.0  # g up to which determinants are used: 1 − V has lost seven digits there
FADED = -460.0  # log sf at which the table ends


@dataclass(frozen=True, slots=True)
class HardEdge(Tabulated):
    r"""Smallest eigenvalue of the Laguerre ensemble in the limit of large matrices, x = scale·s.

    For n eigenvalues with P ∝ Π|x_i − x_j|^β Π x_i^a e^{−βx_i/2}, the law of s = 4n x_min. X = W†W with W of
    M × n independent normal entries of mean square 1 has a = (M − n − 1)/2, M − n, 2(M − n) + 1 for
    β = 1, 2, 4.
    With V the operator ½ √s J_α(√(sxy)) on (0, 1), D_± = det(1 ∓ V), sf(s) is

        β = 1: D_+,  α = 2a + 1;    β = 2: D_+D_−,  α = a;    β = 4: ½ (D_+ + D_−) at 4s,  α = a − 1.

    Closed cases: β = 2, a = 0: e^{−s/4}; β = 1, a = −1/2 (square W): e^{−s/8−√s/2}; β = 1, a = 0: e^{−s/8}
    (Edelman, SIAM J. Matrix Anal. Appl. 9 (1988) 543). Source of the general case: Forrester, Nonlinearity
    19 (2006) 2989.

    Tabulated on first use (half a second each a): probabilities right to 1e-10; where sf < about 1e-10 an
    asymptotic series with fitted coefficients takes over: 1e-7 of itself at sf = 1e-12, 1e-5 at 1e-17,
    1e-3 at 1e-30, and no better than an order of magnitude below 1e-50 for a > 10.

    Fitted by its mean, scale with a and beta given.

    Parameters
    ----------
    a : float
        At most 30, and ≥ −1/2 at β = 1, > −1 at β = 2, > 0 at β = 4.
    beta : int
        1, 2 or 4.
    scale : float
        x = scale·s, > 0: 1/4n for eigenvalues as above.

    Raises
    ------
    TypeError, ValueError
        See `Law`; for other a or beta.
    """

    a: float = 0.0
    beta: int = 1
    scale: float = 1.0

    _positive = ("scale",)
    _support = (0.0, math.inf)
    _formula = r"-\frac{d}{ds}\det(1-K_{\mathrm{Bessel},a})_{(0,s)},\quad s=\frac{x}{w}"

    def __post_init__(self) -> None:
        beta = index("HardEdge", self.beta)
        a, least = _parameter(self, "a", False), {1: -0.5, 2: -1, 4: 0}[beta]
        if not (least < a or (beta == 1 and a == least)) or a > MOST:
            sign = ">=" if beta == 1 else ">"
            raise ValueError(
                f"HardEdge: a must be {sign} {least} and <= {MOST:g} at beta = {beta}, got {a:g}"
            )
        settle(self, beta=beta)

    @classmethod
    def fit(cls, sample: ArrayLike, a: float = 0.0, beta: int = 1) -> Fit[Self]:
        """Scale from a sample, by its mean, with a and beta held fixed; see `Law.fit`."""
        standard = cls(a, beta)
        x = checked_sample(cls.__name__, sample)
        if x.min() < 0:
            raise ValueError(f"HardEdge.fit: eigenvalues of WᵀW must be ≥ 0, got {x.min():.6g}")
        first = standard.expectation
        # a enters the law's name and not its errors: it is held
        return judge(cls(a, beta, float(x.mean() / first)), x, {"scale": (x - x.mean()) / first})

    @property
    def _loc(self) -> float:
        return 0.0

    @property
    def _scale(self) -> float:
        return self.scale

    @property
    def _table(self) -> LogTable:
        return _table(self.a, self.beta)


@lru_cache(maxsize=64)
def _table(a: float, beta: int) -> LogTable:
    order = {1: 2 * a + 1, 2: a, 4: a - 1}[beta]
    times = 4.0 if beta == 4 else 1.0
    first = _deepest(order)
    last = _last(order, beta)
    even = np.linspace(0, first, 8)
    if order != round(order):  # powers of s that are not whole: panels that shrink towards 0
        even = np.r_[0.0, even[1] * 0.25 ** np.arange(6, 0, -1), even[1:]]
    edges = np.r_[even, first + (last - first) * np.linspace(0, 1, 17)[1:] ** 1.5]
    u = panel_nodes(edges)
    s = u.ravel() ** 2
    near = s < first**2
    exact, beyond = hard(s[near], order), _series(order, first)(s[~near])
    pair = Pair(*(np.r_[p, q] for p, q in zip(exact, beyond, strict=True)))
    log_sf, slope = (v.reshape(u.shape) for v in pair.log(beta))
    z = u * u
    with np.errstate(divide="ignore", invalid="ignore"):
        log_cdf = log_complement(log_sf) - (a + 1) * np.log(z)
        log_pdf = log_sf + np.log(-slope) - a * np.log(z)
    if beta == 4:  # two orders cancel near 0: continue from where they do not
        close = u < 0.1 * first
        for v in (log_cdf, log_pdf):
            v[close] = _continued(z, v, close, (u > 0.1 * first) & (u < 0.3 * first))
    log_cdf, log_pdf = log_cdf + (a + 1) * math.log(times), log_pdf + (a + 1) * math.log(times)
    return LogTable.of(edges / math.sqrt(times), log_pdf, log_cdf, log_sf, power=a, root=True)


def _continued(z: Array, v: Array, close: np.ndarray, known: np.ndarray) -> Array:
    curve = np.polynomial.Chebyshev.fit(z[known], v[known], 9)
    return np.asarray(curve(z[close]))


def _deepest(order: float) -> float:
    """√s up to which determinants are used."""
    u = np.linspace(6, 26 + 3 * order, 24)
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = hard(u * u, order).gap
    return float(u[np.flatnonzero(~(gap < DEEPEST))[0] - 1])


def _last(order: float, beta: int) -> float:
    u = np.linspace(1, 400, 4000)
    lead = -u * u / 8 + order * u / 2 + {1: -u / 2, 2: 0 * u, 4: u / 2}[beta]
    return float(u[np.argmax(lead * (2 if beta == 2 else 1) < FADED)])


def _series(order: float, first: float):
    """h and g beyond √s = first: their leading terms, and powers of 1/√s that join the determinants."""
    u = first * np.linspace(0.45, 1, 24)
    pair = hard(u * u, order)
    k = np.arange(6)

    def lead(u: Array) -> tuple[Array, Array, Array, Array]:
        h = -u * u / 8 + order * u / 2 - order**2 / 4 * np.log(u)
        g = u / 2 - order / 4 * np.log(u)
        return h, g, -u / 4 + order / 2 - order**2 / 4 / u, 0.5 - order / 4 / u

    h, g, _, _ = lead(u)
    basis = u[:, None] ** -k / first**-k
    weight = np.exp(-pair.gap)  # 1 − V loses digits as e^{2g}
    fits = [
        np.linalg.lstsq(basis * weight[:, None], weight * v, rcond=None)[0]
        for v in (pair.half - h, pair.gap - g)
    ]

    def series(s: Array) -> Pair:
        u = np.sqrt(s)
        h, g, dh, dg = lead(u)
        powers = u[:, None] ** -k / first**-k
        slopes = -k * powers / u[:, None]
        (a, b) = fits
        return Pair(h + powers @ a, g + powers @ b, (dh + slopes @ a) / (2 * u), (dg + slopes @ b) / (2 * u))

    return series
