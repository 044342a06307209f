"""Block functions of the Gaussian RBM's eigenvalue SDE (``dyson.models.rbm`` holds the equation).

theta = (μ², σ_h², T, estimator, sweeps, data batch?, null modes, Σ 1/κ over null modes, κ_1 ... κ_n).
"""

from __future__ import annotations

import math

import numpy as np

from dyson.blocks import DRIFT_SIGNATURE, NEAR, NOISE_SIGNATURE, SPLIT_KEEPING_FAR, WHOLE
from streams import LANES, kernel

HEAD = 8
INDEPENDENT, PERSISTENT, CONTRASTIVE = 0.0, 1.0, 2.0
_TINY = 1e-300


@kernel(nogil=True)
def _covariances(x, theta, u, v, rho):
    """Rows u_i, v_i, ρ_i of the gradient covariance H_ij, see ``_h``; NaN where K is not positive."""
    mu2, s2, estimator, sweeps, batch = theta[0], theta[1], theta[3], theta[4], theta[5]
    for i in range(x.shape[0]):
        inverse = 1.0 / theta[HEAD + i]
        xi = x[i]
        ui = u[i]
        vi = v[i]
        ri = rho[i]
        for lane in range(LANES):
            k = mu2 - s2 * xi[lane]
            ui[lane] = 1.0 / k if k > 0.0 else math.nan
            vi[lane] = inverse * batch
            ri[lane] = 0.0
        if estimator != INDEPENDENT:
            for lane in range(LANES):
                ri[lane] = 1.0
            for _ in range(int(sweeps)):
                for lane in range(LANES):
                    ri[lane] *= max(s2 * xi[lane] / mu2, 0.0)
        if estimator == CONTRASTIVE:
            for lane in range(LANES):
                p2 = ri[lane] * ri[lane]
                ui[lane] = p2 * inverse + ui[lane] * (1.0 - p2)


@kernel(nogil=True)
def _h(u, v, rho, i, j, estimator, h):
    """Row of H_ij, the covariance of the gradient's factor Q: Cov(Q_ij, Q_ij) = T H_ij (1 + δ_ij)."""
    a, b, c, d = u[i], u[j], v[i], v[j]
    if estimator == INDEPENDENT:
        for lane in range(LANES):
            h[lane] = a[lane] * b[lane] + c[lane] * d[lane]
        return
    p, q = rho[i], rho[j]
    if estimator == PERSISTENT:
        for lane in range(LANES):
            r = p[lane] * q[lane]
            h[lane] = a[lane] * b[lane] * (1.0 + r) / (1.0 - r) + c[lane] * d[lane]
    else:
        for lane in range(LANES):
            h[lane] = a[lane] * b[lane] + (1.0 - 2.0 * p[lane] * q[lane]) * c[lane] * d[lane]


@kernel(nogil=True)
def _pair(x, ts, dt, i, j, neighbours, h, g2, out, ito):
    """Both particles of one pair: repulsion (its regular part for neighbours) and Itô term."""
    xi, xj, oi, oj = x[i], x[j], out[i], out[j]
    gi, gj = g2[i], g2[j]
    if neighbours:  # G_ij -> g_i² as d -> 0, so these quotients stay finite
        for lane in range(LANES):
            s = xi[lane] + xj[lane]
            d = xi[lane] - xj[lane]
            g = ts * h[lane] * s * s
            inverse = d / (d * d + _TINY)
            oi[lane] += (g - gi[lane]) * inverse + ts * h[lane] * xj[lane]
            ito[lane] = (g - gj[lane]) * inverse - ts * h[lane] * xi[lane]
    else:
        for lane in range(LANES):
            s = xi[lane] + xj[lane]
            d = xi[lane] - xj[lane]
            g = ts * h[lane] * s * s
            force = g * d / (d * d + 2.0 * g * dt + _TINY)
            oi[lane] += force + ts * h[lane] * xj[lane]
            ito[lane] = force - ts * h[lane] * xi[lane]
    for lane in range(LANES):
        oj[lane] -= ito[lane]


@kernel(DRIFT_SIGNATURE, nogil=True)
def rbm_drift(x, theta, dt, mode, out, work):
    """dx_i/dt of the Gaussian RBM, see ``dyson.blocks`` for the arguments."""
    n = x.shape[0]
    mu2, s2, estimator, batch, nulls, null_sum = theta[0], theta[1], theta[3], theta[5], theta[6], theta[7]
    ts = theta[2] * s2 * s2
    far, u, v, rho = work[:n], work[n : 2 * n], work[2 * n : 3 * n], work[3 * n : 4 * n]
    g2, h, spare = work[4 * n : 5 * n], work[5 * n], work[5 * n + 1]
    _covariances(x, theta, u, v, rho)
    for i in range(n):
        inverse = 1.0 / theta[HEAD + i]
        xi, row, p, gi = x[i], out[i], rho[i], g2[i]
        ui = u[i]
        _h(u, v, rho, i, i, estimator, h)
        for lane in range(LANES):
            gi[lane] = 4.0 * ts * xi[lane] * xi[lane] * h[lane]
            flow = 2.0 * s2 * xi[lane] * (inverse - 1.0 / (mu2 - s2 * xi[lane]))
            if estimator == CONTRASTIVE:
                flow *= 1.0 - p[lane] * p[lane]
            # Itô term of the mode itself, and the modes pinned at zero: they repel it too
            zero = nulls * ui[lane] / mu2 + batch * null_sum * inverse
            row[lane] = flow + ts * xi[lane] * (2.0 * h[lane] + zero)
    if mode != SPLIT_KEEPING_FAR:
        far[:] = 0.0
        for i in range(n - NEAR - 1):
            for j in range(i + NEAR + 1, n):
                _h(u, v, rho, i, j, estimator, h)
                _pair(x, ts, dt, i, j, False, h, g2, far, spare)
    for i in range(n - 1):
        for j in range(i + 1, min(i + NEAR + 1, n)):
            _h(u, v, rho, i, j, estimator, h)
            _pair(x, ts, dt, i, j, mode != WHOLE and j == i + 1, h, g2, out, spare)
    for i in range(n):
        row, f = out[i], far[i]
        for lane in range(LANES):
            row[lane] += f[lane]


@kernel(NOISE_SIGNATURE, nogil=True)
def rbm_noise(x, theta, g2):
    """g_i² = 4 T σ_h⁴ x_i² H_ii."""
    n = x.shape[0]
    ts = theta[2] * theta[1] * theta[1]
    rows = np.empty((3 * n + 1, LANES))
    u, v, rho, h = rows[:n], rows[n : 2 * n], rows[2 * n : 3 * n], rows[3 * n]
    _covariances(x, theta, u, v, rho)
    for i in range(n):
        _h(u, v, rho, i, i, theta[3], h)
        xi, row = x[i], g2[i]
        for lane in range(LANES):
            row[lane] = 4.0 * ts * xi[lane] * xi[lane] * h[lane]
