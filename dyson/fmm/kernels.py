"""Σ_j q_j d/(d² + ε²), d = x_i - x_j, for all i in O(N): charges up the tree, between boxes, forces down.

Every box carries the charges of its particles, and the forces from far boxes, at p Chebyshev nodes of its
interval (Fong & Darve, J. Comput. Phys. 228 (2009) 8712). Positions at nodes are taken relative to the middle
of a box, so clusters far narrower than their distance from 0 keep their digits.
"""

from __future__ import annotations

import numpy as np

from dyson.fmm.tree import LEAF, enclose, leaf_starts, levels, load_leaves
from dyson.fmm.vectors import both_ways, collect, one_way, spread
from streams import kernel

_LEAF = (0.0,) * LEAF
_MOST_LEVELS = 64
_APART = 3.0  # boxes at least this many half widths of either from its middle are far: error 5.8^-p a pair
COINCIDENT = 1e-150  # added to d², in units of the span: a pair at distance zero exerts no force


@kernel
def _inverse(half):
    return 1.0 / half if half > 1e-290 else 0.0


@kernel
def _child_nodes(nodes, order, child, box, half, centre, place):
    """Nodes of the two children of a box, relative to its middle."""
    for c in range(2):
        shift = centre[child + c] - centre[box]
        for k in range(order):
            place[c * order + k] = shift + half[child + c] * nodes[k]


@kernel
def _up(nodes, shape, table, first, depth, leaves, xs, qs, half, centre, charge):
    """Intervals of all boxes and their charges at nodes."""
    order = len(shape)
    place = np.empty(2 * order)
    for leaf in range(leaves):
        at = leaf * LEAF
        collect(
            shape, xs, at, qs, at, LEAF, centre[leaf], _inverse(half[leaf]), table, 0, charge, leaf * order
        )
    count = leaves
    for level in range(1, depth):
        below = count
        count = (count + 1) // 2
        if below % 2:  # the empty place
            spare = first[level - 1] + below
            half[spare] = 0.0
            centre[spare] = centre[spare - 1]
            charge[spare * order : (spare + 1) * order] = 0.0
        for k in range(count):
            box, child = first[level] + k, first[level - 1] + 2 * k
            enclose(child, min(2, below - 2 * k), box, half, centre)
            _child_nodes(nodes, order, child, box, half, centre, place)
            inverse = _inverse(half[box])
            at = child * order
            collect(shape, place, 0, charge, at, 2 * order, 0.0, inverse, table, 0, charge, box * order)


