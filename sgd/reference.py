"""The literal algorithms in plain NumPy: every sample drawn, every Gibbs sweep made. For tests and reading."""

from __future__ import annotations

import numpy as np

from sgd.rbm import GaussianRBM


def sample_target(rbm: GaussianRBM, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Samples φ ~ N(0, C), shape (*shape, N_v)."""
    return rng.standard_normal((*shape, rbm.n_visible)) / np.sqrt(rbm.kappa) @ rbm.basis.T


def sample_model(rbm: GaussianRBM, weights: np.ndarray, batch: int, rng: np.random.Generator) -> np.ndarray:
    """Independent samples of the models, shape (replica, batch, N_v)."""
    factor = np.linalg.cholesky(np.linalg.inv(rbm.precision_of(weights)))
    return rng.standard_normal((len(weights), batch, rbm.n_visible)) @ factor.transpose(0, 2, 1)


def gibbs(rbm: GaussianRBM, weights: np.ndarray, phi: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """k sweeps φ → h → φ of chains (replica, chain, N_v) at fixed weights (replica, N_h, N_v).

    h | φ ~ N(σ_h² Wφ, σ_h²),  φ | h ~ N(Wᵀh/μ², 1/μ²).
    """
    for _ in range(rbm.sweeps):
        h = rbm.sigma_h**2 * phi @ weights.transpose(0, 2, 1)
        h = h + rbm.sigma_h * rng.standard_normal(h.shape)
        phi = h @ weights / rbm.mu2
        phi = phi + rng.standard_normal(phi.shape) / np.sqrt(rbm.mu2)
    return phi


def step(
    rbm: GaussianRBM,
    weights: np.ndarray,
    learning_rate: float,
    batch_size: int,
    rng: np.random.Generator,
    chains: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """One SGD step of an ensemble, W ← W + α σ_h² W (⟨φφᵀ⟩_data - ⟨φφᵀ⟩_model).

    Parameters
    ----------
    weights : ndarray, shape (replica, N_h, N_v)
    chains : ndarray, shape (replica, |B|, N_v), optional
        Persistent chains; by default they start in the model's equilibrium.

    Returns
    -------
    weights, samples : ndarray
        The new weights, and the model samples used (the chains' new state).
    """
    samples = sample_target(rbm, (len(weights), batch_size), rng)
    if rbm.data == "batch":
        data = samples.transpose(0, 2, 1) @ samples / batch_size
    else:
        data = np.linalg.inv(rbm.target)
    if rbm.model_average == "contrastive":
        phi = gibbs(rbm, weights, samples, rng)
    else:
        phi = sample_model(rbm, weights, batch_size, rng) if chains is None else chains
        if rbm.model_average == "persistent":
            phi = gibbs(rbm, weights, phi, rng)
    model = phi.transpose(0, 2, 1) @ phi / batch_size
    return weights + learning_rate * rbm.sigma_h**2 * weights @ (data - model), phi
