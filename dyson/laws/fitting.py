"""What every fit shares: a sample worth fitting, errors, goodness of fit."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streams import generator

Array = NDArray[np.float64]
Influence = dict[str, Array]

FEWEST = 30  # rows below which an error from the sample means little
SMALLEST = 1e-100  # squares and fourth powers must stay within float64
GRID = 64  # quantiles at which fit and sample are compared for the p-value
DRAWS = 2000  # simulated deviations behind a p-value
ENOUGH = 5000  # rows that suffice for their covariance
SUBSAMPLE = 20_000  # rows from which a maximum is first sought
STEP = 1e-5  # of a parameter of order 1, for the slope of a log-likelihood
SUPPORT = 3.0  # errors that a quantity must be above the zero at which its law becomes a simpler one
SEED = 0  # a fit is a function of the sample: its simulated deviations do not vary


class Fitted(Protocol):
    """What is asked of a law that was fitted; `dyson.laws.Law` has it."""

    @property
    def _positive(self) -> tuple[str, ...]:
        """Names of the parameters that are positive."""

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value ≤ x."""

    def ppf(self, q: ArrayLike) -> Array:
        """Quantile."""

    @property
    def var(self) -> float:
        """Variance."""

    @property
    def atom(self) -> float:
        """Probability of exactly zero."""


L = TypeVar("L", bound=Fitted)


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
    fields = law.__dataclass_fields__  # type: ignore[attr-defined]
    names = [name for name in fields if isinstance(getattr(law, name), float)]
    se = {name: _standard_error(rows[name]) if name in rows else 0.0 for name in names}
    values = np.sort(x, axis=None)
    return Fit(law, se, len(x), _distance(law, values), _pvalue(law, x, values, rows))


