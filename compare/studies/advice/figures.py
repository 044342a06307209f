"""The plane of learning rates and batch sizes: where σ ∝ √T holds, and what is advised."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from compare.plots import style
from compare.studies.advice import Advice
from compare.studies.advice.advise import CANNOT_TELL, FAILS, HOLDS

MARKS = {HOLDS: "o", FAILS: "X", CANNOT_TELL: "d"}


def advice_figure(advice: Advice) -> Figure:
    r"""Deviation of σ/√T from its limit over the (α, \|B\|) plane, verdicts, reference and advised points.

    Parameters
    ----------
    advice : Advice
        From `compare.advice`.

    Returns
    -------
    matplotlib.figure.Figure
        Cells without a usable width are left without colour. Its caption is its label.

    Raises
    ------
    TypeError
        If ``advice`` is something else.
    """
    if not isinstance(advice, Advice):
        raise TypeError(f"advice must be what compare.advice.advise returns, got {type(advice).__name__}")
    figure = style.new_figure(4.2)
    axes = figure.subplots()
    _map(figure, axes, advice)
    for verdict, marker in MARKS.items():
        own = [c for c in advice.cells if c.verdict == verdict]
        if own:
            x, y = (np.array([getattr(c, name) for c in own]) for name in ("learning_rate", "batch_size"))
            axes.plot(x, y, marker, color=style.INK, markersize=4, markerfacecolor=style.PAPER, label=verdict)
    _limits(axes, advice)
    _points(axes, advice)
    axes.set_xscale("log")
    axes.set_yscale("log")
    style.dress(axes, r"learning rate $\alpha$", r"batch size $|B|$")
    axes.grid(False)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(style.FuncFormatter(style.number))
        axis.set_minor_formatter(style.FuncFormatter(style.one_two_five))
    style.legend(figure, axes, columns=3)
    return style.captioned(figure, _caption(advice))


def _map(figure: Figure, axes: Axes, advice: Advice) -> None:
    alpha = np.unique([c.learning_rate for c in advice.cells])
    batch = np.unique([c.batch_size for c in advice.cells]).astype(float)
    values = np.full((batch.size, alpha.size), np.nan)
    for c in advice.cells:
        values[np.searchsorted(batch, c.batch_size), np.searchsorted(alpha, c.learning_rate)] = c.deviation
    most = 100 * max(np.nanmax(np.abs(values)), advice.margin)
    mesh = axes.pcolormesh(
        _edges(alpha), _edges(batch), np.ma.masked_invalid(100 * values), cmap=colormaps["RdBu_r"],
        norm=TwoSlopeNorm(0.0, -most, most), rasterized=False, zorder=1,
    )  # fmt: skip
    bar = figure.colorbar(mesh, ax=axes, location="right", shrink=0.9)
    bar.ax.tick_params(which="both", labelsize=style.SMALL, labelfontfamily=style.FAMILY, color=style.MUTED)
    bar.ax.yaxis.set_major_formatter(style.FuncFormatter(style.number))
    bar.set_label(
        r"deviation of $\sigma/\sqrt{T}$ from its limit, %", fontproperties=style.font(), color=style.INK
    )


def _limits(axes: Axes, advice: Advice) -> None:
    """Where the fitted law deviates by the margin, as a line over the measured range."""
    found = [x for x in advice.limits if np.isfinite(x.fitted) and not x.extrapolation]
    if found:
        x, y, e = (np.array([getattr(f, n) for f in found]) for n in ("fitted", "batch_size", "fitted_se"))
        label = f"fit: {100 * advice.margin:.3g} %"
        axes.errorbar(x, y, xerr=e, color=style.MUTED, linewidth=0.9, elinewidth=0.9, label=label, zorder=2.5)


def _points(axes: Axes, advice: Advice) -> None:
    """The reference, and the advised learning rates at the new batch size."""
    alpha, batch = advice.reference
    axes.plot(
        [alpha], [batch], "s", color=style.INK, markerfacecolor="none", markersize=10, label="reference"
    )
    looks = (("keeps the widths", advice.keep, "matrix"), ("noise floor", advice.floor, "pair"))
    for label, found, name in looks:
        if found is not None and np.isfinite(found.learning_rate):
            look = style.LOOKS[name]
            if found.extrapolation:
                label = f"{label} (extrapolated)"
            axes.errorbar(
                [found.learning_rate], [advice.batch_size], xerr=[found.learning_rate_se], marker="*",
                markersize=11, color=look.color, markeredgecolor=style.PAPER, linestyle="none",
                label=label, zorder=4,
            )  # fmt: skip


def _edges(centers: np.ndarray) -> np.ndarray:
    """Edges of cells around points, halfway in the logarithm."""
    logs = np.log(centers)
    if logs.size == 1:
        return np.exp(logs[0] + np.array([-0.3, 0.3]))
    middle = (logs[1:] + logs[:-1]) / 2
    return np.exp(np.r_[2 * logs[0] - middle[0], middle, 2 * logs[-1] - middle[-1]])


def _caption(advice: Advice) -> str:
    alpha, batch = advice.reference
    return (
        f"Deviation of σ/√T, T = α/|B|, from its limit for small T and α, as the geometric mean over "
        f"{advice.fit.target.size} multiplets: {len(advice.cells)} cells. The linear rule holds, fails or "
        f"one cannot tell at {100 * advice.margin:.3g} % and {100 * advice.confidence:.4g} % confidence. "
        f"Square: the reference α = {alpha:.4g}, |B| = {batch}; stars: what is advised at "
        f"|B| = {advice.batch_size}. "
        "Cells without colour have no usable widths."
    )
