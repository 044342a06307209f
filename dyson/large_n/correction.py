"""The first correction in 1/n to the density of a gas with one cut."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dyson.large_n.measure import Cut, Measure, chebyshev

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Correction:
    r"""ρ_1 in ⟨density of n particles⟩ = ρ + ρ_1/n + O(1/n²), a signed measure of mass 0.

    From the entropy (1 − β/2) n ∫ρ log ρ, with ρ = √((x − a)(b − x)) q(x):

        β PV∫ρ_1(y)/(x − y) dy = (1 − β/2) ρ'/ρ.

    Its part at the edges is (1/β − 1/2)[½δ(x − a) + ½δ(x − b) − 1/(π√((x − a)(b − x)))], all there is where
    q is constant (the semicircle: Dumitriu, Edelman, J. Math. Phys. 47 (2006) 063302); the part of q has
    Chebyshev coefficients −(1 − β/2) k l_k/(πβ), l_k those of log q. It is meant for averages of smooth
    functions: the density itself also oscillates at this order where β ≠ 2.

    Attributes
    ----------
    edges, weights : ndarray, shape (2,)
        Positions and masses of the two atoms.
    """

    edges: Array
    weights: Array
    _cut: Cut = field(repr=False)

    def density(self, x: ArrayLike) -> Array:
        """The part of ρ_1 between the atoms, units 1/x."""
        return self._cut.density(np.asarray(x, dtype=float))[()]

    def moment(self, order: int) -> float:
        """∫ x^order ρ_1 dx, the atoms included."""
        x, w = self._cut.nodes(order)
        return float(w @ x**order + self.weights @ self.edges**order)


def correction_of(measure: Measure, beta: float) -> Correction:
    """ρ_1 of a measure of one cut with soft edges; ValueError otherwise."""
    if len(measure.cuts) != 1 or any(measure.cuts[0].hard):
        raise ValueError("the correction in 1/n is known for one cut with two soft edges only")
    cut = measure.cuts[0]
    size = 32
    while True:
        series = chebyshev(lambda t: np.log(np.maximum(cut.series(t), 1e-300)), -1.0, 1.0, size)
        if np.abs(series[-size // 8 :]).max() < 1e-14 * (1 + np.abs(series).max()):
            break
        if size >= 2**14:
            raise ValueError("the density nearly vanishes inside its cut: no expansion in 1/n there")
        size *= 2
    edge = 1 / beta - 0.5
    coefficients = -edge * np.arange(size) * series / math.pi
    coefficients[0] = -edge / math.pi
    smooth = Cut(cut.low, cut.high, coefficients, (True, True))
    return Correction(np.array([cut.low, cut.high]), np.full(2, edge / 2), smooth)
