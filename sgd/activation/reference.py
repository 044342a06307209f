"""The plain-NumPy twin of ``kernels.py``: the network, its loss and its step as they are written.

Noise comes from a NumPy generator that the caller passes. The phase diagram and the bound on the learning
rate use the network; the tests hold the compiled step against the rest.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from sgd.optimiser import Optimiser


class Network(Protocol):
    """What the literal algorithm takes of an `ActivationNetwork`."""

    @property
    def teacher(self) -> np.ndarray: ...
    @property
    def inputs(self) -> np.ndarray: ...
    @property
    def output(self) -> np.ndarray: ...
    @property
    def activation(self) -> str: ...
    @property
    def output_activation(self) -> str: ...
    @property
    def eps(self) -> float: ...


def activate(kind: str, a: np.ndarray) -> np.ndarray:
    """φ(a)."""
    if kind == "tanh":
        return np.tanh(a)
    return np.where(a <= 0.0, 0.0, a) if kind == "relu" else a


def slope(kind: str, value: np.ndarray) -> np.ndarray:
    """φ' from the values φ."""
    if kind == "tanh":
        return 1.0 - value * value
    return np.where(value <= 0.0, 0.0, 1.0) if kind == "relu" else np.ones_like(value)


def answer(model: Network, weights: np.ndarray, x: np.ndarray) -> np.ndarray:
    """ŷ (replica, sample, n_out) for W (replica, K, L) and x (replica or 1, sample, n_in)."""
    features = activate(model.activation, x @ model.inputs.T)
    hidden = activate(model.activation, features @ weights.swapaxes(-1, -2))
    return activate(model.output_activation, hidden @ model.output.T)


def loss(model: Network, weights: np.ndarray, x: np.ndarray, eta: np.ndarray) -> np.ndarray:
    """½ |y - ŷ|² averaged over samples, (replica,); ``eta`` (replica or 1, sample, n_out) is η."""
    y = answer(model, model.teacher[None], x) + model.eps * eta
    return 0.5 * ((y - answer(model, weights, x)) ** 2).sum(axis=-1).mean(axis=-1)


def gradient(model: Network, weights: np.ndarray, x: np.ndarray, eta: np.ndarray) -> np.ndarray:
    """∂ loss/∂W by back-propagation, (replica, K, L)."""
    features = activate(model.activation, x @ model.inputs.T)
    hidden = activate(model.activation, features @ weights.swapaxes(-1, -2))
    yhat = activate(model.output_activation, hidden @ model.output.T)
    error = yhat - answer(model, model.teacher[None], x) - model.eps * eta
    back = (error * slope(model.output_activation, yhat)) @ model.output * slope(model.activation, hidden)
    return back.swapaxes(-1, -2) @ features / x.shape[-2]


def sample_gradients(model: Network, weights: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Gradients of single samples at given weights (K, L): (count, K, L)."""
    x = rng.standard_normal((count, 1, model.inputs.shape[1]))
    return gradient(model, weights[None], x, rng.standard_normal((count, 1, len(model.output))))


def step(
    model: Network,
    weights: np.ndarray,
    velocity: np.ndarray,
    optimiser: Optimiser,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """One step of an ensemble on fresh samples: new W and v."""
    x = rng.standard_normal((len(weights), optimiser.batch_size, model.inputs.shape[1]))
    eta = rng.standard_normal((len(weights), optimiser.batch_size, len(model.output)))
    return optimiser.step(weights, velocity, gradient(model, weights, x, eta))
