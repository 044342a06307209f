"""The density in time for any potential, by the flow of its quantiles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import solve_ivp
from scipy.interpolate import PchipInterpolator

from dyson.large_n.equilibrium import Equilibrium
from dyson.large_n.free_sum import FreeSum
from dyson.large_n.starts import measure_of
from dyson.laws.base import Law
from dyson.potential import Described, Function, Potential
from streams.arguments import count, finite, positive

Array = NDArray[np.float64]

EARLY = 1e-4  # of the first time: until then the start spreads freely
MOST = 2000


@dataclass(frozen=True, eq=False)
class Quantiles:
    """Quantiles of ρ(x, t), as `dyson.quantiles_in_time` gives them.

    Attributes
    ----------
    times : ndarray, shape (time,)
    probabilities : ndarray, shape (quantile,)
        (i − ½)/n.
    positions : ndarray, shape (time, quantile)
        Increasing along the second axis.
    """

    times: Array
    probabilities: Array
    positions: Array

    def cdf(self, x: ArrayLike) -> Array:
        """Mass at or below x, interpolated (monotone cubic); shape (time, *x.shape)."""
        x = np.asarray(x, dtype=float)
        return np.array([self._curve(row)(np.clip(x, row[0], row[-1])) for row in self.positions])

    def density(self, x: ArrayLike) -> Array:
        """Slope of the interpolated cdf, 0 beyond the outermost quantiles; shape (time, *x.shape)."""
        x = np.asarray(x, dtype=float)
        rows = []
        for row in self.positions:
            inside = (x >= row[0]) & (x <= row[-1])
            rows.append(np.where(inside, self._curve(row)(np.clip(x, row[0], row[-1]), 1), 0.0))
        return np.array(rows)

    def moments(self, order: int) -> Array:
        """⟨x⟩, ..., ⟨x^order⟩, shape (time, order)."""
        powers = [np.mean(self.positions**k, axis=1) for k in range(1, count("order", order) + 1)]
        return np.stack(powers, axis=1)

    def _curve(self, row: Array) -> PchipInterpolator:
        return PchipInterpolator(row, self.probabilities)


def quantiles_in_time(
    start: ArrayLike | Law | Equilibrium | Callable[[Array], Array],
    times: ArrayLike,
    potential: Described | None,
    *,
    strength: float = 1.0,
    quantiles: int = 200,
    derivative: Function | None = None,
    parameters: Mapping[str, float] | None = None,
    weights: ArrayLike | None = None,
    support: tuple[float, float] | None = None,
) -> Quantiles:
    r"""The density of Dyson Brownian motion in any potential, n → ∞, approximately.

        ẋ_i = −V'(x_i) + strength/(n − 1) Σ_{j≠i} 1/(x_i − x_j),    i = 1 ... n quantiles,

    which is the gas without noise: its density has errors of order 1/n, its second moment in a quadratic
    potential none. The start is spread by the free motion of `density_in_time` for 1e-4 of the first time,
    which makes n distinct quantiles of whatever it is. For V = k (x − c)²/2 use `density_in_time`: it is
    exact.

    Parameters
    ----------
    start, weights, support
        As for `dyson.density_in_time`.
    times : array, shape (time,)
        Increasing times > 0.
    potential, derivative, parameters
        As for `dyson.equilibrium`, without walls; it need not confine. A function V needs its ``derivative``.
    strength : float
        As for `dyson.density_in_time`.
    quantiles : int
        n, from 10 to 2000; the cost grows as n³.

    Returns
    -------
    Quantiles

    Raises
    ------
    TypeError, ValueError
        For malformed input, or where the quantiles run away to infinity.
    """
    strength = positive("strength", strength)
    n = count("quantiles", quantiles, least=10)
    if n > MOST:
        raise ValueError(f"quantiles must be at most {MOST}, got {n}")
    instants = np.atleast_1d(finite("times", times, (0, 1)))
    if instants[0] <= 0 or np.any(np.diff(instants) <= 0):
        raise ValueError(f"times must be > 0 and increase, got {instants[:4].tolist()}")
    v = Potential.of(potential, derivative, parameters)
    slope = v.require_derivative()
    probabilities = (np.arange(n) + 0.5) / n
    early = EARLY * instants[0]
    x = np.sort(FreeSum(strength * early, measure_of(start, weights, support)).ppf(probabilities))
    x = x - early * slope(x)
    if not np.all(np.diff(x) > 0):
        raise ValueError("the potential is too steep at the start; take an earlier first time")
    return Quantiles(instants, probabilities, _flow(v, strength / (n - 1), x, early, instants))


def _flow(v: Potential, coupling: float, x: Array, first: float, times: Array) -> Array:
    slope = v.require_derivative()

    def force(_: float, x: Array) -> Array:
        gaps = x[:, None] - x
        np.fill_diagonal(gaps, np.inf)
        with np.errstate(divide="ignore", invalid="ignore"):
            return -slope(x) + coupling * (1 / gaps).sum(axis=1)

    def jacobian(_: float, x: Array) -> Array:
        gaps = x[:, None] - x
        np.fill_diagonal(gaps, np.inf)
        step = 1e-6 * (x[-1] - x[0])
        with np.errstate(divide="ignore", invalid="ignore"):
            matrix = coupling / gaps**2
        curvature = (slope(x + step) - slope(x - step)) / (2 * step)
        np.fill_diagonal(matrix, -curvature - matrix.sum(axis=1))
        return matrix

    result = solve_ivp(
        force, (first, times[-1]), x, method="Radau", t_eval=times, jac=jacobian, rtol=1e-8, atol=1e-10
    )
    if not result.success or not np.isfinite(result.y).all():
        raise ValueError(
            f"potential {v.text!r}: cannot follow the quantiles up to t = {times[-1]:g}; do they run away?"
        )
    if not np.all(np.diff(result.y, axis=0) > 0):
        raise ValueError("quantiles crossed: take fewer of them, or an earlier first time")
    return result.y.T
