"""Kernel of the RBM's matrix SDE. A matrix of a block is an (n, n, LANES) array, one replica a lane."""

from __future__ import annotations

import math

import numpy as np

from streams import LANES, fill_normal, kernel
from streams.lanes import cholesky, multiply, solve, transposed

HEAD = 6


@kernel
def _symmetric_noise(state, normal, scale, out):
    """out = scale · G, Var G_ij = 1 + δ_ij, symmetric."""
    n = out.shape[0]
    fill_normal(state, normal, (n * (n + 1) // 2 + 1) // 2)
    e = 0
    for i in range(n):
        for j in range(i, n):
            s = scale * math.sqrt(2.0) if i == j else scale
            z, upper = normal[e], out[i, j]
            for lane in range(LANES):
                upper[lane] = s * z[lane]
            e += 1
    for i in range(n):
        for j in range(i):
            lower, upper = out[i, j], out[j, i]
            for lane in range(LANES):
                lower[lane] = upper[lane]


@kernel
def _congruence(u, reciprocal, middle, spare, out):
    """out = u⁻¹ M u⁻ᵀ for a symmetric M and K = uᵀu: from white noise to that of the model's samples."""
    n = out.shape[0]
    solve(spare, middle, u, reciprocal, n, n, False)
    solve(out, transposed(spare), u, reciprocal, n, n, False)


@kernel
def _between(power, a, spare, out):
    """out = P a P for symmetric P and a."""
    n = out.shape[0]
    multiply(spare, power, a, n, n, n, 1.0, n)
    multiply(out, spare, power, n, n, n, 1.0, n)


@kernel
def _combine(out, keep, a, b, share):
    """out = keep · out + a + share · b, all (n, n, LANES)."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            row, p, q = out[i, j], a[i, j], b[i, j]
            for lane in range(LANES):
                row[lane] = keep * row[lane] + p[lane] + share * q[lane]


@kernel
def _power(x, factor, sweeps, spare, power):
    """power = (factor X)^sweeps."""
    n = x.shape[0]
    _combine(power, 0.0, x, x, factor - 1.0)
    for _ in range(sweeps - 1):
        multiply(spare, power, x, n, n, n, factor, n)
        _combine(power, 0.0, spare, spare, 0.0)


@kernel
def _chain_noise(state, normal, scale, u, reciprocal, power, terms, middle, spare, model, memory):
    """Noise of the model average over persistent chains: white noise with their memory.

    Its variance in the eigenbasis is (1 + r)/(1 - r), r = ρ_i ρ_j, times that of independent samples:
    Σ_m P^m (E_m + P E_m P) P^m with independent E_m has (1 + r)² Σ r^{2m}, which is the same.
    """
    memory[:] = 0.0
    for _ in range(terms):
        _between(power, memory, spare, model)
        _combine(memory, 0.0, model, model, 0.0)
        _symmetric_noise(state, normal, scale, middle)
        _congruence(u, reciprocal, middle, spare, model)
        _between(power, model, spare, middle)
        _combine(memory, 1.0, model, middle, 1.0)


@kernel(nogil=True)
def advance(x, state, theta, dt, steps):
    """Advance a block of matrices X (n, n, LANES) by ``steps`` steps of ``dt``: X ← (1 + Q) X (1 + Q).

    A replica whose K = μ² - σ_h² X is not positive definite becomes NaN; the others do not notice.
    """
    n = x.shape[0]
    mu2, s2, batch, sweeps, terms = theta[0], theta[1], theta[3] != 0.0, int(theta[4]), int(theta[5])
    scale = math.sqrt(theta[2] * dt)
    u = np.zeros((n, n, LANES))
    middle, spare, model = np.zeros_like(u), np.zeros_like(u), np.zeros_like(u)
    power, memory = np.zeros_like(u), np.zeros_like(u)
    reciprocal, ones, valid = np.ones((n, 1, LANES)), np.ones((1, 1, LANES)), np.ones(LANES)
    normal = np.empty((n * (n + 1) // 2 + 1, LANES))
    for _ in range(steps):
        for i in range(n):
            for j in range(i, n):
                row, source = middle[i, j], x[i, j]
                for lane in range(LANES):
                    row[lane] = (mu2 if i == j else 0.0) - s2 * source[lane]
        cholesky(u, reciprocal, middle, ones, valid, n)
        if terms > 0:
            _power(x, s2 / mu2, sweeps, spare, power)
            _chain_noise(state, normal, scale, u, reciprocal, power, terms, middle, spare, model, memory)
            middle[:] = 0.0
        else:
            _symmetric_noise(state, normal, scale, middle)
        for i in range(n):
            row = middle[i, i]
            for lane in range(LANES):
                row[lane] += dt
        _congruence(u, reciprocal, middle, spare, model)
        if batch:
            _symmetric_noise(state, normal, scale, middle)
        q = power  # free again
        for i in range(n):
            for j in range(n):
                data = dt / theta[HEAD + i] if i == j else 0.0
                one = 1.0 if i == j else 0.0
                noise = 1.0 / math.sqrt(theta[HEAD + i] * theta[HEAD + j]) if batch else 0.0
                a, b, c, row = model[i, j], memory[i, j], middle[i, j], q[i, j]
                for lane in range(LANES):
                    row[lane] = one + s2 * (data + noise * c[lane] - a[lane] - b[lane])
        multiply(spare, q, x, n, n, n, 1.0, n)
        multiply(x, spare, q, n, n, n, 1.0, n)
