"""Files of earlier versions: their names are translated at the door, so that nothing inside knows them.

Version 1 (dyson-sgd 0.1) called a group of modes with equal target a level, which is the word for a level of
theory; it is a multiplet since.
"""

from __future__ import annotations

import xarray as xr

__all__ = ["READABLE", "SCHEMA", "SCHEMA_VERSION", "refused_version", "translated", "translated_label"]

SCHEMA = "dyson-sgd"
SCHEMA_VERSION = 2
READABLE = (1, SCHEMA_VERSION)

RENAMED = {
    "level": "multiplet",
    "level_target": "multiplet_target",
    "level_size": "multiplet_size",
    "level_finite_alpha": "multiplet_finite_alpha",
}
"""Names of version 1, and what they are now."""


def translated(ds: xr.Dataset) -> xr.Dataset:
    """A Dataset of an earlier version with the names of this one; one of this version as it is.

    Raises
    ------
    ValueError
        If it has the names of both.
    """
    if "level" not in ds.dims and "level_target" not in ds.variables:
        return ds
    both = sorted(new for new in RENAMED.values() if new in ds.variables or new in ds.dims)
    if both:
        raise ValueError(f"{both[0]}: is there beside its name of version 1, level; drop one of the two")
    return ds.rename({old: new for old, new in RENAMED.items() if old in ds.variables or old in ds.dims})


def translated_label(label: str) -> str:
    """What a row of checks is about: "level 1 (x = 4.62)" of version 1 is multiplet 1."""
    return f"multiplet{label.removeprefix('level')}" if label.startswith("level ") else label


def refused_version(what: str, found: object, writer: object) -> str:
    """Why a file is not read: who wrote it, what this version reads, what to do."""
    readable = " and ".join(map(str, READABLE))
    return (
        f"{what} has schema_version {found!r:.20}, written by dyson-sgd {writer!s:.20}; this version reads "
        f"{readable}: install the one that wrote it, or a later one"
    )
