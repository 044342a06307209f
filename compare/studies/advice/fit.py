"""The measured grid of an advice, checked, and the law σ² = c T/(1 − a α − d T) fitted to it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from scipy.stats import chi2 as chi_squared

from compare.layout.versions import translated
from compare.measure.jackknife import BLOCKS
from compare.measure.printing import with_error
from compare.studies.advice.result import Fit
from compare.studies.scaling.fit import fit_exponent, groups
from streams.arguments import count, positive, shown

__all__ = ["REFUSED", "Grid", "best_fit", "read_grid", "reference_cell", "refusal"]

NEEDED = ("width", "width_se", "multiplet_target", "replicas", "diverged_replicas")
DIMS = ("learning_rate", "batch_size", "multiplet")
REFUSED = 1e-3
"""Probability of the fit's χ² below which nothing is advised."""

ACCEPTED, LEAST_SHARE = 0.01, 1 / 3
"""Of a fit to the quietest cells: probability of its χ², and the share of all cells that they must be."""

FURTHER = 0.01
"""The term d T is taken where χ² would fall so much with at most this probability if there were none."""

FEWEST = 4
"""Replicas of a cell below which the error of its widths says nothing."""


@dataclass(frozen=True)
class Grid:
    """Cells that were run, α ascending, then |B|: y = ln(σ²/T) and its error.

    ``used``: cells with widths that mean something; ``inside``: those of them that the law is fitted to.
    """

    alpha: np.ndarray
    batch: np.ndarray
    y: np.ndarray
    error: np.ndarray
    replicas: np.ndarray
    diverged: np.ndarray
    used: np.ndarray
    inside: np.ndarray
    target: np.ndarray
    rate: np.ndarray

    def outside(self, alpha: float, batch: float) -> str:
        """What of this point lies outside the fitted cells; empty: it lies in their convex hull (in logs)."""
        found = []
        for name, value, values in (("α", alpha, self.alpha), ("|B|", batch, self.batch)):
            low, high = values[self.inside].min(), values[self.inside].max()
            if not low * (1 - 1e-9) <= value <= high * (1 + 1e-9):
                found.append(f"{name} = {value:.4g} is outside the measured {low:.4g} to {high:.4g}")
        away = np.log(np.stack([self.alpha / alpha, self.batch / batch])[:, self.inside])
        if found or (np.abs(away).max(axis=0) < 1e-9).any():
            return "; ".join(found)
        # From inside a hull no half-plane is free of points; on its edge one is, just.
        angle = np.sort(np.arctan2(away[1], away[0]))
        free = np.diff(np.append(angle, angle[0] + 2 * np.pi)).max()
        return "" if free <= np.pi + 1e-6 else "among cells that were not measured"


