"""train(model, …): an ensemble of training runs, and the spectra of their weights over the steps."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import xarray as xr
from tqdm import tqdm

from sgd.dataset import training_dataset
from sgd.rbm import GaussianRBM
from sgd.rbm_kernels import PERSISTENT, Setting, advance, start_chains
from sgd.start import initial_weights, new_block, setting
from streams import LANES, new_entropy, states
from streams.arguments import count, finite, positive

MOST = 2**53
"""Counts are smaller: the kernels compute with them in double precision."""


def train(
    model: GaussianRBM,
    learning_rate: float,
    batch_size: int,
    steps: int,
    replicas: int,
    seed: int | None = None,
    record: int | Sequence[int] | np.ndarray | None = None,
    initial: float | str | np.ndarray = 0.1,
    keep_weights: bool = False,
    workers: int = 1,
    progress: bool = False,
) -> xr.Dataset:
    """Train ``replicas`` copies of a model by SGD and record the eigenvalues of WᵀW.

    Every replica has its own random stream, given by ``seed`` and its number: results are the same to
    the last bit whatever the number of replicas beside it, of workers, and of records.

    Parameters
    ----------
    model : GaussianRBM
    learning_rate : float
        α > 0, below ``model.largest_learning_rate``; units "1".
    batch_size : int
        |B| >= 1: samples in each average of a step.
    steps, replicas : int
        SGD steps, and how many models are trained.
    seed : int, optional
        Non-negative; random if not given. In the result's attributes.
    record : int, array_like of int, optional
        Record every so many steps (and the first and last); exactly these steps, increasing; or by default
        about 200: 0, some 50 in geometric progression to a tenth of ``steps``, then evenly.
    initial : float, "fixed-point" or array_like
        First weights, see `initial_weights`.
    keep_weights : bool
        Also return W at the recorded steps, as ``weight``.
    workers : int
        Threads.
    progress : bool
        Show a progress bar on standard error, if that is a terminal.

    Returns
    -------
    Dataset
        ``eigenvalue`` (replica, time, mode), descending, all n_visible of them; ``diverged`` (replica):
        the time t = α n at whose weights K = μ² 1 - σ_h² WᵀW was not positive definite, NaN where that did
        not happen. From there on the eigenvalues are NaN; other replicas are not affected.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, before anything is trained.
    """
    first = initial_weights(model, replicas, seed := _seed(seed), initial)
    learning_rate = _learning_rate(model, learning_rate)
    batch_size, steps = _bounded("batch_size", batch_size), _bounded("steps", steps)
    workers, step = count("workers", workers), _recorded(record, steps)
    common = setting(model, learning_rate, batch_size)

    eigenvalue = np.empty((replicas, step.size, model.n_visible))
    weight = np.empty((replicas, step.size, *first.shape[1:])) if keep_weights else None
    failed = np.empty(replicas, dtype=np.int64)
    generators = states(seed, "sgd", 0, replicas)
    shown = progress and sys.stderr.isatty()

    def work(number: int) -> None:
        part = slice(number * LANES, min((number + 1) * LANES, replicas))
        kept = None if weight is None else weight[part]
        block = new_block(model, batch_size, generators[number], first[part])
        failed[part] = _train_block(block, common, step, steps, eigenvalue[part], kept, bar.update)

    with closing(tqdm(total=steps * len(generators), unit="step", disable=not shown, file=sys.stderr)) as bar:
        if workers == 1:
            for number in range(len(generators)):
                work(number)
        else:
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(work, range(len(generators))))
    attrs = {"seed": str(seed), "initial": initial if isinstance(initial, str) else _described(initial)}
    return training_dataset(model, learning_rate, batch_size, step, eigenvalue, failed, weight, **attrs)


def _train_block(
    block, common: Setting, step: np.ndarray, steps: int, eigenvalue: np.ndarray, weight, done: Callable
) -> np.ndarray:
    """Train one block, fill its spectra, return the steps at which its replicas failed."""
    replicas, now = len(eigenvalue), 0
    if common.average == PERSISTENT:
        start_chains(block, common)
    for n, stop in enumerate(step):
        advance(block, common, now, int(stop))
        w = block.weights.transpose(2, 0, 1)
        eigenvalue[:, n] = spectra(w)[:replicas]
        if weight is not None:
            weight[:, n] = w[:replicas]
        done(int(stop) - now)
        now = int(stop)
    advance(block, common, now, steps)
    # steps test the weights they start from; nobody has tested the last ones
    beyond = ~(common.sigma2 * spectra(block.weights.transpose(2, 0, 1))[:, 0] < common.mu2)
    block.failed[beyond & (block.failed < 0)] = steps
    done(steps - now)
    return block.failed[:replicas]


def spectra(weights: np.ndarray) -> np.ndarray:
    """Eigenvalues of WᵀW, descending, from W (replica, M, N): (replica, N); NaN where W is not finite."""
    _, m, n = weights.shape
    transposed = weights.swapaxes(-1, -2)
    with np.errstate(over="ignore", invalid="ignore"):
        gram = transposed @ weights if m >= n else weights @ transposed
    finite = np.isfinite(gram).all(axis=(-2, -1))
    x = np.linalg.eigvalsh(np.where(finite[:, None, None], gram, 0.0))[:, ::-1]
    out = np.zeros((len(weights), n))
    out[:, : min(m, n)] = np.maximum(x, 0.0)  # a vanishing eigenvalue comes out as ± 1e-16
    out[~finite] = np.nan
    return out


def _seed(seed: int | None) -> int:
    return new_entropy() if seed is None else count("seed", seed, 0)


def _described(initial: float | np.ndarray) -> str:
    return f"normal entries of width {initial!r}" if np.ndim(initial) == 0 else "given weights"


def _bounded(name: str, value: object) -> int:
    number = count(name, value)
    if number > MOST:
        raise ValueError(f"{name} must be at most 2**53, got {number:.3g}")
    return number


def _learning_rate(model: GaussianRBM, value: object) -> float:
    rate, bound = positive("learning_rate", value), model.largest_learning_rate
    if rate >= bound:
        raise ValueError(
            f"learning_rate {rate:g} is not stable for this model; it must be below {bound:.6g}, "
            "2 over the largest relaxation rate at the fixed point"
        )
    return rate


def _recorded(record: object, steps: int) -> np.ndarray:
    """Recorded steps as an increasing array."""
    if record is None:
        early, late = np.geomspace(1, max(1, steps / 10), 50), np.linspace(steps / 10, steps, 150)
        return np.unique(np.round(np.concatenate([[0], early, late])).astype(np.int64))
    if np.ndim(record) == 0:  # type: ignore[arg-type]
        every = count("record", record)
        return np.append(np.arange(0, steps, every), steps)
    chosen = finite("record", record, (1,))
    if (chosen != np.round(chosen)).any() or (np.diff(chosen) <= 0).any():
        raise ValueError("record must be whole numbers of steps in increasing order")
    if chosen[0] < 0 or chosen[-1] > steps:
        raise ValueError(
            f"record must lie between 0 and steps = {steps}, got {chosen[0]:g} to {chosen[-1]:g}"
        )
    return chosen.astype(np.int64)
