"""Probabilities of a law that has only a density, and quantiles of one that has only probabilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Curve = Callable[[Array], Array]

NODES, WEIGHTS = (a / 2 for a in np.polynomial.legendre.leggauss(20))
NODES = NODES + 0.5  # on [0, 1], as the weights
REACH = 39.0  # standard deviations beyond which a normal density is zero in float64
BLOCK = 2**18  # numbers handled at once


@dataclass(frozen=True, slots=True)
class Panels:
    """Integrals of a density over panels: everything is a sum of positive terms, so both tails keep digits.

    Parameters
    ----------
    density : callable
        Smooth inside each panel on the scale of its length; zero outside all of them.
    edges : array, shape (panels + 1,)
        Increasing.
    below, above : array, shape (panels + 1,)
        Probability under and over each edge.
    """

    density: Curve
    edges: Array
    below: Array
    above: Array

    @classmethod
    def of(cls, density: Curve, edges: Array) -> Panels:
        """Integrate ``density`` over each panel by Gauss-Legendre with 20 nodes."""
        mass = np.zeros(edges.size - 1)
        for i, w in zip(NODES, WEIGHTS, strict=True):
            mass += w * density(edges[:-1] + i * np.diff(edges))
        mass *= np.diff(edges)
        below = np.r_[0.0, np.cumsum(mass)]
        above = np.r_[np.cumsum(mass[::-1])[::-1], 0.0]
        return cls(density, edges, below, above)

    def cdf(self, x: Array) -> Array:
        """Probability of a value ≤ x."""
        return blocked(lambda y: self._side(y, 0, self.below), x, NODES.size)

    def sf(self, x: Array) -> Array:
        """Probability of a value > x."""
        return blocked(lambda y: self._side(y, 1, self.above), x, NODES.size)

    def moment(self, k: int) -> float:
        """⟨x^k⟩."""
        length = np.diff(self.edges)[:, None]
        x = self.edges[:-1, None] + NODES * length
        return float(np.sum(WEIGHTS * length * x**k * self.density(x)))

    def quantile(self, q: Array) -> Array:
        """x with cdf(x) = q, from whichever tail is the smaller."""
        last = self.edges.size - 2
        k = np.clip(np.searchsorted(self.below, q, side="right") - 1, 0, last)
        j = np.clip(np.searchsorted(-self.above, q - 1, side="left") - 1, 0, last)
        lower = q <= 0.5
        k = np.where(lower, k, j)
        # one panel wider on either side: the two sums differ by rounding
        low, high = self.edges[np.maximum(k - 1, 0)], self.edges[np.minimum(k + 2, last + 1)]
        start = (self.edges[k] + self.edges[k + 1]) / 2
        up = solve(self.cdf, self.density, np.where(lower, q, np.nan), low, high, start, True)
        down = solve(self.sf, self.density, np.where(lower, np.nan, 1 - q), low, high, start, False)
        return np.where(lower, up, down)

    def _side(self, x: Array, side: int, total: Array) -> Array:
        inside = np.clip(x, self.edges[0], self.edges[-1])
        k = np.clip(np.searchsorted(self.edges, inside, side="right") - 1, 0, self.edges.size - 2)
        k = k + side
        part = inside - self.edges[k]
        value = self.density(self.edges[k][..., None] + part[..., None] * NODES) @ WEIGHTS
        return np.where(np.isnan(x), np.nan, np.minimum(total[k] + np.abs(part) * value, 1.0))


def blocked(function: Curve, x: Array, width: int) -> Array:
    """``function(x)``, for one that uses ``width`` numbers per value, in blocks that stay in memory."""
    x = np.asarray(x, dtype=np.float64)
    flat = x.ravel()
    size = max(1, BLOCK // width)
    if flat.size <= size:
        return function(flat).reshape(x.shape)
    parts = [function(flat[i : i + size]) for i in range(0, flat.size, size)]
    return np.concatenate(parts).reshape(x.shape)


def solve(
    tail: Curve,
    density: Curve,
    goal: Array,
    low: Array,
    high: Array,
    start: Array,
    rising: bool,
    unit: float = 1.0,
) -> Array:
    """x in [low, high] with tail(x) = goal: Newton on the logarithm, bisection where that leaves the bracket.

    Parameters
    ----------
    tail, density : callable
        A cdf (``rising``) or sf, and minus or plus its slope.
    goal : array
        Probabilities; where they are NaN or 0 the result is NaN, ∞ or −∞ (0 if ``unit`` is 0).
    low, high, start : array
        Bracket and first guess.
    unit : float
        Scale on which x is wanted to 1e-15; 0 where x is wanted relative to itself.
    """
    shape = np.shape(goal)
    goal, low, high, x = (
        np.array(np.broadcast_to(a, shape), float).ravel() for a in (goal, low, high, start)
    )
    end = (0.0 if unit == 0 else -np.inf) if rising else np.inf
    result = np.where(np.isnan(goal), np.nan, end)
    left = np.flatnonzero(goal > 0)
    for _ in range(200):
        if not left.size:
            break
        t = x[left]
        value = tail(t)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            excess = np.log(value) - np.log(goal[left])
            trial = t - (1 if rising else -1) * excess * value / density(t)
        beyond = (excess > 0) == rising
        high[left] = np.where(beyond, t, high[left])
        low[left] = np.where(beyond, low[left], t)
        good = (trial >= low[left]) & (trial <= high[left])
        x[left] = np.where(good, trial, (low[left] + high[left]) / 2)
        result[left] = x[left]
        left = left[np.abs(x[left] - t) > 4e-16 * (unit + 4 * np.abs(t))]
    return result.reshape(shape)
