"""A quick look at one run."""

from __future__ import annotations

import xarray as xr
from matplotlib.figure import Figure

from compare.plots import style
from compare.plots.deviations import draw_values, multiplet_targets
from compare.plots.growth import draw_growth
from compare.plots.scene import Scene, scene
from compare.plots.spacings import BARS, draw_spacing
from compare.plots.spectrum import draw_spectrum
from compare.quantities import MEASURED


def overview(source: xr.Dataset | xr.DataTree | Scene, start: float | None = None) -> Figure:
    """Growth, stationary spectrum, spacings and widths of a run in one figure.

    Parameters
    ----------
    source : Dataset, DataTree or Scene
        One run, experiment or sampled theory; or a tree of `compare.align`.
    start : float, optional
        First time of the stationary window, units "1"; by default the middle of the run.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TypeError, ValueError
        As `scene`; ValueError for a closed form, which has no eigenvalues to look at.
    """
    view = scene(source, start)
    if not view.experiment.sampled:
        raise ValueError(
            "this level of theory is a closed form: it has statistics but no eigenvalues to draw"
        )
    figure = style.new_figure(6.0, 8.0)
    panels = figure.subplots(2, 2)
    if view.experiment.data.sizes["time"] > 1:
        draw_growth(panels[0, 0], view)
    else:
        panels[0, 0].set_axis_off()
    draw_spectrum(panels[0, 1], view)
    if view.learnt_pairs.size:
        draw_spacing(panels[1, 0], view, view.learnt_pairs, BARS)
        style.dress(panels[1, 0], r"spacing $s = S/\langle S\rangle$ of the pairs", r"density $P(s)$")
    else:
        panels[1, 0].set_axis_off()
    index = view.learnt_multiplets.nonzero()[0]
    x = multiplet_targets(view, "width")[index]
    draw_values(panels[1, 1], view, "width", index, x, 1.0)
    style.dress(panels[1, 1], "target of the multiplet", MEASURED["width"].axis)
    panels[1, 1].set_ylim(bottom=0)
    style.legend(figure, panels[0, 1])
    return style.captioned(figure, "One run at a glance: growth, stationary spectrum, spacings and widths.")
