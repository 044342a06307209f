"""Coordinates and repulsion of ordered particles for Hamiltonian Monte Carlo, LANES at a time (numba)."""

from __future__ import annotations

import math

import numpy as np

from streams import LANES, kernel

SHARPNESS = 2.0
"""Of log(1 + e^{c u})/c, which takes the line to positive gaps: straight above 1/c."""

FREE, ABOVE, BELOW, BETWEEN = 0, 1, 2, 3
"""No wall, one below, one above, or both."""


@kernel
def places(z, gap, kind, low, high, x, jacobian, bend):
    """From free coordinates z (n, LANES) to places x in descending order within the walls.

    With u_i = (z_i - z_{i+1})/gap_i: t_i - t_{i+1} = gap_i log(1 + e^{c u_i})/c, t_n = z_n, and x = w(t), w
    the identity, low + e^t, high - e^{-t} or a logistic function.

    Parameters
    ----------
    jacobian : ndarray, shape (LANES,)
        Receives log |∂x/∂z|.
    bend : ndarray, shape (3, n, LANES)
        Receives w'(t), -(log w')'(t), and d(log(1 + e^{c u})/c)/du.
    """
    n = z.shape[0]
    t = np.empty(LANES)
    for i in range(n - 1, -1, -1):
        for lane in range(LANES):
            total = 0.0
            if i == n - 1:
                t[lane] = z[i, lane]
            else:
                cu = SHARPNESS * (z[i, lane] - z[i + 1, lane]) / gap[i]
                tail = math.exp(-abs(cu))
                log_more = math.log1p(tail)
                t[lane] += gap[i] * (max(cu, 0.0) + log_more) / SHARPNESS
                bend[2, i, lane] = (1.0 if cu > 0.0 else tail) / (1.0 + tail)
                total += min(cu, 0.0) - log_more
            x[i, lane], bend[0, i, lane], bend[1, i, lane], log_slope = _inside(t[lane], kind, low, high)
            jacobian[lane] = total + log_slope + (jacobian[lane] if i < n - 1 else 0.0)


@kernel(inline="always")
def _inside(t, kind, low, high):
    """w, w', -(log w')' and log w' at t."""
    if kind == FREE:
        return t, 1.0, 0.0, 0.0
    if kind == ABOVE:
        slope = math.exp(t)
        return low + slope, slope, -1.0, t
    if kind == BELOW:
        slope = math.exp(-t)
        return high - slope, slope, 1.0, -t
    tail = math.exp(-abs(t))
    part = tail / (1.0 + tail)
    log_slope = math.log(high - low) - abs(t) - 2.0 * math.log1p(tail)
    slope = part / (1.0 + tail) * (high - low)
    if t > 0.0:
        return high - part * (high - low), slope, 1.0 - 2.0 * part, log_slope
    return low + part * (high - low), slope, 2.0 * part - 1.0, log_slope


@kernel
def pull_back(slope, bend, gap, out):
    """Gradient in z of E(x(z)) - log |∂x/∂z|, from ``slope`` = ∂E/∂x; all (n, LANES)."""
    n = slope.shape[0]
    for lane in range(LANES):
        total, above = 0.0, 0.0
        for i in range(n):
            total += slope[i, lane] * bend[0, i, lane] + bend[1, i, lane]
            here = total
            if i < n - 1:
                b = bend[2, i, lane]
                here = total * b - SHARPNESS * (1.0 - b) / gap[i]
            out[i, lane] = here - above
            above = here


@kernel
def repel(x, beta, slope):
    """Adds -β Σ_{j≠i} 1/(x_i - x_j) to ``slope``; x (n, LANES) in strictly descending order."""
    n = x.shape[0]
    push = np.empty(LANES)
    for i in range(n):
        mine, total = x[i], slope[i]
        for lane in range(LANES):
            push[lane] = 0.0
        _push(x, mine, push, 0, i)
        _push(x, mine, push, i + 1, n)
        for lane in range(LANES):
            total[lane] -= beta * push[lane]


@kernel
def _push(x, mine, push, first, last):
    """push += Σ 1/(mine - x_j) over first <= j < last; two a division."""
    for j in range(first, last - 1, 2):
        one, two = x[j], x[j + 1]
        for lane in range(LANES):
            a, b = mine[lane] - one[lane], mine[lane] - two[lane]
            push[lane] += (a + b) / (a * b)
    if (last - first) % 2 == 1:
        other = x[last - 1]
        for lane in range(LANES):
            push[lane] += 1.0 / (mine[lane] - other[lane])


@kernel
def log_gaps(x, out):
    """Σ_{i<j} log(x_i - x_j) of every lane; a logarithm for eight factors at a time."""
    n = x.shape[0]
    product = np.ones(LANES)
    factors = 0
    for lane in range(LANES):
        out[lane] = 0.0
    for i in range(n):
        for j in range(i + 1, n):
            for lane in range(LANES):
                product[lane] *= x[i, lane] - x[j, lane]
            factors += 1
            if factors % 8 == 0:
                for lane in range(LANES):
                    out[lane] += math.log(product[lane])
                    product[lane] = 1.0
    for lane in range(LANES):
        out[lane] += math.log(product[lane])


@kernel
def relocate(x, which, place, moved, gain):
    """In every lane, particle ``which`` of x (n, LANES) at ``place`` instead: ``moved``, in order again.

    ``gain`` (LANES,) receives Σ_j log|place - x_j| - log|x_which - x_j|, -inf where particles coincide.
    """
    n = x.shape[0]
    for lane in range(LANES):
        k, y = which[lane], place[lane]
        mine, ratio, total = x[k, lane], 1.0, 0.0
        row = 0
        for j in range(n):
            if j == k:
                continue
            other = x[j, lane]
            if row == j - (1 if j > k else 0) and other < y:
                moved[row, lane] = y
                row += 1
            moved[row, lane] = other
            row += 1
            ratio *= abs((y - other) / (mine - other))
            if j % 4 == 3:
                total += math.log(ratio) if ratio > 0.0 else -math.inf
                ratio = 1.0
        if row < n:
            moved[row, lane] = y
        gain[lane] = total + (math.log(ratio) if ratio > 0.0 else -math.inf)
