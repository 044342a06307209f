"""A section of a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Section"]


@dataclass(frozen=True)
class Section:
    """An extra section of the page; everything in it is escaped.

    Parameters
    ----------
    title, text : str
        Heading, and paragraphs separated by empty lines.
    figure : matplotlib.figure.Figure, optional
        Its label is the caption.
    table : sequence of sequence of str, optional
        Rows; the first is the head.
    """

    title: str
    text: str = ""
    figure: Figure | None = None
    table: Sequence[Sequence[str]] | None = None
