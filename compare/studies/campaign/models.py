"""The models a campaign knows: how each is made and trained, and its levels of theory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

import dyson
import sgd
from compare.studies.rbm.study import LEVELS as RBM_LEVELS, integrate_level, theory_of
from dyson.levels import LEVELS as THEORY
from streams.arguments import count, finite, positive, unknown

CLOSED = tuple(name for name, level in THEORY.items() if not level.sampled)
"""Levels without paths: nothing of them is stored."""


@dataclass(frozen=True)
class Kind:
    """A kind of model.

    Attributes
    ----------
    options : mapping
        Names of its options, and their values where none is given.
    make : callable
        Options to the model that `sgd.train` takes.
    rates : callable
        Model to the relaxation rates of what is learnt.
    levels : tuple of str
        Its levels of theory, from crude to complete.
    theory : callable
        (model, level, weights or None, learning rate, batch size, times, options of the run) to a Dataset.
    """

    options: Mapping[str, Any]
    make: Callable[[Mapping[str, Any]], Any]
    rates: Callable[[Any], np.ndarray]
    levels: tuple[str, ...]
    theory: Callable[..., xr.Dataset]


def make(name: str, table: Mapping[str, Any]) -> Any:
    """The model of a [model] table; TypeError or ValueError where an option is not usable."""
    kind = KINDS[table["kind"]]
    given = {key: value for key, value in table.items() if key != "kind"}
    for key in given:
        if key not in kind.options:
            raise ValueError(f"[model] {name}: {unknown('key', key, ['kind', 'name', *kind.options])}")
    return kind.make({**kind.options, **given})


def relaxation_rates(table: Mapping[str, Any], model: Any) -> np.ndarray:
    """k of the modes that are learnt, per unit time t = α n."""
    return KINDS[table["kind"]].rates(model)


def sampled_levels(table: Mapping[str, Any], levels: Iterable[str]) -> list[str]:
    """The levels with paths that this model has."""
    contrastive = table["kind"] == "rbm" and table.get("model_average") == "contrastive"
    return [x for x in levels if x not in CLOSED and not (x == "matrix" and contrastive)]


def _rbm(options: Mapping[str, Any]) -> sgd.GaussianRBM:
    values = dict(options)
    target = sgd.ring_scalar_field(
        n=count("n_visible", values.pop("n_visible")), mass2=positive("mass2", values.pop("mass2"))
    )
    return sgd.GaussianRBM(target=target, **values)


def _rbm_rates(model: sgd.GaussianRBM) -> np.ndarray:
    from compare.studies.scaling.study import learnt_multiplets, rates

    return rates(model, learnt_multiplets(model))


def _rbm_theory(model, level, weight, learning_rate, batch_size, times, seed, workers) -> xr.Dataset:
    sde = theory_of(model, learning_rate / batch_size)
    if level == "pair":
        return dyson.pair(sde)
    return integrate_level(
        level, sde, weight @ model.basis, times, seed=seed, solver="bond-splitting", dt=None, workers=workers
    )


def _linear(options: Mapping[str, Any]) -> sgd.LinearNetwork:
    teacher = np.diag(finite("teacher", options["teacher"], (1,)))
    output = options["output"]
    return sgd.LinearNetwork(
        teacher,
        output=None if output is None else np.diag(finite("output", output, (1,))),
        noise=options["noise"],
        eps=options["eps"],
        data=options["data"],
    )


def _linear_law(model: sgd.LinearNetwork, learning_rate: float, batch_size: int) -> dyson.LinearSGD:
    names = ("teacher", "output", "noise", "eps", "data")
    values = {name: getattr(model, name) for name in names}
    return dyson.LinearSGD(learning_rate=learning_rate, batch_size=batch_size, **values)


def _linear_rates(model: sgd.LinearNetwork) -> np.ndarray:
    z = np.ones(len(model.teacher)) if model.output is None else np.diag(model.output)
    return z**2


def _linear_theory(model, level, weight, learning_rate, batch_size, times, seed, workers) -> xr.Dataset:
    if level == "matrix":
        law = _linear_law(model, learning_rate, batch_size)
        return law.sample(times, replicas=len(weight), seed=seed, initial=weight)
    from dyson import derive

    noise = {"isotropic": "isotropic", "label": "label" if model.data == "exact" else "minibatch-label"}
    if model.noise not in noise or (model.noise == "isotropic" and model.data == "batch"):
        raise ValueError(
            f"level {level} of a linear network knows noise 'isotropic' with data 'exact', and 'label', got "
            f"{model.noise!r} with data {model.data!r}; leave the level out of theory.levels"
        )
    values = {"teacher": np.diag(model.teacher), "eps": model.eps}
    values |= {} if model.output is None else {"Z": np.diag(model.output)}
    matrix_sde = derive.library.linear_network(noise[model.noise], output=model.output is not None)
    sde = derive.bind(matrix_sde, noise_level=learning_rate / batch_size, **values)
    if level == "pair":
        return dyson.pair(sde)
    start = np.linalg.svd(weight, compute_uv=False) ** 2
    return dyson.integrate(sde, start, times, seed=seed, workers=workers)


KINDS = {
    "rbm": Kind(
        {
            "n_visible": 10,
            "mass2": 4.0,
            "n_hidden": 10,
            "mu2": 9.0,
            "sigma_h": 1.0,
            "model_average": "independent",
            "sweeps": 3,
            "data": "exact",
        },
        _rbm,
        _rbm_rates,
        RBM_LEVELS,
        _rbm_theory,
    ),
    "linear": Kind(
        {
            "teacher": [math.sqrt(2.0)] * 2,
            "output": None,
            "noise": "isotropic",
            "eps": 0.3,
            "data": "exact",
        },
        _linear,
        _linear_rates,
        ("pair", "dyson", "matrix"),
        _linear_theory,
    ),
}


def theory(
    table: Mapping[str, Any], model, level, weight, learning_rate, batch_size, times, seed=0, workers=1
) -> xr.Dataset:
    """One level of theory, from the first weights of as many models as there are to be paths."""
    kind = KINDS[table["kind"]]
    return kind.theory(model, level, weight, learning_rate, batch_size, times, seed, workers)


LEVELS = tuple(name for name in THEORY if any(name in kind.levels for kind in KINDS.values()))
"""Levels of theory that a campaign may name."""
