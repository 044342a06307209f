"""A command of ``dyson-sgd``: its words, where its options and its work are, and how it is repeated."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from compare.studies.shell.arguments import Parser

__all__ = ["Command", "command_line"]

NOT_REPEATED = ("help", "out", "workers", "debug")
"""Options that results do not depend on."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command, or a group of commands.

    Its room is imported when the command is chosen, so that ``--help`` of the others costs nothing. The
    module ``<room>.options`` has a function that adds its options to a parser, ``<room>.command`` one that
    takes the parsed options and returns the exit code.

    Attributes
    ----------
    words : str
        What the user types after ``dyson-sgd``.
    help : str
        One line.
    room : str
        The package.
    options, action : str
        Names of the two functions. A group has no ``action``; its ``options`` say more of it, and may return
        its commands where these are not in the registry.
    metavar : str
        What a group calls its commands in its help.
    """

    words: str
    help: str
    room: str
    options: str = "options"
    action: str = "run"
    metavar: str = "COMMAND"

    def fill(self, parser: Parser) -> list[Command] | None:
        """Add the options; of a group, say what its commands are if they are not in the registry."""
        return self._function("options", self.options)(parser)  # type: ignore[no-any-return]

    def run(self, args: argparse.Namespace) -> int:
        """Do the work; the exit code."""
        return int(self._function("command", self.action)(args))

    def _function(self, module: str, name: str) -> Callable[..., Any]:
        return getattr(import_module(f"{self.room}.{module}"), name)  # type: ignore[no-any-return]


def command_line(args: argparse.Namespace, out: str | None = None) -> str:
    """The command that repeats a run: the options that are not at their defaults, and the seed.

    What the result does not depend on (the folder, the number of threads, ``--debug``) is left out, unless
    the command cannot do without it.

    Parameters
    ----------
    args : argparse.Namespace
        Parsed options, with ``args.seed`` filled in where the command has one.
    out : str, optional
        The folder to name.
    """
    words = ["dyson-sgd", *args.command.words.split()]
    for action in args.parser._actions:
        value = getattr(args, action.dest, None)
        if action.dest == "out" and (out is not None or action.required):
            value = value if out is None else out
        elif action.dest in NOT_REPEATED or value == action.default:
            continue
        words += _words_of(action, value)
    return shlex.join(words)


def _words_of(action: argparse.Action, value: Any) -> list[str]:
    """One option as it would be typed."""
    if not action.option_strings:  # positional: one word, or the files of an import
        return list(map(str, value)) if isinstance(value, list) else [str(value)]
    option = action.option_strings[0]
    if isinstance(action, argparse._AppendAction):
        return [word for ours, theirs in value for word in (option, f"{ours}={theirs}")]
    if value is True:
        return [option]
    return [option, ",".join(map(str, value)) if isinstance(value, tuple) else str(value)]
