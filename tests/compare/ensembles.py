"""Ensembles from exact laws, in the layout: GOE blocks that are stationary Ornstein–Uhlenbeck in time."""

from __future__ import annotations

import numpy as np
import xarray as xr

from compare import multiplet_coords

TARGET = np.array([5.0, 3.0, 3.0, 1.0])
"""A single mode, a degenerate pair, a single mode."""

SIGMA = np.array([0.2, 0.15, 0.1])
"""Widths of the three levels."""


def ensemble(
    seed: int,
    replicas: int = 200,
    times: int = 41,
    *,
    kind: str = "experiment",
    level: str = "sgd",
    step: float = 0.5,
    shift=0.0,
    scale=1.0,
    drift=0.0,
    grow: bool = True,
) -> xr.Dataset:
    """Draw an ensemble; every replica's blocks are exact m × m GOE matrices at every time.

    Parameters
    ----------
    step : float
        Time between records; entries have the correlation exp(−step) from one record to the next.
    shift, scale, drift : array_like, shape (mode,) or (level,) for scale
        Relative shift of the means, factor of the widths, relative drift per unit time.
    grow : bool
        Let the means grow as 1 − exp(−t) from 0; else start in the stationary state.
    """
    rng = np.random.default_rng(seed)
    time = step * np.arange(times)
    centre = TARGET * (1 + np.asarray(shift)) * (1 - np.exp(-time) if grow else np.ones(times))[:, None]
    centre = centre * (1 + np.asarray(drift) * (time - time.mean())[:, None])
    sigma = SIGMA * scale
    noise = [_block(rng, m, s, replicas, times, step) for m, s in zip((1, 2, 1), sigma, strict=True)]
    x = np.concatenate(noise, axis=-1) + centre
    x = np.sort(x, axis=-1)[..., ::-1]
    return dataset(np.ascontiguousarray(x), time, kind=kind, level=level, seed=seed)


def _block(rng, m: int, sigma: float, replicas: int, times: int, step: float) -> np.ndarray:
    """Eigenvalues, descending, of a stationary matrix OU process: diagonal variance σ², off-diagonal σ²/2."""
    decay = np.exp(-step)
    h = np.empty((replicas, times, m, m))
    for t in range(times):
        raw = rng.normal(size=(replicas, m, m)) * sigma / np.sqrt(2)
        fresh = (raw + np.swapaxes(raw, 1, 2)) / np.sqrt(2)
        h[:, t] = fresh if t == 0 else decay * h[:, t - 1] + np.sqrt(1 - decay**2) * fresh
    if m == 1:
        return h[..., 0] * 1.0
    return np.linalg.eigvalsh(h)[..., ::-1]


def dataset(x: np.ndarray, time: np.ndarray, *, kind="experiment", level="sgd", seed=0) -> xr.Dataset:
    """Wrap eigenvalues (replica, time, mode) in a valid Dataset."""
    attrs = base_attrs(kind, level) | {"seed": str(seed)}
    variables = {
        "eigenvalue": (("replica", "time", "mode"), x, units("eigenvalue of WᵀW")),
        "diverged": (("replica",), np.full(len(x), np.nan), units("time of divergence") | {"reason": "none"}),
    }
    coords = {
        "replica": ("replica", np.arange(len(x)), units("replica")),
        "time": ("time", time, units("gradient-flow time")),
        "mode": ("mode", np.arange(x.shape[-1]), units("mode")),
        "target": ("mode", TARGET, units("target eigenvalue")),
        "noise_level": ((), 0.01, units("noise level")),
    }
    if kind == "experiment":
        coords["step"] = ("time", np.arange(time.size), units("SGD step"))
        coords["learning_rate"] = ((), 0.1, units("learning rate"))
        coords["batch_size"] = ((), 10, units("batch size"))
    return xr.Dataset(variables, coords, attrs)


def closed_form(*, shift=0.0, scale=1.0, grow: bool = True) -> xr.Dataset:
    """The exact statistics of `ensemble`, as a level "pair"."""
    sigma = SIGMA * scale
    gap = np.sqrt(np.pi) * sigma[1]
    mean = TARGET * (1 + np.asarray(shift)) + np.array([0, gap / 2, -gap / 2, 0])
    variables = {
        "mean_eigenvalue": (("mode",), mean, units("mean")),
        "width": (("multiplet",), sigma, units("width")),
        "mean_spacing": (("pair",), gap[None], units("spacing")),
        "growth_time": (("mode",), -np.log(1 - _half(mean)) if grow else np.full(4, np.nan), units("growth")),
    }
    coords = {
        "mode": ("mode", np.arange(4), units("mode")),
        "target": ("mode", TARGET, units("target eigenvalue")),
        "noise_level": ((), 0.01, units("noise level")),
    }
    return xr.Dataset(variables, coords | multiplet_coords(TARGET), base_attrs("theory", "pair"))


def _half(mean: np.ndarray) -> np.ndarray:
    """1 − exp(−t) where the mean path is half the stationary mean; the splitting is there from the start."""
    split = mean - TARGET
    return (mean / 2 - split) / TARGET


def base_attrs(kind: str, level: str) -> dict:
    return {
        "kind": kind,
        "level": level,
        "matrix": "WᵀW",
        "model": "toy",
        "parameters": '{"mu2": 9.0, "kappa": [4.0, 6.0, 6.0, 8.0]}',
        "version": "1",
    }


def units(long_name: str) -> dict:
    return {"long_name": long_name, "units": "1"}
