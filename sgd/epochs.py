"""Data sets in epochs, in lanes (numba): their order, and the samples of a batch."""

from __future__ import annotations

import math

from streams import LANES, fill_exponential, kernel


@kernel
def shuffle(state, order, scratch, n):
    """A uniform permutation ``order`` (n, LANES) a lane (Fisher, Yates)."""
    for k in range(n - 1, 0, -1):
        fill_exponential(state, scratch, 1)
        draw = scratch[0]
        for lane in range(LANES):
            j = min(k, int(math.exp(-draw[lane]) * (k + 1)))
            kept = order[j, lane]
            order[j, lane] = order[k, lane]
            order[k, lane] = kept


@kernel
def gather(out, data, order, first, count, columns, shared):
    """Samples ``first`` to first + count - 1 of a lane's order, of data (sample, column, LANES or 1)."""
    for s in range(count):
        at = order[first + s]
        for i in range(columns):
            row = out[s, i]
            for lane in range(LANES):
                row[lane] = data[at[lane], i, 0 if shared else lane]
