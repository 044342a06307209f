"""Where the support is, roughly: the Coulomb gas on a grid, by a primal-dual active set."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from dyson.potential import Potential

Array = NDArray[np.float64]

NEAREST, FARTHEST = -9, 9  # decades around the origin and the walls in which V is looked at
ROUNDS, SWEEPS, GROWTH = 3, 60, 60
CELLS, SPARSE = 160, 12
LEAST = 1e-7  # mass below which a piece of the grid's measure is noise


def rough_cuts(potential: Potential, beta: float) -> list[tuple[float, float]]:
    """Intervals that the equilibrium measure fills, to a fraction of a per cent of their lengths.

    Raises
    ------
    ValueError
        If V does not confine, or is undefined inside the walls.
    """
    points = scan(potential)
    values = defined(potential, points)
    confines(potential, beta, points, values)
    low, high = _range(potential, beta, points, values)
    edges = np.linspace(low, high, CELLS + 1)
    for _ in range(GROWTH):
        mass = _minimum(potential, beta, edges)
        short = [mass[0] > 0 and edges[0] > potential.low, mass[-1] > 0 and edges[-1] < potential.high]
        if not any(short):
            break
        length = edges[-1] - edges[0]
        low = max(potential.low, edges[0] - length * short[0])
        high = min(potential.high, edges[-1] + length * short[1])
        edges = np.linspace(low, high, CELLS + 1)
    else:
        raise ValueError(f"potential {potential.text!r}: no finite support found; does it confine?")
    for _ in range(ROUNDS):
        edges = _refined(edges, mass)
        mass = _minimum(potential, beta, edges)
    return [(float(edges[i]), float(edges[j])) for i, j in _pieces(mass)]


def scan(potential: Potential) -> Array:
    """Points all over the domain, denser towards the origin and the walls; neither of them itself."""
    steps = 10.0 ** np.linspace(NEAREST, FARTHEST, 60 * (FARTHEST - NEAREST) + 1)
    walls = [wall for wall in (potential.low, potential.high) if math.isfinite(wall)]
    points = [np.r_[anchor - steps, anchor + steps] for anchor in [0.0, *walls]]
    if len(walls) == 2:
        points.append(np.linspace(walls[0], walls[1], 2003)[1:-1])
    everything = np.unique(np.concatenate(points))
    return everything[(everything > potential.low) & (everything < potential.high) & (everything != 0)]


def defined(potential: Potential, points: Array) -> Array:
    """V at points; ValueError where it is undefined or −∞."""
    values = potential.value(points)
    # differences of overflows, far out, tell nothing; elsewhere NaN is a logarithm of a negative number
    near = (np.abs(points) < 100) | ~np.isnan(values)
    bad = near & (np.isnan(values) | (values == -np.inf))
    if np.any(bad):
        raise ValueError(
            f"potential {potential.text!r} is {values[bad][0]:g} at x = {points[bad][0]:.3g}; "
            "give walls=(low, high), between which it is defined"
        )
    return np.where(np.isnan(values), np.inf, values)


def confines(potential: Potential, beta: float, points: Array, values: Array) -> None:
    """ValueError where V does not grow faster than β log|x| in a direction without a wall."""
    for wall, name, side in ((potential.low, "−∞", points < 0), (potential.high, "+∞", points > 0)):
        if math.isfinite(wall):
            # towards a wall V may fall, but not without bound
            d = np.array([1e-3, 1e-9]) * (1 if wall == potential.low else -1)
            at = potential.value(wall + d)
            if np.isfinite(at).all() and at[1] < at[0] - 0.1 * beta and at[1] < at[0] - 3:
                raise ValueError(
                    f"potential {potential.text!r} does not confine: it falls without bound towards the wall "
                    f"x = {wall:g}"
                )
            continue
        x, v = np.abs(points[side]), values[side]
        order = np.argsort(x)
        x, v = x[order], v[order]
        far = v - beta * np.log(x)
        decades = np.searchsorted(x, 10.0 ** (FARTHEST - 3))
        if not (far[-1] == np.inf or far[-1] > far[decades] + 0.01 * beta):
            raise ValueError(
                f"potential {potential.text!r} does not confine towards {name}: it must grow faster than "
                f"β log|x| with β = {beta:g}; give a wall, or another potential"
            )


def _range(potential: Potential, beta: float, points: Array, values: Array) -> tuple[float, float]:
    """An interval around the lowest well and all others that are not much higher."""
    inner = np.r_[np.inf, values, np.inf]
    wells = np.flatnonzero((values <= inner[:-2]) & (values <= inner[2:]) & np.isfinite(values))
    found = []
    for i in wells:
        left = points[i - 1] if i else max(potential.low, points[0])
        right = points[i + 1] if i + 1 < points.size else min(potential.high, points[-1])
        best = minimize_scalar(
            lambda x: float(potential.value(np.array([x]))[0]), bounds=(left, right), method="bounded"
        )
        at = (float(best.fun), float(best.x))
        found.append(min(at, (float(values[i]), float(points[i]))))
    bottom, centre = min(found)
    near = [_reach(potential, centre, side, bottom + 10 * beta) for side in (-1, 1)]
    unit = max(abs(x - centre) for x in near)
    low, high = near
    for v, x in found:
        if v - beta * math.log1p(abs(x - centre) / unit) < bottom + 10 * beta:
            low, high = min(low, x), max(high, x)
    return low, high


def _reach(potential: Potential, centre: float, side: int, height: float) -> float:
    """The nearest point on a side where V is above a height (in powers of 1.5), or the wall."""
    wall = potential.low if side < 0 else potential.high
    step = 1e-9
    for _ in range(120):
        x = centre + side * step
        if (x - wall) * side >= 0:
            return wall
        if not potential.value(np.array([x]))[0] < height:
            break
        step *= 1.5
    return x


def _minimum(potential: Potential, beta: float, edges: Array) -> Array:
    """Masses of the cells, >= 0 and of sum 1, that minimise ∫V − (β/2)∬log."""
    middle = (edges[1:] + edges[:-1]) / 2
    v = defined(potential, middle)
    v = np.minimum(v - v.min(), 1e6 * beta)
    kernel = beta * _interaction(edges)
    inside = v < 20 * beta
    best = np.zeros(v.size)
    for _ in range(SWEEPS):
        mass, pull = _on(kernel, v, inside)
        best = np.where(mass > 0, mass, 0.0)
        following = np.where(inside, mass > 0, pull < 0)
        if not following.any() or np.array_equal(following, inside):
            break
        inside = following
    return best


def _on(kernel: Array, v: Array, inside: Array) -> tuple[Array, Array]:
    """Masses that make the potential constant on the cells ``inside``, and its excess elsewhere."""
    cells = np.flatnonzero(inside)
    system = np.zeros((cells.size + 1, cells.size + 1))
    system[:-1, :-1] = kernel[np.ix_(cells, cells)]
    system[:-1, -1] = -1
    system[-1, :-1] = 1
    solution = np.linalg.solve(system, np.r_[-v[cells], 1.0])
    mass = np.zeros(v.size)
    mass[cells] = solution[:-1]
    return mass, kernel @ mass + v - solution[-1]


def _interaction(edges: Array) -> Array:
    """−log|x − y| averaged over each pair of cells."""
    width = np.diff(edges)
    middle = edges[:-1] + width / 2
    distance = np.abs(middle[:, None] - middle)
    size = np.maximum(width[:, None], width)
    near = distance < 30 * size
    gap = edges[:, None] - edges
    with np.errstate(divide="ignore", invalid="ignore"):
        second = np.where(gap == 0, 0.0, gap**2 * (np.log(np.abs(gap)) / 2 - 0.75))
        point = -np.log(np.where(near, 1.0, distance))
    mean = (second[1:, 1:] + second[:-1, :-1] - second[1:, :-1] - second[:-1, 1:]) / np.outer(width, width)
    return np.where(near, mean, point)


def _pieces(mass: Array) -> list[tuple[int, int]]:
    """First and last edge of each run of filled cells, those one empty cell apart taken as one."""
    filled = np.flatnonzero(mass > 0)
    breaks = np.flatnonzero(np.diff(filled) > 2)
    starts, stops = np.r_[filled[0], filled[breaks + 1]], np.r_[filled[breaks], filled[-1]] + 1
    runs = [(int(i), int(j)) for i, j in zip(starts, stops, strict=True) if mass[i:j].sum() > LEAST]
    return runs


def _refined(edges: Array, mass: Array) -> Array:
    """A grid that is fine on the filled pieces and two cells around them."""
    runs = _pieces(mass)
    count = max(40, CELLS // len(runs))
    grid = [np.array([edges[0], edges[-1]])]
    last = edges[0]
    for i, j in runs:
        low, high = edges[max(i - 2, 0)], edges[min(j + 2, edges.size - 1)]
        low = max(low, last)
        grid += [np.linspace(last, low, SPARSE + 1), np.linspace(low, high, count + 1)]
        last = high
    grid.append(np.linspace(last, edges[-1], SPARSE + 1))
    fine = np.unique(np.concatenate(grid))
    keep = np.r_[True, np.diff(fine) > 1e-13 * (fine[-1] - fine[0])]
    return fine[keep]
