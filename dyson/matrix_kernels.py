"""Kernel of the RBM's matrix SDE. A matrix of a block is an (n², LANES) array, row-major."""

from __future__ import annotations

import math

import numpy as np
from numba import types

from streams import LANES, fill_normal, kernel

HEAD = 6


@kernel(nogil=True)
def _add_product(a, b, n, k0, k1, row, i, j):
    """row += Σ_{k0 <= k < k1} a_ik b_kj, two terms a pass."""
    k = k0
    while k + 1 < k1:
        p, q, r, s = a[i * n + k], b[k * n + j], a[i * n + k + 1], b[(k + 1) * n + j]
        for lane in range(LANES):
            row[lane] += p[lane] * q[lane] + r[lane] * s[lane]
        k += 2
    if k < k1:
        p, q = a[i * n + k], b[k * n + j]
        for lane in range(LANES):
            row[lane] += p[lane] * q[lane]


@kernel(nogil=True)
def _multiply(a, b, n, out, symmetric):
    """out = a b; only one triangle is computed where the product is known to be symmetric."""
    for i in range(n):
        for j in range(i if symmetric else 0, n):
            row = out[i * n + j]
            for lane in range(LANES):
                row[lane] = 0.0
            _add_product(a, b, n, 0, n, row, i, j)
    if symmetric:
        _mirror(out, n)


@kernel(nogil=True)
def _mirror(out, n):
    for i in range(n):
        for j in range(i):
            out[i * n + j] = out[j * n + i]


@kernel(nogil=True)
def _inverse_factor(x, mu2, s2, n, factor, inverse):
    """L⁻¹ (lower triangular) of K = μ² - σ_h² X = L Lᵀ; NaN in lanes where K is not positive definite."""
    for j in range(n):
        diagonal = factor[j * n + j]
        source = x[j * n + j]
        for lane in range(LANES):
            diagonal[lane] = mu2 - s2 * source[lane]
        for k in range(j):
            ljk = factor[j * n + k]
            for lane in range(LANES):
                diagonal[lane] -= ljk[lane] * ljk[lane]
        reciprocal = inverse[j * n + j]
        for lane in range(LANES):
            d = diagonal[lane]
            reciprocal[lane] = 1.0 / math.sqrt(d) if d > 0.0 else math.nan
        for i in range(j + 1, n):
            lij = factor[i * n + j]
            source = x[i * n + j]
            for lane in range(LANES):
                lij[lane] = -s2 * source[lane]
            for k in range(j):
                a, b = factor[i * n + k], factor[j * n + k]
                for lane in range(LANES):
                    lij[lane] -= a[lane] * b[lane]
            for lane in range(LANES):
                lij[lane] *= reciprocal[lane]
    for j in range(n):
        for i in range(j + 1, n):
            row = factor[j * n + i]  # the free upper triangle as scratch
            for lane in range(LANES):
                row[lane] = 0.0
            for k in range(j, i):
                a, b = factor[i * n + k], inverse[k * n + j]
                for lane in range(LANES):
                    row[lane] -= a[lane] * b[lane]
            target = inverse[i * n + j]
            reciprocal = inverse[i * n + i]
            for lane in range(LANES):
                target[lane] = row[lane] * reciprocal[lane]


