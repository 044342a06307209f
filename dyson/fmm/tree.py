"""The boxes of the one-dimensional fast multipole method: leaves by number of particles, tight intervals."""

from __future__ import annotations

import numpy as np

from streams import kernel

LEAF = 32
"""Places for particles in a leaf."""

_DENSER = 4  # so many leaves' worth of neighbours narrower than a leaf: it bridges a gap and is cut there


@kernel
def leaf_starts(x, starts):
    """First particle of every leaf in ``starts`` (n + 1,), the last entry used being n; number of leaves.

    ``LEAF`` particles each. A leaf much wider than the particles beside it would meet all of those one by
    one, which is O(N) for one leaf: it ends at its widest gap instead.
    """
    n, count, first = x.size, 0, 0
    starts[0] = 0
    while first < n:
        last = min(first + LEAF, n)
        before = first - _DENSER * LEAF
        left = x[before] - x[first - 1] if before >= 0 else np.inf
        while last - first > 1:
            after = last + _DENSER * LEAF
            right = x[last] - x[after - 1] if after <= n else np.inf
            if not x[first] - x[last - 1] > min(left, right):
                break
            cut = first + 1
            for i in range(first + 1, last):
                if x[i - 1] - x[i] > x[cut - 1] - x[cut]:
                    cut = i
            last = cut
        count += 1
        starts[count] = last
        first = last
    return count


@kernel
def levels(leaves, first):
    """Number of levels over ``leaves`` leaves; ``first[l]`` the first box of level l, level 0 the leaves.

    A level's boxes are paired, so it has an even number of places; the last may be empty.
    """
    count, level, place = leaves, 0, 0
    while True:
        first[level] = place
        place += count + count % 2
        level += 1
        if count == 1:
            first[level] = place
            return level
        count = (count + 1) // 2


@kernel
def load_leaves(x, q, starts, leaves, scale, xs, qs, half, centre):
    """Particles into the places of their leaves, scaled; spare places repeat a particle without charge."""
    for leaf in range(leaves):
        first, last = starts[leaf], starts[leaf + 1]
        low = high = x[first] * scale
        for k in range(LEAF):
            i = min(first + k, last - 1)
            value = x[i] * scale
            xs[leaf * LEAF + k] = value
            qs[leaf * LEAF + k] = q[i] if first + k < last else 0.0
            low = min(low, value)
            high = max(high, value)
        centre[leaf] = 0.5 * (low + high)
        half[leaf] = 0.5 * (high - low)


@kernel
def enclose(child, children, box, half, centre):
    """Interval of a box from those of its one or two children, ``child`` and ``child + 1``."""
    low, high = centre[child] - half[child], centre[child] + half[child]
    if children == 2:
        low = min(low, centre[child + 1] - half[child + 1])
        high = max(high, centre[child + 1] + half[child + 1])
    centre[box] = 0.5 * (low + high)
    half[box] = 0.5 * (high - low)
