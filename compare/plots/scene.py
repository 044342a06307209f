"""What the figures are drawn from: each side's statistics and stationary samples, computed once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr

from compare.layout.multiplets import Multiplets, multiplets
from compare.layout.schema import validate
from compare.measure.statistics import stationary, unchecked_statistics, window_start
from compare.plots.style import Look, look
from dyson.levels import LEVELS

CRUDE_FIRST = tuple(LEVELS)
"""Order in which levels of theory are drawn and listed; others follow."""

UNLEARNT = 1e-6
"""Modes whose target is below this fraction of the largest stay at zero: nothing to see there."""

MATRICES = {"WᵀW": r"$W^{\mathsf{T}}W$", "W": r"$W$"}


@dataclass(frozen=True)
class Side:
    """The experiment or one level of theory.

    Attributes
    ----------
    name : str
        "SGD", or the name of the level of theory.
    data, statistics : Dataset
        What came in, and its `compare.statistics`.
    """

    name: str
    data: xr.Dataset
    statistics: xr.Dataset
    start: float | None = None

    @property
    def sampled(self) -> bool:
        """Whether there are eigenvalues, or closed forms only."""
        return "eigenvalue" in self.data.data_vars

    @cached_property
    def samples(self) -> np.ndarray:
        """Eigenvalues in the stationary window, shape (replica, time, mode)."""
        return np.asarray(stationary(self.data, self.start)["eigenvalue"].values)

    def value(self, name: str) -> tuple[np.ndarray, np.ndarray] | None:
        """A statistic and its standard error, where this side has it."""
        s = self.statistics
        return (s[name].values, s[f"{name}_se"].values) if name in s else None


@dataclass(frozen=True)
class Scene:
    """An experiment and the levels of theory beside it."""

    experiment: Side
    theory: dict[str, Side]

    @cached_property
    def group(self) -> Multiplets:
        """Modes with equal target."""
        return multiplets(self.target)

    @property
    def target(self) -> np.ndarray:
        """Eigenvalues without noise, shape (mode,)."""
        return np.asarray(self.experiment.data["target"].values)

    @property
    def learnt(self) -> np.ndarray:
        """Which modes have a target that is not zero, shape (mode,); all of them where none has."""
        size = np.abs(self.target)
        kept = size > UNLEARNT * size.max() if size.max() > 0 else np.ones(size.size, bool)
        return np.asarray(kept)

    @property
    def learnt_multiplets(self) -> np.ndarray:
        """Which multiplets are learnt, shape (multiplet,)."""
        return np.asarray(self.learnt[self.group.first])

    @property
    def learnt_pairs(self) -> np.ndarray:
        """Numbers of the pairs that are learnt."""
        return np.flatnonzero(self.learnt_multiplets[self.group.pair_multiplet])

    @property
    def central_pair(self) -> int | None:
        """The pair in the middle of the learnt spectrum: disturbed most evenly by its neighbours."""
        if self.learnt_pairs.size == 0:
            return None
        centre = self.target[self.group.pair_upper[self.learnt_pairs]]
        middle = (self.target[self.learnt].min() + self.target[self.learnt].max()) / 2
        return int(self.learnt_pairs[np.abs(centre - middle).argmin()])

    @property
    def eigenvalue(self) -> str:
        """Axis label."""
        return rf"eigenvalue $x$ of {MATRICES.get(self.experiment.data.attrs['matrix'], 'the matrix')}"

    def look(self, name: str) -> Look:
        """Colour, line and marker of a level of theory."""
        return look(name, self.theory)


def scene(source: xr.DataTree | xr.Dataset | Scene, start: float | None = None) -> Scene:
    """Statistics and samples of a tree, or of a single run without theory.

    Parameters
    ----------
    source : DataTree, Dataset or Scene
        From `compare.align` or `compare.load`, with or without ``/theory``; or one run; or what this
        function returned, which is passed through.
    start : float, optional
        First time of the stationary window, units "1"; by default the middle of the run.

    Raises
    ------
    TypeError
        If ``source`` is none of these.
    ValueError
        If it is not in the layout, or every replica diverged.
    """
    if isinstance(source, Scene):
        return source
    if isinstance(source, xr.Dataset):
        return Scene(_side(source.attrs.get("level", "run"), source, start), {})
    if not isinstance(source, xr.DataTree):
        raise TypeError(f"expected a DataTree of compare.align or a Dataset, got {type(source).__name__}")
    if "experiment" not in source.children:
        raise ValueError("/experiment is missing in the tree; make it with compare.align")
    theory = source["theory"].children if "theory" in source.children else {}
    names = sorted(theory, key=lambda n: CRUDE_FIRST.index(n) if n in CRUDE_FIRST else len(CRUDE_FIRST))
    experiment = _side("SGD", source["experiment"].to_dataset(), start)
    return Scene(experiment, {n: _side(n, theory[n].to_dataset(), start) for n in names})


def _side(name: str, ds: xr.Dataset, start: float | None) -> Side:
    validate(ds)
    if "eigenvalue" in ds.data_vars:
        window_start(ds, start)  # refuses a start after the end before anything is computed
    return Side(name, ds, unchecked_statistics(ds, start), start)
