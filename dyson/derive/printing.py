"""From SymPy expressions to lines of Python over scalars, modes and replicas ("lanes")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sympy
from sympy.printing.pycode import PythonCodePrinter


class WholePower(sympy.Function):
    """base**n for a whole number n, kept in one piece: (s x/μ)**n, where SymPy would write s**n x**n/μ**n."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        base, n = self.args
        return n if n == 1 else n * WholePower(base, n - 1)


class Printer(PythonCodePrinter):
    """Integer powers as products, everything else from one module of functions (``math`` or ``np``)."""

    def __init__(self, functions: str, names: Mapping[sympy.Symbol, str]):
        super().__init__()
        self.functions, self.names = functions, names

    def _print_Symbol(self, symbol: sympy.Symbol) -> str:
        return self.names.get(symbol, symbol.name)

    def _print_Pow(self, power: sympy.Pow, rational: bool = False) -> str:
        base, exponent = self.parenthesize(power.base, 1000), power.exp
        if exponent == sympy.Rational(1, 2):
            return f"{self.functions}.sqrt({self._print(power.base)})"
        if exponent.is_Integer:
            text = f"{base}**{abs(int(exponent))}" if abs(exponent) > 1 else base
            return f"({text})" if exponent > 0 else f"(1.0/{text})"
        return f"({base}**({self._print(exponent)}))"

    def _print_WholePower(self, power: WholePower) -> str:
        return f"(({self._print(power.args[0])})**{int(power.args[1])})"

    def _print_Rational(self, number: sympy.Rational) -> str:
        return f"({number.p}.0/{number.q}.0)"

    def _print_Integer(self, number: sympy.Integer) -> str:
        return f"{number.p}.0"

    def _print_call(self, call: sympy.Function) -> str:
        return f"{self.functions}.{type(call).__name__}({', '.join(map(self._print, call.args))})"

    _print_exp = _print_log = _print_sin = _print_cos = _print_tanh = _print_sinh = _print_cosh = _print_call

    def _print_Abs(self, call: sympy.Abs) -> str:
        return f"abs({self._print(call.args[0])})"


class Block:
    """Expressions split into lines outside and inside a loop over replicas.

    Parameters
    ----------
    expressions : iterable of Expr
    lanes : iterable of Symbol
        The symbols that differ between replicas.
    names : mapping of Symbol to str
    prefix : str
        What the names of temporaries begin with.

    Attributes
    ----------
    outside, inside : list of str
        Assignments, common subexpressions first.
    results : list of str
        The expressions' texts, for inside the loop.
    """

    def __init__(
        self, expressions: Iterable[sympy.Expr], lanes: Iterable[sympy.Symbol], names: Mapping, prefix: str
    ):
        self._prefix = prefix
        self.lanes = set(lanes)
        self._print = Printer("math", names).doprint
        self._held: dict[sympy.Expr, sympy.Symbol] = {}
        self.outside: list[str] = []
        self.inside: list[str] = []
        shared, results = sympy.cse(list(expressions), symbols=sympy.numbered_symbols(f"{prefix}c"))
        for symbol, value in shared:
            value = self._hoisted(value)
            if value.free_symbols & self.lanes:
                self.lanes.add(symbol)
                self.inside.append(f"{symbol.name} = {self._print(value)}")
            else:
                self.outside.append(f"{symbol.name} = {self._print(value)}")
        self.results = [self._print(self._hoisted(value)) for value in results]

    def _hold(self, value: sympy.Expr) -> sympy.Expr:
        """A value that no replica changes, computed outside the loop."""
        if value.is_Number or value.is_Symbol:
            return value
        if value not in self._held:
            symbol = sympy.Symbol(f"{self._prefix}o{len(self._held)}")
            self._held[value] = symbol
            self.outside.append(f"{symbol.name} = {self._print(value)}")
        return self._held[value]

    def _hoisted(self, value: sympy.Expr) -> sympy.Expr:
        if not value.free_symbols & self.lanes:
            return self._hold(value)
        if value.is_Mul or value.is_Add:
            fixed = [a for a in value.args if not a.free_symbols & self.lanes]
            moving = [self._hoisted(a) for a in value.args if a.free_symbols & self.lanes]
            held = (
                self._hold(value.func(*fixed))
                if len(fixed) > 1 or (fixed and not fixed[0].is_Number)
                else fixed
            )
            parts = [*(held if isinstance(held, list) else [held]), *moving]
            return value.func(*parts)
        return value.func(*(self._hoisted(a) for a in value.args)) if value.args else value
