"""The exact value of a parsed expression, for explicit SymPy scalars and matrices: a stack machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy

from dyson.language.grammar import Expression, Step
from dyson.language.values import CALLS, OPERATORS, explicit, limit
from streams.arguments import one_line, shown


def evaluate(expression: Expression, values: Mapping[str, Any]) -> Any:
    """The exact value of an expression; nothing is simplified or expanded.

    Parameters
    ----------
    expression : Expression
        As `dyson.language.grammar.parse` returns it.
    values : mapping of str to sympy.Expr or sympy.Matrix
        A value for each of the expression's names; others are ignored.

    Returns
    -------
    sympy.Expr or sympy.ImmutableMatrix
        A 1×1 matrix that comes from a product is returned as a scalar.

    Raises
    ------
    ValueError
        For shapes that do not fit, a singular inverse, a function of a matrix that is not diagonal, an
        infinite or undefined value, one that grows beyond the limits of `dyson.language.values` (constant
        exponents above 16, say), or a missing value.
    TypeError
        For a value that is neither a SymPy scalar nor an explicit SymPy matrix.
    """
    missing = sorted(expression.names - set(values))
    if missing:
        raise ValueError(f"{expression.what}: no value for {shown(missing[0])}; give one for each name used")
    known = {name: explicit(f"the value of {name}", values[name]) for name in expression.names}
    stack: list[Any] = []
    sizes: dict[sympy.Basic, int] = {}
    for step in expression.steps:
        try:
            stack.append(_result(step, stack, known))
            limit(stack[-1], sizes)
        except ValueError as error:
            part = shown(expression.text[step.start : step.stop])
            raise expression.error(step.start, f"{one_line(error)[:160]}, in {part}") from None
    return stack.pop()


def _result(step: Step, stack: list[Any], known: Mapping[str, Any]) -> Any:
    """What a step makes of the top of the stack, which it takes off."""
    if step.kind == "binary":
        right, left = stack.pop(), stack.pop()
        return OPERATORS[step.what](left, right)
    if step.kind == "call":
        return CALLS[step.what](stack.pop())
    if step.kind == "number":
        return sympy.Rational(step.what.numerator, step.what.denominator)
    return known[step.what]
