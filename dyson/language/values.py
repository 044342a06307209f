"""What the operators and functions of `dyson.language.grammar` do with explicit SymPy scalars and matrices.

Results are exact, neither expanded nor simplified. The limits keep a line of text from asking for hours.
"""

from __future__ import annotations

import operator
import random
from collections.abc import Callable
from typing import Any

import sympy
from sympy.matrices import dotprodsimp

from streams.arguments import shown

EXPONENT, NESTED, ARGUMENT = 16, 64, 1000
"""Largest constant exponent, constant in nested exponents, and constant argument of exp, sin, ..."""
FIGURES, TERMS, BASE, SIMPLE = 1000, 10_000, 1000, 50
"""Largest numbers (in digits), values, divisors, and exponents or arguments to simplify (in nodes)."""

ZERO, MINUS = sympy.Integer(0), sympy.Integer(-1)
INFINITE = (sympy.zoo, sympy.nan, sympy.oo, -sympy.oo)
PRIME = 2**64 - 59
ROOT = pow(2, PRIME // 4, PRIME)  # its square is -1, modulo the prime

Matrix = sympy.ImmutableMatrix


def explicit(name: str, value: object) -> Any:
    """``value`` as a SymPy scalar, or as an immutable matrix that is not empty; TypeError otherwise."""
    if isinstance(value, sympy.MatrixBase) and value.rows * value.cols > 0:
        return Matrix(value)
    try:
        scalar = sympy.sympify(value, strict=True)  # strict: never parses a string
    except sympy.SympifyError:
        scalar = None
    if not isinstance(scalar, sympy.Expr) or getattr(scalar, "is_Matrix", False):
        raise TypeError(f"{name} must be a SymPy scalar or a matrix with entries, got {shown(value)}")
    return scalar


def limit(value: Any, sizes: dict[sympy.Basic, int]) -> None:
    """Refuse what is infinite, undefined or too large; ``sizes`` remembers what has been counted."""
    entries = value.flat() if isinstance(value, Matrix) else [value]
    if sum(_nodes(entry, sizes) for entry in entries) > TERMS:
        raise ValueError(f"the formula grows beyond {TERMS} terms; use smaller powers or fewer products")


def _nodes(value: sympy.Basic, sizes: dict[sympy.Basic, int]) -> int:
    if value in sizes:
        return sizes[value]
    if value in INFINITE:
        raise ValueError("the value is infinite or undefined")
    if isinstance(value, sympy.Rational) and max(abs(value.p), value.q) >= 10**FIGURES:
        raise ValueError(f"a number has more than {FIGURES} digits")
    nodes = 1 + sum(_nodes(part, sizes) for part in value.args)
    if isinstance(value, sympy.Pow) and isinstance(value.exp, sympy.Integer) and value.base.args:
        nodes *= abs(int(value.exp))  # as if the power were written out: SymPy may do so to find its sign
    sizes[value] = nodes
    return nodes


def _magnitude(number: sympy.Expr) -> float:
    try:
        return abs(complex(number.evalf(8)))
    except (OverflowError, TypeError, ValueError):  # too large for a float, or undefined
        return float("inf")


def _vanishes(value: sympy.Expr) -> bool:
    """Whether a value is zero for whatever its symbols are, without expanding it.

    A rational function of symbols (and of roots and functions of them, taken as independent) is evaluated at
    one random point modulo a large prime: exact arithmetic that stays small, wrong once in 10¹⁷ times.
    """
    if not value.args:
        return bool(value.is_zero)
    try:
        return _residue(value, {sympy.I: ROOT}, random.Random(0)) == 0
    except ValueError:  # a division by zero at that point: not a zero
        return False


def _residue(value: sympy.Basic, known: dict[sympy.Basic, int], draw: random.Random) -> int:
    if isinstance(value, sympy.Rational):
        return value.p * pow(value.q, -1, PRIME) % PRIME
    if value not in known:
        if isinstance(value, sympy.Add):
            result = sum(_residue(part, known, draw) for part in value.args)
        elif isinstance(value, sympy.Mul):
            result = 1
            for part in value.args:
                result = result * _residue(part, known, draw) % PRIME
        elif isinstance(value, sympy.Pow) and isinstance(value.exp, sympy.Integer):
            result = pow(_residue(value.base, known, draw), int(value.exp), PRIME)
        else:
            result = draw.randrange(1, PRIME)
        known[value] = result % PRIME
    return known[value]


def _shape(a: Any) -> str:
    return f"{a.rows}×{a.cols}"


def _square(a: Any, doing: str) -> Any:
    """The value as a square matrix, a scalar as 1×1."""
    if not isinstance(a, Matrix):
        return Matrix([[a]])
    if a.rows != a.cols:
        raise ValueError(f"{doing} needs a square matrix, got {_shape(a)}")
    return a


def _blocks(a: Any, doing: str) -> list[tuple[list[int], Any]]:
    """The blocks of a square matrix that zero entries separate: their rows, and their entries."""
    exact = _square(a, doing).applyfunc(lambda entry: ZERO if _vanishes(entry) else entry)
    return [(rows, exact.extract(rows, rows)) for rows in exact.connected_components()]


def _elementwise(function: Callable[[Any], Any], a: Any, name: str) -> Any:
    """A scalar function of a scalar or of a diagonal matrix; the other entries stay exactly zero."""
    if not isinstance(a, Matrix):
        return function(a)
    diagonal = [block[0, 0] for _, block in _blocks(a, name)]
    if len(diagonal) < a.rows:
        raise ValueError(f"{name} of a matrix that is not diagonal is not supported")
    return Matrix(sympy.diag(*map(function, diagonal)))


def _add(a: Any, b: Any) -> Any:
    if isinstance(a, Matrix) and isinstance(b, Matrix):
        if a.shape != b.shape:
            raise ValueError(f"cannot add or subtract matrices of shapes {_shape(a)} and {_shape(b)}")
    elif isinstance(a, Matrix) or isinstance(b, Matrix):
        matrix, scalar = (a, b) if isinstance(a, Matrix) else (b, a)
        return _square(matrix, "adding a scalar (times the identity)") + Matrix.eye(matrix.rows) * scalar
    return a + b


def _multiply(a: Any, b: Any) -> Any:
    if not (isinstance(a, Matrix) and isinstance(b, Matrix)):
        return a * b
    if a.cols != b.rows:
        raise ValueError(f"cannot multiply shapes {_shape(a)} and {_shape(b)}; the inner sizes must agree")
    product = a * b
    return product[0, 0] if product.shape == (1, 1) else product


def _divide(a: Any, b: Any) -> Any:
    if isinstance(a, Matrix) and isinstance(b, Matrix):
        raise ValueError("cannot divide a matrix by a matrix; write A*inv(B) or inv(B)*A")
    return _multiply(a, _inverse(b))


def _inverse(a: Any) -> Any:
    if not isinstance(a, Matrix):
        return _scalar_power(a, MINUS)
    inverse = sympy.zeros(a.rows)
    for rows, block in _blocks(a, "an inverse"):
        determinant = _determinant(block)
        if _vanishes(determinant):
            raise ValueError("the matrix has no inverse, its determinant is zero")
        with dotprodsimp(False):  # SymPy would expand the result
            adjugate = block.adjugate(method="berkowitz")
        factor = _scalar_power(determinant, MINUS)
        for i, row in enumerate(rows):
            for j, column in enumerate(rows):
                inverse[row, column] = adjugate[i, j] * factor
    return Matrix(inverse)


def _determinant(a: Any) -> Any:
    with dotprodsimp(False):
        return sympy.prod([block.det(method="berkowitz") for _, block in _blocks(a, "a determinant")])


def _power(a: Any, b: Any) -> Any:
    if isinstance(b, Matrix):
        raise ValueError("an exponent must be a scalar, got a matrix")
    if _nodes(b, {}) > SIMPLE:
        raise ValueError(f"an exponent must have at most {SIMPLE} terms")
    if b.is_number and _magnitude(b) > EXPONENT:
        raise ValueError(f"an exponent must be at most {EXPONENT} in size")
    if not (isinstance(a, Matrix) and isinstance(b, sympy.Integer)):
        return _elementwise(lambda entry: _scalar_power(entry, b), a, "such a power")
    factor = _inverse(_square(a, "a power")) if b < 0 else _square(a, "a power")
    result = Matrix.eye(a.rows)
    for bit in f"{abs(int(b)):b}":
        result = _multiply(result, result)
        result = _multiply(result, factor) if bit == "1" else result
    return result


def _scalar_power(base: Any, exponent: Any) -> Any:
    if exponent.is_negative and _vanishes(base):
        raise ValueError("division by zero")
    if (
        exponent != 1 and _nodes(base, {}) > BASE
    ):  # SymPy looks for the signs of such a base, which takes long
        raise ValueError(f"a divisor or the base of a power has more than {BASE} terms")
    for factor in sympy.Mul.make_args(base):  # SymPy multiplies nested exponents, and powers of numbers out
        below, inner = factor.as_base_exp()
        _check_exponent(exponent * inner, always=below != sympy.E)
    return base**exponent


def _check_exponent(exponent: sympy.Expr, always: bool) -> None:
    """Refuse constants in an exponent (of e: next to a logarithm) that SymPy might turn into huge powers."""
    for term in sympy.Add.make_args(exponent):
        if (always or term.has(sympy.log)) and any(abs(n) > NESTED for n in term.atoms(sympy.Number)):
            raise ValueError(f"the constants in nested exponents must be at most {NESTED} in size")


def _function(name: str) -> Callable[[Any], Any]:
    def apply(x: Any) -> Any:
        if name == "log":
            if _vanishes(x):
                raise ValueError("the logarithm of zero is infinite")
        elif x.is_number and _magnitude(x) > ARGUMENT:
            raise ValueError(f"{name} of a constant above {ARGUMENT} in size is not supported")
        elif name == "exp":
            _check_exponent(x, always=False)
        return getattr(sympy, name)(x, evaluate=x.is_number or _nodes(x, {}) <= SIMPLE)

    return lambda a: _elementwise(apply, a, name)


def _trace(a: Any) -> Any:
    return _square(a, "a trace").trace()


def _transpose(a: Any) -> Any:
    return a.T if isinstance(a, Matrix) else a


def _adjoint(a: Any) -> Any:
    return a.H if isinstance(a, Matrix) else sympy.conjugate(a)


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": _add,
    "-": lambda a, b: _add(a, -b),
    "*": _multiply,
    "/": _divide,
    "**": _power,
}
CALLS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("Tr", "tr", "trace"), _trace),
    "det": _determinant,
    "logdet": lambda a: _function("log")(_determinant(a)),
    "inv": _inverse,
    "transpose": _transpose,
    "adjoint": _adjoint,
    "sqrt": lambda a: _elementwise(lambda x: _scalar_power(x, sympy.Rational(1, 2)), a, "sqrt"),
    **{name: _function(name) for name in ("exp", "log", "sin", "cos", "tanh", "cosh", "sinh")},
    "-": operator.neg,
    ".T": _transpose,
    ".H": _adjoint,
}
"""By the names of `dyson.language.grammar.FUNCTIONS`, and by sign or attribute."""
