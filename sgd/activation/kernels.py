"""The training step of a network with activations, for a block of 64 replicas (numba).

A block is carried in chunks of eight lanes, some steps at a time: the weights of a chunk (32 KiB for
16 × 32) then stay in the L1 cache, where those of 64 lanes would not. Student and teacher share
the features φ(M x), and the teacher's weights are shared numbers, not lanes.

Of each sample: φ at L + 2 K places, 3 K L + L n_in + 3 K n_out multiply-adds (the teacher, the student,
the gradient; the features; the outputs). At K = 16, L = 32, |B| = 4, n_in = 3, n_out = 1 a step has 256
values of φ and 6720 multiply-adds. A core that does 66 multiply-adds a nanosecond (two AVX-512 units at
4.1 GHz) needs 0.10 µs for these, and 0.12 µs for as many values of tanh at the 0.46 ns each that
``streams.elementary.tanh`` takes there: no more than 4.5 million replica-steps a second, before
random numbers (16 normals and their generator, some 0.03 µs).

With the identity everywhere a batch enters the gradient only through Σ_b x_b x_bᵀ and Σ_b η_b x_bᵀ:
min(|B|, n_in) rows with the same second moment (`sgd.moments.fill_rows`), and as many noises η, have
exactly that law.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sgd.moments import fill_rows
from sgd.optimiser import Optimiser
from sgd.optimiser_kernels import move_by_products, share
from streams import fill_normal, kernel
from streams.chunks import CHUNK, few_products, products
from streams.elementary import tanh

IDENTITY, TANH, RELU = 0, 1, 2

LARGEST = 1e100
"""An error beyond this, or none at all, is a diverged replica."""


class Setting(NamedTuple):
    """What all replicas share."""

    activation: int
    output_activation: int
    linear: bool  # identity everywhere
    optimiser: Optimiser
    eps: float


class Block(NamedTuple):
    """State and scratch of one block: P samples of a step, K and L rounded up to whole tiles.

    Chunks c of a block and steps s drawn in advance are axes of their own; ``*_flat`` is the same memory
    in one dimension.
    """

    state: np.ndarray  # (4, LANES) generator
    failed: np.ndarray  # (chunks, CHUNK) step at which the replica diverged, -1 before
    weights: np.ndarray  # (chunks, K, L, CHUNK)
    weights_flat: np.ndarray  # (chunks, K L CHUNK)
    velocity: np.ndarray
    velocity_flat: np.ndarray
    draw: np.ndarray  # (steps, P, n_in + 1, LANES) standard normal samples
    noise: np.ndarray  # (steps, P n_out + 1, LANES) and noises of the labels
    gamma: np.ndarray  # (n_in + 1, LANES)
    x: np.ndarray  # (steps, chunks, P, n_in, CHUNK) view of ``draw``
    eta: np.ndarray  # (steps, chunks, P, n_out, CHUNK) view of ``noise``
    inputs: np.ndarray  # (L, n_in) M
    teacher: np.ndarray  # (K, L)
    output: np.ndarray  # (n_out, K) Z
    output_transposed: np.ndarray  # (K, n_out)
    features: np.ndarray  # (P, L, CHUNK) φ(M x)
    features_flat: np.ndarray
    hidden: np.ndarray  # (2 P, K, CHUNK) φ(W φ(M x)), of the teacher, then of the student
    hidden_flat: np.ndarray
    answer: np.ndarray  # (2 P, n_out, CHUNK) their outputs
    answer_flat: np.ndarray
    error: np.ndarray  # (P, n_out, CHUNK)
    delta: np.ndarray  # (P, K, CHUNK) -α/|B| ∂ℓ/∂(W φ(M x))
    delta_flat: np.ndarray


@kernel
def _activate(kind, a):
    """a ← φ(a), in one dimension."""
    if kind == TANH:
        for i in range(a.size):
            a[i] = tanh(a[i])
    elif kind == RELU:
        for i in range(a.size):
            a[i] = 0.0 if a[i] <= 0.0 else a[i]  # NaN stays


@kernel
def _slope(kind, a, value, first):
    """a ← a φ', with φ' from the values φ = ``value[first:]``."""
    if kind == TANH:
        for i in range(a.size):
            v = value[first + i]
            a[i] *= 1.0 - v * v
    elif kind == RELU:
        for i in range(a.size):
            a[i] = 0.0 if value[first + i] <= 0.0 else a[i]


@kernel
def _draw(b, c, s):
    """Samples and noises of the labels of the step at place ``s``."""
    samples, n = b.draw.shape[1], b.draw.shape[2] - 1
    if c.linear:
        fill_rows(b.state, b.gamma, b.draw[s], c.optimiser.batch_size, n)
    else:
        for p in range(samples):
            fill_normal(b.state, b.draw[s, p], (n + 1) // 2)
    if c.eps > 0.0:
        fill_normal(b.state, b.noise[s], b.noise.shape[1] // 2)


@kernel
def _errors(b, c, chunk, s, step):
    """ŷ - y of the step's samples into ``b.error``; marks lanes where it is out of bounds."""
    samples, outputs = b.error.shape[:2]
    wrong = 0
    for p in range(samples):
        for o in range(outputs):
            row, y, yhat, eta = b.error[p, o], b.answer[p, o], b.answer[samples + p, o], b.eta[s, chunk, p, o]
            for lane in range(CHUNK):
                error = yhat[lane] - y[lane] - c.eps * eta[lane]
                row[lane] = error
                wrong += not (abs(error) < LARGEST)
    if wrong:
        for p in range(samples):
            for o in range(outputs):
                for lane in range(CHUNK):
                    if b.failed[chunk, lane] < 0 and not (abs(b.error[p, o, lane]) < LARGEST):
                        b.failed[chunk, lane] = step


