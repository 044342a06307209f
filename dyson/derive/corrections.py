r"""Corrections of first order in the learning rate or in a chain's lag, at explicit diagonal weights.

Both come from how gradients respond to a move of the weights. With g the per-sample gradient, a polynomial in
Gaussian samples v of covariance C(W), Price's theorem gives the response of its mean:

    ∂⟨g_d⟩/∂W_e = ⟨∂g_d/∂W_e⟩ + ½ Σ_ab ⟨∂²g_d/∂v_a∂v_b⟩ ∂C_ab/∂W_e

Source: R. Price, IRE Trans. Inf. Theory 4 (1958) 69. Derivations: docs/derive.md, "Other optimisers", and
docs/memory-drift.md.
"""

from __future__ import annotations

from functools import cached_property
from itertools import product

import sympy

from dyson.derive.evaluation import value_of
from dyson.derive.explicit import Direction, Explicit
from dyson.derive.wick import Moments, derivative, over_lags, polynomial

HALF = sympy.Rational(1, 2)
ZERO = sympy.Integer(0)


class Response:
    """How the gradients of an `Explicit` matrix SDE respond to a move of the weights."""

    def __init__(self, explicit: Explicit):
        self.explicit, self.sde = explicit, explicit.sde
        if self.sde.beta == 2 and self.sde.samples:
            raise ValueError("corrections of first order are derived for real samples: beta must be 1")
        self._jacobian: dict[tuple[Direction, Direction], sympy.Expr] = {}
        self._moved: dict[tuple[str, str, Direction], sympy.Matrix] = {}

    def jacobian(self, d: Direction, e: Direction) -> sympy.Expr:
        """J_de = ∂⟨g_d⟩/∂W_e."""
        if (d, e) not in self._jacobian:
            self._jacobian[d, e] = self._mean_response(d, e)
        return self._jacobian[d, e]

    def _mean_response(self, d: Direction, e: Direction) -> sympy.Expr:
        x = self.explicit
        total = x.moments.mean(x.sampled_gradient(d, e))
        for name, sample in self.sde.samples.items():
            first = x.start_of[name]
            self._require_apart(name, d)
            for (a, b), value in self._entries(name, sample.covariance, e):
                twice = derivative(derivative(x.sampled_gradient(d), first + a), first + b)
                total += HALF * value * x.moments.mean(twice)
        return total

    def _require_apart(self, name: str, d: Direction) -> None:
        """ValueError where the mean gradient feels the correlation of a sample and the one it starts at."""
        x, start = self.explicit, self.sde.samples[name].start
        if start is None:
            return
        size, gradient = x.size_of(name), x.sampled_gradient(d)
        for a, b in product(range(size), repeat=2):
            mixed = derivative(derivative(gradient, x.start_of[name] + a), x.start_of[start[0]] + b)
            if mixed:
                raise ValueError(
                    f"the mean gradient depends on the correlation of {name} and {start[0]}, whose response "
                    "to the weights is not derived"
                )

    def mean_at(self, d: Direction, weights) -> sympy.Expr:
        """⟨g_d⟩ at any weights; samples that start at others count by their own covariance."""
        x = self.explicit
        values = x.values(weights)
        covariance = [[ZERO] * len(x.variables) for _ in x.variables]
        for name, sample in self.sde.samples.items():
            value = value_of(self.sde, sample.covariance, f"{name}'s covariance", values)
            size, first = x.size_of(name), x.start_of[name]
            matrix = value if getattr(value, "is_Matrix", False) else value * sympy.eye(size)
            for a in range(size):
                covariance[first + a][first : first + size] = matrix[a, :]
        gradient = polynomial(x.gradient_at(d, weights), x.variables, f"the gradient of {self.sde.what}")
        return Moments(covariance).mean(gradient)

    def _entries(self, name: str, text: str, e: Direction):
        """Non-zero entries of the derivative by W_e of a covariance, or of what a chain keeps."""
        key = (name, text, e)
        if key not in self._moved:
            t = sympy.Symbol("_t", real=True)
            values = self.explicit.values(self.explicit.shifted({e: t}))
            value = value_of(self.sde, text, f"{name}'s covariance or memory", values)
            if not getattr(value, "is_Matrix", False):
                value = value * sympy.eye(self.explicit.size_of(name))
            self._moved[key] = sympy.Matrix(value).diff(t).subs(t, 0)
        matrix = self._moved[key]
        return [
            ((a, b), v) for a in range(matrix.rows) for b in range(matrix.cols) if (v := matrix[a, b]) != 0
        ]

    # ---- the modified equation

    def modified_drift(self, d: Direction) -> sympy.Expr:
        """(J A)_d: drift A + (η/2) J A."""
        x = self.explicit
        for name, sample in self.sde.samples.items():
            if sample.chain is not None or sample.start is not None:
                raise ValueError(
                    f"the O(α) correction knows samples that are drawn anew, but {name} is a chain: "
                    "leave finite_learning_rate out"
                )
        return sum(
            (
                self.jacobian(d, e) * x.drift(e)
                for e in x.directions()
                if e.row == e.column and x.drift(e) != 0
            ),
            ZERO,
        )

    def modified_noise(self, d: Direction, f: Direction) -> sympy.Expr:
        """(J D + D Jᵀ)_df: noise D + (ζ/2) (J D + D Jᵀ)."""
        x = self.explicit
        total = ZERO
        for e in x.directions():
            left, right = x.noise(e, f), x.noise(d, e)
            total += self.jacobian(d, e) * left if left != 0 else ZERO
            total += right * self.jacobian(f, e) if right != 0 else ZERO
        return total

    def advected_noise(self, d: Direction, f: Direction) -> sympy.Expr:
        """(A·∇) D_df, the change of the noise along the drift, which at diagonal weights stays diagonal."""
        x = self.explicit
        noise = x.noise(d, f).xreplace(x.opaque)
        return sum(
            (x.drift(Direction(0, i, i, 0)) * sympy.diff(noise, xi) for i, xi in enumerate(x.xi)), ZERO
        )

    # ---- persistent chains

    def memory_drift(self, d: Direction) -> sympy.Expr:
        r"""Drift per unit of T that the chains' lag induces: the noise of a step meets later gradients.

            Σ_{m≥1} Σ_e ⟨∂g_d/∂W_e(m) g_e(0)⟩ - ½ Σ_a ⟨∂²g_d/∂v_a²⟩ δ_a

        where δ_a T is by how much the chains' variance differs from that of the weights of the moment.
        """
        x = self.explicit
        total = ZERO
        for e in x.directions():
            later = x.sampled_gradient(d, e)
            total += over_lags(x.gradient(e), later, x.covariance, x.decay, lambda r: r / (1 - r))
        for a, shift in self._lag.items():
            total -= HALF * shift * x.moments.mean(derivative(derivative(x.sampled_gradient(d), a), a))
        return total

    @cached_property
    def _lag(self) -> dict[int, sympy.Expr]:
        r"""δ_a of every chain variable: δ = PδP + ⟨dP[A] Y P⟩ + transpose, Y = vvᵀ - C, A the past noise,

        δ_a (1 - ρ_a²) = -2 ρ_a Σ_b Σ_e ∂P_ab/∂W_e Σ_{p≥0} Cov(g_e(-p), v_b v_a(0))
        """
        x = self.explicit
        out: dict[int, sympy.Expr] = {}
        for name, sample in self.sde.samples.items():
            if sample.chain is None:
                continue
            first = x.start_of[name]
            for e in x.directions():
                for (i, j), value in self._entries(name, sample.chain, e):
                    a, b = first + i, first + j
                    if x.decay[a] == 0:
                        continue
                    both = {tuple((v == a) + (v == b) for v in range(len(x.variables))): sympy.Integer(1)}
                    now = x.moments.covariance(x.gradient(e), both)
                    past = over_lags(x.gradient(e), both, x.covariance, x.decay, lambda r: r / (1 - r))
                    share = -2 * x.decay[a] / (1 - x.decay[a] ** 2)
                    out[a] = out.get(a, ZERO) + share * value * (now + past)
        return out
