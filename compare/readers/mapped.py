"""The values that a mapping picks from one ``.npz`` file, each checked as it is asked for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from compare.readers import npz
from streams.arguments import unknown

__all__ = ["FIELDS", "Mapped"]

FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "weight": "weights W, shape (replica, time, row, col)",
        "eigenvalue": "eigenvalues, shape (replica, time, mode); instead of weight",
        "matrix": 'whose eigenvalues: "W" (its symmetric part) or "WᵀW", also written "WTW"; not a key',
        "learning_rate": "learning rate α",
        "batch_size": "batch size |B|",
        "time": "recorded times t = α n, shape (time,)",
        "step": "recorded SGD steps n, shape (time,); instead of time",
        "epochs": "epochs trained; with record_every and batches instead of time",
        "record_every": "epochs from one record to the next, from epoch 0; the last epoch is recorded too",
        "batches": "mini-batches (SGD steps) of an epoch",
        "target": "eigenvalue without noise of every mode, shape (mode,) or one number for all",
        "noise": "standard deviation ε of added gradient noise; a parameter of the model",
        "initial_std": "standard deviation of the initial weights; a parameter of the model",
    }
)
"""What a mapping may name, and what it must be."""

REQUIRED = ("matrix", "learning_rate", "batch_size", "target")
LARGEST = 2.0**53
"""Whole numbers are exact below it."""


class Mapped:
    """The values of one file by our names.

    A string in the mapping is a key of the file or, where the file has no such key, a number;
    anything else is the value itself.

    Parameters
    ----------
    path : path-like
        An ``.npz`` file.
    mapping : mapping
        Names of `FIELDS` to keys or values.

    Raises
    ------
    TypeError, FileNotFoundError, ValueError
        If the file cannot be read, a mapped array is not readable numbers, or a required name is missing.
    """

    def __init__(self, path: str | os.PathLike[str], mapping: Mapping[str, Any]) -> None:
        self.path, self.mapping = path, dict(mapping)
        self.keys = npz.keys(path)
        names = [key for name, key in self.mapping.items() if name != "matrix" and isinstance(key, str)]
        self.arrays = npz.load(path, {key for key in names if key in self.keys})
        for name in REQUIRED:
            if name not in self.mapping:
                raise self.error(f"{name} is not mapped ({FIELDS[name]}); add it to the mapping")

    def error(self, text: str) -> ValueError:
        """A ValueError about this file."""
        owner = f"{str(self.path)!r}: "
        return ValueError(text if text.startswith(owner) else owner + text)

    def __contains__(self, name: str) -> bool:
        return name in self.mapping

    def array(self, name: str, dims: str) -> np.ndarray:
        """A mapped array as finite float64 with the dims named, such as "replica, time, mode"."""
        values = self._value(name)
        if values.ndim != len(dims.split(", ")) or 0 in values.shape:
            raise self.error(
                f"{self._label(name)} has shape {values.shape}; expected ({dims}), none of them empty"
            )
        bad = np.argwhere(~np.isfinite(values))
        if bad.size:
            where = ", ".join(str(i) for i in bad[0])
            raise self.error(
                f"{self._label(name)} is {values[tuple(bad[0])]} at ({dims}) = ({where}); "
                "expected finite numbers, leave such replicas out"
            )
        return values

    def number(self, name: str, whole: bool = False) -> float:
        """A mapped number > 0, also from an array of one element; a whole one where that is meant."""
        values = self._value(name)
        if values.size != 1:
            raise self.error(f"{self._label(name)} has shape {values.shape}; expected one number")
        value = float(values.reshape(()))
        if not 0 < value < np.inf or (whole and (value != round(value) or value >= LARGEST)):
            kind = "a whole number >= 1" if whole else "a finite number > 0"
            raise self.error(f"{self._label(name)} is {value:g}; expected {kind}")
        return value

    def per_mode(self, name: str, modes: int) -> np.ndarray:
        """A mapped array of one number per mode, descending; a single number stands for all modes."""
        if self._value(name).ndim == 0:
            self.mapping[name] = self._value(name).reshape(1)
        values = -np.sort(-self.array(name, "mode"))
        if values.size not in (1, modes):
            raise self.error(
                f"{self._label(name)} has {values.size} values; expected {modes}, one per mode, or one"
            )
        return np.broadcast_to(values, modes).copy()

    def _value(self, name: str) -> np.ndarray:
        given = self.mapping[name]
        if isinstance(given, str) and given in self.arrays:
            given = self.arrays[given]
        elif isinstance(given, str):
            given = self._number_from(name, given)
        try:
            values = np.asarray(given)
            if values.dtype.kind in npz.NUMBERS:
                with np.errstate(over="ignore"):  # a long double beyond float64: infinite, refused later
                    return values.astype(np.float64)
        except (ValueError, TypeError, OverflowError):
            pass
        raise self.error(f"{name} must be real numbers ({FIELDS[name]}), got {type(given).__name__}")

    def _label(self, name: str) -> str:
        given = self.mapping[name]
        return f"{name} (key {given[:60]!r})" if isinstance(given, str) else name

    def _number_from(self, name: str, text: str) -> float:
        try:
            return float(text)
        except ValueError:
            raise self.error(f"{name}: {unknown('key', text, self.keys)}") from None
