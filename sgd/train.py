"""Train an ensemble of models by stochastic gradient descent."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import xarray as xr
from tqdm import tqdm

from sgd.dataset import run_dataset
from sgd.rbm import DATA, MODEL_AVERAGES, GaussianRBM
from streams import LANES, blocks, fill_normal, new_entropy, states
from streams.arguments import count, finite, positive, shown, unknown

RECORDS = 200


def train(
    model: GaussianRBM,
    learning_rate: float,
    batch_size: int,
    steps: int,
    replicas: int,
    seed: int | None = None,
    record: Any = None,
    initial: Any = 0.1,
    keep_weights: bool = False,
    workers: int = 1,
    progress: bool = False,
) -> xr.Dataset:
    """Train independent replicas of a model and record the spectra of WᵀW.

    Parameters
    ----------
    model : GaussianRBM
    learning_rate : float
        α, 0 < α < ``model.stability_bound``.
    batch_size : int
        |B| >= 1.
    steps : int
        SGD steps.
    replicas : int
        Size of the ensemble.
    seed : int, optional
        Entropy; default fresh. Stored in the result's attrs. Replica r depends on (seed, r) only.
    record : int or array of int, optional
        Record every so many steps (and the last), or at these steps; default about 200 evenly spaced ones.
    initial : float, "fixed-point" or array, shape (N_h, N_v) or (replica, N_h, N_v)
        W_0: standard deviation of independent Gaussian entries, the noiseless fixed point, or itself.
    keep_weights : bool
        Record W as well.
    workers : int
        Threads. The result does not depend on it.
    progress : bool
        Show a progress bar on stderr where that is a terminal.

    Returns
    -------
    xarray.Dataset
        ``eigenvalue`` (replica, time, mode), ``diverged`` (replica), optionally ``weight``. A replica whose
        K = μ² - σ_h² WᵀW loses positive definiteness is NaN from there on; the others do not notice.

    Raises
    ------
    ValueError, TypeError
        For malformed input, or a learning rate beyond the bound of stability.
    """
    if not isinstance(model, GaussianRBM):
        raise TypeError(f"model must be a GaussianRBM, got {shown(model)}")
    rate = positive("learning_rate", learning_rate)
    if rate >= model.stability_bound:
        raise ValueError(
            f"learning_rate = {rate:g} is not stable: the fixed point of this model needs a learning rate "
            f"< {model.stability_bound:.4g}"
        )
    batch, steps = count("batch_size", batch_size), count("steps", steps)
    replicas, workers = count("replicas", replicas), count("workers", workers)
    seed = new_entropy() if seed is None else count("seed", seed, least=0)
    recorded = recorded_steps(record, steps)
    start = initial_weights(model, replicas, seed, initial)
    run = _block_runner(model, rate, batch, recorded, start, seed, keep_weights)
    n = blocks(replicas)
    show = progress and sys.stderr.isatty()
    with ThreadPoolExecutor(workers) as pool:
        parts = list(tqdm(pool.map(run, range(n)), total=n, desc="training", disable=not show, leave=False))
    spectra, failed, kept = (
        None if parts[0][k] is None else np.concatenate([p[k] for p in parts]) for k in range(3)
    )
    return run_dataset(model, rate, batch, recorded, spectra, failed, kept, seed)


def initial_weights(model: GaussianRBM, replicas: int, seed: int, initial: Any = 0.1) -> np.ndarray:
    """W_0 of every replica as ``train`` starts them, shape (replica, N_h, N_v); arguments as there.

    Raises
    ------
    ValueError, TypeError
        For an unknown word, a negative standard deviation, an array of the wrong shape.
    """
    m, n = model.n_hidden, model.n_visible
    if isinstance(initial, str):
        if initial != "fixed-point":
            raise ValueError(f"{unknown('initial', initial, ['fixed-point'])}, or a number or an array")
        weights = np.zeros((m, n))
        k = min(m, n)
        weights[:k] = np.sqrt(model.target_spectrum[:k, None]) * model.basis.T[:k]
        return np.broadcast_to(weights, (replicas, m, n))
    if np.ndim(initial) == 0:
        size = m * n
        out = np.empty((blocks(replicas), size + size % 2, LANES))
        for block, state in enumerate(states(seed, "sgd-initial", 0, replicas)):
            fill_normal(state, out[block], (size + 1) // 2)
        normal = out[:, :size].transpose(0, 2, 1).reshape(-1, m, n)[:replicas]
        return positive("initial", initial, zero=True) * normal
    weights = finite("initial", initial, ndim=(2, 3))
    if weights.shape not in ((m, n), (replicas, m, n)):
        raise ValueError(
            f"initial must have shape {(m, n)} or {(replicas, m, n)} (replica, N_h, N_v), got {weights.shape}"
        )
    return np.broadcast_to(weights, (replicas, m, n))


def recorded_steps(record: Any, steps: int) -> np.ndarray:
    """The recorded steps, ascending, as ``train`` takes ``record``."""
    if record is None:
        return np.unique(np.linspace(0, steps, min(steps, RECORDS) + 1).round().astype(np.int64))
    if np.ndim(record) == 0:
        every = count("record", record)
        return np.unique(np.append(np.arange(0, steps + 1, every), steps)).astype(np.int64)
    chosen = np.asarray(record)
    if chosen.ndim != 1 or chosen.size == 0 or chosen.dtype.kind not in "iu":
        raise TypeError(f"record must be a whole number or a 1-D array of steps, got {shown(record)}")
    if chosen.min() < 0 or chosen.max() > steps or (np.diff(chosen.astype(np.int64)) <= 0).any():
        raise ValueError(f"record must hold strictly increasing steps from 0 to {steps}, got {shown(record)}")
    return chosen.astype(np.int64)


def _block_runner(model, rate, batch, recorded, start, seed, keep) -> Callable[[int], tuple]:
    from sgd.rbm_kernels import INDEPENDENT, PERSISTENT, Setting, advance, new_block, start_chains

    average = MODEL_AVERAGES.index(model.model_average) + INDEPENDENT
    fresh = model.data == DATA[1]
    setting = Setting(average, fresh, model.sweeps, batch, float(model.mu2), float(model.sigma_h) ** 2, rate)
    covariance = np.linalg.inv(model.target)

    def run(block: int):
        mine = start[block * LANES : (block + 1) * LANES]
        state = states(seed, "sgd", block * LANES, LANES)[0]
        b = new_block(setting, state, np.resize(mine, (LANES, *mine.shape[1:])), covariance)
        if average == PERSISTENT:
            start_chains(b, setting)
        spectra = np.empty((len(mine), len(recorded), model.n_visible))
        kept = np.empty((len(mine), len(recorded), *mine.shape[1:])) if keep else None
        done = 0
        for i, step in enumerate(recorded):
            if step > done:
                advance(b, setting, done, step)
            done = int(step)
            weights = b.weights.transpose(2, 0, 1)[: len(mine)]
            spectra[:, i] = _spectra(weights)
            if kept is not None:
                kept[:, i] = weights
        return spectra, b.failed[: len(mine)], kept

    return run


def _spectra(weights: np.ndarray) -> np.ndarray:
    """Descending eigenvalues of WᵀW, shape (replica, N_v); NaN where a replica has diverged."""
    replicas, m, n = weights.shape
    out = np.full((replicas, n), np.nan)
    good = np.isfinite(weights).all((1, 2))
    w = weights[good]
    gram = w @ w.transpose(0, 2, 1) if m < n else w.transpose(0, 2, 1) @ w
    x = np.zeros((len(w), n))
    x[:, : min(m, n)] = np.maximum(np.linalg.eigvalsh(gram)[:, ::-1], 0.0)
    out[good] = x
    return out
