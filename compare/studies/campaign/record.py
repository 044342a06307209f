"""Which steps of a run are recorded: a bounded number of them, however long it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from streams.arguments import choice, count, positive, shown

SPACINGS = ("linear", "logarithmic")
MOST_RECORDS, MOST_STEPS = 10_000, 10**10


@dataclass(frozen=True)
class Record:
    """Steps to record.

    Attributes
    ----------
    number : int
        Recorded steps in the window.
    spacing : {"linear", "logarithmic"}
        Equal or growing distances.
    steps : tuple of int or None
        Exactly these steps, for every cell.
    warm_up, window : float
        Without ``steps``: the window begins after so many relaxation times of the slowest mode, and lasts
        so many. With spacing "logarithmic" it begins at the first step.
    """

    number: int = 12
    spacing: str = "linear"
    steps: tuple[int, ...] | None = None
    warm_up: float = 3.0
    window: float = 1.5

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Record:
        """From the table [record]; TypeError or ValueError where it is not as described."""
        values: dict[str, Any] = {}
        if "number" in table:
            values["number"] = count("record.number", table["number"], 2)
        if "spacing" in table:
            values["spacing"] = choice("record.spacing", table["spacing"], SPACINGS)
        for key in ("warm_up", "window"):
            if key in table:
                values[key] = positive(f"record.{key}", table[key])
        if "steps" in table:
            given = table["steps"]
            if len(table) > 1:
                raise ValueError("record.steps says exactly which: leave the other keys of [record] out")
            if not isinstance(given, (list, tuple)) or not given:
                raise TypeError(f"record.steps must be a list of steps, got {shown(given)}")
            steps = tuple(count("record.steps", step, 0) for step in given)
            if list(steps) != sorted(set(steps)) or steps[-1] < 1:
                raise ValueError("record.steps must be increasing, the last at least 1")
            values["steps"] = steps
        found = cls(**values)
        if max(found.number, len(found.steps or ())) > MOST_RECORDS:
            raise ValueError(f"at most {MOST_RECORDS} steps can be recorded, so that memory is bounded")
        return found

    def at(self, relaxation_steps: float) -> np.ndarray:
        """Recorded steps, the first one 0, where the slowest mode relaxes in so many steps."""
        if self.steps is not None:
            return np.unique(np.r_[0, np.asarray(self.steps, np.int64)])
        if not math.isfinite(relaxation_steps):
            raise ValueError("no mode of this model relaxes: say which steps to record, record.steps")
        first, last = (share * relaxation_steps for share in (self.warm_up, self.warm_up + self.window))
        if last > MOST_STEPS:
            raise ValueError(f"the slowest mode needs {last:.3g} steps: raise the learning rate")
        if self.spacing == "logarithmic":
            chosen = np.geomspace(1.0, max(last, 2.0), self.number)
        else:
            chosen = np.linspace(max(first, 1.0), max(last, 2.0), self.number)
        return np.unique(np.r_[0, np.ceil(chosen).astype(np.int64)])

    def window_start(self, record: np.ndarray) -> int:
        """First step of the stationary window: the first after the start, or the later half."""
        if self.steps is None and self.spacing == "linear":
            return int(record[1])
        return int(record[record.size // 2])
