"""What `find_species` found: species with their widths and errors, and what pairs of eigenvalues show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compare.measure.printing import with_error
from dyson.laws.fitting import Fit

__all__ = ["PairVerdict", "Species", "SpeciesResult"]


@dataclass(frozen=True)
class Species:
    """Modes of one width.

    Attributes
    ----------
    members : tuple of int
        Rows of W, or multiplets, counted from 0.
    width, width_se : float
        Their common width and its standard error.
    pvalue : float
        Of the members having one width; 1 for a single member.
    """

    members: tuple[int, ...]
    width: float
    width_se: float
    pvalue: float


@dataclass(frozen=True)
class PairVerdict:
    """How many species make the density of a pair of eigenvalues.

    Attributes
    ----------
    multiplet : int
        The multiplet of two modes.
    verdict : {"one", "two", "neither"}
        "two" where a second species is supported (3 errors, see `dyson.laws.TwoSpeciesSemicircle`), else
        "one"; "neither" where that law does not fit the density at the confidence.
    one : Fit
        Of `dyson.laws.OnePairSemicircle`.
    two : Fit or None
        Of `dyson.laws.TwoSpeciesSemicircle`, where it is supported.
    note : str
        Why there is no second species, or why neither law fits.
    """

    multiplet: int
    verdict: str
    one: Fit
    two: Fit | None
    note: str

    def __str__(self) -> str:
        why = f" ({self.note})" if self.note else ""
        fit = self.one if self.two is None else self.two
        return f"pair of multiplet {self.multiplet}: {self.verdict} species{why}; {fit}"


@dataclass(frozen=True)
class SpeciesResult:
    """What `find_species` found.

    Attributes
    ----------
    of : {"row", "multiplet"}
        What has a width: rows of W in the given basis, or multiplets of eigenvalues.
    width, width_se : tuple of float
        Of every row or multiplet, with standard errors.
    species : tuple of Species
        Widest first.
    separation : tuple of float
        Between neighbouring species: difference of the logarithms of their widths over its standard error.
    still : tuple of int
        Rows or multiplets that do not move; they belong to no species.
    pairs : tuple of PairVerdict
        Of every multiplet of two modes that moves.
    confidence : float
    replicas : int
        How many were used.
    window_start : float
        First time of the stationary window.
    """

    of: str
    width: tuple[float, ...]
    width_se: tuple[float, ...]
    species: tuple[Species, ...]
    separation: tuple[float, ...]
    still: tuple[int, ...]
    pairs: tuple[PairVerdict, ...]
    confidence: float
    replicas: int
    window_start: float

    @property
    def label(self) -> np.ndarray:
        """Species of every row or multiplet, -1 for those that do not move; shape (row,) or (multiplet,)."""
        out = np.full(len(self.width), -1)
        for number, one in enumerate(self.species):
            out[list(one.members)] = number
        return out

    def __str__(self) -> str:
        head = (
            f"{len(self.species)} species of {self.of}s at confidence {self.confidence:g} "
            f"({self.replicas} replicas, time >= {self.window_start:g})"
        )
        lines = [head]
        for number, one in enumerate(self.species):
            members = ", ".join(map(str, one.members))
            shared = f"p = {one.pvalue:.2g}" if len(one.members) > 1 else "alone"
            lines.append(f"  width {with_error(one.width, one.width_se)}: {self.of} {members} ({shared})")
            if number < len(self.separation):
                lines.append(f"    {self.separation[number]:.1f} errors apart")
        if self.still:
            lines.append(f"  does not move: {self.of} {', '.join(map(str, self.still))}")
        return "\n".join([*lines, *(f"  {pair}" for pair in self.pairs)])