@kernel
def _down(nodes, shape, table, first, depth, leaves, xs, fs, half, centre, local):
    """Forces at nodes to the boxes below and to the particles."""
    order = len(shape)
    place = np.empty(2 * order)
    for level in range(depth - 1, 0, -1):
        below = first[level] - first[level - 1]
        for k in range(below // 2):
            box, child = first[level] + k, first[level - 1] + 2 * k
            _child_nodes(nodes, order, child, box, half, centre, place)
            inverse = _inverse(half[box])
            at = box * order
            spread(shape, local, at, table, 0, place, 0, 2 * order, 0.0, inverse, local, child * order)
    for leaf in range(leaves):
        at = leaf * LEAF
        inverse = _inverse(half[leaf])
        spread(shape, local, leaf * order, table, 0, xs, at, LEAF, centre[leaf], inverse, fs, at)


@kernel
def _far_pair(nodes, shape, a, b, half, centre, charge, local, place, e2):
    """Two separated boxes act on each other's nodes."""
    order = len(shape)
    shift = centre[a] - centre[b]
    for k in range(order):
        place[k] = shift + half[a] * nodes[k]
        place[order + k] = half[b] * nodes[k]
    i, j = a * order, b * order
    both_ways(shape, place, 0, charge, i, local, i, place, order, charge, j, local, j, order, e2)


@kernel
def _near_pair(a, b, xs, qs, fs, e2):
    """Two leaves act on each other, or one on itself, particle by particle."""
    i, j = a * LEAF, b * LEAF
    if a == b:
        one_way(_LEAF, xs, i, qs, i, fs, i, xs, i, qs, i, fs, i, LEAF, e2)
    else:
        both_ways(_LEAF, xs, i, qs, i, fs, i, xs, j, qs, j, fs, j, LEAF, e2)


@kernel
def _across(nodes, shape, first, depth, leaves, xs, qs, fs, half, centre, charge, local, e2):
    """All pairs of boxes, from the root down: as far boxes where they are apart, else through their parts.

    Number of pairs of leaves that were summed particle by particle.
    """
    place = np.empty(2 * len(shape))
    todo = np.empty((12 * _MOST_LEVELS, 4), np.int64)  # (level, number within it) twice
    counts = np.empty(depth, np.int64)
    count = leaves
    for level in range(depth):
        counts[level] = count
        count = (count + 1) // 2
    todo[0, 0] = todo[0, 2] = depth - 1
    todo[0, 1] = todo[0, 3] = 0
    top, near = 1, 0
    while top > 0:
        top -= 1
        la, ka, lb, kb = todo[top, 0], todo[top, 1], todo[top, 2], todo[top, 3]
        a, b = first[la] + ka, first[lb] + kb
        same = a == b
        ha, hb = half[a], half[b]
        apart = abs(centre[a] - centre[b])
        if ha + hb + apart == 0.0:
            continue  # all at one point
        if not same and apart >= max(hb + _APART * ha, ha + _APART * hb):
            _far_pair(nodes, shape, a, b, half, centre, charge, local, place, e2)
            continue
        if la == 0 and lb == 0:
            _near_pair(a, b, xs, qs, fs, e2)
            near += 1
            continue
        cut_a = la > 0 and (same or la == lb or lb == 0 or ha >= hb)
        cut_b = lb > 0 and (same or la == lb or not cut_a)
        na = min(2, counts[la - 1] - 2 * ka) if cut_a else 1
        nb = min(2, counts[lb - 1] - 2 * kb) if cut_b else 1
        for i in range(na):
            for j in range(i if same else 0, nb):
                todo[top, 0] = la - 1 if cut_a else la
                todo[top, 1] = 2 * ka + i if cut_a else ka
                todo[top, 2] = lb - 1 if cut_b else lb
                todo[top, 3] = 2 * kb + j if cut_b else kb
                top += 1
    return near


@kernel
def _scale(x):
    """The power of two (so that scaling is exact) by which x spans at most 1; 0 where x is one point.

    NaN where x holds a NaN or an infinity.
    """
    low = high = x[0]
    total = 0.0
    for i in range(x.size):
        low = min(low, x[i])
        high = max(high, x[i])
        total += 0.5 * x[i] - 0.5 * x[i]
    if total != 0.0:
        return np.nan
    span = high - low
    return 2.0 ** -min(max(np.ceil(np.log2(span)), -1000.0), 1000.0) if span > 0.0 else 0.0


@kernel(nogil=True)
def add_forces(nodes, shape, upward, downward, x, q, e2, force, starts, work):
    """Add Σ_j q_j d/(d² + e2) to ``force`` (n,) for nearly descending x; NaN everywhere where x has one.

    ``nodes`` (p,) on [-1, 1], ``shape`` a tuple of length p, ``upward`` and ``downward`` (p, p) flat tables:
    `dyson.fmm.forces.tables`. ``starts`` (n + 1,) and ``work`` are scratch space; returns ``work`` or, where
    it is too small, its successor (fresh memory costs as much time as the sum), and the number of near pairs.
    """
    scale = _scale(x)
    if not scale > 0.0:
        force += scale  # 0 or NaN
        return work, 0
    leaves = leaf_starts(x, starts)
    first = np.empty(_MOST_LEVELS, np.int64)
    depth = levels(leaves, first)
    places, boxes, nodal = leaves * LEAF, first[depth], first[depth] * len(shape)
    if work.size < 3 * places + 2 * boxes + 2 * nodal:
        work = np.empty(3 * places + 2 * boxes + 2 * nodal)
    xs, qs, fs = work[:places], work[places : 2 * places], work[2 * places : 3 * places]
    rest = work[3 * places :]
    half, centre = rest[:boxes], rest[boxes : 2 * boxes]
    charge, local = rest[2 * boxes : 2 * boxes + nodal], rest[2 * boxes + nodal : 2 * boxes + 2 * nodal]
    fs[:] = 0.0
    local[:] = 0.0
    load_leaves(x, q, starts, leaves, scale, xs, qs, half, centre)
    _up(nodes, shape, upward, first, depth, leaves, xs, qs, half, centre, charge)
    soft = e2 * scale * scale + COINCIDENT
    near = _across(nodes, shape, first, depth, leaves, xs, qs, fs, half, centre, charge, local, soft)
    _down(nodes, shape, downward, first, depth, leaves, xs, fs, half, centre, local)
    for leaf in range(leaves):
        for i in range(starts[leaf], starts[leaf + 1]):
            force[i] += scale * fs[leaf * LEAF + i - starts[leaf]]
    return work, near
