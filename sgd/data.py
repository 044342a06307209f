"""Targets: the precision matrices of the Gaussian distributions that models are trained on."""

from __future__ import annotations

import numpy as np

from streams.arguments import count, finite, positive


def ring_scalar_field(n: int, mass2: float) -> np.ndarray:
    """Precision matrix of a free scalar field on a ring of ``n`` sites.

    K = (m² + 2) 1 - (shifts to both neighbours), with eigenvalues κ_k = m² + 2 - 2 cos(2πk/n),
    k = 0 … n - 1: between single ones at the ends, pairs. Aarts, Lucini, Park, arXiv:2309.15002.

    Parameters
    ----------
    n : int
        Sites, at least 3.
    mass2 : float
        Squared mass m² > 0, units "1".

    Returns
    -------
    ndarray, shape (n, n)

    Raises
    ------
    TypeError, ValueError
        If ``n`` is not a whole number >= 3 or ``mass2`` not a finite number > 0.
    """
    n, mass2 = count("n", n, 3), positive("mass2", mass2)
    one = np.eye(n)
    return (mass2 + 2.0) * one - np.roll(one, 1, axis=0) - np.roll(one, -1, axis=0)


def precision_of_samples(samples: np.ndarray) -> np.ndarray:
    """Inverse of the second moment ⟨φφᵀ⟩ of a data set (samples, n); the mean is not subtracted.

    Raises
    ------
    ValueError
        If the samples are not finite or do not span all n directions.
    """
    phi = finite("samples", samples, (2,))
    moment = phi.T @ phi / len(phi)
    rank = np.linalg.matrix_rank(phi)
    if rank < phi.shape[1]:
        raise ValueError(
            f"samples span only {rank} of {phi.shape[1]} directions, the target's precision does not exist; "
            "give more samples or drop dependent components"
        )
    return np.linalg.inv(moment)
