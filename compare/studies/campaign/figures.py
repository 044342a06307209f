"""Where each level of theory holds, over the plane of learning rate and batch size."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from compare.plots import style

MARKS = {
    1: ("agrees", "o", style.LOOKS["pair"].color, False),
    2: ("differs", "X", style.LOOKS["dyson"].color, False),
    0: ("cannot tell", "o", style.MUTED, True),
    -1: ("not run", ".", style.MUTED, True),
    -2: ("paths diverged", "x", style.MUTED, False),
}
"""Of every verdict: name, marker, colour, hollow."""


def verdict_planes(planes: Mapping[str, xr.Dataset]) -> Figure:
    """A row of panels a model, a panel a level of theory, a mark a cell.

    Parameters
    ----------
    planes : mapping of str to Dataset
        From `compare.studies.campaign.plane`, by the model's name.

    Returns
    -------
    matplotlib.figure.Figure
        Its caption is its label.
    """
    levels = list(next(iter(planes.values()))["theory"].values)
    figure = style.new_figure(0.5 + 1.9 * len(planes), 1.2 + 2.1 * max(2, len(levels)))
    grid = figure.subplots(len(planes), len(levels), squeeze=False, sharex=True, sharey=True)
    for i, (name, plane) in enumerate(planes.items()):
        for j, level in enumerate(levels):
            axes = grid[i, j]
            _panel(axes, plane, level)
            xlabel = r"learning rate $\alpha$" if i == len(planes) - 1 else ""
            ylabel = f"{style.plain(name)}\nbatch size $|B|$" if j == 0 else ""
            style.dress(axes, xlabel, ylabel, f"level {level}" if i == 0 else "")
            for axis, dim in ((axes.xaxis, "learning_rate"), (axes.yaxis, "batch_size")):
                axis.set_ticks(plane[dim].values)
                axis.set_major_formatter(style.FuncFormatter(style.number))
                axis.set_minor_formatter(style.FuncFormatter(lambda *_: ""))
    _legend(figure, planes)
    margin = float(next(iter(planes.values())).attrs["margin"])
    caption = (
        f"Cells in which means, widths and spacings of a level of theory are within {100 * margin:g} % of "
        "those of SGD (agrees), in which one is not (differs), and in which more replicas would tell."
    )
    return style.captioned(figure, caption)


def _panel(axes, plane: xr.Dataset, level: str) -> None:
    code = plane["holds"].sel(theory=level).transpose("learning_rate", "batch_size").values
    a, b = np.meshgrid(plane["learning_rate"].values, plane["batch_size"].values, indexing="ij")
    for value, (_, marker, color, hollow) in MARKS.items():
        here = code == value
        style.marks(axes, a[here], b[here], color, marker, hollow=hollow, size=6.5)
    axes.set_xscale("log")
    axes.set_yscale("log", base=2)
    axes.margins(0.12)


def _legend(figure: Figure, planes: Mapping[str, xr.Dataset]) -> None:
    seen = np.unique(np.concatenate([plane["holds"].values.ravel() for plane in planes.values()]))
    axes = figure.axes[0]
    for value, (label, marker, color, hollow) in MARKS.items():
        if value in seen:
            style.marks(axes, np.array([]), np.array([]), color, marker, label, hollow=hollow, size=6.5)
    style.legend(figure, axes)
