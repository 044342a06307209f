"""Mini-batches of Gaussian inputs multiply W: which covariances they couple, and when that is stable."""

from __future__ import annotations

import numpy as np

from dyson.linear.basis import Basis, Pairs
from dyson.linear.moments import Blocks, Flow, second_moment_map

MOST_COLUMNS = 300
"""Columns of W: all variances of a row couple, at a cost of their third power."""


def batch_blocks(basis: Basis, noise: Pairs) -> list[Blocks]:
    r"""Blocks of coupled covariances where every step sees a mini-batch.

    With u = A − A_teacher and S the mean of x xᵀ, x ~ N(0, diag c), Wick's theorem gives for one sample

        Cov(G_ab, G_a'b') = z_a² z_a'² [ (Σ_m c_m u_am u_a'm) c_b δ_bb' + c_b c_b' u_ab' u_a'b ],  G = z² u S.

    For two rows a, a' the N covariances with b = b' couple to each other, and (b, b') to (b', b).

    Returns
    -------
    list of Blocks
        All covariances with a <= a': those with b = b', then the others.
    """
    m, n = len(basis.z2), len(basis.c)
    if n > MOST_COLUMNS:
        raise ValueError(
            f"covariances with mini-batches are solved for at most {MOST_COLUMNS} columns, which couple; "
            f"got {n}: use data='exact'"
        )
    additive = np.zeros((m * n, m * n))
    additive[noise.first, noise.second] = noise.values
    additive[noise.second, noise.first] = noise.values
    a, other = np.triu_indices(m)
    strength = (basis.z2[a] * basis.z2[other])[:, None, None]
    column = np.arange(n)
    out = [_blocks(a[:, None] * n + column, other[:, None] * n + column, additive, strength * _same(basis.c))]
    b, d = np.triu_indices(n, 1)
    if len(b):
        swap = (basis.c[b] * basis.c[d])[:, None, None] * np.array([[0.0, 1.0], [1.0, 0.0]])
        first = a[:, None, None] * n + np.stack([b, d], -1)
        second = other[:, None, None] * n + np.stack([d, b], -1)
        coupling = (strength[:, None] * swap).reshape(-1, 2, 2)
        out.append(_blocks(first.reshape(-1, 2), second.reshape(-1, 2), additive, coupling))
    return out


def _same(c: np.ndarray) -> np.ndarray:
    return np.outer(c, c) + np.diag(c**2)


def _blocks(first: np.ndarray, second: np.ndarray, additive: np.ndarray, coupling: np.ndarray) -> Blocks:
    return Blocks(first, second, additive[first, second], coupling)


def growth(basis: Basis, flow: Flow) -> float:
    """Growth factor of the second moments per step, or per unit time its exponent, in directions that learn.

    Covariances are bounded by variances, and the variances of one row couple among themselves only.
    """
    rows, columns = np.flatnonzero(basis.z2), np.flatnonzero(basis.c)
    entries = rows[:, None] * len(basis.c) + columns
    coupling = basis.z2[rows, None, None] ** 2 * _same(basis.c[columns])
    blocks = Blocks(entries, entries, np.zeros(entries.shape), coupling)
    values = np.linalg.eigvals(second_moment_map(flow, blocks))
    return float(values.real.max() if flow.continuous else np.abs(values).max())
