"""The plain-NumPy twin of ``kernels.py``: literal samples, back-propagation sample by sample.

It takes its noise from a NumPy generator that the caller passes. The tests hold the compiled step against
it, and `sgd.noise` measures gradients with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from sgd.optimiser import Optimiser
from sgd.protocol import Layers


class Network(Protocol):
    """What the literal algorithm takes of a `LinearNetwork`."""

    @property
    def teacher(self) -> np.ndarray: ...
    @property
    def output(self) -> np.ndarray | None: ...
    @property
    def factor(self) -> np.ndarray: ...
    @property
    def shapes(self) -> tuple[tuple[int, int], ...]: ...
    @property
    def noise(self) -> str: ...
    @property
    def eps(self) -> float: ...
    @property
    def data(self) -> str: ...
    @property
    def symmetric(self) -> bool: ...


def draw(model: Network, shape: tuple[int, ...], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Inputs x (*shape, N) and label noise ε η (*shape, K)."""
    factor, outputs = model.factor, len(model.teacher if model.output is None else model.output)
    x = rng.standard_normal((*shape, factor.shape[1])) @ factor.T
    label = np.zeros((*shape, outputs))
    if model.noise == "label":
        label = model.eps * rng.standard_normal(label.shape)
    return x, label


def kicks(model: Network, shape: tuple[int, ...], rng: np.random.Generator) -> list[np.ndarray]:
    """Gradient noise of samples, one array (*shape, rows, columns) a layer."""
    out = []
    for m, n in model.shapes:
        kick = np.zeros((*shape, m, n))
        if model.noise in ("isotropic", "symmetric"):
            kick = model.eps * rng.standard_normal(kick.shape)
        if model.noise == "symmetric":
            kick = (kick + kick.swapaxes(-1, -2)) / np.sqrt(2.0)
        out.append(kick)
    return out


def sample_gradients(
    model: Network,
    layers: Sequence[np.ndarray],
    x: np.ndarray,
    label: np.ndarray,
    kick: Sequence[np.ndarray],
) -> list[np.ndarray]:
    """Gradient of ½|y − ŷ|² for every sample, less its noise, one array (…, sample, rows, columns) a layer.

    Parameters
    ----------
    layers : arrays (…, rows, columns)
        W_1, …, W_L; leading axes as those of the samples without the last.
    x, label : ndarray, shape (…, sample, N) and (…, sample, K)
    kick : arrays (…, sample, rows, columns)
    """
    activity = [x]
    for w in layers:
        activity.append(np.einsum("...ij,...sj->...si", w, activity[-1]))
    error = x @ model.teacher.T - activity[-1]
    if model.output is not None:
        error = error @ model.output.T
    error = error + label
    back = error if model.output is None else error @ model.output
    gradients: list[np.ndarray] = []
    for number in range(len(layers) - 1, -1, -1):
        g = -back[..., :, None] * activity[number][..., None, :] - kick[number]
        gradients.insert(0, 0.5 * (g + g.swapaxes(-1, -2)) if model.symmetric else g)
        back = np.einsum("...ij,...si->...sj", layers[number], back)
    return gradients


def step(
    model: Network, layers: Layers, velocity: Layers, optimiser: Optimiser, rng: np.random.Generator
) -> tuple[Layers, Layers]:
    """One step of an ensemble on fresh batches: new weights and velocities (replica, rows, columns)."""
    shape = (len(layers[0]), optimiser.batch_size)
    x, label = draw(model, shape, rng)
    gradients = sample_gradients(model, layers, x, label, kicks(model, shape, rng))
    moved = [
        optimiser.step(w, v, g.mean(axis=1)) for w, v, g in zip(layers, velocity, gradients, strict=True)
    ]
    return tuple(w for w, _ in moved), tuple(v for _, v in moved)


def gradients(model: Network, weights: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Per-sample gradients of a single W at given weights (row, col): (count, row, col)."""
    x, label = draw(model, (count,), rng)
    if model.data == "exact":  # the mean over inputs; label noise keeps its covariance
        mean = -_projected(model, model.teacher - weights, model.factor @ model.factor.T)
        back = label if model.output is None else label @ model.output
        g = mean - back[:, :, None] * x[:, None, :] - kicks(model, (count,), rng)[0]
        return 0.5 * (g + g.swapaxes(-1, -2)) if model.symmetric else g
    return sample_gradients(model, [weights], x, label, kicks(model, (count,), rng))[0]


def _projected(model: Network, error: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    seen = error @ covariance
    return seen if model.output is None else model.output.T @ (model.output @ seen)
