"""Ensembles of any spectrum, for figures and pages: GOE blocks that grow to their targets."""

from __future__ import annotations

import numpy as np
import xarray as xr

from compare import multiplet_coords

RING = (5.0, 4.618034, 4.618034, 3.618034, 3.618034, 2.381966, 2.381966, 1.381966, 1.381966, 1.0)
"""Targets of the Gaussian RBM on a ring of ten sites."""


def units(long_name: str) -> dict[str, str]:
    return {"long_name": long_name, "units": "1"}


def run(
    seed: int = 1,
    target: tuple[float, ...] = RING,
    replicas: int = 60,
    times: int = 21,
    *,
    level: str = "sgd",
    noise_level: float = 1 / 640,
    grow: bool = True,
    shift: float = 0.0,
) -> xr.Dataset:
    """An experiment (level "sgd") or a sampled level of theory; independent in time, σ² = 2 T x̄."""
    rng = np.random.default_rng(seed)
    centre = np.array(target)
    time = np.linspace(0.0, 100.0, times) if times > 1 else np.array([100.0])
    blocks = multiplet_coords(centre)
    parts = []
    for size, x in zip(blocks["multiplet_size"].values, blocks["multiplet_target"].values, strict=True):
        raw = rng.normal(size=(replicas, times, size, size)) * np.sqrt(2 * noise_level * abs(x))
        goe = (raw + raw.swapaxes(-1, -2)) / 2
        parts.append(np.linalg.eigvalsh(goe)[..., ::-1] + x * (1 + shift))
    rise = 1 / (1 + 50 * np.exp(-0.4 * time)) if grow else np.ones(times)
    x = -np.sort(-np.concatenate(parts, axis=-1) * rise[:, None], axis=-1)
    kind = "experiment" if level == "sgd" else "theory"
    coords = {
        "replica": ("replica", np.arange(replicas), units("replica")),
        "time": ("time", time, units("time")),
    }
    if kind == "experiment":
        coords["step"] = ("time", 10 * np.arange(times), units("SGD step"))
        coords["learning_rate"] = ((), 0.1, units("learning rate"))
        coords["batch_size"] = ((), 64, units("batch size"))
    variables = {
        "eigenvalue": (("replica", "time", "mode"), x, units("eigenvalue")),
        "diverged": (("replica",), np.full(replicas, np.nan), units("time") | {"reason": "too fast"}),
    }
    return xr.Dataset(
        variables, coords | common(centre, noise_level), attrs(kind, level) | {"seed": str(seed)}
    )


def pair(
    target: tuple[float, ...] = RING, noise_level: float = 1 / 640, time: xr.DataArray | None = None
) -> xr.Dataset:
    """The closed form of `run`, with its mean path where times are given."""
    centre = np.array(target)
    blocks = multiplet_coords(centre)
    sigma = np.sqrt(2 * noise_level * np.abs(blocks["multiplet_target"].values))
    gap = np.sqrt(np.pi) * sigma[blocks["multiplet_size"].values == 2]
    mean, upper = centre.copy(), blocks["pair_upper"].values
    mean[upper] += gap / 2
    mean[upper + 1] -= gap / 2
    variables = {
        "mean_eigenvalue": (("mode",), mean, units("mean")),
        "width": (("multiplet",), sigma, units("width")),
        "mean_spacing": (("pair",), gap, units("spacing")),
    }
    coords = common(centre, noise_level) | blocks
    if time is not None:
        rise = 1 / (1 + 50 * np.exp(-0.4 * time.values))
        variables["mean_path"] = (("time", "mode"), mean * rise[:, None], units("mean"))
        coords["time"] = ("time", time.values, units("time"))
    return xr.Dataset(variables, coords, attrs("theory", "pair"))


def common(target: np.ndarray, noise_level: float) -> dict:
    return {
        "mode": ("mode", np.arange(target.size), units("mode")),
        "target": ("mode", target, units("target eigenvalue")),
        "noise_level": ((), noise_level, units("noise level")),
    }


def attrs(kind: str, level: str) -> dict[str, str]:
    parameters = '{"mu2": 9.0, "n_hidden": 10}'
    return {
        "kind": kind,
        "level": level,
        "matrix": "WᵀW",
        "model": "gaussian_rbm",
        "parameters": parameters,
        "version": "1",
    }


def diverge(ds: xr.Dataset, replica: int, time: float) -> xr.Dataset:
    """The ensemble with one replica lost at a time."""
    ds = ds.copy(deep=True)
    ds["eigenvalue"].values[replica, ds["time"].values >= time] = np.nan
    ds["diverged"].values[replica] = time
    return ds


def sweep(exponent: float = 0.5, series: int = 3, pairs: int = 2) -> xr.Dataset:
    """A grid of four noise levels × three learning rates, with exact power laws."""
    noise = np.repeat([1e-3, 5e-4, 2.5e-4, 1.25e-4], 3)
    rate = np.tile([0.1, 0.05, 0.025], 4)

    def law(number: int) -> np.ndarray:
        return noise[:, None] ** exponent * np.arange(1, number + 1)

    return xr.Dataset(
        {
            "width": (("point", "multiplet"), law(series)),
            "width_se": (("point", "multiplet"), 0.01 * law(series)),
            "mean_spacing": (("point", "pair"), law(pairs)),
            "mean_spacing_se": (("point", "pair"), 0.01 * law(pairs)),
        },
        {
            "learning_rate": ("point", rate),
            "batch_size": ("point", rate / noise),
            "noise_level": ("point", noise),
        },
        {"width_exponent": exponent, "width_exponent_se": 0.01},
    )
