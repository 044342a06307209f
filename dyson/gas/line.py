"""The line that particles live on: its ends, and places on it."""

from __future__ import annotations

import math

import numpy as np

from streams.arguments import finite, shown

EVERYWHERE = (-math.inf, math.inf)


def checked_walls(walls: object) -> tuple[float, float]:
    """Two ends of the line, the lower one first; ValueError otherwise."""
    try:
        low, high = (float(w) for w in walls)  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        raise ValueError(f"walls must be two numbers, lower and upper, got {shown(walls)}") from None
    if not low < high or low == math.inf or high == -math.inf:
        raise ValueError(f"walls must be two numbers, the lower one first, got {shown(walls)}")
    return low, high


def above_minus_one(name: str, value: object) -> float:
    """An exponent whose power is integrable at 0; ValueError otherwise."""
    number = float(finite(name, value, (0,)))
    if not number > -1:
        raise ValueError(f"{name} must be > -1, got {number:g}: the weight is not integrable at the wall")
    return number


def offender(x: np.ndarray, inside: np.ndarray) -> float:
    """The first place that is outside, for messages."""
    return float(x[~inside][0])


def probes(walls: tuple[float, float], n: int) -> np.ndarray:
    """Places within the walls, (7, n), where a derivative is held against a difference quotient."""
    share = np.linspace(0.2, 0.8, 7)
    low, high = walls
    if math.isinf(low) and math.isinf(high):
        x = 2 * (share - 0.5)
    elif math.isinf(high):
        x = low + share
    else:
        x = high - share * (1.0 if math.isinf(low) else high - low)
    return np.repeat(x[:, None], n, axis=1)
