"""The whole stationary spectrum, with the theory on top."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from compare.plots import style
from compare.plots.histogram import closed_density, histogram, pooled_edges
from compare.plots.scene import Scene, scene

FEW_MULTIPLETS = 24
FINE = 1600
"""Points of a closed-form curve over a whole spectrum: a narrow multiplet must not lose its top."""


def spectrum(source: xr.DataTree | xr.Dataset | Scene, start: float | None = None) -> Figure:
    """Histogram of all learnt eigenvalues in the stationary state, theory as lines, targets as rules.

    Parameters
    ----------
    source : DataTree, Dataset or Scene
        From `compare.align` or `compare.load`; or a single run.
    start : float, optional
        First time of the stationary window, units "1"; by default the middle of the run.

    Returns
    -------
    matplotlib.figure.Figure
        Its caption is its label, ``figure.get_label()``.

    Raises
    ------
    TypeError, ValueError
        As `scene`.
    """
    view = scene(source, start)
    figure = style.new_figure(3.3)
    axes = figure.add_subplot()
    draw_spectrum(axes, view)
    style.legend(figure, axes)
    return style.captioned(figure, spectrum_caption(view))


def draw_spectrum(axes: Axes, view: Scene) -> None:
    """The panel of `spectrum`."""
    measured = view.experiment.samples[..., view.learnt]
    target = view.target[view.learnt]
    edges = pooled_edges(measured, finest_width(view), (float(target.min()), float(target.max())))
    seen = histogram(measured, edges)
    axes.stairs(seen.density, edges, fill=True, color=style.MEASURED, label=view.experiment.name, zorder=2)
    top = float(seen.density.max())
    for name, side in view.theory.items():
        look = view.look(name)
        if side.sampled:
            density = histogram(side.samples[..., view.learnt], edges).density
            axes.stairs(density, edges, color=look.color, linewidth=1.0, label=style.plain(name), zorder=4)
        else:
            x = np.linspace(edges[0], edges[-1], FINE)
            curve = closed_density(view, side, x)
            if curve is None:
                continue
            density = curve
            axes.plot(
                x,
                curve,
                color=look.color,
                linewidth=1.1,
                linestyle=look.line,
                label=style.plain(name),
                zorder=3,
            )
        top = max(top, min(float(density.max()), 2 * top))
    style.dress(axes, view.eigenvalue, r"density $\rho(x)$ per eigenvalue")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, 1.12 * top)
    draw_targets(axes, view)


def draw_targets(axes: Axes, view: Scene) -> None:
    """A rule at each multiplet's target with its number of modes; of many, ticks along the top."""
    few = view.learnt_multiplets.sum() <= FEW_MULTIPLETS
    for multiplet in np.flatnonzero(view.learnt_multiplets):
        modes, size = view.group.slices[multiplet], int(view.group.size[multiplet])
        x = float(view.target[modes].mean())
        axes.axvline(x, 0 if few else 0.95, 1, color=style.INK, linewidth=0.7, linestyle=style.DOTS, zorder=5)
        if size > 1 and few:
            axes.annotate(
                f"×{size}",
                (x, 1),
                (2, -1),
                xycoords=("data", "axes fraction"),
                textcoords="offset points",
                va="top",
                fontproperties=style.font(style.SMALL),
                color=style.INK,
            )


def finest_width(view: Scene) -> float:
    """Smallest width of a learnt multiplet, 0 where nothing fluctuates."""
    width = view.experiment.statistics["width"].values[view.learnt_multiplets]
    return float(width[width > 0].min(initial=np.inf)) if (width > 0).any() else 0.0


def spectrum_caption(view: Scene) -> str:
    """What one sees."""
    replicas, times, _ = view.experiment.samples.shape
    text = (
        f"Stationary spectrum: all {int(view.learnt.sum())} learnt eigenvalues, "
        f"{count(replicas, 'replica')} × {count(times, 'recorded time')}. Grey: {view.experiment.name}"
    )
    text += "; lines: levels of theory. " if view.theory else ". "
    if view.learnt_multiplets.sum() <= FEW_MULTIPLETS:
        text += "Dotted rules: the eigenvalues without noise, with the number of modes that share one."
    else:
        text += "Ticks on top: the eigenvalues without noise."
    if (left_out := int((~view.learnt).sum())) > 0:
        text += f" {count(left_out, 'mode')} with target 0 left out."
    undrawn = [
        n for n, s in view.theory.items() if not s.sampled and closed_density(view, s, np.zeros(1)) is None
    ]
    if undrawn:
        text += f" Multiplet {', '.join(undrawn)} has no closed form of this density."
    return text


def count(number: int, noun: str) -> str:
    """``1 replica``, ``12 replicas``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
