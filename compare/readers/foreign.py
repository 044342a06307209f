"""Somebody else's ensembles: from the arrays of an ``.npz`` file to the layout of both sides."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr

from compare.layout.schema import EXPERIMENT, validate
from compare.readers import mapped
from compare.readers.mapped import Mapped
from streams.arguments import unknown
from streams.version import installed_version

__all__ = ["FIELDS", "FORMATS", "Format", "read_npz"]

FIELDS: Mapping[str, str] = MappingProxyType(
    {
        **mapped.FIELDS,
        "shared_data": "whether all replicas were trained on one data set: yes or no; not a key",
    }
)
"""What a mapping may name, and what it must be."""

PARAMETERS = ("noise", "batches", "initial_std")
MATRICES = {"W": "W", "WᵀW": "WᵀW", "WTW": "WᵀW"}


@dataclass(frozen=True, slots=True)
class Format:
    """A family of published files that are laid out alike.

    Attributes
    ----------
    about : str
        Whose they are, for people.
    model : str
        Name of the model that was trained, as theory calls it.
    mapping : mapping
        Our names (`FIELDS`) to the files' keys, or to values that the files do not hold.
    """

    about: str
    model: str
    mapping: Mapping[str, Any] = field(default_factory=dict)


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "teacher-student": Format(
            about="2 x 2 students, symmetric gradient noise: arXiv:2407.16427, data 10.5281/zenodo.13294081",
            model="teacher_student",
            mapping={
                "weight": "W",
                "matrix": "W",
                "learning_rate": "lr",
                "batch_size": "batch_size",
                "epochs": "epochs",
                "record_every": "save_int",
                "batches": 500,
                "noise": "noise",
                "target": 2.0,
                "initial_std": 0.1,
                "shared_data": "yes",
            },
        ),
        "npz": Format(about="any .npz file, by a mapping of its keys", model="unknown"),
    }
)
"""Known families; "npz" knows nothing and takes everything from the mapping."""


def read_npz(
    path: str | os.PathLike[str],
    mapping: Mapping[str, Any] | None = None,
    format: str | None = None,
    model: str | None = None,
) -> xr.Dataset:
    r"""Read somebody else's ensemble of SGD runs into the layout of `compare.layout.schema`.

    Eigenvalues of W are those of its symmetric part (W + Wᵀ)/2: real also where W is only nearly
    symmetric, and for a 2 × 2 W with det W > 0 exactly as far apart as its singular values. Those of
    WᵀW are the squared singular values of W.

    Parameters
    ----------
    path : path-like
        An ``.npz`` file of `numpy.savez`. Only the mapped keys are read, never with pickle.
    mapping : mapping, optional
        Our names (`FIELDS`) to the file's. A string is a key of the file, or, if the file has no such
        key, a number; anything else is the value itself: ``{"weight": "W", "learning_rate": "lr",
        "batch_size": 16, "step": [0, 1000, 2000], "target": 2.0, "matrix": "W"}``.
    format : str, optional
        One of `FORMATS`; ``mapping`` then adds to the format's own and overrides it.
    model : str, optional
        Name of the model trained; default the format's, or "unknown".

    Returns
    -------
    Dataset
        ``eigenvalue`` and, where the file has them, ``weight``; kind "experiment", level "sgd". Times
        come from ``time``, or else ``step``, or else ``epochs``, ``record_every`` and ``batches``.

    Raises
    ------
    TypeError, FileNotFoundError, ValueError
        One line that names the file, what came and what was expected: not an ``.npz`` file, cut
        short, pickled; a missing key; a shape that does not fit; a number that is not finite.
    """
    known = FORMATS["npz" if format is None else _known("format", format, FORMATS)]
    if mapping is not None and not isinstance(mapping, Mapping):
        raise TypeError(f"mapping must be a mapping of our names to the file's, got {type(mapping).__name__}")
    chosen = {**known.mapping, **(mapping or {})}
    for name in chosen:
        _known("name in mapping", name, FIELDS)
    if "eigenvalue" in (mapping or {}) and "weight" not in (mapping or {}):
        chosen.pop("weight", None)
    shared = chosen.pop("shared_data", None)
    source = Mapped(path, chosen)
    try:
        dataset = _assemble(source, known.model if model is None else model)
        if shared is not None:
            dataset.attrs["shared_data"] = ("no", "yes")[shared] if isinstance(shared, bool) else shared
        validate(dataset)
    except np.linalg.LinAlgError:
        raise source.error("weight has numbers too large for their eigenvalues; scale them") from None
    except ValueError as error:
        raise source.error(str(error)) from None
    return dataset


def _assemble(source: Mapped, model: str) -> xr.Dataset:
    learning_rate = source.number("learning_rate")
    batch_size = int(source.number("batch_size", whole=True))
    matrix = _matrix(source)
    variables = _spectra(source, matrix)
    replicas, records, modes = variables["eigenvalue"][1].shape
    time, step = _times(source, learning_rate, records)
    variables["diverged"] = (
        ("replica",),
        np.full(replicas, np.nan),
        _attrs("time at which the replica diverged"),
    )
    variables["diverged"][2]["reason"] = "none: the file holds finite numbers only"
    coords = {
        "replica": ("replica", np.arange(replicas), _attrs("replica")),
        "time": ("time", time, _attrs("time t = α n")),
        "mode": ("mode", np.arange(modes), _attrs("mode, by descending eigenvalue")),
        "target": ("mode", source.per_mode("target", modes), _attrs("eigenvalue without noise")),
        "learning_rate": ((), learning_rate, _attrs("learning rate α")),
        "batch_size": ((), batch_size, _attrs("batch size |B|")),
        "noise_level": ((), learning_rate / batch_size, _attrs("noise level T = α/|B|")),
    }
    if step is not None:
        coords["step"] = ("time", step, _attrs("SGD step n"))
    parameters = {name: source.number(name) for name in PARAMETERS if name in source}
    if "batches" in source:
        parameters["batches"] = int(source.number("batches", whole=True))
    attrs = {
        "kind": "experiment",
        "level": EXPERIMENT,
        "matrix": matrix,
        "model": str(model),
        "parameters": json.dumps(parameters, sort_keys=True),
        "version": installed_version(),
        "source": Path(source.path).name,
    }
    return xr.Dataset(variables, coords, attrs)


def _spectra(source: Mapped, matrix: str) -> dict[str, tuple]:
    """``eigenvalue``, and ``weight`` where the file has it."""
    if ("weight" in source) == ("eigenvalue" in source):
        what = "neither weight nor" if "weight" not in source else "both weight and"
        raise source.error(
            f"{what} eigenvalue is mapped; map one of them to a key: {', '.join(source.keys)[:200]}"
        )
    if "eigenvalue" in source:
        values = -np.sort(-source.array("eigenvalue", "replica, time, mode"), axis=-1)
        return {"eigenvalue": (("replica", "time", "mode"), values, _attrs(f"eigenvalues of {matrix}"))}
    weight = source.array("weight", "replica, time, row, col")
    rows, cols = weight.shape[2:]
    if matrix == "W":
        if rows != cols:
            raise source.error(
                f'weight is {rows} x {cols}; eigenvalues of "W" need a square one, or matrix="WᵀW"'
            )
        values = np.linalg.eigvalsh(weight / 2 + weight.swapaxes(-1, -2) / 2)[..., ::-1]
        label = "eigenvalues of (W + Wᵀ)/2"
    else:
        values = np.zeros((*weight.shape[:2], cols))
        values[..., : min(rows, cols)] = np.linalg.svd(weight, compute_uv=False) ** 2
        label = "eigenvalues of WᵀW"
    return {
        "eigenvalue": (("replica", "time", "mode"), np.ascontiguousarray(values), _attrs(label)),
        "weight": (("replica", "time", "row", "col"), weight, _attrs("weight matrix W")),
    }


def _matrix(source: Mapped) -> str:
    given = source.mapping["matrix"]
    if not isinstance(given, str) or given not in MATRICES:
        raise source.error(f'matrix must be "W" or "WᵀW" (also "WTW"), got {given!r:.60}')
    return MATRICES[given]


def _times(source: Mapped, learning_rate: float, records: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Times t = α n of the records, and the steps n where they are whole numbers."""
    if "time" in source:
        name, time = "time", source.array("time", "time")
        with np.errstate(over="ignore"):
            steps = time / learning_rate
    else:
        name, steps = (
            ("step", source.array("step", "time")) if "step" in source else ("epochs", _epochs(source))
        )
        time = learning_rate * steps
    if len(time) != records:
        raise source.error(f"{name} gives {len(time)} times, but {records} are recorded; map time, or step")
    if time[0] < 0 or (np.diff(time) <= 0).any():
        raise source.error(f"{name} must be >= 0 and increasing, without repeats")
    whole = np.rint(steps)
    near = whole[-1] < 2**53 and np.allclose(steps, whole, rtol=1e-9, atol=1e-6)
    if not near and name != "time":
        raise source.error(f"{name} gives steps that are not whole numbers; map time instead")
    return time, whole.astype(np.int64) if near else None


def _epochs(source: Mapped) -> np.ndarray:
    missing = [name for name in ("epochs", "record_every", "batches") if name not in source]
    if missing:
        raise source.error(
            f"no times: map time, or step, or all of epochs, record_every, batches ({missing[0]} is not)"
        )
    epochs, every, batches = (
        source.number(name, whole=True) for name in ("epochs", "record_every", "batches")
    )
    if epochs / every > 1e7:
        raise source.error(
            f"epochs is {epochs:g}, recorded every {every:g}: more records than any file holds"
        )
    return np.append(np.arange(0, epochs, every), epochs) * batches


def _known(what: str, name: object, names: Mapping[str, Any]) -> str:
    if not isinstance(name, str) or name not in names:
        raise ValueError(unknown(what, name, names))
    return name


def _attrs(label: str) -> dict[str, str]:
    return {"long_name": label, "units": "1"}
