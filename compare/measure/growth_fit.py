"""Rates of growth from mean learning curves, with errors over replicas."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.optimize import curve_fit

from compare.layout.schema import validate
from streams.arguments import finite

FEWEST = 30
"""Replicas below which an error says little."""

BLOCKS = 50
"""Groups of replicas that are left out in turn."""

RISE = 10.0
"""Standard errors by which a curve must rise to be fitted."""

TIMES = 5
"""Recorded times that a fit of two parameters needs at least."""


def curve(time: np.ndarray, plateau: float, rate: float, learning_rate: float = 0.0) -> np.ndarray:
    r"""κ (1 − q)², q = (1 − α z²)^{t/α}, the growth from W = 0 at step α; for α = 0, q = e^{−z² t}.

    Source: docs/theory.md, "Linear networks"; arXiv:2412.20496 for α → 0.
    """
    time = np.asarray(time, float)
    slope = rate if learning_rate == 0 else -np.log1p(-learning_rate * rate) / learning_rate
    return plateau * (1.0 - np.exp(-slope * time)) ** 2


def fit_growth(run: xr.Dataset, start: float = 0.0) -> xr.Dataset:
    """Fit `curve` to the mean over replicas of every mode, from time ``start`` on.

    Least squares weighted by the errors of the means at each time; the times of one replica depend on
    each other, so the errors of the fit are by the jackknife over groups of replicas.

    Parameters
    ----------
    run : Dataset
        An ensemble trained from W = 0 (docs/schema.md) at a fixed learning rate.
    start : float
        First time of the fit, units "1".

    Returns
    -------
    Dataset
        ``rate`` z² and ``plateau`` κ (mode), each with its ``<name>_se``.

    Raises
    ------
    ValueError
        With fewer than 30 replicas that did not diverge, fewer than 5 recorded times from ``start`` on,
        or curves that do not grow.
    """
    validate(run)
    begin = float(finite("start", start, (0,)))
    kept = run.isel(replica=np.isnan(run["diverged"].values), time=run["time"].values >= begin)
    x, time = kept["eigenvalue"].values, kept["time"].values
    if len(x) < FEWEST:
        lost = f", as {run.sizes['replica'] - len(x)} diverged" if len(x) < run.sizes["replica"] else ""
        raise ValueError(
            f"a fit with errors needs at least {FEWEST} replicas, got {len(x)}{lost}; train more"
        )
    if time.size < TIMES:
        raise ValueError(
            f"a fit needs at least {TIMES} recorded times from t = {begin:g} on, got {time.size}; record more"
        )
    alpha = float(run["learning_rate"])
    group = np.arange(len(x)) % min(BLOCKS, len(x))
    groups = group.max() + 1
    values = np.empty((run.sizes["mode"], groups + 1, 2))
    for mode in range(run.sizes["mode"]):
        paths = x[..., mode]
        error = np.maximum(paths.std(axis=0, ddof=1), 1e-12 * np.abs(paths).max()) / np.sqrt(len(paths))
        total = paths.sum(axis=0)
        if not total[-1] - total[0] > RISE * len(paths) * error.max():
            raise ValueError(
                f"mode {mode} does not grow from t = {begin:g} on: its mean goes from "
                f"{paths[:, 0].mean():.4g} to {paths[:, -1].mean():.4g}; start earlier, or at W = 0"
            )
        values[mode, 0] = guess = _fit(time, total / len(paths), error, alpha, None, mode)
        for g in range(groups):
            left = total - paths[group == g].sum(axis=0)
            mean = left / (group != g).sum()
            values[mode, g + 1] = _fit(time, mean, error, alpha, guess, mode)
    spread = values[:, 1:] - values[:, 1:].mean(axis=1, keepdims=True)
    se = np.sqrt((groups - 1) / groups * (spread**2).sum(axis=1))
    named = {
        "plateau": (values[:, 0, 0], se[:, 0], "plateau κ of the growth"),
        "rate": (values[:, 0, 1], se[:, 1], "rate z² of the growth"),
    }
    variables = {}
    for name, (value, error, text) in named.items():
        variables[name] = ("mode", value, {"long_name": text, "units": "1"})
        variables[f"{name}_se"] = (
            "mode",
            error,
            {"long_name": f"standard error of the {text}", "units": "1"},
        )
    return xr.Dataset(variables, {"mode": run["mode"]}, {"start": begin, "replicas": len(x)})


def _fit(time, mean, error, alpha: float, guess, mode: int) -> np.ndarray:
    """(κ, z²) of one curve, both positive by their logarithms."""
    top = float(mean[-1])
    if not top > 0:
        raise ValueError(f"mode {mode} does not grow: its mean ends at {top:g}")
    if guess is None:
        half = time[np.argmax(mean >= 0.25 * top)] or time[1]
        guess = np.array([top, min(np.log(2.0) / max(half, 1e-12), 0.5 / max(alpha, 1e-12))])

    def logarithmic(t, log_plateau, log_rate):
        return curve(t, np.exp(log_plateau), min(np.exp(log_rate), 0.999 / max(alpha, 1e-12)), alpha)

    try:
        found, _ = curve_fit(logarithmic, time, mean, np.log(guess), error, maxfev=2000)
    except RuntimeError as error_:
        raise ValueError(f"the growth of mode {mode} has not the form κ(1 − e^(−z² t))²: {error_}") from None
    return np.exp(found)
