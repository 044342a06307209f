"""The one place where results of training become xarray Datasets (docs/schema.md)."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr

from sgd.members import optional
from sgd.optimiser import Optimiser
from sgd.protocol import Model
from streams.version import installed_version

EXPERIMENT = "sgd"
"""The experiment among the levels of theory: the attribute ``level`` of its results."""


def _named(dims: str | tuple, values: Any, long_name: str, **more: str) -> tuple:
    return (dims, values, {"long_name": long_name, "units": "1", **more})


def training_dataset(
    model: Model,
    optimiser: Optimiser,
    target: np.ndarray,
    step: np.ndarray,
    eigenvalue: np.ndarray,
    failed: np.ndarray,
    weight: np.ndarray | None,
    **attrs: str,
) -> xr.Dataset:
    """Spectra of an ensemble of training runs.

    Parameters
    ----------
    target : ndarray, shape (mode,)
        As `target_spectrum`.
    step : ndarray of int, shape (time,)
    eigenvalue : ndarray, shape (replica, time, mode)
        Descending; overwritten by NaN from where a replica diverged.
    failed : ndarray of int, shape (replica,)
        Step at which the replica diverged, -1 where it did not.
    weight : ndarray, shape (replica, time, row, col), or None
        Overwritten by NaN in the same way.
    **attrs
        Further attributes, such as the seed.
    """
    learning_rate, batch_size = optimiser.learning_rate, optimiser.batch_size
    time = optimiser.time_step * step
    gone = (failed >= 0)[:, None] & (step >= failed[:, None])
    eigenvalue[gone] = np.nan
    diverged = np.where(failed >= 0, optimiser.time_step * failed, np.nan)
    when = "time at which the replica diverged (NaN: it did not)"
    variables = {
        "eigenvalue": _named(("replica", "time", "mode"), eigenvalue, f"eigenvalue of {model.matrix}"),
        "diverged": _named("replica", diverged, when, reason=model.diverged),
    }
    if weight is not None:
        weight[gone] = np.nan
        variables["weight"] = _named(("replica", "time", "row", "col"), weight, "weight matrix W")
    coords = {
        "replica": _named("replica", np.arange(len(eigenvalue)), "replica"),
        "time": _named("time", time, optimiser_time(optimiser)),
        "step": _named("time", step, "number of SGD steps"),
        "mode": _named("mode", np.arange(model.modes), "mode, by descending eigenvalue"),
        "target": _named("mode", target, "eigenvalue without noise"),
        "learning_rate": _named((), learning_rate, "learning rate α"),
        "batch_size": _named((), batch_size, "batch size |B|"),
        "noise_level": _named((), learning_rate / batch_size, "noise level T = learning rate / batch size"),
    }
    return xr.Dataset(variables, coords, _attrs(model, optimiser, **attrs))


def target_spectrum(model: Model, optimiser: Optimiser) -> np.ndarray:
    """What the eigenvalues tend to without noise, descending, shape (mode,): weight decay moves it."""
    if not optimiser.weight_decay:
        return model.target_spectrum
    fixed = optional(model, "fixed_point")(optimiser.weight_decay)
    return model.spectra(model.observed(tuple(w[None] for w in fixed)))[0]


def optimiser_time(optimiser: Optimiser) -> str:
    """What the time coordinate is."""
    slowed = " / (1 - momentum)" if optimiser.momentum else ""
    return f"time t = learning rate × step{slowed}"


def _attrs(model: Model, optimiser: Optimiser, **more: str) -> dict[str, str]:
    options = {"momentum": optimiser.momentum, "weight_decay": optimiser.weight_decay}
    return {
        "kind": "experiment",
        "level": EXPERIMENT,
        "matrix": model.matrix,
        "model": model.name,
        "parameters": json.dumps(model.parameters() | options),
        "version": installed_version(),
        **({"shared_data": "yes"} if optional(model, "shared_data") else {}),
        **more,
    }
