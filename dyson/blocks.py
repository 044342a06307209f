"""The interface between a model and a solver: compiled functions over one block of replicas.

A block is an ``(n, LANES)`` array, one replica a lane. A model supplies two functions with the
signatures below and a flat parameter vector ``theta``; a solver calls them through a pointer, once
per step and block, so that any model runs in any solver at full speed and solvers compile once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import types

WORK_ROWS = 8
"""Rows of scratch space per particle that a solver hands to ``drift``."""

_block = types.float64[:, ::1]
_vector = types.float64[::1]

WHOLE, SPLIT, SPLIT_KEEPING_FAR = 0, 1, 2
"""What a solver asks of ``drift``, see there."""

NEAR = 4
"""Pairs further apart in rank than this make the far field, which a solver may keep for several steps."""

DRIFT_SIGNATURE = types.void(_block, _vector, types.float64, types.int64, _block, _block)
"""``drift(x, theta, dt, mode, out, work)`` writes dx_i/dt without noise into ``out``.

``dt`` > 0 regularises the repulsion of every pair, 1/d → d/(d² + ε²), ε² = (g_i² + g_j²) dt: half the
variance of d in one step. In mode ``SPLIT`` the repulsion of neighbours is left to the solver: what remains
of it in ``out`` is the regular part, (G_ij - β g_i²)/(x_i - x_j). ``SPLIT_KEEPING_FAR`` is the same with the
far field of the last call, which is kept in the first n rows of ``work``.
"""

NOISE_SIGNATURE = types.void(_block, _vector, _block)
"""``noise(x, theta, g2)`` writes the squared noise amplitudes g_i²(x) (noise term √2 g_i dB_i)."""


ADVANCE_SIGNATURE = types.void(
    _block,
    types.uint64[:, ::1],
    _vector,
    types.FunctionType(DRIFT_SIGNATURE),
    types.FunctionType(NOISE_SIGNATURE),
    types.float64,
    types.boolean,
    types.float64,
    types.int64,
)
"""``advance(x, state, theta, drift, noise, beta, constant_noise, dt, steps)``: what a block solver is."""


@dataclass(frozen=True)
class BlockKernel:
    """A model's compiled side: the two block functions and their parameters."""

    drift: Any
    noise: Any
    theta: np.ndarray
    constant_noise: bool
