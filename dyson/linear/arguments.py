"""Checks of what callers of `LinearSGD` pass in."""

from __future__ import annotations

import numpy as np

from streams.arguments import finite
from streams.matrices import matrix, require_semidefinite

MOST_STEPS = 1e15

WHOLE = 1e-6
"""How far a time may be from a whole number of steps."""


def check_noise(value: object, shape: tuple[int, int]) -> np.ndarray:
    """A measured noise covariance, (M, N, M, N), symmetric and positive semi-definite."""
    full = matrix("noise", value, 4)
    if full.shape != (*shape, *shape):
        raise ValueError(
            f"noise must be a name or the covariance (row, col, row, col) of one sample's gradient noise, "
            f"shape {(*shape, *shape)}, got {full.shape}"
        )
    require_semidefinite("noise", full.reshape(shape[0] * shape[1], -1))
    return full


def check_times(times: object, time_step: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Steps (of `time_step`) or, where that is None, time from record to record; and the times."""
    t = finite("times", times, (1,))
    if t[0] < 0 or (np.diff(t) <= 0).any():
        raise ValueError("times must be increasing numbers >= 0, of which 0 is the start")
    if time_step is None:
        return np.diff(t, prepend=0.0), t
    step = np.rint(t / time_step)
    if step[-1] > MOST_STEPS:
        raise ValueError(f"times must be at most {MOST_STEPS:g} steps of {time_step:g}, got {t[-1]:g}")
    off = np.abs(t / time_step - step) > WHOLE * np.maximum(1.0, 1e-6 * step)
    if off.any() or (np.diff(step) <= 0).any():
        bad = float(t[off.argmax()])
        raise ValueError(
            f"times must be whole steps, multiples of learning_rate/(1 - momentum) = {time_step:.10g}, got "
            f"{bad:.10g}; continuous=True takes any times"
        )
    return np.diff(step.astype(np.int64), prepend=0), t
