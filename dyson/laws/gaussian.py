"""The normal law: a single eigenvalue that feels no other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import ndtr, ndtri

from dyson.laws.base import Array, Law
from dyson.laws.fitting import Influence


@dataclass(frozen=True, slots=True)
class Gaussian(Law):
    r"""ρ(x) = exp(−(x − mean)²/(2 sigma²)) / (√(2π) sigma).

    The law of a non-degenerate eigenvalue in a quadratic well.
    Fitted by maximum likelihood (sigma² is the mean square deviation, divisor n).

    Parameters
    ----------
    mean : float
        Centre, units of x.
    sigma : float
        Standard deviation, > 0, units of x.

    Raises
    ------
    TypeError, ValueError
        See `Law`.
    """

    mean: float
    sigma: float

    _positive = ("sigma",)
    _formula = r"\frac{1}{\sqrt{2\pi}\,\sigma}\, e^{-(x-\mu)^2/2\sigma^2}"

    @property
    def _loc(self) -> float:
        return self.mean

    @property
    def _scale(self) -> float:
        return self.sigma

    def _pdf(self, z: Array) -> Array:
        z = np.clip(z, -1e3, 1e3)  # zero in float64 beyond; the square must not overflow
        return np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)

    def _cdf(self, z: Array) -> Array:
        return ndtr(z)

    def _sf(self, z: Array) -> Array:
        return ndtr(-z)

    def _ppf(self, q: Array) -> Array:
        return ndtri(q)

    def _rvs(self, size: int | tuple[int, ...], rng: np.random.Generator) -> Array:
        return rng.standard_normal(size)

    def _moment(self, k: int) -> float:
        return 0.0 if k % 2 else float(math.prod(range(1, k, 2)))

    @classmethod
    def _estimate(cls, x: Array) -> tuple[Self, Influence]:
        mean, sigma = x.mean(), x.std()
        return cls(mean, sigma), {"mean": x - mean, "sigma": ((x - mean) ** 2 - sigma**2) / (2 * sigma)}
