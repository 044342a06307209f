r"""Eigenvector feedback: mean eigenvalues to second order in the fluctuations, eigenvectors free to rotate.

With frozen eigenvectors the repulsion shifts eigenvalue i by G_ij/(k_i (x̄_i - x̄_j)). In truth the entry X̃_ij,
whose noise G_ij is, relaxes at a rate r_ij of its own, and second-order perturbation theory gives

    ⟨x_i⟩ = x̄_i + Σ_{j≠i} E_ij/(x̄_i - x̄_j) + m_i,    E_ij = ⟨X̃_ij²⟩, = G_ij/(2 r_ij) where X̃_ij relaxes alone

for eigenvalues with different targets; m_i, the shift of ⟨X_ii⟩, collects Itô terms and the curvature of the
drift.
Source: docs/theory.md, "Levels of theory".
"""

from __future__ import annotations

from dataclasses import dataclass

import sympy

from dyson.derive.corrections import Response
from dyson.derive.explicit import Direction, Explicit
from dyson.derive.notation import named, short, to_mode
from dyson.derive.reduction import Observed
from dyson.derive.statics import vanishes

HALF = sympy.Rational(1, 2)


@dataclass(frozen=True)
class Feedback:
    """Second-order shifts at the fixed points of modes i and j, in the model's symbols.

    Attributes
    ----------
    rate : Expr or None
        r_ij at which X̃_ij relaxes; None where it does not relax alone (two rates).
    variance : Expr
        E_ij, the stationary variance of X̃_ij.
    rotating, frozen : Expr
        Shift of eigenvalue i by eigenvalue j, with rotating and with frozen eigenvectors.
    own, pair : Expr
        m_i = own + Σ_{j≠i} pair.
    """

    rate: sympy.Expr | None
    variance: sympy.Expr
    rotating: sympy.Expr
    frozen: sympy.Expr
    own: sympy.Expr
    pair: sympy.Expr


def feedback(equation) -> Feedback:
    """The second-order shifts, see ``EigenvalueEquation.feedback``."""
    if equation.matrix.beta != 1 or equation.matrix.observable is not None:
        raise ValueError("eigenvector feedback is derived for one real weight matrix (beta = 1)")
    if equation.matrix.spectrum == "singular":
        raise ValueError("eigenvector feedback is derived for the spectra 'gram' and 'symmetric'")
    if equation.matrix.finite_learning_rate:
        raise ValueError("eigenvector feedback is of leading order: derive it without finite_learning_rate")
    return _Expansion(equation).result()


