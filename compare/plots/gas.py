"""A Coulomb gas: its sampled density and its equilibrium measure."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from compare.plots import style
from compare.plots.histogram import histogram, pooled_edges


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
    wanted = (float(support[0][0]), float(support[-1][1]))
    seen = histogram(samples[:, None, :], pooled_edges(samples, (wanted[1] - wanted[0]) / 12, wanted))
    style.measured(axes, seen, "samples")
    look = style.LOOKS["matrix"]
    for k, (low, high) in enumerate(support):
        middle, half = (low + high) / 2, (high - low) / 2
        x = middle + half * np.sin(np.linspace(-1, 1, 401)[1:-1] * np.pi / 2)
        label = r"$n \to \infty$" if k == 0 else None
        axes.plot(x, measure.density(x), color=look.color, linewidth=1.3, label=label, zorder=4)
    axes.set_ylim(0, 1.15 * float(seen.density.max()))
    style.dress(axes, r"eigenvalue $x$ (units 1)", "density")
    style.legend(figure, axes)
    caption = (
        f"Density of {samples.shape[1]} particles over {len(samples)} samples (grey, errors over samples) "
        "and the equilibrium measure of the potential (line)."
    )
    return style.captioned(figure, caption)
