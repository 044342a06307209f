"""The layout both sides share: names, dims, units, and what makes a Dataset valid.

An ensemble of runs (experiment or sampled theory) is a Dataset with ``eigenvalue`` on
``(replica, time, mode)``; a closed-form level of theory carries the statistics themselves.
``docs/schema.md`` is the same for users.
"""

from __future__ import annotations

import json
import numbers

import numpy as np
import xarray as xr

from compare.layout.multiplets import multiplets
from compare.layout.shared_data import check_data_attrs
from compare.quantities import MEASURED
from sgd.dataset import EXPERIMENT

__all__ = [
    "EXPERIMENT",
    "parse_parameters",
    "require",
    "validate",
]

LARGEST = 2**63
"""Numbers in attributes are smaller: larger integers do not survive every format (a seed is a string)."""

CHUNK = 64
"""Replicas looked at together, so that validation needs little memory beside the data."""

VARIABLES: dict[str, tuple[str, ...]] = {
    "eigenvalue": ("replica", "time", "mode"),
    "weight": ("replica", "time", "row", "col"),
    "diverged": ("replica",),
    **{name: quantity.dims for name, quantity in MEASURED.items()},
}
"""Data variables that have a fixed meaning, and their dims; each may have its ``<name>_se``."""

COORDS: dict[str, tuple[str, ...]] = {
    "replica": ("replica",),
    "time": ("time",),
    "mode": ("mode",),
    "step": ("time",),
    "target": ("mode",),
    "multiplet": ("multiplet",),
    "multiplet_target": ("multiplet",),
    "multiplet_size": ("multiplet",),
    "pair": ("pair",),
    "pair_upper": ("pair",),
    "learning_rate": (),
    "batch_size": (),
    "noise_level": (),
}
"""Coordinates that have a fixed meaning, and their dims."""

ATTRS = ("kind", "level", "matrix", "model", "parameters", "version")
"""Attributes every Dataset has, all strings; ``seed`` (a decimal string) where random numbers were drawn."""

KINDS = ("experiment", "theory")


def validate(ds: xr.Dataset) -> None:
    """Refuse a Dataset that is not in the layout; say which variable and what is wrong with it.

    Raises
    ------
    TypeError
        If ``ds`` is not a Dataset.
    ValueError
        One line that starts with the name of the offending variable, coordinate or attribute.
    """
    if not isinstance(ds, xr.Dataset):
        raise TypeError(f"expected an xarray.Dataset, got {type(ds).__name__}")
    _check_attrs(ds)
    if "level" in ds.dims:
        raise ValueError(
            "level: is what versions before 0.2 called a multiplet; open the file with compare.load, or "
            "rename it with compare.translated"
        )
    require(ds, "mode", why="it is required on every Dataset")
    for key, variable in ds.variables.items():
        _check_variable(str(key), variable)
    _check_coords(ds)
    if "eigenvalue" in ds.data_vars:
        _check_ensemble(ds)
    elif ds.attrs["kind"] == "experiment":
        raise ValueError("eigenvalue: variable is missing; an experiment must have it")
    elif "mean_eigenvalue" not in ds.data_vars:
        raise ValueError("mean_eigenvalue: variable is missing; a theory has either it or eigenvalue")


def require(ds: xr.Dataset, *names: str, why: str) -> None:
    """Refuse a Dataset that lacks a coordinate which is optional elsewhere.

    Raises
    ------
    ValueError
        One line: which, why it is needed, what to do.
    """
    for name in names:
        if name not in ds.coords:
            dims = '("mode", values, {"long_name": ..., "units": "1"})' if COORDS[name] else "value"
            raise ValueError(f"{name}: coordinate is missing; {why}: ds.assign_coords({name}={dims})")


def _check_attrs(ds: xr.Dataset) -> None:
    for name in ATTRS:
        if not isinstance(ds.attrs.get(name), str):
            raise ValueError(f"{name}: attribute must be a string, got {ds.attrs.get(name)!r:.80}")
    if ds.attrs["kind"] not in KINDS:
        raise ValueError(f"kind: attribute must be one of {', '.join(KINDS)}, got {ds.attrs['kind']!r:.80}")
    seed = ds.attrs.get("seed", "0")
    if not (isinstance(seed, str) and seed.isdecimal()):
        raise ValueError(f"seed: attribute must be a decimal string, got {seed!r:.80}")
    parse_parameters(ds)
    check_data_attrs(ds)
    _check_attr_values("dataset", ds.attrs)


def parse_parameters(ds: xr.Dataset) -> dict:
    """The model's parameters, from the JSON in the attribute ``parameters``."""
    try:
        parsed = json.loads(ds.attrs["parameters"])
    except (ValueError, RecursionError) as error:
        raise ValueError(f"parameters: attribute must be a JSON object, got {error}") from None
    if not isinstance(parsed, dict):
        raise ValueError(f"parameters: attribute must be a JSON object, got a {type(parsed).__name__}")
    return parsed


