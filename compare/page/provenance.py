"""Where the numbers come from: parameters, seeds, versions, what was lost on the way."""

from __future__ import annotations

import json
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import xarray as xr

from compare.plots.growth import span
from compare.plots.scene import Scene, Side
from compare.plots.spectrum import count

MODELS = {
    "gaussian_rbm": "Gaussian RBM",
    "teacher_student": "teacher–student network",
    "linear_network": "linear network",
    "activation_network": "network with activations",
}
PACKAGES = ("dyson-sgd", "numpy", "xarray", "numba", "scipy", "zarr", "matplotlib")
KNOWN = ("kind", "level", "matrix", "model", "parameters", "seed", "version")
MOST_NUMBERS = 24
MOST_LETTERS = 300


def model_name(view: Scene) -> str:
    """The model in words."""
    name = view.experiment.data.attrs["model"]
    return MODELS.get(name, name.replace("_", " "))


def facts(view: Scene) -> list[tuple[str, str]]:
    """Name and value of everything that defines the experiment."""
    ds = view.experiment.data
    found = [("model", model_name(view)), ("eigenvalues of", ds.attrs["matrix"])]
    for name, label in (
        ("learning_rate", "learning rate α"),
        ("batch_size", "batch size |B|"),
        ("noise_level", "noise level T = α/|B|"),
    ):
        if name in ds.coords:
            found.append((label, f"{float(ds[name]):.10g}"))
    if "step" in ds.coords:
        found.append(("SGD steps", str(int(ds["step"].values[-1]))))
    found.append(
        ("recorded times", f"{ds.sizes['time']}, t = {ds['time'].values[0]:g} to {ds['time'].values[-1]:g}")
    )
    found.append(("stationary window", f"t ≥ {float(view.experiment.statistics['window_start']):g}"))
    found += [(key, text(value)) for key, value in flat(json.loads(ds.attrs["parameters"])).items()]
    return found


def sides(view: Scene) -> list[dict[str, object]]:
    """Each side's replicas, losses, seed, version and other attributes."""
    return [
        {
            "name": side.name,
            "replicas": str(side.data.sizes["replica"]) if side.sampled else "closed form",
            "diverged": diverged(side),
            "seed": side.data.attrs.get("seed", "–"),
            "version": side.data.attrs["version"],
            "more": ", ".join(f"{k} = {text(v)}" for k, v in side.data.attrs.items() if k not in KNOWN),
        }
        for side in (view.experiment, *view.theory.values())
    ]


def lost_replicas(side: Side) -> int:
    """How many replicas diverged."""
    return int((~np.isnan(side.data["diverged"].values)).sum()) if side.sampled else 0


def diverged(side: Side) -> str:
    """How many replicas diverged, when, and why."""
    lost = lost_replicas(side)
    if not side.sampled:
        return "–"
    if lost == 0:
        return "none"
    when = side.data["diverged"].values
    reason = text(side.data["diverged"].attrs.get("reason", "")).strip()
    told = f"{lost} of {count(side.data.sizes['replica'], 'replica')} diverged {span(when[~np.isnan(when)])}"
    return f"{told} ({reason})" if reason else told


def notes(tree: xr.DataTree) -> list[str]:
    """What was left out or allowed when the tree was made."""
    found = tree.attrs.get("notes", [])
    found = [found] if isinstance(found, str) else list(found)
    allowed = tree.attrs.get("allowed_to_differ", [])
    if len(allowed):
        allowed = [allowed] if isinstance(allowed, str) else list(allowed)
        found.append(f"Experiment and theory were allowed to differ in {', '.join(map(str, allowed))}.")
    return [str(note) for note in found]


def made_with() -> list[tuple[str, str]]:
    """Time and versions of what made this page."""
    found = [
        ("page made", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")),
        ("python", platform.python_version()),
    ]
    for package in PACKAGES:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            found.append((package, "unknown"))
    return found


def flat(values: dict, prefix: str = "") -> dict[str, object]:
    """Nested parameters with dotted names."""
    found: dict[str, object] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def text(value: object) -> str:
    """A parameter as text: short numbers, long lists cut."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        shown = str(value)
    elif isinstance(value, int | float | np.number):
        shown = f"{value:.10g}"
    elif isinstance(value, list | tuple | np.ndarray):
        items = list(value)
        if items and all(isinstance(v, list) for v in items):
            return f"{len(items)} × {len(items[0])} numbers, in data.zarr"
        shown = ", ".join(short(v) for v in items[:MOST_NUMBERS])
        shown = f"[{shown}{f', … {len(items)} in all' if len(items) > MOST_NUMBERS else ''}]"
    else:
        shown = str(value)
    return shown if len(shown) <= MOST_LETTERS else shown[: MOST_LETTERS - 1] + "…"


def short(value: object) -> str:
    """One entry of a list."""
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return f"{value:.6g}" if number else str(value)
