"""The one place where results of this package become xarray Datasets (docs/schema.md)."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import numpy as np
import xarray as xr

from sgd.rbm import GaussianRBM

DIVERGED = "K = μ² - σ_h² WᵀW is no longer positive definite: the model has no distribution any more"


def run_dataset(
    model: GaussianRBM,
    learning_rate: float,
    batch_size: int,
    steps: np.ndarray,
    spectra: np.ndarray,
    failed: np.ndarray,
    weights: np.ndarray | None,
    seed: int,
) -> xr.Dataset:
    """Spectra (replica, time, mode) of a run at the recorded ``steps``, and what goes with them.

    ``failed`` holds the step at which a replica diverged, -1 where it did not.
    """

    def text(long_name: str, **more: str) -> dict[str, str]:
        return {"long_name": long_name, "units": "1", **more}

    lost = failed >= 0
    time = np.where(lost, learning_rate * failed, np.nan)
    variables: dict = {
        "eigenvalue": (("replica", "time", "mode"), spectra, text("eigenvalue of WᵀW")),
        "diverged": (
            "replica",
            time,
            text("time at which the replica diverged (NaN: it did not)", reason=DIVERGED),
        ),
        "diverged_step": ("replica", failed, text("step at which the replica diverged (-1: it did not)")),
    }
    if weights is not None:
        variables["weight"] = (("replica", "time", "row", "col"), weights, text("weight matrix W"))
    coords: dict = {
        "replica": ("replica", np.arange(len(spectra)), text("replica")),
        "time": ("time", learning_rate * steps, text("time t = learning rate × step")),
        "step": ("time", steps, text("SGD step")),
        "mode": ("mode", np.arange(model.n_visible), text("mode, by descending eigenvalue")),
        "target": ("mode", model.target_spectrum, text("eigenvalue without noise")),
        "learning_rate": ((), learning_rate, text("learning rate α")),
        "batch_size": ((), batch_size, text("batch size |B|")),
        "noise_level": ((), learning_rate / batch_size, text("noise level T = learning rate / batch size")),
    }
    try:
        installed = version("dyson-sgd")
    except PackageNotFoundError:
        installed = "unknown"
    attrs = {
        "kind": "experiment",
        "level": "sgd",
        "matrix": "WᵀW",
        "model": "gaussian_rbm",
        "parameters": model.parameters(),
        "seed": str(seed),
        "version": installed,
    }
    return xr.Dataset(variables, coords, attrs)
