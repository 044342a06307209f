"""Factors of covariances that may be singular, with bits that no number of threads changes (numba)."""

from __future__ import annotations

import math

import numpy as np

from streams import kernel

VANISHING = 1e-13
"""A pivot below this fraction of its variance is rounding: the rest of its column is zero."""


@kernel(nogil=True)
def semidefinite_factor(a):
    """Lower triangular L with L Lᵀ = a for each of ``a`` (count, n, n), in its place.

    Cholesky's algorithm in the order of the entries; a direction without variance of its own gets a column of
    zeros. NumPy's eigenvectors and Cholesky factors depend in the last bits on the number of BLAS threads.
    """
    count, n, _ = a.shape
    column, least = np.empty(n), np.empty(n)
    for b in range(count):
        m = a[b]
        for i in range(n):
            least[i] = VANISHING * m[i, i]
        for j in range(n):
            root = math.sqrt(m[j, j]) if m[j, j] > least[j] else 0.0
            inverse = 1.0 / root if root > 0.0 else 0.0
            m[j, j] = root
            for i in range(j + 1, n):
                column[i] = m[i, j] * inverse
                m[i, j] = column[i]
                m[j, i] = 0.0
            for i in range(j + 1, n):
                row, c = m[i], column[i]
                for k in range(j + 1, i + 1):
                    row[k] -= c * column[k]
