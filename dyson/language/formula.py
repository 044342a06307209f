"""A real function of x given as text, with its derivative: exact in SymPy, evaluated in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import sympy

from dyson.language.evaluation import evaluate
from dyson.language.grammar import parse
from dyson.language.numerical import numerical
from streams.arguments import shown


class Formula:
    """f(x) and f'(x) of a text in x and the names of parameters, for arrays x of any shape.

    What overflows is infinite, and what is undefined is NaN, without a warning.

    Parameters
    ----------
    text : str
        In the language of `dyson.language.grammar`.
    parameters : mapping of str to ndarray
        Finite numbers, exact where they are 0-dimensional; arrays are broadcast against x.
    what : str
        What errors call it.

    Raises
    ------
    ValueError
        For a text outside the grammar, or one whose value is no real number.
    """

    def __init__(self, text: str, parameters: Mapping[str, np.ndarray], what: str) -> None:
        self.x, self.what = sympy.Symbol("x", real=True), what
        values = {"x": self.x, **{name: _exact(name, array) for name, array in parameters.items()}}
        whole = evaluate(parse(text, values, what), values)
        if isinstance(whole, sympy.MatrixBase) or whole.has(sympy.I):
            raise ValueError(
                f"{what} must be a real number for each x, no matrix and without i, got {shown(text)}"
            )
        self.arrays = {name: array for name, array in parameters.items() if array.ndim}
        self.slope = sympy.diff(whole, self.x)
        self._value = numerical(whole, what)
        self._derivative = numerical(self.slope, f"derivative of the {what}")

    def value(self, x: np.ndarray) -> np.ndarray:
        """f(x)."""
        return self._at(self._value, x)

    def derivative(self, x: np.ndarray) -> np.ndarray:
        """f'(x)."""
        return self._at(self._derivative, x)

    def curvature(self, x: np.ndarray) -> np.ndarray | None:
        """f''(x) where it is the same at every x, as for a parabola; else None."""
        second = sympy.simplify(sympy.diff(self.slope, self.x))
        return None if second.has(self.x) else self._at(numerical(second, f"curvature of the {self.what}"), x)

    def _at(self, function: Callable[[Mapping[str, np.ndarray]], np.ndarray], x: np.ndarray) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.array(function({**self.arrays, "x": np.asarray(x, dtype=float)}))


def _exact(name: str, array: np.ndarray) -> sympy.Expr:
    return sympy.Symbol(name, real=True) if array.ndim else sympy.Rational(float(array))