def most_likely(
    log_density: Callable[[Array, Array], Array], x: Array, start: Array, least: ArrayLike = -np.inf
) -> tuple[Array, Array]:
    """Maximum of the mean log-likelihood, where it has no closed form.

    Ascent along the inverse outer product of the scores, then Newton steps; slopes by central differences.

    Parameters
    ----------
    log_density : callable
        (x, θ) → log-likelihood of each value, in the shape of x; finite 1e-3 below ``least`` as well.
    x : array, shape (n, m)
        Sample; rows are independent.
    start : array, shape (p,)
        First guess. Parameters are of order 1 (centres of a standardised sample, logarithms of widths).
    least : array, shape (p,), optional
        Lower bounds of the parameters.

    Returns
    -------
    theta : array, shape (p,)
        The maximum, or a point on a bound.
    influence : array, shape (n, p)
        First-order change of θ per unit weight of each row.
    """
    few = x[:: -(-len(x) // SUBSAMPLE)]
    theta = _ascend(log_density, few, start, least)
    if len(few) < len(x):
        theta = _ascend(log_density, x, theta, least, 4)
    for _ in range(6):
        inverse = np.linalg.pinv(_curvature(log_density, x, theta), hermitian=True)
        step = inverse @ _slopes(log_density, x, theta).mean(axis=(0, 1))
        if not np.max(np.abs(step)) < 0.1 or np.any(theta + step < least):
            break
        before, after = (float(np.mean(log_density(x, t))) for t in (theta, theta + step))
        if not after >= before - 1e-12 * abs(before):
            break
        theta = theta + step
        if np.max(np.abs(step)) < 1e-8:
            break
    return theta, _slopes(log_density, x, theta).mean(axis=1) @ inverse


def _ascend(log_density: Callable, x: Array, theta: Array, least: ArrayLike, rounds: int = 60) -> Array:
    value = float(np.mean(log_density(x, theta)))
    for _ in range(rounds):
        slopes = _slopes(log_density, x, theta).reshape(-1, theta.size)
        step = np.linalg.pinv(slopes.T @ slopes / len(slopes), hermitian=True) @ slopes.mean(axis=0)
        share = min(1.0, 1 / np.max(np.abs(step), initial=1e-300))
        trial, after = theta, -math.inf
        while share > 1e-6 and not after >= value:
            trial = np.maximum(theta + share * step, least)
            after = float(np.mean(log_density(x, trial)))
            share /= 2
        if not after >= value:
            break
        done = np.max(np.abs(trial - theta)) < 1e-5
        theta, value = trial, after
        if done:
            break
    return theta


def _slopes(log_density: Callable, x: Array, theta: Array) -> Array:
    """∂ log-likelihood/∂θ of each value, shape (n, m, p)."""
    unit = STEP * np.eye(theta.size)
    return np.stack(
        [(log_density(x, theta + e) - log_density(x, theta - e)) / (2 * STEP) for e in unit], axis=-1
    )


def _curvature(log_density: Callable, x: Array, theta: Array) -> Array:
    """Minus the Hessian of the mean log-likelihood, shape (p, p)."""
    unit, p = 1e-3 * np.eye(theta.size), theta.size

    def mean(shift: Array) -> float:
        return float(np.mean(log_density(x, theta + shift)))

    middle = mean(np.zeros(p))
    twice = np.array([mean(e) + mean(-e) - 2 * middle for e in unit])
    hessian = np.diag(twice)
    for i in range(p):
        for j in range(i):
            both = mean(unit[i] + unit[j]) + mean(-unit[i] - unit[j]) - 2 * middle
            hessian[i, j] = hessian[j, i] = (both - twice[i] - twice[j]) / 2
    return -hessian / 1e-6


def supported(owner: str, what: str, value: float, error: float, n: int, instead: str) -> None:
    """Refuse a fit whose law is not told apart from a simpler one.

    Parameters
    ----------
    value, error : float
        A quantity that is zero for the simpler law and enters the likelihood to first order
        there (so that its estimate is regular), and its standard error.

    Raises
    ------
    ValueError
        If the value is not `SUPPORT` errors above zero.
    """
    z = value / error if error > 0 else 0.0
    if z >= SUPPORT:
        return
    rows = (
        f"about {_rounded(n * (SUPPORT / z) ** 2)} rows might do" if z > 0.5 else "no number of rows may do"
    )
    raise ValueError(
        f"{owner}.fit: {n} rows do not show {what} = {value:.3g} ± {error:.2g} to differ from 0 "
        f"({z:.1f} errors, {SUPPORT:g} are needed): {rows}; use {instead}"
    )


def _rounded(n: float) -> int:
    digits = 10 ** max(0, math.floor(math.log10(n)) - 1)
    return math.ceil(n / digits) * digits


def _standard_error(rows: Array) -> float:
    return float(rows.std(ddof=1)) / math.sqrt(rows.size)


def _distance(law: Fitted, values: Array) -> float:
    cdf = law.cdf(values)
    rank = np.arange(values.size) / values.size
    below = cdf - law.atom * (values == 0)  # limit from the left
    return float(max(np.max(rank + 1 / values.size - cdf), np.max(below - rank)))


def _pvalue(law: Fitted, x: Array, values: Array, influence: Influence) -> float:
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
    return generator(SEED, "fit pvalue").standard_normal((DRAWS, GRID))


def _row_cdf(x: Array, points: Array) -> Array:
    """Share of each row's values ≤ each of the points, shape (n, len(points))."""
    n, m = x.shape
    first = np.searchsorted(points, x)  # the first point that is ≥ the value
    flat = (first + np.arange(n)[:, None] * (GRID + 1)).ravel()
    counts = np.bincount(flat, minlength=n * (GRID + 1)).reshape(n, GRID + 1)
    return np.cumsum(counts[:, :GRID], axis=1) / m


def _slope(law: Fitted, name: str, points: Array) -> Array:
    """∂F/∂(parameter) at the points, by a central difference."""
    value = getattr(law, name)
    step = 1e-5 * _size(law, name)
    up, down = replace(law, **{name: value + step}), replace(law, **{name: value - step})  # type: ignore[type-var]
    return (up.cdf(points) - down.cdf(points)) / (2 * step)


def _size(law: Fitted, name: str) -> float:
    """Natural unit of a parameter: itself if it is a positive one, else the law's width."""
    return float(getattr(law, name)) if name in law._positive else math.sqrt(law.var)


def _with_error(value: float, error: float) -> str:
    """The value with as many digits as two of its error allow."""
    if not error > 0:
        return f"{value:.6g}"
    digits = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{digits}f} ± {error:.{digits}f}"
