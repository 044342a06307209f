"""What the groups ``report`` and ``import`` say of themselves."""

from __future__ import annotations

from compare.studies.shell.arguments import Parser

__all__ = ["imports", "reports"]


def reports(parser: Parser) -> None:
    """``report``."""
    parser.description = "Train an ensemble, integrate its theory, compare, and write a page."


def imports(parser: Parser) -> None:
    """``import``."""
    parser.description = "Read somebody else's ensembles, check and report them."
