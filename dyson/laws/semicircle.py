"""The semicircle of N → ∞ eigenvalues of one multiplet."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np

from dyson.laws.base import Array, Law
from dyson.laws.fitting import Influence


@dataclass(frozen=True, slots=True)
class Semicircle(Law):
    r"""ρ(x) = 2 √(R² − (x − center)²) / (π R²) for |x − center| ≤ R = radius.

    Limit N → ∞ of one multiplet, N eigenvalues with one target: R = σ √(2βN) with the σ of
    `OnePairSemicircle` (Mehta, Random Matrices, ch. 4). The variance is R²/4.

    Fitted by moments, center = ⟨x⟩ and R = 2 std: the likelihood is zero as soon as one
    value lies beyond the edge, which at finite N some do, and its Fisher information is
    infinite. The eigenvalues of one matrix are rigid: pass matrices as rows, shape
    (replica, mode), or the errors are far too large.

    Parameters
    ----------
    center : float
        Middle of the support, units of x.
    radius : float
        Half width of the support, > 0, units of x.

    Raises
    ------
    TypeError, ValueError
        See `Law`.
    """

    center: float
    radius: float

    _positive = ("radius",)
    _support = (-1.0, 1.0)
    _formula = r"\frac{2}{\pi R^2}\sqrt{R^2-(x-\bar{x})^2},\quad |x-\bar{x}|\leq R"

    @property
    def _loc(self) -> float:
        return self.center

    @property
    def _scale(self) -> float:
        return self.radius

    def _pdf(self, z: Array) -> Array:
        z = np.clip(z, -1, 1)
        return 2 / math.pi * np.sqrt((1 - z) * (1 + z))

    def _cdf(self, z: Array) -> Array:
        # z = −cos θ turns the area into Kepler's E − sin E with E = 2θ
        return _area(4 * np.arcsin(np.sqrt((1 + np.clip(z, -1, 1)) / 2))) / (2 * math.pi)

    def _sf(self, z: Array) -> Array:
        return self._cdf(-z)

    def _ppf(self, q: Array) -> Array:
        anomaly = _kepler(2 * math.pi * np.minimum(q, 1 - q))
        return np.where(q > 0.5, 1, -1) * np.cos(anomaly / 2)

    def _rvs(self, size: int | tuple[int, ...], rng: np.random.Generator) -> Array:
        return disc_shadow(size, rng)

    def _moment(self, k: int) -> float:
        return 0.0 if k % 2 else math.comb(k, k // 2) / (k // 2 + 1) / 2**k

    @classmethod
    def _estimate(cls, x: Array) -> tuple[Self, Influence]:
        center, std = x.mean(), x.std()
        return cls(center, 2 * std), {"center": x - center, "radius": ((x - center) ** 2 - std**2) / std}


def disc_shadow(size: int | tuple[int, ...], rng: np.random.Generator) -> Array:
    """Shadow on one axis of a uniform point in the unit disc: the semicircle law."""
    distance = np.sqrt(rng.random(size))
    return distance * np.cos(math.pi * rng.random(size))


def _area(e: Array) -> Array:
    """E − sin E, by its series where the difference would lose digits."""
    s = e * e
    series = e * s / 6 * (1 - s / 20 * (1 - s / 42 * (1 - s / 72 * (1 - s / 110 * (1 - s / 156)))))
    return np.where(e < 0.5, series, e - np.sin(e))


def _kepler(m: Array) -> Array:
    """E with E − sin E = m, 0 ≤ m ≤ π: cube-root series as start, then Newton."""
    s = np.cbrt(6 * m)
    e = s + s**3 / 60 + s**5 / 1400
    for _ in range(4):
        slope = 2 * np.sin(e / 2) ** 2
        e = e - np.divide(_area(e) - m, slope, out=np.zeros_like(e), where=slope > 0)
    return e
