"""The one place where results of this package become xarray Datasets (docs/schema.md)."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import xarray as xr

from dyson.sde import EigenvalueSDE

DIVERGED = "an eigenvalue left the domain of the equation (for the RBM: μ² - σ_h² x <= 0) or overflowed"


def _coordinates(sde: EigenvalueSDE) -> dict:
    """Coordinates that every result carries: modes, their targets, the noise level."""
    target = np.r_[sde.target, np.zeros(sde.null_modes)]
    coords: dict = {
        "mode": (
            "mode",
            np.arange(len(target)),
            {"long_name": "mode, by descending eigenvalue", "units": "1"},
        ),
        "target": ("mode", target, {"long_name": "eigenvalue without noise", "units": "1"}),
    }
    if sde.noise_level is not None:
        attrs = {"long_name": "noise level T = learning rate / batch size", "units": "1"}
        coords["noise_level"] = ((), sde.noise_level, attrs)
    return coords


def _time(times: np.ndarray) -> tuple:
    return ("time", times, {"long_name": "time t = learning rate × step", "units": "1"})


def _attrs(sde: EigenvalueSDE, level: str, **more) -> dict:
    try:
        installed = version("dyson-sgd")
    except PackageNotFoundError:
        installed = "unknown"
    return {
        "kind": "theory",
        "level": level,
        "matrix": sde.matrix,
        "model": sde.model,
        "parameters": json.dumps(dict(sde.parameters)),
        "version": installed,
        **({} if sde.theta_at is None else {"schedule": "the noise level is a function of time"}),
        **more,
    }


def paths_dataset(sde: EigenvalueSDE, times: np.ndarray, x: np.ndarray, level: str, **attrs) -> xr.Dataset:
    """Paths ``x`` (replica, time, mode) of the moving modes as a Dataset.

    Modes are sorted, the modes pinned at zero appended, and a replica is NaN from the first time at
    which one of its eigenvalues is not finite.
    """
    bad = ~np.isfinite(x).all(-1)
    diverged = np.where(bad.any(1), times[bad.argmax(1)], np.nan)
    x = np.maximum(-np.sort(-x, axis=-1), sde.least)
    x = np.where((times >= diverged[:, None])[..., None], np.nan, x)
    x = np.concatenate([x, np.where(np.isnan(x[..., :1]), np.nan, 0.0).repeat(sde.null_modes, -1)], axis=-1)
    replica = {"long_name": "replica", "units": "1"}
    variables = {
        "eigenvalue": (("replica", "time", "mode"), x, {"long_name": "eigenvalue", "units": "1"}),
        "diverged": (
            "replica",
            diverged,
            {
                "long_name": "time at which the replica diverged (NaN: it did not)",
                "units": "1",
                "reason": DIVERGED,
            },
        ),
    }
    coords = {"replica": ("replica", np.arange(len(x)), replica), "time": _time(times), **_coordinates(sde)}
    return xr.Dataset(variables, coords, _attrs(sde, level, **attrs))


def closed_form_dataset(
    sde: EigenvalueSDE, variables: dict, coords: dict, level: str, times=None
) -> xr.Dataset:
    """Closed-form statistics ``{name: (dims, values, long_name)}`` as a Dataset."""
    data = {
        name: (dims, values, {"long_name": text, "units": "1"})
        for name, (dims, values, text) in variables.items()
    }
    extra = {
        name: (dims, values, {"long_name": text, "units": "1"})
        for name, (dims, values, text) in coords.items()
    }
    if times is not None:
        extra["time"] = _time(times)
    return xr.Dataset(data, {**_coordinates(sde), **extra}, _attrs(sde, level))
