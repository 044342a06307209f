"""SymPy expressions evaluated by NumPy, operation by operation: no generated code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy

FUNCTIONS: dict[Any, Callable] = {
    sympy.exp: np.exp,
    sympy.log: np.log,
    sympy.sin: np.sin,
    sympy.cos: np.cos,
    sympy.tan: np.tan,
    sympy.sinh: np.sinh,
    sympy.cosh: np.cosh,
    sympy.tanh: np.tanh,
    sympy.Abs: np.abs,
    sympy.sign: np.sign,
}


def numerical(expression: sympy.Expr, what: str) -> Callable[[Mapping[str, np.ndarray]], np.ndarray]:
    """A function of the symbols' values by name, broadcast against ``x``; common parts are computed once.

    Raises
    ------
    ValueError
        For an operation that NumPy is not known to have.
    """
    # no name that a user types begins so
    parts, (whole,) = sympy.cse([expression], symbols=sympy.numbered_symbols("_"))
    for node in sympy.preorder_traversal(expression):
        known = node.is_Number or node.is_NumberSymbol or node.is_Symbol or node.is_Add or node.is_Mul
        if not (known or node.is_Pow or node.func in FUNCTIONS):
            raise ValueError(f"the {what} has {str(node)[:60]}, which cannot be evaluated in numbers")

    def evaluate(values: Mapping[str, np.ndarray]) -> np.ndarray:
        known = dict(values)
        for symbol, part in parts:
            known[symbol.name] = _value(part, known)
        return np.broadcast_to(np.asarray(_value(whole, known), float), np.shape(values["x"]))

    return evaluate


def _value(node: sympy.Expr, known: Mapping[str, Any]) -> Any:
    if node.is_Symbol:
        return known[node.name]
    if node.is_Number or node.is_NumberSymbol:
        return float(node)
    arguments = [_value(part, known) for part in node.args]
    if node.is_Add:
        return sum(arguments[1:], arguments[0])
    if node.is_Mul:
        result = arguments[0]
        for factor in arguments[1:]:
            result = result * factor
        return result
    if node.is_Pow:
        return _power(arguments[0], node.exp, arguments[1])
    return FUNCTIONS[node.func](arguments[0])


def _power(base: Any, exponent: sympy.Expr, value: Any) -> Any:
    """Small whole powers by multiplication, which is exact to rounding and fast."""
    if not (exponent.is_Integer and 0 < abs(int(exponent)) <= 16):
        return np.sqrt(base) if exponent == sympy.Rational(1, 2) else np.power(base, value)
    result: Any = base
    for bit in f"{abs(int(exponent)):b}"[1:]:
        result = result * result * (base if bit == "1" else 1.0)
    return result if exponent > 0 else 1.0 / result
