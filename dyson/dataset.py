"""The one place where results of this package become xarray Datasets (docs/schema.md)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
import xarray as xr

from dyson.sde import EigenvalueSDE
from streams.version import installed_version

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
    return {
        "kind": "theory",
        "level": level,
        "matrix": sde.matrix,
        "model": sde.model,
        "parameters": json.dumps(dict(sde.parameters)),
        "version": installed_version(),
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


class Network(Protocol):
    """What a Dataset needs to know of a network's theory."""

    model: ClassVar[str]

    @property
    def learning_rate(self) -> float: ...

    @property
    def batch_size(self) -> int: ...

    @property
    def momentum(self) -> float: ...

    @property
    def noise_level(self) -> float: ...

    @property
    def matrix(self) -> str: ...

    @property
    def target(self) -> np.ndarray: ...

    def parameters(self) -> Mapping[str, Any]: ...


def network_dataset(
    network: Network,
    times: np.ndarray,
    step: np.ndarray | None,
    eigenvalue: np.ndarray,
    weight: np.ndarray | None,
    **attrs: str,
) -> xr.Dataset:
    """Sampled spectra (replica, time, mode) of a network that cannot diverge, level "matrix".

    ``step`` (time,) are whole SGD steps, None in continuous time; ``weight`` (replica, time, row, col).
    """

    def named(dims, values, long_name: str, **more: str) -> tuple:
        return (dims, values, {"long_name": long_name, "units": "1", **more})

    slowed = " / (1 - momentum)" if network.momentum else ""
    never = np.full(len(eigenvalue), np.nan)
    when = "time at which the replica diverged (NaN: it did not)"
    variables = {
        "eigenvalue": named(("replica", "time", "mode"), eigenvalue, f"eigenvalue of {network.matrix}"),
        "diverged": named("replica", never, when, reason="none: the law is stable"),
    }
    if weight is not None:
        variables["weight"] = named(("replica", "time", "row", "col"), weight, "weight matrix W")
    coords = {
        "replica": named("replica", np.arange(len(eigenvalue)), "replica"),
        "time": named("time", times, f"time t = learning rate × step{slowed}"),
        "mode": named("mode", np.arange(eigenvalue.shape[-1]), "mode, by descending eigenvalue"),
        "target": named("mode", network.target, "eigenvalue without noise"),
        "learning_rate": named((), network.learning_rate, "learning rate α"),
        "batch_size": named((), network.batch_size, "batch size |B|"),
        "noise_level": named((), network.noise_level, "noise level T = learning rate / batch size"),
    }
    if step is not None:
        coords["step"] = named("time", step, "number of SGD steps")
    return xr.Dataset(
        variables,
        coords,
        {
            "kind": "theory",
            "level": "matrix",
            "matrix": network.matrix,
            "model": network.model,
            "parameters": json.dumps(dict(network.parameters())),
            "version": installed_version(),
            **attrs,
        },
    )
