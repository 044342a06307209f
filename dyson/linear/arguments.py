"""Checks of what callers of `LinearSGD` pass in."""

from __future__ import annotations

import numpy as np

from streams.arguments import finite

ROUNDING = 1e-10
"""Relative to the largest: asymmetries, negative eigenvalues and singular values below count as zero."""

WHOLE = 1e-6
"""How far a time may be from a whole number of steps."""


def matrix(name: str, value: object, ndim: int = 2) -> np.ndarray:
    """A finite array of its own, read-only."""
    a = finite(name, value, (ndim,)).copy()
    a.flags.writeable = False
    return a


def check_output(value: object, m: int) -> np.ndarray:
    """Z, shape (K, m), not zero."""
    z = matrix("output", value)
    if z.shape[1] != m:
        raise ValueError(
            f"output must have as many columns as the teacher has rows, shape (K, {m}), got {z.shape}"
        )
    if not z.any():
        raise ValueError("output must not be zero: nothing would be learnt")
    return z


def check_covariance(value: object, n: int) -> np.ndarray:
    """The inputs' covariance C: (n, n), symmetric, positive semi-definite and not zero."""
    c = matrix("covariance", value)
    if c.shape != (n, n):
        raise ValueError(f"covariance must have shape {(n, n)} as the teacher has {n} columns, got {c.shape}")
    _check_definite("covariance", c)
    if not c.any():
        raise ValueError("covariance must not be zero: nothing would be learnt")
    return c


def check_noise(value: object, shape: tuple[int, int]) -> np.ndarray:
    """A measured noise covariance, (M, N, M, N), symmetric and positive semi-definite."""
    full = matrix("noise", value, 4)
    if full.shape != (*shape, *shape):
        raise ValueError(
            f"noise must be a name or the covariance (row, col, row, col) of one sample's gradient noise, "
            f"shape {(*shape, *shape)}, got {full.shape}"
        )
    _check_definite("noise", full.reshape(shape[0] * shape[1], -1))
    return full


def _check_definite(name: str, values: np.ndarray) -> None:
    scale = np.abs(values).max()
    if np.abs(values - values.T).max() > ROUNDING * scale:
        raise ValueError(f"{name} must be symmetric, as covariances are")
    least = float(np.linalg.eigvalsh(values)[0])
    if least < -ROUNDING * scale:
        raise ValueError(f"{name} must be positive semi-definite, its lowest eigenvalue is {least:.3g}")


def unlearnt_error(null: np.ndarray) -> str:
    """The message for null directions (direction, M) of Z."""
    named = ", ".join(_direction(u) for u in null)
    return (
        f"output has rank {null.shape[1] - len(null)} of {null.shape[1]}: it cannot learn the {len(null)} "
        f"modes of W along the row directions {named}; pass allow_unlearnt=True to take it all the same"
    )


def _direction(u: np.ndarray) -> str:
    return "(" + ", ".join(f"{x:.3g}" for x in u[:8].round(12) + 0.0) + (", …)" if len(u) > 8 else ")")


def check_times(times: object, time_step: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Steps (of `time_step`) or, where that is None, time from record to record; and the times."""
    t = finite("times", times, (1,))
    if t[0] < 0 or (np.diff(t) <= 0).any():
        raise ValueError("times must be increasing numbers >= 0, of which 0 is the start")
    if time_step is None:
        return np.diff(t, prepend=0.0), t
    step = np.rint(t / time_step)
    off = np.abs(t / time_step - step) > WHOLE * np.maximum(1.0, 1e-6 * step)
    if off.any() or (np.diff(step) <= 0).any():
        bad = float(t[off.argmax()])
        raise ValueError(
            f"times must be whole steps, multiples of learning_rate/(1 - momentum) = {time_step:.10g}, got "
            f"{bad:.10g}; continuous=True takes any times"
        )
    return np.diff(step.astype(np.int64), prepend=0), t
