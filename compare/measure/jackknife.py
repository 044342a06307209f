"""Errors from replicas: the delete-block jackknife, for all statistics at once."""

from __future__ import annotations

import numpy as np

BLOCKS = 50
"""Most blocks of replicas that are deleted in turn: the error's own error is then 10 %."""


def block_sizes(replicas: int, blocks: int = BLOCKS) -> np.ndarray:
    """Sizes of at most ``blocks`` nearly equal blocks of consecutive replicas, shape (block,)."""
    count = min(replicas, blocks)
    return np.diff(np.arange(count + 1) * replicas // count)


def left_out_means(values: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Mean over the first axis, of everything and without each block; shape (1 + blocks, ...)."""
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    sums = np.add.reduceat(values, starts, axis=0)
    total = sums.sum(axis=0, keepdims=True)
    rest = (len(values) - sizes).reshape(-1, *[1] * (values.ndim - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.concatenate([total / len(values), (total - sums) / rest])


def jackknife_error(theta: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    r"""Delete-block jackknife standard error for blocks of unequal size.

    With h_b = n/m_b: pseudo-values θ̃_b = h_b θ − (h_b − 1) θ_(−b), their weighted centre
    θ_J = B θ − Σ_b (1 − m_b/n) θ_(−b), variance (1/B) Σ_b (θ̃_b − θ_J)²/(h_b − 1).

    Parameters
    ----------
    theta : ndarray, shape (1 + blocks, ...)
        Estimate from everything, then without each block.
    sizes : ndarray, shape (block,)

    Returns
    -------
    ndarray, shape (...)
        NaN where there is a single block.
    """
    if sizes.size < 2:
        return np.full(theta.shape[1:], np.nan)
    h = (sizes.sum() / sizes).reshape(-1, *[1] * (theta.ndim - 1))
    full, without = theta[0], theta[1:]
    pseudo = h * full - (h - 1) * without
    centre = sizes.size * full - ((1 - 1 / h) * without).sum(axis=0)
    return np.sqrt(((pseudo - centre) ** 2 / (h - 1)).mean(axis=0))
