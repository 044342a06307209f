"""Exact paths of the matrix Ornstein–Uhlenbeck process: diagonalise the matrix itself, no step error."""

from __future__ import annotations

import numpy as np

from dyson.sde import EigenvalueSDE
from streams import generator


def paths(
    sde: EigenvalueSDE, x0: np.ndarray, times: np.ndarray, dt: float, seed: int, first: int
) -> np.ndarray:
    """Eigenvalues at ``times`` of matrices that start as diag(x0); shape (replica, time, n).

    X(t + τ) = c + e^{-kτ}(X(t) - c) + σ √(1 - e^{-2kτ}) H with H from the Gaussian ensemble, entries of
    variance 1 on the diagonal and β/2 · (1/β) off it per real component. ``dt`` is not used.

    Raises
    ------
    ValueError
        Where the process is not of this kind: another model, several species, β not 1 or 2.
    """
    k, c, g = (np.unique(sde.parameters.get(name, [])) for name in ("rate", "center", "noise"))
    if sde.model != "matrix_ou" or not len(k) == len(c) == len(g) == 1 or sde.beta not in (1.0, 2.0):
        raise ValueError(
            "solver 'matrix' is exact for matrix_ou with one rate, one center, one noise and beta 1 or 2; "
            f"got {sde!r}: use 'bond-splitting'"
        )
    out = np.empty((len(x0), len(times), sde.n))
    for r in range(len(x0)):
        rng = generator(seed, "dyson matrix", first + r)
        out[r] = _one_path(rng, x0[r], times, float(k[0]), float(c[0]), float(g[0]), sde.beta)
    return out


def _one_path(rng, x0, times, k, c, g, beta) -> np.ndarray:
    n = len(x0)
    matrices = np.empty((len(times), n, n), complex if beta == 2.0 else float)
    matrices[0] = np.diag(x0)
    for i, tau in enumerate(np.diff(times)):
        decay = np.exp(-k * tau)
        variance = g * g * (tau if k == 0 else -np.expm1(-2.0 * k * tau) / (2.0 * k)) * 2.0
        noise = rng.standard_normal((n, n)) + (1j * rng.standard_normal((n, n)) if beta == 2.0 else 0.0)
        hermitian = (noise + noise.conj().T) / 2.0  # diagonal variance 1, each off-diagonal component 1/2
        matrices[i + 1] = (
            c * np.eye(n) + decay * (matrices[i] - c * np.eye(n)) + np.sqrt(variance) * hermitian
        )
    return np.linalg.eigvalsh(matrices)[:, ::-1]
