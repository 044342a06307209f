"""Validation of what users pass in: one line that says what came and what was expected."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Iterable

import numpy as np


def positive(name: str, value: float, zero: bool = False) -> float:
    """A finite real number > 0 (>= 0 with ``zero``)."""
    real = isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))
    if not real or not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        raise ValueError(f"{name} must be a finite number {'>= 0' if zero else '> 0'}, got {value!r}")
    return float(value)


def count(name: str, value: int, least: int = 1) -> int:
    """An integer >= ``least``; floats and booleans are refused."""
    if not isinstance(value, numbers.Integral) or isinstance(value, (bool, np.bool_)) or value < least:
        raise ValueError(f"{name} must be an integer >= {least}, got {value!r}")
    return int(value)


def choice(name: str, value: str, known: Iterable[str]) -> str:
    """One of the ``known`` words; the error suggests the nearest."""
    known = list(known)
    if isinstance(value, str) and value in known:
        return value
    near = difflib.get_close_matches(str(value), known, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(f"unknown {name} {value!r}: {hint}choose from {', '.join(known)}")


def finite(name: str, value, ndim: tuple[int, ...]) -> np.ndarray:
    """A finite real array with one of the given numbers of dimensions, as float64."""
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "iuf":
            raise TypeError
        array = array.astype(float)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be an array of real numbers, got {type(value).__name__}") from None
    if array.ndim not in ndim or array.size == 0:
        wanted = " or ".join(f"{d}-D" for d in ndim)
        raise ValueError(f"{name} must be {wanted} and not empty, got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(
            f"{name} must be finite, got {int((~np.isfinite(array)).sum())} NaN or infinite entries"
        )
    return array
