"""Arguments of commands and functions: checked as they are read, errors in one line, names suggested."""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from streams.arguments import nearest, shown, unknown

__all__ = [
    "Parser",
    "UsageError",
    "add",
    "add_debug",
    "add_output",
    "decimal",
    "list_of",
    "mapping",
    "number_or",
    "numbers",
    "one_of",
    "whole",
]


class UsageError(ValueError):
    """A command line that cannot be carried out as it stands; its text is one line."""


class Parser(argparse.ArgumentParser):
    """An `argparse.ArgumentParser` that raises `UsageError` and suggests the nearest known word.

    Options are never abbreviated: a command stored with a result must keep its meaning when options
    are added later.

    Parameters
    ----------
    fill : callable, optional
        What adds the options, called when they are first needed: of many commands one is run.
    **options
        As for an `argparse.ArgumentParser`.
    """

    def __init__(self, fill: Callable[[Parser], object] | None = None, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **options)
        self._fill = fill

    def filled(self) -> Parser:
        """Itself, with its options."""
        fill, self._fill = self._fill, None
        if fill is not None:
            fill(self)
        return self

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; see `{self.prog} --help`")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            what = str(action.metavar or action.dest).lower()
            raise argparse.ArgumentError(None, unknown(what, value, action.choices))

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        known, rest = super(Parser, self.filled()).parse_known_args(args, namespace)
        if rest:
            options = [name for name in self._option_string_actions if name.startswith("--")]
            word = rest[0].partition("=")[0]
            if word.startswith("-"):
                self.error(unknown("option", word, options, listed=False))
            self.error(f"unexpected argument {shown(word)}")
        return known, rest


def whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """A reader of whole numbers from ``least`` to ``most``."""
    bounds = f">= {least}" if most is None else f"from {least} to {most}"

    def read(text: str) -> int:
        value = int(text) if re.fullmatch(r"[+-]?[0-9]{1,40}", text.strip()) else None
        if value is None or value < least or (most is not None and value > most):
            raise argparse.ArgumentTypeError(f"expected a whole number {bounds}, got {shown(text)}")
        return value

    return read


def decimal(
    above: float = -math.inf, below: float = math.inf, least: float = -math.inf
) -> Callable[[str], float]:
    """A reader of finite numbers with above < value < below and value >= least."""
    bounds = [f"> {above:g}"] * (above > -math.inf) + [f">= {least:g}"] * (least > -math.inf)
    bounds += [f"< {below:g}"] * (below < math.inf)
    wanted = " ".join(["a finite number", " and ".join(bounds)]).strip()

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and above < value < below and value >= least):
            raise argparse.ArgumentTypeError(f"expected {wanted}, got {shown(text)}")
        return value

    return read


def number_or(word: str, read: Callable[[str], float]) -> Callable[[str], float | str]:
    """A reader of a number or of one fixed word."""

    def either(text: str) -> float | str:
        if text == word:
            return text
        try:
            return read(text)
        except argparse.ArgumentTypeError as error:
            guess = f"; did you mean {word!r}?" if nearest(text, [word]) else f", or {word!r}"
            raise argparse.ArgumentTypeError(f"{error}{guess}") from None

    return either


def one_of(what: str, names: Iterable[str]) -> Callable[[str], str]:
    """A reader of one of several names."""
    names = tuple(names)

    def read(text: str) -> str:
        if text not in names:
            raise argparse.ArgumentTypeError(unknown(what, text, names))
        return text

    return read


def list_of(read_one: Callable[[str], Any]) -> Callable[[str], tuple]:
    """A reader of a comma-separated list, each entry once, at least one."""

    def read(text: str) -> tuple:
        return tuple(dict.fromkeys(read_one(part.strip()) for part in text.split(",")))

    return read


def mapping(text: str) -> tuple[str, str]:
    """Read ``ours=theirs``, one entry of a mapping of keys."""
    ours, sign, theirs = text.partition("=")
    if not (ours.strip() and sign and theirs.strip()):
        raise argparse.ArgumentTypeError(f"expected NAME=KEY, such as weight=W, got {shown(text)}")
    return ours.strip(), theirs.strip()


def add(group, option, read, default, metavar, text, shown=None):  # type: ignore[no-untyped-def]
    """One option with a default that its help states."""
    text = f"{text} (default: {default if shown is None else shown})"
    group.add_argument(option, type=read, default=default, metavar=metavar, help=text)


def numbers(count: int) -> Callable[[str], tuple[float, ...]]:
    """A reader of comma-separated positive numbers, exactly so many."""

    def read(text: str) -> tuple[float, ...]:
        try:
            values = tuple(float(part) for part in text.split(","))
        except ValueError:
            values = ()
        if len(values) != count or not all(0 < v < math.inf for v in values):
            raise argparse.ArgumentTypeError(
                f"expected {count} positive numbers, as 1,0.3, got {shown(text)}"
            )
        return values

    return read


def add_output(parser: Parser, folder: str, title: str = "run and output") -> argparse._ArgumentGroup:
    """Seed, threads and folder, as every command has them that draws random numbers and writes a page.

    Parameters
    ----------
    parser : Parser
    folder : str
        What the folder is called by default, for the help.
    """
    output = parser.add_argument_group(title)
    output.add_argument("--seed", type=whole(0), metavar="S", help="whole number >= 0 (default: a fresh one)")
    add(output, "--workers", whole(1, 4096), os.cpu_count() or 1, "W", "threads; results do not depend on it")
    output.add_argument(
        "--out", metavar="DIR", help=f"folder to write, new or empty (default: {folder} here)"
    )
    add_debug(output)
    return output


def add_debug(group) -> None:  # type: ignore[no-untyped-def]
    """``--debug``, which every command takes."""
    group.add_argument("--debug", action="store_true", help="show the traceback of an error")
