"""The phase diagram of a network with activations."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from compare.plots import style

PANELS = (
    ("loss", "final loss", "log"),
    ("gradient_norm", "gradient norm", "log"),
    ("overlap", "overlap with the teacher", "linear"),
)
NEEDED = ("noise_level", "inverse_width")


def phase_figure(plane: xr.Dataset) -> Figure:
    """Final loss, gradient norm and overlap over the (1/σ_W, α/|B|) plane.

    Parameters
    ----------
    plane : Dataset
        From `sgd.phase_diagram`.

    Returns
    -------
    matplotlib.figure.Figure
        Points where every replica diverged are left empty. Its caption is its label.

    Raises
    ------
    ValueError
        If it is not a phase diagram.
    """
    missing = [name for name in (*NEEDED, *(p[0] for p in PANELS)) if name not in plane]
    if missing:
        raise ValueError(f"plane must be a phase diagram of sgd.phase_diagram, it has no {missing[0]}")
    figure = style.new_figure(2.9, 7.6)
    for axes, (name, label, scale) in zip(figure.subplots(1, 3, sharey=True), PANELS, strict=True):
        _draw(figure, axes, plane, name, label, scale)
        first = name == PANELS[0][0]
        style.dress(axes, r"$1/\sigma_W$", r"noise level $\alpha/|B|$" if first else "", label)
        axes.grid(False)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(style.FuncFormatter(style.number))
            axis.set_minor_formatter(style.FuncFormatter(lambda *_: ""))
    caption = (
        f"Students after {plane.attrs['steps']} steps at every point of the plane, means over "
        f"{plane.attrs['replicas']} replicas: final loss on test inputs, norm of the mean gradient, overlap "
        "Tr(W_tᵀW)/(|W_t||W|) of the weights with the teacher's. σ_W/√L is the width of the first weights; "
        "empty: every replica diverged."
    )
    return style.captioned(figure, caption)


def _draw(figure: Figure, axes: Axes, plane: xr.Dataset, name: str, label: str, scale: str) -> None:
    values = plane[name].transpose("noise_level", "inverse_width").values
    known = values[np.isfinite(values) & ((values > 0) | (scale == "linear"))]
    norm = Normalize(min(0.0, known.min()), known.max()) if known.size else Normalize(0.0, 1.0)
    if scale == "log":
        low, high = (known.min(), known.max()) if known.size else (1e-3, 1.0)
        norm = LogNorm(low, max(high, 1.01 * low))
    edges = [_edges(plane[dim].values) for dim in ("inverse_width", "noise_level")]
    shown = np.ma.masked_invalid(values)
    mesh = axes.pcolormesh(*edges, shown, norm=norm, cmap=colormaps["cividis"], rasterized=False)
    axes.set_xscale("log")
    axes.set_yscale("log")
    bar = figure.colorbar(mesh, ax=axes, location="bottom", shrink=0.9)
    bar.ax.tick_params(which="both", labelsize=style.SMALL, labelfontfamily=style.FAMILY, color=style.MUTED)
    bar.ax.xaxis.set_major_formatter(style.FuncFormatter(style.number))
    narrow = scale == "log" and known.size > 0 and known.max() < 10 * known.min()  # no decade to label
    bar.ax.xaxis.set_minor_formatter(style.FuncFormatter(style.one_two_five if narrow else lambda *_: ""))


def _edges(centers: np.ndarray) -> np.ndarray:
    """Edges of cells around points in geometric progression, or nearly so."""
    logs = np.log(centers)
    middle = (logs[1:] + logs[:-1]) / 2
    if logs.size == 1:
        return np.exp(logs[0] + np.array([-0.1, 0.1]))
    return np.exp(np.r_[2 * logs[0] - middle[0], middle, 2 * logs[-1] - middle[-1]])
