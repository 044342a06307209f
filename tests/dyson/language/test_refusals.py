"""Texts that the language of matrix expressions refuses: in one line, at once, whatever comes."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest
import sympy
from hypothesis import HealthCheck, example, given, settings, strategies as st

from dyson.language.evaluation import evaluate
from dyson.language.grammar import FUNCTIONS, parse
from tests.dyson.language.test_grammar import SYMBOLS, value, x

SLOWEST = 2.0
"""Seconds that any line of text may take before it counts as hanging; most take milliseconds."""

TOO_DEEP = "nested more than 40 deep; write it with fewer parentheses"
ALLOWED = "is not allowed; use letters, digits and + - * / ** ( ) .T .H only"
ALL = f"(one of: {', '.join(FUNCTIONS)})"
SHORT = "(one of: W, mu2, x)"

SYNTAX = {
    "x +": "4: expected a number, a name or '(', got the end",
    "x * / 2": "5: expected a number, a name or '(', got '/'",
    "()": "2: expected a number, a name or '(', got ')'",
    "x x": "3: expected an operator or the end, got 'x'",
    "2x": "2: expected an operator or the end, got 'x'",
    "2(x)": "2: expected an operator or the end, got '('",
    "1_000": "2: expected an operator or the end, got '_000'",
    "x)": "2: expected an operator or the end, got ')'",
    "W.T.T()": "6: expected an operator or the end, got '('",
    "x if x else x": "3: expected an operator or the end, got 'if'",
    "(x + 2": "7: expected ')' to close a parenthesis, got the end",
    "Tr(W": "5: expected ')' to close Tr(, which takes one argument, got the end",
    "Tr(W W)": "6: expected ')' to close Tr(, which takes one argument, got 'W'",
    "Tr()": "4: expected a number, a name or '(', got ')'",
    "2*exp": "6: expected '(' after the function exp, got the end",
    "exp.T": "4: expected '(' after the function exp, got '.'",
    "W.__class__": "2: only .T and .H may follow a matrix, got '.__class__'",
    "W.TT": "2: only .T and .H may follow a matrix, got '.TT'",
    "2*W.": "4: only .T and .H may follow a matrix, got '.'",
    "().__class__": "2: expected a number, a name or '(', got ')'",
    "mu + x": f"1: unknown name 'mu'; did you mean 'mu2'? {SHORT}",
    "x + qqq": f"5: unknown name 'qqq' {SHORT}",
    "__debug__": f"1: unknown name '__debug__' {SHORT}",
    "x + log_(x)": f"5: unknown function 'log_'; did you mean 'log'? {ALL}",
    "logdte(W)": f"1: unknown function 'logdte'; did you mean 'logdet'? {ALL}",
    "__import__('os')": f"12: the character \"'\" {ALLOWED}",
    "__import__(os)": f"1: unknown function '__import__' {ALL}",
    "eval(x)": f"1: unknown function 'eval' {ALL}",
    "lambda: x": f"7: the character ':' {ALLOWED}",
    "[x for x in W]": f"1: the character '[' {ALLOWED}",
    "x for x in W": "3: expected an operator or the end, got 'for'",
    "W[0]": f"2: the character '[' {ALLOWED}",
    "Tr(W, W)": f"5: the character ',' {ALLOWED}",
    "'x'": f"1: the character \"'\" {ALLOWED}",
    "x; x": f"2: the character ';' {ALLOWED}",
    "x % 2": f"3: the character '%' {ALLOWED}",
    "x @ x": f"3: the character '@' {ALLOWED}",
    "x == x": f"3: the character '=' {ALLOWED}",
    "x := 2": f"3: the character ':' {ALLOWED}",
    "x\x00": f"2: the character '\\x00' {ALLOWED}",
    "x\u00b2": f"2: the character '\\xb2' {ALLOWED}",  # superscript two
    "\uff45xp(x)": f"1: the character '\\uff45' {ALLOWED}",  # full-width e, which Python reads as e
    "x\u200b": f"2: the character '\\u200b' {ALLOWED}",  # zero-width space
    "x \u2212 2": f"3: the character '\\u2212' {ALLOWED}",  # typographic minus
    "x\u00a0+ 2": f"2: the character '\\xa0' {ALLOWED}",
    "\u0661 + x": f"1: the character '\\u0661' {ALLOWED}",  # Arabic one, which int() reads
    "\U0001d417": f"1: the character '\\U0001d417' {ALLOWED}",
    "\ud800": f"1: the character '\\ud800' {ALLOWED}",
    "x\u0301": f"2: the character '\\u0301' {ALLOWED}",
    "е + x": f"1: the character '\\u0435' {ALLOWED}",  # Cyrillic
    "Χ + x": f"1: unknown name 'Χ' {SHORT}",  # Greek capital chi
    "(" * 100 + "x" + ")" * 100: f"42: {TOO_DEEP}",
    "-" * 100 + "x": f"42: {TOO_DEEP}",
    "2**" * 100 + "x": f"124: {TOO_DEEP}",
    "sin(" * 100 + "x" + ")" * 100: f"165: {TOO_DEEP}",
    "x" + "+x" * 300: "1: more than 400 names, numbers and operations; shorten it",
    "x" + ".T" * 500: "1: more than 400 names, numbers and operations; shorten it",
    "1 + 123456789012345678901": "5: a number may have at most 20 characters and an exponent of 99, "
    "got '123456789012345678901'",
    "1e100": "1: a number may have at most 20 characters and an exponent of 99, got '1e100'",
    "1e-999999999": "1: a number may have at most 20 characters and an exponent of 99, got '1e-999999999'",
}  # fmt: skip


@pytest.mark.parametrize("text", SYNTAX)
def test_refused_when_parsed(text):
    with pytest.raises(ValueError) as caught:
        parse(text, ["W", "mu2", "x"], "loss")
    assert str(caught.value) == f"loss at character {SYNTAX[text]}"
    assert len(str(caught.value)) < 400


GROWS = "the formula grows beyond 10000 terms; use smaller powers or fewer products"
NESTED = "the constants in nested exponents must be at most 64 in size"
LARGE = "an exponent must be at most 16 in size"

MEANING = {
    "W + V": "1: cannot add or subtract matrices of shapes 2×2 and 2×3, in 'W + V'",
    "2*(W - V)": "4: cannot add or subtract matrices of shapes 2×2 and 2×3, in 'W - V'",
    "x + V": "1: adding a scalar (times the identity) needs a square matrix, got 2×3, in 'x + V'",
    "x*V*W": "1: cannot multiply shapes 2×3 and 2×2; the inner sizes must agree, in 'x*V*W'",
    "W/D": "1: cannot divide a matrix by a matrix; write A*inv(B) or inv(B)*A, in 'W/D'",
    "1/V": "1: an inverse needs a square matrix, got 2×3, in '1/V'",
    "V**2": "1: a power needs a square matrix, got 2×3, in 'V**2'",
    "Tr(V)": "1: a trace needs a square matrix, got 2×3, in 'Tr(V)'",
    "x*logdet(V)": "3: a determinant needs a square matrix, got 2×3, in 'logdet(V)'",
    "exp(V)": "1: exp needs a square matrix, got 2×3, in 'exp(V)'",
    "exp(W)": "1: exp of a matrix that is not diagonal is not supported, in 'exp(W)'",
    "W**x": "1: such a power of a matrix that is not diagonal is not supported, in 'W**x'",
    "W**(1/2)": "1: such a power of a matrix that is not diagonal is not supported, in 'W**(1/2)'",
    "sqrt(W)": "1: sqrt of a matrix that is not diagonal is not supported, in 'sqrt(W)'",
    "2**W": "1: an exponent must be a scalar, got a matrix, in '2**W'",
    "x + 1/0": "5: division by zero, in '1/0'",
    "0**-1": "1: division by zero, in '0**-1'",
    "1/(x - x)": "1: division by zero, in '1/(x - x)'",
    "1/((x+1)**2 - x**2 - 2*x - 1)": "1: division by zero, in '1/((x+1)**2 - x**2 - 2*x - 1)'",
    "inv(S)": "1: the matrix has no inverse, its determinant is zero, in 'inv(S)'",
    "S**-1": "1: the matrix has no inverse, its determinant is zero, in 'S**-1'",
    "inv(phi*phi.T)": "1: the matrix has no inverse, its determinant is zero, in 'inv(phi*phi.T)'",
    "inv(W - W)": "1: the matrix has no inverse, its determinant is zero, in 'inv(W - W)'",
    "logdet(S)": "1: the logarithm of zero is infinite, in 'logdet(S)'",
    "log(D - D)": "1: the logarithm of zero is infinite, in 'log(D - D)'",
    "2**10**6": f"1: {LARGE}, in '2**10**6'",
    "x**10**6": f"1: {LARGE}, in 'x**10**6'",
    "W**10**6": f"1: {LARGE}, in 'W**10**6'",
    "W**-17": f"1: {LARGE}, in 'W**-17'",
    "x**exp(9)": f"1: {LARGE}, in 'x**exp(9)'",
    "9**9**9**9**9": f"7: {LARGE}, in '9**9**9'",
    "(W**16)**16": f"1: {GROWS}, in '(W**16)**16'",
    "(x**16)**16": f"1: {NESTED}, in '(x**16)**16'",
    "(D**16)**(16*n)": f"1: {NESTED}, in '(D**16)**(16*n)'",
    "2**(1000*n)": f"1: {NESTED}, in '2**(1000*n)'",
    "exp(x + 1e30*log(2))": f"1: {NESTED}, in 'exp(x + 1e30*log(2))'",
    "exp(1001)": "1: exp of a constant above 1000 in size is not supported, in 'exp(1001)'",
    "sin(1e99)": "1: sin of a constant above 1000 in size is not supported, in 'sin(1e99)'",
    "inv((x - N)**16)": "1: a divisor or the base of a power has more than 1000 terms, in 'inv((x - N)**16)'",
    "x**((y + z)**16)": "1: an exponent must have at most 50 terms, in 'x**((y + z)**16)'",
    "(1e99**16)*x": "2: a number has more than 1000 digits, in '1e99**16'",
    "((N**16)**16)**16": "1: a number has more than 1000 digits, in '((N**16)**16)**16'",
    "inf*x": "1: the value is infinite or undefined, in 'inf'",
    "inf_matrix*W": "1: the value is infinite or undefined, in 'inf_matrix'",
}  # fmt: skip


@pytest.mark.parametrize("text", MEANING)
def test_refused_when_evaluated(text):
    values = {**SYMBOLS, "inf": x + sympy.zoo, "inf_matrix": sympy.eye(2) * sympy.oo}
    begun = time.perf_counter()
    with pytest.raises(ValueError) as caught:
        evaluate(parse(text, values, "loss"), values)
    assert time.perf_counter() - begun < SLOWEST
    assert str(caught.value) == f"loss at character {MEANING[text]}"
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", [None, 10**6, b"x", ["x"], x, 1.5])
def test_the_text_must_be_a_string(text):
    with pytest.raises(TypeError, match=r"^loss must be a string, got "):
        parse(text, ["x"], "loss")


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "loss is empty; write a formula such as 'Tr(W.T*W)'"),
        (" \n", "loss is empty; write a formula such as 'Tr(W.T*W)'"),
        ("x" * 3000, "loss must have at most 2000 characters, got 3000; shorten it"),
        (" " * 3000, "loss must have at most 2000 characters, got 3000; shorten it"),
    ],
)
def test_the_text_must_have_some_characters_but_not_too_many(text, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        parse(text, ["x"], "loss")


RULE = (
    "a name in loss must begin with a letter and have at most 30 Latin or Greek letters, digits and single "
    "underscores, got "
)


@pytest.mark.parametrize(
    "names, error, message",
    [
        ("xy", TypeError, "the names of loss must be a list of strings, got 'xy'"),
        (["x", 3], TypeError, "the names of loss must be strings, got 3"),
        (["exp"], ValueError, "a name in loss must be free, got 'exp', a function; choose another name"),
        (["in"], ValueError, "a name in loss must be free, got 'in', a Python keyword; choose another name"),
        *(
            (["x", name], ValueError, f"{RULE}{name!r}")
            for name in ["", "_x", "2x", "x__y", "x y", "x.y", "x\n", "__class__", "xé", "a" * 31]
        ),
    ],
)
def test_names_that_cannot_be_declared(names, error, message):
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        parse("1", names, "loss")


def test_many_names_are_not_listed():
    with pytest.raises(ValueError, match=r"^loss at character 1: unknown name 'q'$"):
        parse("q", [f"name_{k}" for k in range(50)], "loss")
    with pytest.raises(ValueError, match=r"^loss at character 1: unknown name 'q'$"):
        parse("q", [], "loss")


def test_each_name_needs_a_value():
    with pytest.raises(ValueError, match=r"^loss: no value for 'W'; give one for each name used$"):
        evaluate(parse("x*W", ["x", "W"], "loss"), {"x": x})


@pytest.mark.parametrize(
    "wrong",
    ["x", None, [1, 2], object(), sympy.true, np.eye(2), sympy.MatrixSymbol("W", 2, 2), sympy.zeros(0, 2)],
)
def test_values_must_be_scalars_or_explicit_matrices(wrong):
    message = r"^the value of x must be a SymPy scalar or a matrix with entries, got .+$"
    with pytest.raises(TypeError, match=message) as caught:
        value("x", x=wrong)
    assert "\n" not in str(caught.value)


calls = [f"{name}(" for name in FUNCTIONS]
signs = [*"+-*/^() ", "**", ".T", ".H", "'"]
others = ["0", "1", "2", "16", "1/2", "-1", "1e9", "0.1", "1e99", "__class__", "q", "x__"]
pieces = st.sampled_from([*SYMBOLS, *calls, *signs, *others])
atoms = st.sampled_from([*SYMBOLS, *SYMBOLS, "0", "1", "2", "3", "7", "16", "1000", "0.5", "1e20", "(-1)"])
grammatical = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.builds("({}{}{})".format, inner, st.sampled_from(["+", "-", "*", "/", "**"]), inner),
        st.builds("{}({})".format, st.sampled_from(FUNCTIONS), inner),
        st.builds("({}){}".format, inner, st.sampled_from([".T", ".H", "**2", "**16", "**-1", "**(1/3)"])),
    ),
    max_leaves=12,
)
typed = st.one_of(grammatical, st.lists(pieces, max_size=25).map("".join), st.text(max_size=40))


@settings(max_examples=1000, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=typed)
@example(text="inv(inv(inv(W)))**16")
@example(text="tanh(((x+1)**16+x)**16)**(1/3)")
@example(text="log((1+sqrt(-1))*(sqrt(2)+sqrt(3))*(1+sqrt(7))**16)")
@example(text="(12345678901234567891**16*98765432109876543211)**(1/3)")
@example(text="exp(exp(6))**16*sin(exp(6))")
@example(text="sinh(cosh((((1+sqrt(2))-((y+7)/(mu2-sqrt(-1)))))**16))")
@example(text="cos(2/(((mu2-S))**16)**2)")
@example(text="cosh(((x-S).H**16)**-1)")
def test_any_text_has_a_value_or_is_refused_in_one_line(text):
    begun = time.perf_counter()
    try:
        result = evaluate(parse(text, SYMBOLS, "loss"), SYMBOLS)
    except (ValueError, TypeError) as error:
        said = str(error)
        assert said.startswith("loss ")
        assert said.isprintable()
        assert len(said) < 400
    else:
        assert isinstance(result, sympy.Expr | sympy.ImmutableMatrix)
    assert time.perf_counter() - begun < SLOWEST
