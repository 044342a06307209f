"""Levels of theory next to the experiment: means, widths, spacings."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from compare.plots import style
from compare.plots.scene import Scene, scene
from compare.quantities import MEASURED, relative_deviation

SPREAD = 0.5
"""Room on the axis for the levels of theory side by side, of the distance between two modes."""


def deviations(
    source: xr.DataTree | Scene, margin: float | None = None, start: float | None = None
) -> Figure:
    """(experiment − theory)/theory of each mode's stationary mean, per level of theory.

    Parameters
    ----------
    source : DataTree or Scene
        With at least one level of theory.
    margin : float, optional
        Relative margin of the check, drawn as a band.
    start : float, optional
        First time of the stationary window, units "1".

    Returns
    -------
    matplotlib.figure.Figure
        Its caption is its label.

    Raises
    ------
    TypeError, ValueError
        As `scene`; ValueError if there is no theory.
    """
    view = _with_theory(scene(source, start))
    figure = style.new_figure(3.1)
    axes = figure.add_subplot()
    modes = np.flatnonzero(view.learnt)
    if margin is not None:
        axes.axhspan(
            -100 * margin,
            100 * margin,
            color=style.GRID,
            alpha=0.7,
            linewidth=0,
            label=f"margin ±{100 * margin:.3g} %",
        )
    draw_ratios(axes, view, "mean_eigenvalue", modes, modes.astype(float), 1.0)
    style.dress(axes, r"mode $i$ (0: largest eigenvalue)", "(SGD − theory)/theory in %")
    style.legend(figure, axes, columns=5)
    text = (
        "The experiment against levels of theory: relative deviation of every mode's stationary mean, "
        "with the standard error of the difference"
    )
    text += f"; shaded: the margin within which a mean agrees (±{100 * margin:.3g} %)." if margin else "."
    return style.captioned(figure, text)


def widths(source: xr.DataTree | xr.Dataset | Scene, start: float | None = None) -> Figure:
    """Width σ of each multiplet and mean spacing ⟨S⟩ of each pair: experiment, theories, and their ratio.

    Parameters
    ----------
    source : DataTree, Dataset or Scene
    start : float, optional
        First time of the stationary window, units "1".

    Returns
    -------
    matplotlib.figure.Figure
        Its caption is its label.

    Raises
    ------
    TypeError, ValueError
        As `scene`.
    """
    view = scene(source, start)
    columns = [("width", np.flatnonzero(view.learnt_multiplets), MEASURED["width"].axis)]
    if view.learnt_pairs.size:
        columns.append(("mean_spacing", view.learnt_pairs, MEASURED["mean_spacing"].axis))
    ratios = bool(view.theory)
    figure = style.new_figure(4.3 if ratios else 2.8)
    panels = figure.subplots(
        1 + ratios, len(columns), sharex="col", squeeze=False, height_ratios=(2, 1.5) if ratios else None
    )
    for column, (name, index, label) in enumerate(columns):
        upper, x = panels[0, column], multiplet_targets(view, name)[index]
        step = (
            float(np.diff(np.sort(x)).min(initial=np.inf)) if x.size > 1 else 0.1 * max(abs(float(x[0])), 1.0)
        )
        draw_values(upper, view, name, index, x, step)
        style.dress(upper, "" if ratios else "target of the multiplet", label)
        if x.size == 1:
            upper.set_xlim(x[0] - step, x[0] + step)
        upper.set_ylim(0, 1.06 * upper.get_ylim()[1])
        if ratios:
            lower = panels[1, column]
            draw_ratios(lower, view, name, index, x, step)
            style.dress(lower, "target of the multiplet", "(SGD − theory)/theory in %" if column == 0 else "")
    figure.align_ylabels()
    style.legend(figure, panels[0, 0], columns=5)
    return style.captioned(figure, widths_caption(view))


def widths_caption(view: Scene) -> str:
    """What one sees."""
    pairs = view.learnt_pairs.size > 0
    text = "Width σ of each multiplet" + (
        " (left) and mean spacing ⟨S⟩ of each pair (right)" if pairs else ""
    )
    text += ", with standard errors between replicas."
    if view.theory:
        text += " Below: the experiment's relative deviation from each level of theory."
    return text


def multiplet_targets(view: Scene, name: str) -> np.ndarray:
    """Target of each multiplet, or of each pair."""
    centre = np.array([view.target[s].mean() for s in view.group.slices])
    return centre if name == "width" else centre[view.group.pair_multiplet]


def draw_values(axes: Axes, view: Scene, name: str, index: np.ndarray, x: np.ndarray, step: float) -> None:
    """A statistic of the experiment and of every theory that has it, side by side."""
    sides = {view.experiment.name: view.experiment, **view.theory}
    present = [n for n, s in sides.items() if s.value(name) is not None]
    for n, offset in zip(present, offsets(len(present), step), strict=True):
        value, se = sides[n].value(name) or (np.empty(0), np.empty(0))
        if n == view.experiment.name:
            draw_points(axes, x + offset, value[index], se[index], style.INK, "o", n, size=5.5, hollow=True)
        else:
            look = view.look(n)
            draw_points(axes, x + offset, value[index], se[index], look.color, look.marker, style.plain(n))


def draw_ratios(axes: Axes, view: Scene, name: str, index: np.ndarray, x: np.ndarray, step: float) -> None:
    """(experiment − theory)/theory in per cent, levels of theory side by side."""
    axes.axhline(0, color=style.INK, linewidth=0.9, zorder=2)
    measured, error = view.experiment.value(name) or (np.empty(0), np.empty(0))
    measured, error = measured[index], np.nan_to_num(error[index])
    present = [n for n, s in view.theory.items() if s.value(name) is not None]
    for n, offset in zip(present, offsets(len(present), step), strict=True):
        value, se = view.theory[n].value(name) or (np.empty(0), np.empty(0))
        off, off_se = relative_deviation((measured, error), (value[index], np.nan_to_num(se[index])))
        look = view.look(n)
        draw_points(axes, x + offset, 100 * off, 100 * off_se, look.color, look.marker, style.plain(n))
    if index.size <= 24 and name == "mean_eigenvalue":
        axes.set_xticks(x)


def draw_points(
    axes: Axes,
    x: np.ndarray,
    y: np.ndarray,
    error: np.ndarray,
    color: str,
    marker: str,
    label: str,
    size: float = 4.5,
    hollow: bool = False,
) -> None:
    """Points with error bars; what is not finite is left out."""
    known = np.isfinite(y)
    axes.errorbar(
        x[known],
        y[known],
        np.nan_to_num(error[known]),
        linestyle="none",
        marker=marker,
        markersize=size if x.size <= 24 else size * 0.6,
        color=color,
        markerfacecolor=style.PAPER if hollow else color,
        markeredgewidth=0.9,
        elinewidth=1.0,
        capsize=2.0 if x.size <= 24 else 0.0,
        label=label,
        zorder=4,
    )


def offsets(number: int, step: float) -> np.ndarray:
    """Places of ``number`` points side by side about 0."""
    step = step if np.isfinite(step) and step > 0 else 1.0
    reach = SPREAD * step / 2 * (1 - 1 / max(number, 1))
    return np.linspace(-reach, reach, number) if number > 1 else np.zeros(number)


def _with_theory(view: Scene) -> Scene:
    if not view.theory:
        raise ValueError("there is no level of theory in this tree; add one with compare.align")
    return view