@kernel
def _step(b, c, chunk, s, step):
    """One step of one chunk, on the samples at place ``s``."""
    samples, outputs = b.error.shape[:2]
    k, l = b.weights.shape[1:3]
    down = -share(c.optimiser)
    products(b.features, b.inputs, b.x[s, chunk], l, samples, b.inputs.shape[1])
    _activate(c.activation, b.features_flat)
    products(b.hidden, b.teacher, b.features, k, samples, l)
    products(b.hidden[samples:], b.weights[chunk], b.features, k, samples, l)
    _activate(c.activation, b.hidden_flat)
    few_products(b.answer, b.output, b.hidden, outputs, 2 * samples, k)
    _activate(c.output_activation, b.answer_flat)
    _errors(b, c, chunk, s, step)
    for p in range(samples):
        for o in range(outputs):
            _slope(c.output_activation, b.error[p, o], b.answer[samples + p, o], 0)
            row = b.error[p, o]
            for lane in range(CHUNK):
                row[lane] *= down
    products(b.delta, b.output_transposed, b.error, k, samples, outputs)
    _slope(c.activation, b.delta_flat, b.hidden_flat, b.delta_flat.size)
    move_by_products(
        b.weights[chunk], b.velocity[chunk], b.weights_flat[chunk], b.velocity_flat[chunk],
        b.delta, b.features, c.optimiser, k, l, samples,
    )  # fmt: skip


@kernel(nogil=True)
def take(b, c, count, first):
    """``count`` steps on the samples in ``b.x`` and ``b.eta``; ``first`` is the number of the first step."""
    for chunk in range(b.weights.shape[0]):
        for s in range(count):
            _step(b, c, chunk, s, first + s)


@kernel(nogil=True)
def advance(b, c, first, last):
    """Steps ``first`` to ``last`` - 1 of the block ``b`` (Block) under ``c`` (Setting)."""
    step = first
    while step < last:
        count = min(last - step, b.draw.shape[0])
        for s in range(count):
            _draw(b, c, s)
        take(b, c, count, step)
        step += count
