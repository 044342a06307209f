"""What every fit shares: a sample worth fitting, errors, goodness of fit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from dyson.laws.base import Law

Array = NDArray[np.float64]
Influence = dict[str, Array]
L = TypeVar("L", bound="Law")

FEWEST = 30  # rows below which an error from the sample means little
SMALLEST = 1e-100  # squares and fourth powers must stay within float64
GRID = 64  # quantiles at which fit and sample are compared for the p-value
DRAWS = 2000  # simulated deviations behind a p-value
ENOUGH = 5000  # rows that suffice for their covariance
SEED = 0  # a fit is a function of the sample: its simulated deviations do not vary


@dataclass(frozen=True, slots=True)
class Fit(Generic[L]):
    r"""A law fitted to a sample, with errors and goodness of fit.

    Parameters
    ----------
    law : Law
        The fitted law.
    se : mapping of str to float
        Standard error of each parameter, by name: the spread over rows of the estimator's
        influence function divided by √n (the infinitesimal jackknife; for maximum
        likelihood the "sandwich", which is the inverse Fisher information if the law is
        right, and remains valid if it is not or if the entries of a row are correlated).
        0 for a parameter that was held fixed.
    n : int
        Independent rows.
    distance : float
        Kolmogorov-Smirnov distance sup |F_n − F| to the fitted law, over all values.
    pvalue : float
        Probability of a deviation as large if the law is right, with allowance for the
        fitted parameters and for correlation inside rows. The deviation is the largest
        |F_n − F| at 64 equally probable quantiles; its law comes from 2000 Gaussian
        processes with the covariance of F_n − F − ∂F/∂θ · (θ̂ − θ) (multiplier central limit
        theorem: Kojadinovic, Yan, Can. J. Stat. 40 (2012) 480). Approximate, never below
        1/2001, and the same whenever the sample is the same.
    """

    law: L
    se: Mapping[str, float]
    n: int
    distance: float
    pvalue: float

    def __str__(self) -> str:
        inside = ", ".join(
            f"{name}={_with_error(getattr(self.law, name), error)}" for name, error in self.se.items()
        )
        tail = f"n = {self.n}, KS distance {self.distance:.2g}, p = {self.pvalue:.2g}"
        return f"{type(self.law).__name__}({inside}): {tail}"


def checked_sample(owner: str, sample: ArrayLike) -> Array:
    """The sample as float64 rows, shape (n, m); refuses what no fit can use."""
    x = np.asarray(sample)
    if x.dtype.kind not in "fiu":
        raise TypeError(f"{owner}.fit: sample must be an array of real numbers, got dtype {x.dtype}")
    if x.ndim not in (1, 2):
        raise ValueError(
            f"{owner}.fit: sample must have shape (n,) or (n, m) with independent rows, got shape {x.shape}"
        )
    if len(x) < FEWEST or x.size < FEWEST:
        raise ValueError(
            f"{owner}.fit: needs at least {FEWEST} independent rows, got {len(x)} (shape {x.shape})"
        )
    bad = np.count_nonzero(~np.isfinite(x))
    if bad:
        raise ValueError(
            f"{owner}.fit: {bad} of {x.size} values are NaN or infinite; leave out the replicas that diverged"
        )
    rows = x.astype(np.float64).reshape(len(x), -1)
    largest = np.abs(rows).max()
    if largest and not SMALLEST < largest < 1 / SMALLEST:
        raise ValueError(
            f"{owner}.fit: values up to {largest:.6g}; change units to bring them within 1e-100 ... 1e100"
        )
    if not np.ptp(rows) > 1e-14 * largest:
        raise ValueError(
            f"{owner}.fit: all {x.size} values equal {rows.flat[0]:.6g}; pass values that vary over replicas"
        )
    return rows


def judge(law: L, x: Array, influence: Influence) -> Fit[L]:
    """Errors and goodness of fit of ``law`` estimated from rows x, shape (n, m)."""
    rows = {name: change.mean(axis=1) for name, change in influence.items()}
    names = law.__dataclass_fields__  # type: ignore[attr-defined]
    se = {name: _standard_error(rows[name]) if name in rows else 0.0 for name in names}
    values = np.sort(x, axis=None)
    return Fit(law, se, len(x), _distance(law, values), _pvalue(law, x, values, rows))


def _standard_error(rows: Array) -> float:
    return float(rows.std(ddof=1)) / math.sqrt(rows.size)


def _distance(law: Law, values: Array) -> float:
    cdf = law.cdf(values)
    rank = np.arange(values.size) / values.size
    below = cdf - law.atom * (values == 0)  # limit from the left
    return float(max(np.max(rank + 1 / values.size - cdf), np.max(below - rank)))


def _pvalue(law: Law, x: Array, values: Array, influence: Influence) -> float:
    points = law.ppf((np.arange(GRID) + 0.5) / GRID)
    seen = np.searchsorted(values, points, side="right") / values.size
    observed = np.max(np.abs(seen - law.cdf(points))) * math.sqrt(len(x))
    pick = slice(None, None, -(-len(x) // ENOUGH))
    process = _row_cdf(x[pick], points)
    process = process - process.mean(axis=0)
    for name, change in influence.items():
        process = process - np.outer(change[pick] - change[pick].mean(), _slope(law, name, points))
    covariance = process.T @ process / len(process)
    # fitted parameters and atoms leave some directions without any spread: give them a little
    covariance[np.diag_indices(GRID)] += 1e-9 * np.trace(covariance) / GRID
    simulated = np.max(np.abs(_normals() @ np.linalg.cholesky(covariance).T), axis=1)
    return float((1 + np.count_nonzero(simulated >= observed)) / (1 + DRAWS))


@cache
def _normals() -> Array:
    return np.random.default_rng(SEED).standard_normal((DRAWS, GRID))


def _row_cdf(x: Array, points: Array) -> Array:
    """Share of each row's values ≤ each of the points, shape (n, len(points))."""
    n, m = x.shape
    first = np.searchsorted(points, x)  # the first point that is ≥ the value
    flat = (first + np.arange(n)[:, None] * (GRID + 1)).ravel()
    counts = np.bincount(flat, minlength=n * (GRID + 1)).reshape(n, GRID + 1)
    return np.cumsum(counts[:, :GRID], axis=1) / m


def _slope(law: Law, name: str, points: Array) -> Array:
    """∂F/∂(parameter) at the points, by a central difference."""
    value = getattr(law, name)
    step = 1e-5 * _size(law, name)
    up, down = replace(law, **{name: value + step}), replace(law, **{name: value - step})  # type: ignore[type-var]
    return (up.cdf(points) - down.cdf(points)) / (2 * step)


def _size(law: Law, name: str) -> float:
    """Natural unit of a parameter: itself if it is a positive one, else the law's width."""
    return float(getattr(law, name)) if name in law._positive else math.sqrt(law.var)


def _with_error(value: float, error: float) -> str:
    """The value with as many digits as two of its error allow."""
    if not error > 0:
        return f"{value:.6g}"
    digits = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{digits}f} ± {error:.{digits}f}"
