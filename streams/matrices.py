"""Checks of the matrices that define a network; both sides take them, under the same names."""

from __future__ import annotations

import numpy as np

from streams.arguments import finite

ROUNDING = 1e-10
"""Relative to the largest: asymmetries, negative eigenvalues and singular values below it count as zero."""

LARGEST = 1e100
"""Entries are at most so large: their squares, and squares of those, must stay within float64."""

MOST_SHOWN = 8


def matrix(name: str, value: object, ndim: int = 2) -> np.ndarray:
    """A finite array of its own, read-only."""
    a = within(name, finite(name, value, (ndim,))).copy()
    a.flags.writeable = False
    return a


def within(name: str, values: np.ndarray) -> np.ndarray:
    """The same array; ValueError where an entry is beyond LARGEST."""
    largest = np.abs(values).max(initial=0.0)
    if largest > LARGEST:
        raise ValueError(f"{name} must have entries of at most {LARGEST:g}, got {largest:.3g}; change units")
    return values


def output_layer(value: object, rows: int) -> np.ndarray:
    """Z, shape (K, rows), not zero."""
    z = matrix("output", value)
    if z.shape[1] != rows:
        raise ValueError(
            f"output must have as many columns as the teacher has rows, shape (K, {rows}), got {z.shape}"
        )
    if not z.any():
        raise ValueError("output must not be zero: nothing would be learnt")
    return z


def input_covariance(value: object, columns: int) -> np.ndarray:
    """C, shape (columns, columns), symmetric, positive semi-definite and not zero."""
    c = matrix("covariance", value)
    if c.shape != (columns, columns):
        raise ValueError(
            f"covariance must have shape {(columns, columns)} as the teacher has {columns} columns, "
            f"got {c.shape}"
        )
    require_semidefinite("covariance", c)
    if not c.any():
        raise ValueError("covariance must not be zero: nothing would be learnt")
    return c


def require_semidefinite(name: str, values: np.ndarray) -> None:
    """ValueError unless ``values`` (n, n) is symmetric and has no negative eigenvalue."""
    scale = np.abs(values).max()
    if np.abs(values - values.T).max() > ROUNDING * scale:
        raise ValueError(f"{name} must be symmetric, as covariances are")
    least = float(np.linalg.eigvalsh(values)[0])
    if least < -ROUNDING * scale:
        raise ValueError(f"{name} must be positive semi-definite, its lowest eigenvalue is {least:.3g}")


def unlearnt(null: np.ndarray) -> str:
    """The message for null directions (direction, rows) of Z."""
    rows = null.shape[1]
    named = ", ".join(_direction(u) for u in null[:MOST_SHOWN]) + (", …" if len(null) > MOST_SHOWN else "")
    return (
        f"output has rank {rows - len(null)} of {rows}: it cannot learn the {len(null)} modes of W along the "
        f"row directions {named}; pass allow_unlearnt=True to take it all the same"
    )


def _direction(u: np.ndarray) -> str:
    shown = ", ".join(f"{x:.3g}" for x in u[:MOST_SHOWN].round(12) + 0.0)
    return f"({shown}{', …' if len(u) > MOST_SHOWN else ''})"
