"""What the templates of a generated module are filled with: expressions, and the names of their symbols."""

from __future__ import annotations

import sympy

from dyson.blocks import WORK_ROWS
from dyson.derive.equation import EigenvalueEquation
from dyson.derive.explicit import parameter_symbol
from dyson.derive.notation import T, eigenvalue, to_mode
from dyson.derive.printing import Block, WholePower
from dyson.derive.specification import MODE_KINDS, SCALAR_KINDS
from dyson.derive.statics import power_of

TINY = sympy.Float("1e-300")


def with_numbers(value: sympy.Expr, integers: dict) -> sympy.Expr:
    """Numbers for integer parameters; powers of them stay in one piece, so that none overflows by itself."""
    if not value.free_symbols & set(integers):
        return value
    value = sympy.powsimp(value, force=True, combine="base")
    value = value.replace(
        lambda e: e.is_Pow and bool(e.exp.free_symbols & set(integers)),
        lambda e: WholePower(e.base, e.exp.xreplace(integers)),
    )
    return value.xreplace(integers)


class Source:
    """Everything the templates need, by the names that the generated text uses."""

    def __init__(self, equation: EigenvalueEquation, integers: dict[str, int]):
        self.equation, self.pattern = equation, equation.pattern
        sde = equation.matrix
        self.scalars = [n for n, kind in sde.parameters.items() if kind in SCALAR_KINDS]
        self.per_mode = [n for n, kind in sde.parameters.items() if kind in MODE_KINDS]
        self.x = {m: eigenvalue(m, sde.spectrum) for m in "ij"}
        self.positive = sde.spectrum != "symmetric"
        pattern = self.pattern
        summands = {
            "own": pattern.own,
            "pair": pattern.pair,
            "repulsion": pattern.repulsion,
            "noise": pattern.noise,
            "row": pattern.row or sympy.Integer(0),
            "column": pattern.column or sympy.Integer(0),
        }
        fix = {sympy.Symbol(n, integer=True, positive=True): sympy.Integer(v) for n, v in integers.items()}
        self.summands = {key: with_numbers(value, fix) for key, value in summands.items()}
        self.opaque = {symbol: with_numbers(value, fix) for symbol, value in pattern.opaque.items()}
        self.constants = [with_numbers(value, fix) for value in pattern.constants]
        self.flow = with_numbers(equation.flow, fix)
        self.roots = [with_numbers(root, fix) for root in equation.fixed_points()]
        self.interacting_flow = equation.pair_drift.xreplace({T: sympy.Integer(0)}) != 0
        self._take_roots()
        self._name()

    def _take_roots(self) -> None:
        """Write broken powers of x_i as integer powers of one root y_i, where they occur."""
        power = 1
        for value in self.summands.values():
            power = sympy.ilcm(power, power_of(value, self.x["i"]), power_of(value, self.x["j"]))
        self.power = int(power)
        self.y = {m: sympy.Symbol(f"y_{m}", positive=True) for m in "ij"}
        if self.power > 1:
            self.summands = {k: self.with_roots(v) for k, v in self.summands.items()}

    def with_roots(self, value: sympy.Expr) -> sympy.Expr:
        """x_i^(p/q) as a power of y_i; whole powers of x stay."""
        back = {self.y[m] ** self.power: self.x[m] for m in "ij"}
        out = value
        for m in "ij":
            out = out.replace(
                lambda e, m=m: (
                    e.is_Pow and e.base == self.x[m] and e.exp.is_Rational and not e.exp.is_Integer
                ),
                lambda e, m=m: self.y[m] ** (e.exp * self.power),
            )
        return out.subs(back)

    def _name(self) -> None:
        self.names: dict[sympy.Symbol, str] = {T: "p_T"}
        for name in self.scalars:
            self.names[parameter_symbol(name, self.equation.matrix.parameters[name])] = f"p_{name}"
        for name in self.per_mode:
            for m in "ijk":
                self.names[sympy.Symbol(f"{name}_{m}", positive=True)] = f"p_{name}_{m}"
        self.lifted = list(self.opaque)
        for symbol in self.lifted:
            for m in "ij":
                self.names[to_mode(symbol, m)] = f"v_{symbol.name[:-2]}_{m}"
        rows = len(self.lifted) + (self.power > 1)
        if rows > WORK_ROWS - 3:
            raise ValueError(
                f"{self.equation.matrix.what} needs {rows} quantities a mode beside x_i; solvers have "
                f"room for {WORK_ROWS - 3}: use fewer samples whose covariance depends on W"
            )

    def lanes(self, modes: str) -> list[sympy.Symbol]:
        """Symbols of these modes that differ between replicas."""
        return [s for m in modes for s in (self.x[m], self.y[m], *(to_mode(o, m) for o in self.lifted))]

    def block(self, expressions, modes: str, prefix: str = "_h") -> Block:
        """Lines for expressions of some modes; the prefix keeps the temporaries of two blocks apart."""
        return Block(expressions, self.lanes(modes), self.names, prefix)

    @property
    def conditions(self) -> dict[sympy.Symbol, list[sympy.Expr]]:
        """What must be positive: whatever a covariance is divided by, it itself, and 1 - ρ² of a memory ρ.

        The value itself is written as its symbol; x = 0 may make a variance 0.
        """
        out = {}
        for symbol, value in self.opaque.items():
            bases = {p.base for p in value.atoms(sympy.Pow) if p.exp.is_negative and p.base.has(self.x["i"])}
            out[symbol] = sorted(bases, key=sympy.default_sort_key)
            if symbol.name.startswith("rho_"):
                out[symbol].append(1 - symbol**2)
            elif not (value.is_Pow and value.base in bases):
                out[symbol].append(symbol + TINY)
        return out
