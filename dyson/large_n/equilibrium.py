"""The equilibrium measure of the Coulomb gas: its public face, and the search for the number of cuts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dyson.large_n.correction import Correction, correction_of
from dyson.large_n.cuts import NoSolution, settle
from dyson.large_n.grid import rough_cuts, scan
from dyson.large_n.measure import Cut, Measure
from dyson.large_n.potential import Potential, potential_of
from streams.arguments import count, positive

Array = NDArray[np.float64]

ATTEMPTS = 8
TOLERANCE = 1e-9  # of strength, for the inequality outside
SIGN = 1e-7  # of the largest, for the sign of the density
LOOK = 400  # points in each gap, and in each cut
HIGHEST_MOMENT = 64


@dataclass(frozen=True, eq=False)
class Equilibrium:
    r"""The measure μ of mass 1 that minimises ∫V dμ − (β/2)∬log|x − y| dμ dμ: see `dyson.equilibrium`.

        V(x) − β ∫log|x − y| dμ(y) = constant on the support,  >= constant outside.

    Attributes
    ----------
    strength : float
        β.
    support : ndarray, shape (cut, 2)
        The intervals, increasing.
    hard : ndarray of bool, shape (cut, 2)
        Edges at a wall, where the density diverges like 1/√distance; at the others it vanishes like
        √distance.
    constant : float
        The Lagrange constant above.
    slack : float
        The least of V − β∫log dμ − constant outside the support, on the points where it was looked at, in
        units of β: not below −1e-9.
    """

    strength: float
    support: Array
    hard: NDArray[np.bool_]
    constant: float
    slack: float
    _potential: Potential = field(repr=False)
    _measure: Measure = field(repr=False)

    @property
    def masses(self) -> Array:
        """Mass of each cut, shape (cut,); their sum is 1."""
        return np.array([cut.mass for cut in self._measure.cuts])

    @property
    def energy(self) -> float:
        """∫V dμ − (β/2)∬log|x − y| dμ dμ."""
        total = [self.constant]
        for cut in self._measure.cuts:
            x, w = cut.nodes(cut.coefficients.size)
            total.append(float(w @ self._potential.value(x)))
        return math.fsum(total) / 2

    def density(self, x: ArrayLike) -> Array:
        """ρ(x), units 1/x; 0 outside the support, ∞ at a hard edge."""
        return self._measure.density(x)[()]

    def cdf(self, x: ArrayLike) -> Array:
        """μ of (−∞, x]."""
        x = np.asarray(x, dtype=float)
        return sum((cut.cdf(x) for cut in self._measure.cuts), np.zeros(x.shape))[()]

    def ppf(self, q: ArrayLike) -> Array:
        """The smallest x with cdf(x) >= q; ValueError for q outside [0, 1]."""
        q = np.asarray(q, dtype=float)
        if not np.all((q >= 0) & (q <= 1)):
            raise ValueError("q must be probabilities in [0, 1]")
        total = np.cumsum(self.masses)
        cut = np.minimum(np.searchsorted(total, q), total.size - 1)
        result = np.empty(q.shape)
        for i, part in enumerate(self._measure.cuts):
            mass = np.clip(q[cut == i] - (total[i] - part.mass), 0, part.mass)
            result[cut == i] = part.quantile(mass)
        return result[()]

    def moment(self, order: int) -> float:
        """∫ x^order dμ, for orders from 0 to 64."""
        if count("order", order, least=0) > HIGHEST_MOMENT:
            raise ValueError(f"order must be at most {HIGHEST_MOMENT}, got {order}")
        return self._measure.moment(order)

    def moments(self, order: int) -> Array:
        """⟨x⟩, ..., ⟨x^order⟩, shape (order,)."""
        return np.array([self.moment(k) for k in range(1, count("order", order) + 1)])

    def resolvent(self, z: ArrayLike) -> NDArray[np.complex128]:
        """G(z) = ∫ dμ(x)/(z − x). On the support the limit from above, V'/β − iπρ."""
        return self._measure.resolvent(z)[0][()]

    def effective_potential(self, x: ArrayLike) -> Array:
        """V(x) − β ∫log|x − y| dμ(y) − constant: 0 on the support, positive outside."""
        x = np.asarray(x, dtype=float)
        return (_effective(self._potential, self.strength, self._measure, x) - self.constant)[()]

    def correction(self) -> Correction:
        """The density's term of order 1/n for n particles at inverse temperature β = strength.

        Raises
        ------
        ValueError
            Where the support is not one interval with two soft edges.
        """
        return correction_of(self._measure, self.strength)


