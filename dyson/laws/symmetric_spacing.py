"""Spacing of the two eigenvalues of a real symmetric 2 × 2 Gaussian matrix of unequal variances."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ellipj, ellipkm1, i0e

from dyson.laws.base import Array, Law
from dyson.laws.fitting import Fit, Influence, judge, most_likely, supported
from dyson.laws.pair_spacing import LEAST, above_least, checked_spacings
from dyson.laws.quadrature import blocked, solve
from streams.arguments import choice

FAR = 1e3
ANGLES = 512  # of a quarter turn: S² up to 1500 makes integrands 1/40 wide


@dataclass(frozen=True, slots=True)
class SymmetricPairSpacing(Law):
    r"""Spacing S of the two eigenvalues of the matrix of `SymmetricPair`: the law of Hoyt.

    S = √(X² + Y²) with X = M₁₁ − M₂₂ ~ N(0, a²) and Y = 2 M₁₂ ~ N(0, b²), a² = sd11² + sd22², b = 2 sd12:

        P(S) = S/(ab) exp(−S²/4 (1/a² + 1/b²)) I₀(S²/4 (1/b² − 1/a²)),
        sf   = mean over φ of exp(−S²/2(a² cos²φ + b² sin²φ)),

    by the trapezoid rule of `SymmetricPair`. At a = b it is `WignerSurmise`. Source: Hoyt, Bell
    Syst. Tech. J. 26 (1947) 318. Only a and b matter, and they can be exchanged.

    Fitted by maximum likelihood in a and b, reported as a matrix with sd11 = sd22 = a/√2 and, by
    convention, the wider of a and b on the diagonal; ``wider="off-diagonal"`` puts it at sd12.
    The likelihood is even in log(a/b), whose square has to be 3 errors above 0.

    Parameters
    ----------
    sd11, sd22, sd12 : float
        Standard deviations of the three entries, > 0, units of S.

    Raises
    ------
    TypeError, ValueError
        See `Law`; `fit` also refuses negative spacings and a ≠ b that the sample does not show.
    """

    sd11: float
    sd22: float
    sd12: float

    _positive = ("sd11", "sd22", "sd12")
    _widths = _positive
    _widest = 1.01e5  # the integral over directions takes points in proportion
    _support = (0.0, math.inf)
    _formula = (
        r"\frac{S}{ab}\,e^{-\frac{S^2}{4}\left(\frac1{a^2}+\frac1{b^2}\right)}"
        r" I_0\!\left(\frac{S^2}{4}\Big(\frac1{b^2}-\frac1{a^2}\Big)\right),\quad"
        r" a^2 = \sigma_{11}^2+\sigma_{22}^2,\; b = 2\sigma_{12}"
    )

    @classmethod
    def fit(cls, sample: ArrayLike, wider: str = "diagonal") -> Fit[Self]:
        """Estimate the widths from a sample of spacings; see `Law.fit`.

        Parameters
        ----------
        sample : array_like, shape (n,) or (n, m)
            Spacings ≥ 0; rows are independent.
        wider : {"diagonal", "off-diagonal"}
            Which of M₁₁ − M₂₂ and 2 M₁₂ has the larger spread, which spacings do not tell.

        Raises
        ------
        ValueError, TypeError
            See `Law.fit`; also for negative values, and for log²(a/b) not 3 errors above 0.
        """
        choice("wider", wider, ("diagonal", "off-diagonal"))
        x = checked_spacings(cls.__name__, sample)
        law, influence = _fit_hoyt(cls, x, wider == "diagonal")
        return judge(law, x, influence)

    @property
    def _loc(self) -> float:
        return 0.0

    @property
    def _scale(self) -> float:
        return max(math.hypot(self.sd11, self.sd22), 2 * self.sd12)

    @property
    def _ratio(self) -> float:
        """Narrower over wider of a and b."""
        return min(math.hypot(self.sd11, self.sd22), 2 * self.sd12) / self._scale

    def _pdf(self, z: Array) -> Array:
        z = np.clip(z, 0, FAR)
        return z * np.exp(_log_hoyt(z, self._ratio))

    def _cdf(self, z: Array) -> Array:
        return self._mean(lambda h: -np.expm1(-h), z)

    def _sf(self, z: Array) -> Array:
        return self._mean(lambda h: np.exp(-h), z)

    def _mean(self, function, z: Array) -> Array:
        weight, _, dn = angles(self._ratio, ANGLES)
        inverse = 0.5 / dn**2
        square = np.clip(z, 0, FAR) ** 2
        return blocked(lambda s: function(s[:, None] * inverse) @ weight, square, dn.size)

    def _ppf(self, q: Array) -> Array:
        lower = np.asarray(q) <= 0.5
        with np.errstate(divide="ignore"):
            high = 1e-9 + np.sqrt(-2 * np.log1p(-np.asarray(q)))  # sf ≤ e^{−S²/2a²} of the wider
        start = np.minimum(np.sqrt(2 * self._ratio * np.asarray(q)), 0.7 * high)
        up = solve(self._cdf, self._pdf, np.where(lower, q, np.nan), 0.0, high, start, True, 0.0)  # type: ignore[arg-type]
        down = solve(self._sf, self._pdf, np.where(lower, np.nan, 1 - q), 0.0, high, 0.7 * high, False)  # type: ignore[arg-type]
        return np.where(lower, up, down)

    def _rvs(self, size: int | tuple[int, ...], rng: np.random.Generator) -> Array:
        return np.hypot(rng.standard_normal(size), self._ratio * rng.standard_normal(size))

    def _moment(self, k: int) -> float:
        weight, _, dn = angles(self._ratio, ANGLES)
        return 2 ** (k / 2) * math.gamma(1 + k / 2) * float(weight @ dn**k)

    @classmethod
    def _estimate(cls, x: Array) -> tuple[Self, Influence]:
        return _fit_hoyt(cls, x, True)


@lru_cache(maxsize=256)
def angles(ratio: float, count: int) -> tuple[Array, Array, Array]:
    """Weights (sum 1), sn and dn at count + 1 points of a quarter period, φ = am(u), dφ = dn du.

    dn² = sn'² + ratio² sn² with sn' = cos φ; at ratio = 0 there would be no period.
    """
    square = ratio * ratio
    u = np.linspace(0, 1, count + 1) * ellipkm1(square)
    sn, cn, _, _ = ellipj(u, (1 - ratio) * (1 + ratio))
    cn[-1] = 0.0
    dn = np.hypot(cn, ratio * sn)
    weight = dn.copy()
    weight[[0, -1]] /= 2
    return weight / weight.sum(), sn, dn


def _log_hoyt(z: Array, ratio: float) -> Array:
    """log P(S)/S with a = 1 and b = ratio ≤ 1."""
    square = z * z
    bessel = 0.25 * square * (1 - ratio) * (1 + ratio) / ratio**2
    return np.log(i0e(bessel)) - 0.5 * square - math.log(ratio)


def _log_widths(y: Array, theta: Array) -> Array:
    size, square = theta  # log √(ab) and log²(a/b)
    log_ratio = -math.sqrt(square)
    wide = size - log_ratio / 2
    return _log_hoyt(y / math.exp(wide), math.exp(log_ratio)) - 2 * wide


def _fit_hoyt(cls: type, x: Array, diagonal: bool) -> tuple:
    scale = math.sqrt(np.mean(x * x))
    starts = [np.array([-0.5 * math.log(2 * math.cosh(math.sqrt(q))), q]) for q in (0.2, 2.0, 12.0)]
    start = max(starts, key=lambda t: float(np.mean(_log_widths(x / scale, t))))
    (size, square), rows = most_likely(_log_widths, x / scale, start, [-np.inf, LEAST])
    error = rows[:, 1].std(ddof=1) / math.sqrt(len(x))
    supported(cls.__name__, "log²(a/b)", above_least(square), error, len(x), "WignerSurmise")
    half = (1 if diagonal else -1) * math.sqrt(square) / 2
    a, b = scale * math.exp(size + half), scale * math.exp(size - half)
    d_half = rows[:, 1:] / (8 * half)
    d_a, d_b = a * (rows[:, :1] + d_half), b * (rows[:, :1] - d_half)
    side = a / math.sqrt(2)
    return cls(side, side, b / 2), {"sd11": d_a / math.sqrt(2), "sd22": d_a / math.sqrt(2), "sd12": d_b / 2}
