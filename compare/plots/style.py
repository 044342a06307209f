"""How figures look: colours, fonts, axes. Nothing global is touched, in matplotlib or elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter

FAMILY = ["STIXGeneral", "DejaVu Sans"]
"""Both ship with matplotlib; the second has the glyphs that the first lacks."""

SMALL, NORMAL = 9.0, 10.0

INK = "#1d1d1b"
MUTED = "#6e6e68"
GRID = "#dededa"
MEASURED = "#c7c7c0"
"""Fill of the experiment's histograms."""

BAND = "#8a8a83"
DOTS = (0, (1.0, 1.6))
"""Line style of the targets."""

PAPER = "#fefefd"
"""What shows through markers that are hollow."""


@dataclass(frozen=True, slots=True)
class Look:
    """Colour, line and marker of one level of theory: none of the three alone tells levels apart."""

    color: str
    line: str | tuple[int, tuple[float, ...]]
    marker: str


LOOKS = {
    "matrix": Look("#0a5ea8", "-", "o"),
    "dyson": Look("#c2480f", (0, (4.5, 1.5)), "s"),
    "pair": Look("#13795b", (0, (6.0, 1.5, 1.2, 1.5)), "D"),
    "gas": Look("#77449c", (0, (1.5, 1.2)), "^"),
}
OTHERS = (
    Look("#8c6b00", "-", "v"),
    Look("#a8326b", (0, (4.5, 1.5)), "P"),
    Look("#3f6f8f", (0, (2.5, 1.2)), "X"),
)

COLORS = {
    "ink": INK,
    "muted": MUTED,
    "grid": GRID,
    "measured": MEASURED,
    "band": BAND,
    "paper": PAPER,
    **{name: look.color for name, look in LOOKS.items()},
    **{f"other{k}": look.color for k, look in enumerate(OTHERS)},
}
"""Names by which a page may replace colours, in the dark for instance."""


def look(name: str, names: Iterable[str]) -> Look:
    """The look of one level of theory; those without their own take turns in the order of ``names``."""
    if name in LOOKS:
        return LOOKS[name]
    unknown = [n for n in names if n not in LOOKS]
    return OTHERS[unknown.index(name) % len(OTHERS)]


def font(size: float = NORMAL) -> FontProperties:
    """The figures' typeface."""
    return FontProperties(family=FAMILY, size=size, math_fontfamily="stix")


def plain(text: str, longest: int = 60) -> str:
    """Text from outside, so that matplotlib sets it as it is: no mathematics, one line, not too long."""
    line = "".join(c if c.isprintable() else " " for c in str(text))
    line = line if len(line) <= longest else line[: longest - 1] + "…"
    return line.replace("$", r"\$")


def new_figure(height: float, width: float = 5.3) -> Figure:
    """An empty figure, size in inches, that belongs to no window and no pyplot state."""
    layout = ConstrainedLayoutEngine(w_pad=0.04, h_pad=0.04, hspace=0.03, wspace=0.04)
    return Figure(figsize=(width, height), layout=layout, facecolor="none")


def dress(axes: Axes, xlabel: str = "", ylabel: str = "", title: str = "") -> None:
    """Fonts, colours and grid of one panel; labels where they are given."""
    axes.set_facecolor("none")
    for name, spine in axes.spines.items():
        spine.set_visible(name in ("left", "bottom"))
        spine.set_color(MUTED)
        spine.set_linewidth(0.8)
    axes.tick_params(
        which="both", color=MUTED, labelcolor=INK, labelsize=SMALL, labelfontfamily=FAMILY, width=0.8
    )
    axes.tick_params(which="minor", width=0.5, labelsize=SMALL)
    axes.grid(True, color=GRID, linewidth=0.5, zorder=0)
    axes.set_axisbelow(True)
    for axis in (axes.xaxis, axes.yaxis):
        if axis.get_scale() == "linear":
            axis.set_major_formatter(FuncFormatter(number))
    if xlabel:
        axes.set_xlabel(xlabel, fontproperties=font(), color=INK)
    if ylabel:
        axes.set_ylabel(ylabel, fontproperties=font(), color=INK)
    if title:
        axes.set_title(title, fontproperties=font(), color=INK, loc="left")


def number(value: float, _position: int | None = None) -> str:
    """A tick label without offsets or mathematics: 0.002, 40, 3×10⁻⁵."""
    if value == 0:
        return "0"
    text = f"{value:.6g}"
    if "e" not in text:
        return text.replace("-", "−")
    mantissa, power = text.split("e")
    raised = str(int(power)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa}×10{raised}".replace("-", "−")


def one_two_five(value: float, _position: int | None = None) -> str:
    """Labels for 2 and 5 between the decades; more would not fit."""
    return number(value) if f"{value:e}"[0] in "25" else ""


def marks(
    axes: Axes,
    x: np.ndarray,
    y: np.ndarray,
    color: str,
    marker: str,
    label: str | None = None,
    hollow: bool = False,
    size: float = 3.2,
) -> None:
    """Points without lines; hollow ones show what lies below."""
    axes.plot(
        x,
        y,
        linestyle="none",
        marker=marker,
        markersize=size,
        color=color,
        markerfacecolor="none" if hollow else color,
        markeredgewidth=0.8,
        label=label,
        zorder=4.8 if hollow else 3,
    )


def with_residuals(residuals: bool) -> tuple[Figure, Axes, Axes | None]:
    """A panel, with one for residuals below it if asked for."""
    figure, upper, lower, _ = with_residuals_and_small(residuals, 0, 1)
    return figure, upper, lower


def with_residuals_and_small(
    residuals: bool, number: int, columns: int
) -> tuple[Figure, Axes, Axes | None, list[Axes]]:
    """A panel, its residuals if asked for, and below them ``number`` small panels."""
    rows = -(-number // columns)
    heights = [3.0] + [1.2] * residuals + [1.9] * rows
    figure = new_figure(2.9 + 1.2 * residuals + 1.55 * rows)
    grid = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    upper, lower = figure.add_subplot(grid[0]), None
    if residuals:
        lower = figure.add_subplot(grid[1], sharex=upper)
        upper.tick_params(labelbottom=False)
        dress(lower, "", "residual / error")
        lower.axhline(0, color=MUTED, linewidth=0.8)
        figure.align_ylabels([upper, lower])
    small = []
    for k in range(number):
        if k % columns == 0:
            cells = grid[1 + residuals + k // columns].subgridspec(1, columns)
        small.append(figure.add_subplot(cells[k % columns]))
    return figure, upper, lower, small


def legend(figure: Figure, axes: Axes, columns: int = 4) -> None:
    """A legend above the panels, where it covers no data."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(
            handles,
            labels,
            loc="outside upper left",
            ncols=min(columns, len(handles)),
            prop=font(SMALL),
            labelcolor=INK,
            frameon=False,
            handlelength=2.2,
            columnspacing=1.4,
            borderpad=0.1,
        )


def captioned(figure: Figure, caption: str) -> Figure:
    """The figure with its caption as its label: ``figure.get_label()``."""
    figure.set_label(caption)
    return figure
