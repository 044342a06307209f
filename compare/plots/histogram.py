"""Densities with errors that come from replicas, which are independent, not from counts, which are not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from compare.plots import style
from compare.plots.scene import Scene, Side
from dyson.laws import Gaussian, Law, OnePairSemicircle

MOST_BINS = 400
FEWEST = 5
"""Values that a bin must expect to have a residual."""

REPLICAS = 256
"""Replicas counted together, so that large ensembles need little memory."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """A density on bins.

    Attributes
    ----------
    edges : ndarray, shape (bin + 1,)
    density, se : ndarray, shape (bin,)
        Fraction of all values per unit of x, and its standard error (NaN with a single replica).
    values : int
        How many there are in all.
    """

    edges: np.ndarray
    density: np.ndarray
    se: np.ndarray
    values: int

    @property
    def centers(self) -> np.ndarray:
        """Middles of the bins."""
        return (self.edges[1:] + self.edges[:-1]) / 2

    @property
    def has_errors(self) -> bool:
        """Whether there are replicas enough for an error."""
        return bool(np.isfinite(self.se).any())

    def residual(self, law: Law) -> np.ndarray:
        """(density − law)/error per bin, the law averaged over the bin; NaN where neither says much.

        The error between replicas is itself unreliable in a bin of few values: the error never is
        less than that of as many independent values as the law expects there.
        """
        width = np.diff(self.edges)
        share = np.diff(law.cdf(self.edges))
        error = np.fmax(self.se, np.sqrt(share / self.values) / width)
        usable = np.isfinite(self.se) & (share * self.values >= FEWEST)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(usable, (self.density - share / width) / error, np.nan)


def histogram(values: np.ndarray, edges: np.ndarray) -> Histogram:
    """Density of values (replica, ...) on equal bins; values outside count in the norm.

    A replica's values at different times, or in one multiplet, are not independent: the error of a bin is
    that of the mean over replicas of the fraction each has in it.
    """
    flat = values.reshape(len(values), -1)
    bins, width = edges.size - 1, edges[1] - edges[0]
    total, square = np.zeros(bins), np.zeros(bins)
    for block in np.split(flat, range(REPLICAS, len(flat), REPLICAS)):
        inside = (block >= edges[0]) & (block < edges[-1])
        row, _ = np.nonzero(inside)
        place = np.minimum(((block[inside] - edges[0]) / width).astype(np.int64), bins - 1)
        count = np.bincount(row * bins + place, minlength=len(block) * bins).reshape(-1, bins) / flat.shape[1]
        total += count.sum(axis=0)
        square += (count**2).sum(axis=0)
    n = len(flat)
    mean = total / n
    variance = np.maximum(square / n - mean**2, 0) / (n - 1) if n > 1 else np.full(bins, np.nan)
    return Histogram(edges, mean / width, np.sqrt(variance) / width, flat.size)


def pooled_edges(values: np.ndarray, finest: float, wanted: tuple[float, float]) -> np.ndarray:
    """Equal bins over all values and the ``wanted`` range, a third of the ``finest`` width if possible."""
    low, high = min(wanted[0], np.quantile(values, 5e-4)), max(wanted[1], np.quantile(values, 1 - 5e-4))
    span = high - low if high > low else max(abs(high), 1.0) * 0.1
    low, high = low - 0.03 * span, high + 0.03 * span
    # Bins that hold a handful of values each show noise and nothing else.
    enough = max(30, int(2 * np.sqrt(values.size)))
    fitting = int(np.ceil((high - low) / (finest / 3))) if finest > 0 else MOST_BINS
    return np.linspace(low, high, max(20, min(fitting, enough, MOST_BINS)) + 1)


def centre_of(side: Side, modes: slice) -> float:
    """Mean of a multiplet's modes, as that side measures or predicts it."""
    return float(side.statistics["mean_eigenvalue"].values[modes].mean())


def closed_density(scene: Scene, side: Side, x: np.ndarray) -> np.ndarray | None:
    """Pooled density of the learnt modes from a closed form's means and widths.

    A multiplet of one mode is Gaussian, a pair the one-pair semicircle; larger multiplets have no closed form
    here, and then there is no curve.
    """
    width = side.value("width")
    learnt = np.flatnonzero(scene.learnt_multiplets)
    if width is None or (scene.group.size[learnt] > 2).any() or not (width[0][learnt] > 0).all():
        return None
    density = np.zeros_like(x)
    for multiplet in learnt:
        modes, sigma = scene.group.slices[multiplet], float(width[0][multiplet])
        centre = centre_of(side, modes)
        if scene.group.size[multiplet] == 1:
            density += Gaussian(centre, sigma).pdf(x)
        else:
            density += 2 * OnePairSemicircle(centre, sigma).pdf(x)
    return density / scene.learnt.sum()


def draw_measured(axes: Axes, seen: Histogram, name: str) -> None:
    """The experiment: a filled histogram with error bars."""
    axes.stairs(seen.density, seen.edges, fill=True, color=style.MEASURED, label=style.plain(name), zorder=2)
    if seen.has_errors:
        axes.errorbar(
            seen.centers, seen.density, seen.se, fmt="none", ecolor=style.BAND, elinewidth=0.9, zorder=2.5
        )
