"""The stop rule of a side: enough chunks, when the error of a statistic is small enough."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from compare.measure.statistics import unchecked_statistics
from compare.studies.campaign.definition import Campaign, sides
from compare.studies.campaign.store import Store
from compare.studies.campaign.work import Task, recorded, tasks_of

LOOKS = 16
"""The rule looks after each of the first 2 LOOKS chunks, later at least whenever 1/LOOKS more are there."""


@dataclass
class _Side:
    """What is there of a side: chunks, how many from the first on, after how many it stopped."""

    complete: set[int]
    prefix: int = 0
    looked: int = 0
    stopped: int | None = None
    held: dict[int, tuple[Task, Any]] = field(default_factory=dict)

    def advance(self) -> None:
        while self.prefix in self.complete:
            self.prefix += 1


class StopRule:
    """Looks at the first chunks of every side, in their order, so that it does not matter which came first.

    Chunks after the first set that is looked at and has a small enough error do not belong to the results.

    Parameters
    ----------
    campaign : Campaign
    store : Store
    """

    def __init__(self, campaign: Campaign, store: Store) -> None:
        self.campaign, self.store = campaign, store
        self._sides: dict[str, _Side] = {}

    @property
    def active(self) -> bool:
        """Whether there is one."""
        return self.campaign.error is not None

    def catch_up(self) -> Iterator[tuple[str, str]]:
        """Look where the last run ended between commit and look; group and reason of sides that stop."""
        for cell, side in sides(self.campaign) if self.active else ():
            task = tasks_of(self.campaign, cell, side)[0]
            found = self._side(task.group)
            due = [n for n in range(found.prefix + 1) if _due(n)]
            found.looked = due[-1] - 1 if due else 0
            if (reason := self.look(task)) is not None:
                yield task.group, reason

    def wants(self, task: Task) -> bool:
        """Whether a chunk may still belong to the results."""
        if not self.active:
            return True
        stopped = self._side(task.group).stopped
        return stopped is None or task.chunk < stopped

    def ready(self, task: Task, found: Any) -> Iterator[tuple[Task, Any]]:
        """Chunks to commit now, in order: those that no earlier one is missing for. Look after each."""
        side = self._side(task.group)
        side.held[task.chunk] = task, found
        if side.stopped is not None:  # a chunk before the end that had been lost
            yield from [side.held.pop(k) for k in sorted(side.held) if k < side.stopped]
        while side.stopped is None and side.prefix in side.held:
            number = side.prefix
            side.complete.add(number)
            side.advance()
            yield side.held.pop(number)
        if side.stopped is not None:
            side.held.clear()

    def look(self, task: Task) -> str | None:
        """After a commit: the reason why the side is complete, which is recorded; None if it is not."""
        side = self._side(task.group)
        if not self.active or side.stopped is not None:
            return None
        for chunks in range(side.looked + 1, side.prefix + 1):
            side.looked = chunks
            if _due(chunks) and (worst := self._worst(task, chunks)) is not None:
                side.stopped = chunks
                reason = (
                    f"largest relative error of {self.campaign.quantity} {worst:.4g} <= "
                    f"{self.campaign.error:g} after {chunks} of {self.campaign.chunks} chunks"
                )
                self.store.stop(task.group, chunks, reason)
                return reason
        return None

    def _side(self, group: str) -> _Side:
        if group not in self._sides:
            found, stop = _Side(set(self.store.complete(group))), self.store.stopped(group)
            found.stopped = None if stop is None else stop["chunks"]
            found.advance()
            self._sides[group] = found
        return self._sides[group]

    def _worst(self, task: Task, chunks: int) -> float | None:
        """Largest relative error after so many chunks, if it is small enough."""
        from compare.studies.campaign.view import read_side

        campaign, quantity = self.campaign, self.campaign.quantity
        replicas = min(chunks * campaign.chunk, campaign.replicas)
        if chunks >= campaign.chunks or replicas < 3 or campaign.error is None or quantity is None:
            return None
        ds = read_side(self.store, task.group, campaign)
        if ds is None:
            return None
        record = recorded(campaign, task.cell)
        start = task.cell.learning_rate * (campaign.record.window_start(record) - 0.5)
        found = unchecked_statistics(ds.isel(replica=slice(0, replicas)).load(), start)
        value, se = found[quantity].values, found[f"{quantity}_se"].values
        with np.errstate(divide="ignore", invalid="ignore"):
            errors = np.abs(se / value)
        if not np.isfinite(errors).any():
            return None
        worst = float(np.nanmax(errors))
        return worst if worst <= campaign.error else None


def _due(chunks: int) -> bool:
    """Whether the rule looks after so many chunks: looking at all of them costs all that was written."""
    step = 1 << max(0, (chunks // LOOKS).bit_length() - 1)
    return chunks > 0 and chunks % step == 0
