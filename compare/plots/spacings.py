"""Spacings of degenerate pairs: the Wigner surmise."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from compare.plots import style
from compare.plots.histogram import Histogram, draw_measured, histogram
from compare.plots.scene import Scene, Side, scene
from compare.plots.spectrum import count
from dyson.laws import WignerSurmise

FARTHEST = 3.2
"""The surmise leaves 3e-4 beyond."""

BARS = 32
SMALL_PANELS = 6


def spacing(source: xr.DataTree | xr.Dataset | Scene, start: float | None = None) -> Figure:
    """Spacings of all pairs, each over its own mean, against the Wigner surmise.

    Parameters
    ----------
    source : DataTree, Dataset or Scene
        From `compare.align` or `compare.load`; or a single run.
    start : float, optional
        First time of the stationary window, units "1".

    Returns
    -------
    matplotlib.figure.Figure
        Pooled over pairs, with residuals; below, up to six pairs by themselves. Its caption is its label.

    Raises
    ------
    TypeError, ValueError
        As `scene`; ValueError if no pair is learnt.
    """
    view = scene(source, start)
    pairs = view.learnt_pairs
    if pairs.size == 0:
        raise ValueError("no multiplet of two modes is learnt in this run, so there are no spacings to draw")
    own = shown_pairs(pairs)
    columns = 2 if len(own) in (2, 4) else 3
    several = len(view.experiment.samples) > 1
    figure, upper, lower, cells = style.with_residuals_and_small(several, len(own), columns)
    seen = draw_spacing(upper, view, pairs, BARS)
    style.dress(upper, "", r"density $P(s)$")
    if lower is not None:
        style.marks(lower, seen.centers, seen.residual(WignerSurmise(1.0)), style.INK, "o")
    (lower or upper).set_xlabel(
        r"spacing $s = S/\langle S\rangle$", fontproperties=style.font(), color=style.INK
    )
    style.legend(figure, upper)
    for k, (axes, pair) in enumerate(zip(cells, own, strict=True)):
        draw_spacing(axes, view, np.array([pair]), BARS // 2)
        title = f"pair {pair}: target {view.target[view.group.pair_upper[pair]]:.4g}"
        style.dress(axes, "$s$", "$P(s)$" if k % columns == 0 else "", title)
    return style.captioned(figure, spacing_caption(view, pairs, own))


def shown_pairs(pairs: np.ndarray) -> list[int]:
    """Up to six pairs, spread evenly; none where the pooled panel already is the only one."""
    if pairs.size < 2:
        return []
    chosen = np.unique(np.linspace(0, pairs.size - 1, SMALL_PANELS).round().astype(int))
    return [int(p) for p in pairs[chosen]]


def draw_spacing(axes: Axes, view: Scene, pairs: np.ndarray, bars: int) -> Histogram:
    """Histogram of the experiment's scaled spacings, sampled theories as lines, the surmise."""
    edges = np.linspace(0, FARTHEST, bars + 1)
    seen = histogram(scaled_spacings(view.experiment, view, pairs), edges)
    draw_measured(axes, seen, view.experiment.name)
    for name, side in view.theory.items():
        if side.sampled:
            density = histogram(scaled_spacings(side, view, pairs), edges).density
            axes.stairs(density, edges, color=view.look(name).color, label=style.plain(name), zorder=4)
    s = np.linspace(0, FARTHEST, 200)
    axes.plot(s, WignerSurmise(1.0).pdf(s), color=style.INK, linewidth=1.2, label="Wigner surmise", zorder=5)
    axes.set_xlim(0, FARTHEST)
    axes.set_ylim(0)
    return seen


def scaled_spacings(side: Side, view: Scene, pairs: np.ndarray) -> np.ndarray:
    """S/⟨S⟩ of these pairs, shape (replica, time × pair)."""
    upper = view.group.pair_upper[pairs]
    gap = side.samples[..., upper] - side.samples[..., upper + 1]
    mean = gap.mean(axis=(0, 1))
    return (gap / np.where(mean > 0, mean, 1)).reshape(len(gap), -1)


def spacing_caption(view: Scene, pairs: np.ndarray, own: list[int]) -> str:
    """What one sees."""
    text = f"Spacing S of {count(pairs.size, 'pair')}"
    text += ", each over its own mean" if pairs.size > 1 else " over its mean"
    text += ", against the Wigner surmise P(s) = (π s/2) exp(−π s²/4)"
    text += "; lines: sampled levels of theory. " if any(s.sampled for s in view.theory.values()) else ". "
    if len(view.experiment.samples) > 1:
        text += "Bars: standard error between replicas; residuals are to the surmise, in units of it. "
    if own:
        every = len(own) == pairs.size
        text += "Below: every pair by itself." if every else f"Below: {len(own)} of them by themselves."
    return text.strip()
