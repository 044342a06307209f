"""Experiment and theory on common coordinates; nothing is aligned silently."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import numpy as np
import xarray as xr

from compare.layout.multiplets import DEGENERATE
from compare.layout.schema import EXPERIMENT, parse_parameters, require, validate
from compare.layout.versions import SCHEMA, SCHEMA_VERSION
from streams.arguments import flag

SAME = 1e-9
"""Relative difference up to which two parameters are the same number."""


RESERVED = (EXPERIMENT, "all")
"""What `compare.check` calls the experiment, and every level of theory together."""


def align(
    experiment: xr.Dataset,
    theory: Mapping[str, xr.Dataset],
    *,
    interpolate: bool = False,
    allow: Collection[str] = (),
    shared_data: bool | None = None,
) -> xr.DataTree:
    """Put an experiment and levels of theory into one tree, after checking that they belong together.

    They must be of the same matrix and model, at the same noise level and parameters (those that
    both sides state), with the same modes and targets, and recorded at exactly the same times.

    Parameters
    ----------
    experiment : Dataset
        In the layout of `compare.layout.schema`, kind "experiment".
    theory : mapping of str to Dataset
        Levels of theory by name, kind "theory", sampled or in closed form; may be empty.
    interpolate : bool
        Interpolate theory paths linearly onto the experiment's times instead of refusing times that
        differ. Between recorded times that are further apart than the correlation time this makes
        widths and spacings too small; better record both sides at the same times.
    allow : collection of str
        Parameters that may differ ("mu2", "noise_level", "model", ...); it is noted in the tree's attrs.
    shared_data : bool, optional
        Whether all replicas of the experiment were trained on one data set, see `compare.check`; by
        default what its attribute ``shared_data`` says, and no without it.

    Returns
    -------
    DataTree
        ``/experiment`` and ``/theory/<name>``.

    Raises
    ------
    TypeError, ValueError
        One line that says which member does not fit, and why.
    """
    if not isinstance(theory, Mapping) or isinstance(theory, xr.Dataset):  # a Dataset is a mapping
        raise TypeError(f"theory must be a mapping from name to Dataset, got {type(theory).__name__}")
    if isinstance(allow, str):
        raise TypeError('allow must be a collection of names, such as ("mu2",)')
    _check_member("experiment", experiment, "experiment")
    if shared_data is not None:
        marker = "yes" if flag("shared_data", shared_data) else "no"
        experiment = experiment.assign_attrs(shared_data=marker)
    nodes = {"/experiment": experiment}
    for name, ds in theory.items():
        if not (isinstance(name, str) and re.fullmatch(r"\w[\w-]*", name)) or name in RESERVED:
            raise ValueError(
                f"theory: {name!r:.80} is not a name; use letters, digits, - and _, "
                f"not {' or '.join(map(repr, RESERVED))}"
            )
        _check_member(f"theory {name}", ds, "theory")
        _check_same_modes(name, experiment, ds)
        _check_same_model(name, experiment, ds, frozenset(allow))
        nodes[f"/theory/{name}"] = _on_times(name, experiment, ds, interpolate)
    tree = xr.DataTree.from_dict(nodes)
    tree.attrs = {"schema": SCHEMA, "schema_version": SCHEMA_VERSION}
    if allow:
        tree.attrs["allowed_to_differ"] = sorted(allow)
    return tree


def members(tree: xr.DataTree) -> tuple[xr.Dataset, dict[str, xr.Dataset]]:
    """The experiment and the levels of theory of a tree made by `align`, in the order given there.

    Raises
    ------
    TypeError, ValueError
        If it is not such a tree.
    """
    if not isinstance(tree, xr.DataTree):
        raise TypeError(f"expected the DataTree of compare.align, got {type(tree).__name__}")
    if "experiment" not in tree.children:
        raise ValueError("/experiment is missing in the tree; make it with compare.align")
    levels = tree.children["theory"].children if "theory" in tree.children else {}
    theory = {name: node.to_dataset() for name, node in levels.items()}
    return tree.children["experiment"].to_dataset(), theory


def _check_member(owner: str, ds: xr.Dataset, kind: str) -> None:
    try:
        validate(ds)
        require(ds, "target", why="sides are compared mode by mode, by their targets")
    except (TypeError, ValueError) as error:
        raise type(error)(f"{owner}: {error}") from None
    if ds.attrs["kind"] != kind:
        raise ValueError(f"{owner}: kind is {ds.attrs['kind']!r}, expected {kind!r}")


def _check_same_modes(name: str, experiment: xr.Dataset, ds: xr.Dataset) -> None:
    n, m = experiment.sizes["mode"], ds.sizes["mode"]
    if n != m:
        raise ValueError(f"theory {name}: mode has length {m}, the experiment has {n}")
    a, b = experiment["target"].values, ds["target"].values
    off = np.abs(a - b) > DEGENERATE * np.abs(a).max()
    if off.any():
        k = int(off.argmax())
        raise ValueError(f"theory {name}: target of mode {k} is {b[k]:g}, in the experiment {a[k]:g}")


def _check_same_model(name: str, experiment: xr.Dataset, ds: xr.Dataset, allow: frozenset[str]) -> None:
    """Everything that both sides state must be equal; what only one side states cannot be compared."""
    ours = {k: experiment.attrs[k] for k in ("matrix", "model")} | parse_parameters(experiment)
    theirs = {k: ds.attrs[k] for k in ("matrix", "model")} | parse_parameters(ds)
    for stated, side in ((ours, experiment), (theirs, ds)):
        stated["noise_level"] = float(side["noise_level"]) if "noise_level" in side.coords else None
    for key in ours.keys() & theirs.keys() - allow:
        if not _same(ours[key], theirs[key]):
            raise ValueError(
                f"theory {name}: {key} is {theirs[key]!r:.80}, in the experiment {ours[key]!r:.80}; "
                f'make both at the same {key}, or allow it to differ with allow=("{key}",)'
            )


def _same(a, b) -> bool:
    """Equal numbers, lists or strings; None says nothing and fits anything."""
    if a is None or b is None:
        return True
    if isinstance(a, dict) and isinstance(b, dict):
        return all(_same(a[k], b[k]) for k in a.keys() & b.keys())
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (a, b))
    return abs(a - b) <= SAME * max(abs(a), abs(b)) if numeric else a == b


def _on_times(name: str, experiment: xr.Dataset, ds: xr.Dataset, interpolate: bool) -> xr.Dataset:
    """The theory at the experiment's times, with the experiment's target."""
    ds = ds.assign_coords(target=("mode", experiment["target"].values, ds["target"].attrs))
    if "time" not in ds.dims:
        return ds
    try:
        xr.align(experiment["time"], ds["time"], join="exact")
    except ValueError:
        if not interpolate:
            raise ValueError(
                f"theory {name}: time differs from the experiment's; record both at the same times, "
                "or interpolate explicitly with interpolate=True"
            ) from None
        return _interpolated(name, experiment["time"], ds)
    return ds


def _interpolated(name: str, time: xr.DataArray, ds: xr.Dataset) -> xr.Dataset:
    """Every variable on ``time`` linearly interpolated; NaN next to the new time stays NaN."""
    old, new = ds["time"].values, time.values
    if new[0] < old[0] or new[-1] > old[-1]:
        raise ValueError(
            f"theory {name}: time spans [{old[0]:g}, {old[-1]:g}], the experiment needs "
            f"[{new[0]:g}, {new[-1]:g}]; interpolation does not extrapolate, run the theory longer"
        )
    right = np.searchsorted(old, new)
    left = np.where(old[right] == new, right, right - 1)
    share = (new - old[left]) / np.where(left == right, 1.0, old[right] - old[left])
    fixed = ds.drop_dims("time")
    moving = ds[[str(v) for v in ds.data_vars if "time" in ds[v].dims]].drop_vars("step", errors="ignore")
    low = moving.isel(time=left).drop_vars("time")
    high = moving.isel(time=right).drop_vars("time")
    weight = xr.DataArray(share, dims="time")
    mixed = low + weight * (high - low)
    for variable, old_one in moving.data_vars.items():
        mixed[variable] = mixed[variable].transpose(*old_one.dims).assign_attrs(old_one.attrs)
    out = xr.merge([fixed, mixed.assign_coords(time=time.variable)], join="exact", compat="equals")
    out.attrs = {**ds.attrs, "interpolated": "linearly onto the experiment's times"}
    return out
