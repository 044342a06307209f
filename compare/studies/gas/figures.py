"""A Coulomb gas: its density beside the equilibrium measure, in time, and at several sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from compare.plots import style
from compare.plots.histogram import draw_measured, histogram, pooled_edges

if TYPE_CHECKING:
    from compare.studies.gas.study import GasStudy


def gas_figure(samples: np.ndarray, measure) -> Figure:
    """Histogram of all particles with errors over samples, and the density for n → ∞.

    Parameters
    ----------
    samples : ndarray, shape (sample, particle)
    measure : Equilibrium
        From `dyson.equilibrium`, of the same potential.

    Returns
    -------
    matplotlib.figure.Figure
        Its caption is its label.
    """
    figure = style.new_figure(3.2)
    axes = figure.add_subplot()
    support = measure.support
    seen = _measured(axes, samples, (float(support[0][0]), float(support[-1][1])), "samples")
    for k, cut in enumerate(support):
        _curve(axes, cut, measure.density, r"$n \to \infty$" if k == 0 else None)
    axes.set_ylim(0, 1.15 * float(seen.density.max()))
    style.dress(axes, r"eigenvalue $x$ (units 1)", "density")
    style.legend(figure, axes)
    caption = (
        f"Density of {samples.shape[1]} particles over {len(samples)} samples (grey, errors over samples) "
        "and the equilibrium measure of the potential (line)."
    )
    return style.captioned(figure, caption)


def gas_in_time_figure(samples: np.ndarray, laws: Sequence, times: Sequence[float]) -> Figure:
    """Histograms of an ensemble at several times, each with the density of n → ∞ at that time.

    Parameters
    ----------
    samples : ndarray, shape (replica, time, particle)
    laws : sequence
        ``at`` of `dyson.density_in_time`.
    times : sequence of float
    """
    columns = 2
    rows = -(-len(times) // columns)
    figure = style.new_figure(0.4 + 1.9 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for k, (axes, law, t) in enumerate(zip(panels, laws, times, strict=False)):
        support = law.support
        seen = _measured(
            axes, samples[:, k], (float(support[0][0]), float(support[-1][1])), "" if k else "paths"
        )
        for j, cut in enumerate(support):
            _curve(axes, cut, law.density, r"$n \to \infty$" if k == j == 0 else None)
        axes.set_ylim(0, 1.3 * float(seen.density.max()))
        below = k + columns >= len(times)
        style.dress(axes, "eigenvalue $x$ (units 1)" if below else "", "" if k % columns else "density")
        axes.text(0.03, 0.93, f"t = {t:g}", transform=axes.transAxes, va="top", fontproperties=style.font())
    for axes in panels[len(times) :]:
        axes.set_visible(False)
    style.legend(figure, panels[0])
    caption = (
        f"Density of {samples.shape[2]} particles in time over {len(samples)} paths of the eigenvalue SDE "
        "(grey, errors over paths) and its limit for n → ∞ (line)."
    )
    return style.captioned(figure, caption)


def gas_sizes_figure(study: GasStudy) -> Figure:
    """Densities of drawn (grey) and of integrated spectra (points) at each size, and the law."""
    from compare.studies.gas.study import density_law

    sizes = list(study.sampled)
    rows = -(-len(sizes) // 2)
    figure = style.new_figure(0.4 + 1.9 * rows)
    panels = figure.subplots(rows, 2, squeeze=False).ravel()
    for k, (axes, n) in enumerate(zip(panels, sizes, strict=False)):
        radius = math.sqrt(2 * study.beta * n)
        drawn, settled = (spectra[n] / radius for spectra in (study.sampled, study.settled))
        seen = _measured(axes, drawn, (-1.0, 1.0), "" if k else "sampler")
        law = density_law(n, study.beta)
        if law is not None:
            share = np.diff(law(seen.edges * radius)) / np.diff(seen.edges)
            label = None if k else "law"
            axes.stairs(share, seen.edges, color=style.LOOKS["matrix"].color, label=label, zorder=4)
        other = histogram(settled[:, None, :], seen.edges)
        look = style.LOOKS["dyson"]
        label = None if k else "integrator"
        style.marks(axes, other.centers, other.density, look.color, look.marker, label, hollow=True, size=2.2)
        axes.set_ylim(0, 1.15 * float(seen.density.max()))
        below = k + 2 >= len(sizes)
        style.dress(axes, r"eigenvalue $x/\sqrt{2\beta n}$" if below else "", "" if k % 2 else "density")
        axes.text(0.03, 0.97, f"n = {n}", transform=axes.transAxes, va="top", fontproperties=style.font())
    for axes in panels[len(sizes) :]:
        axes.set_visible(False)
    style.legend(figure, panels[0])
    caption = (
        "Density of the Gaussian ensemble: drawn exactly (grey, errors over spectra), reached by the "
        "eigenvalue SDE (squares), and the law averaged over the bins (steps)."
    )
    return style.captioned(figure, caption)


def _measured(axes, samples: np.ndarray, wanted: tuple[float, float], name: str):
    """The histogram of samples (replica, particle), drawn."""
    seen = histogram(samples[:, None, :], pooled_edges(samples, (wanted[1] - wanted[0]) / 12, wanted))
    draw_measured(axes, seen, name)
    return seen


def _curve(axes, cut, density, label: str | None) -> None:
    """A density on one interval, with points dense at its ends."""
    middle, half = (cut[0] + cut[1]) / 2, (cut[1] - cut[0]) / 2
    x = middle + half * np.sin(np.linspace(-1, 1, 401)[1:-1] * np.pi / 2)
    color = style.LOOKS["matrix"].color
    axes.plot(x, density(x), color=color, linewidth=1.3, label=label, zorder=4)
