"""Phases of a network with activations over the plane of noise level and width of the first weights."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import numpy as np
import xarray as xr
from tqdm import tqdm

from sgd.activation.model import ActivationNetwork
from sgd.activation.reference import gradient, loss
from sgd.optimiser import Optimiser
from sgd.start import first_layers
from sgd.train import train
from sgd.trainers import trainer_of
from streams import LANES, blocks, generator, new_entropy, states, subseed
from streams.arguments import count, finite, positive, shown
from streams.version import installed_version

TESTED = 2048
"""Test inputs; they are the same for every point, replica and seed."""

GROUP = 128
"""Test inputs in one matrix product: BLAS would split larger ones among threads, which here only wait."""

NOISE_LEVELS = np.geomspace(1e-3, 1.0, 16)
INVERSE_WIDTHS = np.geomspace(0.1, 10.0, 16)
TIMED = 400
"""Steps of a short timing."""

OBSERVABLES = {
    "loss": "loss ½|y − ŷ|² on test inputs after the last step",
    "gradient_norm": "norm of the mean gradient on test inputs after the last step",
    "overlap": "overlap m = Tr(W_tᵀW)/(|W_t||W|) with the teacher after the last step",
}


def phase_diagram(
    model: ActivationNetwork,
    noise_levels: Sequence[float] | np.ndarray = NOISE_LEVELS,
    inverse_widths: Sequence[float] | np.ndarray = INVERSE_WIDTHS,
    batch_size: int = 4,
    steps: int = 8000,
    replicas: int = 64,
    seed: int | None = None,
    workers: int = 1,
    progress: bool = False,
) -> xr.Dataset:
    """Train an ensemble at every point of the (1/σ_W, α/|B|) plane and say how far it got.

    W_0 has independent entries N(0, σ_W²/L), the learning rate is α = noise level × |B|; where it makes
    the network unstable, the point is trained like the others, whatever ``model.allow_unstable``. The plane
    of arXiv:2509.01349 (Park, Lucini, Aarts). The default grid takes about a minute on two cores
    (`phase_cost`).

    Parameters
    ----------
    model : ActivationNetwork
    noise_levels, inverse_widths : array_like, 1-D
        α/|B| > 0 and 1/σ_W > 0, increasing.
    batch_size, steps, replicas : int
        Of each point. Ensembles fill blocks of 64 replicas.
    seed : int, optional
        Non-negative; random if not given, and in the result's attributes. The random numbers of a point
        depend on it and on the point's two coordinates: not on the rest of the grid.
    workers : int
        Threads; each takes one point at a time.
    progress : bool
        Show a progress bar on standard error, if that is a terminal.

    Returns
    -------
    Dataset
        Dims (noise_level, inverse_width), units "1", means over the replicas that did not diverge:
        ``loss`` ½|y − ŷ|², with the label noise's ε² n_out/2; ``gradient_norm``, the Frobenius norm of the
        mean gradient; ``overlap`` m = Tr(W_tᵀW)/(|W_t||W|). All at the last weights, the first two as
        averages over 2048 test inputs. ``<name>_se`` are standard errors over replicas; they do not contain
        the choice of the test inputs, which is common to all. ``diverged`` is the fraction of replicas that
        did. NaN where none is left (for standard errors: fewer than two).

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described, before anything is trained.
    """
    _check_model(model)
    noise_levels = _axis("noise_levels", noise_levels)
    inverse_widths = _axis("inverse_widths", inverse_widths)
    batch_size, steps = count("batch_size", batch_size), count("steps", steps)
    replicas, workers = count("replicas", replicas), count("workers", workers)
    seed = new_entropy() if seed is None else count("seed", seed, 0)
    free = replace(model, allow_unstable=True)
    # refuses what does not fit before anything is trained
    largest = positive("noise_levels × batch_size", noise_levels[-1] * batch_size)
    trainer_of(free, Optimiser(largest, batch_size), seed)
    x = _test_inputs(model)
    out = np.full((2 * len(OBSERVABLES) + 1, noise_levels.size, inverse_widths.size), np.nan)
    quiet = not (progress and sys.stderr.isatty())

    def work(at: tuple[int, int]) -> None:
        noise_level, inverse_width = noise_levels[at[0]], inverse_widths[at[1]]
        learning_rate = noise_level * batch_size
        initial = 1.0 / (inverse_width * np.sqrt(model.modes))
        own = _point_seed(seed, noise_level, inverse_width)
        run = train(
            free, learning_rate, batch_size, steps, replicas, own, [steps], initial, keep_weights=True
        )
        lost = ~np.isnan(run.diverged.values)
        out[:, *at] = [*_summaries(model, run.weight.values[~lost, 0], x), lost.mean()]
        bar.update()

    points = list(np.ndindex(noise_levels.size, inverse_widths.size))
    with closing(tqdm(total=len(points), unit="point", disable=quiet, file=sys.stderr)) as bar:
        if workers == 1:
            for at in points:
                work(at)
        else:
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(work, points))
    sizes = {"batch_size": batch_size, "steps": steps, "replicas": replicas}
    return _dataset(model, noise_levels, inverse_widths, out, {**sizes, "seed": str(seed)})


def phase_cost(
    model: ActivationNetwork, points: int, replicas: int, steps: int, batch_size: int = 4
) -> float:
    """Seconds that a phase diagram of so many ``points`` takes on one core, from a short timing.

    Other load on the machine makes it larger. What is compiled for the first time is not in it.

    Parameters
    ----------
    model : ActivationNetwork
    points, replicas, steps, batch_size : int
        As in `phase_diagram`; ``points`` is the size of the whole grid.

    Returns
    -------
    float
        Divide by the number of workers, as long as there are as many cores.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.
    """
    _check_model(model)
    points, replicas = count("points", points), count("replicas", replicas)
    steps, batch_size = count("steps", steps), count("batch_size", batch_size)
    trainer = trainer_of(model, Optimiser(1e-2, batch_size), 0)
    weights = first_layers(model, LANES, 0, 1.0 / np.sqrt(model.modes))
    block, x = trainer.block(states(0, "sgd phase cost", 0, LANES)[0], weights), _test_inputs(model)
    timed = min(steps, TIMED)
    trainer.advance(block, 0, 1)  # compiles
    training = _seconds(lambda: trainer.advance(block, 1, 1 + timed)) / timed
    testing = _seconds(lambda: _summaries(model, weights[0], x))
    return points * blocks(replicas) * (steps * training + testing)


def _seconds(run: Callable[[], object]) -> float:
    """The least of three."""
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return min(taken)


def _check_model(model: object) -> None:
    if not isinstance(model, ActivationNetwork):
        raise TypeError(f"model must be an ActivationNetwork, got {type(model).__name__}")


def _axis(name: str, given: object) -> np.ndarray:
    values = finite(name, given, (1,))
    if not (values > 0).all() or not (np.diff(values) > 0).all():
        raise ValueError(f"{name} must be > 0 and increasing, got {shown(values.tolist())}")
    return values


def _point_seed(seed: int, noise_level: float, inverse_width: float) -> int:
    place = np.array([noise_level, inverse_width]).view(np.uint64).tolist()
    return subseed(seed, "sgd phase", *place)


def _test_inputs(model: ActivationNetwork) -> np.ndarray:
    """(group, GROUP, n_in)."""
    return generator(0, "sgd phase test").standard_normal((TESTED // GROUP, GROUP, model.inputs.shape[1]))


def _summaries(model: ActivationNetwork, weights: np.ndarray, x: np.ndarray) -> list[float]:
    """Mean and standard error over replicas of each of OBSERVABLES, NaN where there are too few."""
    replicas, nan = len(weights), np.full(len(OBSERVABLES), np.nan)
    # survivors may have weights of any size; a teacher of zeros has no direction
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        # some replicas at a time: each takes TESTED × K numbers
        parts = [_observed(model, weights[n : n + LANES], x) for n in range(0, replicas, LANES)]
        values = np.concatenate([np.empty((len(OBSERVABLES), 0)), *parts], axis=1)
        means = values.mean(axis=1) if replicas else nan
        scale = np.maximum(1.0, np.abs(values).max(axis=1, initial=0.0))  # squares of 1e200 overflow
        spread = scale * (values / scale[:, None]).std(axis=1, ddof=1) if replicas > 1 else nan
        errors = spread / np.sqrt(max(1, replicas))
    return [*means.tolist(), *errors.tolist()]


def _observed(model: ActivationNetwork, weights: np.ndarray, x: np.ndarray) -> np.ndarray:
    """OBSERVABLES of W (replica, K, L), as rows; the label noise enters by its mean, exactly."""
    outputs = len(model.output)
    still, w = np.zeros((1, 1, outputs)), weights[:, None]  # before the axis of groups
    total = loss(model, w, x, still).mean(axis=1) + 0.5 * model.eps**2 * outputs
    slope = np.linalg.norm(gradient(model, w, x, still).mean(axis=1), axis=(1, 2))
    lengths = np.linalg.norm(model.teacher) * np.linalg.norm(weights, axis=(1, 2))
    return np.array([total, slope, (weights * model.teacher).sum(axis=(1, 2)) / lengths])


def _dataset(
    model: ActivationNetwork,
    noise_levels: np.ndarray,
    inverse_widths: np.ndarray,
    values: np.ndarray,
    attrs: dict,
) -> xr.Dataset:
    dims, names = ("noise_level", "inverse_width"), list(OBSERVABLES)
    texts = [*OBSERVABLES.values(), *(f"standard error of {name}" for name in names)]
    texts.append("fraction of replicas that diverged")
    names += [f"{name}_se" for name in names] + ["diverged"]
    variables = {
        name: (dims, v, {"long_name": text, "units": "1"})
        for name, v, text in zip(names, values, texts, strict=True)
    }
    coords = {
        "noise_level": ("noise_level", noise_levels, {"long_name": "noise level α/|B|", "units": "1"}),
        "inverse_width": (
            "inverse_width", inverse_widths, {"long_name": "1/σ_W, W_0 entries N(0, σ_W²/L)", "units": "1"},
        ),
    }  # fmt: skip
    described = {
        "kind": "phase_diagram",
        "model": model.name,
        "parameters": json.dumps(model.parameters()),
        "version": installed_version(),
    }
    return xr.Dataset(variables, coords, described | attrs)
