"""Level of theory "pair": every (nearly) degenerate group of modes on its own, linearised."""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy.integrate import solve_ivp

from dyson.dataset import closed_form_dataset
from dyson.levels.eigenvalues import check_times
from dyson.sde import EigenvalueSDE, require_sde
from streams import generator
from streams.arguments import finite

DEGENERATE = 1e-6
"""Targets within this fraction of the largest one form a multiplet."""

_GOE_DRAWS = 20_000


def pair(sde: EigenvalueSDE, times=None, x0=None) -> xr.Dataset:
    r"""Closed-form predictions for isolated multiplets near the target.

    A single mode is Gaussian of width σ = g/√k about x̄; a pair follows the one-pair Coulomb gas, with

        ⟨x⟩ = x̄ ± √π σ/2,   ⟨S⟩ = √π σ,

    a multiplet of m > 2 modes the m × m Gaussian ensemble (its means by a fixed draw, error stated).
    Means in time follow the noiseless flow dx/dt = K(x). Interactions between multiplets, the Itô shift
    and finite learning rates are neglected. Source: arXiv:2412.20496; docs/theory.md.

    Parameters
    ----------
    sde : EigenvalueSDE
    times : array, shape (time,), optional
        Adds ``mean_path`` (time, mode) and ``growth_time`` (mode), the time to reach half the final mean.
    x0 : array, shape (mode,) or (replica, mode), optional
        Start of the flow (replicas are averaged); needed with ``times``.

    Returns
    -------
    xarray.Dataset
        ``mean_eigenvalue`` (mode), ``width`` (multiplet), ``mean_spacing`` (pair) and the above.

    Raises
    ------
    ValueError
        If times or x0 are malformed, or one is given without the other.
    """
    require_sde(sde)
    if sde.theta_at is not None:
        raise ValueError("the pair level knows no schedule of the noise level: pass one noise level")
    target = np.r_[sde.target, np.zeros(sde.null_modes)]
    sigma = np.r_[sde.sigma, np.zeros(sde.null_modes)]
    edges = np.flatnonzero(np.diff(target) < -DEGENERATE * max(abs(target).max(), 1e-300)) + 1
    groups = np.split(np.arange(len(target)), edges)
    mean, se = target.copy(), np.zeros(len(target))
    for group in groups:
        offset, error = _mean_eigenvalues(len(group), sde.beta)
        mean[group] += offset * sigma[group]
        se[group] = error * sigma[group]
    pairs = [g[0] for g in groups if len(g) == 2]
    variables: dict = {
        "mean_eigenvalue": ("mode", mean, "stationary mean of the eigenvalue"),
        "mean_eigenvalue_se": ("mode", se, "standard error of the stationary mean"),
        "width": ("multiplet", np.array([sigma[g].mean() for g in groups]), "width σ of the multiplet"),
        "mean_spacing": ("pair", np.array([mean[k] - mean[k + 1] for k in pairs]), "mean spacing ⟨S⟩"),
    }
    coords = {
        "multiplet": ("multiplet", np.arange(len(groups)), "multiplet: modes of equal target"),
        "multiplet_target": ("multiplet", target[[g[0] for g in groups]], "target of the multiplet"),
        "multiplet_size": (
            "multiplet",
            np.array([len(g) for g in groups]),
            "number of modes in the multiplet",
        ),
        "pair": ("pair", np.arange(len(pairs)), "pair: a multiplet of two modes"),
        "pair_upper": ("pair", np.array(pairs, int), "upper mode of the pair"),
    }
    if (times is None) != (x0 is None):
        raise ValueError("pair needs times and x0 together (or neither): the flow starts at x0")
    if times is not None:
        times = check_times(sde, times)
        path = _flow(sde, times, x0)
        variables["mean_path"] = (("time", "mode"), path, "mean eigenvalue in time, without noise")
        variables["growth_time"] = (
            "mode",
            _crossing(times, path, mean / 2.0),
            "time to half the stationary mean",
        )
    return closed_form_dataset(sde, variables, coords, "pair", times)


def _mean_eigenvalues(m: int, beta: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean ordered eigenvalues of m particles in the gas with σ = 1, and their errors."""
    if m == 1:
        return np.zeros(1), np.zeros(1)
    if m == 2 and beta == 1.0:
        return np.sqrt(np.pi) / 2.0 * np.array([1.0, -1.0]), np.zeros(2)
    draws = _beta_ensemble(m, beta, _GOE_DRAWS, generator(0, "pair means"))
    return draws.mean(0), draws.std(0, ddof=1) / np.sqrt(_GOE_DRAWS)


def _beta_ensemble(m: int, beta: float, draws: int, rng) -> np.ndarray:
    """Descending spectra of the Gaussian β ensemble, σ = 1: tridiagonal model of Dumitriu & Edelman."""
    matrix = np.zeros((draws, m, m))
    i = np.arange(m)
    matrix[:, i, i] = rng.standard_normal((draws, m))
    off = np.sqrt(rng.chisquare(beta * np.arange(m - 1, 0, -1), (draws, m - 1)) / 2.0)
    matrix[:, i[1:], i[:-1]] = off
    return np.linalg.eigvalsh(matrix)[:, ::-1]


def _flow(sde: EigenvalueSDE, times: np.ndarray, x0) -> np.ndarray:
    x0 = finite("x0", x0, ndim=(1, 2))
    if x0.shape[-1] not in (sde.n, sde.n + sde.null_modes):
        raise ValueError(f"x0 must hold {sde.n + sde.null_modes} modes, got shape {x0.shape}")
    start = np.atleast_2d(x0)[:, : sde.n].mean(0)
    solution = solve_ivp(
        lambda t, x: sde.flow(x), times[[0, -1]], start, t_eval=times, rtol=1e-8, atol=1e-12, method="LSODA"
    )
    if not solution.success:
        raise ValueError(f"the flow of {sde.model} could not be integrated from x0: {solution.message}")
    return np.concatenate([solution.y.T, np.zeros((len(times), sde.null_modes))], axis=1)


def _crossing(times: np.ndarray, path: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """First time at which each column rises through its threshold; NaN if it starts above or never does."""
    out = np.full(len(threshold), np.nan)
    for i, height in enumerate(threshold):
        above = path[:, i] >= height
        if above.any() and not above[0]:
            k = int(above.argmax())
            a, b = path[k - 1, i], path[k, i]
            out[i] = times[k - 1] + (height - a) / (b - a) * (times[k] - times[k - 1])
    return out
