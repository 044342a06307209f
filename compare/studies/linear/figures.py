"""Figures of the linear network: growth at the rates of Z, and the density of its pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from compare.measure.growth_fit import curve
from compare.plots import style
from compare.plots.growth import POINTS, drawn_times
from compare.plots.histogram import draw_measured, histogram, pooled_edges
from streams.arguments import count

if TYPE_CHECKING:
    from compare.studies.linear.study import LawFit

TRAJECTORIES = 20
BEFORE = 1.1
"""The growth is shown to so many times the time at which its slowest mode reaches 95 % of its plateau."""


def growth_rates(
    runs: Sequence[xr.Dataset],
    fits: Sequence[xr.Dataset],
    outputs: Sequence[np.ndarray],
    trajectories: int = TRAJECTORIES,
) -> Figure:
    """Growth of the squared singular values from W = 0, one panel a choice of Z.

    Parameters
    ----------
    runs : sequence of Dataset
        Ensembles of two modes in the layout of docs/schema.md.
    fits : sequence of Dataset
        From `compare.measure.growth_fit.fit_growth`.
    outputs : sequence of ndarray, shape (mode,)
        Singular values of Z, the largest first.
    trajectories : int
        Single replicas drawn as thin lines.

    Returns
    -------
    matplotlib.figure.Figure
        Its caption is its label.
    """
    count("trajectories", trajectories, 0)
    figure = style.new_figure(2.7 * len(runs) + 0.2)
    panels = figure.subplots(len(runs), 1, squeeze=False)[:, 0]
    for axes, run, fit, z in zip(panels, runs, fits, outputs, strict=True):
        _draw_growth(axes, run, fit, np.asarray(z), trajectories)
        named = ", ".join(f"{v:g}" for v in z)
        style.dress(axes, r"time $t = \alpha n$ (units 1)", "squared singular value", f"Z = diag({named})")
        axes.set_ylim(0, 1.15 * float(run["target"].max()))
    style.legend(figure, panels[0], 3)
    start = float(fits[0].attrs["start"])
    caption = (
        f"Growth of both squared singular values from W = 0: {trajectories} single replicas (thin), mean "
        f"over {fits[0].attrs['replicas']} (circles), theory κ(1 − (1 − αz²)ⁿ)², z the singular values of Z "
        f"(dashed), and the fit of κ and z² to the mean from t = {start:g} on (solid, which covers theory "
        "where they coincide). "
        "The dotted rule is the start of the fit."
    )
    return style.captioned(figure, caption)


def _draw_growth(axes: Axes, run: xr.Dataset, fit: xr.Dataset, z: np.ndarray, trajectories: int) -> None:
    alpha, kappa = float(run["learning_rate"]), run["target"].values
    last = BEFORE * np.log(1 / (1 - np.sqrt(0.95))) / z.min() ** 2
    shown = run.isel(time=run["time"].values <= max(last, float(run["time"][1])))
    time, x = shown["time"].values, shown["eigenvalue"].values
    smooth = np.linspace(0, time[-1], 300)
    looks = (style.LOOKS["matrix"], style.LOOKS["dyson"])
    points = drawn_times(time, False, POINTS)
    for mode in range(x.shape[2]):
        look = looks[mode % 2]
        for path in x[:trajectories, :, mode]:
            axes.plot(time, path, color=style.BAND, linewidth=0.4, alpha=0.7, zorder=2)
        mean, rank = np.nanmean(x[:, points, mode], axis=0), f"{('first', 'second')[mode % 2]} mode"
        style.marks(axes, time[points], mean, style.INK, "o", "mean" if mode == 0 else None, hollow=True)
        theory = curve(smooth, kappa[mode], z[mode] ** 2, alpha)
        axes.plot(smooth, theory, color=look.color, linestyle=(0, (4.5, 1.5)), linewidth=1.0, zorder=4,
                  label=f"theory, {rank}")  # fmt: skip
        fitted = smooth[smooth >= fit.attrs["start"]]
        values = curve(fitted, float(fit["plateau"][mode]), float(fit["rate"][mode]), alpha)
        axes.plot(fitted, values, color=look.color, linewidth=1.6, alpha=0.6, zorder=3, label=f"fit, {rank}")
    axes.axvline(float(fit.attrs["start"]), color=style.MUTED, linewidth=0.8, linestyle=style.DOTS)
    axes.set_xlim(0, time[-1])


def pair_densities(
    samples: Sequence[np.ndarray], laws: Sequence[Sequence[LawFit]], outputs: Sequence[np.ndarray]
) -> Figure:
    """Density of the two eigenvalues with the laws held against it, one column a choice of Z.

    Parameters
    ----------
    samples : sequence of ndarray, shape (replica, 2)
    laws : sequence of sequence of LawFit
        From `compare.studies.linear.study.density_laws`.
    outputs : sequence of ndarray
        Singular values of Z.

    Returns
    -------
    matplotlib.figure.Figure
        Densities above, below them (density − law)/error. Its caption is its label.
    """
    figure = style.new_figure(4.4)
    grid = figure.subplots(2, len(samples), sharex="col", squeeze=False, height_ratios=(2, 1))
    for column, (x, found, z) in enumerate(zip(samples, laws, outputs, strict=True)):
        upper, lower = grid[:, column]
        _draw_density(upper, lower, x, found)
        named = ", ".join(f"{v:.3g}" for v in z)
        style.dress(upper, "", "density" if column == 0 else "", f"Z = diag({named})")
        below = r"$(x - \langle x\rangle)$ / standard deviation"
        style.dress(lower, below, "residual / error" if column == 0 else "")
        lower.axhline(0, color=style.MUTED, linewidth=0.8)
    style.legend(figure, grid[0, 0], 2)
    caption = (
        "Density of both eigenvalues of WᵀW at stationarity (grey, errors by replicas) with the laws "
        "of the table below: one species and two species by least squares on the histogram, two species with "
        "the widths 2√κ s that one would naively give them, and the exact law of a symmetric 2 × 2 Gaussian "
        "matrix, in which nothing is fitted. Lower panels: (density − law) over the error of each bin."
    )
    return style.captioned(figure, caption)


DRAWN = {
    "one species, least squares": ("pair", "one species, fitted"),
    "two species, least squares": ("dyson", "two species, fitted"),
    "two species, naive widths": ("gas", "two species, naive widths"),
    "exact, nothing fitted": ("matrix", "exact, nothing fitted"),
}
"""Laws that are drawn: whose look they have, and their label."""


def _draw_density(upper: Axes, lower: Axes, x: np.ndarray, laws: Sequence[LawFit]) -> None:
    middle, spread = float(x.mean()), float(x.std())
    unit = (x - middle) / spread
    seen = histogram(unit[:, None, :], pooled_edges(unit, 0.5, (-2.5, 2.5)))
    draw_measured(upper, seen, "SGD")
    smooth = np.linspace(seen.edges[0], seen.edges[-1], 400)
    for found in laws:
        if found.name not in DRAWN or found.law is None:
            continue
        name, label = DRAWN[found.name]
        look = style.LOOKS[name]
        density = spread * found.law.pdf(middle + spread * smooth)
        upper.plot(
            smooth, density, color=look.color, linestyle=look.line, linewidth=1.2, label=label, zorder=4
        )
        share = np.diff(found.law.cdf(middle + spread * seen.edges)) / np.diff(seen.edges)
        with np.errstate(divide="ignore", invalid="ignore"):
            residual = (seen.density - share) / seen.se
        style.marks(lower, seen.centers, residual, look.color, look.marker, size=2.2)
