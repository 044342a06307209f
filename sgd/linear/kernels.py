"""The training step of linear networks for a block of 64 replicas (numba).

Exact in law, not literal, for fresh batches: a batch enters only through ⟨x xᵀ⟩ and ⟨η xᵀ⟩. With Q rows
of the same second moment as |B| samples (``moments.fill_rows``: min(|B|, N) of them) and independent label
noise on each row, Σ e xᵀ has the law it has for the samples themselves, because given the samples the
label noise Σ η xᵀ is Gaussian with covariance 1 ⊗ Σ x xᵀ. Exact data are the constant rows √|B| · 1.
Data sets are literal. The literal algorithm is in ``reference.py``.

Everything runs in the coordinates z of the inputs, x = F z: forward X_0 = F, X_l = W_l X_{l-1}; error map
E = Z A F − Z X_L; backward D = Σ (E z + ε η) zᵀ, Y_L = Zᵀ D, gradient Y_l X_{l-1}ᵀ, Y_{l-1} = W_lᵀ Y_l.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from sgd.epochs import gather, shuffle
from sgd.moments import fill_rows
from sgd.optimiser import Optimiser
from sgd.optimiser_kernels import move
from streams import LANES, fill_normal, kernel
from streams.lanes import multiply, transposed

NO_NOISE, LABEL, ISOTROPIC, SYMMETRIC = 0, 1, 2, 3
FRESH, EXACT, DATA_SET = 0, 1, 2
BEYOND = 1e100
"""An error map whose square sum exceeds this has diverged."""


class Setting(NamedTuple):
    """What all replicas share."""

    noise: int
    source: int
    shuffled: bool
    shared: bool
    white: bool  # F = 1
    output: bool
    symmetric: bool
    optimiser: Optimiser
    eps: float
    sizes: np.ndarray  # (L + 1,) widths, from the inputs on
    outputs: int


class Block(NamedTuple):
    """State and scratch of one block; arrays end with an axis of LANES but for ``data`` of shared data."""

    state: np.ndarray  # (4,) generator
    failed: np.ndarray  # () step at which the replica diverged, -1 before
    weights: np.ndarray  # (L, R, R) padded
    velocity: np.ndarray  # the same, or (L, 1, 1) without momentum
    gradient: np.ndarray  # (R, R) minus the gradient's sum over the batch
    hidden: np.ndarray  # (L + 1, R, r) X_l
    backward: np.ndarray  # (2, R, r) Y_l
    goal: np.ndarray  # (K, r) Z A F
    output: np.ndarray  # (K, M) Z
    error: np.ndarray  # (K, r) E
    moment: np.ndarray  # (K, r) D
    rows: np.ndarray  # (count, r + 1) samples z, or rows that stand for them
    label: np.ndarray  # (count, K + 1) errors of the rows
    gamma: np.ndarray  # (r + 1,)
    kick: np.ndarray  # (entries + 1,) gradient noise
    data: np.ndarray  # (samples, r, LANES or 1) data set
    data_label: np.ndarray  # (samples, K, LANES or 1) its label noise
    data_kick: np.ndarray  # (samples, entries) its gradient noise
    order: np.ndarray  # (samples,) of int: order of the data set


@kernel
def _batch(b, c, step, r):
    """Rows of a batch into ``b.rows``, their label noise into ``b.label``; returns their number."""
    if c.source == EXACT:
        count = r
    elif c.source == FRESH:
        count = fill_rows(b.state, b.gamma, b.rows, c.optimiser.batch_size, r)
    else:
        count, samples = c.optimiser.batch_size, b.data.shape[0]
        first = (step * count) % samples
        if c.shuffled and first == 0:
            shuffle(b.state, b.order, b.gamma, samples)
        gather(b.rows, b.data, b.order, first, count, r, c.shared)
        if c.noise == LABEL:
            gather(b.label, b.data_label, b.order, first, count, c.outputs, c.shared)
        return count
    if c.noise == LABEL:
        for s in range(count):
            fill_normal(b.state, b.label[s], (c.outputs + 1) // 2)
    return count


@kernel
def _errors(b, c, count, r):
    """Σ (E z + ε η) zᵀ over the rows, into ``b.moment``."""
    k = c.outputs
    noisy = c.noise == LABEL
    triangular = c.source == FRESH and c.optimiser.batch_size >= r
    for s in range(count):
        z = b.rows[s]
        last = min(r, s + 1) if triangular else r
        for a in range(k):
            out, e = b.label[s, a], b.error[a]
            if noisy:
                for lane in range(LANES):
                    out[lane] *= c.eps
            else:
                for lane in range(LANES):
                    out[lane] = 0.0
            for i in range(last):
                zi, ei = z[i], e[i]
                for lane in range(LANES):
                    out[lane] += ei[lane] * zi[lane]
    for a in range(k):
        for i in range(r):
            d = b.moment[a, i]
            for lane in range(LANES):
                d[lane] = 0.0
            for s in range(i if triangular else 0, count):
                e, z = b.label[s, a], b.rows[s, i]
                for lane in range(LANES):
                    d[lane] += e[lane] * z[lane]


@kernel
def _copy(out, source, rows, columns):
    for i in range(rows):
        for j in range(columns):
            a, s = out[i, j], source[i, j]
            for lane in range(LANES):
                a[lane] = s[lane]


@kernel
def _forward(b, c, layers, r, step):
    """X_l, and E = Z A F - Z X_L; a lane whose E is out of bounds has diverged."""
    for number in range(layers):
        rows, columns = c.sizes[number + 1], c.sizes[number]
        if number == 0 and c.white:
            _copy(b.hidden[1], b.weights[0], rows, columns)
        else:
            multiply(
                b.hidden[number + 1], b.weights[number], transposed(b.hidden[number]),
                rows, r, columns, 1.0, columns,
            )  # fmt: skip
    last, k = b.hidden[layers], c.outputs
    if c.output:
        multiply(b.error, b.output, transposed(last), k, r, c.sizes[layers], 1.0, c.sizes[layers])
        last = b.error
    total = b.gamma[0]
    for lane in range(LANES):
        total[lane] = 0.0
    for a in range(k):
        for i in range(r):
            e, goal, seen = b.error[a, i], b.goal[a, i], last[a, i]
            for lane in range(LANES):
                e[lane] = goal[lane] - seen[lane]
                total[lane] += e[lane] * e[lane]
    for lane in range(LANES):
        if not total[lane] < BEYOND and b.failed[lane] < 0:
            b.failed[lane] = step


@kernel
def _kicks(b, c, count, entries, at, step):
    """Gradient noise of ``entries`` entries from ``at`` on, summed over the batch, into ``b.kick``."""
    if c.source != DATA_SET:
        fill_normal(b.state, b.kick, (entries + 1) // 2)
        width = c.eps * math.sqrt(c.optimiser.batch_size)
        for e in range(entries):
            kick = b.kick[e]
            for lane in range(LANES):
                kick[lane] *= width
        return
    first = (step * c.optimiser.batch_size) % b.data.shape[0]
    for e in range(entries):
        kick = b.kick[e]
        for lane in range(LANES):
            kick[lane] = 0.0
        for s in range(count):
            order = b.order[first + s]
            for lane in range(LANES):
                kick[lane] += b.data_kick[order[lane], at + e, lane]
        for lane in range(LANES):
            kick[lane] *= c.eps


@kernel
def _add_kicks(b, c, rows, columns):
    """``b.kick`` onto the gradient; symmetric noise from the upper triangle, √2 times on the diagonal."""
    e = 0
    for i in range(rows):
        for j in range(i if c.noise == SYMMETRIC else 0, columns):
            kick, upper = b.kick[e], b.gradient[i, j]
            e += 1
            if c.noise == ISOTROPIC:
                for lane in range(LANES):
                    upper[lane] += kick[lane]
            elif i == j:
                for lane in range(LANES):
                    upper[lane] += math.sqrt(2.0) * kick[lane]
            else:
                lower = b.gradient[j, i]
                for lane in range(LANES):
                    upper[lane] += kick[lane]
                    lower[lane] += kick[lane]


@kernel
def _symmetrise(g, n):
    for i in range(n):
        for j in range(i):
            lower, upper = g[i, j], g[j, i]
            for lane in range(LANES):
                mean = 0.5 * (lower[lane] + upper[lane])
                lower[lane] = mean
                upper[lane] = mean


@kernel
def _entries(c, rows, columns):
    return rows * (rows + 1) // 2 if c.noise == SYMMETRIC else rows * columns


@kernel
def _backward(b, c, count, layers, r, step):
    """Gradients from the last layer to the first, each followed by the move of its layer."""
    here, there, at = 0, 1, 0
    k = c.outputs
    if c.output:
        multiply(b.backward[0], transposed(b.output), transposed(b.moment), c.sizes[layers], r, k, 1.0, k)
    else:
        _copy(b.backward[0], b.moment, k, r)
    for number in range(layers - 1, -1, -1):
        rows, columns = c.sizes[number + 1], c.sizes[number]
        y = b.backward[here]
        if number == 0 and c.white:
            _copy(b.gradient, y, rows, columns)
        else:
            multiply(b.gradient, y, b.hidden[number], rows, columns, r, 1.0, r)
        if number > 0:
            wt = transposed(b.weights[number])
            multiply(b.backward[there], wt, transposed(y), columns, r, rows, 1.0, rows)
        if c.noise == ISOTROPIC or c.noise == SYMMETRIC:
            entries = _entries(c, rows, columns)
            _kicks(b, c, count, entries, at, step)
            _add_kicks(b, c, rows, columns)
            at += entries
        if c.symmetric:
            _symmetrise(b.gradient, rows)
        move(b.weights[number], b.velocity[number], b.gradient, c.optimiser, rows, columns)
        here, there = there, here


@kernel(nogil=True)
def draw_data_set(b, c, r, entries):
    """A data set of each lane: inputs and label noise unless they are shared, gradient noise."""
    for s in range(b.data.shape[0]):
        if not c.shared:
            fill_normal(b.state, b.rows[0], (r + 1) // 2)
            _copy(b.data[s : s + 1], b.rows, 1, r)
            if c.noise == LABEL:
                fill_normal(b.state, b.label[0], (c.outputs + 1) // 2)
                _copy(b.data_label[s : s + 1], b.label, 1, c.outputs)
        if c.noise == ISOTROPIC or c.noise == SYMMETRIC:
            fill_normal(b.state, b.kick, (entries + 1) // 2)
            for e in range(entries):
                out, kick = b.data_kick[s, e], b.kick[e]
                for lane in range(LANES):
                    out[lane] = kick[lane]


@kernel(nogil=True)
def advance(b, c, first, last):
    """Steps ``first`` to ``last`` - 1 of the block ``b`` (Block) under ``c`` (Setting)."""
    layers, r = c.sizes.size - 1, b.goal.shape[1]
    for step in range(first, last):
        _forward(b, c, layers, r, step)
        count = _batch(b, c, step, r)
        _errors(b, c, count, r)
        _backward(b, c, count, layers, r, step)
