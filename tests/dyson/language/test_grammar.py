"""The language of matrix expressions: its values are NumPy's, and exact."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest
import sympy

from dyson.language.evaluation import evaluate
from dyson.language.grammar import FUNCTIONS, parse
from dyson.language.values import CALLS

x, y, mu2, s2, t = sympy.symbols("x y mu2 s2 t", positive=True)
n = sympy.Symbol("n", integer=True)
z = sympy.Symbol("z")


def symbols(name: str, rows: int, columns: int) -> sympy.Matrix:
    return sympy.Matrix(rows, columns, lambda i, j: sympy.Symbol(f"{name}_{i}{j}"))


SYMBOLS = {
    **{
        "x": x,
        "y": y,
        "n": n,
        "z": z,
        "mu2": mu2,
        "s2": s2,
        "W": symbols("W", 2, 2),
        "V": symbols("V", 2, 3),
    },
    **{"D": sympy.diag(*sympy.symbols("d1 d2", positive=True)), "phi": symbols("phi", 2, 1)},
    **{"S": sympy.Matrix([[1, 2], [2, 4]]), "N": sympy.Matrix([[1, 2], [3, 5]]), "one": symbols("one", 1, 1)},
}


def value(text: str, **values):
    return evaluate(parse(text, values), values)


# --- values ---


def numbers() -> tuple[dict, dict]:
    """Random scalars, matrices and vectors, the same for SymPy (exact) and for NumPy."""
    rng = np.random.default_rng(1)
    shapes = {"A": (3, 3), "B": (3, 3), "W": (2, 3), "u": (3, 1), "v": (2, 1), "D": (3, 3), "a": (), "b": ()}
    exact: dict = {}
    for name, shape in shapes.items():
        entries = [sympy.Rational(int(k), 7) for k in rng.integers(3, 30, size=int(np.prod(shape)))]
        exact[name] = sympy.Matrix(*shape, entries) if shape else entries[0]
    exact["D"] = sympy.diag(*exact["D"].diagonal())
    return exact, {name: np.array(v, dtype=float) for name, v in exact.items()}


EXACT, FLOAT = numbers()
I3 = np.eye(3)
power = np.linalg.matrix_power
inv, det, log = np.linalg.inv, np.linalg.det, np.log


def on_diagonal(function, matrix):
    return np.diag(function(np.diag(matrix)))


AS_NUMPY = {
    "a - b - 2": lambda a, b, **_: a - b - 2,
    "a / b / 2": lambda a, b, **_: a / b / 2,
    "a / b * 2": lambda a, b, **_: a / b * 2,
    "a - b*2 + 3": lambda a, b, **_: a - b * 2 + 3,
    "(a - b)*2": lambda a, b, **_: (a - b) * 2,
    "-a**2": lambda a, **_: -(a**2),
    "(-a)**2": lambda a, **_: (-a) ** 2,
    "+a - -b + +1": lambda a, b, **_: a + b + 1,
    "a*-b": lambda a, b, **_: a * -b,
    "-a*b": lambda a, b, **_: -a * b,
    "2**-a**2": lambda a, **_: 2 ** -(a**2),
    "2**-1*a": lambda a, **_: 2**-1 * a,
    "2**3**2": lambda **_: 2**3**2,
    "2^3^2": lambda **_: 2**3**2,
    "(2**3)**2": lambda **_: (2**3) ** 2,
    "a**b": lambda a, b, **_: a**b,
    "3*a**2*b": lambda a, b, **_: 3 * a**2 * b,
    "1/2*a": lambda a, **_: 1 / 2 * a,
    "1/(2*a)": lambda a, **_: 1 / (2 * a),
    "1.5e-3 + 2. + .25 + 1E2": lambda **_: 1.5e-3 + 2.0 + 0.25 + 1e2,
    "10**6": lambda **_: 10**6,
    "A*B": lambda A, B, **_: A @ B,
    "A*B*u": lambda A, B, u, **_: A @ B @ u,
    "A*B - B*A": lambda A, B, **_: A @ B - B @ A,
    "A**2": lambda A, **_: A @ A,
    "A**13": lambda A, **_: power(A, 13),
    "A**0": lambda **_: I3,
    "A**1": lambda A, **_: A,
    "A**-1": lambda A, **_: inv(A),
    "A**-3": lambda A, **_: inv(power(A, 3)),
    "A^2": lambda A, **_: A @ A,
    "-A**2": lambda A, **_: -A @ A,
    "A.T**2": lambda A, **_: A.T @ A.T,
    "-A.T": lambda A, **_: -A.T,
    "A*B.T": lambda A, B, **_: A @ B.T,
    "(A*B).T": lambda A, B, **_: (A @ B).T,
    "A.T.T*B.H": lambda A, B, **_: A @ B.T,
    "A . T": lambda A, **_: A.T,
    "transpose(A) + adjoint(B)": lambda A, B, **_: A.T + B.T,
    "W.T*W": lambda W, **_: W.T @ W,
    "W*W.T": lambda W, **_: W @ W.T,
    "a - b*W.T*W": lambda W, a, b, **_: a * I3 - b * W.T @ W,
    "A + 2": lambda A, **_: A + 2 * I3,
    "2 + A": lambda A, **_: A + 2 * I3,
    "A - 2": lambda A, **_: A - 2 * I3,
    "2 - A": lambda A, **_: 2 * I3 - A,
    "A/a": lambda A, a, **_: A / a,
    "2/A": lambda A, **_: 2 * inv(A),
    "a/A*B": lambda A, B, a, **_: a * inv(A) @ B,
    "a*A*b": lambda A, a, b, **_: a * A * b,
    "inv(A)*B": lambda A, B, **_: inv(A) @ B,
    "inv(a)": lambda a, **_: 1 / a,
    "inv(inv(A))": lambda A, **_: A,
    "inv(D)": lambda D, **_: inv(D),
    "u.T*u": lambda u, **_: (u.T @ u).item(),
    "u.T*A*u*B": lambda u, A, B, **_: (u.T @ A @ u).item() * B,
    "1 + u.T*u": lambda u, **_: 1 + (u.T @ u).item(),
    "1/(u.T*u)": lambda u, **_: 1 / (u.T @ u).item(),
    "u*u.T + 1": lambda u, **_: u @ u.T + I3,
    "v.T*W*u": lambda v, W, u, **_: (v.T @ W @ u).item(),
    "Tr(A*B)": lambda A, B, **_: np.trace(A @ B),
    "Tr(A)*Tr(B)": lambda A, B, **_: np.trace(A) * np.trace(B),
    "tr(A) + trace(B)": lambda A, B, **_: np.trace(A) + np.trace(B),
    "Tr(a)": lambda a, **_: a,
    "1/2*Tr((a - b*W.T*W)*u*u.T)": lambda W, u, a, b, **_: np.trace((a * I3 - b * W.T @ W) @ u @ u.T) / 2,
    "det(A)": lambda A, **_: det(A),
    "det(A*B) - det(D)": lambda A, B, D, **_: det(A) * det(B) - det(D),
    "det(a)": lambda a, **_: a,
    "logdet(1 + W.T*W)": lambda W, **_: np.linalg.slogdet(I3 + W.T @ W)[1],
    "logdet(D) - Tr(log(D))": lambda **_: 0.0,
    "D**2": lambda D, **_: D @ D,
    "D**a": lambda D, a, **_: on_diagonal(lambda d: d**a, D),
    "D**(1/2)": lambda D, **_: on_diagonal(np.sqrt, D),
    "sqrt(D)*A": lambda D, A, **_: on_diagonal(np.sqrt, D) @ A,
    "exp(-D) + log(D)": lambda D, **_: on_diagonal(lambda d: np.exp(-d) + log(d), D),
    "tanh(D) + cosh(D)": lambda D, **_: on_diagonal(lambda d: np.tanh(d) + np.cosh(d), D),
    "sin(D) + cos(D)": lambda D, **_: on_diagonal(lambda d: np.sin(d) + np.cos(d), D),
    "sinh(a)*sqrt(b)": lambda a, b, **_: np.sinh(a) * np.sqrt(b),
    "log(exp(a))": lambda a, **_: a,
    "exp(A - A)": lambda **_: I3,
    "\t a\n +\r\nb ": lambda a, b, **_: a + b,
}


@pytest.mark.parametrize("text", AS_NUMPY)
def test_values_and_precedence_are_those_of_numpy(text):
    result, expected = value(text, **EXACT), AS_NUMPY[text](**FLOAT)
    assert isinstance(result, sympy.ImmutableMatrix) == (np.ndim(expected) == 2)
    found = np.array(sympy.N(result, 30), dtype=float)
    assert found.shape == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_every_function_is_compared():
    assert all(any(re.search(rf"\b{name}\(", text) for text in AS_NUMPY) for name in FUNCTIONS)


def test_numbers_are_exact_fractions():
    assert value("0.1 + 0.2") == sympy.Rational(3, 10)
    assert value("1/3*x", x=x) == x / 3
    assert value("1e-99*1e99") == 1


def test_values_are_not_expanded():
    assert value("(x + y)*(x - y)", x=x, y=y) == (x + y) * (x - y)
    D = sympy.diag(*sympy.symbols("d1:4"))
    D[0, 2] = t
    kept = sympy.symbols("d2")
    assert (mu2 - s2 * kept**2) in value("det(mu2 - s2*W.T*W)", mu2=mu2, s2=s2, W=D).args


def test_matrices_are_immutable_and_zeros_stay_zero():
    D = SYMBOLS["D"]
    result = value("exp(D)", D=D)
    assert isinstance(result, sympy.ImmutableMatrix)
    assert result[0, 1] is sympy.S.Zero


@pytest.mark.parametrize("text", ["inv(mu2 - s2*W.T*W)", "inv(W)", "(W + x)**-2", "inv(V*V.T + 1)"])
def test_symbolic_inverse(text):
    of = text.removeprefix("inv").removesuffix("**-2")
    matrix = value(of, **SYMBOLS) ** (2 if "**-2" in text else 1)
    assert sympy.simplify(value(text, **SYMBOLS) * matrix) == sympy.eye(2)


def test_symbolic_4_by_4_determinant_and_inverse():
    W = symbols("w", 4, 4)
    assert sympy.expand(value("det(W)", W=W) - W.det()) == 0
    at = {w: sympy.Rational(k * k + 3, k + 1) for k, w in enumerate(W)}
    assert value("inv(W)", W=W).subs(at) == W.subs(at).inv()


def test_adjoint_conjugates_and_transpose_does_not():
    W = sympy.Matrix([[z, sympy.I], [1, 2]])
    assert value("W.H", W=W) == sympy.Matrix([[sympy.conjugate(z), 1], [-sympy.I, 2]])
    assert value("W.T", W=W) == W.T
    assert value("z.H*z.T", z=z) == z * sympy.conjugate(z)


@pytest.mark.parametrize(
    "text",
    [
        "exp(D*W - D*W)",
        "exp((x + y)*(x - y)*N - (x**2 - y**2)*N)",  # zero, but only once multiplied out
        "log(inv(W)*W*x)",
        "exp((x + i*y)*(x - i*y)*N - (x**2 + y**2)*N)",
        "D**x",
    ],
)
def test_diagonal_matrices_are_found_without_expanding(text):
    result = value(text, **SYMBOLS, i=sympy.I)
    assert result[0, 1] == result[1, 0] == 0


def test_one_by_one_matrices():
    assert value("one*one.T", **SYMBOLS) == sympy.Symbol("one_00") ** 2
    assert value("one**2", **SYMBOLS) == sympy.Symbol("one_00") ** 2
    assert value("one*W*phi.T", W=x, phi=SYMBOLS["phi"], one=2) == 2 * x * SYMBOLS["phi"].T
    assert value("exp(one)", **SYMBOLS).shape == (1, 1)


def test_an_expression_knows_its_text_and_names():
    expression = parse(" x*Tr(W) ", ["W", "x", "y"])
    assert expression.text == " x*Tr(W) "
    assert expression.names == {"W", "x"}
    assert expression == parse(" x*Tr(W) ", ["W", "x"])
    assert evaluate(expression, {"W": sympy.eye(2), "x": x, "unused": object()}) == 2 * x


def test_every_function_that_may_be_called_has_a_value():
    assert set(FUNCTIONS) == {name for name in CALLS if name.isalpha()}


def test_parsing_needs_no_sympy():
    program = "import sys; from dyson.language.grammar import parse; parse('2*Tr(W)', ['W']); "
    program += "print('sympy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("name", ["mu2", "σ_h", "W_1", "a" * 30, "E", "I", "S", "N", "T", "ϕ"])
def test_any_name_may_be_declared(name):
    assert value(f"2*{name}", **{name: x}) == 2 * x
