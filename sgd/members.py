"""Whether a model has what is asked of it, and what is taken for members that it may lack."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from sgd.protocol import Layers, Model, OptionalMembers, Trainer
from streams.arguments import shown

_ABSENT = object()


def _public(*protocols: type) -> dict[str, Any]:
    return {name: member for p in protocols for name, member in vars(p).items() if not name.startswith("_")}


NEEDED = tuple(_public(Model))
"""Names of the members that every model has."""

_OF_MODELS, _OF_TRAINERS = _public(Model, OptionalMembers), _public(Trainer)


def _nothing_to_check(layers: Layers) -> None:
    """Defined at all weights."""


def _independent_samples(weights: np.ndarray) -> int:
    return 1


DEFAULTS: dict[str, Any] = {
    "leaves_zero": True,
    "symmetric": False,
    "shared_data": False,
    "check_weights": _nothing_to_check,
    "default_updates": _independent_samples,
}
"""What is taken where a model lacks an optional member."""


def require(model: object, what_for: str, names: Iterable[str] = NEEDED) -> None:
    """TypeError unless the model has these members; one line that names those it lacks, and its class.

    Parameters
    ----------
    what_for : str
        Who asks, such as "sgd.train".
    names : iterable of str
        Members of `Model` or `OptionalMembers`.
    """
    if isinstance(model, type):
        raise TypeError(
            f"model must be one model, got the class {model.__name__}; make one: {model.__name__}(...)"
        )
    lacking = _lacking(model, {name: _OF_MODELS[name] for name in names})
    if lacking:
        raise TypeError(
            f"model must have what {what_for} needs, as GaussianRBM or LinearNetwork have: "
            f"{type(model).__name__} lacks {', '.join(lacking)}; see sgd.Model and sgd.OptionalMembers"
        )


def require_trainer(trainer: object, model: object) -> None:
    """TypeError unless a model's own trainer is one."""
    lacking = _lacking(trainer, _OF_TRAINERS)
    if lacking:
        raise TypeError(
            f"trainer() of {type(model).__name__} must return a trainer: {type(trainer).__name__} lacks "
            f"{', '.join(lacking)}; see sgd.Trainer"
        )


def optional(model: object, name: str) -> Any:
    """A member that the model may lack, or its default; without a default it is to be required first."""
    return getattr(model, name, DEFAULTS.get(name))


def shapes_of(model: Model) -> tuple[tuple[int, int], ...]:
    """The model's ``shapes``; TypeError where they are not pairs of numbers."""
    try:
        return tuple((int(rows), int(columns)) for rows, columns in model.shapes)
    except (TypeError, ValueError):
        raise TypeError(
            "model.shapes must be pairs of rows and columns, one a trained layer, such as ((3, 4),), got "
            f"{shown(model.shapes)}"
        ) from None


def _lacking(subject: object, members: Mapping[str, Any]) -> list[str]:
    """Names of members it does not have, methods with brackets."""
    return [
        f"{name}()" if callable(member) else name
        for name, member in members.items()
        if not _has(subject, name, callable(member))
    ]


def _has(subject: object, name: str, method: bool) -> bool:
    if method:
        return callable(getattr(subject, name, None))
    # a property may be costly: it is looked for, not computed
    return inspect.getattr_static(subject, name, _ABSENT) is not _ABSENT or hasattr(subject, name)
