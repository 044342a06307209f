"""Roots of many rising functions at once, inside brackets."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
STEPS = 120


def rising_roots(
    function: Callable[[Array, NDArray[np.intp]], Array],
    low: Array,
    high: Array,
    below: Array,
    above: Array,
    unit: float,
) -> Array:
    """u in [low, high] with function(u, index) = 0, to rounding.

    Regula falsi (Illinois), every fourth step a bisection.

    Parameters
    ----------
    function : callable
        Rises in u; gets the indices of the roots that are still sought.
    low, high, below, above : ndarray, shape (root,)
        Brackets, and the function's values there, <= 0 and >= 0.
    unit : float
        Scale of u: the brackets end at 4e-16 of it.
    """
    low, high, below, above = (np.array(a, dtype=float) for a in (low, high, below, above))
    result = (low + high) / 2
    left = np.arange(low.size)
    for step in range(STEPS):
        if not left.size:
            break
        l, h, f, g = low[left], high[left], below[left], above[left]
        with np.errstate(divide="ignore", invalid="ignore"):
            trial = l - f * (h - l) / (g - f)
        good = (trial > l) & (trial < h) & (step % 4 != 3)
        u = np.where(good, trial, (l + h) / 2)
        value = function(u, left)
        result[left] = u
        up = value > 0
        # the value that stays is halved, so that both ends close in
        low[left], below[left] = np.where(up, l, u), np.where(up, f / 2, value)
        high[left], above[left] = np.where(up, u, h), np.where(up, value, g / 2)
        left = left[(value != 0) & (high[left] - low[left] > 4e-16 * (np.abs(u) + unit))]
    return result
