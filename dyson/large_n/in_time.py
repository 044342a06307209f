"""The density of Dyson Brownian motion in time, as n → ∞."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dyson.large_n.equilibrium import Equilibrium
from dyson.large_n.free_sum import FreeSum
from dyson.large_n.starts import measure_of
from dyson.laws.base import Law
from streams.arguments import finite, positive

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DensityInTime:
    """ρ(x, t), as `dyson.density_in_time` gives it. Each result has the times as its first axis.

    Attributes
    ----------
    times : ndarray, shape (time,)
    at : tuple of FreeSum
        The law at each time: ``density``, ``cdf``, ``ppf``, ``support``, ``moments``, ``resolvent``.
    """

    times: Array
    at: tuple[FreeSum, ...]

    def density(self, x: ArrayLike) -> Array:
        """ρ(x, t), shape (time, *x.shape), units 1/x."""
        return np.array([law.density(x) for law in self.at])

    def cdf(self, x: ArrayLike) -> Array:
        """Mass at or below x, shape (time, *x.shape)."""
        return np.array([law.cdf(x) for law in self.at])

    def ppf(self, q: ArrayLike) -> Array:
        """Quantiles, shape (time, *q.shape)."""
        return np.array([law.ppf(q) for law in self.at])

    @property
    def support(self) -> tuple[Array, ...]:
        """Intervals, shape (interval, 2), at each time."""
        return tuple(law.support for law in self.at)

    def moments(self, order: int) -> Array:
        """⟨x⟩, ..., ⟨x^order⟩, shape (time, order)."""
        return np.array([law.moments(order) for law in self.at])


def density_in_time(
    start: ArrayLike | Law | Equilibrium | Callable[[Array], Array],
    times: ArrayLike,
    *,
    rate: float = 0.0,
    center: float = 0.0,
    strength: float = 1.0,
    weights: ArrayLike | None = None,
    support: tuple[float, float] | None = None,
) -> DensityInTime:
    r"""The density of Dyson Brownian motion from any start, n → ∞, in closed form.

    For dx_i = [−k (x_i − c) + β g² Σ_{j≠i} 1/(x_i − x_j)] dt + √2 g dB_i with n β g² = strength held as n → ∞
    (the noise alone, of variance 2 g² t ~ 1/n, is then no longer seen):

        ∂_t G = ∂_z [k (z − c) G] − strength · G ∂_z G

    for the resolvent G(z, t) = ∫ρ(x, t)/(z − x) dx. Its solution is the free convolution of the start,
    scaled to c + e^{−kt}(x − c), with the semicircle of variance

        v(t) = strength (1 − e^{−2kt})/(2k)   (strength · t for k = 0).

    Source: Biane, Fields Inst. Commun. 12 (1997) 1; Rogers, Shi, Probab. Theory Relat. Fields 95 (1993) 555.

    Parameters
    ----------
    start : float, array of shape (atom,), law, Equilibrium, or callable
        A point; positions such as eigenvalues; a law of `dyson.laws`; an equilibrium measure; or a density
        ρ_0(x) with its ``support``, smooth inside, which is normalised.
    times : array, shape (time,)
        Times > 0, in any order.
    rate, center : float
        k (per unit time; 0: free; negative: growing) and c.
    strength : float
        n β g² > 0, units x² per time.
    weights : array, shape (atom,), optional
        Masses of the positions, normalised; default equal.
    support : (float, float), optional
        Where a callable ``start`` is positive.

    Returns
    -------
    DensityInTime

    Raises
    ------
    TypeError, ValueError
        For a malformed start or number, or times that are not > 0.
    """
    measure = measure_of(start, weights, support)
    instants = np.atleast_1d(finite("times", times, (0, 1)))
    if np.any(instants <= 0):
        raise ValueError(
            f"times must be > 0, got {instants.min():g}; at time 0 the density is the start itself"
        )
    k = float(finite("rate", rate, (0,)))
    c = float(finite("center", center, (0,)))
    strength = positive("strength", strength)
    if -k * instants.max() > 300:
        raise ValueError(
            f"the start grows by e^{-k * instants.max():.0f}; take smaller times or a smaller rate"
        )
    at = []
    for t in instants:
        shrink = math.exp(-k * t)
        v = strength * (t if k == 0 else -math.expm1(-2 * k * t) / (2 * k))
        if shrink < 1e-150:  # the start is forgotten
            shrink = 1e-150
        at.append(FreeSum(v, measure.scaled(shrink, c * (1 - shrink))))
    return DensityInTime(instants, tuple(at))
