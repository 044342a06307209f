"""The plain-NumPy twin of ``kernels.py``: literal samples, literal Gibbs sweeps, an ensemble at once.

It takes its noise from a NumPy generator that the caller passes. The tests hold the compiled step
against it, and `sgd.noise` measures gradients with it.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from sgd.optimiser import Optimiser


class Machine(Protocol):
    """What the literal algorithm takes of a `GaussianRBM`."""

    @property
    def target(self) -> np.ndarray: ...
    @property
    def covariance(self) -> np.ndarray: ...
    @property
    def n_visible(self) -> int: ...
    @property
    def mu2(self) -> float: ...
    @property
    def sigma_h(self) -> float: ...
    @property
    def model_average(self) -> str: ...
    @property
    def sweeps(self) -> int: ...
    @property
    def data(self) -> str: ...


def precision(model: Machine, weights: np.ndarray) -> np.ndarray:
    """K = μ² - σ_h² WᵀW, shape (replica, n_visible, n_visible), from W (replica, n_hidden, n_visible)."""
    gram = weights.swapaxes(-1, -2) @ weights
    return model.mu2 * np.eye(model.n_visible) - model.sigma_h**2 * gram


def gibbs_sweeps(
    model: Machine, weights: np.ndarray, chains: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """``model.sweeps`` times h ~ p(h|φ), φ ~ p(φ|h), for chains φ (replica, chain, n_visible).

    h|φ has mean σ_h² W φ and variance σ_h²; φ|h has mean Wᵀh/μ² and variance 1/μ².
    """
    transposed = weights.swapaxes(-1, -2)
    for _ in range(model.sweeps):
        mean = model.sigma_h**2 * chains @ transposed
        hidden = mean + model.sigma_h * rng.standard_normal(mean.shape)
        chains = hidden @ weights / model.mu2 + rng.standard_normal(chains.shape) / np.sqrt(model.mu2)
    return chains


def gaussian(k: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """``count`` samples of the Gaussian with precision ``k`` (replica, n, n): (replica, count, n)."""
    factor = np.linalg.cholesky(k)  # φ = L⁻ᵀ z
    z = rng.standard_normal((len(k), k.shape[-1], count))
    return np.linalg.solve(factor.swapaxes(-1, -2), z).swapaxes(-1, -2)


def second_moment(phi: np.ndarray) -> np.ndarray:
    """⟨φφᵀ⟩ over samples (replica, sample, n)."""
    return phi.swapaxes(-1, -2) @ phi / phi.shape[-2]


def step(
    model: Machine,
    weights: np.ndarray,
    chains: np.ndarray | None,
    optimiser: Optimiser,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """One update of an ensemble: new weights, and the samples of the model it used.

    Parameters
    ----------
    weights : ndarray, shape (replica, n_hidden, n_visible)
    optimiser : Optimiser
        Without momentum and weight decay, as `GaussianRBM.check_optimiser` wants it.
    chains : ndarray, shape (replica, batch_size, n_visible), or None
        Persistent chains; None starts them in equilibrium, and is what the other averages take.
    """
    replicas, batch_size = len(weights), optimiser.batch_size
    target = np.broadcast_to(model.target, (replicas, *model.target.shape))
    needs_data = model.data == "batch" or model.model_average == "contrastive"
    data = gaussian(target, batch_size, rng) if needs_data else None
    if model.model_average == "independent":
        chains = gaussian(precision(model, weights), batch_size, rng)
    elif model.model_average == "contrastive":
        assert data is not None
        chains = gibbs_sweeps(model, weights, data, rng)
    else:
        if chains is None:
            chains = gaussian(precision(model, weights), batch_size, rng)
        chains = gibbs_sweeps(model, weights, chains, rng)
    on_data = model.covariance if model.data == "exact" or data is None else second_moment(data)
    gradient = -(model.sigma_h**2) * weights @ (on_data - second_moment(chains))
    return optimiser.step(weights, np.zeros_like(weights), gradient)[0], chains


def gradients(
    model: Machine, weights: np.ndarray, samples: int, rng: np.random.Generator, updates: int
) -> np.ndarray:
    """Gradients of single samples of minus the log-likelihood at W (n_hidden, n_visible).

    Persistent chains start in equilibrium; each gradient is the mean over ``updates`` updates of one chain.
    """
    w, k = weights[None], precision(model, weights[None])
    target = model.target[None]

    def data() -> np.ndarray:
        return gaussian(target, samples, rng)

    fresh = model.data == "batch" or model.model_average == "contrastive"
    phi = data() if fresh else None
    if model.model_average == "contrastive":
        assert phi is not None
        chains, updates = gibbs_sweeps(model, w, phi, rng), 1
    else:
        chains = gaussian(k, samples, rng)
        updates = updates if model.model_average == "persistent" else 1
    change = np.zeros((samples, model.n_visible, model.n_visible))
    for update in range(updates):
        if update:
            chains = gibbs_sweeps(model, w, chains, rng)
            phi = data() if model.data == "batch" else phi
        on_data = _outer(phi[0]) if model.data == "batch" and phi is not None else model.covariance
        change += on_data - _outer(chains[0])
    return -(model.sigma_h**2) * weights @ (change / updates)


def _outer(phi: np.ndarray) -> np.ndarray:
    return phi[:, :, None] * phi[:, None, :]
