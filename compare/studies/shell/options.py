"""What the group ``report`` says of itself."""

from __future__ import annotations

from compare.studies.shell.arguments import Parser

__all__ = ["reports"]


def reports(parser: Parser) -> None:
    """``report``."""
    parser.description = "Train an ensemble, integrate its theory, compare, and write a page."
