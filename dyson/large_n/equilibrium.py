"""The equilibrium measure of the Coulomb gas: its public face, and the search for the number of cuts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dyson.large_n.changes import TOLERANCE, added, joined, outside, softened, split, with_walls
from dyson.large_n.correction import Correction, correction_of
from dyson.large_n.cuts import NoSolution, settle
from dyson.large_n.grid import rough_cuts
from dyson.large_n.measure import Measure
from dyson.potential import EVERYWHERE, Described, Function, Potential
from streams.arguments import count, positive

Array = NDArray[np.float64]

ATTEMPTS = 8
HIGHEST_MOMENT = 64


@dataclass(frozen=True, eq=False)
class Equilibrium:
    r"""The measure μ of mass 1 that minimises ∫V dμ − (β/2)∬log|x − y| dμ dμ: see `dyson.equilibrium`.

        V(x) − β ∫log|x − y| dμ(y) = constant on the support,  >= constant outside.

    Attributes
    ----------
    beta : float
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

    beta: float
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
        return (_effective(self._potential, self.beta, self._measure, x) - self.constant)[()]

    def correction(self) -> Correction:
        """The density's term of order 1/n for n particles at this β.

        Raises
        ------
        ValueError
            Where the support is not one interval with two soft edges.
        """
        return correction_of(self._measure, self.beta)


def equilibrium(
    potential: Described | None,
    beta: float = 2.0,
    *,
    walls: tuple[float, float] = EVERYWHERE,
    derivative: Function | None = None,
    parameters: Mapping[str, float] | None = None,
) -> Equilibrium:
    r"""The density of the Coulomb gas as n → ∞, with as many cuts as it has.

    For P ∝ Π_{i<j} |x_i − x_j|^β exp(−n Σ V(x_i)): on the support

        V'(x) = β PV∫ dμ(y)/(x − y).

    It is the limit of `dyson.CoulombGas` with g2 = 1/n, and where particles come to rest that follow
    dx_i = [−V'(x_i) + β g² Σ 1/(x_i − x_j)] dt + √2 g dB_i with g² = 1/n. For another g² pass n β g² as beta:
    only the product matters.

    The number of cuts is found on a grid (the energy is convex). On each cut the density is a Chebyshev
    series over √((x − a)(b − x)), with coefficients from those of V' and the fields of the other cuts; the
    soft edges are where the series vanishes and the chemical potentials of all cuts agree, both by Newton's
    method. Source: Deift, Orthogonal Polynomials and Random Matrices, ch. 6; Saff, Totik, Logarithmic
    Potentials with External Fields, ch. I, IV.

    Parameters
    ----------
    potential : str, numpy.polynomial.Polynomial, callable or None
        V: text in x such as 'x**4/4 - a*x**2' (numbers, parameters, + − * / **, exp, log, sin, cos, tanh,
        cosh, sinh, sqrt), a polynomial, or a function of an array, smooth on the support. None with
        ``derivative`` alone.
    beta : float
        β > 0.
    walls : (float, float)
        No particle is below the first or above the second; infinite where there is none.
        'x - a*log(x)' needs ``walls=(0, math.inf)``.
    derivative : callable, optional
        V'(x) of a V given as a function; without it V is differentiated numerically, which costs a digit.
    parameters : mapping of str to float, optional
        Values of the names in a text.

    Returns
    -------
    Equilibrium

    Raises
    ------
    TypeError, ValueError
        For a malformed potential, one that does not confine (it names the direction), one that is undefined
        between the walls, or where no measure satisfies the inequality outside the support.
    """
    beta = positive("beta", beta)
    v = Potential.of(potential, derivative, parameters, walls)
    ends, hard = with_walls(v, np.array(rough_cuts(v, beta)))
    reason = "its cuts change from one attempt to the next"
    failures = 0
    for _ in range(ATTEMPTS):
        try:
            measure = settle(v, beta, ends, hard)
        except NoSolution as error:
            failures += 1
            if len(ends) == 1 or failures > 2:
                reason = str(error)
                break
            reason, (ends, hard) = str(error), joined(v, ends)
            continue
        constant = _constant(v, beta, measure)
        changed = softened(measure, hard) or split(v, measure)
        if changed is None:
            slack, place = outside(v, beta, measure, constant)
            if slack >= -TOLERANCE:
                support = np.array([(cut.low, cut.high) for cut in measure.cuts])
                return Equilibrium(beta, support, hard, constant, slack, v, measure)
            changed = added(v, measure, place)
            reason = f"the inequality fails near x = {np.mean(place):.6g}"
        ends, hard = changed
    raise ValueError(
        f"potential {v.text!r}: no equilibrium measure found, {reason}; is V smooth on the support?"
    )


def _effective(potential: Potential, beta: float, measure: Measure, x: Array) -> Array:
    return potential.value(x) - beta * measure.primitive(x).real


def _constant(potential: Potential, beta: float, measure: Measure) -> float:
    """The mean over the measure: rounding of single points averages out."""
    total = []
    for cut in measure.cuts:
        x, w = cut.nodes()
        total.append(float(w @ _effective(potential, beta, measure, x)))
    return math.fsum(total)
