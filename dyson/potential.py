"""The potential of a Coulomb gas: a text or functions, between two walls; for n particles and for n → ∞."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from streams.arguments import finite, shown

Array = NDArray[np.float64]
Function = Callable[[Array], Array]
Described = str | np.polynomial.Polynomial | Function
"""What callers may give as a potential."""

EVERYWHERE = (-math.inf, math.inf)
STEP, CLOSE = 1e-5, 1e-3
"""Of the difference quotient that a derivative is held against, and how far it may differ."""
NODES, WEIGHTS = np.polynomial.legendre.leggauss(40)


@dataclass(frozen=True, eq=False)
class Potential:
    """V(x), or V_i(x_i) of n particles, between two walls.

    Attributes
    ----------
    text : str
        The text, or what the function calls itself.
    value : callable
        V, an array of the shape of its argument: (..., n) if V_i differs between particles. +∞ is allowed.
    derivative : callable or None
        V'; None where only V is known.
    walls : (float, float)
        The lower and the upper one; infinite where there is none.
    center, width : ndarray, shape (n,), or None
        Where V_i = (x − center_i)²/(2 width_i²), and is known to be.
    """

    text: str
    value: Function
    derivative: Function | None
    walls: tuple[float, float] = EVERYWHERE
    center: Array | None = None
    width: Array | None = None

    @property
    def low(self) -> float:
        """The lower wall."""
        return self.walls[0]

    @property
    def high(self) -> float:
        """The upper wall."""
        return self.walls[1]

    def require_derivative(self) -> Function:
        """V'; ValueError where only V is known."""
        if self.derivative is None:
            raise ValueError("a potential that is a function needs derivative=..., its V'(x), here")
        return self.derivative

    @classmethod
    def of(
        cls,
        potential: Described | None,
        derivative: Function | None = None,
        parameters: Mapping[str, ArrayLike] | None = None,
        walls: tuple[float, float] = EVERYWHERE,
        particles: int | None = None,
    ) -> Self:
        """What callers give as a potential, checked.

        Parameters
        ----------
        potential : str, numpy.polynomial.Polynomial, callable or None
            V: a text in x and the names of ``parameters`` (`dyson.language.grammar`), a polynomial, or a
            function of an array; None, without ``particles``, with a derivative alone, which is integrated.
        derivative : callable, optional
            V' of a potential that is a function.
        parameters : mapping, optional
            Numbers, or with ``particles`` arrays (n,), by their names in the text.
        walls : (float, float)
            The lower and the upper one; infinite where there is none.
        particles : int, optional
            n, where V may differ between particles: functions then map (..., n) to (..., n), and parabolas
            are known as such.

        Raises
        ------
        TypeError, ValueError
            For anything else, text outside the grammar, walls out of order, or a derivative that is not that
            of the potential.
        """
        ends = checked_walls(walls)
        if derivative is not None and not callable(derivative):
            raise TypeError(f"derivative must be a function of x, V'(x), got {shown(derivative)}")
        exact = isinstance(potential, str | np.polynomial.Polynomial)
        if exact and derivative is not None:
            raise ValueError(
                "derivative is for a potential given as a function; a text or polynomial is differentiated "
                "exactly: leave derivative out"
            )
        if isinstance(potential, str):
            return cls._of_text(potential, parameters or {}, ends, particles)
        if parameters is not None:
            raise ValueError(
                "parameters are for a potential given as text; put the numbers into the function"
            )
        if isinstance(potential, np.polynomial.Polynomial):
            return cls._of_polynomial(potential, ends, particles)
        if potential is None and derivative is not None and particles is None:
            slope = _checked("derivative", derivative)
            origin = min(max(0.0, ends[0]), ends[1])
            return cls("∫ derivative", _integral(slope, origin), slope, ends)
        if not callable(potential):
            raise TypeError(
                f"potential must be text such as 'x**4/4 - x**2', or a function V(x), got {shown(potential)}"
            )
        return cls._of_functions(potential, derivative, ends, particles)

    @classmethod
    def quadratic(cls, center: Array, width: Array, walls: tuple[float, float] = EVERYWHERE) -> Self:
        """V_i = (x − center_i)²/(2 width_i²)."""
        return cls(
            "(x - c)**2/(2*s**2)",
            lambda x: 0.5 * ((x - center) / width) ** 2,
            lambda x: (x - center) / width**2,
            walls,
            center,
            width,
        )

    @classmethod
    def _of_text(
        cls, text: str, parameters: object, walls: tuple[float, float], particles: int | None
    ) -> Self:
        from dyson.language.formula import Formula  # SymPy is imported for texts alone

        formula = Formula(text, _numbers(parameters, particles), "potential")
        found = cls(text, formula.value, formula.derivative, walls)
        if particles is None:
            return found
        return found._parabola(formula.curvature(np.zeros(particles)), particles)

    @classmethod
    def _of_polynomial(
        cls, potential: np.polynomial.Polynomial, walls: tuple[float, float], particles: int | None
    ) -> Self:
        first, second = potential.deriv(), potential.deriv(2)
        found = cls(str(potential), _checked("potential", potential), _checked("derivative", first), walls)
        if particles is None or np.any(second.coef[1:]):
            return found
        return found._parabola(second(np.zeros(particles)), particles)

    @classmethod
    def _of_functions(
        cls, potential: Any, derivative: Any, walls: tuple[float, float], particles: int | None
    ) -> Self:
        name, value = getattr(potential, "__name__", "V"), _checked("potential", potential)
        if derivative is None:
            return cls(name, value, None, walls)
        slope = _checked("derivative", derivative)
        _require_derivative(value, slope, probes(walls, particles))
        return cls(name, value, slope, walls)

    def _parabola(self, curvature: Array | None, n: int) -> Self:
        """The same with center and width, if it is a parabola that confines every particle."""
        if curvature is None:
            return self
        with np.errstate(all="ignore"):
            center = -self.require_derivative()(np.zeros(n)) / curvature
        if not (np.isfinite(center).all() and (curvature > 0).all()):
            return self
        return replace(self, center=center, width=1 / np.sqrt(curvature))


