"""Where an eigenvalue SDE stands still, and the Coulomb gas it settles into."""

from __future__ import annotations

import random
from dataclasses import dataclass

import sympy

from dyson.derive.notation import eigenvalue, exchanged, latex, short
from dyson.derive.specification import MODE_KINDS


@dataclass(frozen=True)
class Gas:
    r"""A stationary law  P_s = Z⁻¹ exp( -Σ_i Φ(x_i) ) Π_{i<j} exp( φ(x_i, x_j) ).

    Attributes
    ----------
    exact : bool
        Whether it is the stationary law of the eigenvalue SDE; else it holds near the fixed point.
    potential : Expr
        Φ(x_i). With further species it differs by the parameters only.
    interaction : Expr
        φ(x_i, x_j); β log|x_i - x_j| for a Coulomb gas.
    coulomb : bool
        Whether the interaction is β log|x_i - x_j|.
    beta : int
        Dyson index.
    reason : str
        Why it is exact, or what was neglected.
    """

    exact: bool
    potential: sympy.Expr
    interaction: sympy.Expr
    coulomb: bool
    beta: int
    reason: str

    def _repr_latex_(self) -> str:
        return (
            r"$\displaystyle P_s \propto \prod_i e^{-\Phi_i} \prod_{i<j} e^{\varphi_{ij}},\quad \Phi_i = "
            + f"{latex(self.potential)},\\quad \\varphi_{{ij}} = {latex(self.interaction)}$"
        )


def roots(flow: sympy.Expr, x: sympy.Symbol) -> list[sympy.Expr]:
    """Roots of the flow's numerator in x that factors of degree one or two give; zero last."""
    whole = all(p.exp.is_number for p in flow.atoms(sympy.Pow))
    numerator, _ = sympy.fraction(sympy.cancel(flow) if whole else sympy.together(flow))
    power = power_of(numerator, x)
    y = sympy.Symbol("_y", positive=True)
    numerator = (
        sympy.powdenest(numerator.subs(x, y**power), force=True) if power > 1 else numerator.subs(x, y)
    )
    found: list[sympy.Expr] = []
    for factor in sympy.Mul.make_args(sympy.factor(numerator)):
        base = factor.base if factor.is_Pow and factor.exp.is_Integer and factor.exp > 0 else factor
        for value in _factor_roots(base, y, power):
            value = short(value)
            if value not in found and _is_real(value) and not (x.is_positive and value.is_negative):
                found.append(value)
    return sorted(found, key=lambda v: (v == 0, v.could_extract_minus_sign(), sympy.default_sort_key(v)))


def _factor_roots(factor: sympy.Expr, y: sympy.Symbol, power: int) -> list[sympy.Expr]:
    """y^power at the roots of a + b yⁿ or of a quadratic."""
    if not factor.has(y) or not factor.is_polynomial(y):
        return []
    terms = sympy.Poly(factor, y).terms()
    if len(terms) == 1:
        return [sympy.Integer(0)]
    (highest,), leading = terms[0]
    if len(terms) == 2 and terms[1][0] == (0,):
        root = (-terms[1][1] / leading) ** sympy.Rational(power, highest)
        return [root, -root] if power == 1 and highest % 2 == 0 else [root]
    free = sympy.Symbol("_y")
    return [r**power for r in sympy.roots(sympy.Poly(factor.subs(y, free), free))] if highest == 2 else []


def _is_real(value: sympy.Expr) -> bool:
    """False for a root that is complex at random positive numbers and says so by no square root of them."""
    at = {s: sympy.Rational(3 + 2 * k, 7) for k, s in enumerate(sorted(value.free_symbols, key=str))}
    if value.has(sympy.I):
        return False
    number = value.xreplace(at).evalf(15)
    return bool(sympy.im(number) == 0) or any(
        p.exp == sympy.Rational(1, 2) and not p.base.is_number for p in value.atoms(sympy.Pow)
    )


def power_of(expression: sympy.Expr, x: sympy.Symbol) -> int:
    """The n for which the expression is free of roots in x^(1/n)."""
    powers = [p.exp for p in expression.atoms(sympy.Pow) if p.base == x and p.exp.is_Rational]
    return int(sympy.ilcm(1, 1, *[p.q for p in powers]))


def integral(expression: sympy.Expr, x: sympy.Symbol) -> sympy.Expr:
    """Indefinite integral where partial fractions with linear factors give it; else an ``Integral``.

    SymPy's general integrator may run for hours on a rational function with many parameters. Broken powers
    of x and of other variables become whole powers of their roots.
    """
    variables = sorted(
        {p.base for p in expression.atoms(sympy.Pow) if p.base.is_Symbol and not p.exp.is_Integer} | {x},
        key=lambda s: s.name,
    )
    powers = {s: power_of(expression, s) for s in variables}
    inner = {s: sympy.Symbol(f"_{s.name}", **{**s.assumptions0, "real": True}) for s in variables}
    y, power = inner[x], powers[x]
    inside = expression.xreplace({s: inner[s] ** powers[s] for s in variables}) * power * y ** (power - 1)
    inside = sympy.together(sympy.powdenest(inside, force=True))
    numerator, denominator = sympy.fraction(sympy.factor(inside))
    if not (numerator.is_polynomial(y) and denominator.is_polynomial(y)):
        return sympy.Integral(expression, x)
    if any(sympy.degree(factor, y) > 1 for factor, _ in sympy.factor_list(denominator, y)[1]):
        return sympy.Integral(expression, x)
    parts = sympy.apart(numerator / denominator, y)
    total = sympy.Add(*(sympy.integrate(sympy.factor(part), y) for part in sympy.Add.make_args(parts)))
    return total.subs({inner[s]: s ** sympy.Rational(1, powers[s]) for s in variables})


