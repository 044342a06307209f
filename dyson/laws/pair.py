"""Two eigenvalues with one target, a multiplet of N = 2, at β = 1: their density and their spacing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import erf, erfc

from dyson.laws.base import Array, Law
from dyson.laws.fitting import Influence

ROOT_PI = math.sqrt(math.pi)
ROOT_2PI = math.sqrt(2 * math.pi)
FAR = 1e3  # beyond this many σ every density here is zero in float64; keeps ∞·0 out


@dataclass(frozen=True, slots=True)
class OnePairSemicircle(Law):
    r"""Density of the two eigenvalues of one multiplet, N = 2 and β = 1.

    With u = (x − center)/sigma,

        ρ(x) = e^{−u²/2} [ 2 e^{−u²/2} + √(2π) u erf(u/√2) ] / (4 √π sigma),
        cdf  = ½ erfc(−u) − e^{−u²/2} erf(u/√2) / (2√2),

    the "Wigner semicircle" of Park, Favoni, Lucini, Aarts (arXiv:2412.20496): either
    eigenvalue of a 2 × 2 GOE matrix whose diagonal has variance sigma² and whose
    off-diagonal has sigma²/2. Its variance is 3 sigma²/2. The cdf follows by parts from
    d/du e^{−u²/2} = −u e^{−u²/2}.

    Fitted by maximum likelihood: log ρ is concave, so the maximum is unique. Pass the pairs
    as rows, shape (replica, 2): the two eigenvalues of a pair are not independent.

    Parameters
    ----------
    center : float
        Target of the multiplet, units of x.
    sigma : float
        Width g/√k of one uncoupled eigenvalue, > 0, units of x.

    Raises
    ------
    TypeError, ValueError
        See `Law`.
    """

    center: float
    sigma: float

    _positive = ("sigma",)
    _formula = (
        r"\frac{e^{-u^2/2}}{4\sqrt{\pi}\,\sigma}\left[2e^{-u^2/2}"
        r" + \sqrt{2\pi}\,u\,\mathrm{erf}\!\left(\frac{u}{\sqrt{2}}\right)\right],"
        r"\quad u = \frac{x-\bar{x}}{\sigma}"
    )

    @property
    def _loc(self) -> float:
        return self.center

    @property
    def _scale(self) -> float:
        return self.sigma

    def _pdf(self, z: Array) -> Array:
        u = np.minimum(np.abs(z), FAR)
        bell = np.exp(-0.5 * u * u)
        return bell * _shape(u, bell) / (4 * ROOT_PI)

    def _cdf(self, z: Array) -> Array:
        z = np.clip(z, -FAR, FAR)
        bell = np.exp(-0.5 * z * z)
        return 0.5 * erfc(-z) - bell * erf(z / math.sqrt(2)) / (2 * math.sqrt(2))

    def _sf(self, z: Array) -> Array:
        return self._cdf(-z)

    def _ppf(self, q: Array) -> Array:
        tail = np.minimum(q, 1 - q)
        return np.where(q > 0.5, 1, -1) * _upper_quantile(tail)

    def _rvs(self, size: int | tuple[int, ...], rng: np.random.Generator) -> Array:
        # centre of the pair ± half its spacing: trace and discriminant of the 2×2 matrix
        middle = rng.standard_normal(size) * math.sqrt(0.5)
        half = np.sqrt(rng.standard_exponential(size))
        return middle + np.where(rng.integers(0, 2, size, dtype=np.int8), half, -half)

    def _moment(self, k: int) -> float:
        if k % 2:
            return 0.0
        # middle is normal with variance 1/2, half² is exponential with mean 1
        return math.fsum(
            math.comb(k, 2 * j) * math.factorial(j) * math.prod(range(1, k - 2 * j, 2)) / 2 ** (k // 2 - j)
            for j in range(k // 2 + 1)
        )

    @classmethod
    def _estimate(cls, x: Array) -> tuple[Self, Influence]:
        mean, std = x.mean(), x.std()
        y = (x - mean) / std
        eta, xi = _most_likely(y)
        d_eta, d_xi = _influence(y, eta, xi)
        d_center = d_xi / eta - xi / eta**2 * d_eta
        return cls(mean + std * xi / eta, std / eta), {
            "center": std * d_center,
            "sigma": -std / eta**2 * d_eta,
        }


@dataclass(frozen=True, slots=True)
class WignerSurmise(Law):
    r"""Spacing S ≥ 0 of the two eigenvalues of one multiplet, N = 2 and β = 1.

        P(S) = S/(2σ²) e^{−S²/(4σ²)} = (π s/2) e^{−π s²/4} / mean,   s = S/mean,
        cdf  = 1 − e^{−S²/(4σ²)},   mean = ⟨S⟩ = √π σ,

    with the σ of `OnePairSemicircle`. ⟨S²⟩/⟨S⟩² = 4/π. Fitted by maximum likelihood:
    σ² = ⟨S²⟩/4.

    Parameters
    ----------
    mean : float
        ⟨S⟩, > 0, units of x. `from_sigma` takes σ instead.

    Raises
    ------
    TypeError, ValueError
        See `Law`; `fit` also refuses negative spacings.
    """

    mean: float

    _positive = ("mean",)
    _support = (0.0, math.inf)
    _formula = r"\frac{S}{2\sigma^2}\, e^{-S^2/4\sigma^2},\quad \langle S\rangle = \sqrt{\pi}\,\sigma"

    @classmethod
    def from_sigma(cls, sigma: float) -> Self:
        """The surmise of a pair of width sigma: mean = √π sigma."""
        return cls(OnePairSemicircle(0.0, sigma).sigma * ROOT_PI)

    @property
    def sigma(self) -> float:
        """Width of the multiplet, mean/√π, units of x."""
        return self.mean / ROOT_PI

    @property
    def _loc(self) -> float:
        return 0.0

    @property
    def _scale(self) -> float:
        return self.mean

    def _pdf(self, z: Array) -> Array:
        s = np.clip(z, 0, FAR)
        return 0.5 * math.pi * s * np.exp(-0.25 * math.pi * s * s)

    def _cdf(self, z: Array) -> Array:
        return -np.expm1(-0.25 * math.pi * np.clip(z, 0, FAR) ** 2)

    def _sf(self, z: Array) -> Array:
        return np.exp(-0.25 * math.pi * np.clip(z, 0, FAR) ** 2)

    def _ppf(self, q: Array) -> Array:
        with np.errstate(divide="ignore"):  # q = 1 is at +∞
            return 2 * np.sqrt(-np.log1p(-q) / math.pi)

    def _rvs(self, size: int | tuple[int, ...], rng: np.random.Generator) -> Array:
        return 2 / ROOT_PI * np.sqrt(rng.standard_exponential(size))

    def _moment(self, k: int) -> float:
        return (2 / ROOT_PI) ** k * math.gamma(1 + k / 2)

    @classmethod
    def _estimate(cls, x: Array) -> tuple[Self, Influence]:
        if x.min() < 0:
            raise ValueError(
                f"WignerSurmise.fit: spacings must be ≥ 0, got {x.min():.6g}; "
                "pass upper minus lower eigenvalue of each pair"
            )
        square = np.mean(x * x)
        mean = math.sqrt(math.pi * square) / 2
        return cls(mean), {"mean": mean * (x * x / square - 1) / 2}


def _shape(u: Array, bell: Array) -> Array:
    """h(u) = 2 e^{−u²/2} + √(2π) u erf(u/√2) > 0, so that ρ ∝ e^{−u²/2} h and h'' = 2 e^{−u²/2}."""
    return 2 * bell + ROOT_2PI * u * erf(u / math.sqrt(2))


def _upper_quantile(tail: Array) -> Array:
    """u ≥ 0 with sf(u) = tail ≤ ½, by Newton on the concave log sf: it cannot overshoot twice."""
    with np.errstate(divide="ignore"):
        goal = np.log(tail)
    known = np.isfinite(goal)
    target = np.where(known, goal, -1.0)
    # tail e^{−u²/2}/(2√2) far out; straight line through the centre (density 1/(2√π)) near it
    near = 2 * ROOT_PI * (0.5 - np.exp(target))
    u = np.where(target < -2.5, np.sqrt(np.maximum(-2 * target - math.log(8), 0)), near)
    for _ in range(40):
        bell = np.exp(-0.5 * u * u)
        sf = 0.5 * erfc(u) + bell * erf(u / math.sqrt(2)) / (2 * math.sqrt(2))
        step = (np.log(sf) - target) * sf / (bell * _shape(u, bell)) * (4 * ROOT_PI)
        u = np.maximum(u + step, 0.0)
        if np.all(np.abs(step) < 1e-14 * (1 + u)):
            break
    return np.where(known, u, np.where(np.isnan(tail), np.nan, np.inf))


def _score(u: Array) -> tuple[Array, Array, Array]:
    """log ρ(u) without its constant, ψ = −(log ρ)' and ψ' ≥ 0."""
    bell = np.exp(-0.5 * u * u)
    h = _shape(u, bell)
    slope = ROOT_2PI * erf(u / math.sqrt(2)) / h
    return np.log(h) - 0.5 * u * u, u - slope, 1 - 2 * bell / h + slope**2


def _most_likely(y: Array) -> tuple[float, float]:
    """(η, ξ) that maximise ⟨log η + log ρ(η y − ξ)⟩: jointly concave, so damped Newton is safe."""
    eta, xi = math.sqrt(1.5), 0.0
    value, gradient, curvature = _likelihood(y, eta, xi)
    for _ in range(60):
        step = np.linalg.solve(curvature, gradient)
        if np.max(np.abs(step)) < 1e-11:
            break
        share = 1.0
        while True:
            trial = eta + share * step[0], xi + share * step[1]
            if trial[0] > 0:
                after = _likelihood(y, *trial)
                if after[0] >= value - 1e-13 * abs(value):
                    break
            share /= 2
        (eta, xi), (value, gradient, curvature) = trial, after
    return float(eta), float(xi)


def _likelihood(y: Array, eta: float, xi: float) -> tuple[float, Array, Array]:
    """Mean log-likelihood, its gradient and minus its Hessian in (η, ξ)."""
    value, psi, d_psi = _score(eta * y - xi)
    yd = y * d_psi
    gradient = np.array([1 / eta - np.mean(psi * y), np.mean(psi)])
    cross = -np.mean(yd)
    curvature = np.array([[eta**-2 + np.mean(yd * y), cross], [cross, np.mean(d_psi)]])
    return float(math.log(eta) + value.mean()), gradient, curvature


def _influence(y: Array, eta: float, xi: float) -> tuple[Array, Array]:
    """First-order change of (η, ξ) per unit weight of each value: inverse curvature times score."""
    inverse = np.linalg.inv(_likelihood(y, eta, xi)[2])
    psi = _score(eta * y - xi)[1]
    score = 1 / eta - psi * y
    return inverse[0, 0] * score + inverse[0, 1] * psi, inverse[1, 0] * score + inverse[1, 1] * psi
