"""What a sweep is judged by: do equal α/|B| coincide, and with which power of α/|B| do widths grow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy import stats

from compare.measure.multiple import holm
from compare.quantities import FLUCTUATIONS

__all__ = ["ExponentFit", "collapse", "fit_exponent", "groups", "holm"]


@dataclass(frozen=True, slots=True)
class ExponentFit:
    """ln q = a_s + h ln T, or ln q = a_s + h ln T + c_s T: one exponent h, an amplitude per series s.

    ``exponent_se`` follows from the errors of q, widened by √(χ²/dof) where the points scatter more
    than those; ``jackknife_se`` leaves out one point of the grid at a time and knows no errors.
    """

    exponent: float
    exponent_se: float
    jackknife_se: float
    amplitude: np.ndarray
    slope: np.ndarray
    chi2: float
    dof: int


def fit_exponent(
    noise_level: np.ndarray, value: np.ndarray, se: np.ndarray, curved: bool = False
) -> ExponentFit:
    r"""Weighted log-log regression of several series on the noise level, with one common exponent.

    Parameters
    ----------
    noise_level : ndarray, shape (point,)
        T = α/|B| > 0.
    value, se : ndarray, shape (point, series)
        Positive estimates and their standard errors. NaN: that estimate is left out.
    curved : bool
        Adds a term c_s T to each series: the leading effect of modes that come close to one another.

    Raises
    ------
    ValueError
        If fewer estimates are left than there are parameters, or all are at one noise level.
    """
    noise_level, value, se = (np.asarray(a, dtype=float) for a in (noise_level, value, se))
    if value.ndim != 2 or value.shape != se.shape or value.shape[:1] != noise_level.shape:
        raise ValueError(
            f"value and se must have shape (point, series) and noise_level (point,), got {value.shape}, "
            f"{se.shape} and {noise_level.shape}"
        )
    if not (np.isfinite(noise_level).all() and (noise_level > 0).all()):
        raise ValueError("noise_level must hold finite numbers > 0")
    usable = (value > 0) & (se > 0) & np.isfinite(value) & np.isfinite(se)
    solution, covariance, chi2, dof = regression(noise_level, value, se, usable, curved)
    series = value.shape[1]
    scatter = max(1.0, float(np.sqrt(chi2 / dof))) if dof > 0 else 1.0
    return ExponentFit(
        exponent=float(solution[0]),
        exponent_se=float(np.sqrt(covariance[0, 0])) * scatter,
        jackknife_se=jackknife(noise_level, value, se, usable, curved),
        amplitude=np.exp(solution[1 : 1 + series]),
        slope=solution[1 + series :] if curved else np.zeros(series),
        chi2=float(chi2),
        dof=dof,
    )


def jackknife(
    noise_level: np.ndarray, value: np.ndarray, se: np.ndarray, usable: np.ndarray, curved: bool
) -> float:
    """Error of the exponent from fits without one point each; NaN where such a fit is not possible."""
    n = noise_level.size
    left_out = np.empty(n)
    for point in range(n):
        rest = usable & (np.arange(n) != point)[:, None]
        try:
            left_out[point] = regression(noise_level, value, se, rest, curved)[0][0]
        except ValueError:
            return float("nan")
    return float(np.sqrt((n - 1) / n * np.sum((left_out - left_out.mean()) ** 2)))


def regression(
    noise_level: np.ndarray, value: np.ndarray, se: np.ndarray, usable: np.ndarray, curved: bool
) -> tuple[np.ndarray, np.ndarray, float, int]:
    """Weighted least squares of ln q; parameters, their covariance, χ² and degrees of freedom."""
    point, series = np.nonzero(usable)
    own = (series[:, None] == np.arange(value.shape[1])).astype(float)
    columns = [np.log(noise_level[point])[:, None], own]
    if curved:
        columns.append(own * (noise_level[point] / noise_level.max())[:, None])
    weight = value[usable] / se[usable]  # 1/se of ln q
    design = np.hstack(columns) * weight[:, None]
    seen = np.any(design != 0, axis=0)
    if np.linalg.matrix_rank(design[:, seen]) < seen.sum():
        raise ValueError("too few usable estimates for the fit: use more noise levels or more replicas")
    seen_solution, *_ = np.linalg.lstsq(design[:, seen], np.log(value[usable]) * weight, rcond=None)
    solution = np.full(seen.size, np.nan)
    solution[seen] = seen_solution
    residual = np.log(value[usable]) * weight - design[:, seen] @ seen_solution
    covariance = np.linalg.inv(design[:, seen].T @ design[:, seen])
    return solution, covariance, float(residual @ residual), int(point.size - seen.sum())


def groups(noise_level: np.ndarray) -> list[np.ndarray]:
    """Indices of the points of equal noise level (relative 1e-9), hottest first."""
    noise_level = np.asarray(noise_level, dtype=float)
    order = np.argsort(-noise_level, kind="stable")
    jumps = np.flatnonzero(-np.diff(noise_level[order]) > 1e-9 * noise_level[order][:-1]) + 1
    return np.split(order, jumps)


def collapse(points: xr.Dataset) -> xr.Dataset:
    """Two-sample tests between points of equal α/|B|, each against the smallest learning rate there.

    Spectra: Kolmogorov-Smirnov on every mode at the last step, one number per independent replica.
    Widths and spacings: the difference of the logarithms over its standard error. All of them on the
    values as measured and, ``*_rescaled``, after the known factor 1/(1 - α k/2) of a finite learning
    rate is taken off the variances: a departure that is expected, and of that size, is told apart
    from one that is not.

    Parameters
    ----------
    points : Dataset
        As `compare.studies.scaling.study.sweep` makes it: ``final`` (point, replica, mode), ``width`` and
        ``mean_spacing`` with errors, ``{mode,multiplet,pair}_finite_alpha``, ``target`` (mode).

    Returns
    -------
    Dataset
        Dim comparison: ``first`` and ``second`` point, p-values ``ks_p`` (mode), ``width_p`` (multiplet),
        ``mean_spacing_p`` (pair), and the same ``*_rescaled``.
    """
    points = points.transpose("point", "replica", ...)
    cells = groups(points.noise_level.values)
    best = [cell[np.argmin(points.learning_rate.values[cell])] for cell in cells]
    pairs = [(one, other) for cell, one in zip(cells, best, strict=True) for other in cell if other != one]
    first, second = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    found = xr.Dataset({"first": ("comparison", first), "second": ("comparison", second)})
    for suffix, power in (("", 0.0), ("_rescaled", 0.5)):
        mode_scale = points.mode_finite_alpha.values[:, None, :] ** power  # (point, replica, mode)
        target = points.target.values
        spectra = target + (points.final.values - target) / mode_scale
        found[f"ks_p{suffix}"] = (("comparison", "mode"), ks_table(spectra, first, second))
        for quantity, dim in ((name, q.of) for name, q in FLUCTUATIONS.items()):
            scale = points[f"{dim}_finite_alpha"].values ** power
            logs = np.log(points[quantity].values / scale)
            errors = points[f"{quantity}_se"].values / points[quantity].values
            z = (logs[first] - logs[second]) / np.hypot(errors[first], errors[second])
            found[f"{quantity}_p{suffix}"] = (("comparison", dim), 2.0 * stats.norm.sf(np.abs(z)))
    return found


def ks_table(spectra: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Two-sample Kolmogorov-Smirnov p-values, shape (comparison, mode); NaN where a sample is empty."""
    table = np.full((len(first), spectra.shape[-1]), np.nan)
    for row, (one, other) in enumerate(zip(first, second, strict=True)):
        for mode in range(spectra.shape[-1]):
            a, b = (s[np.isfinite(s)] for s in (spectra[one, :, mode], spectra[other, :, mode]))
            # A mode that is not learnt stays at zero in every replica: nothing to compare.
            if a.size and b.size and np.ptp(a) > 0 and np.ptp(b) > 0:
                table[row, mode] = stats.ks_2samp(a, b, method="asymp").pvalue
    return table
