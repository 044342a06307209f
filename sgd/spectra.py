"""Spectra of an ensemble of weight matrices."""

from __future__ import annotations

import numpy as np


def gram_spectra(weights: np.ndarray) -> np.ndarray:
    """Eigenvalues of WᵀW, descending, from W (replica, M, N): (replica, N); NaN where W is not finite."""
    _, m, n = weights.shape
    transposed = weights.swapaxes(-1, -2)
    with np.errstate(over="ignore", invalid="ignore"):
        gram = transposed @ weights if m >= n else weights @ transposed
    x = _descending(gram)
    out = np.zeros((len(weights), n))
    out[:, : min(m, n)] = np.maximum(x, 0.0)  # a vanishing eigenvalue comes out as ± 1e-16
    out[np.isnan(x[:, 0])] = np.nan
    return out


def symmetric_spectra(weights: np.ndarray) -> np.ndarray:
    """Eigenvalues of (W + Wᵀ)/2, descending, from W (replica, N, N); NaN where W is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return _descending(0.5 * (weights + weights.swapaxes(-1, -2)))


def _descending(symmetric: np.ndarray) -> np.ndarray:
    finite = np.isfinite(symmetric).all(axis=(-2, -1))
    x = np.linalg.eigvalsh(np.where(finite[:, None, None], symmetric, 0.0))[:, ::-1].copy()
    x[~finite] = np.nan
    return x
