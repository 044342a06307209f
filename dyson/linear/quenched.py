"""Mini-batches that every replica shares: a linear recursion on given data, its noise averaged exactly."""

from __future__ import annotations

import numpy as np
from scipy.special import erf

from streams import generator

_ANGLES = 64  # directions that mean_length averages over


def gram_matrices(batch_size: int, batches: int, data_sets: int, seed: int) -> np.ndarray:
    r"""C_b = ⟨x xᵀ⟩ over the samples of each mini-batch, x ~ N(0, 1) in two dimensions.

    Drawn as what it is, a Wishart matrix over |B|, from three numbers (Bartlett's decomposition).

    Parameters
    ----------
    batch_size, batches, data_sets, seed : int
        |B| samples a batch, batches a data set, data sets, and the entropy of them all.

    Returns
    -------
    ndarray, shape (data_sets, batches, 2, 2)
        Data set d depends on (seed, d) alone (units: 1).
    """
    factor = np.zeros((data_sets, batches, 2, 2))
    for index in range(data_sets):
        rng = generator(seed, "data sets", index)
        factor[index, :, 0, 0] = np.sqrt(2 * rng.standard_gamma(batch_size / 2, batches))
        factor[index, :, 1, 1] = np.sqrt(2 * rng.standard_gamma((batch_size - 1) / 2, batches))
        factor[index, :, 1, 0] = rng.standard_normal(batches)
    return factor @ factor.swapaxes(-1, -2) / batch_size


def epoch_map(
    gram: np.ndarray, learning_rate: float, noise: float, batch_size: int
) -> tuple[np.ndarray, np.ndarray]:
    r"""One epoch as an affine map δ → δ P + G, with the exact covariance of G over the noise.

    Step by step P ← P M_b and Σ ← M_b Σ M_b + α² Cov(ā), M_b = 1 − α C_b, where
    Σ[i, j, k, l] = Cov(G_ik, G_jl) and Cov(ā_ik, ā_jl) = (ε²/|B|)(δ_ij δ_kl + δ_il δ_jk).

    Parameters
    ----------
    gram : ndarray, shape (data_sets, batches, n, n)
        C_b of every batch, any n (units: 1).
    learning_rate, noise, batch_size
        α, ε and |B|.

    Returns
    -------
    propagator : ndarray, shape (data_sets, n, n)
    covariance : ndarray, shape (data_sets, n, n, n, n)
    """
    eye = np.eye(gram.shape[-1])
    kick = np.einsum("ij,kl->ijkl", eye, eye) + np.einsum("il,kj->ijkl", eye, eye)
    kick *= (learning_rate * noise) ** 2 / batch_size
    propagator = np.broadcast_to(eye, (gram.shape[0], *eye.shape))
    covariance = np.zeros((gram.shape[0], *kick.shape))
    for step in range(gram.shape[1]):
        shrink = eye - learning_rate * gram[:, step]
        propagator = propagator @ shrink
        covariance = propagate(covariance, shrink) + kick
    return propagator, covariance


def propagate(covariance: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Covariance of G·right from that of G, Σ[i, j, k, l] = Cov(G_ik, G_jl).

    Parameters
    ----------
    covariance : ndarray, shape (..., n, n, n, n)
    right : ndarray, shape (..., n, n)

    Returns
    -------
    ndarray, shape (..., n, n, n, n)
    """
    return right.swapaxes(-1, -2)[..., None, None, :, :] @ covariance @ right[..., None, None, :, :]


def mean_length(mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    r"""⟨|z|⟩ of a Gaussian vector z in the plane, z ~ N(mean, covariance).

    A vector's length is π/2 times the mean over directions u of |z·u|, and z·u is Gaussian, so
    ⟨|z|⟩ = (π/2) ⟨ s√(2/π) exp(−m²/2s²) + m erf(m/√2 s) ⟩_u with m = mean·u, s² = uᵀ covariance u: a
    periodic integrand, for which equally spaced directions converge exponentially. With mean 0 it is
    √(2/π) s₁ E(1 − s₂²/s₁²), E the complete elliptic integral, s₁ ≥ s₂ the principal deviations.

    Parameters
    ----------
    mean : ndarray, shape (..., 2)
    covariance : ndarray, shape (..., 2, 2)

    Returns
    -------
    ndarray, shape (...)
        In the units of `mean`.
    """
    angle = (np.arange(_ANGLES) + 0.5) * np.pi / _ANGLES
    direction = np.stack([np.cos(angle), np.sin(angle)])
    along = mean @ direction
    variance = np.einsum("ia,...ij,ja->...a", direction, covariance, direction)
    spread = np.sqrt(np.maximum(variance, 1e-200))  # 0 where nothing fluctuates: then |z·u| itself
    folded = spread * np.sqrt(2 / np.pi) * np.exp(-0.5 * (along / spread) ** 2)
    return np.pi / 2 * (folded + along * erf(along / (np.sqrt(2) * spread))).mean(axis=-1)
