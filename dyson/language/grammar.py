"""Matrix expressions as users type them: a whitelist grammar, read without SymPy.

The text never reaches ``eval`` or SymPy's own parser: a hand-written Pratt parser turns it into postfix
steps, which `dyson.language.evaluation` runs. Every limit is there so that a line of text cannot ask for
hours.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

from streams.arguments import shown, unknown

FUNCTIONS = (
    "Tr", "tr", "trace", "det", "logdet", "inv", "transpose", "adjoint", "sqrt",
    "exp", "log", "sin", "cos", "tanh", "cosh", "sinh",
)  # fmt: skip
"""Names of the functions that an expression may call, each with one argument."""

CHARACTERS, NODES, DEPTH, DIGITS, DECADES, NAME = 2000, 400, 40, 20, 99, 30

LETTER = "A-Za-zΑ-ΡΣ-Ωα-ωϑϕϖϰϱϵ"
TOKEN = re.compile(
    rf"(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)|(?P<word>[{LETTER}_][{LETTER}_0-9]*)"
    r"|(?P<sign>\*\*|[-+*/^().])|(?P<space>[ \t\r\n]+)"
)
NAME_PATTERN = re.compile(rf"[{LETTER}](?!\w*__)[{LETTER}_0-9]*")
BINDING = {"+": 1, "-": 1, "*": 2, "/": 2, "**": 4}
UNARY = 3


class Token(NamedTuple):
    kind: str
    text: str
    start: int
    stop: int


class Step(NamedTuple):
    """One step of the stack machine, with the stretch of text that it came from.

    kind is "number" (what: a Fraction), "name", "binary" (its sign) or "call" (function, sign or attribute).
    """

    kind: str
    what: Any
    start: int
    stop: int


@dataclass(frozen=True)
class Expression:
    """A parsed expression, as `parse` returns it.

    Attributes
    ----------
    text : str
        The expression as typed.
    names : frozenset of str
        The declared names that it uses.
    steps : tuple of Step
        What a stack machine does to find its value.
    what : str
        What errors call it.
    """

    text: str
    names: frozenset[str]
    steps: tuple[Step, ...] = field(repr=False, compare=False)
    what: str = field(repr=False, compare=False)

    def error(self, start: int, message: str) -> ValueError:
        """An error that says at which character of the text it is."""
        return _error(self.what, start, message)


def parse(text: str, names: Iterable[str], what: str = "expression") -> Expression:
    """Parse a matrix expression such as ``1/2*Tr((mu2 - s2*W.T*W)*phi*phi.T)``.

    The grammar: numbers (exact fractions), the declared names, ``+ - * / **`` (or ``^``), parentheses,
    ``.T`` and ``.H`` behind a matrix, and one-argument calls of `FUNCTIONS`; precedence as in Python.

    Parameters
    ----------
    text : str
        The expression: at most 2000 characters, 400 nodes, nested at most 40 deep.
    names : iterable of str
        The names that may be used: Latin or Greek letters, digits, single underscores, 30 characters.
    what : str
        What errors call the expression, e.g. "loss".

    Returns
    -------
    Expression

    Raises
    ------
    ValueError
        For anything outside the grammar or its limits, an unknown name, or a name that cannot be declared.
    TypeError
        For a text or a name that is not a string.
    """
    if not isinstance(text, str):
        raise TypeError(f"{what} must be a string, got {shown(text)}")
    declared = _declared(names, what)
    if len(text) > CHARACTERS:
        raise ValueError(f"{what} must have at most {CHARACTERS} characters, got {len(text)}; shorten it")
    if not text.strip():
        raise ValueError(f"{what} is empty; write a formula such as 'Tr(W.T*W)'")
    steps = _Parser(text, declared, what).whole()
    return Expression(text, frozenset(s.what for s in steps if s.kind == "name"), tuple(steps), what)


def _error(what: str, start: int, message: str) -> ValueError:
    return ValueError(f"{what} at character {start + 1}: {message}")


def _declared(names: Iterable[str], what: str) -> list[str]:
    if isinstance(names, str):
        raise TypeError(f"the names of {what} must be a list of strings, got {shown(names)}")
    declared = list(names)
    for name in declared:
        if not isinstance(name, str):
            raise TypeError(f"the names of {what} must be strings, got {shown(name)}")
        if name in FUNCTIONS or keyword.iskeyword(name):
            kind = "a function" if name in FUNCTIONS else "a Python keyword"
            raise ValueError(f"a name in {what} must be free, got {name!r}, {kind}; choose another name")
        if len(name) > NAME or not NAME_PATTERN.fullmatch(name):
            raise ValueError(
                f"a name in {what} must begin with a letter and have at most {NAME} Latin or Greek letters, "
                f"digits and single underscores, got {shown(name)}"
            )
    return declared


class _Parser:
    def __init__(self, text: str, names: Sequence[str], what: str):
        self.text, self.names, self.what = text, names, what
        self.steps: list[Step] = []
        self.tokens = self._tokens()
        self.at = 0

    def error(self, message: str, start: int) -> ValueError:
        return _error(self.what, start, message)

    def _tokens(self) -> list[Token]:
        tokens, at = [], 0
        while at < len(self.text):
            match = TOKEN.match(self.text, at)
            if match is None or match.lastgroup is None:
                allowed = "use letters, digits and + - * / ** ( ) .T .H only"
                raise self.error(f"the character {self.text[at]!a} is not allowed; {allowed}", at)
            if match.lastgroup != "space":
                word = match.group().replace("^", "**")
                tokens.append(Token(match.lastgroup, word, at, match.end()))
            at = match.end()
        return [*tokens, Token("end", "", at, at)]

    @property
    def next(self) -> Token:
        return self.tokens[self.at]

    def take(self, text: str | None = None, why: str = "") -> Token:
        token = self.next
        if text is not None and token.text != text:
            raise self.expected(f"{text!r}{why}", token)
        self.at += 1
        return token

    def expected(self, wanted: str, token: Token) -> ValueError:
        came = shown(token.text) if token.text else "the end"
        return self.error(f"expected {wanted}, got {came}", token.start)

    def emit(self, kind: str, what: object, start: int) -> None:
        if len(self.steps) == NODES:
            raise self.error(f"more than {NODES} names, numbers and operations; shorten it", start)
        self.steps.append(Step(kind, what, start, self.tokens[self.at - 1].stop))

    def whole(self) -> list[Step]:
        self.expression(0, 0)
        if self.next.kind != "end":
            raise self.expected("an operator or the end", self.next)
        return self.steps

    def expression(self, floor: int, depth: int) -> None:
        """Read on while operators bind at least as tightly as ``floor``."""
        start = self.next.start
        if depth > DEPTH:
            raise self.error(f"nested more than {DEPTH} deep; write it with fewer parentheses", start)
        self.operand(depth)
        while BINDING.get(sign := self.next.text, -1) >= floor:
            self.take()
            if sign == "**":
                self.expression(BINDING[sign], depth + 1)  # with its own binding: groups to the right
            else:
                self.expression(BINDING[sign] + 1, depth)
            self.emit("binary", sign, start)

    def operand(self, depth: int) -> None:
        token = self.take()
        if token.text in ("+", "-"):
            self.expression(UNARY, depth + 1)
            if token.text == "-":
                self.emit("call", "-", token.start)
            return
        if token.text == "(":
            self.expression(0, depth + 1)
            self.take(")", " to close a parenthesis")
        elif token.kind == "number":
            self.emit("number", self.number(token), token.start)
        elif token.kind == "word" and self.next.text == "(":
            self.call(token, depth)
        elif token.kind == "word":
            self.name(token)
        else:
            raise self.expected("a number, a name or '('", token)
        while self.next.text == ".":
            dot = self.take()
            attribute = self.take()
            if attribute.text not in ("T", "H"):
                came = shown(f".{attribute.text}")
                raise self.error(f"only .T and .H may follow a matrix, got {came}", dot.start)
            self.emit("call", f".{attribute.text}", token.start)

    def number(self, token: Token) -> Fraction:
        mantissa, _, decades = token.text.lower().partition("e")
        if len(token.text) > DIGITS or abs(int(decades or 0)) > DECADES:
            limits = f"{DIGITS} characters and an exponent of {DECADES}"
            raise self.error(f"a number may have at most {limits}, got {shown(token.text)}", token.start)
        return Fraction(mantissa) * Fraction(10) ** int(decades or 0)

    def call(self, token: Token, depth: int) -> None:
        if token.text in self.names:
            raise self.error(f"{token.text!r} is not a function; write {token.text}*(...)", token.start)
        if token.text not in FUNCTIONS:
            raise self.error(unknown("function", token.text, FUNCTIONS), token.start)
        self.take("(")
        self.expression(0, depth + 1)
        self.take(")", f" to close {token.text}(, which takes one argument")
        self.emit("call", token.text, token.start)

    def name(self, token: Token) -> None:
        if token.text in FUNCTIONS:
            self.take("(", f" after the function {token.text}")
        if token.text not in self.names:
            listed = 0 < len(", ".join(self.names)) <= 100
            raise self.error(unknown("name", token.text, self.names, listed), token.start)
        self.emit("name", token.text, token.start)
