"""Two particles of different widths that repel, β = 1: their density."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from scipy.special import erf

from dyson.laws import normal_rayleigh as mixture
from dyson.laws.base import Array, Law
from dyson.laws.fitting import Influence, most_likely, supported
from dyson.laws.normal_rayleigh import ROOT_2, Arms
from dyson.laws.pair_spacing import LEAST, above_least, bell, folded_mean, spacings
from dyson.laws.quadrature import REACH, Panels

FAR = 1e4


@dataclass(frozen=True, slots=True)
class TwoSpeciesSemicircle(Law):
    r"""Density of either of two particles of widths sigma1 and sigma2, N = 2 and β = 1.

    The joint law is P(x₁, x₂) ∝ |x₁ − x₂| exp(−(x₁ − c₁)²/2σ₁² − (x₂ − c₂)²/2σ₂²) with
    c₁, c₂ = center ± gap/2, and ρ the mean of the laws of x₁ and x₂. At gap = 0 it is the
    "generalised semicircle" of Park, Favoni, Lucini, Aarts (arXiv:2412.20496), and at
    σ₁ = σ₂ as well `OnePairSemicircle`. In general

        ρ(x) = [ N(x; c₁, σ₁²) m(x − c₂, σ₂) + N(x; c₂, σ₂²) m(x − c₁, σ₁) ] / 2 m(gap, ω),

    N the normal density, m(μ, s) = √(2/π) s e^{−μ²/2s²} + μ erf(μ/√2 s) the mean of |N(μ, s²)|,
    ω² = σ₁² + σ₂². At gap = 0, x₁ = τξ ± σ₁²R/ω and x₂ = τξ ∓ σ₂²R/ω with τ = σ₁σ₂/ω, ξ standard
    normal and R standard Rayleigh (`dyson.laws.normal_rayleigh`), which gives the cdf; otherwise
    the cdf is the integral of ρ by Gauss-Legendre panels, 1e-14 of itself.

    Fitted by maximum likelihood in (center, sigma1, sigma2), sigma1 ≥ sigma2 (ρ does not change
    when they are exchanged at gap = 0), with gap held at 0. At σ₁ = σ₂ the likelihood is even in
    ℓ = log(σ₁/σ₂): ℓ² is what a sample tells about, and its error by rows is what `fit` judges
    the need of a second species by. Pass the pairs as rows, shape (replica, 2).

    Parameters
    ----------
    center : float
        Middle of the two targets, units of x.
    sigma1, sigma2 : float
        Widths of the two particles without repulsion, > 0, units of x.
    gap : float
        Target of the first less that of the second, units of x.

    Raises
    ------
    TypeError, ValueError
        See `Law`; `fit` also refuses a sample in which ℓ² is not 3 errors above 0.
    """

    center: float
    sigma1: float
    sigma2: float
    gap: float = 0.0

    _positive = ("sigma1", "sigma2")
    _widths = _positive
    _formula = (
        r"\frac{N(x;c_1,\sigma_1^2)\,m(x-c_2,\sigma_2) + N(x;c_2,\sigma_2^2)\,m(x-c_1,\sigma_1)}"
        r"{2\,m(c_1-c_2,\sqrt{\sigma_1^2+\sigma_2^2})},\quad"
        r" m(\mu,s) = \sqrt{\tfrac{2}{\pi}}\,s\,e^{-\mu^2/2s^2}"
        r" + \mu\,\mathrm{erf}\!\left(\frac{\mu}{\sqrt2 s}\right)"
    )

    @property
    def _loc(self) -> float:
        return self.center

    @property
    def _scale(self) -> float:
        return max(self.sigma1, self.sigma2)

    @property
    def _arms(self) -> Arms:
        return _pair_arms(self.sigma1 / self._scale, self.sigma2 / self._scale)

    @property
    def _panels(self) -> Panels:
        return _pair_panels(self.sigma1 / self._scale, self.sigma2 / self._scale, self.gap / self._scale)

    def _pdf(self, z: Array) -> Array:
        return mixture.pdf(z, self._arms) if self.gap == 0 else self._panels.density(z)

    def _cdf(self, z: Array) -> Array:
        return mixture.cdf(z, self._arms) if self.gap == 0 else self._panels.cdf(z)

    def _sf(self, z: Array) -> Array:
        return mixture.cdf(-z, self._arms) if self.gap == 0 else self._panels.sf(z)

    def _ppf(self, q: Array) -> Array:
        return mixture.quantile(q, self._arms) if self.gap == 0 else self._panels.quantile(q)

    def _rvs(self, size: int | tuple[int, ...], rng: np.random.Generator) -> Array:
        a, b = self.sigma1 / self._scale, self.sigma2 / self._scale
        omega, gap = math.hypot(a, b), self.gap / self._scale
        first = rng.integers(0, 2, size, dtype=np.int8) == 1
        distance = omega * spacings(abs(gap) / omega, size, rng)
        far = rng.random(size) * (1 + np.exp(-2 * distance * abs(gap) / omega**2)) < 1
        distance = math.copysign(1, gap) * np.where(far, distance, -distance)
        shift = np.where(first, gap / 2, -gap / 2)
        share = np.where(first, (a / omega) ** 2, -((b / omega) ** 2))
        return shift + share * (distance - gap) + a * b / omega * rng.standard_normal(size)

    def _moment(self, k: int) -> float:
        return mixture.moment(k, self._arms) if self.gap == 0 else self._panels.moment(k)

    @classmethod
    def _estimate(cls, x: Array) -> tuple[Self, Influence]:
        mean, std = x.mean(), x.std()
        start = np.array([0.0, -0.2, 0.4])
        (xi, size, square), rows = most_likely(
            _log_two_species, (x - mean) / std, start, [-np.inf, -np.inf, LEAST]
        )
        error = rows[:, 2].std(ddof=1) / math.sqrt(len(x))
        supported(cls.__name__, "log²(σ₁/σ₂)", above_least(square), error, len(x), "OnePairSemicircle")
        half = math.sqrt(square) / 2
        first, second = std * math.exp(size + half), std * math.exp(size - half)
        d_half = rows[:, 2] / (8 * half)
        influence = {
            "center": std * rows[:, :1],
            "sigma1": first * (rows[:, 1] + d_half)[:, None],
            "sigma2": second * (rows[:, 1] - d_half)[:, None],
        }
        return cls(mean + std * xi, first, second), influence


@lru_cache(maxsize=64)
def _pair_arms(a: float, b: float) -> Arms:
    omega = math.hypot(a, b)
    return Arms(a * b / omega, np.array([0.5, 0.5]), np.array([a, b]) ** 2 / omega)


@lru_cache(maxsize=64)
def _pair_panels(a: float, b: float, gap: float) -> Panels:
    omega = math.hypot(a, b)
    norm = 2 * omega * folded_mean(gap / omega)

    def density(z: Array) -> Array:
        far = FAR + abs(gap)
        z = np.clip(z, -far, far)
        u, v = z - gap / 2, z + gap / 2  # from the first target and from the second
        first = bell(u / a) / a * b * _folded(v / b)
        return (first + bell(v / b) / b * a * _folded(u / a)) / norm

    grid = np.arange(-2 * REACH, 2 * REACH + 1) / 2
    edges = np.unique(np.r_[gap / 2 + a * grid, -gap / 2 + b * grid])
    return Panels.of(density, edges)


def _folded(u: Array) -> Array:
    return 2 * bell(u) + u * erf(u / ROOT_2)


def _log_two_species(y: Array, theta: Array) -> Array:
    center, size, square = theta
    half = math.sqrt(square) / 2
    scale = math.exp(size)
    arms = _pair_arms.__wrapped__(math.exp(half), math.exp(-half))
    return mixture.log_pdf((y - center) / scale, arms) - size
