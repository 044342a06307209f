"""The RBM's training step for a block of 64 replicas (numba).

Exact in law, not literal: samples enter an update only through their second moment, and
k Gibbs sweeps at fixed weights are one Gaussian draw. The literal algorithms are in
``reference.py``, which the tests hold this file against.

* Second moment of |B| independent samples, |B| >= N: a Wishart matrix by Bartlett's
  decomposition, N rows of normals and chi variates instead of |B| rows of normals.
* k sweeps φ → h → φ with R = σ_h² WᵀW/μ²: φ' = R^k φ + Σ_k^½ z, Σ_k = (1/μ²) Σ_{j<2k} R^j,
  with R^k and Σ_k by repeated squaring.
* |B| > N chains: their second moment alone is a Markov process. With PᵀP = Σ_b φ_b φ_bᵀ
  (N × N by Cholesky) it moves by (P R^k + Z Σ_k^½)ᵀ(P R^k + Z Σ_k^½) plus a Wishart matrix of
  |B| - N degrees of freedom (a noncentral Wishart draw), so the cost does not grow with |B|.

Samples are rows: ``chains[b, i]`` is component i of chain b.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sgd.moments import fill_rows
from sgd.optimiser import Optimiser
from streams import LANES, fill_normal, kernel
from streams.lanes import cholesky, multiply, multiply_symmetric, solve, transposed

INDEPENDENT, PERSISTENT, CONTRASTIVE = 0, 1, 2


class Setting(NamedTuple):
    """What all replicas share."""

    average: int
    fresh_data: bool
    sweeps: int
    optimiser: Optimiser  # without momentum and weight decay
    mu2: float
    sigma2: float


class Block(NamedTuple):
    """State and scratch of one block; every array ends with an axis of LANES."""

    state: np.ndarray  # (4,) generator
    weights: np.ndarray  # (M, N)
    spare: np.ndarray  # (2, N)
    failed: np.ndarray  # () step at which the replica diverged, -1 before
    valid: np.ndarray  # ()
    ones: np.ndarray  # (1, 1)
    precision: np.ndarray  # (N, N) K, then its Cholesky factor
    reciprocal: np.ndarray  # (N, 1)
    sweep: np.ndarray  # (2N, N) R^k above the Cholesky factor of Σ_k
    r: np.ndarray  # (N, N) R
    sum: np.ndarray  # (N, N) Σ_k
    product: np.ndarray  # (N, N)
    chains: np.ndarray  # (min(N, |B|), 2N + 1) chain, then noise of the same length
    draw: np.ndarray  # (min(N, |B|), N + 1) standard normal samples
    rest: np.ndarray  # (N, N + 1) those beyond the chains' rows
    gamma: np.ndarray  # (N + 1,)
    samples: np.ndarray  # (2 min(N, |B|), N)
    moment: np.ndarray  # (N, N) Σ_b φ_b φ_bᵀ of the model's samples
    data: np.ndarray  # (N, N) second moment on the data side
    data_factor: np.ndarray  # (N, N) upper triangular u, uᵀu = target covariance
    data_samples: np.ndarray  # (min(N, |B|), N)


@kernel
def _add_symmetric(a, b, keep, n):
    """a = keep · a + b, all symmetric (n, n, LANES); of ``b`` the upper triangle is read."""
    for i in range(n):
        for j in range(i + 1):
            lower, upper, source = a[i, j], a[j, i], b[j, i]
            for lane in range(LANES):
                value = keep * upper[lane] + source[lane]
                lower[lane] = value
                upper[lane] = value


@kernel
def _precision(b, c, m, n):
    """K = μ² - σ_h² WᵀW and, for Gibbs sweeps, R = σ_h² WᵀW/μ²; then K's Cholesky factor."""
    wt = transposed(b.weights)
    k = b.precision
    if c.average == INDEPENDENT:
        multiply_symmetric(k, wt, wt, n, m, -c.sigma2, False)
    else:
        multiply_symmetric(b.product, wt, wt, n, m, c.sigma2 / c.mu2, False)
        _add_symmetric(b.r, b.product, 0.0, n)
        for i in range(n):
            for j in range(i, n):
                target = k[i, j]
                source = b.product[i, j]
                for lane in range(LANES):
                    target[lane] = -c.mu2 * source[lane]
    for i in range(n):
        target = k[i, i]
        for lane in range(LANES):
            target[lane] += c.mu2
    for lane in range(LANES):
        b.valid[lane] = 1.0
    cholesky(k, b.reciprocal, k, b.ones, b.valid, n)


@kernel
def _add_identity(a, value, n):
    """a += value · 1."""
    for i in range(n):
        row = a[i, i]
        for lane in range(LANES):
            row[lane] += value