class _Expansion:
    def __init__(self, equation):
        self.equation, self.sde = equation, equation.matrix
        self.explicit = Explicit(self.sde, 2, 2)
        self.response = Response(self.explicit)
        self.noise_level = Observed.noise_level_of(self.sde)
        self.gram = self.sde.spectrum == "gram"
        self.t, self.u = sympy.Symbol("_t", real=True), sympy.Symbol("_u", real=True)

    def fixed(self, value: sympy.Expr) -> sympy.Expr:
        """An explicit expression at the fixed points of modes i and j."""
        opaque = self.explicit.opaque
        while value.free_symbols & set(opaque):
            value = value.xreplace(opaque)
        return self._at_fixed_points(named(value, self.sde.spectrum, 1, ("i", "j")))

    def result(self) -> Feedback:
        eq = self.equation
        self.require_apart()
        entries = [Direction(0, 0, 1, 0), Direction(0, 1, 0, 0)]
        j = sympy.Matrix(2, 2, lambda a, b: self.response.jacobian(entries[a], entries[b]))
        d = sympy.Matrix(2, 2, lambda a, b: self.noise_level * self.explicit.noise(entries[a], entries[b]))
        xi = self.explicit.xi
        j, d = j.applyfunc(self.fixed), d.applyfunc(self.fixed)
        weights = sympy.Matrix([[xi[0], xi[1]]]) if self.gram else sympy.Matrix([[HALF, HALF]])
        weights = weights.applyfunc(self.fixed)
        pulled = weights * j
        rate = short(pulled[0] / weights[0])
        alone = vanishes(rate - pulled[1] / weights[1])
        between = eq.repulsion
        if alone and (not self.gram or vanishes(j.det())):
            variance = between / (2 * rate)
            own, pair = self._closed(variance)
        else:
            spread = _lyapunov(j, d)
            variance = (weights * spread * weights.T)[0]
            own, pair = self._open(spread)
        x, y = eq.x, sympy.Symbol("x_j", **eq.x.assumptions0)
        rotating, frozen = variance / (x - y), between / (-sympy.diff(eq.flow, x) * (x - y))
        parts = [rate if alone else None, variance, rotating, frozen, own, pair]
        return Feedback(*(None if p is None else self._at_fixed_points(p) for p in parts))

    def require_apart(self) -> None:
        """ValueError unless modes i and j have fixed points apart from each other and from zero."""
        x = self.equation.x
        if self._at_fixed_points(x) == 0:
            raise ValueError("the modes rest at zero, where eigenvalues are not separate")
        if self._at_fixed_points(x - sympy.Symbol("x_j", **x.assumptions0)) == 0:
            raise ValueError("the modes share one fixed point: their repulsion is no small shift, see gas()")

    def _at_fixed_points(self, value: sympy.Expr) -> sympy.Expr:
        target = self.equation.linearised().target
        x = self.equation.x
        at = {x: target, sympy.Symbol("x_j", **x.assumptions0): to_mode(target, "j")}
        value = sympy.sympify(value).xreplace(at)
        return sympy.factor(short(value))

    def _diagonal_share(self) -> sympy.Expr:
        """Shift of X_ii by its own fluctuation: ½ F'' E_ii / k, F the flow."""
        eq = self.equation
        rate = -sympy.diff(eq.flow, eq.x)
        return HALF * sympy.diff(eq.flow, eq.x, 2) * (eq.noise / rate) / rate

    def _closed(self, variance: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
        """m_i where the drift of X is a function of X alone: half its curvature times E, and the Itô term."""
        eq, x = self.equation, self.explicit
        if self.gram:
            a, b = x.xi
            root = sympy.Matrix([[a, self.t / a], [0, sympy.sqrt(b**2 - self.t**2 / a**2)]])  # rootᵀroot = X
        else:
            root = sympy.Matrix([[x.xi[0], self.t], [self.t, x.xi[1]]])
        pull = [-self.response.mean_at(Direction(0, k, 0, 0), [root]) for k in range(2)]
        drift = 2 * (root[0, 0] * pull[0] + root[1, 0] * pull[1]) if self.gram else pull[0]
        curvature = self.fixed(sympy.diff(drift, self.t, 2).subs(self.t, 0))
        rate = -sympy.diff(eq.flow, eq.x)
        own = (eq.drift - eq.flow) / rate + self._diagonal_share()
        return own, (eq.pair_drift + HALF * curvature * variance) / rate

    def _open(self, spread: sympy.Matrix) -> tuple[sympy.Expr, sympy.Expr]:
        """m_i from W itself: 2 ξ_i ⟨δW_ii⟩ + Σ_k ⟨δW_ki²⟩."""
        x, first = self.explicit, Direction(0, 0, 0, 0)
        xi = x.xi[0]
        rate = self.response.jacobian(first, first)
        alone = self.noise_level * x.noise(first, first) / (2 * rate)
        second = -self._second(first, {first: self.t})
        own = 2 * xi * HALF * second * alone / rate + alone
        steps = {Direction(0, 0, 1, 0): self.t, Direction(0, 1, 0, 0): self.u}
        bend = -self.response.mean_at(first, x.shifted(steps))
        hessian = sympy.hessian(bend, [self.t, self.u]).subs({self.t: 0, self.u: 0})
        bent = (hessian.applyfunc(self.fixed) * spread).trace()
        return self.fixed(own), self.fixed(xi / rate) * bent + spread[1, 1]

    def _second(self, d: Direction, steps: dict) -> sympy.Expr:
        return sympy.diff(self.response.mean_at(d, self.explicit.shifted(steps)), self.t, 2).subs(self.t, 0)


def _lyapunov(j: sympy.Matrix, d: sympy.Matrix) -> sympy.Matrix:
    """Σ of JΣ + ΣJᵀ = D, 2 × 2."""
    a, b, c = sympy.symbols("_a _b _c")
    spread = sympy.Matrix([[a, b], [b, c]])
    residual = j * spread + spread * j.T - d
    solution = sympy.solve([residual[0, 0], residual[0, 1], residual[1, 1]], [a, b, c], dict=True)
    if not solution:
        raise ValueError("the fluctuations of the eigenvectors have no stationary variance in this model")
    return spread.subs(solution[0])
