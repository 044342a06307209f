"""The derived eigenvalue SDE in symbols, and what can be read off it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import sympy

from dyson.derive.feedback import Feedback, feedback
from dyson.derive.matrix_sde import MatrixSDE
from dyson.derive.notation import T, eigenvalue, short, to_mode
from dyson.derive.reduction import Pattern, Trained
from dyson.derive.statics import Gas, find_gas, integral, roots
from streams.arguments import count


class Linearised(NamedTuple):
    """A fixed point x̄_i, its relaxation rate k_i, noise g_i² and stationary variance σ_i² = g_i²/k_i."""

    target: sympy.Expr
    rate: sympy.Expr
    noise: sympy.Expr
    variance: sympy.Expr


@dataclass(frozen=True, eq=False)
class EigenvalueEquation:
    r"""The Itô equation of the eigenvalues x_i (or singular values), in symbols:

        dx_i = { drift + Σ_{j≠i} [ pair_drift + repulsion/(x_i - x_j) ] } dt + √(2 noise) dB_i

    Made by ``MatrixSDE.eigenvalue_sde()``; source: docs/theory.md, "From the matrix to its eigenvalues".

    Attributes
    ----------
    matrix : MatrixSDE
        What it was derived from.
    pattern : Pattern
        Its summands with variances and memories of samples as symbols of their own.
    """

    matrix: MatrixSDE
    pattern: Pattern

    @cached_property
    def variances(self) -> Mapping[sympy.Symbol, sympy.Expr]:
        """What the pattern's symbols of variance and memory stand for, for modes i and j."""
        out = dict(self.pattern.opaque)
        out.update({to_mode(s, "j"): to_mode(v, "j") for s, v in self.pattern.opaque.items()})
        return out

    def full(self, expression: sympy.Expr) -> sympy.Expr:
        """A summand of the pattern in x_i, x_j and parameters only."""
        return expression.xreplace(dict(self.variances))

    @property
    def x(self) -> sympy.Symbol:
        """x_i."""
        return eigenvalue("i", self.matrix.spectrum)

    @property
    def beta(self) -> int:
        """Dyson index."""
        return self.matrix.beta

    @cached_property
    def drift(self) -> sympy.Expr:
        """Drift of eigenvalue i alone: the flow and the Itô term of its own noise."""
        return self.full(self.pattern.own)

    @cached_property
    def flow(self) -> sympy.Expr:
        """The drift at zero noise."""
        return self.drift.xreplace({T: sympy.Integer(0)})

    @cached_property
    def pair_drift(self) -> sympy.Expr:
        """Regular drift of eigenvalue i from eigenvalue j."""
        return self.full(self.pattern.pair)

    @cached_property
    def repulsion(self) -> sympy.Expr:
        """G_ij: the repulsion is G_ij/(x_i - x_j)."""
        return self.full(self.pattern.repulsion)

    @cached_property
    def noise(self) -> sympy.Expr:
        """g_i², noise term √2 g_i dB_i."""
        return self.full(self.pattern.noise)

    @cached_property
    def row_drift(self) -> sympy.Expr | None:
        """Drift from each row of W beyond N (parameters ``..._k``); None if W must be square."""
        return None if self.pattern.row is None else self.full(self.pattern.row)

    @cached_property
    def column_drift(self) -> sympy.Expr | None:
        """Drift from each column of W beyond M; None if W must be square."""
        return None if self.pattern.column is None else self.full(self.pattern.column)

    @cached_property
    def trained(self) -> Mapping[str, Trained]:
        """Drift and noise of the trained scalar parameters; ``bind`` holds them fixed."""
        return {
            name: Trained(*(self.full(part) for part in summands))
            for name, summands in self.pattern.trained.items()
        }

    def fixed_points(self) -> list[sympy.Expr]:
        """x̄_i, where the noiseless flow stands still; empty if there is no flow or no closed form.

        Only those for which the flow does not depend on the other eigenvalues; x̄_i = 0 comes last.
        """
        return list(self._fixed_points)

    @cached_property
    def _fixed_points(self) -> list[sympy.Expr]:
        if self.pair_drift.xreplace({T: sympy.Integer(0)}) != 0:
            return []
        return roots(self.flow, self.x)

    def linearised(self, target: sympy.Expr | None = None) -> Linearised:
        """The flow and the noise at a fixed point, default the first of ``fixed_points``.

        Raises
        ------
        ValueError
            If there is no fixed point in closed form and none is given.
        """
        return self._first if target is None else self._near(sympy.sympify(target, strict=True))

    @cached_property
    def _first(self) -> Linearised:
        if not self._fixed_points:
            raise ValueError(
                f"the flow {str(self.flow)[:80]} has no isolated fixed point in closed form; pass target"
            )
        return self._near(self._fixed_points[0])

    def _near(self, target: sympy.Expr) -> Linearised:
        rate = at(-sympy.diff(self.flow, self.x), self.x, target)
        noise = at(self.noise, self.x, target)
        variance = short(noise / rate) if rate != 0 else sympy.oo
        return Linearised(target, rate, noise, variance)

    def potential(self, rows: int = 0, columns: int = 0) -> sympy.Expr:
        r"""Φ_i(x_i) = -∫ drift/g_i² dx_i + log g_i²: one eigenvalue alone is distributed as exp(-Φ_i).

        Constant terms are left out. With g_i² constant this is V_i/g_i². An integral that SymPy cannot do is
        returned as an ``Integral``.

        Parameters
        ----------
        rows, columns : int
            Further rows or columns of W, for M ≠ N (those whose drift has no parameters of their own).
        """
        count("rows", rows, least=0), count("columns", columns, least=0)
        drift = self.drift + rows * (self.row_drift or 0) + columns * (self.column_drift or 0)
        if self.noise == 0:
            raise ValueError("without noise there is no potential: every eigenvalue goes to its fixed point")
        energy = integral(sympy.together(drift / self.noise), self.x)
        whole = sympy.expand_log(sympy.expand(sympy.log(sympy.factor(self.noise)) - energy), force=True)
        return sympy.Add(*(term for term in sympy.Add.make_args(whole) if term.has(self.x)))

    def gas(self, rows: int = 0, columns: int = 0) -> Gas:
        """The stationary law: exact where the equation is in detailed balance, else near the fixed point.

        Parameters
        ----------
        rows, columns : int
            Further rows or columns of W, as in ``potential``.

        Raises
        ------
        ValueError
            If there is no stationary law: no noise at the fixed point, or a potential that does not confine.
        """
        return find_gas(self, rows, columns)

    def number(self, expression: sympy.Expr, **values: float) -> float:
        """A formula at numbers, by the names of its symbols: ``number(eig.noise, T=0.01, x_i=5, ...)``.

        Raises
        ------
        ValueError
            If a symbol has no value.
        """
        missing = sorted(s.name for s in expression.free_symbols if s.name not in values)
        if missing:
            raise ValueError(f"no value for {missing[0]} in {str(expression)[:60]}: pass {missing[0]}=...")
        return float(expression.xreplace({s: sympy.Float(values[s.name]) for s in expression.free_symbols}))

    def feedback(self) -> Feedback:
        """Mean eigenvalues to second order in the fluctuations, with rotating and with frozen eigenvectors.

        Returns
        -------
        Feedback
            rate, variance, rotating, frozen, own, pair, in symbols; ``number`` evaluates them.

        Raises
        ------
        ValueError
            For complex weights, several layers, singular values, or a model without a fixed point.
        """
        return feedback(self)

    def bind(self, noise_level, **values):
        """Numbers for all parameters: the compiled ``EigenvalueSDE``, see `bind`."""
        from dyson.derive.binding import bind

        return bind(self.matrix, noise_level, **values)

    def _repr_latex_(self) -> str:
        from dyson.derive.explanation import equation_latex

        return f"$\\displaystyle {equation_latex(self)}$"

    def __repr__(self) -> str:
        parts = f"drift={self.drift}, repulsion={self.repulsion}, noise={self.noise}"
        return f"EigenvalueEquation({self.matrix.name}, {parts})"


def at(expression: sympy.Expr, x: sympy.Symbol, value: sympy.Expr) -> sympy.Expr:
    """Simplified value at x = value, by a limit where it is 0/0."""
    result = expression.subs(x, value)
    if result.has(sympy.nan, sympy.zoo, sympy.oo):
        result = sympy.limit(expression, x, value)
    return short(result)
