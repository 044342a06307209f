"""Eigenvalues of LANES symmetric tridiagonal matrices side by side (numba)."""

from __future__ import annotations

import math

import numpy as np

from streams import LANES, kernel

MOST_SWEEPS = 30
"""Sweeps per eigenvalue after which a lane is given up; a random matrix takes 1.7."""

_LEAST = 1e-100  # of squares, where the largest is at most 1: far below rounding, and no quotient overflows
_CONVERGED = (0.5 * np.finfo(float).eps) ** 2


@kernel
def _steps(d, e, d_new, e_new, p, s, g, shift, first, last):
    """Rows ``first`` down to ``last`` of one sweep, for all lanes.

    One division a row: 1/(r p) serves c = p/r, s = e²/r and p = g²/c.
    """
    for i in range(first, last - 1, -1):
        d_here, e_here, d_there, e_there = d[i], e[i], d_new[i + 1], e_new[i + 1]
        for lane in range(LANES):
            b, old, q = e_here[lane], g[lane], p[lane]
            r = q + b
            inverse = 1.0 / (r * q)
            e_there[lane] = max(s[lane] * r, _LEAST)
            sine = b * (q * inverse)
            new = (q * q * inverse) * (d_here[lane] - shift[lane]) - sine * old
            d_there[lane] = old + (d_here[lane] - new)
            p[lane] = max(new * new * (r * r * inverse), _LEAST)
            s[lane] = sine
            g[lane] = new


@kernel
def _last_steps(d, e, d_new, e_new, p, s, g, shift, begin, first, last):
    """As `_steps` where some lanes have come to the end, row ``begin[lane]``: their p, s, g stay."""
    for i in range(first, last - 1, -1):
        d_here, e_here, d_there, e_there = d[i], e[i], d_new[i + 1], e_new[i + 1]
        for lane in range(LANES):
            b, old, q = e_here[lane], g[lane], p[lane]
            r = q + b
            inverse = 1.0 / (r * q)
            e_there[lane] = max(s[lane] * r, _LEAST)
            sine = b * (q * inverse)
            new = (q * q * inverse) * (d_here[lane] - shift[lane]) - sine * old
            d_there[lane] = old + (d_here[lane] - new)
            goes = i >= begin[lane]
            p[lane] = max(new * new * (r * r * inverse), _LEAST) if goes else q
            s[lane] = sine if goes else s[lane]
            g[lane] = new if goes else old


@kernel
def _deflate(d, e, out, begin, n):
    """Take off what has converged: ``begin[lane]`` is the first row still at work."""
    for lane in range(LANES):
        k = int(begin[lane])
        while k < n - 1 and e[k, lane] <= _CONVERGED * abs(d[k, lane] * d[k + 1, lane]) + 1e-34:
            out[k, lane] = d[k, lane]
            k += 1
        if k == n - 1:
            out[k, lane] = d[k, lane]
        begin[lane] = k


@kernel
def _begin(d, e, p, s, g, shift, begin, n):
    """Wilkinson's shift of every lane, and the start of its sweep in the last row."""
    for lane in range(LANES):
        k = int(begin[lane])
        if k < n - 1:
            root = math.sqrt(e[k, lane])
            half = (d[k + 1, lane] - d[k, lane]) / (2.0 * root)
            shift[lane] = d[k, lane] - root / (half + math.copysign(math.sqrt(half * half + 1.0), half))
        g[lane] = d[n - 1, lane] - shift[lane]
        p[lane] = max(g[lane] * g[lane], _LEAST)
        s[lane] = 0.0


@kernel
def tridiagonal_eigenvalues(d, e, d_new, e_new, out, work):
    """Eigenvalues, in no order, of a symmetric tridiagonal matrix in each lane.

    The root-free QL iteration of Pal, Walker and Kahan (LAPACK's dsterf; Parlett, The Symmetric Eigenvalue
    Problem, ch. 8.15) on squares of off-diagonal entries. All lanes sweep together, each with its own shift
    and its own first row; the rows of a sweep are written beside the old ones, as LLVM vectorises that only.

    Parameters
    ----------
    d, e : ndarray, shape (n, LANES)
        Diagonal entries and the squares of those beside it, entry (k, k + 1) in row k; of size at most 1 (the
        caller scales). Overwritten.
    d_new, e_new : ndarray, shape (n, LANES)
        Scratch.
    out : ndarray, shape (n, LANES)
        Receives the eigenvalues.
    work : ndarray, shape (5, LANES)
        Scratch.

    Returns
    -------
    bool
        Whether all lanes have converged.
    """
    n = d.shape[0]
    p, s, g, shift, begin = work[0], work[1], work[2], work[3], work[4]
    for lane in range(LANES):
        begin[lane] = 0.0
        shift[lane] = 0.0
    for k in range(n):
        row = e[k]
        for lane in range(LANES):
            row[lane] = max(row[lane], _LEAST)
    for _ in range(MOST_SWEEPS * n):
        _deflate(d, e, out, begin, n)
        low, high = begin[0], begin[0]
        for lane in range(1, LANES):
            low = min(low, begin[lane])
            high = max(high, begin[lane])
        if low >= n - 1:
            return True
        _begin(d, e, p, s, g, shift, begin, n)
        last = int(high)
        _steps(d, e, d_new, e_new, p, s, g, shift, n - 2, last)
        _last_steps(d, e, d_new, e_new, p, s, g, shift, begin, min(n - 2, last - 1), int(low))
        for lane in range(LANES):
            k = int(begin[lane])
            e_new[k, lane] = s[lane] * p[lane]
            d_new[k, lane] = shift[lane] + g[lane]
        d, d_new = d_new, d
        e, e_new = e_new, e
    return False
