"""Spacing of two particles that repel, β = 1, whose targets differ."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erf, ndtr

from dyson.laws.base import Array, Law
from dyson.laws.fitting import Fit, Influence, checked_sample, judge, most_likely, supported
from dyson.laws.normal_rayleigh import ROOT_2, ROOT_2PI
from dyson.laws.quadrature import REACH, Panels, solve

LEAST = 2e-3  # smallest squared asymmetry that a fit looks at: slopes are taken on both sides of it
FAR = 1e4


@dataclass(frozen=True, slots=True)
class PairSpacing(Law):
    r"""Spacing S = |x₁ − x₂| of two particles whose targets are a gap apart, N = 2 and β = 1.

        P(S) = S [ e^{−(S−Δ)²/4σ²} + e^{−(S+Δ)²/4σ²} ] / (√(4π) σ m(Δ, √2 σ)),   Δ = gap,

    m as in `TwoSpeciesSemicircle`, 2σ² = σ₁² + σ₂². At gap = 0 it is `WignerSurmise` with mean
    √π σ. The sf is closed, with y = S/√2σ, δ = Δ/√2σ, φ and Q the normal density and upper tail:
    sf = [ φ(y−δ) + φ(y+δ) + δ (Q(y−δ) − Q(y+δ)) ] / m(δ, 1), and the cdf is 1 − sf above a
    quarter, the integral of P by panels below it, where 1 − sf would lose digits.

    Fitted by maximum likelihood. The likelihood is even in the gap, so that gap² is what a sample
    tells about; a gap consistent with 0 is the end of the parameter's range, where an error
    means little, and is refused: `WignerSurmise` is the law to fit then, or hold the gap.

    Parameters
    ----------
    sigma : float
        Root mean square √((σ₁² + σ₂²)/2) of the two widths, > 0, units of S.
    gap : float
        Distance of the two targets, ≥ 0, units of S.

    Raises
    ------
    TypeError, ValueError
        See `Law`; `fit` also refuses negative spacings and a gap² that is not 3 errors above 0.
    """

    sigma: float
    gap: float = 0.0

    _positive = ("sigma",)
    _widths = _positive
    _support = (0.0, math.inf)
    _formula = (
        r"\frac{S\left[e^{-(S-\Delta)^2/4\sigma^2}+e^{-(S+\Delta)^2/4\sigma^2}\right]}"
        r"{\sqrt{4\pi}\,\sigma\, m(\Delta,\sqrt2\sigma)}"
    )

    def __post_init__(self) -> None:
        Law.__post_init__(self)
        if self.gap < 0:
            raise ValueError(f"PairSpacing: gap must be finite and >= 0, got {self.gap}; pass its size")

    @classmethod
    def fit(cls, sample: ArrayLike, gap: float | None = None) -> Fit[Self]:
        """Estimate the parameters from a sample of spacings; see `Law.fit`.

        Parameters
        ----------
        sample : array_like, shape (n,) or (n, m)
            Spacings ≥ 0; rows are independent replicas.
        gap : float, optional
            Distance of the targets where it is known: held fixed, with error 0.

        Raises
        ------
        ValueError, TypeError
            See `Law.fit`; also for negative values and for a gap that the sample does not show.
        """
        x = checked_spacings(cls.__name__, sample)
        scale = math.sqrt(np.mean(x * x))
        y = x / scale
        if gap is not None:
            held = cls(1.0, gap).gap / scale
            theta, rows = most_likely(lambda y, t: _log_gap(y, held, math.exp(t[0])), y, np.zeros(1) - 0.7)
            sigma = scale * math.exp(theta[0])
            return judge(cls(sigma, gap), x, {"sigma": sigma * rows})
        return judge(*_fit_gap(cls, x, y, scale))

    @property
    def _loc(self) -> float:
        return 0.0

    @property
    def _scale(self) -> float:
        return ROOT_2 * self.sigma

    @property
    def _delta(self) -> float:
        return self.gap / self._scale

    def _pdf(self, z: Array) -> Array:
        return _spacing_pdf(z, self._delta)

    def _cdf(self, z: Array) -> Array:
        sf = self._sf(z)
        low = ~(sf < 0.75)
        out = np.asarray(1 - sf)
        if np.any(low):
            out[low] = _spacing_panels(self._delta).cdf(np.asarray(z)[low])
        return out

    def _sf(self, z: Array) -> Array:
        d = self._delta
        y = np.clip(z, 0, FAR + d)
        near, far = ndtr(d - y), ndtr(-y - d)
        return np.minimum((bell(y - d) + bell(y + d) + d * (near - far)) / folded_mean(d), 1.0)

    def _ppf(self, q: Array) -> Array:
        d = self._delta
        lower = np.asarray(q) <= 0.5
        with np.errstate(divide="ignore"):
            high = d + 1 + np.sqrt(-2 * np.log(np.where(lower, 0.5, 1 - q))) + 1.0
        # P ≈ S near 0 up to a factor; exact in the limit of small q
        start = np.minimum(np.sqrt(q * folded_mean(d) / max(bell(d), 1e-300)), high / 2)
        up = solve(self._cdf, self._pdf, np.where(lower, q, np.nan), 0.0, high, start, True, 0.0)  # type: ignore[arg-type]
        down = solve(self._sf, self._pdf, np.where(lower, np.nan, 1 - q), 0.0, high, 0.7 * high, False)  # type: ignore[arg-type]
        return np.where(lower, up, down)

    def _rvs(self, size: int | tuple[int, ...], rng: np.random.Generator) -> Array:
        return spacings(self._delta, size, rng)

    def _moment(self, k: int) -> float:
        return _spacing_panels(self._delta).moment(k)

    @classmethod
    def _estimate(cls, x: Array) -> tuple[Self, Influence]:
        scale = math.sqrt(np.mean(x * x))
        law, _, influence = _fit_gap(cls, x, x / scale, scale)
        return law, influence


def folded_mean(delta: float) -> float:
    """Mean of |N(δ, 1)|."""
    return 2 * float(bell(delta)) + delta * float(erf(delta / ROOT_2))


def spacings(delta: float, size: int | tuple[int, ...], rng: np.random.Generator) -> Array:
    """Draws of S ≥ 0 with density ∝ S e^{−S²/2} cosh(δS), by rejection.

    cosh ≤ sinh + 1: a noncentral χ with three degrees of freedom, or a Rayleigh variable.
    """
    out = np.empty(size)
    parts, missing = [np.empty(0)], out.size
    plain = 2 * float(bell(delta))  # mass of the 1; that of the sinh is δ
    while missing > 0:
        n = int(1.3 * missing) + 16
        rayleigh = np.sqrt(2 * rng.standard_exponential(n))
        chi = np.sqrt((rng.standard_normal(n) + delta) ** 2 + 2 * rng.standard_exponential(n))
        s = np.where(rng.random(n) * (delta + plain) < plain, rayleigh, chi)
        e = np.exp(-delta * s)
        parts.append(s[rng.random(n) * (1 - e * e + 2 * e) < 1 + e * e])
        missing -= parts[-1].size
    return np.concatenate(parts)[: out.size].reshape(out.shape)


def checked_spacings(owner: str, sample: ArrayLike) -> Array:
    """Rows of spacings; refuses what no fit can use, and negative ones."""
    x = checked_sample(owner, sample)
    if x.min() < 0:
        raise ValueError(
            f"{owner}.fit: spacings must be ≥ 0, got {x.min():.6g}; "
            "pass upper minus lower eigenvalue of each pair"
        )
    return x


def above_least(square: float) -> float:
    """A squared asymmetry as its fit found it; 0 where that ended at its bound."""
    return square if square > 1.001 * LEAST else 0.0


def bell(u):
    """Standard normal density."""
    return np.exp(-0.5 * u * u) / ROOT_2PI


def _spacing_pdf(y: Array, delta: float) -> Array:
    y = np.clip(y, 0, FAR + delta)
    return y * (bell(y - delta) + bell(y + delta)) / folded_mean(delta)


@lru_cache(maxsize=64)
def _spacing_panels(delta: float) -> Panels:
    edges = np.arange(max(0.0, delta - REACH), delta + REACH, 0.5)
    return Panels.of(lambda y: _spacing_pdf(y, delta), edges)


def _log_gap(y: Array, gap: float, sigma: float) -> Array:
    """log P(y)/y: a spacing of exactly zero tells as much as a small one."""
    scale = ROOT_2 * sigma
    z, delta = y / scale, gap / scale
    body = np.log1p(np.exp(-2 * z * delta)) - 0.5 * (z - delta) ** 2
    return body - math.log(ROOT_2PI * folded_mean(delta)) - 2 * math.log(scale)


def _log_spacing(y: Array, theta: Array) -> Array:
    size, square = theta  # log σ and gap²/2σ²
    sigma = math.exp(size)
    return _log_gap(y, ROOT_2 * sigma * math.sqrt(square), sigma)


def _fit_gap(cls: type, x: Array, y: Array, scale: float):
    starts = [np.array([_matched(d2), d2]) for d2 in (0.3, 3.0, 30.0)]
    start = max(starts, key=lambda t: float(np.mean(_log_spacing(y, t))))
    (size, square), rows = most_likely(_log_spacing, y, start, [-np.inf, LEAST])
    error = rows[:, 1].std(ddof=1) / math.sqrt(len(x))
    supported(
        cls.__name__, "gap²/2σ²", above_least(square), error, len(x), "WignerSurmise or fit(sample, gap=...)"
    )
    sigma = scale * math.exp(size)
    gap = ROOT_2 * sigma * math.sqrt(square)
    return (
        cls(sigma, gap),
        x,
        {"sigma": sigma * rows[:, :1], "gap": gap * (rows[:, :1] + rows[:, 1:] / (2 * square))},
    )


def _matched(square: float) -> float:
    """log σ of spacings of mean square 1 at this gap²/2σ²."""
    return -0.5 * math.log(2 * _spacing_panels(math.sqrt(square)).moment(2))
