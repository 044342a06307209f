"""Block functions of a measured equation: linear drift, noise and repulsion with given coefficients."""

from __future__ import annotations

import math

from dyson.blocks import DRIFT_SIGNATURE, NEAR, NOISE_SIGNATURE, SPLIT_KEEPING_FAR, WHOLE
from streams import LANES, kernel

_TINY = 1e-300  # a pair at distance zero exerts no force: 0/(0 + tiny) instead of 0/0


@kernel(nogil=True)
def _rows(x, theta, rows, out):
    """What depends on one mode: x >= 0, √x and g² into ``rows``; c_i - k_i x_i into ``out``."""
    n = x.shape[0]
    for i in range(n):
        own, k, strength = theta[i], theta[n + i], theta[2 * n + i]
        xi, out_i = x[i], out[i]
        clipped, root, g2 = rows[i], rows[n + i], rows[2 * n + i]
        for lane in range(LANES):
            value = max(xi[lane], 0.0)
            clipped[lane] = value
            root[lane] = math.sqrt(value)
            g2[lane] = strength * value
            out_i[lane] = own - k * value


@kernel(nogil=True)
def _pair(theta, rows, dt, i, j, keep, out, spare):
    """Repulsion of one pair on both, less what the solver has of it (keep = 1: g_i² and g_j² over the gap).

    What is left to neighbours of one multiplet is regular only for a table without errors: regularised, too.
    """
    n = rows.shape[0] // 3
    forth = theta[3 * n + i * n + j]
    back = theta[3 * n + j * n + i]
    both = theta[3 * n + n * n + i * n + j]
    x_i, x_j, root_i, root_j = rows[i], rows[j], rows[n + i], rows[n + j]
    g2_i, g2_j = rows[2 * n + i], rows[2 * n + j]
    out_i, out_j = out[i], out[j]
    for lane in range(LANES):
        g = forth * x_i[lane] + back * x_j[lane] + both * root_i[lane] * root_j[lane]
        d = x_i[lane] - x_j[lane]
        inverse = d / (d * d + (g2_i[lane] + g2_j[lane]) * dt + _TINY)
        out_i[lane] += (g - keep * g2_i[lane]) * inverse
        spare[lane] = (g - keep * g2_j[lane]) * inverse
    for lane in range(LANES):
        out_j[lane] -= spare[lane]


@kernel(DRIFT_SIGNATURE, nogil=True)
def measured_drift(x, theta, dt, mode, out, work):
    """c_i - k_i x_i + Σ_j G_ij/(x_i - x_j), G_ij = A_ij x_i + A_ji x_j + B_ij √(x_i x_j).

    theta = (c, k, g²/x, A, B), see ``dyson.blocks``.
    """
    n = x.shape[0]
    far, rows, spare = work[:n], work[n : 4 * n], work[4 * n]
    _rows(x, theta, rows, out)
    if mode != SPLIT_KEEPING_FAR:
        far[:] = 0.0
        for i in range(n - NEAR - 1):
            for j in range(i + NEAR + 1, n):
                _pair(theta, rows, dt, i, j, 0.0, far, spare)
    for i in range(n - 1):
        for j in range(i + 1, min(i + NEAR + 1, n)):
            keep = 1.0 if mode != WHOLE and j == i + 1 else 0.0
            _pair(theta, rows, dt, i, j, keep, out, spare)
    for i in range(n):
        row, distant = out[i], far[i]
        for lane in range(LANES):
            row[lane] += distant[lane]


@kernel(NOISE_SIGNATURE, nogil=True)
def measured_noise(x, theta, g2):
    """Squared noise amplitudes g_i² = 2 T D_{ii,ii} x_i."""
    n = x.shape[0]
    for i in range(n):
        strength = theta[2 * n + i]
        xi, row = x[i], g2[i]
        for lane in range(LANES):
            row[lane] = strength * max(xi[lane], 0.0)
