"""The value of what a user wrote, a text or a Python function, at explicit matrices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sympy

from dyson.derive.declaration import require_arguments
from dyson.derive.matrix_sde import MatrixSDE, Text
from dyson.language.evaluation import evaluate
from dyson.language.values import explicit, limit
from streams.arguments import one_line, shown


def value_of(sde: MatrixSDE, text: str, what: str, values: Mapping[str, Any]) -> Any:
    """A covariance, memory, noise or observable, in which no sample occurs."""
    return evaluate(sde.expression(text, what), values)


def per_sample(sde: MatrixSDE, given: Text, what: str, values: Mapping[str, Any]) -> Any:
    """A loss or gradient, in which samples occur: a text, or a function of the names that it asks for."""
    if callable(given):
        return _called(given, values, what)
    return evaluate(sde.expression(given, what, sampled=True), values)


def _called(function: Callable, values: Mapping, what: str) -> sympy.Expr:
    """What a loss or gradient that is a Python function gives for explicit matrices.

    Raises
    ------
    TypeError, ValueError
        If it fails, gives nothing finite, or brings in symbols of its own.
    """
    taken = {name: values[name] for name in require_arguments(function, values)}
    try:
        value = function(**taken)
    except Exception as error:
        raise ValueError(
            f"{what}, a Python function, failed at explicit matrices {', '.join(taken)}: "
            f"{type(error).__name__}: {one_line(error)[:160]}"
        ) from error
    value = explicit(f"what the function {what} returns", value)
    limit(value, {})
    known = {s for v in taken.values() for s in getattr(v, "free_symbols", ())}
    strange = sorted(str(s) for s in value.free_symbols - known)
    if strange:
        raise ValueError(f"{what}, a Python function, brings in {shown(strange[0])}: declare it")
    return value
