"""Linear scaling: widths and spacings of a sweep against √(α/|B|)."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from compare.plots import style

PANELS = (
    ("width", "multiplet", np.sqrt(np.pi), r"$\sqrt{\pi}\,\sigma$ of each multiplet"),
    ("mean_spacing", "pair", 1.0, r"$\langle S\rangle$ of each pair"),
)
MARKERS = "oDs^vPX<>p*h"
PREDICTION = 0.5


def scaling_figure(points: xr.Dataset) -> Figure:
    r"""√π σ of every multiplet and ⟨S⟩ of every pair against √(α/\|B\|), and the rest after √(α/\|B\|).

    Parameters
    ----------
    points : Dataset
        Dims ``point``, ``multiplet``, ``pair``: coords ``learning_rate``, ``batch_size`` and
        ``noise_level`` (point); ``width`` (point, multiplet), ``mean_spacing`` (point, pair), each with
        ``<name>_se``. Attrs ``<name>_exponent`` and ``<name>_exponent_se`` (or ``exponent``,
        ``exponent_se`` for both) are the fitted powers h of (α/\|B\|)^h; optional coords
        ``multiplet_target``, ``pair_target`` and the factors ``multiplet_finite_alpha``,
        ``pair_finite_alpha`` of the variances at a finite learning rate, which are taken off in the
        lower panels.

    Returns
    -------
    matplotlib.figure.Figure
        Upper row: the measurements with the fitted power law. Lower row: divided by the power law
        with exponent ½ through each series, so that a slope is an exponent that is not ½ and a
        scatter at equal α/\|B\| a scaling that is not linear. Its caption is its label.

    Raises
    ------
    TypeError
        If ``points`` is not a Dataset.
    ValueError
        If it has no widths, or no positive noise level.
    """
    if not isinstance(points, xr.Dataset):
        raise TypeError(f"points must be a Dataset with dim point, got {type(points).__name__}")
    panels = [p for p in PANELS if p[0] in points and points.sizes.get(p[1], 0) > 0]
    if not panels or "noise_level" not in points.coords or not (points["noise_level"] > 0).all():
        raise ValueError("points must have width (point, multiplet) and positive noise_level (point)")
    figure = style.new_figure(5.0)
    grid = figure.subplots(2, len(panels), sharex="col", squeeze=False, height_ratios=(2, 1.4))
    for column, (name, dim, factor, label) in enumerate(panels):
        upper, lower = grid[:, column]
        draw_series(upper, lower, points, name, dim, factor)
        title = exponent_text(points, name)
        style.dress(upper, "", label, title)
        style.dress(lower, r"$\sqrt{\alpha/|B|}$", r"over its $\sqrt{\alpha/|B|}$ law" if column == 0 else "")
        for axis in (upper.xaxis, upper.yaxis, lower.xaxis):
            axis.set_major_formatter(style.FuncFormatter(style.number))
        narrow = float(points["noise_level"].max() / points["noise_level"].min()) < 16
        lower.xaxis.set_minor_formatter(style.FuncFormatter(style.number if narrow else style.one_two_five))
        upper.yaxis.set_minor_formatter(style.FuncFormatter(style.one_two_five))
        lower.tick_params(axis="x", which="both", rotation=45)
    figure.align_ylabels()
    learning_rate_legend(figure, points)
    return style.captioned(figure, scaling_caption(points))


def draw_series(upper: Axes, lower: Axes, points: xr.Dataset, name: str, dim: str, factor: float) -> None:
    """One statistic: a colour a series, a marker a learning rate."""
    noise = np.asarray(points["noise_level"].values, dtype=float)
    root, h = np.sqrt(noise), exponent(points, name)[0]
    value, se, finite = (a.transpose("point", dim).values for a in with_factors(points, name, dim))
    value, se, scale = factor * value, factor * np.nan_to_num(se), np.sqrt(finite)
    line = np.geomspace(root.min(), root.max(), 50)
    for series, color in enumerate(series_colors(value.shape[1])):
        y, e, f = value[:, series], se[:, series], scale[:, series]
        good = (y > 0) & np.isfinite(y)
        if not good.any():
            continue
        amplitude = np.exp(np.mean(np.log(y[good] / f[good]) - h * np.log(noise[good])))
        upper.plot(line, amplitude * line ** (2 * h), color=color, linewidth=0.9, zorder=2)
        law = f * np.exp(np.mean(np.log(y[good] / (f * root)[good]))) * root
        aside = 1 + 0.02 * (series - (value.shape[1] - 1) / 2)
        alphas, of = np.unique(points["learning_rate"].values, return_inverse=True)
        for k in range(alphas.size):
            own = good & (of == k)
            draw_points(upper, root[own], y[own], e[own], color, k, 4.0)
            draw_points(lower, root[own] * aside, (y / law)[own], (e / law)[own], color, k, 3.0)
    lower.axhline(1, color=style.MUTED, linewidth=0.8)
    upper.set_xscale("log")
    upper.set_yscale("log")


def with_factors(points: xr.Dataset, name: str, dim: str) -> tuple[xr.DataArray, xr.DataArray, xr.DataArray]:
    """A statistic, its error (0 if not known), and the factor of its square at a finite learning rate."""
    value = points[name]
    se = points[f"{name}_se"] if f"{name}_se" in points else xr.zeros_like(value)
    factor = f"{dim}_finite_alpha"
    return value, se, points[factor] if factor in points else xr.ones_like(value)


def draw_points(
    axes: Axes, x: np.ndarray, y: np.ndarray, error: np.ndarray, color: str, place: int, size: float
) -> None:
    """Points of one series at one learning rate."""
    axes.errorbar(
        x,
        y,
        error,
        marker=MARKERS[place % len(MARKERS)],
        markersize=size,
        linestyle="none",
        color=color,
        elinewidth=0.8,
        zorder=3,
    )


def series_colors(number: int) -> list[str]:
    """Colours in order of the multiplets, neither too dark nor too light for either background."""
    shades = np.linspace(0.3, 0.82, number) if number > 1 else [0.4]
    return [to_hex(colormaps["plasma"](s)) for s in shades]


def exponent(points: xr.Dataset, name: str) -> tuple[float, float]:
    """The fitted exponent with its error, from the attrs; the predicted one where none was fitted."""
    for key in (f"{name}_exponent", "exponent"):
        if key in points.attrs:
            return float(points.attrs[key]), float(points.attrs.get(f"{key}_se", np.nan))
    return PREDICTION, np.nan


def exponent_text(points: xr.Dataset, name: str) -> str:
    """Title of a panel."""
    h, se = exponent(points, name)
    if np.isnan(se):
        return rf"lines: $(\alpha/|B|)^{{{h:.3g}}}$"
    return rf"fitted: $(\alpha/|B|)^h$, $h={h:.4f} \pm {se:.4f}$"


def learning_rate_legend(figure: Figure, points: xr.Dataset) -> None:
    """Which marker is which learning rate."""
    axes = figure.axes[0]
    alphas = np.unique(points["learning_rate"].values)
    for k, alpha in enumerate(alphas):
        marker, label = MARKERS[k % len(MARKERS)], rf"$\alpha={alpha:.4g}$"
        axes.plot([], [], marker=marker, linestyle="none", color=style.INK, markersize=4, label=label)
    style.legend(figure, axes, columns=6)


def scaling_caption(points: xr.Dataset) -> str:
    """What one sees."""
    noise = points["noise_level"].values
    finite = "multiplet_finite_alpha" in points
    off = ", after the known factor 1/(1 − αk/2) of a finite learning rate" if finite else ""
    return (
        f"Linear scaling: {noise.size} runs at α/|B| from {noise.min():.3g} to {noise.max():.3g}. "
        "Above: √π σ of each multiplet and ⟨S⟩ of each pair (dark: largest target); "
        "lines: power laws with the fitted exponent. "
        f"Below: divided by √(α/|B|) times each one's own constant{off}: "
        "a slope would be an exponent other than ½, scatter at equal α/|B| a departure from linear scaling. "
        "Points of one α/|B| are drawn side by side."
    )
