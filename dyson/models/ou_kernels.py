"""Block functions of the matrix Ornstein–Uhlenbeck process: linear drift, constant noise."""

from __future__ import annotations

from dyson.blocks import DRIFT_SIGNATURE, NEAR, NOISE_SIGNATURE, SPLIT_KEEPING_FAR, WHOLE
from streams import LANES, kernel

_TINY = 1e-300  # a pair at distance zero exerts no force: 0/(0 + tiny) instead of 0/0


@kernel(nogil=True)
def _forces_of(x, theta, dt, i, first, last, force, total):
    """Add 1/(x_i - x_j) to particle i and its negative to j, first <= j < last: bound by the division."""
    n = x.shape[0]
    xi = x[i]
    for lane in range(LANES):
        total[lane] = 0.0
    for j in range(first, last):
        e2 = (theta[2 * n + i] + theta[2 * n + j]) * dt + _TINY
        xj = x[j]
        fj = force[j]
        for lane in range(LANES):
            d = xi[lane] - xj[lane]
            r = d / (d * d + e2)
            total[lane] += r
            fj[lane] -= r
    fi = force[i]
    for lane in range(LANES):
        fi[lane] += total[lane]


@kernel(DRIFT_SIGNATURE, nogil=True)
def ou_drift(x, theta, dt, mode, out, work):
    """k_i (c_i - x_i) + β Σ_j g_i²/(x_i - x_j); theta = (k, c, g², β), see ``dyson.blocks``."""
    n = x.shape[0]
    far = work[:n]
    near = work[n : 2 * n]
    total = work[2 * n]
    near[:] = 0.0
    if mode != SPLIT_KEEPING_FAR:
        far[:] = 0.0
        for i in range(n - NEAR - 1):
            _forces_of(x, theta, dt, i, i + NEAR + 1, n, far, total)
    for i in range(n - 1):
        _forces_of(x, theta, dt, i, i + 1 if mode == WHOLE else i + 2, min(i + NEAR + 1, n), near, total)
    beta = theta[3 * n]
    for i in range(n):
        k = theta[i]
        c = theta[n + i]
        bg = beta * theta[2 * n + i]
        xi, row, f, g = x[i], out[i], near[i], far[i]
        for lane in range(LANES):
            row[lane] = k * (c - xi[lane]) + bg * (f[lane] + g[lane])


@kernel(NOISE_SIGNATURE, nogil=True)
def ou_noise(x, theta, g2):
    """Squared noise amplitudes g_i², the same for every replica."""
    n = x.shape[0]
    for i in range(n):
        value = theta[2 * n + i]
        row = g2[i]
        for lane in range(LANES):
            row[lane] = value
