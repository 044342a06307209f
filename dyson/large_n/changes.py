"""What is wrong with cuts that were tried, and which to try next."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from dyson.large_n.grid import scan
from dyson.large_n.measure import Cut, Measure
from dyson.potential import Potential

Array = NDArray[np.float64]
Change = tuple[Array, NDArray[np.bool_]]
"""New end points, and which are hard."""

TOLERANCE = 1e-9  # of β, for the inequality outside
SIGN = 1e-7  # of the largest, for the sign of the density
LOOK = 400  # points in each gap, and in each cut


def with_walls(potential: Potential, ends: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Edges next to a wall at which V is finite are taken as hard first."""
    ends = np.array(ends, dtype=float)
    hard = np.zeros(ends.shape, dtype=bool)
    close = 0.01 * np.diff(ends, axis=1)[:, 0]
    for wall, at in ((potential.low, (0, 0)), (potential.high, (-1, 1))):
        if math.isfinite(wall) and abs(ends[at] - wall) <= close[at[0]]:
            away = 1e-12 * (ends[-1, 1] - ends[0, 0])
            inside = potential.value(np.array([wall + (away if at[1] == 0 else -away)]))[0]
            edge = potential.value(np.array([wall]))[0]
            if np.isfinite(edge) and np.isfinite(inside):
                ends[at], hard[at] = wall, True
            elif ends[at] == wall:
                ends[at] += (0.2 if at[1] == 0 else -0.2) * close[at[0]]
    return ends, hard


def joined(potential: Potential, ends: Array) -> Change:
    """Without the narrowest gap."""
    gap = int(np.argmin(ends[1:, 0] - ends[:-1, 1]))
    fewer = np.delete(ends, gap + 1, axis=0)
    fewer[gap, 1] = ends[gap + 1, 1]
    return with_walls(potential, fewer)


def softened(measure: Measure, hard: NDArray[np.bool_]) -> Change | None:
    """An edge at a wall where the density would be negative leaves the wall."""
    ends = np.array([(cut.low, cut.high) for cut in measure.cuts])
    soft = hard.copy()
    for i, cut in enumerate(measure.cuts):
        at = cut.series(np.array([-1.0, 1.0]))
        scale = np.abs(cut.series(np.cos(np.linspace(0, math.pi, LOOK)))).max()
        for side in (0, 1):
            if hard[i, side] and at[side] < -SIGN * scale:
                soft[i, side] = False
                ends[i, side] += (1 - 2 * side) * 0.01 * 2 * cut.half
    return None if np.array_equal(soft, hard) else (ends, soft)


def split(potential: Potential, measure: Measure) -> Change | None:
    """A cut with a negative density inside becomes two."""
    result: list[tuple[float, float]] = []
    for cut in measure.cuts:
        x, negative = _negative(cut)
        if negative.size:
            result += [(cut.low, float(x[negative[0]])), (float(x[negative[-1]]), cut.high)]
        else:
            result.append((cut.low, cut.high))
    kept = [pair for pair in result if pair[1] - pair[0] > 0]
    return None if len(kept) == len(measure.cuts) else with_walls(potential, np.array(kept))


def _negative(cut: Cut) -> tuple[Array, NDArray[np.intp]]:
    """Points of a cut, closer where its density is least, and the indices of those where it is negative."""
    t = np.cos(np.linspace(math.pi, 0, max(LOOK, 4 * cut.coefficients.size)))
    for _ in range(3):
        series = cut.series(t)
        dips = 1 + np.flatnonzero((series[1:-1] <= series[:-2]) & (series[1:-1] <= series[2:]))
        lowest = dips[np.argsort(series[dips])[:8]]
        t = np.unique(np.concatenate([t, *(np.linspace(t[i - 1], t[i + 1], 21) for i in lowest)]))
    series = cut.series(t)
    return cut.low + cut.half * (1 + t), np.flatnonzero(series < -SIGN * np.abs(series).max())


def outside(potential: Potential, beta: float, measure: Measure, constant: float) -> tuple[float, Array]:
    """The least excess of the effective potential outside, in units of β, and where it is negative."""
    ends = np.array([(cut.low, cut.high) for cut in measure.cuts])
    length = ends[-1, 1] - ends[0, 0]
    t = np.cos(np.linspace(math.pi, 0, LOOK))[1:-1] / 2 + 0.5
    points = [scan(potential)]
    borders = np.r_[
        max(potential.low, ends[0, 0] - length), ends.ravel(), min(potential.high, ends[-1, 1] + length)
    ]
    points += [a + (b - a) * t for a, b in borders.reshape(-1, 2) if b > a]
    x = np.unique(np.concatenate(points))
    free = np.ones(x.size, dtype=bool)
    for a, b in ends:
        free &= (x < a) | (x > b)
    x = x[free & (x > potential.low) & (x < potential.high)]
    if not x.size:
        return 0.0, x
    value = potential.value(x)
    excess = (value - beta * measure.primitive(x).real - constant) / beta
    excess = np.where(np.isnan(value), np.inf, excess)
    # rounding of V itself, where V is large
    excess = excess + 1e-13 * np.abs(np.where(np.isfinite(value), value, 0)) / beta
    worst = int(np.argmin(excess))
    bad = excess < -TOLERANCE
    first = last = worst
    while first > 0 and bad[first - 1]:
        first -= 1
    while last < x.size - 1 and bad[last + 1]:
        last += 1
    low = x[max(first - 1, 0)] if first == last else x[first]
    high = x[min(last + 1, x.size - 1)] if first == last else x[last]
    return float(excess[worst]), np.array([low, high])


def added(potential: Potential, measure: Measure, place: Array) -> Change:
    """One cut more, where the effective potential is below the constant; or a cut that reaches there."""
    ends = [(cut.low, cut.high) for cut in measure.cuts]
    low, high = float(place[0]), float(place[1])
    result = []
    for a, b in ends:
        close = 0.02 * (b - a)
        if low - close <= b and high + close >= a:
            low, high = min(a, low), max(b, high)
        else:
            result.append((a, b))
    return with_walls(potential, np.array(sorted([*result, (low, high)])))
