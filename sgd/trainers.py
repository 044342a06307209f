"""Who trains which model: a table for the models of this package; others bring a trainer of their own.

The table has names instead of imports. So no model knows what trains it, and kernels are compiled when
somebody trains, not when somebody imports `sgd`.
"""

from __future__ import annotations

from importlib import import_module

from sgd.members import NEEDED, require, require_trainer
from sgd.optimiser import Optimiser
from sgd.protocol import Model, Trainer
from streams.arguments import choice, shown

COMPILED = "numba"
"""The backend that every model of this package has, and that is taken where none is asked for."""

TRAINERS = {
    ("sgd.activation.model:ActivationNetwork", COMPILED): "sgd.activation.trainer:ActivationTrainer",
    ("sgd.linear.model:LinearNetwork", COMPILED): "sgd.linear.trainer:LinearTrainer",
    ("sgd.rbm.model:GaussianRBM", COMPILED): "sgd.rbm.trainer:RBMTrainer",
}
"""(class of the model, backend) → what makes the trainer, called with (model, optimiser, seed)."""


def require_trainable(model: object, what_for: str) -> None:
    """TypeError unless the model has all that training needs; one line that names what it lacks."""
    require(model, what_for, NEEDED if _backends(model) else (*NEEDED, "trainer"))


def trainer_of(model: Model, optimiser: Optimiser, seed: int, backend: str | None = None) -> Trainer:
    """What carries the model through its steps: its own trainer, or that of the table.

    Parameters
    ----------
    seed : int
        Of the run, for what all replicas share.
    backend : str, optional
        What the steps are computed with, for a model of this package; by default compiled by numba.

    Raises
    ------
    TypeError, ValueError
        If the model has no such trainer, or the trainer refuses what it is asked for.
    """
    own = getattr(model, "trainer", None)
    if own is None:
        known = _backends(model)
        chosen = choice("backend", COMPILED if backend is None else backend, known)
        module, name = known[chosen].split(":")
        return getattr(import_module(module), name)(model, optimiser, seed)
    if backend is not None:
        raise ValueError(
            f"backend must be left out for {type(model).__name__}, which has a trainer of its own, got "
            f"{shown(backend)}"
        )
    trainer = own(optimiser, seed)
    require_trainer(trainer, model)
    return trainer


def _backends(model: object) -> dict[str, str]:
    """Backend → trainer of the nearest class of the model that the table knows."""
    for cls in type(model).__mro__:
        name = f"{cls.__module__}:{cls.__qualname__}"
        found = {backend: trainer for (of, backend), trainer in TRAINERS.items() if of == name}
        if found:
            return found
    return {}
