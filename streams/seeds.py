"""From ``(seed, name, place)`` to random numbers: the one way to make a stream.

Every stream has a name of its own. Two that shared one would draw the same numbers at the same seed, and a
second opinion would be the first one again; ``tests/streams/test_names.py`` finds any two that do.
"""

from __future__ import annotations

import hashlib
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
    philox = np.random.Philox(_sequence(seed, name)).advance(first)
    raw = philox.random_raw(4 * n_blocks * LANES).reshape(n_blocks, LANES, 4)
    return np.ascontiguousarray(raw.transpose(0, 2, 1))


def generator(seed: int, name: str, *place: int) -> np.random.Generator:
    """A NumPy generator of its own for (seed, name, place): for work outside of kernels.

    Parameters
    ----------
    seed : int
        Entropy of the run, non-negative; a constant for tables that are always the same.
    name : str
        Who draws; different names give independent streams.
    *place : int
        Number of the replica, the data set, the point of a plane, ...; non-negative.
    """
    return np.random.default_rng(_sequence(seed, name, *place))


def subseed(seed: int, name: str, *place: int) -> int:
    """A 63-bit seed of its own for (seed, name, place), to be handed to something that takes a seed."""
    return int(_sequence(seed, name, *place).generate_state(1, np.uint64)[0] >> np.uint64(1))


def seed_of_text(seed: int, text: str) -> int:
    """A 53-bit seed that belongs to a text, by SHA-256: for more places than names of 32 bits tell apart."""
    words = np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint32)
    sequence = np.random.SeedSequence(seed, spawn_key=tuple(int(word) for word in words))
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(11))


def _sequence(seed: int, name: str, *place: int) -> np.random.SeedSequence:
    return np.random.SeedSequence(seed, spawn_key=(zlib.crc32(name.encode()), *place))


def blocks(count: int) -> int:
    """Number of blocks of ``LANES`` replicas that hold ``count`` replicas."""
    return -(-count // LANES)
