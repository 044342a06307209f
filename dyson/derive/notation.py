"""The symbols of the derived equations: T, the eigenvalues x_i and x_j, and parameters by mode."""

from __future__ import annotations

import sympy

T = sympy.Symbol("T", positive=True)
"""Noise level, learning rate/batch size."""


def named(expression, spectrum: str, layers: int, letters: tuple[str, ...]):
    """Replace the numbered symbols of explicit modes by lettered ones, and ξ by x."""
    replace = {}
    for symbol in expression.free_symbols:
        stem, _, number = symbol.name.rpartition("_")
        if not stem or not number.isdigit() or int(number) > len(letters):
            continue
        letter = letters[int(number) - 1]
        if stem == "xi":
            power = 2 * layers if spectrum == "gram" else layers
            replace[symbol] = eigenvalue(letter, spectrum) ** sympy.Rational(1, power)
        else:
            replace[symbol] = sympy.Symbol(f"{stem}_{letter}", positive=True)
    return expression.xreplace(replace)


def eigenvalue(letter: str, spectrum: str) -> sympy.Symbol:
    """x_i, positive unless the matrix is symmetric itself."""
    return sympy.Symbol(f"x_{letter}", **({"real": True} if spectrum == "symmetric" else {"positive": True}))


def to_mode(expression: sympy.Expr, letter: str) -> sympy.Expr:
    """The expression of mode i for another mode."""
    return expression.xreplace(
        {
            s: sympy.Symbol(f"{s.name[:-2]}_{letter}", **s.assumptions0)
            for s in expression.free_symbols
            if s.name.endswith("_i")
        }
    )


def exchanged(expression: sympy.Expr) -> sympy.Expr:
    """Modes i and j swapped."""
    swap = {}
    for symbol in expression.free_symbols:
        stem, _, letter = symbol.name.rpartition("_")
        if stem and letter in ("i", "j"):
            swap[symbol] = sympy.Symbol(f"{stem}_{'j' if letter == 'i' else 'i'}", **symbol.assumptions0)
    return expression.xreplace(swap)


def short(expression: sympy.Expr) -> sympy.Expr:
    """Simplified where that is quick, else factored: SymPy's ``simplify`` takes seconds on long formulas."""
    if sympy.count_ops(expression) < 60 or any(not p.exp.is_Integer for p in expression.atoms(sympy.Pow)):
        return sympy.simplify(expression)
    return sympy.factor(expression)


def tidy(expression: sympy.Expr) -> sympy.Expr:
    """A canonical short form: the flow and what is of first order in T, each factored where that is quick."""
    expression = sympy.expand(expression)
    flow = expression.coeff(T, 0)
    noise = sympy.expand((expression - flow) / T)
    return _factored(flow) + T * _factored(noise)


def _factored(expanded: sympy.Expr) -> sympy.Expr:
    return sympy.factor(expanded) if sympy.count_ops(expanded) < 400 else sympy.factor_terms(expanded)


LATEX = {
    "mu2": r"\mu^{2}",
    "s2": r"\sigma_h^{2}",
    "eps": r"\varepsilon",
    "lam": r"\lambda",
    "teacher": "w",
    "decay": r"\lambda",
    "learning_rate": r"\alpha",
}


def latex(expression: sympy.Expr) -> str:
    """LaTeX with the field's letters for the usual parameters."""
    names = {}
    for symbol in expression.free_symbols:
        stem, _, letter = symbol.name.rpartition("_")
        if symbol.name in LATEX:
            names[symbol] = LATEX[symbol.name]
        elif stem in LATEX and letter in ("i", "j", "k", "1", "2"):
            names[symbol] = f"{LATEX[stem]}_{letter}"
    return sympy.latex(expression, symbol_names=names)