def read_grid(plane: xr.Dataset) -> Grid:
    """What is measured, checked."""
    if not isinstance(plane, xr.Dataset):
        raise TypeError(
            f"plane must be a Dataset over learning_rate and batch_size, got {type(plane).__name__}"
        )
    plane = translated(plane)
    for name in (*DIMS[:2], *NEEDED):
        if name not in plane.variables:
            why = "; without errors nothing can be advised" if name == "width_se" else ""
            raise ValueError(f"plane has no {name}: it must have {', '.join(DIMS[:2] + NEEDED)}{why}")
    for name, dims in zip(NEEDED, (DIMS, DIMS, DIMS[2:], DIMS[:2], DIMS[:2]), strict=True):
        if set(plane[name].dims) != set(dims):
            raise ValueError(f"{name} must have dims {dims}, got {plane[name].dims}")
    axes = [np.asarray(plane[name].values, dtype=float) for name in DIMS[:2]]
    for name, values in zip(DIMS, axes, strict=False):
        if not (values.size and np.isfinite(values).all() and values[0] > 0 and (np.diff(values) > 0).all()):
            raise ValueError(f"{name} must be positive and ascending, got {shown(values.tolist())}")
    alpha, batch = (a.ravel() for a in np.meshgrid(*axes, indexing="ij"))
    width, se = (plane[n].transpose(*DIMS).values.reshape(alpha.size, -1).astype(float) for n in NEEDED[:2])
    counts = (plane[n].transpose(*DIMS[:2]).values.ravel() for n in NEEDED[3:])
    replicas, diverged = (np.nan_to_num(n).astype(np.int64) for n in counts)
    target = np.asarray(plane["multiplet_target"].values, dtype=float)
    if not (np.isfinite(target).all() and (target >= 0).all() and target.any()):
        raise ValueError(f"multiplet_target must be finite, >= 0 and not all 0, got {shown(target.tolist())}")
    known = np.full(target.size, np.nan)
    if "rate" in plane:
        if plane["rate"].dims != DIMS[2:]:
            raise ValueError(f"rate must have dims {DIMS[2:]}, got {plane['rate'].dims}")
        known = plane["rate"].values.astype(float)
    positive_widths = np.isfinite(width) & (width > 0)
    if not positive_widths.any():
        raise ValueError("plane has no measured width: every cell is NaN or zero")
    good = positive_widths & np.isfinite(se) & (se > 0) & (replicas >= FEWEST)[:, None]
    learnt = good.any(axis=0) & (target > 1e-6 * target.max())
    if not learnt.any():
        raise ValueError(
            f"plane has no learnt multiplet with an error width_se > 0 from >= {FEWEST} replicas"
        )
    freedom = np.minimum(np.maximum(replicas, FEWEST), BLOCKS) - 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        y = 2 * np.log(width) - np.log(alpha / batch)[:, None]
        error = 2 * se / width * np.sqrt(freedom / (freedom - 2))[:, None]
    used = good[:, learnt].all(axis=1) & (diverged == 0)
    run = (replicas + diverged > 0) | used
    cells = [a[run] for a in (alpha, batch, y[:, learnt], error[:, learnt], replicas, diverged, used, used)]
    return Grid(*[*cells, target[learnt], known[learnt]])


def reference_cell(grid: Grid, reference: tuple[float, int] | None) -> tuple[float, int]:
    """A fitted cell: the one that was named, or the one in the middle."""
    alpha, batch = grid.alpha[grid.inside], grid.batch[grid.inside]
    if reference is None:
        logs = np.log(np.stack([alpha, batch]))
        low, high = logs.min(axis=1, keepdims=True), logs.max(axis=1, keepdims=True)
        away = np.hypot(*((logs - (low + high) / 2) / np.maximum(high - low, 1e-9)))
        nearest = int(np.argmin(away.round(9)))  # of equally near ones the first, whatever the rounding
        return float(alpha[nearest]), int(batch[nearest])
    if not isinstance(reference, tuple | list) or len(reference) != 2:
        raise TypeError(f"reference must be (learning rate, batch size), got {shown(reference)}")
    named = (
        positive("learning rate of reference", reference[0]),
        count("batch size of reference", reference[1]),
    )
    found = np.isclose(alpha, named[0], rtol=1e-6, atol=0) & (batch == named[1])
    if not found.any():
        points = ", ".join(f"({a:g}, {b:g})" for a, b in zip(alpha[:6], batch[:6], strict=True))
        raise ValueError(f"reference {named} is no cell that the law is fitted to; there are {points}, ...")
    return float(alpha[found][0]), named[1]


def fitted(grid: Grid) -> Fit:
    """The law of the cells inside, with the terms that χ² asks for."""
    alpha, batch, multiplets = grid.alpha[grid.inside], grid.batch[grid.inside], grid.target.size
    if not alpha.size:
        raise ValueError(
            "no cell has widths with errors and no diverged replica: measure smaller learning rates"
        )
    if np.unique(alpha).size < 2 or alpha.size < 3:
        raise ValueError(
            "the plane must have 3 usable cells or more at 2 learning rates or more, "
            f"got {alpha.size} at {np.unique(alpha).size}: measure more of the grid"
        )
    x = np.stack([alpha, alpha / batch], axis=1)
    y, error = grid.y[grid.inside], grid.error[grid.inside]
    found = [_least_squares(y[:, k], error[:, k], x[:, :1]) for k in range(multiplets)]
    theta, covariance, chi2 = (np.array(part) for part in zip(*found, strict=True))
    terms = 1
    scaled = np.column_stack([np.ones(alpha.size), x / x.max(axis=0)])
    if alpha.size > 3 and np.linalg.matrix_rank(scaled, tol=1e-6) == 3:
        more = [_least_squares(y[:, k], error[:, k], x) for k in range(multiplets)]
        better = sum(part[2] for part in more)
        if chi_squared.sf(chi2.sum() - better, multiplets) < FURTHER:
            terms, (theta, covariance, chi2) = 2, (np.array(part) for part in zip(*more, strict=True))
    total, dof = float(chi2.sum()), (alpha.size - 1 - terms) * multiplets
    scatter = max(1.0, math.sqrt(total / dof))
    covariance = covariance * scatter**2
    known = np.isfinite(grid.rate)
    z2 = (theta[:, 1] - grid.rate / 2)[known] ** 2 / covariance[known, 1, 1]
    rate_p = float(chi_squared.sf(z2.sum(), known.sum())) if known.any() else math.nan
    return Fit(
        grid.target, theta, covariance, grid.rate, rate_p, ("c, a", "c, a, d")[terms - 1], total, dof,
        float(chi_squared.sf(total, dof)), scatter, alpha.size, int(grid.replicas[grid.inside].sum()),
    )  # fmt: skip


