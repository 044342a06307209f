"""A derivation told step by step, as text, LaTeX or JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import sympy

from dyson.derive.explicit import Direction
from dyson.derive.notation import latex

GENERAL = {
    "gram": (
        "dx_i = [2 ξ_i a_ii + T Σ_k D_ki,ki + Σ_{j≠i} G_ij/(x_i - x_j)] dt + √(4 T x_i D_ii,ii) dB_i,"
        "  G_ij = T (x_i D_ij,ij + x_j D_ji,ji + 2 ξ_i ξ_j D_ij,ji),  x_i = ξ_i²"
    ),
    "symmetric": "dx_i = [a_ii + T Σ_{j≠i} E|dM_ij|²/(x_i - x_j)] dt + √(T D_ii,ii) dB_i",
    "singular": "the equation of ξ_i² and Itô's formula for its square root; x_i is the singular value ξ_i",
}
LONGEST = 2000


@dataclass(frozen=True)
class Step:
    """A heading, a sentence, and formulas as (left-hand side in LaTeX, in text, expression)."""

    title: str
    words: str
    formulas: Sequence[tuple[str, str, sympy.Expr]] = ()


def equation_latex(equation) -> str:
    """The whole SDE of eigenvalue i in one line."""
    x, y = equation.x, sympy.Symbol("x_j", **equation.x.assumptions0)
    return (
        rf"dx_i = \Big[ {latex(equation.drift)} + \sum_{{j \neq i}} \Big( "
        rf"{latex(equation.pair_drift + equation.repulsion / (x - y))} \Big) \Big] dt + "
        rf"{latex(sympy.sqrt(2 * equation.noise))}\; dB_i"
    )


def steps(equation) -> list[Step]:
    """The derivation, from the loss to the gas."""
    out = [_start(equation), _gradient(equation), _moments(equation), _ito(equation)]
    out.append(
        Step(
            "Check",
            "On 3 × 3 matrices at random numbers, to 20 digits: no drift rotates the eigenvectors, noises of "
            "different eigenvalues are independent, and there is no term of three modes.",
        )
    )
    for make in (_trained, _fixed_point, _gas, _feedback):
        step = make(equation)
        if step is not None:
            out.append(step)
    return out


def _start(equation) -> Step:
    sde = equation.matrix
    lines = [f"{'loss' if sde.loss is not None else 'gradient'}: {sde.loss or sde.gradient}"]
    lines += [f"with {name} = {text}" for name, text in sde.definitions.items()]
    for name, sample in sde.samples.items():
        text = f"{name}: Gaussian {sample.space} of covariance {sample.covariance}, {sample.average}"
        text += f", a chain that keeps {sample.chain} per update" if sample.chain else ""
        text += f", started at {sample.start[0]} by {sample.start[1]}" if sample.start else ""
        lines.append(text)
    for noise in sde.noise:
        kind = "symmetric noise" if noise.symmetric else "noise"
        lines.append(f"{kind} of covariance ({noise.row}) ⊗ ({noise.column})")
    lines += [f"{name}: parameter, {kind}" for name, kind in sde.parameters.items()]
    lines.append("dW = -⟨gradient⟩ dt + √T dM, Cov(dM) = Cov(gradient) dt, T = learning rate/batch size")
    return Step("Matrix SDE", "\n".join(str(line) for line in lines))


def _gradient(equation) -> Step:
    e = equation.pattern.two.explicit
    formulas = []
    for a, b in product(range(2), repeat=2):
        for layer in range(len(equation.matrix.weights)):
            value = sum(
                c * sympy.Mul(*(v**k for v, k in zip(e.variables, powers, strict=True)))
                for powers, c in e.gradient(Direction(layer, a, b, 0)).items()
            )
            mark = f"^{{({layer + 1})}}" if len(equation.matrix.weights) > 1 else ""
            layer_text = f"({layer + 1})" if mark else ""
            value = sympy.factor(value).xreplace({v: _sample(v) for v in e.variables})
            formulas.append((f"g{mark}_{{{a + 1}{b + 1}}}", f"g{layer_text}_{a + 1}{b + 1}", value))
    words = "Per-sample gradient of a 2 × 2 matrix at diagonal W = diag(ξ_1, ξ_2), exact averages done."
    return Step("Gradient", words, formulas)


def _sample(variable: sympy.Symbol) -> sympy.Symbol:
    """The internal ``_psi_0`` as psi_1."""
    name, _, number = variable.name[1:].rpartition("_")
    return sympy.Symbol(
        f"{name}_{int(number.rstrip('i')) + 1}{'i' if number.endswith('i') else ''}", real=True
    )


def _moments(equation) -> Step:
    two = equation.pattern.two
    rows = [("a_{11}", "a_11", two.drift(0, 0))]
    for p, q in (((0, 0), (0, 0)), ((0, 1), (0, 1)), ((1, 0), (1, 0)), ((0, 1), (1, 0))):
        index = "".join(str(v + 1) for v in p), "".join(str(v + 1) for v in q)
        rows.append((f"D_{{{index[0]},{index[1]}}}", f"D_{index[0]},{index[1]}", two.noise(p, q)))
    rows = [(left, text, sympy.factor(value)) for left, text, value in rows]
    seen = {s for _, _, value in rows for s in value.free_symbols}
    for symbol, value in two.explicit.opaque.items():
        if symbol in seen:
            rows.append((sympy.latex(symbol), symbol.name, value))
    return Step("Drift and noise", "Mean and covariance over the samples by Wick's theorem.", rows)


def _ito(equation) -> Step:
    rows = [
        ("\\text{drift}", "drift of x_i alone", equation.drift),
        ("\\text{pair drift}", "regular drift by x_j", equation.pair_drift),
        ("G_{ij}", "repulsion G_ij", equation.repulsion),
        ("g_i^2", "noise g_i²", equation.noise),
    ]
    if equation.row_drift:
        rows.append(("\\text{row}", "drift by each further row of W", equation.row_drift))
    if equation.column_drift:
        rows.append(("\\text{column}", "drift by each further column of W", equation.column_drift))
    words = f"Itô step: {GENERAL[equation.matrix.spectrum]}"
    return Step("Eigenvalue SDE", words, rows)


def _trained(equation) -> Step | None:
    if not equation.trained:
        return None
    rows = []
    for name, parts in equation.trained.items():
        rows += [
            (f"\\text{{drift of }} {name}", f"drift of {name}, summed over modes", parts.drift),
            (f"\\text{{variance of }} {name}", f"variance of d{name}, summed over modes", parts.variance),
            (f"\\text{{covariance of }} {name}", f"covariance of d{name} and dx_i", parts.covariance),
        ]
    return Step("Trained parameters", "They share the samples, and so the noise, of the weights.", rows)


def _fixed_point(equation) -> Step | None:
    points = equation.fixed_points()
    if not points:
        return None
    rows = [(f"\\bar x_i^{{({a + 1})}}", f"fixed point {a + 1}", point) for a, point in enumerate(points)]
    near = equation.linearised()
    rows += [
        ("k_i", "rate k_i at the first", near.rate),
        ("g_i^2", "noise g_i² there", near.noise),
        ("\\sigma_i^2", "variance σ_i² = g_i²/k_i", near.variance),
    ]
    return Step("Fixed points", "Where the noiseless flow stands still, and the fluctuations there.", rows)


def _gas(equation) -> Step | None:
    try:
        gas = equation.gas()
    except ValueError as error:
        return Step("Coulomb gas", f"{error}.")
    words = f"{'Exact' if gas.exact else 'Local'}: {gas.reason}. P_s ∝ exp(-Σ Φ_i) Π exp(φ_ij)."
    rows = [("\\Phi_i", "Φ_i", gas.potential), ("\\varphi_{ij}", "φ_ij", gas.interaction)]
    return Step("Coulomb gas", words, rows)


def _feedback(equation) -> Step | None:
    try:
        shifts = equation.feedback()
    except ValueError as error:
        return Step("Eigenvector feedback", f"Not given: {error}.")
    rows = [] if shifts.rate is None else [("r_{ij}", "relaxation rate of X_ij", shifts.rate)]
    rows += [
        ("E_{ij}", "stationary variance of X_ij", shifts.variance),
        ("\\text{rotating}", "shift of x_i by x_j, rotating eigenvectors", shifts.rotating),
        ("\\text{frozen}", "the same with frozen ones", shifts.frozen),
        ("m_i^{\\text{own}}", "m_i, of mode i alone", shifts.own),
        ("m_i^{\\text{pair}}", "m_i, by each other mode", shifts.pair),
    ]
    words = "⟨x_i⟩ = x̄_i + Σ_{j≠i} E_ij/(x̄_i - x̄_j) + m_i to second order in the fluctuations."
    return Step("Eigenvector feedback", words, rows)


def _shown(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ... ({len(text)} characters)"


def as_text(equation) -> str:
    """The derivation as plain text."""
    lines = []
    for number, step in enumerate(steps(equation), 1):
        lines += [f"{number}. {step.title}", *(f"   {line}" for line in step.words.splitlines())]
        lines += [f"     {text} = {_shown(str(value))}" for _, text, value in step.formulas]
        lines.append("")
    return "\n".join(lines).rstrip()


def as_latex(equation) -> str:
    """The derivation as the body of a LaTeX document."""
    lines = ["% needs amsmath; compile with lualatex or xelatex"]
    for step in steps(equation):
        lines += [rf"\subsection*{{{step.title}}}", _tex_words(step.words)]
        for left, _, value in step.formulas:
            lines += [r"\begin{equation*}", f"{left} = {latex(value)}", r"\end{equation*}"]
    return "\n".join(lines)


def _tex_words(words: str) -> str:
    """Sentences for LaTeX: verbatim, since they hold the user's own expressions."""
    return "\n".join([r"\begin{verbatim}", words, r"\end{verbatim}"])


def as_json(equation) -> str:
    """The derivation as JSON: every formula as text and as LaTeX."""
    told = [
        {
            "title": step.title,
            "words": step.words,
            "formulas": [
                {"name": text, "expression": str(value), "latex": f"{left} = {latex(value)}"}
                for left, text, value in step.formulas
            ],
        }
        for step in steps(equation)
    ]
    return json.dumps({"model": equation.matrix.name, "steps": told}, indent=2, ensure_ascii=False)
