r"""Kolmogorov–Smirnov distances of pooled, correlated samples, with an honest error.

All values of a pair in the stationary window, over times and replicas, are pooled: at stationarity
every one has the same law, so the pooled distribution function F̂ is unbiased for it. But the number
of independent samples is not the number of values: times within a replica are correlated. Thinning
to independent times would need the correlation time and throws data away; taking the number of
replicas instead is safe but hides that a long run knows more. Here the count is measured: the
variance of F̂ between blocks of replicas (which are independent) against that of independent samples,

    n_eff = Σ_g F̂(g) (1 − F̂(g)) / Σ_g Var F̂(g),        replicas ≤ n_eff ≤ values,

over quantiles g of the pooled sample. The half-width of a band around F̂ is then that of Dvoretzky,
Kiefer & Wolfowitz with Massart's constant, ε = √(ln(2/(1 − confidence))/(2 n_eff)); for two samples the
squares of both add (Wei & Dudley, Stat. Probab. Lett. 82 (2012) 636). |D̂ − D| ≤ ε with the same confidence.

A spacing is divided by its own sample's mean; that this scale is estimated makes the distance smaller
rather than larger (Lilliefors), so the band stays on the safe side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from compare.measure.jackknife import block_sizes, jackknife_error

POINTS = 4096
"""Points at which two distribution functions are compared: the distance is exact to 1/POINTS."""

QUANTILES = 32
"""Quantiles at which the variance of the distribution function is measured."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A pooled sample.

    Attributes
    ----------
    values : ndarray, shape (value,)
        Sorted.
    count : float
        Effective number of independent values, n_eff.
    blocks : int
        Blocks of replicas from which ``count`` was measured.
    """

    values: np.ndarray
    count: float
    blocks: int


def pool(values: np.ndarray) -> Sample:
    """Pool values of independent replicas.

    Parameters
    ----------
    values : ndarray, shape (replica, ...)
        What else than the replica is along the other axes may be correlated.
    """
    flat = values.reshape(len(values), -1)
    ordered = np.sort(flat, axis=None)
    return Sample(ordered, effective_count(flat, ordered), block_sizes(len(flat)).size)


def effective_count(values: np.ndarray, ordered: np.ndarray) -> float:
    """Number of independent values that would know the distribution function as well: n_eff.

    Parameters
    ----------
    values : ndarray, shape (replica, value)
    ordered : ndarray, shape (replica · value,)
        The same, sorted.
    """
    replicas, per_replica = values.shape
    sizes = block_sizes(replicas)
    if sizes.size < 2:
        return 1.0
    grid = _at(ordered, (np.arange(QUANTILES) + 0.5) / QUANTILES)
    cell = np.searchsorted(grid, values)  # the first point of the grid that a value is not above
    edges = np.concatenate([[0], np.cumsum(sizes)])
    inside = [np.bincount(cell[a:b].ravel(), minlength=grid.size + 1) for a, b in pairwise(edges)]
    below = np.cumsum(inside, axis=1)[:, :-1]
    total = below.sum(axis=0)
    f = total / values.size
    theta = np.vstack([f, (total - below) / ((replicas - sizes) * per_replica)[:, None]])
    variance = (jackknife_error(theta, sizes) ** 2).sum()
    independent = (f * (1 - f)).sum()
    if variance <= independent / values.size:
        return float(values.size)
    return float(max(independent / variance, replicas))


def band(count: float, confidence: float) -> float:
    """Half-width ε of the band around a distribution function from ``count`` independent values."""
    return float(np.sqrt(np.log(2 / (1 - confidence)) / (2 * count)))


def to_law(sample: Sample, cdf: Callable[[np.ndarray], np.ndarray]) -> float:
    """sup |F̂ − F| of a sample and a continuous law."""
    n = sample.values.size
    rank = np.unique(np.linspace(0, n - 1, min(n, POINTS)).round().astype(int))
    expected = np.asarray(cdf(sample.values[rank]))
    return float(np.maximum((rank + 1) / n - expected, expected - rank / n).max())


def to_sample(a: Sample, b: Sample) -> float:
    """sup |F̂_a − F̂_b| of two samples."""
    share = (np.arange(POINTS) + 0.5) / POINTS
    grid = np.concatenate([_at(a.values, share), _at(b.values, share)])
    f, g = (np.searchsorted(s.values, grid, side="right") / s.values.size for s in (a, b))
    return float(np.abs(f - g).max())


def _at(values: np.ndarray, share: np.ndarray) -> np.ndarray:
    if values.size <= share.size:
        return values
    return values[(share * values.size).astype(int)]
