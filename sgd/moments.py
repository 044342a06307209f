"""Mini-batches of Gaussian samples drawn as what an update needs of them, in lanes (numba)."""

from __future__ import annotations

import math

import numpy as np

from streams import LANES, fill_gamma, fill_normal, kernel


@kernel
def fill_rows(state, gamma, draw, freedom, n):
    """Rows of ``draw`` whose second moment is that of ``freedom`` standard normal samples; their number.

    From ``freedom`` = n on it is a Wishart matrix by Bartlett's decomposition: n lower triangular rows of
    normals and chi variates. ``draw`` has n + 1 columns, ``gamma`` n + 1 rows of scratch.
    """
    if freedom < n:
        for s in range(freedom):
            fill_normal(state, draw[s], (n + 1) // 2)
        return freedom
    shape = np.empty(n)
    for s in range(n):  # chi variates of freedom - (n - 1), …, freedom on the diagonal
        shape[s] = 0.5 * (freedom - (n - 1 - s))
    fill_gamma(state, gamma, shape)
    for s in range(n):
        row = draw[s]
        fill_normal(state, row, (s + 1) // 2)
        chi = row[s]
        g = gamma[s]
        for lane in range(LANES):
            chi[lane] = math.sqrt(2.0 * g[lane])
    return n
