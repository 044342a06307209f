"""Starts of the density in time as a `Measure`: numbers, eigenvalues, laws and functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dyson.large_n.equilibrium import Equilibrium
from dyson.large_n.measure import Cut, Measure, chebyshev
from dyson.laws.base import Law
from streams.arguments import finite, shown

Array = NDArray[np.float64]

SMALLEST, LARGEST = 64, 2**13
SHARP, ROUGH = 1e-14, 1e-6
"""Last Chebyshev coefficients at which a density is resolved, and beyond which it is refused."""
TINY = 1e-17  # probability cut off an infinite tail


def measure_of(start: Any, weights: Any = None, support: Any = None) -> Measure:
    """The start as a measure of mass 1; see `dyson.density_in_time` for what it may be.

    Raises
    ------
    TypeError, ValueError
        For anything else, weights that do not fit, or a density that is negative or not smooth.
    """
    if isinstance(start, Equilibrium | Law) or callable(start):
        if weights is not None:
            raise ValueError("weights belong to a start given as positions, not to a density")
        if isinstance(start, Equilibrium):
            return start._measure
        if isinstance(start, Law):
            return _of_law(start)
        if support is None:
            raise ValueError("a start given as a function needs support=(low, high), outside which it is 0")
        low, high = finite("support", support, (1,)) if np.size(support) == 2 else (1.0, 0.0)
        if not low < high:
            raise ValueError(f"support must be (low, high) with low < high, got {shown(support)}")
        return Measure((_of_density(start, float(low), float(high), 1.0, "start"),))
    if support is not None:
        raise ValueError("support belongs to a start given as a function")
    try:
        points = finite("start", start, (0, 1)).ravel()
    except ValueError as error:
        raise ValueError(
            f"{error}; a start is a number, positions, a law, an equilibrium measure or a density"
        ) from None
    if weights is None:
        mass = np.full(points.size, 1 / points.size)
    else:
        mass = finite("weights", weights, (1,))
        if mass.shape != points.shape or np.any(mass <= 0):
            raise ValueError(
                f"weights must be positive, one for each of {points.size} positions, got {shown(weights)}"
            )
        mass = mass / mass.sum()
    places, back = np.unique(points, return_inverse=True)
    return Measure((), places, np.bincount(back.ravel(), weights=mass).astype(float))


def _of_law(law: Law) -> Measure:
    low, high = law.support
    low = low if math.isfinite(low) else float(law.ppf(TINY))
    high = high if math.isfinite(high) else _upper(law, low)
    cut = _of_density(law.pdf, low, high, 1 - law.atom, type(law).__name__)
    if law.atom:
        return Measure((cut,), np.array([0.0]), np.array([law.atom]))
    return Measure((cut,))


def _upper(law: Law, low: float) -> float:
    """Where the upper tail is as small as the lower one."""
    high = float(law.ppf(0.5))
    step = float(law.ppf(0.9)) - high
    while law.sf(high) > TINY:
        high += step
    return high


def _of_density(pdf: Any, low: float, high: float, mass: float, name: str) -> Cut:
    """ρ √((x − low)(high − x)) in Chebyshev polynomials, normalised to the mass."""
    half = (high - low) / 2

    def values(t: Array) -> Array:
        rho = np.asarray(pdf(low + half * (1 + t)), dtype=float)
        if rho.shape != t.shape or not np.isfinite(rho).all() or np.any(rho < 0):
            raise ValueError(f"{name}: a density must be finite and >= 0 inside its support")
        return half * rho * np.sqrt((1 - t) * (1 + t))

    size = SMALLEST
    while True:
        c = chebyshev(values, -1.0, 1.0, size)
        largest, last = np.abs(c).max(), np.abs(c[-size // 8 :]).max()
        if last <= SHARP * largest:
            break
        if size >= LARGEST:
            if last <= ROUGH * largest:
                break
            raise ValueError(
                f"{name}: the density is not smooth inside its support; pass a sample of it as positions"
            )
        size *= 2
    if not c[0] > 0:
        raise ValueError(f"{name}: the density vanishes on its support")
    c = c[: max(int(np.flatnonzero(np.abs(c) > 1e-16 * np.abs(c).max())[-1]) + 1, 4)]
    c *= mass / (math.pi * c[0])
    signs = (-1.0) ** np.arange(c.size)
    edges = np.abs([np.sum(signs * c), np.sum(c)]) > 1e-12 * np.abs(c).max()
    return Cut(low, high, c, (bool(edges[0]), bool(edges[1])))
