"""Does the pairwise pattern hold? A matrix SDE on explicit 3 × 3 matrices, at random rational numbers."""

from __future__ import annotations

import random
from itertools import permutations

import sympy

from dyson.derive.reduction import Observed, Pattern

DIGITS = 30


def require_pattern(pattern: Pattern) -> None:
    """ValueError where three modes show a term that one and two do not have.

    Checked: no drift rotates the eigenvectors, the noises of different eigenvalues are independent, the drift
    is a sum over pairs, and neither a noise nor a repulsion depends on a mode that is not its own.
    """
    three = Observed(pattern.sde, 3, 3)
    numbers = Numbers(pattern, three)
    xi = three.singular_values
    symmetric = pattern.sde.spectrum == "symmetric"
    for i, j in permutations(range(3), 2):
        rotation = three.drift(i, j) if symmetric else xi[i] * three.drift(i, j) + xi[j] * three.drift(j, i)
        numbers.require_zero(
            rotation, f"the drift of entry {i + 1}{j + 1} at diagonal weights rotates the eigenvectors"
        )
        if i < j:
            joint = three.noise((i, i), (j, j))
            numbers.require_zero(joint, f"the noises of eigenvalues {i + 1} and {j + 1} are correlated")
            numbers.require_equal(
                three.repulsion(i, j), pattern.repulsion, (i, j), "the repulsion of two modes"
            )
    for i in range(3):
        others = [j for j in range(3) if j != i]
        numbers.require_equal(three.amplitude(i), pattern.noise, (i, others[0]), "the noise of a mode")
        rest = three.one(i) - sum(numbers.placed(pattern.pair, (i, j)) for j in others)
        numbers.require_equal(
            rest, pattern.own, (i, others[0]), "the drift of a mode beside the sum over pairs"
        )


class Numbers:
    """Random rational values of every symbol of three modes."""

    def __init__(self, pattern: Pattern, three: Observed):
        self.pattern, self.three = pattern, three
        self._draw = random.Random(1)
        self._values: dict[str, sympy.Expr] = {}
        self.integers = {name for name, kind in pattern.sde.parameters.items() if kind == "integer"}

    def value(self, symbol: sympy.Symbol) -> sympy.Expr:
        """The same number for the same name, whichever its assumptions; between 1/4 and 3/4."""
        if symbol.name in self.integers:
            return sympy.Integer(2)
        if symbol.name not in self._values:
            self._values[symbol.name] = sympy.Rational(self._draw.randrange(250, 750), 1000)
        return self._values[symbol.name]

    def number(self, expression: sympy.Expr) -> sympy.Expr:
        """Numerical value with 30 digits; variances and memories of samples are numbers of their own."""
        at = {s: self.value(s) for s in expression.free_symbols}
        return sympy.sympify(expression).xreplace(at).evalf(DIGITS)

    def placed(self, expression: sympy.Expr, modes: tuple[int, ...]) -> sympy.Expr:
        """A summand of the pattern for given modes: x as the singular value's power, letters as numbers."""
        at = {}
        for symbol in expression.free_symbols:
            stem, _, letter = symbol.name.rpartition("_")
            if stem and letter in ("i", "j"):
                number = modes["ij".index(letter)] + 1
                at[symbol] = (
                    self.eigenvalue(number)
                    if stem == "x"
                    else sympy.Symbol(f"{stem}_{number}", positive=True)
                )
        return expression.xreplace(at)

    def eigenvalue(self, number: int) -> sympy.Expr:
        xi = self.three.explicit.xi[number - 1] ** self.pattern.layers
        return xi**2 if self.pattern.sde.spectrum == "gram" else xi

    def require_equal(
        self, measured: sympy.Expr, summand: sympy.Expr, modes: tuple[int, ...], what: str
    ) -> None:
        self.require_zero(measured - self.placed(summand, modes), f"{what} depends on a third mode")

    def require_zero(self, expression: sympy.Expr, what: str) -> None:
        """Zero at the random numbers, or an error that names the largest offending terms."""
        value = self.number(expression)
        if value.is_number and abs(value) < 1e-20:
            return
        terms = sympy.Add.make_args(sympy.factor_terms(sympy.expand(expression)))
        largest = max(terms, key=lambda term: abs(self.number(term)))
        raise ValueError(
            f"{self.pattern.sde.what} has not the symmetry that an eigenvalue SDE needs: {what}, by the term "
            f"{_short(largest)}; parameters must be diagonal where W is, the loss a sum over pairs of "
            "modes, and samples enter it quadratically"
        )


def _short(term: sympy.Expr) -> str:
    text = str(term)
    return text if len(text) <= 80 else f"{text[:77]}..."