def equilibrium(
    potential: str | np.polynomial.Polynomial | Callable[[Array], Array] | None,
    strength: float = 2.0,
    *,
    slope: Callable[[Array], Array] | None = None,
    parameters: Mapping[str, float] | None = None,
    low: float | None = None,
    high: float | None = None,
) -> Equilibrium:
    r"""The density of the Coulomb gas as n → ∞, with as many cuts as it has.

    For P ∝ Π_{i<j} |x_i − x_j|^β exp(−n Σ V(x_i)), β = strength: on the support

        V'(x) = β PV∫ dμ(y)/(x − y).

    The same is the fixed point of ẋ = −V'(x) + strength · PV∫dμ(y)/(x − y), where for particles that follow
    dx_i = [−V'(x_i) + β g² Σ 1/(x_i − x_j)] dt + √2 g dB_i the strength is n β g².

    The number of cuts is found on a grid (the energy is convex). On each cut the density is a Chebyshev
    series over √((x − a)(b − x)), with coefficients from those of V' and the fields of the other cuts; the
    soft edges are where the series vanishes and the chemical potentials of all cuts agree, both by Newton's
    method. Source: Deift, Orthogonal Polynomials and Random Matrices, ch. 6; Saff, Totik, Logarithmic
    Potentials with External Fields, ch. I, IV.

    Parameters
    ----------
    potential : str, numpy.polynomial.Polynomial, callable or None
        V: text in x such as 'x**4/4 - a*x**2' (numbers, parameters, + − * / **, exp, log, sin, cos, tanh,
        cosh, sinh, sqrt), or a function of an array, smooth on the support. None with ``slope`` alone.
    strength : float
        β > 0.
    slope : callable, optional
        V'(x) of a V given as a function; without it V is differentiated numerically, which costs a digit.
    parameters : mapping of str to float, optional
        Values of the names in a text.
    low, high : float, optional
        Hard walls: no particle is below low or above high. 'x - a*log(x)' needs ``low=0``.

    Returns
    -------
    Equilibrium

    Raises
    ------
    TypeError, ValueError
        For a malformed potential, one that does not confine (it names the direction), one that is undefined
        between the walls, or where no measure satisfies the inequality outside the support.
    """
    strength = positive("strength", strength)
    v = potential_of(potential, slope, parameters, low, high)
    ends, hard = _with_walls(v, np.array(rough_cuts(v, strength)))
    reason = "its cuts change from one attempt to the next"
    failures = 0
    for _ in range(ATTEMPTS):
        try:
            measure = settle(v, strength, ends, hard)
        except NoSolution as error:
            failures += 1
            if len(ends) == 1 or failures > 2:
                reason = str(error)
                break
            reason, (ends, hard) = str(error), _joined(v, ends)
            continue
        constant = _constant(v, strength, measure)
        changed = _softened(measure, hard) or _split(v, measure)
        if changed is None:
            slack, place = _outside(v, strength, measure, constant)
            if slack >= -TOLERANCE:
                support = np.array([(cut.low, cut.high) for cut in measure.cuts])
                return Equilibrium(strength, support, hard, constant, slack, v, measure)
            changed = _added(v, measure, place)
            reason = f"the inequality fails near x = {np.mean(place):.6g}"
        ends, hard = changed
    raise ValueError(
        f"potential {v.name!r}: no equilibrium measure found, {reason}; is V smooth on the support?"
    )


def _effective(potential: Potential, strength: float, measure: Measure, x: Array) -> Array:
    return potential.value(x) - strength * measure.primitive(x).real


def _constant(potential: Potential, strength: float, measure: Measure) -> float:
    """The mean over the measure: rounding of single points averages out."""
    total = []
    for cut in measure.cuts:
        x, w = cut.nodes()
        total.append(float(w @ _effective(potential, strength, measure, x)))
    return math.fsum(total)


def _with_walls(potential: Potential, ends: Array) -> tuple[Array, NDArray[np.bool_]]:
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


Change = tuple[Array, NDArray[np.bool_]]
"""New end points, and which are hard."""


def _joined(potential: Potential, ends: Array) -> Change:
    """Without the narrowest gap."""
    gap = int(np.argmin(ends[1:, 0] - ends[:-1, 1]))
    fewer = np.delete(ends, gap + 1, axis=0)
    fewer[gap, 1] = ends[gap + 1, 1]
    return _with_walls(potential, fewer)


def _softened(measure: Measure, hard: NDArray[np.bool_]) -> Change | None:
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


def _split(potential: Potential, measure: Measure) -> Change | None:
    """A cut with a negative density inside becomes two."""
    result: list[tuple[float, float]] = []
    for cut in measure.cuts:
        x, negative = _negative(cut)
        if negative.size:
            result += [(cut.low, float(x[negative[0]])), (float(x[negative[-1]]), cut.high)]
        else:
            result.append((cut.low, cut.high))
    kept = [pair for pair in result if pair[1] - pair[0] > 0]
    return None if len(kept) == len(measure.cuts) else _with_walls(potential, np.array(kept))


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


def _outside(potential: Potential, strength: float, measure: Measure, constant: float) -> tuple[float, Array]:
    """The least excess of the effective potential outside, in units of strength, and where it is negative."""
    ends = np.array([(cut.low, cut.high) for cut in measure.cuts])
    length = ends[-1, 1] - ends[0, 0]
    t = np.cos(np.linspace(math.pi, 0, LOOK))[1:-1] / 2 + 0.5
    points = [scan(potential)]
    borders = np.r_[
        max(potential.low, ends[0, 0] - length), ends.ravel(), min(potential.high, ends[-1, 1] + length)
    ]
    points += [a + (b - a) * t for a, b in borders.reshape(-1, 2) if b > a]
    x = np.unique(np.concatenate(points))
    outside = np.ones(x.size, dtype=bool)
    for a, b in ends:
        outside &= (x < a) | (x > b)
    x = x[outside & (x > potential.low) & (x < potential.high)]
    if not x.size:
        return 0.0, x
    value = potential.value(x)
    excess = (value - strength * measure.primitive(x).real - constant) / strength
    excess = np.where(np.isnan(value), np.inf, excess)
    # rounding of V itself, where V is large
    excess = excess + 1e-13 * np.abs(np.where(np.isfinite(value), value, 0)) / strength
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


def _added(potential: Potential, measure: Measure, place: Array) -> Change:
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
    return _with_walls(potential, np.array(sorted([*result, (low, high)])))
