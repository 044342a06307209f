"""Which learning rate to take at another batch size, from widths measured over a grid of both.

The law of each multiplet, with T = α/|B|, fitted to its widths σ over the grid:

    σ² = c T/(1 − a α − d T).

Where no such law describes all cells (p < 0.001), it is fitted to the quietest ones, as many as it does, a
third of them at least. It is exact for linear SGD of one mode with rate k: a = k/2, and d > 0 where
mini-batches bring multiplicative noise (docs/theory.md). Multiplets that come close as T grows have a d of
either sign. With a = 0 widths depend on T alone, which is the linear scaling rule; with d = 0, too, they are
proportional to √T.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import xarray as xr
from scipy.optimize import brentq
from scipy.stats import norm

from compare.studies.advice.fit import Grid, best_fit, read_grid, reference_cell
from compare.studies.advice.result import Advice, Advised, Cell, Fit, Limit
from compare.verdict.row import AGREES, CANNOT_TELL, DIFFERS, judge
from streams.arguments import count, positive

__all__ = ["Advice", "Advised", "Cell", "Fit", "Limit", "advise"]

HOLDS, FAILS = "holds", "fails"
WORDS = {AGREES: HOLDS, DIFFERS: FAILS, CANNOT_TELL: CANNOT_TELL}


def advise(
    plane: xr.Dataset,
    batch_size: int,
    *,
    reference: tuple[float, int] | None = None,
    noise_floor: float | None = None,
    margin: float = 0.05,
    confidence: float = 0.95,
) -> Advice:
    r"""Learning rates for a new batch size, and where the linear rule holds, from a measured grid.

    The law at the head of this module is fitted to ln(σ²/T) by weighted least squares, one multiplet after
    another; the term d T is taken if χ² asks for it. A cell where replicas diverged, or with fewer than 4, is
    not fitted. Errors follow from those of the widths to first order, multiplets taken as independent, and
    are widened by √(χ²/dof) where that is above 1. Errors from few replicas are enlarged first, as
    the variance ν/(ν − 2) of Student's t with ν = min(replicas, 50) − 1.

    A cell's deviation is that of its measured widths from √(c T), as the geometric mean over the learnt
    multiplets (targets above 1e-6 of the largest): the rule ``holds`` where the interval of the deviation
    lies within the margin, ``fails`` where it lies beyond, or replicas diverged; else one ``cannot tell``.

    Parameters
    ----------
    plane : Dataset
        Dims learning_rate, batch_size (both ascending) and multiplet: ``width``, ``width_se``,
        ``multiplet_target`` (multiplet), ``replicas`` (used) and ``diverged_replicas`` (learning_rate,
        batch_size); ``rate`` (multiplet), k per unit time t = α n at the fixed point, NaN or missing where it
        is not known. Units "1". A cell that was not run is NaN, with 0 replicas.
    batch_size : int
        The new one.
    reference : (float, int), optional
        Measured (α, \|B\|) whose fluctuations are to be kept; by default nearest to the geometric middle.
    noise_floor : float, optional
        Wanted σ/x̄ > 0 of the multiplet where it is largest, x̄ the target.
    margin : float
        Relative deviation of a width that the linear rule may have, between 0 and 1.
    confidence : float
        Of each cell's interval, between 0 and 1.

    Raises
    ------
    TypeError
        If an argument is of another kind.
    ValueError
        If an argument is out of range or the plane not as described; with fewer than two learning rates
        measured; or if the law does not fit (p < 0.001), with what to do.
    """
    batch_size = count("batch_size", batch_size)
    margin, confidence = positive("margin", margin, below=1.0), positive("confidence", confidence, below=1.0)
    floor = None if noise_floor is None else positive("noise_floor", noise_floor)
    grid = read_grid(plane)
    grid, fit = best_fit(grid)
    start = reference_cell(grid, reference)
    keep, change = _keep(fit, grid, start, batch_size)
    linear, linear_change, linear_se = start[0] * batch_size / start[1], math.nan, math.nan
    if (fit.gap(linear, batch_size) > 0).all():
        linear_change = math.expm1(float(fit.log_width(linear, batch_size) - fit.log_width(*start)))
        step = (fit.gradient(linear, batch_size) - fit.gradient(*start)) / (2 * fit.target.size)
        linear_se = (1 + linear_change) * fit.error(step)
    below, multiplet = (None, math.nan) if floor is None else _below(fit, grid, batch_size, floor)
    cells = _cells(fit, grid, margin, float(norm.isf((1 - confidence) / 2)))
    sizes = np.unique(grid.batch)
    return Advice(
        name=str(plane.attrs.get("name", "plane")), model=str(plane.attrs.get("model", "model not named")),
        batch_size=batch_size, reference=start, margin=margin, confidence=confidence, keep=keep,
        multiplet_change=change, linear=linear, linear_change=linear_change, linear_change_se=linear_se,
        noise_floor=floor, floor=below, floor_multiplet=multiplet, cells=cells,
        limits=tuple(_limit(fit, grid, cells, int(b), margin) for b in sizes), fit=fit,
    )  # fmt: skip


def _crossing(f: Callable, low: float, high: float) -> float:
    """The first α, from low/1e3 to 1e3 high, at which f turns positive; NaN if it does not."""
    alpha = np.geomspace(1e-3 * low, 1e3 * high, 4000)
    first = int((f(alpha) > 0).argmax())
    if first == 0:
        return math.nan
    return float(brentq(f, alpha[first - 1], alpha[first], xtol=1e-14 * alpha[first], rtol=1e-13))


def _keep(fit: Fit, grid: Grid, start: tuple[float, int], batch: int) -> tuple[Advised, tuple[float, float]]:
    """The α that keeps the mean of ln σ, and how single multiplets change."""
    wanted = fit.log_width(*start)
    linear = start[0] * batch / start[1]
    span = min(linear, grid.alpha.min()), max(linear, grid.alpha.max())
    alpha = _crossing(lambda a: fit.log_width(a, batch) - wanted, *span)
    if math.isnan(alpha):
        return Advised(alpha, math.nan, math.nan, ""), (math.nan, math.nan)
    difference = (fit.gradient(alpha, batch) - fit.gradient(*start)) / fit.target.size
    se = fit.error(difference) / abs(float(1 / alpha + fit.slope(alpha, batch).mean()))
    ratio = alpha * start[1] / (start[0] * batch) * fit.gap(start[0], start[1]) / fit.gap(alpha, batch)
    change = np.sqrt(ratio) - 1
    outside = grid.outside(alpha, batch)
    return Advised(alpha, se, alpha * fit.k_max, outside), (float(change.min()), float(change.max()))


def _below(fit: Fit, grid: Grid, batch: int, floor: float) -> tuple[Advised, float]:
    """The α at which the first multiplet has σ/x̄ = floor: 1/α = c/(|B| σ²) + a + d/|B|; and its target."""
    wanted = (floor * fit.target) ** 2
    inverse = np.exp(fit.theta[:, 0]) / (batch * wanted) + fit.theta[:, 1] + fit.theta[:, 2] / batch
    multiplet = int(np.argmax(inverse))
    if inverse[multiplet] <= 0:
        return Advised(math.nan, math.nan, math.nan, ""), math.nan
    alpha = float(1 / inverse[multiplet])
    own = fit.gradient(alpha, batch) * (np.arange(fit.target.size) == multiplet)[:, None]
    se = fit.error(own) / float(1 / alpha + fit.slope(alpha, batch)[multiplet])
    return Advised(alpha, se, alpha * fit.k_max, grid.outside(alpha, batch)), float(fit.target[multiplet])


def _cells(fit: Fit, grid: Grid, margin: float, quantile: float) -> tuple[Cell, ...]:
    """Every cell that was run, with its measured deviation from √(c T)."""
    found = []
    for i, (alpha, batch) in enumerate(zip(grid.alpha, grid.batch, strict=True)):
        n, lost = int(grid.replicas[i]), int(grid.diverged[i])
        deviation, se, verdict, note = math.nan, math.nan, CANNOT_TELL, "no widths with errors"
        if grid.used[i]:
            # The cell has a part in the fitted ln c: the covariance of both is that of θ times its gradient.
            shared = np.einsum("lj,lj->l", fit.covariance[:, 0], fit.gradient(alpha, batch))
            variance = (grid.error[i] * fit.scatter) ** 2 + fit.covariance[:, 0, 0]
            variance -= 2 * shared if grid.inside[i] else 0.0
            factor = math.exp((grid.y[i] - fit.theta[:, 0]).mean() / 2)
            deviation, note = factor - 1, ""
            se = factor * math.sqrt(max(float(variance.sum()), 0.0)) / (2 * fit.target.size)
            verdict = WORDS[judge(deviation, se, margin, quantile)]
        elif lost:
            verdict, note = FAILS, f"{lost} of {n + lost} replicas diverged"
        found.append(Cell(float(alpha), int(batch), n, lost, deviation, se, verdict, note))
    return tuple(found)


def _limit(fit: Fit, grid: Grid, cells: tuple[Cell, ...], batch: int, margin: float) -> Limit:
    """Measured and fitted ends of the rule at one batch size."""
    own = [c for c in cells if c.batch_size == batch]
    fails = min((c.learning_rate for c in own if c.verdict == FAILS), default=math.inf)
    holds = max(
        (c.learning_rate for c in own if c.verdict == HOLDS and c.learning_rate < fails), default=math.nan
    )

    def beyond(alpha):
        limit = (fit.theta[:, 0].mean() + np.log(alpha / batch)) / 2
        return np.abs(np.expm1(fit.log_width(alpha, batch) - limit)) - margin

    alpha, se, outside = _crossing(beyond, grid.alpha.min(), grid.alpha.max()), math.nan, ""
    if not math.isnan(alpha):
        steps = fit.gradient(alpha, batch) * [0, 1, 1] / fit.target.size
        with np.errstate(divide="ignore"):
            se = fit.error(steps) / abs(float(fit.slope(alpha, batch).mean()))
        outside = grid.outside(alpha, batch)
    u = fit.theta[:, 1] + fit.theta[:, 2] / batch
    size = np.where(u > 0, 1 - (1 + margin) ** -2, (1 - margin) ** -2 - 1)  # of u α at the margin
    multiplet = int(np.argmax(np.abs(u) / size))
    variance = fit.covariance[multiplet, 1:, 1:] @ [1, 1 / batch] @ [1, 1 / batch]
    first = float(size[multiplet] / abs(u[multiplet])) if u[multiplet] else math.nan
    return Limit(
        batch, holds, fails if math.isfinite(fails) else math.nan, alpha, se, first,
        first**2 / float(size[multiplet]) * math.sqrt(variance), float(fit.target[multiplet]), outside,
    )  # fmt: skip
