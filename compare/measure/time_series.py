r"""Stationary time series of replicas: autocorrelation time, and means with their errors.

All times are counted in recorded steps. The integrated autocorrelation time is

    τ = 1 + 2 Σ_{s≥1} C(s)/C(0),

C the autocovariance, so that the mean of T values has the variance C(0) τ/T: independent values have
τ = 1, an AR(1) series x' = φ x + noise (1 + φ)/(1 − φ). Sokal's and Madras' own τ_int is half of it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from compare.measure.jackknife import block_sizes, jackknife_error, left_out_means
from streams.arguments import finite

__all__ = ["AutocorrelationTime", "TimeMean", "autocorrelation_time", "mean_over_time"]

WINDOW = 5.0
"""c: the sum over C(s) ends at the first W >= c τ(W). As τ is twice Sokal's, what is cut off is e^(−10)."""

LENGTH = 50.0
"""τ that all series together must be long: the error of τ is then about 2/3 of it."""

EACH = 10.0
"""τ that each series must be long: the window is then at most half of it."""

ENOUGH = 20
"""Replicas from which on errors are those between replicas."""


@dataclass(frozen=True, slots=True)
class AutocorrelationTime:
    """What `autocorrelation_time` found.

    Attributes
    ----------
    value, error : float
        τ and its standard error, in recorded steps.
    window : int
        Largest lag W in the sum.
    """

    value: float
    error: float
    window: int


@dataclass(frozen=True, slots=True)
class TimeMean:
    """What `mean_over_time` found.

    Attributes
    ----------
    value, error : float
        In the units of the series.
    freedom : float
        Degrees of freedom of the error, for Student's law.
    """

    value: float
    error: float
    freedom: float


def autocorrelation_time(x) -> AutocorrelationTime:
    r"""Integrated autocorrelation time of stationary series, with its error.

    C(s) is averaged over replicas, about the mean over all replicas and times; what that mean takes from
    it, C(0) τ/(R T), is put back (Wolff, Comput. Phys. Commun. 156 (2004) 143). The sum has Sokal's automatic
    window, W >= 5 τ(W) and >= 5 (Madras, Sokal, J. Stat. Phys. 50 (1988) 109). The error is the jackknife's
    over replicas at this window; of fewer than 20 replicas it is Madras and Sokal's τ √(2(2W + 1)/(R T)).

    Parameters
    ----------
    x : array_like, shape (replica, time) or (time,)
        Independent stationary series at equal steps.

    Returns
    -------
    AutocorrelationTime

    Raises
    ------
    ValueError
        If the series do not vary, or are too short: all together less than 50 τ, or each less than 10 τ. It
        says how long they would have to be.
    """
    x = series(x)
    y = x - x.mean()
    scale = np.abs(y).max()
    if scale <= 1e-14 * np.abs(x).max():
        raise ValueError("x does not vary: a constant has no autocorrelation time")
    covariance = autocovariance(y / scale)
    mean = covariance.mean(axis=0)
    window = _window(mean)
    if window is None:
        least = 1 + 2 * np.max(np.cumsum(mean[1:] / mean[0]), initial=0.0)
        raise _too_short(x.shape, max(least, x.shape[1] / EACH), "at least about ")
    theta = left_out_means(covariance[:, : window + 1], sizes := block_sizes(len(x)))
    count = np.concatenate([[len(x)], len(x) - sizes]) * x.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):  # one replica: nothing is left without it
        tau = _sum(theta, count)
    value = float(tau[0])
    longest = max(value, 1.0)
    if x.size < LENGTH * longest or x.shape[1] < EACH * longest:
        raise _too_short(x.shape, longest, "about ")
    enough = len(x) >= ENOUGH
    error = float(jackknife_error(tau, sizes)) if enough else value * math.sqrt(2 * (2 * window + 1) / x.size)
    return AutocorrelationTime(value, error, window)


def mean_over_time(x) -> TimeMean:
    r"""Mean over times and replicas of stationary series, with its error.

    From 20 replicas on the error is that of the replicas' own means, whatever happens in time. For fewer it
    is √(C(0) τ/(R T)) with τ of `autocorrelation_time`, and R T/(2W + 1) degrees of freedom.

    Parameters
    ----------
    x : array_like, shape (replica, time) or (time,)
        Independent stationary series; for fewer than 20 at equal steps.

    Returns
    -------
    TimeMean

    Raises
    ------
    ValueError
        If fewer than 20 series are too short for their autocorrelation time to be known.
    """
    x = series(x)
    if len(x) >= ENOUGH:
        means = x.mean(axis=1)
        return TimeMean(float(x.mean()), float(means.std(ddof=1) / math.sqrt(len(x))), len(x) - 1.0)
    try:
        tau = autocorrelation_time(x)
    except ValueError as refusal:
        raise ValueError(f"{refusal}; or take {ENOUGH} replicas or more, which need none") from None
    # The mean square about the own mean lacks the mean's variance.
    variance = float(np.mean((x - x.mean()) ** 2)) / (1 - tau.value / x.size)
    error = math.sqrt(variance * tau.value / x.size)
    return TimeMean(float(x.mean()), error, x.size / (2 * tau.window + 1))


def series(x) -> np.ndarray:
    """As (replica, time), float64; refuses what is not finite or has other dimensions."""
    array = finite("x", x, (1, 2))
    return array[None] if array.ndim == 1 else array


def autocovariance(y: np.ndarray) -> np.ndarray:
    """C(s) of each series (replica, time), means already taken off, over T − s products; the same shape."""
    length = y.shape[1]
    spectrum = np.fft.rfft(y, 2 * length, axis=1)
    products = np.fft.irfft(spectrum * spectrum.conj(), 2 * length, axis=1)[:, :length]
    return products / np.arange(length, 0, -1)


def _window(covariance: np.ndarray) -> int | None:
    """The first W >= c τ(W) and >= c, at most half of the series; None where there is none."""
    half = covariance.size // 2
    tau = 1 + 2 * np.concatenate([[0.0], np.cumsum(covariance[1 : half + 1] / covariance[0])])
    closed = np.arange(tau.size) >= WINDOW * np.maximum(tau, 1.0)
    return int(closed.argmax()) if closed.any() else None


def _sum(covariance: np.ndarray, count: np.ndarray) -> np.ndarray:
    """τ of autocovariances (..., lag) about the mean of ``count`` values."""
    total = covariance[..., 0] + 2 * covariance[..., 1:].sum(axis=-1)
    back = total / count
    lags = covariance.shape[-1]
    return (total + (2 * lags - 1) * back) / (covariance[..., 0] + back)


def _too_short(shape: tuple[int, ...], tau: float, sure: str) -> ValueError:
    replicas, length = shape
    needed = math.ceil(max(EACH * tau, LENGTH * tau / replicas))
    return ValueError(
        f"{replicas} series of {length} recorded times are too short for their autocorrelation time, "
        f"{sure}{tau:.3g}; record {sure}{needed} times each"
    )
