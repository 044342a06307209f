"""The rule of `sgd.Optimiser`, v ← m v − α (g + λ W), W ← W + v, in the forms that kernels need (numba).

Kernels have the gradient's sum over the mini-batch, not its mean, and with the other sign: what pulls the
weights. Plain SGD neither reads nor writes a velocity. `Optimiser.step` is the twin in plain NumPy.
"""

from __future__ import annotations

from streams import LANES, kernel
from streams.chunks import add_products


@kernel
def share(o):
    """α/|B|: how far the pull of one sample of the batch moves the weights."""
    return o.learning_rate / o.batch_size


@kernel
def move(w, v, pull, o, rows, columns):
    """One step of weights (rows, columns, LANES).

    Parameters
    ----------
    w, v, pull : ndarray, shape (>= rows, >= columns, LANES)
        Weights, velocity, minus the gradient's sum over the batch. ``v`` is not touched without momentum.
    o : Optimiser
    """
    each, shrink = share(o), o.learning_rate * o.weight_decay
    for i in range(rows):
        for j in range(columns):
            weight, p = w[i, j], pull[i, j]
            if o.momentum > 0.0:
                velocity = v[i, j]
                for lane in range(LANES):
                    velocity[lane] = o.momentum * velocity[lane] + each * p[lane] - shrink * weight[lane]
                    weight[lane] += velocity[lane]
            else:
                for lane in range(LANES):
                    weight[lane] += each * p[lane] - shrink * weight[lane]


@kernel
def move_by_products(w, v, flat, flat_velocity, d, f, o, rows, columns, samples):
    """One step of a chunk's weights whose pull is a sum of products, in one pass where v is not needed.

    Parameters
    ----------
    w, v : ndarray, shape (rows, columns, CHUNK)
        Weights and velocity; ``rows`` a multiple of TILE.
    flat, flat_velocity : ndarray
        The same memory in one dimension.
    d, f : ndarray, shapes (samples, rows, CHUNK) and (samples, columns, CHUNK)
        Σ_s d[s, r] f[s, l] is minus the gradient's sum over the batch, times α/|B| (`share`) already.
    o : Optimiser
    """
    shrink = o.learning_rate * o.weight_decay
    if o.momentum == 0.0:
        add_products(w, d, f, rows, columns, samples, 1.0 - shrink)
        return
    add_products(v, d, f, rows, columns, samples, o.momentum)
    for i in range(flat.size):
        flat_velocity[i] -= shrink * flat[i]
    for i in range(flat.size):
        flat[i] += flat_velocity[i]
