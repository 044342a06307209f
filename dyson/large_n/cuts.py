"""End points and density on given cuts: Chebyshev series for the density, Newton for the soft edges."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dst

from dyson.large_n.measure import Cut, Measure, chebyshev
from dyson.potential import Potential

Array = NDArray[np.float64]

SMALLEST, LARGEST, LARGEST_PAIR = 32, 2**14, 2**9
"""Coefficients per cut: to begin with, and at most for one cut and for several."""
TAIL = 3e-15  # of the largest coefficient: the series has converged
STEPS = 60
FAILING, FAILING_PAIR = (
    2**12,
    2**7,
)  # coefficients from which on a failing Newton iteration is not tried again


class NoSolution(Exception):
    """The cuts as given have no equilibrium measure."""


@dataclass(frozen=True, eq=False)
class Filling:
    """A measure on given intervals, with equal chemical potential on all of them.

    Attributes
    ----------
    measure : Measure
    excess : ndarray, shape (2 * cut,)
        Σ c_k (∓1)^k of each edge: 0 at a soft one.
    """

    measure: Measure
    excess: Array


def fill(potential: Potential, beta: float, ends: Array, hard: NDArray[np.bool_], size: int) -> Filling:
    """The measure of mass 1 whose force balances V' on the intervals, singular at their ends.

    With c of `Cut`, own field PV∫ρ/(x − y) = −(π/h) Σ_{k≥1} c_k U_{k−1}(t): V' less the fields of the other
    cuts, in the polynomials U, gives c_k, k ≥ 1. The masses c_0 follow from the equal chemical potentials.
    """
    m = len(ends)
    half = (ends[:, 1] - ends[:, 0]) / 2
    forces = np.array([_force(potential, pair[0], pair[1], size) for pair in ends])  # U-coefficients of V'
    if not np.isfinite(forces).all():
        raise NoSolution("its derivative is not finite on the support")
    if m == 1:
        c = np.r_[1 / math.pi, -half[0] / (math.pi * beta) * forces[0]]
        return _filling(ends, hard, [c])
    matrix = np.eye(m * size)
    right = np.zeros(m * size)
    angles = np.arange(1, size) * math.pi / size
    for i in range(m):
        own = slice(i * size + 1, (i + 1) * size)
        right[own] = -half[i] / (math.pi * beta) * forces[i]
        x = ends[i, 0] + half[i] * (1 + np.cos(angles))
        for j in range(m):
            if j != i:
                fields = _u_coefficients(_fields(x, ends[j, 0], ends[j, 1], size), size)
                matrix[own, j * size : (j + 1) * size] = -half[i] / math.pi * fields
    _balance(potential, beta, ends, size, matrix, right)
    try:
        c = np.linalg.solve(matrix, right).reshape(m, size)
    except np.linalg.LinAlgError:
        raise NoSolution("singular equations for the masses of its cuts") from None
    return _filling(ends, hard, list(c))


def _filling(ends: Array, hard: NDArray[np.bool_], series: list[Array]) -> Filling:
    cuts = tuple(
        Cut(a, b, c, (bool(h[0]), bool(h[1]))) for (a, b), c, h in zip(ends, series, hard, strict=True)
    )
    excess = np.array([[np.sum(c * (-1.0) ** np.arange(c.size)), np.sum(c)] for c in series])
    return Filling(Measure(cuts), excess.ravel())


def _balance(potential: Potential, beta: float, ends: Array, size: int, matrix: Array, right: Array) -> None:
    """Rows of c_0: the total mass, and the same chemical potential in the middle of each cut."""
    m = len(ends)
    middle = ends.mean(axis=1)
    rows = np.array(
        [np.concatenate([_logarithms(x, pair[0], pair[1], size) for pair in ends]) for x in middle]
    )
    values = potential.value(middle)
    matrix[0] = 0
    matrix[0, ::size] = math.pi
    right[0] = 1
    for i in range(1, m):
        matrix[i * size] = beta * (rows[i] - rows[0])
        right[i * size] = values[i] - values[0]


def _force(potential: Potential, low: float, high: float, size: int) -> Array:
    """Coefficients of V' in U_0 ... U_{size−2}."""
    if potential.derivative is None:
        v = chebyshev(potential.value, low, high, size)
        return np.arange(1, size) * v[1:] * 2 / (high - low)
    angles = np.arange(1, size) * math.pi / size
    x = low + (high - low) * np.cos(angles / 2) ** 2
    return _u_coefficients(potential.derivative(x)[:, None], size)[:, 0]


def _u_coefficients(values: Array, size: int) -> Array:
    """U-coefficients (axis 0) from values at cos(jπ/size), 0 < j < size."""
    sines = np.sin(np.arange(1, size) * math.pi / size)
    return dst(values * sines[:, None], type=1, axis=0) / size


def _outside(x: Array, low: float, high: float) -> tuple[Array, Array]:
    """u and √(t² − 1) of real points outside an interval, with the sign of t."""
    half = (high - low) / 2
    t = (x - low - half) / half
    root = np.sign(t) * np.sqrt(np.abs((x - low) * (x - high))) / half
    return 1 / (t + root), root


def _fields(x: Array, low: float, high: float, size: int) -> Array:
    """∫ρ/(x − y) of each T_k, shape (point, size), outside its interval."""
    u, root = _outside(x, low, high)
    return 2 * math.pi / (high - low) * u[:, None] ** np.arange(size) / root[:, None]


