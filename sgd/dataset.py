"""The one place where results of training become xarray Datasets (docs/schema.md)."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import xarray as xr

from sgd.rbm import GaussianRBM

DIVERGED = "μ² 1 - σ_h² WᵀW is no longer positive definite: the model is not a probability distribution"


def _named(dims: str | tuple, values: Any, long_name: str, **more: str) -> tuple:
    return (dims, values, {"long_name": long_name, "units": "1", **more})


def training_dataset(
    model: GaussianRBM,
    learning_rate: float,
    batch_size: int,
    step: np.ndarray,
    eigenvalue: np.ndarray,
    failed: np.ndarray,
    weight: np.ndarray | None,
    **attrs: str,
) -> xr.Dataset:
    """Spectra of an ensemble of training runs.

    Parameters
    ----------
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
    time = learning_rate * step
    gone = (failed >= 0)[:, None] & (step >= failed[:, None])
    eigenvalue[gone] = np.nan
    diverged = np.where(failed >= 0, learning_rate * failed, np.nan)
    when = "time at which the replica diverged (NaN: it did not)"
    variables = {
        "eigenvalue": _named(("replica", "time", "mode"), eigenvalue, "eigenvalue of WᵀW"),
        "diverged": _named("replica", diverged, when, reason=DIVERGED),
    }
    if weight is not None:
        weight[gone] = np.nan
        variables["weight"] = _named(("replica", "time", "row", "col"), weight, "weight matrix W")
    coords = {
        "replica": _named("replica", np.arange(len(eigenvalue)), "replica"),
        "time": _named("time", time, "time t = learning rate × step"),
        "step": _named("time", step, "number of SGD steps"),
        "mode": _named("mode", np.arange(model.n_visible), "mode, by descending eigenvalue"),
        "target": _named("mode", model.target_spectrum, "eigenvalue without noise"),
        "learning_rate": _named((), learning_rate, "learning rate α"),
        "batch_size": _named((), batch_size, "batch size |B|"),
        "noise_level": _named((), learning_rate / batch_size, "noise level T = learning rate / batch size"),
    }
    return xr.Dataset(variables, coords, _attrs(model, **attrs))


def _attrs(model: GaussianRBM, **more: str) -> dict[str, str]:
    try:
        installed = version("dyson-sgd")
    except PackageNotFoundError:
        installed = "unknown"
    return {
        "kind": "experiment",
        "level": "sgd",
        "matrix": "WᵀW",
        "model": "gaussian_rbm",
        "parameters": json.dumps(model.parameters()),
        "version": installed,
        **more,
    }
