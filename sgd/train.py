"""train(model, …): an ensemble of training runs, and the spectra of their weights over the steps."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import numpy as np
import xarray as xr
from tqdm import tqdm

from sgd.dataset import target_spectrum, training_dataset
from sgd.members import require
from sgd.optimiser import Optimiser
from sgd.protocol import Layers, Model, Trainer
from sgd.start import Initial, first_layers
from sgd.trainers import require_trainable, trainer_of
from streams import LANES, new_entropy, states
from streams.arguments import count, finite, flag, positive


def train(
    model: Model,
    learning_rate: float,
    batch_size: int,
    steps: int,
    replicas: int,
    seed: int | None = None,
    record: int | Sequence[int] | np.ndarray | None = None,
    initial: Initial = 0.1,
    keep_weights: bool = False,
    workers: int = 1,
    progress: bool = False,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
    backend: str | None = None,
) -> xr.Dataset:
    """Train ``replicas`` copies of a model by SGD and record the spectra of their weights.

    One step is v ← m v − α (g + λ W), W ← W + v, with g the gradient's mean over the mini-batch.

    Every replica has its own random stream, given by ``seed`` and its number: results are the same to
    the last bit whatever the number of replicas beside it, of workers, and of records.

    Parameters
    ----------
    model : Model
        GaussianRBM, LinearNetwork, ActivationNetwork, or one of your own: see `Model` for what it must have.
    learning_rate : float
        α > 0, below the bound at which the noiseless map is unstable at the model's fixed point; units "1".
    batch_size : int
        |B| >= 1: samples in each average of a step.
    steps, replicas : int
        SGD steps, and how many models are trained.
    seed : int, optional
        Non-negative; random if not given. In the result's attributes.
    record : int, array_like of int, optional
        Record every so many steps (and the first and last); exactly these steps, increasing; or by default
        about 200: 0, some 50 in geometric progression to a tenth of ``steps``, then evenly.
    initial : float, "fixed-point", array_like or sequence of array_like
        First weights, see `initial_weights`.
    keep_weights : bool
        Also return the matrix whose spectrum is recorded, as ``weight``.
    workers : int
        Threads.
    progress : bool
        Show a progress bar on standard error, if that is a terminal.
    momentum : float
        m, 0 <= m < 1; not for the RBM. Time is t = α n/(1 - m).
    weight_decay : float
        λ >= 0, not for the RBM.
    backend : {"numba"}, optional
        What computes the steps of a model of this package; a model of your own brings its trainer along.

    Returns
    -------
    Dataset
        ``eigenvalue`` (replica, time, mode), descending; ``diverged`` (replica): the time at whose weights
        the replica left the model's domain (the reason is in its attributes), NaN where that did not happen.
        From there on the eigenvalues are NaN; other replicas are not affected.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, or the model lacks a member, before anything is trained.
    """
    require_trainable(model, "sgd.train")
    replicas, seed = count("replicas", replicas), _seed(seed)
    optimiser = Optimiser(
        positive("learning_rate", learning_rate),
        count("batch_size", batch_size),
        positive("momentum", momentum, zero=True, below=1.0),
        positive("weight_decay", weight_decay, zero=True),
    )
    if optimiser.weight_decay:  # it moves the target
        require(model, "weight_decay", ["fixed_point"])
    first = first_layers(model, replicas, seed, initial, optimiser.weight_decay)
    model.check_optimiser(optimiser)
    keep_weights, progress = flag("keep_weights", keep_weights), flag("progress", progress)
    steps, workers = count("steps", steps), count("workers", workers)
    step = _recorded(record, steps)
    trainer = trainer_of(model, optimiser, seed, backend)
    target = target_spectrum(model, optimiser)
    matrix = _recorded_shape(model, first, target)

    eigenvalue = np.empty((replicas, step.size, model.modes))
    weight = np.empty((replicas, step.size, *matrix)) if keep_weights else None
    failed = np.empty(replicas, dtype=np.int64)
    generators = states(seed, "sgd", 0, replicas)
    quiet = not (progress and sys.stderr.isatty())

    def work(number: int) -> None:
        part = slice(number * LANES, min((number + 1) * LANES, replicas))
        kept = None if weight is None else weight[part]
        block = trainer.block(generators[number], tuple(w[part] for w in first))
        failed[part] = _train_block(model, trainer, block, step, steps, eigenvalue[part], kept, bar.update)

    with closing(tqdm(total=steps * len(generators), unit="step", disable=quiet, file=sys.stderr)) as bar:
        if workers == 1:
            for number in range(len(generators)):
                work(number)
        else:
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(work, range(len(generators))))
    attrs = {"seed": str(seed), "initial": initial if isinstance(initial, str) else _described(initial)}
    return training_dataset(model, optimiser, target, step, eigenvalue, failed, weight, **attrs)


def _train_block(
    model: Model,
    trainer: Trainer,
    block: Any,
    step: np.ndarray,
    steps: int,
    eigenvalue: np.ndarray,
    weight: np.ndarray | None,
    done: Callable,
) -> np.ndarray:
    """Train one block, fill its spectra, return the steps at which its replicas failed."""
    replicas, now = len(eigenvalue), 0
    for n, stop in enumerate(step):
        trainer.advance(block, now, int(stop))
        w = model.observed(trainer.layers(block))
        eigenvalue[:, n] = model.spectra(w)[:replicas]
        if weight is not None:
            weight[:, n] = w[:replicas]
        done(int(stop) - now)
        now = int(stop)
    trainer.advance(block, now, steps)
    done(steps - now)
    return trainer.failed(block, steps)[:replicas]


def _recorded_shape(model: Model, first: Layers, target: np.ndarray) -> tuple[int, ...]:
    """Rows and columns of the recorded matrix; ValueError where the model contradicts itself."""
    matrix = model.observed(tuple(w[:1] for w in first))
    spectra, modes = model.spectra(matrix).shape, model.modes
    if spectra != (1, modes) or np.shape(target) != (modes,):
        raise ValueError(
            f"model must have as many eigenvalues as modes, {modes}: for one replica spectra() has shape "
            f"{spectra} instead of {(1, modes)}, target_spectrum {np.shape(target)} instead of {(modes,)}"
        )
    return matrix.shape[1:]


def _seed(seed: int | None) -> int:
    return new_entropy() if seed is None else count("seed", seed, 0)


def _described(initial: Any) -> str:
    return f"normal entries of width {float(initial)!r}" if np.ndim(initial) == 0 else "given weights"


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
