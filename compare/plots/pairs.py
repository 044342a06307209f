"""Close-ups of degenerate pairs: the one-pair semicircle and the Wigner surmise."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from compare.plots import style
from compare.plots.histogram import Histogram, centre_of, histogram
from compare.plots.scene import Scene, Side, scene
from compare.plots.spectrum import count
from dyson.laws import Fit, OnePairSemicircle, WignerSurmise

REACH = 4.0
"""Half-width of the close-up in units of σ: 1e-3 of the semicircle lies outside ±3.4 σ."""

BARS = 40
FARTHEST_SPACING = 3.2
SPACING_BARS = 32
SMALL_PANELS = 6
ROOT_PI = np.sqrt(np.pi)


def pair_closeup(
    source: xr.DataTree | xr.Dataset | Scene, pair: int | None = None, start: float | None = None
) -> Figure:
    """Eigenvalues of one pair against the one-pair semicircle, predicted and fitted, with residuals.

    Parameters
    ----------
    source : DataTree, Dataset or Scene
        From `compare.align` or `compare.load`; or a single run.
    pair : int, optional
        Number of the pair; by default the most central one.
    start : float, optional
        First time of the stationary window, units "1".

    Returns
    -------
    matplotlib.figure.Figure
        Its caption is its label.

    Raises
    ------
    TypeError, ValueError
        As `scene`; ValueError if there is no such pair.
    """
    view = scene(source, start)
    pair = view.central_pair if pair is None else pair
    pairs = view.group.pair_upper.size
    if pair is None or not 0 <= pair < pairs:
        raise ValueError(f"pair must be one of the run's {pairs} pairs (levels of two modes), got {pair}")
    level = int(view.group.pair_level[pair])
    modes = view.group.slices[level]
    values = view.experiment.samples[..., modes]
    edges = closeup_edges(view, level)
    seen = histogram(values, edges)
    laws = predicted_semicircles(view, level)
    fit = fitted_semicircle(values)
    figure = style.new_figure(4.2)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1.2))
    draw_measured(upper, seen, view.experiment.name)
    x = np.linspace(edges[0], edges[-1], 400)
    for name, side in view.theory.items():
        if side.sampled:
            line = histogram(side.samples[..., modes], edges).density
            upper.stairs(
                line, edges, color=view.look(name).color, linewidth=1.0, label=style.plain(name), zorder=4
            )
    for name, law in laws.items():
        color, line = view.look(name).color, view.look(name).line
        upper.plot(
            x, law.pdf(x), color=color, linestyle=line, label=f"semicircle, {style.plain(name)}", zorder=3
        )
        residuals[name] = (law, color, view.look(name).marker)
    if fit is not None:
        upper.plot(x, fit.law.pdf(x), color=style.INK, linestyle=":", label="semicircle, fitted", zorder=5)
        residuals["fitted"] = (fit.law, style.INK, "o")
    upper.axvline(float(view.target[modes].mean()), color=style.INK, linewidth=0.7, linestyle=(0, (1, 1.6)))
    style.dress(upper, "", r"density $\rho(x)$ of the pair")
    upper.set_ylim(0)
    style.dress(lower, view.eigenvalue, "residual / error")
    lower.axhline(0, color=style.MUTED, linewidth=0.8)
    lower.set_xlim(edges[0], edges[-1])
    figure.align_ylabels()
    style.legend(figure, upper, columns=3)
    return style.captioned(figure, closeup_caption(view, pair, laws, fit, seen))


def closeup_edges(view: Scene, level: int) -> np.ndarray:
    """Bins of ± 4 σ about the measured centre, wide enough that most hold tens of values."""
    experiment = view.experiment
    modes = view.group.slices[level]
    centre, sigma = centre_of(experiment, modes), float(experiment.statistics["width"].values[level])
    sigma = sigma if sigma > 0 else 1e-6 * max(abs(centre), 1.0)
    bars = int(np.clip(np.sqrt(experiment.samples[..., modes].size) * 1.5, 8, BARS))
    return np.linspace(centre - REACH * sigma, centre + REACH * sigma, bars + 1)


def predicted_semicircles(view: Scene, level: int) -> dict[str, OnePairSemicircle]:
    """The closed form with centre and width of each closed-form level of theory."""
    laws = {}
    for name, side in view.theory.items():
        width = side.value("width")
        if not side.sampled and width is not None and width[0][level] > 0:
            laws[name] = OnePairSemicircle(centre_of(side, view.group.slices[level]), float(width[0][level]))
    return laws


def fitted_semicircle(values: np.ndarray) -> Fit | None:
    """Maximum likelihood, a replica a row; None where the sample does not allow it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return OnePairSemicircle.fit(values.reshape(len(values), -1))
    except (ValueError, np.linalg.LinAlgError):
        return None


def draw_measured(axes: Axes, seen: Histogram, name: str) -> None:
    """A filled histogram with error bars."""
    axes.stairs(seen.density, seen.edges, fill=True, color=style.MEASURED, label=name, zorder=2)
    if np.isfinite(seen.se).any():
        axes.errorbar(
            seen.centers, seen.density, seen.se, fmt="none", ecolor=style.BAND, elinewidth=0.9, zorder=2.5
        )


