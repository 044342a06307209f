"""Checks of what callers pass in: one line that says what came, what was expected, what to do."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Iterable

import numpy as np

LONGEST = 60
"""Characters of a rejected value that an error repeats; the rest is cut."""


def one_line(text: object) -> str:
    """Any text on one line, without characters that a terminal or an encoding would choke on."""
    words = " ".join(str(text).split())
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)


def shown(value: object) -> str:
    """A rejected value as an error shows it: quoted, on one line, cut where it is very long."""
    try:
        text = one_line(repr(value[: 2 * LONGEST] if isinstance(value, str) else value))
    except ValueError:  # a whole number of more digits than Python prints
        text = f"a {type(value).__name__} too long to show"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The known name closest to ``word``, or that begins with it; None where none is close."""
    known = {name.lower(): name for name in names}
    begins = [name for low, name in known.items() if len(word) > 2 and low.startswith(word.lower())]
    if len(begins) == 1:
        return begins[0]
    # Longer words than these are never a slip of the finger, and difflib's cost grows with the square.
    close = difflib.get_close_matches(word.lower()[:LONGEST], known, n=1, cutoff=0.5)
    return known[close[0]] if close else None


def unknown(what: str, value: object, names: Iterable[str], listed: bool = True) -> str:
    """The message for a name that is not known: what came, the nearest name, or the names there are."""
    names = list(names)
    guess = nearest(str(value), names)
    hint = f"; did you mean {guess!r}?" if guess else ""
    choices = f" (one of: {', '.join(names)})" if listed else ""
    return f"unknown {what} {shown(value)}{hint}{choices}"


def choice(what: str, value: object, names: Iterable[str]) -> str:
    """One of the known ``names``; ValueError with the nearest otherwise."""
    names = list(names)
    if not isinstance(value, str) or value not in names:
        raise ValueError(unknown(what, value, names))
    return value


MOST = 2**53
"""Counts are at most this: they are computed with in double precision."""


def count(name: str, value: object, least: int = 1) -> int:
    """A whole number >= ``least``, at most 2**53 unless it is a seed; ValueError or TypeError otherwise."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} must be a whole number, got {shown(value)}")
    if value < least:
        raise ValueError(f"{name} must be >= {least}, got {shown(value)}")
    if int(value) > MOST and name != "seed":  # a seed is entropy, of any length
        raise ValueError(f"{name} must be at most 2**53, got {shown(value)}")
    return int(value)


def flag(name: str, value: object) -> bool:
    """True or False; TypeError otherwise."""
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {shown(value)}")
    return bool(value)


def positive(name: str, value: object, zero: bool = False, below: float = math.inf) -> float:
    """A finite number, 0 < value < ``below`` (``zero``: 0 <= value); ValueError or TypeError otherwise."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number, got {shown(value)}")
    try:
        number = float(value)
    except OverflowError:  # a whole number beyond 1e308
        number = math.inf
    if not (0 <= number < below) or (number == 0 and not zero):
        least = ">= 0" if zero else "> 0"
        bound = f"a finite number {least}" if below == math.inf else f"{least} and < {below:g}"
        raise ValueError(f"{name} must be {bound}, got {shown(value)}")
    return number


def finite(name: str, value: object, ndim: tuple[int, ...]) -> np.ndarray:
    """A finite real array with one of the given numbers of dimensions, as float64; ValueError otherwise."""
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "iuf":
            raise TypeError
        array = array.astype(float)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be an array of real numbers, got {shown(value)}") from None
    if array.ndim not in ndim or array.size == 0:
        wanted = " or ".join(f"{d}-D" for d in ndim)
        raise ValueError(f"{name} must be {wanted} and not empty, got shape {array.shape}")
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise ValueError(f"{name} must be finite, got {bad} NaN or infinite entries")
    return array
