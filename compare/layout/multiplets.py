"""Multiplets: the modes that share a target. A pair is a multiplet of two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

__all__ = ["DEGENERATE", "Multiplets", "multiplet_coords", "multiplets"]

DEGENERATE = 1e-6
"""Targets closer than this fraction of the largest are one multiplet."""


@dataclass(frozen=True, slots=True)
class Multiplets:
    """Groups of modes with equal target, in descending order.

    Attributes
    ----------
    first, size : ndarray of int, shape (multiplet,)
        First mode of each multiplet and how many modes it has.
    """

    first: np.ndarray
    size: np.ndarray

    @property
    def slices(self) -> list[slice]:
        """The modes of each multiplet."""
        return [slice(int(k), int(k + m)) for k, m in zip(self.first, self.size, strict=True)]

    @property
    def pair_upper(self) -> np.ndarray:
        """Upper mode of each pair (a multiplet of two modes), shape (pair,)."""
        return self.first[self.size == 2]

    @property
    def pair_multiplet(self) -> np.ndarray:
        """Multiplet that each pair is, shape (pair,)."""
        return np.flatnonzero(self.size == 2)


def multiplets(target: xr.DataArray | Sequence[float] | np.ndarray) -> Multiplets:
    """Group modes whose targets are equal within ``DEGENERATE`` times the largest one.

    Parameters
    ----------
    target : array_like, shape (mode,)
        Eigenvalue each mode converges to without noise, descending, units "1".

    Raises
    ------
    ValueError
        If ``target`` is empty, not finite or not descending.
    """
    values = np.asarray(target, dtype=float)
    if values.ndim != 1 or values.size == 0 or not np.isfinite(values).all():
        raise ValueError(f"target must be a list of finite numbers, one per mode, got shape {values.shape}")
    tolerance = DEGENERATE * np.abs(values).max()
    steps = -np.diff(values)
    if (steps < -tolerance).any():
        raise ValueError("target must be descending; sort the modes by target, largest first")
    first = np.flatnonzero(np.concatenate([[True], steps > tolerance]))
    return Multiplets(first, np.diff(np.append(first, values.size)))


def multiplet_coords(target: xr.DataArray | Sequence[float] | np.ndarray) -> dict[str, xr.Variable]:
    """Coordinates of a target: ``multiplet``, ``multiplet_target``, ``_size``, ``pair``, ``pair_upper``."""
    values, group = np.asarray(target, dtype=float), multiplets(target)
    centre = np.array([values[s].mean() for s in group.slices])

    def variable(dim: str, data: np.ndarray, long_name: str) -> xr.Variable:
        return xr.Variable((dim,), data, {"long_name": long_name, "units": "1"})

    return {
        "multiplet": variable("multiplet", np.arange(group.size.size), "group of modes with equal target"),
        "multiplet_target": variable("multiplet", centre, "target eigenvalue of the multiplet"),
        "multiplet_size": variable(
            "multiplet", group.size.astype(np.int64), "number of modes in the multiplet"
        ),
        "pair": variable("pair", np.arange(group.pair_upper.size), "multiplet of two modes"),
        "pair_upper": variable("pair", group.pair_upper.astype(np.int64), "upper mode of the pair"),
    }
