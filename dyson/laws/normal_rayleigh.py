r"""Sums of a normal variable and a Rayleigh one, in mixtures that are even about zero.

Either eigenvalue of a random symmetric 2 × 2 matrix, and either particle of a pair that repels, is
τ ξ ± c R with ξ standard normal, R standard Rayleigh and an arm c that is itself random. With
Ω² = τ² + c², the even law of one arm has

    cdf = Φ(x/τ) − (c/2Ω) e^{−x²/2Ω²} erf(c x/(√2 τ Ω)),
    ρ   = τ/(√(2π) Ω²) e^{−x²/2τ²} + (c x/2Ω³) e^{−x²/2Ω²} erf(c x/(√2 τ Ω)),

from P(τξ + cR ≤ x) = Φ(x/τ) − (c/Ω) e^{−x²/2Ω²} Φ(c x/(τΩ)). Every term of ρ, and for x < 0 every
term of the cdf, is positive: the tails keep their relative accuracy.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import erf, ndtr

from dyson.laws.quadrature import Array, blocked, solve

ROOT_2 = math.sqrt(2)
ROOT_2PI = math.sqrt(2 * math.pi)
FAR = 1e3  # beyond this many of the widest arm every density here is zero in float64


class Arms(NamedTuple):
    """Mixture of the even laws of several arms: τ > 0, weights that add up to 1, arms c ≥ 0."""

    tau: float
    weight: Array
    arm: Array

    @property
    def omega(self) -> Array:
        """√(τ² + c²) of each arm."""
        return np.hypot(self.tau, self.arm)


def log_pdf(z: Array, arms: Arms) -> Array:
    """log ρ(z), finite as far as z² is."""
    return blocked(lambda y: _log_pdf(y, arms), z, arms.arm.size)


def pdf(z: Array, arms: Arms) -> Array:
    """Density at z."""
    far = FAR * arms.omega.max()
    return np.exp(log_pdf(np.clip(z, -far, far), arms))


def cdf(z: Array, arms: Arms) -> Array:
    """Probability of a value ≤ z; cdf(−z) is that of one ≥ z."""
    far = FAR * arms.omega.max()
    return blocked(lambda y: _cdf(y, arms), np.clip(z, -far, far), arms.arm.size)


def quantile(q: Array, arms: Arms) -> Array:
    """z with cdf(z) = q."""
    tail = np.minimum(q, 1 - q)
    widest = float(arms.omega.max())
    with np.errstate(divide="ignore"):
        high = widest * np.sqrt(-2 * np.log(tail)) + 1e-9 * widest  # sf ≤ e^{−z²/2Ω²} with the largest Ω
    z = solve(
        lambda y: cdf(-y, arms), lambda y: pdf(y, arms), tail, np.zeros(()), high, 0.7 * high, False, widest
    )
    return np.where(q > 0.5, z, -z)


def moment(k: int, arms: Arms) -> float:
    """⟨z^k⟩ = Σ over even powers of ⟨(τξ)^{k−2j}⟩⟨(cR)^{2j}⟩."""
    if k % 2:
        return 0.0
    return math.fsum(
        math.comb(k, 2 * j)
        * arms.tau ** (k - 2 * j)
        * math.prod(range(1, k - 2 * j, 2))
        * 2**j
        * math.factorial(j)
        * float(arms.weight @ arms.arm ** (2 * j))
        for j in range(k // 2 + 1)
    )


def _log_pdf(z: Array, arms: Arms) -> Array:
    tau, weight, c = arms
    omega = arms.omega
    widest = omega.max()
    u = np.abs(z)[:, None]
    half = 0.5 * u * u
    gap = (widest - omega) * (widest + omega) / (widest * omega) ** 2
    core = tau * (weight @ omega**-2) / ROOT_2PI * np.exp(-half[:, 0] * _excess(tau, widest))
    arm = np.exp(-half * gap) * erf(u * (c / (ROOT_2 * tau * omega)))
    with np.errstate(divide="ignore"):
        return np.log(core + 0.5 * u[:, 0] * (arm @ (weight * c / omega**3))) - half[:, 0] / widest**2


def _excess(tau: float, widest: float) -> float:
    return (widest - tau) * (widest + tau) / (widest * tau) ** 2


def _cdf(z: Array, arms: Arms) -> Array:
    tau, weight, c = arms
    k = c / arms.omega
    z = z[:, None]
    arm = np.exp(-0.5 * (z / arms.omega) ** 2) * erf(z * (k / (ROOT_2 * tau)))
    return ndtr(z[:, 0] / tau) - 0.5 * (arm @ (weight * k))
