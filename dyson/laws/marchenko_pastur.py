"""The law of Marchenko and Pastur: eigenvalues of WᵀW for a large W of independent entries."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from dyson.laws.base import Array, Law
from dyson.laws.fitting import Fit, Influence, checked_sample, judge
from dyson.laws.semicircle import disc_shadow

ROUNDING = 1e-12  # an eigenvalue this small beside the largest is a zero of the matrix
SMALL_ROOT = 0.01  # √ratio below which the closed form loses digits to cancellation
TINY = 1e-300  # keeps 0/0 out at the ends


@dataclass(frozen=True, slots=True)
class MarchenkoPastur(Law):
    r"""Eigenvalues of X = WᵀW/M for W of shape (M, N), entries of mean 0; M, N → ∞.

    With c = ratio = N/M (columns over rows), v = variance of one entry of W,

        ρ(x) = √((b − x)(x − a)) / (2π c v x),   a, b = v (1 ∓ √c)²,

    and for c > 1 a further `atom` of weight 1 − 1/c at x = 0: X then has rank M < N.
    ``pdf`` is the continuous part alone and integrates to 1 − atom; ``cdf``, ``ppf``,
    ``rvs`` and ``moment`` include the atom. ⟨x⟩ = v, ⟨x²⟩ = v² (1 + c), for every c.
    For WᵀW without the 1/M take v = M × the entries' variance.
    Source: Marchenko, Pastur, Math. USSR Sb. 1 (1967) 457.

    Fitted by moments, v = ⟨x⟩ and c = ⟨x²⟩/⟨x⟩² − 1 (the likelihood is not regular, as for
    `Semicircle`). Pass matrices as rows, shape (replica, mode), all N eigenvalues of each.

    Parameters
    ----------
    ratio : float
        N/M, > 0, units 1.
    variance : float
        Variance of an entry of W, > 0, units of x.

    Raises
    ------
    TypeError, ValueError
        See `Law`; `fit` also refuses negative values beyond rounding.
    """

    ratio: float
    variance: float

    _positive = ("ratio", "variance")
    _formula = (
        r"\frac{\sqrt{(b-x)(x-a)}}{2\pi\, c\, v\, x},\quad a,b = v\,(1\mp\sqrt{c})^2,\quad"
        r" \text{and } \max(0, 1-1/c)\ \delta(x)"
    )

    @classmethod
    def fit(cls, sample: ArrayLike, ratio: float | None = None) -> Fit[Self]:
        """Estimate the parameters from a sample; see `Law.fit`.

        Values within 1e-12 of the largest count as zeros of the matrix.

        Parameters
        ----------
        sample : array_like, shape (n,) or (n, m)
            Eigenvalues of X, zeros included; rows are independent matrices.
        ratio : float, optional
            N/M where it is known: held fixed, with error 0. By default estimated.

        Raises
        ------
        ValueError, TypeError
            See `Law.fit`; also for negative values.
        """
        x = checked_sample(cls.__name__, sample)
        noise = ROUNDING * np.abs(x).max()
        if x.min() < -noise:
            raise ValueError(
                f"MarchenkoPastur.fit: eigenvalues of WᵀW/M must be ≥ 0, got {x.min():.6g}; "
                "if these are eigenvalues of W itself, fit a Semicircle"
            )
        x = np.where(x <= noise, 0.0, x)
        law, influence = cls._estimate(x)
        if ratio is not None:
            law, influence = cls(ratio, law.variance), {"variance": influence["variance"]}
        return judge(law, x, influence)

    @property
    def atom(self) -> float:
        """Probability of exactly zero: 1 − 1/ratio where ratio > 1, else 0."""
        return max(0.0, 1 - 1 / self.ratio)

    @property
    def _loc(self) -> float:
        return 0.0

    @property
    def _scale(self) -> float:
        return self.variance

    @property
    def _support(self) -> tuple[float, float]:
        root = math.sqrt(self.ratio)
        return (1 - root) ** 2, (1 + root) ** 2

    @property
    def _root(self) -> float:
        """r = √c or 1/√c ≤ 1: the nonzero eigenvalues at c > 1 are c times those at 1/c."""
        return min(math.sqrt(self.ratio), 1 / math.sqrt(self.ratio))

    def _pdf(self, z: Array) -> Array:
        low, high = self._support
        inside = np.clip(z, low, high)
        with np.errstate(divide="ignore", invalid="ignore"):  # at c = 1 the density is ∞ at 0
            rho = np.sqrt((high - inside) * (inside - low)) / (2 * math.pi * self.ratio * inside)
        return np.where((z == 0) & (low == 0), np.inf, np.where(z < 0, 0.0, rho))

    def _cdf(self, z: Array) -> Array:
        r, lift = self._root, max(1.0, self.ratio)
        sine = np.clip((z / lift - (1 - r) ** 2) / (4 * r), 0, 1)
        return self.atom * (z >= 0) + np.clip(_arc_cdf(2 * np.arcsin(np.sqrt(sine)), r), 0, 1) / lift

    def _sf(self, z: Array) -> Array:
        return 1 - self._cdf(z)

    def _ppf(self, q: Array) -> Array:
        r, lift = self._root, max(1.0, self.ratio)
        theta = _arc_quantile(np.clip((q - self.atom) * lift, 0, 1), r)
        z = lift * ((1 - r) ** 2 + 4 * r * np.sin(theta / 2) ** 2)
        return np.where(q <= self.atom, 0.0, z) if self.atom else z

    def _rvs(self, size: int | tuple[int, ...], rng: np.random.Generator) -> Array:
        out = np.zeros(size)
        continuous = rng.random(size) >= self.atom
        count = int(np.count_nonzero(continuous))
        out[continuous] = max(1.0, self.ratio) * _accepted(count, self._root, rng)
        return out

    def _moment(self, k: int) -> float:
        # Narayana numbers
        terms = (math.comb(k, j) * math.comb(k - 1, j) / (j + 1) * self.ratio**j for j in range(k))
        return math.fsum(terms) if k else 1.0

    @classmethod
    def _estimate(cls, x: Array) -> tuple[Self, Influence]:
        first, second = x.mean(), np.mean(x * x)
        d_first, d_second = x - first, x * x - second
        return cls(second / first**2 - 1, first), {
            "ratio": (d_second - 2 * second / first * d_first) / first**2,
            "variance": d_first,
        }


def _arc_cdf(theta: Array, r: float) -> Array:
    """∫₀^θ (2/π) sin²φ / (1 + r² − 2 r cos φ) dφ, the law of θ in y = 1 + r² − 2 r cos θ, r ≤ 1.

    With Σ_{j≥1} r^j sin(jθ)/j = A = atan2(r sin θ, 1 − r cos θ) it is
    [θ + A − (A − r sin θ)/r²]/π; for small r, where that cancels, the sum itself.
    """
    sine = np.sin(theta)
    if r < SMALL_ROOT:
        total = theta - sine * np.cos(theta)
        for j in range(1, 9):
            total = total + r**j * (np.sin(j * theta) / j - np.sin((j + 2) * theta) / (j + 2))
        return total / math.pi
    tangent = np.arctan2(r * sine, 1 - r + 2 * r * np.sin(theta / 2) ** 2)
    return (theta + tangent * (1 - r**-2) + sine / r) / math.pi


def _arc_quantile(q: Array, r: float) -> Array:
    """θ in [0, π] with _arc_cdf(θ, r) = q: from a table, then Newton where rounding lets it help."""
    nodes = np.linspace(0, math.pi, 513)
    table = np.clip(_arc_cdf(nodes, r), 0, 1)
    # the cdf grows like θ³ at both ends: interpolate its cube root
    theta = np.where(
        q < 0.5,
        np.interp(np.cbrt(q), np.cbrt(table), nodes),
        np.interp(-np.cbrt(1 - q), -np.cbrt(1 - table), nodes),
    ).ravel()
    goal = np.broadcast_to(q, np.shape(q)).ravel()
    low, high = _bracket(goal, table, nodes)
    noise = 2e-16 * (1 + 1 / max(r, SMALL_ROOT))
    left = np.flatnonzero(~np.isnan(goal))
    for _ in range(60):
        t = theta[left]
        excess = _arc_cdf(t, r) - goal[left]
        wrong = np.abs(excess) > noise
        left, t, excess = left[wrong], t[wrong], excess[wrong]
        if not left.size:
            break
        low[left] = np.where(excess < 0, t, low[left])
        high[left] = np.where(excess > 0, t, high[left])
        slope = 2 / math.pi * np.sin(t) ** 2 / ((1 - r) ** 2 + 4 * r * np.sin(t / 2) ** 2 + TINY)
        trial = t - excess / (slope + TINY)
        inside = (trial >= low[left]) & (trial <= high[left])
        theta[left] = np.where(inside, trial, (low[left] + high[left]) / 2)
    return theta.reshape(np.shape(q))


def _bracket(goal: Array, table: Array, nodes: Array) -> tuple[Array, Array]:
    """Neighbouring nodes on either side of each goal, one cell wider against rounding."""
    cell = np.searchsorted(table, goal)
    last = nodes.size - 1
    return nodes[np.clip(cell - 2, 0, last)], nodes[np.clip(cell + 1, 0, last)]


def _accepted(count: int, r: float, rng: np.random.Generator) -> Array:
    """Draws of y = 1 + r² − 2 r cos θ by rejection, r ≤ 1.

    y is 1 + r² + 2 r z with z on the unit semicircle, weighted by 1/y: accepted in (1 − r)² of
    the cases. Or (1 − r)² + 4 r z², weighted by z²/y: accepted in r of them. One is ≥ 0.38.
    """
    parts, missing = [np.empty(0)], count
    square = (1 - r) ** 2
    while missing > 0:
        z = disc_shadow(int(1.02 * missing / max(r, square)) + 16, rng)
        y = square + 4 * r * z * z if r > square else 1 + r * r + 2 * r * z
        weight = 4 * r * z * z if r > square else square
        parts.append(y[rng.random(z.size) * y < weight])
        missing -= parts[-1].size
    return np.concatenate(parts)[:count]
