"""Targets: what a model is trained towards."""

from __future__ import annotations

import numpy as np

from streams.arguments import count, finite, positive


def ring_scalar_field(n: int, mass2: float) -> np.ndarray:
    r"""Precision matrix of a free scalar field on a ring of n sites.

        K = (m² + 2) 1 - (shift right) - (shift left),   κ_k = m² + 2 - 2 cos(2πk/n)

    Modes k and n - k are degenerate. Source: arXiv:2309.15002; the target of arXiv:2412.20496 has n = 10, m² = 4.

    Parameters
    ----------
    n : int
        Sites, at least 3 (below that the two neighbours of a site are one).
    mass2 : float
        m² > 0.

    Returns
    -------
    ndarray, shape (n, n)
        Inverse covariance of the field.
    """
    n = count("n", n, least=3)
    shift = np.roll(np.eye(n), 1, axis=0)
    return (positive("mass2", mass2) + 2.0) * np.eye(n) - shift - shift.T


def precision(target) -> np.ndarray:
    """``target`` as a symmetric positive definite matrix; ValueError says what is wrong with it."""
    matrix = finite("target", target, ndim=(2,))
    if matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"target must be a square precision matrix, got shape {matrix.shape}")
    scale = abs(matrix).max()
    if not np.allclose(matrix, matrix.T, rtol=0.0, atol=1e-10 * scale):
        raise ValueError("target must be symmetric: pass (K + K.T)/2 if the difference is rounding")
    lowest = float(np.linalg.eigvalsh(matrix)[0])
    if not lowest > 1e-12 * scale:
        raise ValueError(
            f"target must be positive definite (it is an inverse covariance), lowest eigenvalue {lowest:.3g}"
        )
    return (matrix + matrix.T) / 2.0


def precision_of_samples(samples) -> np.ndarray:
    """Inverse of the second moment ⟨φφᵀ⟩ of a data set (sample, unit); ValueError where it is singular."""
    data = finite("samples", samples, ndim=(2,))
    moment = data.T @ data / len(data)
    values = np.linalg.eigvalsh(moment)
    if values[0] <= 1e-12 * values[-1]:
        raise ValueError(
            f"{len(data)} samples of {data.shape[1]} units do not span them (second moment is singular): "
            "pass more samples, or fewer units"
        )
    return np.linalg.inv(moment)
