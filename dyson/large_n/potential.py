"""Confining potentials: read from text without ``eval``, or given as functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.arguments import shown

Array = NDArray[np.float64]
Function = Callable[[Array], Array]

NODES, WEIGHTS = np.polynomial.legendre.leggauss(40)


@dataclass(frozen=True, eq=False)
class Potential:
    """V on [low, high], as `equilibrium` uses it.

    Attributes
    ----------
    name : str
        The text, or what the function calls itself.
    value : callable, (n,) -> (n,)
        V(x); +∞ is allowed.
    slope : callable or None
        V'(x); None where only V is known: it is then differentiated on each cut.
    low, high : float
        Walls; ∓∞ where there is none.
    """

    name: str
    value: Function
    slope: Function | None
    low: float = -math.inf
    high: float = math.inf


def potential_of(
    potential: object,
    slope: object = None,
    parameters: Mapping[str, float] | None = None,
    low: object = None,
    high: object = None,
) -> Potential:
    """What callers give as a potential, checked; see `dyson.equilibrium` for the arguments.

    Raises
    ------
    TypeError, ValueError
        For a potential that is no text or function, text outside the grammar, or walls out of order.
    """
    left, right = _wall("low", low, -math.inf), _wall("high", high, math.inf)
    if not left < right:
        raise ValueError(f"walls need low < high, got low = {left:g} and high = {right:g}")
    if slope is not None and not callable(slope):
        raise TypeError(f"slope must be a function of x, V'(x), got {shown(slope)}")
    if parameters is not None and not isinstance(potential, str):
        raise ValueError("parameters are for a potential given as text; put the numbers into the function")
    if isinstance(potential, str):
        if slope is not None:
            raise ValueError("slope is for a potential given as a function; text is differentiated exactly")
        return Potential(potential, *_formula(potential, parameters or {}), left, right)
    if isinstance(potential, np.polynomial.Polynomial):
        return Potential(str(potential), _checked(potential), _checked(potential.deriv()), left, right)
    if potential is None and callable(slope):
        force = _checked(slope)
        origin = min(max(0.0, left), right)
        return Potential("∫ slope", _integral(force, origin), force, left, right)
    if not callable(potential):
        raise TypeError(
            f"potential must be text such as 'x**4/4 - x**2', or a function V(x), got {shown(potential)}"
        )
    return Potential(
        getattr(potential, "__name__", "V"),
        _checked(potential),
        None if slope is None else _checked(slope),
        left,
        right,
    )


def _wall(name: str, value: object, absent: float) -> float:
    if value is None or value == absent:
        return absent
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, or None for no wall, got {shown(value)}")
    return float(value)


def _formula(text: str, parameters: Mapping[str, float]) -> tuple[Function, Function]:
    """V and V' of a text; SymPy is imported for texts alone."""
    import sympy

    from dyson.language.grammar import parse
    from dyson.language.numerical import numerical

    if "x" in parameters:
        raise ValueError("parameters may not contain 'x', which is the variable of the potential")
    place = sympy.Symbol("x", real=True)
    values: dict[str, Any] = {"x": place}
    for name, value in parameters.items():
        if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
            raise ValueError(f"parameter {shown(name)} must be a finite number, got {shown(value)}")
        values[name] = sympy.Rational(float(value))
    result = parse(text, values, "potential").evaluate(values)
    if not isinstance(result, sympy.Expr) or getattr(result, "is_Matrix", False):
        raise ValueError(f"potential must be a number for each x, got {shown(text)}")
    if result.has(sympy.I):
        raise ValueError(f"potential must be real, got {shown(text)}")
    return _quiet(numerical(result, "potential")), _quiet(numerical(result.diff(place), "slope"))


def _quiet(function: Callable[[Mapping[str, Array]], Array]) -> Function:
    def evaluate(x: Array) -> Array:
        # what overflows is infinite, and what is undefined comes back as NaN for the caller to judge
        with np.errstate(all="ignore"):
            return np.array(function({"x": np.asarray(x, dtype=float)}))

    return evaluate


def _checked(function: Any) -> Function:
    def evaluate(x: Array) -> Array:
        x = np.asarray(x, dtype=float)
        with np.errstate(all="ignore"):
            result = np.asarray(function(x))
        if result.shape != x.shape or result.dtype.kind not in "iuf":
            raise ValueError(
                f"potential and slope must map an array to real numbers of its shape {x.shape}, "
                f"got {result.dtype} of shape {result.shape}"
            )
        return result.astype(float)

    return evaluate


def _integral(slope: Function, origin: float) -> Function:
    """∫ slope from ``origin`` outwards, from point to point of the sorted argument, by Gauss–Legendre."""

    def evaluate(x: Array) -> Array:
        x = np.asarray(x, dtype=float)
        points, back = np.unique(np.append(x.ravel(), origin), return_inverse=True)
        half = np.diff(points) / 2
        at = points[:-1, None] + half[:, None] * (1 + NODES)
        with np.errstate(over="ignore", invalid="ignore"):
            parts = half * (slope(at.ravel()).reshape(at.shape) @ WEIGHTS)
            start = np.searchsorted(points, origin)
            above, below = np.cumsum(parts[start:]), np.cumsum(parts[:start][::-1])[::-1]
        total = np.concatenate([-below, [0.0], above])
        return total[back.ravel()[:-1]].reshape(x.shape)

    return evaluate