def find_gas(equation, rows: int, columns: int) -> Gas:
    r"""Detailed balance of the eigenvalue SDE, and the law that follows.

    With F_ij = pair_drift + G_ij/(x_i - x_j), the current vanishes iff F_ij/g_i² = ∂φ/∂x_i for one symmetric
    φ, that is iff ∂_j(F_ij/g_i²) = ∂_i(F_ji/g_j²); a Coulomb gas iff this is β/(x_i - x_j)².
    """
    x, y = eigenvalue("i", equation.matrix.spectrum), eigenvalue("j", equation.matrix.spectrum)
    if equation.noise == 0:
        raise ValueError("without noise there is no gas: every eigenvalue goes to its fixed point")
    force = (equation.pair_drift + equation.repulsion / (x - y)) / equation.noise
    mixed = sympy.diff(force, y)
    if not vanishes(mixed - exchanged(mixed)):
        return _local(equation, "the pair forces are not the gradient of a potential (no detailed balance)")
    force = sympy.factor(sympy.together(force))
    potential = equation.potential(rows, columns)
    coulomb = vanishes(mixed - equation.beta / (x - y) ** 2)
    if coulomb:
        between = equation.beta * sympy.log(sympy.Abs(x - y))
        others = sympy.Symbol("N", integer=True, positive=True) - 1
        potential -= others * integral(short(force - equation.beta / (x - y)), x)
    else:
        between = _symmetric_potential(force, x, y)
    _require_confinement(potential, x, equation.matrix.spectrum)
    return Gas(True, potential, between, coulomb, equation.beta, _why_exact(equation))


def _why_exact(equation) -> str:
    reason = "the eigenvalue SDE is in detailed balance"
    if any(kind in MODE_KINDS for kind in equation.matrix.parameters.values()):
        return (
            f"{reason} for any parameters of its modes; its eigenvectors are frozen, and eigenvalues of "
            "different parameters lie further apart here than where they rotate, see feedback()"
        )
    return f"{reason}, and the model is the same in every basis: it is the law of the matrix as well"


def _symmetric_potential(force: sympy.Expr, x: sympy.Symbol, y: sympy.Symbol) -> sympy.Expr:
    """φ(x_i, x_j) = φ(x_j, x_i) with ∂φ/∂x_i = force."""
    half = integral(force, x)
    if half.has(sympy.Integral):
        return half
    missing = short(exchanged(force) - sympy.diff(half, y))
    whole = half + integral(missing, y)
    return whole.replace(
        sympy.log, lambda a: sympy.log(sympy.Abs(a)) if a.has(x) and a.has(y) else sympy.log(a)
    )


def _require_confinement(potential: sympy.Expr, x: sympy.Symbol, spectrum: str) -> None:
    """ValueError unless exp(-Φ) falls faster than any power of x: else there is no stationary state."""
    if potential.has(sympy.Integral):
        return
    at = {s: sympy.Rational(3 + k, 5) for k, s in enumerate(sorted(potential.free_symbols - {x}, key=str))}
    for sign in (1, -1) if spectrum == "symmetric" else (1,):
        heights = [
            sympy.re(potential.xreplace({**at, x: sign * sympy.Integer(10) ** k}).evalf(20)) for k in (4, 6)
        ]
        if not (heights[1] > 100 and heights[1] > 1.6 * heights[0]):
            side = "∞" if sign > 0 else "-∞"
            raise ValueError(f"there is no gas: Φ = {str(potential)[:80]} does not confine as x → {side}")


def _local(equation, why: str) -> Gas:
    x, y = eigenvalue("i", equation.matrix.spectrum), eigenvalue("j", equation.matrix.spectrum)
    point = equation.linearised()
    if point.noise == 0:
        raise ValueError(
            f"there is no gas: the noise vanishes at the fixed point x̄_i = {point.target}, where eigenvalues "
            "come to rest"
        )
    potential = (x - point.target) ** 2 / (2 * point.variance)
    reason = (
        f"{why}; near the fixed point, with the drift linearised and noise and repulsion as they are "
        "there. Neglected: the change of g_i² and the curvature of the drift, of relative order σ_i/x̄_i; "
        "between eigenvalues that are not (nearly) degenerate the difference of G_ij from β g_i²"
    )
    between = equation.beta * sympy.log(sympy.Abs(x - y))
    return Gas(False, potential, between, True, equation.beta, reason)


def vanishes(expression: sympy.Expr) -> bool:
    """Zero at random rational numbers to 30 digits: decides what ``simplify`` may not find."""
    draw = random.Random(1)
    for _ in range(3):
        at = {
            s: sympy.Integer(2) if s.is_integer else sympy.Rational(draw.randrange(250, 750), 1000)
            for s in sorted(expression.free_symbols, key=lambda s: s.name)
        }
        value = sympy.sympify(expression).xreplace(at).evalf(40)
        if not value.is_number or not value.is_finite or abs(value) > 1e-20:
            return False
    return True
