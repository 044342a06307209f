"""Level `surmise`: the repulsion within each pair, from the width that the ensemble itself has."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from compare.layout.multiplets import multiplet_coords, multiplets
from compare.layout.shared_data import GIVEN_THE_DATA
from compare.measure.statistics import statistics

__all__ = ["surmise"]


def surmise(run: xr.Dataset, start: float | None = None) -> xr.Dataset:
    r"""Level `surmise`: each pair a 2 × 2 GOE block of the centre and width that the ensemble itself has.

    ⟨x±⟩ = c ± √π σ/2, ⟨S⟩ = √π σ and ⟨S²⟩/⟨S⟩² = 4/π, with c and σ measured, not predicted: it tests
    the repulsion within a pair and nothing else, and needs no theory of the model. Its errors are those
    of c and σ as if they were independent of ⟨S⟩; they are not, so a verdict is on the safe side. Since
    c and σ are those of the data that the ensemble saw, it needs no error for the choice of that data.
    Modes that are not in a pair are not predicted (NaN).

    Parameters
    ----------
    run : Dataset
        An ensemble in the layout of `compare.layout.schema`.
    start : float, optional
        First time of the stationary window; default: the middle of the run.

    Returns
    -------
    Dataset
        `mean_eigenvalue`, `mean_spacing`, `spacing_ratio`, each with its ``_se``.
    """
    measured = statistics(run, start)
    group = multiplets(run["target"])
    width, width_se = (measured[name].values[group.pair_multiplet] for name in ("width", "width_se"))
    mean = np.full(run.sizes["mode"], np.nan)
    error = mean.copy()
    for upper, s, se in zip(group.pair_upper, width, width_se, strict=True):
        pair = slice(upper, upper + 2)
        centre = measured["mean_eigenvalue"].values[pair].mean()
        centre_se = np.hypot(*measured["mean_eigenvalue_se"].values[pair]) / 2
        mean[pair] = centre + np.array([0.5, -0.5]) * math.sqrt(math.pi) * s
        error[pair] = math.hypot(centre_se, math.sqrt(math.pi) * se / 2)
    values = {
        "mean_eigenvalue": ("mode", mean, error),
        "mean_spacing": ("pair", math.sqrt(math.pi) * width, math.sqrt(math.pi) * width_se),
        "spacing_ratio": ("pair", np.full(width.size, 4 / math.pi), np.zeros(width.size)),
    }
    variables = {}
    for name, (dim, value, se) in values.items():
        variables[name] = (dim, value, measured[name].attrs)
        variables[f"{name}_se"] = (dim, se, measured[f"{name}_se"].attrs)
    coords = {name: run[name].variable for name in ("mode", "target", "noise_level") if name in run.coords}
    attrs = {name: run.attrs[name] for name in ("matrix", "model", "parameters", "version")}
    attrs |= {"kind": "theory", "level": "surmise", "error": GIVEN_THE_DATA}
    return xr.Dataset(variables, {**coords, **multiplet_coords(run["target"])}, attrs)