def _logarithms(x: float, low: float, high: float, size: int) -> Array:
    """∫log|x − y|ρ of each T_k."""
    k = np.arange(1, size)
    half = (high - low) / 2
    if low <= x <= high:
        angle = math.acos(min(max((x - low - half) / half, -1), 1))
        return math.pi * np.r_[math.log(half / 2), -np.cos(k * angle) / k]
    u = float(_outside(np.array([x]), low, high)[0][0])
    return math.pi * np.r_[math.log(half / 2) - math.log(abs(u)), -(u**k) / k]


def settle(potential: Potential, beta: float, ends: Array, hard: NDArray[np.bool_]) -> Measure:
    """Move the soft edges until the density vanishes there, with as many coefficients as it takes.

    Raises
    ------
    NoSolution
        If Newton fails or the series does not converge.
    """
    size = SMALLEST
    largest = LARGEST if len(ends) == 1 else LARGEST_PAIR
    start = ends
    while True:
        try:
            ends, filling = _newton(potential, beta, ends, hard, size)
        except NoSolution:
            # with too few coefficients there may be none
            if size >= (FAILING if len(ends) == 1 else FAILING_PAIR):
                raise
            ends = start
        else:
            if _converged(potential, beta, filling.measure):
                return _trimmed(filling.measure)
            if size == largest:
                raise NoSolution(f"its density needs more than {largest} Chebyshev coefficients")
        size *= 2


def _converged(potential: Potential, beta: float, measure: Measure) -> bool:
    for cut in measure.cuts:
        c = np.abs(cut.coefficients)
        x = cut.nodes()[0]
        if potential.derivative is None:  # differences of V carry its rounding, times k
            values = potential.value(x)
            noise = 4 * c.size * np.abs(values - values.mean()).max()
        else:
            noise = 8 * cut.half * np.abs(potential.derivative(x)).max()
        noise = (noise / (math.pi * beta) + 8 * np.abs(x).max() / cut.half * c.max()) * np.finfo(float).eps
        if np.max(c[-c.size // 8 :]) > noise + TAIL * c.size**0.5 * np.max(c):
            return False
    return True


def _trimmed(measure: Measure) -> Measure:
    """Without the coefficients that are rounding only."""
    cuts = []
    for cut in measure.cuts:
        c = np.abs(cut.coefficients)
        last = np.flatnonzero(c > 1e-17 * c.max())[-1]
        cuts.append(Cut(cut.low, cut.high, cut.coefficients[: max(int(last) + 1, 4)], cut.hard))
    return Measure(tuple(cuts))


def _newton(
    potential: Potential, beta: float, ends: Array, hard: NDArray[np.bool_], size: int
) -> tuple[Array, Filling]:
    free = np.flatnonzero(~hard.ravel())
    filling = fill(potential, beta, ends, hard, size)
    for _ in range(STEPS if free.size else 0):
        residual = filling.excess[free]
        scale = np.repeat((ends[:, 1] - ends[:, 0]) / 2, 2)[free]
        slopes = np.empty((free.size, free.size))
        for j, k in enumerate(free):
            moved = ends.ravel().copy()
            moved[k] += (1e-7 if k % 2 else -1e-7) * scale[j]  # outwards: never into its own interval
            if not _ordered(potential, moved.reshape(ends.shape)):
                moved[k] = 2 * ends.ravel()[k] - moved[k]
            shifted = fill(potential, beta, moved.reshape(ends.shape), hard, size).excess[free]
            slopes[:, j] = (shifted - residual) / (moved[k] - ends.ravel()[k])
        try:
            step = np.asarray(np.linalg.solve(slopes, -residual), dtype=float)
        except np.linalg.LinAlgError:
            raise NoSolution("singular equations for its end points") from None
        ends, filling, moved_by = _damped(potential, beta, ends, hard, size, free, step, filling)
        if moved_by <= 1e-15 or np.max(np.abs(step) / scale) < 2e-14:
            return ends, filling
    if free.size and np.max(np.abs(filling.excess[free])) > _floor(ends):
        raise NoSolution("Newton's method for its end points does not converge")
    return ends, filling


def _damped(
    potential: Potential,
    beta: float,
    ends: Array,
    hard: NDArray[np.bool_],
    size: int,
    free: NDArray[np.intp],
    step: Array,
    filling: Filling,
) -> tuple[Array, Filling, float]:
    """The step, halved until the edges stay in order and the residual falls; and the fraction taken."""
    before = np.abs(filling.excess[free]).max()
    fraction = 1.0
    while fraction > 1e-6:
        moved = ends.ravel().copy()
        moved[free] += fraction * step
        trial = moved.reshape(ends.shape)
        if _ordered(potential, trial) and np.all(_gaps(potential, trial) >= 0.2 * _gaps(potential, ends)):
            after = fill(potential, beta, trial, hard, size)
            if np.abs(after.excess[free]).max() < before:
                return trial, after, fraction
        fraction /= 2
    if before > _floor(ends):
        raise NoSolution("Newton's method for its end points does not converge")
    return ends, filling, 0.0


def _ordered(potential: Potential, ends: Array) -> bool:
    flat = ends.ravel()
    return bool(np.all(np.diff(flat) > 0) and flat[0] >= potential.low and flat[-1] <= potential.high)


def _gaps(potential: Potential, ends: Array) -> Array:
    """Lengths of cuts and gaps, and distances to the walls."""
    flat = np.concatenate([[potential.low], ends.ravel(), [potential.high]])
    with np.errstate(invalid="ignore"):
        return np.minimum(np.diff(flat), 1e300)


def _floor(ends: Array) -> float:
    """The residual that rounding of x alone may leave."""
    return 1e-11 + 1e3 * np.finfo(float).eps * float(np.abs(ends).max() / np.diff(ends).min())