@kernel
def _sweep_operator(b, c, n):
    """Into ``b.sweep``: R^k, and u with uᵀu = Σ_k = (1/μ²) Σ_{i<2k} R^i."""
    power, total, product = b.sweep[:n], b.sum, b.product
    bit = 1
    while 2 * bit <= c.sweeps:
        bit *= 2
    # power = R^j and total = Σ_{i<j} R^i, where j are the leading bits of k read so far: first 1
    _add_symmetric(power, b.r, 0.0, n)
    _add_symmetric(total, b.r, 0.0, n)
    single = True  # total is still to be 1, for which no product is needed
    while True:  # j to 2 j, and after the last bit the total alone
        if single:
            _add_identity(total, 1.0, n)
        else:
            multiply_symmetric(product, total, power, n, n, 1.0, False)
            _add_symmetric(total, product, 1.0, n)
        single = False
        if bit == 1:
            break
        bit //= 2
        multiply_symmetric(product, power, power, n, n, 1.0, False)
        _add_symmetric(power, product, 0.0, n)
        if c.sweeps & bit:
            _add_symmetric(total, power, 1.0, n)
            multiply_symmetric(product, power, b.r, n, n, 1.0, False)
            _add_symmetric(power, product, 0.0, n)
    for i in range(n):
        for j in range(i, n):
            row = total[i, j]
            for lane in range(LANES):
                row[lane] /= c.mu2
    cholesky(b.sweep[n:], b.reciprocal, total, b.ones, b.valid, n)


@kernel
def _independent(b, c, n):
    """Rows of ``b.samples`` that stand for |B| samples of the model; returns their number."""
    count = fill_rows(b.state, b.gamma, b.draw, c.optimiser.batch_size, n)
    solve(b.samples, b.draw, b.precision, b.reciprocal, count, n, c.optimiser.batch_size >= n)
    return count


@kernel
def _gibbs(b, c, n):
    """k Gibbs sweeps of all chains, as rows of ``b.samples``; returns their number."""
    count = b.chains.shape[0]
    for s in range(count):
        fill_normal(b.state, b.chains[s, n:], (n + 1) // 2)
    sweep = transposed(b.sweep)
    multiply(b.samples, b.chains, sweep, count, n, 2 * n, 1.0, n)
    if c.optimiser.batch_size > n:  # the directions orthogonal to the chains' N rows: noise alone
        rest = fill_rows(b.state, b.gamma, b.rest, c.optimiser.batch_size - n, n)
        factor = transposed(b.sweep[n:])
        multiply(b.samples[count:], b.rest, factor, rest, n, n, 1.0, 0)
        count += rest
    return count


@kernel
def _keep_chains(b, c, n):
    """Persistent chains: the samples themselves, or for |B| > N the factor of their second moment."""
    if c.optimiser.batch_size > n:
        cholesky(b.chains, b.reciprocal, b.moment, b.ones, b.valid, n)
        return
    for s in range(b.chains.shape[0]):
        for i in range(n):
            target = b.chains[s, i]
            source = b.samples[s, i]
            for lane in range(LANES):
                target[lane] = source[lane]


@kernel
def _data(b, c, n):
    """|B| fresh samples of the target: second moment into ``b.data``, or start of contrastive chains."""
    target = b.chains if c.average == CONTRASTIVE else b.data_samples
    count = fill_rows(b.state, b.gamma, b.draw, c.optimiser.batch_size, n)
    factor = transposed(b.data_factor)
    multiply(target, b.draw, factor, count, n, n, 1.0, 0)
    if c.fresh_data:
        phi = transposed(target)
        multiply_symmetric(b.data, phi, phi, n, count, 1.0 / c.optimiser.batch_size, False)


@kernel
def _update(b, c, step, m, n):
    """W <- W (1 + Q), Q = α σ_h² (data - model); NaN in lanes whose K is not positive definite."""
    q, gain = b.moment, b.valid  # in place
    for lane in range(LANES):
        if gain[lane] == 0.0 and b.failed[lane] < 0:
            b.failed[lane] = step
        gain[lane] = c.optimiser.learning_rate * c.sigma2 if gain[lane] > 0.0 else np.nan
    share = 1.0 / c.optimiser.batch_size
    for i in range(n):
        for j in range(i + 1):
            one = 1.0 if i == j else 0.0
            lower, upper, data = q[i, j], q[j, i], b.data[j, i]
            for lane in range(LANES):
                value = one + gain[lane] * (data[lane] - share * upper[lane])
                lower[lane] = value
                upper[lane] = value
    for i in range(0, m, 2):
        rows = min(2, m - i)
        multiply(b.spare, b.weights[i:], q, rows, n, n, 1.0, n)
        for k in range(rows):
            for j in range(n):
                target = b.weights[i + k, j]
                source = b.spare[k, j]
                for lane in range(LANES):
                    target[lane] = source[lane]


@kernel
def start_chains(b, c):
    """Persistent chains in the equilibrium of the initial model."""
    m, n = b.weights.shape[:2]
    _precision(b, c, m, n)
    count = _independent(b, c, n)
    phi = transposed(b.samples)
    multiply_symmetric(b.moment, phi, phi, n, count, 1.0, c.optimiser.batch_size >= n)
    _keep_chains(b, c, n)


@kernel(nogil=True)
def advance(b, c, first, last):
    """Updates ``first`` to ``last`` - 1 of the block ``b`` (Block) under ``c`` (Setting)."""
    m, n = b.weights.shape[:2]
    phi = transposed(b.samples)
    for step in range(first, last):
        _precision(b, c, m, n)
        if c.average == CONTRASTIVE or c.fresh_data:
            _data(b, c, n)
        if c.average == INDEPENDENT:
            count = _independent(b, c, n)
        else:
            _sweep_operator(b, c, n)
            count = _gibbs(b, c, n)
        triangular = c.average == INDEPENDENT and c.optimiser.batch_size >= n
        multiply_symmetric(b.moment, phi, phi, n, count, 1.0, triangular)
        if c.average == PERSISTENT:
            _keep_chains(b, c, n)
        _update(b, c, step, m, n)
