"""The public function of the fast multipole method: its orders, its tables and its memory."""

from __future__ import annotations

import threading
from functools import cache

import numpy as np

from streams.arguments import finite, positive

ORDERS = {1e-6: 8, 1e-9: 12, 1e-12: 16}
"""Nodes a box for an error: root mean square over particles, relative to the forces' (docs/solvers.md)."""

_KEPT = 1 << 23  # numbers of scratch space (64 MB) that a thread keeps between calls: about 10⁶ particles
_memory = threading.local()


def forces(x, weights=None, accuracy: float = 1e-9, softening: float = 0.0) -> np.ndarray:
    r"""Forces of N particles on a line on one another, in O(N):

        F_i = Σ_{j≠i} w_j d/(d² + ε²),   d = x_i - x_j,   ε = softening;   Σ w_j/(x_i - x_j) for ε = 0.

    A fast multipole method on a tree of leaves of 32 particles, so that clusters cost no more than a
    uniform density; below some 200 particles it sums all pairs. Coincident particles exert no force on each
    other, and so do, for ε = 0, those closer than 1e-75 of the span of x.

    Parameters
    ----------
    x : array, shape (n,)
        Positions, any order; descending order saves a sort.
    weights : array, shape (n,), optional
        w_j, of any sign; default 1.
    accuracy : float
        Largest root-mean-square error over the particles, relative to the root mean square of the forces;
        at least 1e-12. 1e-6, 1e-9 and 1e-12 are what there is: the next finer is taken.
    softening : float
        ε >= 0, in units of x.

    Returns
    -------
    ndarray, shape (n,)
        F_i in the order of x.

    Raises
    ------
    TypeError, ValueError
        For arrays that are malformed, not finite or of different lengths; numbers out of range.
    """
    x = finite("x", x, ndim=(1,))
    q = np.ones(len(x)) if weights is None else finite("weights", weights, ndim=(1,))
    if len(q) != len(x):
        raise ValueError(f"weights must hold one number per particle, {len(x)}, got {len(q)}")
    order = order_of(accuracy)
    e2 = positive("softening", softening, zero=True) ** 2
    ordered = bool((x[1:] <= x[:-1]).all())
    if not ordered:
        place = np.argsort(-x, kind="stable")
        x, q = x[place], q[place]
    force = _descending(np.ascontiguousarray(x), np.ascontiguousarray(q), e2, order)
    if ordered:
        return force
    out = np.empty_like(force)
    out[place] = force
    return out


def order_of(accuracy: float) -> int:
    """Nodes a box for ``accuracy``; ValueError where no order reaches it."""
    accuracy = positive("accuracy", accuracy)
    for error, order in ORDERS.items():
        if error <= accuracy * (1 + 1e-12):
            return order
    raise ValueError(
        f"accuracy must be >= {min(ORDERS):g}, got {accuracy:g}: sum the pairs directly for more"
    )


def _descending(x, q, e2: float, order: int) -> np.ndarray:
    from dyson.fmm.kernels import add_forces  # compiles on first use

    starts, work = getattr(_memory, "arrays", (np.empty(0, np.int64), np.empty(0)))
    if len(starts) <= len(x):
        starts = np.empty(len(x) + 1, np.int64)
    force = np.zeros(len(x))
    work, _ = add_forces(*tables(order), x, q, e2, force, starts, work)
    if len(starts) + len(work) <= _KEPT:
        _memory.arrays = starts, work
    return force


@cache
def tables(order: int) -> tuple:
    """Chebyshev nodes on [-1, 1], a tuple of as many numbers, and what turns moments to charges at nodes and
    values at nodes to coefficients, both flat (p, p)."""
    angle = np.pi * (np.arange(order) + 0.5) / order
    norm = np.where(np.arange(order) == 0, 1.0, 2.0)[:, None] / order
    basis = norm * np.cos(np.outer(np.arange(order), angle))
    return np.cos(angle), (0.0,) * order, basis.ravel().copy(), basis.T.ravel().copy()
