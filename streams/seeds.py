"""From ``(seed, name, replica)`` to generator states."""

from __future__ import annotations

import zlib
from functools import partial

import numba
import numpy as np

LANES = 64
"""Replicas that one kernel call carries side by side."""

# error_model="numpy" drops the division-by-zero branches and is the decisive flag; the fast-math set
# leaves out "reassoc", "nnan" and "ninf": results do not depend on the order the compiler picks, and
# a diverged replica keeps its NaN.
_jit = partial(numba.njit, error_model="numpy", fastmath={"contract", "nsz"}, cache=True)


def kernel(function=None, **options):
    """Compile with this project's numba flags, cached on disk: ``@kernel``, ``@kernel(signature, ...)``."""
    if callable(function) and not isinstance(function, numba.core.typing.templates.Signature):
        return _jit(**options)(function)
    return _jit(function, **options)


def new_entropy() -> int:
    """Fresh 63-bit entropy, for a run without a seed; store it to reproduce the run."""
    return int(np.random.SeedSequence().generate_state(1, np.uint64)[0] >> np.uint64(1))


def states(seed: int, name: str, first: int, count: int) -> np.ndarray:
    """States of ``count`` consecutive replicas, starting at replica ``first``.

    A replica's state is one block of a Philox counter keyed by (seed, name): it depends on
    nothing else, so neither the size of the ensemble nor how it is cut into blocks matters.

    Parameters
    ----------
    seed : int
        Entropy of the run, non-negative.
    name : str
        Who draws ("sgd", "dyson", ...); different names give independent streams.

    Returns
    -------
    ndarray of uint64, shape (blocks, 4, LANES)
        Padded with further replicas to whole blocks.
    """
    n_blocks = blocks(count)
    key = np.random.SeedSequence(seed, spawn_key=(zlib.crc32(name.encode()),))
    philox = np.random.Philox(key).advance(first)
    raw = philox.random_raw(4 * n_blocks * LANES).reshape(n_blocks, LANES, 4)
    return np.ascontiguousarray(raw.transpose(0, 2, 1))


def blocks(count: int) -> int:
    """Number of blocks of ``LANES`` replicas that hold ``count`` replicas."""
    return -(-count // LANES)