def best_fit(grid: Grid) -> tuple[Grid, Fit]:
    """The law of all cells or, where it does not fit, of the quietest ones: as many as it fits.

    Raises
    ------
    ValueError
        If it fits no third of them.
    """
    fit = fitted(grid)
    if fit.p >= REFUSED:
        return grid, fit
    noise = grid.alpha / grid.batch
    for top in np.unique(noise[grid.used])[:-1][::-1]:
        part = replace(grid, inside=grid.used & (noise <= top * (1 + 1e-9)))
        if (
            part.inside.sum() < max(4, LEAST_SHARE * grid.used.sum())
            or np.unique(part.alpha[part.inside]).size < 2
        ):
            break
        found = fitted(part)
        if found.p >= ACCEPTED:
            return part, replace(found, most_noise=float(top))
    raise ValueError(refusal(grid, fit))


def _least_squares(y: np.ndarray, error: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """y = θ_0 − ln(1 − x·θ_1..) by damped Gauss–Newton: θ and covariance, filled up with zeros, and χ²."""
    scale = x.max(axis=0)
    z, n = x / scale, 1 + x.shape[1]

    def residual(theta):
        gap = 1 - z @ theta[1:]
        return (y - theta[0] + np.log(gap)) / error if (gap > 0).all() else np.full(y.size, np.inf)

    theta = np.zeros(n)
    theta[0] = np.average(y, weights=error**-2)
    for _ in range(200):
        jacobian = np.column_stack([np.ones(y.size), z / (1 - z @ theta[1:])[:, None]]) / error[:, None]
        now = residual(theta)
        step = np.linalg.lstsq(jacobian, now, rcond=None)[0]
        gain = float(np.sum((jacobian @ step) ** 2))
        if gain < 1e-12 * (1 + now @ now):
            break
        size = 1.0
        while np.sum(residual(theta + size * step) ** 2) > now @ now and size > 1e-9:
            size /= 2
        theta = theta + size * step
    units = np.append(1.0, 1 / scale)
    whole, covariance = np.zeros(3), np.zeros((3, 3))
    whole[:n] = theta * units
    covariance[:n, :n] = np.linalg.pinv(jacobian.T @ jacobian) * np.outer(units, units)
    return whole, covariance, float(now @ now)


def refusal(grid: Grid, fit: Fit) -> str:
    """Why nothing is advised, and what to do."""
    start = (
        f"the law σ² = c T/(1 − a α − d T) does not describe these widths: χ² = {fit.chi2:.1f} at {fit.dof} "
        f"degrees of freedom, p = {max(fit.p, 1e-300):.1g}; "
    )
    noise_level = (grid.alpha / grid.batch)[grid.used]
    growth = ""
    if len(groups(noise_level)) > 1:
        width = np.exp(grid.y[grid.used] / 2) * np.sqrt(noise_level)[:, None]
        power = fit_exponent(noise_level, width, grid.error[grid.used] / 2 * width)
        growth = f"; widths grow as T^{with_error(power.exponent, power.exponent_se)}, not 1/2"
    return (
        f"{start}nor those of the quietest third of the cells{growth}: measure smaller α/|B|, or check that "
        "widths are stationary"
    )
