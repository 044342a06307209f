"""Memory of blocks of ``LANES`` replicas, as kernels want it."""

from __future__ import annotations

import numpy as np

from streams import LANES

CACHE_LINE = 64


def aligned(*shape: int, dtype: type = np.float64) -> np.ndarray:
    """Zeros that start at a cache line: vectors across two lines make the kernels half as fast."""
    size = int(np.prod(shape)) * 8
    raw = np.zeros(size + CACHE_LINE, dtype=np.uint8)
    start = -raw.ctypes.data % CACHE_LINE
    return raw[start : start + size].view(dtype).reshape(shape)


def lanes(*shape: int) -> np.ndarray:
    """Zeros (*shape, LANES)."""
    return aligned(*shape, LANES)


def in_all_lanes(matrix: np.ndarray) -> np.ndarray:
    """The same matrix (rows, columns) in every lane, (rows, columns, LANES)."""
    out = lanes(*matrix.shape)
    out[:] = matrix[..., None]
    return out


def copy_of_state(state: np.ndarray) -> np.ndarray:
    """The block's own generator, of ``state`` (4, LANES)."""
    out = aligned(*state.shape, dtype=np.uint64)
    out[:] = state
    return out


def whole_block(weights: np.ndarray) -> np.ndarray:
    """Weights (replica, …) of at most LANES replicas, the last one repeated until there are LANES."""
    return weights[np.minimum(np.arange(LANES), len(weights) - 1)]
