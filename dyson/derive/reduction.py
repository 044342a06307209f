r"""From a matrix SDE to the SDE of its eigenvalues: the Itô step, on explicit small matrices.

With D_{ij,kl} = Cov(dM_ij, dM_kl)/dt and a_ij the drift of W at diagonal weights, for X = WᵀW and β = 1

    dx_i = [ 2 ξ_i a_ii + T Σ_k D_{ki,ki} + Σ_{j≠i} G_ij/(x_i - x_j) ] dt + √(4 T x_i D_{ii,ii}) dB_i
    G_ij = T (x_i D_{ij,ij} + x_j D_{ji,ji} + 2 ξ_i ξ_j D_{ij,ji})

(second-order perturbation theory; docs/theory.md, "From the matrix to its eigenvalues"). One mode alone, two
modes, one more row and one more column give every summand; three modes check that there is nothing else.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import sympy

from dyson.derive.corrections import Response
from dyson.derive.explicit import Direction, Explicit, parameter_symbol
from dyson.derive.notation import T, named, tidy

HALF = sympy.Rational(1, 2)


class Observed:
    """Drift a_ab and noise D_{ab,cd} of the matrix whose spectrum is asked for, at explicit size M × N."""

    def __init__(self, sde, m: int, n: int):
        self.sde = sde
        self.explicit = Explicit(sde, m, n)
        self.parts = (0, 1) if sde.beta == 2 else (0,)
        self.noise_level = self.noise_level_of(sde)
        if sde.observable is not None and (sde.finite_learning_rate or sde.memory_drift):
            raise ValueError(
                "finite_learning_rate and memory_drift are derived for one weight matrix, not for several"
            )

    @staticmethod
    def noise_level_of(sde) -> sympy.Expr:
        """The noise level: T, or T/(1 - m) with momentum."""
        return T / (1 - parameter_symbol("m", "fraction")) if sde.momentum else T

    @cached_property
    def response(self) -> Response:
        """Corrections of first order."""
        return Response(self.explicit)

    @cached_property
    def coefficients(self) -> tuple[sympy.Expr, sympy.Expr, sympy.Expr]:
        """η, ζ and τ of the modified equation, see ``MatrixSDE.optimiser``."""
        alpha = self.explicit.parameters["learning_rate"]
        if not self.sde.momentum:
            return alpha, alpha, alpha / 2
        m = self.explicit.parameters["m"]
        eta = alpha * (1 + m) / (1 - m) ** 2
        tau = alpha / (1 - m) * (HALF + (2 * m + m**2) / (1 - m**2))
        return eta, (eta + alpha / (1 + m)) / 2, tau

    @cached_property
    def _chain(self) -> tuple[dict, dict]:
        """First and second derivatives of the observable's entries by the trained weights."""
        e = self.explicit
        t, u = sympy.Symbol("_t", real=True), sympy.Symbol("_u", real=True)
        text = self.sde.observable
        directions = e.directions()
        first = {}
        second = {}
        for p, d in enumerate(directions):
            for f in directions[p:]:
                steps = {d: t + u} if f == d else {d: t, f: u}
                value = e.matrix(text, e.shifted(steps))
                if f == d:
                    first[d] = value.diff(t).subs({t: 0, u: 0})
                twice = value.diff(t).diff(u).subs({t: 0, u: 0})
                if not twice.is_zero_matrix:
                    second[d, f] = twice
        return first, second

    def drift(self, a: int, b: int) -> sympy.Expr:
        """a_ab, its Itô term with the noise level T."""
        e = self.explicit
        if self.sde.observable is None:
            d = Direction(0, a, b, 0)
            drift = e.drift(d)
            if self.sde.finite_learning_rate:
                drift += self.coefficients[0] / 2 * self.response.modified_drift(d)
            if self.sde.memory_drift:
                drift += self.noise_level * self.response.memory_drift(d)
            return drift
        first, second = self._chain
        flow = sum(j[a, b] * e.drift(d) for d, j in first.items() if j[a, b] != 0)
        ito = sum(
            (HALF if d == f else 1) * h[a, b] * e.noise(d, f) for (d, f), h in second.items() if h[a, b] != 0
        )
        return flow + self.noise_level * ito

    def noise(self, ab: tuple[int, int], cd: tuple[int, int], part: int = 0) -> sympy.Expr:
        """D_{ab,cd} of the real (0) or imaginary (1) parts."""
        e = self.explicit
        if self.sde.observable is None:
            d, f = Direction(0, *ab, part), Direction(0, *cd, part)
            noise = e.noise(d, f)
            if self.sde.finite_learning_rate:
                noise += self.coefficients[1] / 2 * self.response.modified_noise(d, f)
                noise -= self.coefficients[2] * self.response.advected_noise(d, f)
            return noise
        first, _ = self._chain
        return sum(
            (
                j[ab] * h[cd] * e.noise(d, f)
                for d, j in first.items()
                for f, h in first.items()
                if j[ab] != 0 and h[cd] != 0
            ),
            sympy.Integer(0),
        )

    def squared(self, a: int, b: int) -> sympy.Expr:
        """E|dM_ab|²/dt."""
        return sum(self.noise((a, b), (a, b), part) for part in self.parts)

    def swapped(self, a: int, b: int) -> sympy.Expr:
        """Re E[dM_ab dM_ba]/dt."""
        return sum((-1) ** part * self.noise((a, b), (b, a), part) for part in self.parts)

    @cached_property
    def singular_values(self) -> list[sympy.Expr]:
        """Diagonal of the observable."""
        if self.sde.observable is None:
            return self.explicit.xi
        matrix = self.explicit.matrix(self.sde.observable, self.explicit.diagonal)
        return [matrix[a, a] for a in range(self.explicit.rank)]

    def trained(self, name: str) -> tuple[sympy.Expr, sympy.Expr, list[sympy.Expr]]:
        """Drift and variance of a trained scalar, and its covariance with every eigenvalue."""
        e = self.explicit
        joint = []
        for i, xi in enumerate(self.singular_values):
            slope = {"gram": 2 * xi, "singular": 1, "symmetric": 1}[self.sde.spectrum]
            joint.append(self.noise_level * slope * e.noise(Direction(0, i, i, 0), name))
        return e.drift(name), self.noise_level * e.noise(name, name), joint

    def one(self, i: int) -> sympy.Expr:
        """Drift of eigenvalue i without the repulsion."""
        if self.sde.spectrum == "symmetric":
            return self.drift(i, i)
        rows = range(self.explicit.m)
        xi = self.singular_values[i]
        total = 2 * xi * self.drift(i, i) + self.noise_level * sum(self.squared(k, i) for k in rows)
        for j in range(self.explicit.rank, self.explicit.n):  # columns beyond: eigenvalues that stay at zero
            total += self.noise_level * self.squared(i, j)
        if self.sde.spectrum == "singular":  # Itô's formula for √x
            return total / (2 * xi) - self.noise_level * self.noise((i, i), (i, i)) / (2 * xi)
        return total

    def repulsion(self, i: int, j: int) -> sympy.Expr:
        """G_ij."""
        if self.sde.spectrum == "symmetric":
            return self.noise_level * self.squared(i, j)
        a, b = self.singular_values[i], self.singular_values[j]
        between = self.noise_level * (
            a**2 * self.squared(i, j) + b**2 * self.squared(j, i) + 2 * a * b * self.swapped(i, j)
        )
        return between / (2 * a * (a + b)) if self.sde.spectrum == "singular" else between

    def amplitude(self, i: int) -> sympy.Expr:
        """g_i², noise term √2 g_i dB_i."""
        own = self.noise_level * self.noise((i, i), (i, i))
        return 2 * self.singular_values[i] ** 2 * own if self.sde.spectrum == "gram" else own / 2