@kernel(nogil=True)
def _symmetric_noise(state, normal, n, scale, out):
    """out = scale · G, Var G_ij = 1 + δ_ij, symmetric."""
    entries = n * (n + 1) // 2
    fill_normal(state, normal, (entries + 1) // 2)
    e = 0
    for i in range(n):
        for j in range(i, n):
            s = scale * math.sqrt(2.0) if i == j else scale
            z, row = normal[e], out[i * n + j]
            for lane in range(LANES):
                row[lane] = s * z[lane]
            e += 1
    _mirror(out, n)


@kernel(nogil=True)
def _congruence(inverse, middle, n, spare, out):
    """out = L⁻ᵀ M L⁻¹ for the lower triangular L⁻¹ and a symmetric M."""
    for i in range(n):
        for j in range(n):
            row = spare[i * n + j]
            for lane in range(LANES):
                row[lane] = 0.0
            _add_product(middle, inverse, n, j, n, row, i, j)
    for i in range(n):
        for j in range(i, n):
            row = out[i * n + j]
            for lane in range(LANES):
                row[lane] = 0.0
            for k in range(i, n):
                a, b = inverse[k * n + i], spare[k * n + j]
                for lane in range(LANES):
                    row[lane] += a[lane] * b[lane]
    _mirror(out, n)


@kernel(nogil=True)
def _between(power, a, n, spare, out):
    """out = P a P for symmetric P and a."""
    _multiply(power, a, n, spare, False)
    _multiply(spare, power, n, out, True)


@kernel(nogil=True)
def _add(out, a):
    for e in range(out.shape[0]):
        row, more = out[e], a[e]
        for lane in range(LANES):
            row[lane] += more[lane]


@kernel(nogil=True)
def _chain_noise(state, normal, scale, inverse, power, n, terms, middle, spare, model, memory):
    """Noise of the model average over persistent chains, one lane of white noise with their memory.

    Its variance in the eigenbasis is (1 + r)/(1 - r), r = ρ_i ρ_j, times that of independent samples:
    Σ_m P^m (E_m + P E_m P) P^m with independent E_m has (1 + r)² Σ r^{2m}, which is the same.
    """
    for e in range(n * n):
        row = memory[e]
        for lane in range(LANES):
            row[lane] = 0.0
    for _ in range(terms):
        _between(power, memory, n, spare, model)
        for e in range(n * n):
            memory[e] = model[e]
        _symmetric_noise(state, normal, n, scale, middle)
        _congruence(inverse, middle, n, spare, model)
        _add(memory, model)
        _between(power, model, n, spare, middle)
        _add(memory, middle)


@kernel(nogil=True)
def _power(x, factor, sweeps, n, spare, power):
    """power = (factor X)^sweeps."""
    for e in range(n * n):
        source, row = x[e], power[e]
        for lane in range(LANES):
            row[lane] = factor * source[lane]
    for _ in range(sweeps - 1):
        _multiply(power, x, n, spare, True)
        for e in range(n * n):
            source, row = spare[e], power[e]
            for lane in range(LANES):
                row[lane] = factor * source[lane]


@kernel(
    types.void(
        types.float64[:, ::1], types.uint64[:, ::1], types.float64[::1],
        types.int64, types.float64, types.int64,
    ),
    nogil=True,
)  # fmt: skip
def advance(x, state, theta, n, dt, steps):
    """Advance a block of matrices X by ``steps`` steps of ``dt``: X ← (1 + Q) X (1 + Q)."""
    mu2, s2, batch, sweeps, terms = theta[0], theta[1], theta[3] != 0.0, int(theta[4]), int(theta[5])
    scale = math.sqrt(theta[2] * dt)
    size = n * n
    factor, inverse, middle, spare, model, power, memory = np.zeros((7, size, LANES))
    normal = np.empty((n * (n + 1) // 2 + 1, LANES))
    for _ in range(steps):
        _inverse_factor(x, mu2, s2, n, factor, inverse)
        if terms > 0:
            _power(x, s2 / mu2, sweeps, n, spare, power)
            _chain_noise(state, normal, scale, inverse, power, n, terms, middle, spare, model, memory)
            middle[:] = 0.0
        else:
            _symmetric_noise(state, normal, n, scale, middle)
        for i in range(n):
            row = middle[i * n + i]
            for lane in range(LANES):
                row[lane] += dt
        _congruence(inverse, middle, n, spare, model)
        if batch:
            _symmetric_noise(state, normal, n, scale, middle)
        for i in range(n):
            for j in range(n):
                data = dt / theta[HEAD + i] if i == j else 0.0
                one = 1.0 if i == j else 0.0
                noise = 1.0 / math.sqrt(theta[HEAD + i] * theta[HEAD + j]) if batch else 0.0
                a, b, c, row = model[i * n + j], memory[i * n + j], middle[i * n + j], power[i * n + j]
                for lane in range(LANES):
                    row[lane] = one + s2 * (data + noise * c[lane] - a[lane] - b[lane])
        _multiply(power, x, n, spare, False)
        _multiply(spare, power, n, x, True)
