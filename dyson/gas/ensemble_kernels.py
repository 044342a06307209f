"""Spectra of the tridiagonal models of the classical ensembles, LANES replicas at a time (numba)."""

from __future__ import annotations

import math

import numpy as np

from dyson.gas.tridiagonal_kernels import tridiagonal_eigenvalues
from streams import LANES, fill_gamma, fill_normal, kernel

SMALL = 1e-7
"""Eigenvalues of positive matrices below this (the largest being of order 1) are computed anew."""

_HALVINGS = 64


@kernel(nogil=True)
def gaussian_block(state, shapes, scale, out):
    """Spectra of the Gaussian ensemble of σ = 1, times ``scale``; ``shapes`` (n - 1,): β k/2, k = 1 … n - 1.

    Dumitriu & Edelman, J. Math. Phys. 43 (2002) 5830: standard normals on the diagonal, beside it entries
    whose squares are Gamma(β k/2).
    """
    n = out.shape[0]
    d, e = np.empty((n + 1, LANES)), np.zeros((n + 1, LANES))
    fill_normal(state, d, (n + 1) // 2)
    fill_gamma(state, e, shapes)
    for k in range(n):
        diagonal, beside = d[k], e[k]
        for lane in range(LANES):
            diagonal[lane] *= scale
            beside[lane] *= scale * scale
    return tridiagonal_eigenvalues(
        d[:n], e[:n], np.empty((n, LANES)), np.empty((n, LANES)), out, np.empty((5, LANES))
    )


@kernel(nogil=True)
def laguerre_block(state, shapes, scale, out):
    """Spectra of weight x^a e^{-x}, times ``scale``, by the bidiagonal model of Dumitriu & Edelman.

    ``shapes`` (2n - 1,): a + 1 + β k/2 for k = 0 … n - 1, then β k/2 for k = 1 … n - 1.
    """
    n = out.shape[0]
    draws = np.empty((2 * n, LANES))
    fill_gamma(state, draws, shapes)
    for k in range(2 * n - 1):
        row = draws[k]
        for lane in range(LANES):
            row[lane] *= scale
    return _squared(draws[:n], draws[n:], out)


@kernel(nogil=True)
def jacobi_block(state, shapes, scale, out):
    """Spectra of weight x^a (1 - x)^b on (0, 1); ``scale`` is not used, as all are below 1.

    R. Killip and I. Nenciu, Int. Math. Res. Not. 2004, 2665; A. Edelman and B. Sutton, Found. Comput. Math. 8
    (2008) 259. ``shapes`` (4n - 2,): a + 1 + β k/2 and b + 1 + β k/2 for k = 0 … n - 1, of the Beta variates
    c²; then β k/2 and a + b + 2 + β (k - 1)/2 for k = 1 … n - 1, of c'².
    """
    n = out.shape[0]
    draws = np.empty((4 * n - 2, LANES))
    fill_gamma(state, draws, shapes)
    q, e = np.empty((n, LANES)), np.zeros((n, LANES))
    for k in range(n):
        for lane in range(LANES):
            a, b = draws[k, lane], draws[n + k, lane]
            q[k, lane] = a / (a + b)
            if k > 0:
                e[k - 1, lane] = b / (a + b)
    for k in range(n - 1):
        for lane in range(LANES):
            a, b = draws[2 * n + k, lane], draws[3 * n - 1 + k, lane]
            e[k, lane] *= a / (a + b)
            q[k, lane] *= b / (a + b)
    return _squared(q, e, out)


@kernel
def _squared(q, e, out):
    """Eigenvalues of BᵀB, B upper bidiagonal, from the squares of its entries: q on, e beside the diagonal.

    Row 0 holds the last row of B, the small end, where QL converges first; e[k] is beside q[k + 1].
    """
    n = out.shape[0]
    d, beside = np.empty((n, LANES)), np.zeros((n, LANES))
    for k in range(n):
        for lane in range(LANES):
            d[k, lane] = q[k, lane] + (e[k, lane] if k < n - 1 else 0.0)
            if k < n - 1:
                beside[k, lane] = e[k, lane] * q[k + 1, lane]
    scratch = np.empty((2, n, LANES))
    good = tridiagonal_eigenvalues(d, beside, scratch[0], scratch[1], out, np.empty((5, LANES)))
    _recompute_small(q, e, out)
    return good


@kernel
def _recompute_small(q, e, out):
    """Eigenvalues below SMALL to full relative precision, so that none is negative, by bisection of log x."""
    n = out.shape[0]
    least = np.zeros(LANES)
    for k in range(n):
        for lane in range(LANES):
            least[lane] += 1.0 if out[k, lane] < SMALL else 0.0
    most = int(least.max())
    if most == 0:
        return
    index = np.empty((most, LANES), np.int64)
    for lane in range(LANES):
        index[:, lane] = np.argsort(out[:, lane])[:most]
    low, high, x = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    s, below = np.empty(LANES), np.empty(LANES)
    for j in range(most):
        low[:], high[:] = -700.0, math.log(2.0 * SMALL)
        for _ in range(_HALVINGS):
            for lane in range(LANES):
                x[lane] = math.exp(0.5 * (low[lane] + high[lane]))
            _count_below(q, e, x, s, below)
            for lane in range(LANES):
                middle = 0.5 * (low[lane] + high[lane])
                high[lane] = middle if below[lane] > j else high[lane]
                low[lane] = low[lane] if below[lane] > j else middle
        for lane in range(LANES):
            if j < least[lane]:
                out[index[j, lane], lane] = math.exp(high[lane])


@kernel
def _count_below(q, e, x, s, below):
    """Number of eigenvalues of BᵀB below x in every lane: the differential stationary qd transform.

    Parlett & Fernando, Numer. Math. 67 (1994) 191: its signs are those of BᵀB - x, without cancellation.
    """
    for lane in range(LANES):
        s[lane] = -x[lane]
        below[lane] = 0.0
    for k in range(q.shape[0] - 1, -1, -1):
        here, beside = q[k], e[max(k - 1, 0)]
        for lane in range(LANES):
            pivot = s[lane] + here[lane]
            pivot = pivot if abs(pivot) > 1e-300 else -1e-300
            below[lane] += 1.0 if pivot < 0.0 else 0.0
            s[lane] = s[lane] * (beside[lane] / pivot) - x[lane]
