"""From which recorded time on the mean over replicas no longer moves."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from compare.measure.time_series import ENOUGH, autocovariance, series
from streams.arguments import finite

__all__ = ["Equilibration", "equilibrated"]

FEWEST = 20
"""Recorded times that equilibration can be found in."""

STARTS = 100
"""Most times that are tried as the first of the stationary part."""

SIGNIFICANCE = 0.01
"""Chance that a series which is stationary throughout is said to move anywhere."""

LONG = 4.0
"""Autocorrelation times that a run must last: a relaxation as slow as that would not be seen."""

EFFECTIVE = 10.0
"""Effective samples that the stationary part of few series must have."""


@dataclass(frozen=True, slots=True)
class Equilibration:
    """What `equilibrated` found.

    Attributes
    ----------
    reached : bool
        Whether the rest of the run is stationary, as far as its errors tell.
    index : int
        First recorded time of the rest; the best candidate, at most the middle, if not ``reached``.
    time : float
        The same as a time, or as the index if no times were given.
    autocorrelation_time : float
        τ of the rest, in recorded steps, roughly.
    drift, drift_error : float
        Mean over the second half of the rest minus that over the first, and its standard error.
    reason : str
        Why it is not reached; empty if it is.
    """

    reached: bool
    index: int
    time: float
    autocorrelation_time: float
    drift: float
    drift_error: float
    reason: str = ""

    def __str__(self) -> str:
        if self.reached:
            return f"equilibrated from t = {self.time:g} (record {self.index}) on"
        return f"not equilibrated: {self.reason}"


def equilibrated(x, time=None) -> Equilibration:
    r"""The recorded time from which on the mean over replicas is stationary.

    From 20 replicas on: windows of 1, 2, 4, ... records from every start in the first half are compared with
    the second half, replica by replica, with Student's law and Bonferroni's correction for their number
    (1 % in all). Stationary is what follows the last start of a window that differs, and one autocorrelation
    time, in which what is left of a relaxation too small to be seen falls by e^(−2).

    Of fewer replicas: of all starts t₀ the one with the most effective samples (T − t₀)/τ(t₀) in the rest of
    the series of means (Chodera, J. Chem. Theory Comput. 12 (2016) 1799): what a relaxation adds to τ is held
    against what is thrown away.

    Equilibrium is not reached where it would begin in the second half; where the halves of the rest differ
    (p < 0.01); where the run lasts less than 4 τ; or, of fewer than 20 replicas, where the rest has fewer
    than 10 effective samples. A relaxation much slower than the run and smaller than the errors is not seen
    by any method.

    Parameters
    ----------
    x : array_like, shape (replica, time) or (time,)
        Independent series at equal steps.
    time : array_like, shape (time,), optional
        The recorded times, increasing; by default 0, 1, 2, ...

    Returns
    -------
    Equilibration

    Raises
    ------
    ValueError
        If there are fewer than 20 recorded times, or the times do not fit.
    """
    x = series(x)
    length = x.shape[1]
    times = np.arange(length, dtype=float) if time is None else finite("time", time, (1,))
    if times.shape != (length,) or (np.diff(times) <= 0).any():
        raise ValueError(
            f"time must be {length} increasing times, one a record of x, got shape {times.shape}"
        )
    if length < FEWEST:
        raise ValueError(
            f"{length} recorded times are too few to find equilibration in; record at least {FEWEST}"
        )
    find = _by_windows if len(x) >= ENOUGH else _by_effective_samples
    start, tau, reason = find(x)
    drift, error, freedom = _drift(x[:, start:], tau)
    if not reason and abs(drift) > stdtrit(freedom, 1 - SIGNIFICANCE / 2) * error:
        reason = (
            f"from record {start} on the mean still moves, by {drift:.3g} ± {error:.1g} between the halves; "
            "run longer"
        )
    return Equilibration(not reason, start, float(times[start]), tau, drift, error, reason)


def _by_windows(x: np.ndarray) -> tuple[int, float, str]:
    """Start, τ and what is wrong, by comparison of windows with errors over replicas."""
    replicas, length = x.shape
    half = length // 2
    inner = x[:, half:] - x[:, half:].mean(
        axis=0
    )  # the ensemble's own mean takes the same share of every C(s)
    tau = _tau(autocovariance(inner).mean(axis=0))
    starts = np.unique(np.linspace(0, half - 1, STARTS).round().astype(int))
    widths = 2 ** np.arange(int(math.log2(half)) + 1)
    sums = np.concatenate([np.zeros((replicas, 1)), np.cumsum(x, axis=1)], axis=1)
    ends = np.minimum(starts[:, None] + widths, length)
    early = (sums[:, ends] - sums[:, starts, None]) / (ends - starts[:, None])
    change = early - x[:, half:].mean(axis=1)[:, None, None]
    error = change.std(axis=0, ddof=1) / math.sqrt(replicas)
    floor = 1e-13 * np.abs(x).max()  # of rounding
    score = np.abs(change.mean(axis=0)) / np.maximum(error, floor if floor > 0 else 1.0)
    moving = (2 * stdtr(replicas - 1, -score) < SIGNIFICANCE / score.size).any(axis=1)
    if length < LONG * tau:
        return (
            half,
            tau,
            (
                f"the run of {length} records lasts {length / tau:.1f} autocorrelation times, {LONG:.0f} are "
                "needed; run longer"
            ),
        )
    if not moving.any():
        return 0, tau, ""
    start = int(starts[np.flatnonzero(moving)[-1]]) + 1 + math.ceil(tau)
    if start > half:
        return half, tau, f"up to record {start} of {length} the mean moves; run longer"
    return start, tau, ""


def _by_effective_samples(x: np.ndarray) -> tuple[int, float, str]:
    """Start, τ and what is wrong, by the most effective samples of the mean over replicas."""
    path = x.mean(axis=0)
    starts = np.unique(np.linspace(0, path.size // 2, STARTS).round().astype(int))
    taus = np.empty(starts.size)
    for k, start in enumerate(starts):
        y = path[start:] - path[start:].mean()
        taus[k] = _tau(autocovariance(y[None])[0])
    counts = (path.size - starts) / taus
    best = int(counts.argmax())
    reason = ""
    if counts[best] < EFFECTIVE:
        reason = (
            f"from record {starts[best]} on the means over replicas are worth {counts[best]:.1f} independent "
            f"ones, {EFFECTIVE:.0f} are needed; run longer"
        )
    return int(starts[best]), float(taus[best]), reason


def _tau(covariance: np.ndarray) -> float:
    """1 + 2 Σ C(s)/C(0) up to the first C(s) <= 0, at least 1; of a constant 1."""
    if not covariance[0] > 0:
        return 1.0
    rho = covariance / covariance[0]
    below = rho <= 0
    last = int(below.argmax()) if below.any() else rho.size
    return max(1.0, 1 + 2 * float(rho[1:last].sum()))


def _drift(rest: np.ndarray, tau: float) -> tuple[float, float, float]:
    """Second half minus first, its error and the error's degrees of freedom."""
    half = rest.shape[1] // 2
    change = rest[:, -half:].mean(axis=1) - rest[:, :half].mean(axis=1)
    if len(rest) >= ENOUGH:
        return float(change.mean()), float(change.std(ddof=1) / math.sqrt(len(rest))), len(rest) - 1.0
    effective = rest.shape[1] / tau
    spread = float(rest.mean(axis=0).std())
    return float(change.mean()), 2 * spread / math.sqrt(effective), max(effective - 1, 1.0)
