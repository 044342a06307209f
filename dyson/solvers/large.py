"""Bond splitting for many particles: one replica at a time, the far field in O(N) (``dyson.fmm``).

The same step as ``bond_splitting``, for the matrix Ornstein–Uhlenbeck process with one noise amplitude.
There a block carries 64 replicas side by side; here one replica's particles fill the vector instructions, so
that a single path costs the time and memory of a single path. The forces of all pairs are summed by the fast
multipole method with the solver's regularisation, those of neighbours up to ``blocks.NEAR`` ranks, which
each step renews, are taken off, and what is left, the far field, is kept for ``FAR_EVERY`` steps.

Starts in which eigenvalues coincide: see ``coincident``.
Random numbers: 64 generators a replica (stream "dyson-many"), each for every 64th particle.
"""

from __future__ import annotations

import math

import numpy as np

from dyson.blocks import NEAR
from dyson.fmm.forces import order_of, tables
from dyson.fmm.kernels import add_forces
from dyson.sde import EigenvalueSDE
from dyson.solvers.bond_splitting import FAR_EVERY, _chi2
from streams import LANES, fill_normal, kernel, states

ACCURACY = 1e-6
"""Of the far field, relative: far below the error of its being kept for some steps."""

_TINY = 1e-300  # a pair at distance zero exerts no force


@kernel
def _add_near(x, e2, closest, sign, force, pair):
    """Add ``sign`` Σ d/(d² + e2) over pairs ``closest`` to ``NEAR`` ranks apart; ``pair`` (n,) is scratch."""
    n = x.size
    for s in range(closest, min(NEAR, n - 1) + 1):
        for i in range(n - s):
            d = x[i] - x[i + s]
            pair[i] = sign * d / (d * d + e2)
        for i in range(n - s):
            force[i] += pair[i]
        for i in range(n - s):
            force[i + s] -= pair[i]


@kernel
def _far_field(x, ones, e2, tree, far, pair, starts, work):
    """Σ d/(d² + e2) over pairs more than ``NEAR`` ranks apart; the scratch space, which may have grown."""
    nodes, shape, upward, downward = tree
    far[:] = 0.0
    work, _ = add_forces(nodes, shape, upward, downward, x, ones, e2, far, starts, work)
    _add_near(x, e2 + _TINY, 1, -1.0, far, pair)
    return work


@kernel
def _impulses(x, s2, chi2, first, impulse):
    """The impulses of all bonds, see ``bond_splitting``, bond b in entry b + 1; ends of both arrays are 0."""
    n = x.size
    for b in range(n - 1):
        f = x[b] - x[b + 1]
        chi2[b] *= s2
        first[b + 1] = math.sqrt(f * f + chi2[b]) - f
    for b in range(n - 1):
        f = x[b] - x[b + 1] - 0.5 * first[b] - 0.5 * first[b + 2]
        impulse[b + 1] = math.sqrt(f * f + chi2[b]) - f


@kernel
def _order(x):
    """Descending order where encounters of three and more broke it: insertion, O(n) when nearly sorted."""
    for i in range(1, x.size):
        if x[i] > x[i - 1]:
            value, j = x[i], i
            while j > 0 and x[j - 1] < value:
                x[j] = x[j - 1]
                j -= 1
            x[j] = value


@kernel(nogil=True)
def advance(x, state, rate, center, g2, beta, dt, steps, tree):
    """Advance one replica ``x`` (n,) in place by ``steps`` steps of ``dt``; ``state`` (4, LANES)."""
    n = x.size
    rows = (n + LANES - 1) // LANES
    normal = np.empty((2 * rows + 1, LANES))
    flat = normal.ravel()
    far, near, pair, ones = np.empty(n), np.empty(n), np.empty(n), np.ones(n)
    first, impulse = np.zeros(n + 1), np.zeros(n + 1)
    shape = np.full(rows, 0.5 * beta)
    starts, work = np.empty(n + 1, np.int64), np.empty(0)
    e2, s2, sigma = 2.0 * g2 * dt, 4.0 * g2 * dt, math.sqrt(2.0 * g2 * dt)
    for step in range(steps):
        if step % FAR_EVERY == 0:
            work = _far_field(x, ones, e2, tree, far, pair, starts, work)
        near[:] = 0.0
        _add_near(x, e2 + _TINY, 2, 1.0, near, pair)
        fill_normal(state, normal, rows)
        for i in range(n):
            drift = rate[i] * (center[i] - x[i]) + beta * g2 * (near[i] + far[i])
            x[i] += dt * drift + sigma * flat[i]
        chi2 = normal[rows:]
        _chi2(state, beta, shape, chi2)
        _impulses(x, s2, chi2.ravel(), first, impulse)
        for i in range(n):
            x[i] += 0.5 * impulse[i + 1] - 0.5 * impulse[i]
        _order(x)


def path(sde: EigenvalueSDE, x0: np.ndarray, times, legs, seed: int, replica: int, first=None) -> np.ndarray:
    """One replica at ``times``, shape (1, time, n).

    ``legs``: the steps of every interval, (size, how many); ``first`` (n,): where it is after one without.
    """
    k, c = (np.ascontiguousarray(a, float) for a in (sde.rate, sde.target))
    g2, state = float(sde.g2[0]), states(seed, "dyson-many", replica * LANES, LANES)[0]
    tree = tables(order_of(ACCURACY))
    out = np.empty((1, len(times), sde.n))
    out[0, 0] = x0
    x = out[0, 0].copy()
    for i, parts in enumerate(legs):
        if not parts:
            x = first.copy()
        for dt, many in parts:
            advance(x, state, k, c, g2, sde.beta, dt, many, tree)
        out[0, i + 1] = x
    return out