def closeup_caption(
    view: Scene, pair: int, laws: dict[str, OnePairSemicircle], fit: Fit | None, seen: Histogram
) -> str:
    """What one sees, with the numbers of the laws."""
    level = int(view.group.pair_level[pair])
    target = float(view.target[view.group.slices[level]].mean())
    text = f"Close-up of pair {pair} (target {target:.4g}, dotted rule): density of its two eigenvalues. "
    for name, law in laws.items():
        text += f"Semicircle of level {name}: centre {law.center:.4g}, σ = {law.sigma:.4g}. "
    if fit is not None:
        text += f"Fitted semicircle: centre {fit.law.center:.4g}, σ = {fit.law.sigma:.4g}. "
    if np.isfinite(seen.se).any():
        text += (
            "Bars: standard error between replicas. Below: measured minus semicircle in units of that error."
        )
    else:
        text += "A single replica gives no error, so there are no residuals."
    return text


def spacing(source: xr.DataTree | xr.Dataset | Scene, start: float | None = None) -> Figure:
    """Spacings of all pairs, each over its own mean, against the Wigner surmise.

    Parameters
    ----------
    source : DataTree, Dataset or Scene
    start : float, optional
        First time of the stationary window, units "1".

    Returns
    -------
    matplotlib.figure.Figure
        Pooled over pairs with residuals; below, up to six pairs of their own. Its caption is its label.

    Raises
    ------
    TypeError, ValueError
        As `scene`; ValueError if there is no pair.
    """
    view = scene(source, start)
    pairs = view.learnt_pairs
    if pairs.size == 0:
        raise ValueError(
            "there is no pair (a level of two modes) in this run, so there are no spacings to draw"
        )
    own = shown_pairs(pairs)
    columns = 2 if len(own) in (2, 4) else 3
    rows = -(-len(own) // columns)
    figure = style.new_figure(3.9 + 1.55 * rows)
    grid = figure.add_gridspec(2 + rows, 1, height_ratios=[3.0, 1.2] + [1.9] * rows)
    upper = figure.add_subplot(grid[0])
    lower = figure.add_subplot(grid[1], sharex=upper)
    seen = draw_spacing(upper, view, pairs, SPACING_BARS)
    upper.tick_params(labelbottom=False)
    draw_residual(lower, seen, WignerSurmise(1.0), style.INK, "o", "residual")
    style.dress(upper, "", r"density $P(s)$")
    style.dress(lower, r"spacing $s = S/\langle S\rangle$", "residual / error")
    lower.axhline(0, color=style.MUTED, linewidth=0.8)
    lower.set_xlim(0, FARTHEST_SPACING)
    figure.align_ylabels([upper, lower])
    style.legend(figure, upper)
    for row in range(rows):
        cells = grid[2 + row].subgridspec(1, columns)
        for column, pair in enumerate(own[columns * row : columns * (row + 1)]):
            axes = figure.add_subplot(cells[column])
            draw_spacing(axes, view, np.array([pair]), SPACING_BARS // 2)
            title = f"pair {pair}: target {view.target[view.group.pair_upper[pair]]:.4g}"
            style.dress(axes, "$s$", "$P(s)$" if column == 0 else "", title)
            axes.set_xlim(0, FARTHEST_SPACING)
    return style.captioned(figure, spacing_caption(view, pairs, own))


def shown_pairs(pairs: np.ndarray) -> list[int]:
    """Up to six pairs, spread evenly; none where the pooled panel already is the only one."""
    if pairs.size < 2:
        return []
    return [
        int(p) for p in pairs[np.unique(np.linspace(0, pairs.size - 1, SMALL_PANELS).round().astype(int))]
    ]


def draw_spacing(axes: Axes, view: Scene, pairs: np.ndarray, bars: int) -> Histogram:
    """Histogram of the experiment's scaled spacings, sampled theories as lines, the surmise."""
    edges = np.linspace(0, FARTHEST_SPACING, bars + 1)
    seen = histogram(scaled_spacings(view.experiment, view, pairs), edges)
    draw_measured(axes, seen, view.experiment.name)
    for name, side in view.theory.items():
        if side.sampled:
            density = histogram(scaled_spacings(side, view, pairs), edges).density
            axes.stairs(density, edges, color=view.look(name).color, label=style.plain(name), zorder=4)
    s = np.linspace(0, FARTHEST_SPACING, 200)
    axes.plot(s, WignerSurmise(1.0).pdf(s), color=style.INK, linewidth=1.2, label="Wigner surmise", zorder=5)
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
    text = f"Level spacing S of {count(pairs.size, 'pair')}" + (
        ", each over its own mean" if pairs.size > 1 else ""
    )
    text += ", against the Wigner surmise P(s) = (π s/2) exp(−π s²/4)"
    text += "; lines: sampled levels of theory. " if any(s.sampled for s in view.theory.values()) else ". "
    if view.experiment.samples.shape[0] > 1:
        text += "Bars: standard error between replicas; residuals are to the surmise, in units of it. "
    if own:
        text += "Below: " + (
            "every pair by itself." if len(own) == pairs.size else f"{len(own)} of them by themselves."
        )
    return text.strip()