def checked_walls(walls: object) -> tuple[float, float]:
    """Two ends of the line, the lower one first; ValueError otherwise."""
    ends = tuple(walls) if isinstance(walls, tuple | list | np.ndarray) else ()
    numbers = all(isinstance(end, Real) and not isinstance(end, bool) for end in ends)
    if len(ends) != 2 or not numbers:
        raise ValueError(
            f"walls must be two numbers, the lower and the upper one, ∓inf for none, got {shown(walls)}"
        )
    low, high = (float(end) for end in ends)
    if not low < high or low == math.inf or high == -math.inf:
        raise ValueError(f"walls must be two numbers, the lower one first, got {shown(walls)}")
    return low, high


def _numbers(parameters: object, particles: int | None) -> dict[str, Array]:
    if not isinstance(parameters, Mapping):
        raise TypeError(f"parameters must be a mapping by name, got {shown(parameters)}")
    if "x" in parameters:
        raise ValueError("parameters must not hold x, the variable of the potential; choose another name")
    ndim = (0,) if particles is None else (0, 1)
    found = {name: finite(f"parameter {shown(name)}", value, ndim) for name, value in parameters.items()}
    for name, array in found.items():
        if array.ndim and len(array) != particles:
            raise ValueError(
                f"parameter {shown(name)} must be one number or n = {particles}, got {len(array)}"
            )
    return found


def probes(walls: tuple[float, float], n: int | None) -> Array:
    """Places within the walls, (7,) or (7, n), where a derivative is held against a difference quotient."""
    share = np.linspace(0.2, 0.8, 7)
    low, high = walls
    if math.isinf(low) and math.isinf(high):
        x = 2 * (share - 0.5)
    elif math.isinf(high):
        x = low + share
    else:
        x = high - share * (1.0 if math.isinf(low) else high - low)
    return x if n is None else np.repeat(x[:, None], n, axis=1)


def _require_derivative(value: Function, derivative: Function, places: Array) -> None:
    """ValueError where a derivative is far from the difference quotient; where both are finite."""
    step = STEP * np.maximum(1.0, np.abs(places))
    with np.errstate(all="ignore"):
        expected = (value(places + step) - value(places - step)) / (2 * step)
        given = derivative(places)
        wrong = ~(np.abs(given - expected) <= CLOSE * (CLOSE + np.abs(given) + np.abs(expected)))
    wrong &= np.isfinite(expected) & np.isfinite(given)
    if wrong.any():
        i = tuple(np.argwhere(wrong)[0])
        raise ValueError(
            f"derivative is not that of the potential: at x = {places[i]:g} it is {given[i]:g}, a difference "
            f"quotient {expected[i]:g}"
        )


def _checked(name: str, function: Any) -> Function:
    """A caller's function, whose results must be real numbers in the shape of its argument."""

    def evaluate(x: Array) -> Array:
        x = np.asarray(x, dtype=float)
        with np.errstate(all="ignore"):
            result = np.asarray(function(x))
        if result.shape != x.shape or result.dtype.kind not in "iuf":
            raise ValueError(
                f"{name} must map an array to real numbers of its shape {x.shape}, "
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