def _check_attr_values(owner: str, attrs: dict) -> None:
    """Only what survives every format: strings, numbers, flat lists of one of them."""

    def plain(value: object) -> bool:
        if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
            return isinstance(value, str)
        return abs(float(value)) < LARGEST  # false for NaN, too

    for name, value in attrs.items():
        values = value if isinstance(value, list) else [value]
        if not isinstance(name, str) or not all(plain(v) for v in values):
            kind = type(value).__name__
            raise ValueError(
                f"{name}: attribute of {owner} must be a string, finite number or flat list, got {kind}"
            )


def _check_variable(name: str, variable: xr.Variable) -> None:
    """Dtype, dims and attributes of one variable or coordinate."""
    base = name.removesuffix("_se")
    dims = {**VARIABLES, **COORDS}.get(name, VARIABLES.get(base))
    if dims is not None and variable.dims != dims:
        raise ValueError(f"{name}: has dims {variable.dims}, expected {dims}")
    if variable.dtype.kind not in "iufb":
        raise ValueError(f"{name}: has dtype {variable.dtype}, expected real numbers")
    if (base in VARIABLES or name in ("time", "target")) and variable.dtype != np.float64:
        raise ValueError(f"{name}: has dtype {variable.dtype}, expected float64; convert with .astype(float)")
    for attr in ("long_name", "units"):
        if not isinstance(variable.attrs.get(attr), str):
            raise ValueError(f'{name}: attribute {attr} is missing (units are "1" where dimensionless)')
    _check_attr_values(name, variable.attrs)


def _check_coords(ds: xr.Dataset) -> None:
    for name in ("replica", "mode", "step", "multiplet", "pair", "multiplet_size", "pair_upper"):
        if name in ds.coords and ds[name].dtype.kind not in "iu":
            raise ValueError(f"{name}: has dtype {ds[name].dtype}, expected integers")
    for name in ("replica", "time", "mode", "multiplet", "pair"):
        if name in ds.dims and name not in ds.coords:
            raise ValueError(f"{name}: coordinate is missing")
        if name in ds.sizes and ds.sizes[name] == 0 and name != "pair":
            raise ValueError(f"{name}: has length 0, expected at least 1")
    for name in ("time", "target", "noise_level", "learning_rate", "batch_size"):
        if name in ds.coords and not np.isfinite(ds[name].values).all():
            raise ValueError(f"{name}: has values that are not finite")
    _check_order(ds)
    for name in ("noise_level", "learning_rate", "batch_size"):
        if name in ds.coords and float(ds[name]) < 0:
            raise ValueError(f"{name}: is {float(ds[name]):g}, expected a number >= 0")
    if "target" not in ds.coords:
        return
    group = multiplets(ds["target"])
    for name, size in (("multiplet", group.size.size), ("pair", group.pair_upper.size)):
        if name in ds.sizes and ds.sizes[name] != size:
            raise ValueError(f"{name}: has length {ds.sizes[name]}, expected {size} from target")
    for name, expected in (("multiplet_size", group.size), ("pair_upper", group.pair_upper)):
        if name in ds.coords and not np.array_equal(ds[name], expected):
            raise ValueError(
                f"{name}: is {ds[name].values.tolist()}, expected {expected.tolist()} from target"
            )


def _check_order(ds: xr.Dataset) -> None:
    for name in ("mode", "multiplet", "pair"):
        if name in ds.coords and not np.array_equal(ds[name], np.arange(ds.sizes[name])):
            raise ValueError(f"{name}: must count 0, 1, 2, ... in order")
    if "time" in ds.coords and (np.diff(ds["time"].values) <= 0).any():
        raise ValueError("time: must be strictly increasing")
    if "replica" in ds.coords and np.unique(ds["replica"]).size != ds.sizes["replica"]:
        raise ValueError("replica: has duplicates, expected one number per replica")


def _check_ensemble(ds: xr.Dataset) -> None:
    """Sorted eigenvalues; NaN only after a replica diverged, and then to the end."""
    for name in ("replica", "time"):
        if name not in ds.coords:
            raise ValueError(f"{name}: coordinate is missing; eigenvalue needs it")
    if "diverged" not in ds.data_vars:
        raise ValueError("diverged: variable is missing; it is NaN for replicas that did not diverge")
    x, time = ds["eigenvalue"].values, ds["time"].values
    diverged, replica = ds["diverged"].values, ds["replica"].values
    for first in range(0, len(x), CHUNK):
        block, when = x[first : first + CHUNK], diverged[first : first + CHUNK]
        if np.isinf(block).any():
            raise ValueError(
                "eigenvalue: has infinities; mark the replica as diverged and use NaN from there"
            )
        if (block[..., :-1] < block[..., 1:]).any():
            raise ValueError("eigenvalue: must be sorted descending along mode")
        missing = np.isnan(block).any(axis=-1)
        # A comparison with NaN is false: replicas that did not diverge may have no gap at all.
        wrong = missing & ~(time >= when[:, None])
        if wrong.any():
            r, t = np.argwhere(wrong)[0]
            raise ValueError(
                f"eigenvalue: replica {replica[first + r]} is NaN at time {time[t]:g}, before it diverged"
            )
        if (missing[:, :-1] & ~missing[:, 1:]).any():
            raise ValueError("eigenvalue: a replica has values after a NaN; NaN must last to the end")
