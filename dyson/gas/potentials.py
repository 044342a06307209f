"""Potentials V_i of a gas: quadratic, a formula, or functions; all as a value and a slope in plain NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from streams.arguments import finite, shown

Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Potential:
    """V_i(x_i) and V_i'(x_i) of all particles.

    Attributes
    ----------
    value, slope : callable, (..., n) -> (..., n)
    text : str
        For messages.
    center, width : ndarray or None
        Where V_i = (x - center_i)²/(2 width_i²).
    """

    value: Function
    slope: Function
    text: str
    center: np.ndarray | None = None
    width: np.ndarray | None = None


def quadratic(center: np.ndarray, width: np.ndarray) -> Potential:
    """V_i = (x - c_i)²/(2 σ_i²)."""
    return Potential(
        lambda x: 0.5 * ((x - center) / width) ** 2,
        lambda x: (x - center) / width**2,
        "(x - c)**2/(2*s**2)",
        center,
        width,
    )


def formula(text: str, parameters: Mapping[str, object], n: int) -> Potential:
    """A potential from a text in x and the names of ``parameters``, each a number or one per particle.

    A parabola is known as one, so that its gas is sampled exactly where there is a matrix model.
    """
    import sympy

    from dyson.language.grammar import parse
    from dyson.language.numerical import numerical

    if "x" in parameters:
        raise ValueError("CoulombGas: x is the particle's place, no parameter; choose another name")
    values = {name: per_particle(name, value, n) for name, value in parameters.items()}
    expression = parse(text, ["x", *values], "potential")
    symbols = {name: sympy.Symbol(name, real=True) for name in ["x", *values]}
    whole = expression.evaluate(symbols)
    if isinstance(whole, sympy.MatrixBase) or whole.has(sympy.I):
        raise ValueError(f"potential {shown(text)} must be a real number, not a matrix and without i")
    x = symbols["x"]
    value = numerical(whole, what="potential")
    slope = numerical(sympy.diff(whole, x), what="slope of the potential")
    found = Potential(lambda x: value({**values, "x": x}), lambda x: slope({**values, "x": x}), text)
    curvature = sympy.simplify(sympy.diff(whole, x, 2))
    if curvature.has(x):
        return found
    with np.errstate(all="ignore"):
        rate = numerical(curvature, "curvature of the potential")({**values, "x": np.zeros(n)})
        center = -found.slope(np.zeros(n)) / rate
    if not (np.isfinite(center).all() and (rate > 0).all()):
        return found
    return replace(found, center=center, width=1 / np.sqrt(rate))


def functions(value: object, slope: object, places: np.ndarray) -> Potential:
    """A potential from two functions (..., n) -> (..., n), the second being the derivative of the first.

    Held against each other by a difference quotient at ``places`` (m, n).
    """
    if not callable(value):
        raise TypeError(f"potential must be a text in x or a function of x, got {shown(value)}")
    if not callable(slope):
        raise ValueError("a potential that is a function needs derivative=..., its slope as a function of x")

    def array(function: Callable, name: str) -> Function:
        def called(x: np.ndarray) -> np.ndarray:
            result = np.asarray(function(x), float)
            if result.shape != x.shape:
                raise ValueError(
                    f"{name} must keep the shape (..., n) of x, got {result.shape} for {x.shape}"
                )
            return result

        return called

    found = Potential(array(value, "potential"), array(slope, "derivative"), getattr(value, "__name__", "V"))
    step = 1e-5 * np.maximum(1.0, np.abs(places))
    with np.errstate(all="ignore"):
        expected = (found.value(places + step) - found.value(places - step)) / (2 * step)
        given = found.slope(places)
        wrong = ~(np.abs(given - expected) <= 1e-3 * (1e-3 + np.abs(given) + np.abs(expected)))
    wrong &= np.isfinite(expected)
    if wrong.any():
        i = tuple(np.argwhere(wrong)[0])
        raise ValueError(
            f"derivative is not that of the potential: at x = {places[i]:g} it is {given[i]:g}, a difference "
            f"quotient {expected[i]:g}"
        )
    return found


def per_particle(name: str, value: object, n: int) -> np.ndarray:
    """One number, or one for each particle, as an array (n,)."""
    array = finite(name, value, ndim=(0, 1))
    if array.ndim == 1 and len(array) != n:
        raise ValueError(f"{name} must be one number or n = {n} of them, got {len(array)}")
    return np.broadcast_to(array, (n,)).copy()


def require_confinement(energy: Potential, n: int, beta: float, walls: tuple[float, float], middle: float):
    """ValueError unless every particle alone, and so all together, is kept from infinity and from the walls.

    ``energy`` is V_i/g_i² - a_i log x. Towards infinity R d/dR of it must exceed β(n - 1) + 1: then
    ∫ R^{β(n-1)} e^{-V/g²} dR is finite; where several leave, less is needed. Towards a wall at distance δ,
    where e^{-V/g²} ~ δ^c, c > -1.
    """
    need = beta * (n - 1) + 1
    for sign, wall, side in ((-1, walls[0], "-∞"), (1, walls[1], "∞")):
        far = math.isinf(wall)
        if far:
            reach = 10.0 ** np.array([2.0, 4.0, 8.0, 12.0, 16.0]) * max(1.0, abs(middle))
            x = middle + sign * reach
        else:
            reach = np.array([1e-4, 1e-6, 1e-8]) * max(abs(middle - wall), 1e-3)
            x = wall - sign * reach
        with np.errstate(all="ignore"):
            power = sign * energy.slope(np.repeat(x[:, None], n, axis=1)) * reach[:, None]
        last = power[-1]
        for row in power[::-1]:  # inf - inf, far out: what is nearest to it
            last = np.where(np.isnan(last), row, last)
        bad = ~(last > (need if far else -1.0) + 1e-6)
        if bad.any():
            i = int(np.argmax(bad))
            raise ValueError(_unbound(energy.text, last[i], i if n > 1 else None, wall, side, need))


def _unbound(text: str, power: float, particle: int | None, wall: float, side: str, need: float) -> str:
    which = "" if particle is None else f" (particle {particle})"
    if math.isinf(wall):
        return (
            f"the potential {shown(text)} does not confine as x → {side}{which}: |x| dV/d|x| is {power:.3g} "
            f"there and must exceed β(n - 1) + 1 = {need:g}; add a wall or a steeper potential"
        )
    return (
        f"the weight is not integrable at the wall {wall:g}{which}: it goes as the distance to the power "
        f"{power:.3g}, which must exceed -1"
    )


def wells(
    energy: Potential, n: int, rise: float, walls: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Where each particle alone is within ``rise`` of its lowest energy: lower and upper ends, (n,) each."""
    low, high = walls
    distance = 10.0 ** np.linspace(-8, 8, 321)
    if math.isinf(low) and math.isinf(high):
        grid = np.r_[-distance[::-1], 0.0, distance]
    elif math.isinf(high):
        grid = low + distance
    elif math.isinf(low):
        grid = high - distance[::-1]
    else:
        share = 1 / (1 + np.exp(-np.linspace(-18, 18, 321)))
        grid = low + (high - low) * share
    for _ in range(6):  # a well may be narrow and far from 0
        value = _lowest_infinite(energy, grid, n, walls)
        best = np.unique(np.argmin(value, axis=0))
        finer = [np.linspace(grid[max(k - 1, 0)], grid[min(k + 1, len(grid) - 1)], 41) for k in best]
        grid = np.unique(np.concatenate([grid, *finer]))
    value = _lowest_infinite(energy, grid, n, walls)
    if not np.isfinite(value.min(axis=0)).all():
        raise ValueError(f"the potential {shown(energy.text)} is nowhere finite between the walls")
    level = value.min(axis=0) + rise
    inside = value <= level
    first, last = np.argmax(inside, axis=0), len(grid) - 1 - np.argmax(inside[::-1], axis=0)
    ends = []
    for here, there in ((first, np.maximum(first - 1, 0)), (last, np.minimum(last + 1, len(grid) - 1))):
        near, far = grid[here], grid[there]
        for _ in range(50):  # the grid is coarse beside a narrow well
            middle = (near + far) / 2
            within = _lowest_infinite(energy, middle[None, :], n, walls)[0] <= level
            near, far = np.where(within, middle, near), np.where(within, far, middle)
        ends.append(far)
    return ends[0], ends[1]


def _lowest_infinite(energy: Potential, grid: np.ndarray, n: int, walls: tuple[float, float]) -> np.ndarray:
    """Energies at points, (points,) or (points, n), per log of the distance to a wall; +∞ if not finite."""
    with np.errstate(all="ignore"):
        x = grid if grid.ndim == 2 else np.repeat(grid[:, None], n, axis=1)
        value = energy.value(x)
        for distance in (x - walls[0], walls[1] - x):
            if not np.isinf(distance).any():
                value = value - np.log(distance)
    return np.where(np.isfinite(value), value, np.inf)
