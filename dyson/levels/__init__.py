"""The levels of theory, from crude to complete: which there are, and what each keeps."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["LEVELS", "Level"]


class Level(NamedTuple):
    """A level of theory.

    Attributes
    ----------
    keeps : str
        What it keeps of the dynamics, for a reader.
    sampled : bool
        Whether it has paths; otherwise its statistics are closed forms.
    """

    keeps: str
    sampled: bool


LEVELS = {
    "pair": Level("one isolated multiplet of one or two modes, linearised drift: closed forms", False),
    "gas": Level("all eigenvalues at stationarity, eigenvectors frozen: the Coulomb gas", True),
    "dyson": Level("all eigenvalues in time, eigenvectors frozen: the eigenvalue SDE", True),
    "matrix": Level("eigenvalues and eigenvectors: the SDE of the matrix itself", True),
}
"""By name, the value of the attribute ``level`` of a Dataset (docs/theory.md, "Levels of theory")."""
