"""The main job: train an ensemble of Gaussian RBMs and integrate the theory beside it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np
import xarray as xr
from scipy.optimize import isotonic_regression
from scipy.stats import chi2

import dyson
import sgd
from compare.layout.align import align
from compare.layout.multiplets import multiplets as levels_in
from compare.studies.shell.arguments import UsageError
from streams import new_entropy
from streams.arguments import count, positive, shown, unknown

__all__ = ["LEVELS", "compare_rbm", "default_steps"]

LEVELS = ("pair", "dyson", "matrix")
"""Levels of theory that there are for it, each by `integrate_level`; of `dyson.levels.LEVELS`."""

RECORDS = 150
"""Recorded times after the start: enough for every figure, 12 MB for a thousand 10-mode replicas."""

LEAST_STEPS, MOST_STEPS = 100, 100_000

TINY = np.finfo(float).tiny

RBM_OPTIONS = ("n_hidden", "mu2", "sigma_h", "model_average", "sweeps", "data")
RUN_OPTIONS = (
    "learning_rate", "batch_size", "steps", "replicas", "seed",
    "levels", "initial", "solver", "dt", "workers",
)  # fmt: skip


def compare_rbm(
    rbm: sgd.GaussianRBM,
    learning_rate: float,
    batch_size: int,
    steps: int | None = None,
    replicas: int = 1000,
    seed: int | None = None,
    levels: Iterable[str] = LEVELS,
    *,
    initial: float | str = 0.1,
    solver: str = "bond-splitting",
    dt: float | None = None,
    workers: int = 1,
    progress: bool = False,
) -> xr.DataTree:
    """Train, integrate each level of theory from the same first weights at the same times, align.

    The theory runs at the noise level T = α/|B| and is recorded at t = α n, the times of the SGD steps.

    Parameters
    ----------
    rbm : sgd.GaussianRBM
        The model, which knows its target.
    learning_rate : float
        α > 0, below the stability bound.
    batch_size : int
        |B| >= 1.
    steps : int, optional
        SGD steps; by default `default_steps`.
    replicas : int
        Independently trained models, and as many paths of each stochastic level.
    seed : int, optional
        Entropy of the run; SGD and the levels draw from streams of their own. Fresh by default.
    levels : sequence of str
        Levels of theory, of "pair", "dyson", "matrix".
    initial : float or "fixed-point"
        Standard deviation of the weights at step 0, or a start at the noiseless fixed point.
    solver, dt
        Handed to `dyson.integrate`; ``dt`` also to `dyson.integrate_matrix`.
    workers : int
        Threads; the result does not depend on it.
    progress : bool
        Progress bars on standard error.

    Returns
    -------
    DataTree
        /experiment and /theory/<level>. Where something was left out, ``attrs["notes"]`` says what and why.

    Raises
    ------
    ValueError, TypeError
        If an argument is not usable, before anything is trained.
    MemoryError
        If the recorded spectra would not fit into the memory that is free.
    """
    if not isinstance(rbm, sgd.GaussianRBM):
        raise TypeError(f"rbm must be a sgd.GaussianRBM, got {type(rbm).__name__}")
    learning_rate, batch_size = positive("learning_rate", learning_rate), count("batch_size", batch_size, 1)
    replicas, workers = count("replicas", replicas, 2), count("workers", workers, 1)
    seed = new_entropy() if seed is None else count("seed", seed, 0)
    if not (isinstance(initial, str) and initial == "fixed-point"):
        initial = positive("initial", initial)
    levels, notes = chosen_levels(levels, rbm.model_average)
    steps = default_steps(rbm, learning_rate, initial) if steps is None else count("steps", steps, 1)
    record = recorded_steps(steps)
    require_memory(rbm, replicas, record.size, len(levels))

    # One step and one short path each: what cannot be done, they say before the work begins.
    sgd.train(rbm, learning_rate, batch_size, 1, 2, seed=seed, initial=initial)
    sde = theory_of(rbm, learning_rate / batch_size)
    weight = np.asarray(sgd.initial_weights(rbm, replicas, seed=seed, initial=initial)) @ rbm.basis
    shared: dict[str, Any] = {"seed": seed, "solver": solver, "dt": dt, "workers": workers}
    for level in levels:
        integrate_level(level, sde, weight[:1], learning_rate * np.arange(2), **shared)

    say(progress, f"training {replicas} replicas for {steps} steps")
    run = sgd.train(
        rbm, learning_rate, batch_size, steps, replicas,
        seed=seed, record=record, initial=initial, workers=workers, progress=progress,
    )  # fmt: skip
    theory = {}
    for level in levels:
        say(progress, f"integrating level {level}")
        theory[level] = integrate_level(level, sde, weight, run.time.values, progress=progress, **shared)
    tree = align(experiment=run, theory=theory)
    if notes:
        tree.attrs["notes"] = notes
    return tree


def theory_of(rbm: sgd.GaussianRBM, noise_level: float) -> dyson.EigenvalueSDE:
    """The eigenvalue SDE of a model at noise level T = α/|B|; only numbers cross over."""
    return dyson.models.gaussian_rbm(
        kappa=rbm.kappa,
        mu2=rbm.mu2,
        noise_level=noise_level,
        sigma_h=rbm.sigma_h,
        n_hidden=rbm.n_hidden,
        model_average=rbm.model_average,
        sweeps=rbm.sweeps,
        data=rbm.data,
    )


def integrate_level(
    level: str,
    sde: dyson.EigenvalueSDE,
    weight: np.ndarray,
    times: np.ndarray,
    *,
    seed: int,
    solver: str,
    dt: float | None,
    workers: int,
    progress: bool = False,
) -> xr.Dataset:
    """One level of theory at the given times, from the weights at the first of them.

    Parameters
    ----------
    weight : ndarray, shape (replica, hidden, mode)
        W in the basis of the target's eigenvectors.
    """
    shared: dict[str, Any] = {"seed": seed, "dt": dt, "workers": workers, "progress": progress}
    if level == "matrix":
        return dyson.integrate_matrix(sde, x0=weight.transpose(0, 2, 1) @ weight, times=times, **shared)
    start = aligned_spectra(weight, sde.target)
    if level == "pair":
        flow = dyson.pair(sde, times=times, x0=start)
    else:
        flow = dyson.integrate(sde, x0=start, times=times, solver=solver, **shared)
    return flow.assign_attrs(start="pivots of the first WᵀW in the target's eigenvectors")


def aligned_spectra(weight: np.ndarray, target: np.ndarray) -> np.ndarray:
    r"""The spectra that levels with frozen eigenvectors start from.

    Those levels take the eigenvectors of X = WᵀW as the target's, which those of random first weights
    are not: the largest eigenvalue does not belong to the fastest mode. While W is small it grows
    linearly, W(t) = W₀ exp(A t), and once the modes have separated mode i is e^{2 a_i t} r_ii² with
    W₀ = Q R: the pivots r_ii² of X₀ are the start as which the later growth remembers it. Equal modes
    share a block of R. They have the determinant of X₀ and, at a fixed point, are its eigenvalues. Pivots
    that are not in descending order, in which the modes are, are replaced by geometric means of
    neighbours (isotonic regression of their logarithms).

    Parameters
    ----------
    weight : ndarray, shape (replica, hidden, mode)
        In the basis of the target's eigenvectors, fastest mode first.
    target : ndarray, shape (mode,)

    Returns
    -------
    ndarray, shape (replica, mode)
        Descending; 0 for modes beyond the rank.
    """
    modes = weight.shape[-1]
    pivots = np.zeros((len(weight), modes))
    rows = np.asarray(np.linalg.qr(weight, mode="r"))
    for block in levels_in(np.append(target, np.zeros(modes - len(target)))).slices:
        inside = rows[:, block, block]
        values = np.linalg.svd(inside, compute_uv=False) ** 2
        pivots[:, block.start : block.start + values.shape[1]] = values
    rank = rows.shape[1]
    for replica in pivots:
        ordered = isotonic_regression(np.log(np.maximum(replica[:rank], TINY)), increasing=False).x
        replica[:rank] = np.minimum.accumulate(np.exp(ordered))
    return pivots


def default_steps(rbm: sgd.GaussianRBM, learning_rate: float, initial: float | str = 0.1) -> int:
    """SGD steps after whose first half every mode is stationary, at most 100 000.

    A mode needs three relaxation times 1/k, k = 2 σ_h² (μ² - κ)/κ², at its fixed point x̄, and before
    that ln(x̄/x_0)/a to grow there from random weights, a = 2 σ_h² (1/κ - 1/μ²). x_0 is the pivot
    s² χ²_{M-i} of mode i = 0, 1, ... among M hidden units, at its 0.1 % quantile: for square weights
    the last mode of a few replicas starts from next to nothing, and a late one in a thousand is still
    seen in the width.
    """
    learnt = np.flatnonzero((rbm.kappa < rbm.mu2) & (np.arange(rbm.kappa.size) < rbm.n_hidden))
    if learnt.size == 0:
        return LEAST_STEPS
    kappa, mu2 = rbm.kappa[learnt], rbm.mu2
    needed = 3.0 * kappa**2 / (2.0 * rbm.sigma_h**2 * (mu2 - kappa))
    if not isinstance(initial, str):
        start = initial**2 * chi2.ppf(0.001, rbm.n_hidden - learnt)
        growth = 2.0 * rbm.sigma_h**2 * (mu2 - kappa) / (kappa * mu2)
        needed += np.log1p((mu2 - kappa) / rbm.sigma_h**2 / start) / growth
    return int(np.clip(np.ceil(2.0 * needed.max() / learning_rate), LEAST_STEPS, MOST_STEPS))


def recorded_steps(steps: int) -> np.ndarray:
    """Step 0 and up to `RECORDS` more that end with the last: denser early, where the modes grow."""
    share = np.arange(RECORDS + 1) / RECORDS
    return np.unique(np.round(steps * share**2).astype(np.int64))


def chosen_levels(levels: Iterable[str], model_average: str) -> tuple[list[str], list[str]]:
    """The levels to evaluate, each once, and notes on those that do not apply."""
    if isinstance(levels, str) or not isinstance(levels, Iterable):
        raise TypeError(f"levels must be a list of names, of {', '.join(LEVELS)}, got {shown(levels)}")
    chosen: list[str] = []
    notes: list[str] = []
    for level in levels:
        if not isinstance(level, str) or level not in LEVELS:
            raise UsageError(unknown("level", level, LEVELS))
        if level in chosen:
            continue
        if level == "matrix" and model_average == "contrastive":
            notes.append("level matrix left out: it is not derived for contrastive divergence")
        else:
            chosen.append(level)
    if not chosen:
        raise ValueError(f"no level of theory to compare with: choose from {', '.join(LEVELS)}")
    return chosen, notes


def require_memory(rbm: sgd.GaussianRBM, replicas: int, times: int, levels: int) -> None:
    """Refuse a run whose recorded spectra and weights would not fit into the memory that is free."""
    modes = len(rbm.target)
    spectra = (levels + 1) * replicas * times * modes
    matrices = 2 * replicas * modes * (modes + rbm.n_hidden)
    needed = 8 * (3 * spectra + matrices)  # statistics hold a copy or two of the spectra
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if needed > free:
        raise MemoryError(f"the run would need about {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free")


def say(aloud: bool, text: str) -> None:
    """One line of progress on standard error."""
    if aloud:
        print(text, file=sys.stderr, flush=True)
