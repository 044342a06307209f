"""Places on the line that particles live on."""

from __future__ import annotations

import numpy as np

from streams.arguments import finite


def above_minus_one(name: str, value: object) -> float:
    """An exponent whose power is integrable at 0; ValueError otherwise."""
    number = float(finite(name, value, (0,)))
    if not number > -1:
        raise ValueError(f"{name} must be > -1, got {number:g}: the weight is not integrable at the wall")
    return number


def offender(x: np.ndarray, inside: np.ndarray) -> float:
    """The first place that is outside, for messages."""
    return float(x[~inside][0])


def per_particle(name: str, value: object, n: int) -> np.ndarray:
    """One number, or one for each particle, as an array (n,)."""
    array = finite(name, value, ndim=(0, 1))
    if array.ndim == 1 and len(array) != n:
        raise ValueError(f"{name} must be one number or n = {n} of them, got {len(array)}")
    return np.broadcast_to(array, (n,)).copy()