class Trained(NamedTuple):
    """A trained scalar p: dp = [constant + Σ_i drift] dt + noise.

    The noise has variance variance_constant + Σ_i variance per unit time, and covariance with dx_i.
    """

    constant: sympy.Expr
    drift: sympy.Expr
    variance_constant: sympy.Expr
    variance: sympy.Expr
    covariance: sympy.Expr


class Pattern:
    """The summands of the eigenvalue SDE, in mode symbols ``..._i`` and ``..._j``.

    Attributes
    ----------
    own, noise : Expr
        Drift and g² of a mode alone.
    pair, repulsion : Expr
        Regular drift from another mode, and G_ij.
    row, column : Expr or None
        Drift from one more row of W (its parameters ``..._k``) and one more column; None if W is square.
    trained : dict of str to Trained
        Drift and noise of trained scalar parameters.
    opaque : dict of Symbol to Expr
        What stands for a variance or memory of samples, in terms of x_i.
    """

    def __init__(self, sde):
        self.sde = sde
        one, two = Observed(sde, 1, 1), Observed(sde, 2, 2)
        self.layers = _exponent(one)
        self.opaque = {self._renamed(s): self._renamed(v) for s, v in one.explicit.opaque.items()}
        self.own = self._named(one.one(0))
        self.noise = self._named(one.amplitude(0))
        self.pair = self._named(two.one(0) - one.one(0))
        self.repulsion = self._named(two.repulsion(0, 1))
        self.row = self._further(one, 2, 1)
        self.column = self._further(one, 1, 2)
        self.two = two
        _require_balance(one)
        self.constants = [self._renamed(value) for value in one.explicit.constants]
        self.trained = {name: self._trained(name, one, two) for name in sde.trained}

    def _trained(self, name: str, one: Observed, two: Observed) -> Trained:
        """Sums over modes, read off one and two modes and checked on three."""
        (d1, v1, c1), (d2, v2, c2) = one.trained(name), two.trained(name)
        d3, v3, _ = Observed(self.sde, 3, 3).trained(name)
        swap = {
            s: sympy.Symbol(f"{s.name[:-1]}2", **s.assumptions0) for s in d1.free_symbols | v1.free_symbols
        }
        swap = {s: t for s, t in swap.items() if s.name.endswith("_1")}
        constants = [sympy.factor(f + f.xreplace(swap) - g) for f, g in ((d1, d2), (v1, v2))]
        second = {t: sympy.Symbol(f"{t.name[:-1]}3", **t.assumptions0) for t in swap.values()}
        for f, g, h in ((d1, d2, d3), (v1, v2, v3)):
            if sympy.simplify(h - g - (g - f).xreplace(second)) != 0 or sympy.simplify(c2[0] - c1[0]) != 0:
                raise ValueError(
                    f"drift and noise of the trained {name} are no sums over modes: {str(h)[:80]}"
                )
        own = [self._named(f - constant) for f, constant in ((d1, constants[0]), (v1, constants[1]))]
        constants = [self._named(constant) for constant in constants]
        return Trained(constants[0], own[0], constants[1], own[1], self._named(c1[0]))

    def _further(self, one, m: int, n: int) -> sympy.Expr | None:
        """Drift from one more row or column; None where the expressions need a square W."""
        if self.sde.spectrum == "symmetric" or self.sde.observable is not None:
            return None
        try:
            return self._named(Observed(self.sde, m, n).one(0) - one.one(0), "k")
        except ValueError:  # what holds for square matrices and not here makes no sense here: W is square
            return None

    def _renamed(self, expression: sympy.Expr, second: str = "j") -> sympy.Expr:
        """Symbols of modes 1 and 2 as i and j, ξ as a power of x."""
        return named(expression, self.sde.spectrum, self.layers, ("i", second))

    def _named(self, expression: sympy.Expr, second: str = "j") -> sympy.Expr:
        return self._renamed(tidy(expression), second)


def _exponent(one) -> int:
    """L of ξ = s^L, by which the layers' common diagonal s makes the observable's."""
    value, s = one.singular_values[0], one.explicit.xi[0]
    for layers in range(1, 17):
        if sympy.simplify(value - s**layers) == 0:
            return layers
    raise ValueError(
        f"observable must be a product of the weights, got {one.sde.observable!r}: {value} at W = {s}"
    )


def _require_balance(one: Observed) -> None:
    """ValueError unless layers of equal singular values stay so."""
    drifts = [one.explicit.drift(Direction(layer, 0, 0, 0)) for layer in range(len(one.sde.weights))]
    for layer, drift in enumerate(drifts):
        if sympy.simplify(drift - drifts[0]) != 0:
            raise ValueError(
                f"{one.sde.weights[0]} and {one.sde.weights[layer]} do not stay balanced: at equal singular "
                f"values their drifts are {str(drifts[0])[:60]} and {str(drift)[:60]}"
            )
