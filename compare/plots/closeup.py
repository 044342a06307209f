"""Close-up of one degenerate pair: the one-pair semicircle."""

from __future__ import annotations

import warnings

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from compare.plots import style
from compare.plots.histogram import Histogram, centre_of, draw_measured, histogram
from compare.plots.scene import Scene, scene
from dyson.laws import Fit, OnePairSemicircle

REACH = 4.0
"""Half-width of the close-up in units of σ: 1e-3 of the semicircle lies outside ±3.4 σ."""

BARS = 40
PAIR_STD = np.sqrt(1.5)
"""Standard deviation of the one-pair semicircle over its σ."""


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
        Its caption is its label. Without errors (a single replica) there are no residuals.

    Raises
    ------
    TypeError, ValueError
        As `scene`; ValueError if there is no such pair.
    """
    view = scene(source, start)
    pair = view.central_pair if pair is None else pair
    pairs = view.group.pair_upper.size
    if pair is None or not 0 <= pair < pairs:
        raise ValueError(f"pair must be one of the run's {pairs} pairs (multiplets of two modes), got {pair}")
    multiplet = int(view.group.pair_multiplet[pair])
    values = view.experiment.samples[..., view.group.slices[multiplet]]
    seen = histogram(values, closeup_edges(values))
    laws, fit = predicted_semicircles(view, multiplet), fitted_semicircle(values)
    figure, upper, lower = style.with_residuals(seen.has_errors)
    draw_closeup(upper, view, multiplet, seen, laws, fit)
    if lower is not None:
        for name, law in laws.items():
            look = view.look(name)
            style.marks(lower, seen.centers, seen.residual(law), look.color, look.marker)
        if fit is not None:
            style.marks(lower, seen.centers, seen.residual(fit.law), style.INK, "o", hollow=True)
    (lower or upper).set_xlabel(view.eigenvalue, fontproperties=style.font(), color=style.INK)
    style.legend(figure, upper, columns=3)
    return style.captioned(figure, closeup_caption(view, pair, laws, fit, seen))


def draw_closeup(
    axes: Axes,
    view: Scene,
    multiplet: int,
    seen: Histogram,
    laws: dict[str, OnePairSemicircle],
    fit: Fit | None,
) -> None:
    """Experiment, sampled levels of theory, and the closed forms."""
    draw_measured(axes, seen, view.experiment.name)
    modes, edges = view.group.slices[multiplet], seen.edges
    x = np.linspace(edges[0], edges[-1], 400)
    for name, side in view.theory.items():
        if side.sampled:
            line = histogram(side.samples[..., modes], edges).density
            color = view.look(name).color
            axes.stairs(line, edges, color=color, linewidth=1.0, label=style.plain(name), zorder=4)
    for name, law in laws.items():
        look, label = view.look(name), f"semicircle, {style.plain(name)}"
        axes.plot(x, law.pdf(x), color=look.color, linestyle=look.line, label=label, zorder=4.2)
    if fit is not None:
        axes.plot(x, fit.law.pdf(x), color=style.INK, linestyle=":", label="semicircle, fitted", zorder=5)
    axes.axvline(float(view.target[modes].mean()), color=style.INK, linewidth=0.7, linestyle=style.DOTS)
    style.dress(axes, "", r"density $\rho(x)$ of the pair")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0)


def closeup_edges(values: np.ndarray) -> np.ndarray:
    """Bins of ± 4 σ about the measured centre, wide enough that most hold tens of values."""
    centre, sigma = float(values.mean()), float(values.std()) / PAIR_STD
    # The narrowest window whose bins are still different numbers.
    sigma = max(sigma, 1e-9 * max(abs(centre), 1.0))
    bars = int(np.clip(np.sqrt(values.size) * 1.5, 8, BARS))
    return np.linspace(centre - REACH * sigma, centre + REACH * sigma, bars + 1)


def predicted_semicircles(view: Scene, multiplet: int) -> dict[str, OnePairSemicircle]:
    """The closed form with centre and width of each closed-form level of theory."""
    laws = {}
    for name, side in view.theory.items():
        width = side.value("width")
        if not side.sampled and width is not None and width[0][multiplet] > 0:
            laws[name] = OnePairSemicircle(
                centre_of(side, view.group.slices[multiplet]), float(width[0][multiplet])
            )
    return laws


def fitted_semicircle(values: np.ndarray) -> Fit | None:
    """Maximum likelihood, a replica a row; None where the sample does not allow it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return OnePairSemicircle.fit(values.reshape(len(values), -1))
    except (ValueError, np.linalg.LinAlgError):
        return None


def closeup_caption(
    view: Scene, pair: int, laws: dict[str, OnePairSemicircle], fit: Fit | None, seen: Histogram
) -> str:
    """What one sees, with the numbers of the laws."""
    multiplet = int(view.group.pair_multiplet[pair])
    target = float(view.target[view.group.slices[multiplet]].mean())
    text = f"Close-up of pair {pair} (target {target:.4g}, dotted rule): density of its two eigenvalues. "
    for name, law in laws.items():
        text += f"Semicircle of level {name}: centre {law.center:.4g}, σ = {law.sigma:.4g}. "
    if fit is not None:
        text += f"Fitted semicircle: centre {fit.law.center:.4g}, σ = {fit.law.sigma:.4g}. "
    if not seen.has_errors:
        return text + "A single replica gives no error, so there are no residuals."
    text += "Bars: standard error between replicas."
    return text + (" Below: measured minus semicircle in units of that error." if laws or fit else "")
