"""The stop rule of a side: enough chunks, when the error of a statistic is small enough."""

from __future__ import annotations

from typing import Any

import numpy as np

from compare.campaign.definition import Campaign
from compare.campaign.store import Store
from compare.campaign.work import Task, recorded
from compare.statistics import unchecked_statistics


class StopRule:
    """Looks at the first chunks of every side, in their order, so that it does not matter which came first.

    Chunks after the first complete set whose error is small enough do not belong to the results.

    Parameters
    ----------
    campaign : Campaign
    store : Store
    """

    def __init__(self, campaign: Campaign, store: Store) -> None:
        self.campaign, self.store = campaign, store
        self.held: dict[str, dict[int, tuple[Task, Any]]] = {}

    @property
    def active(self) -> bool:
        """Whether there is one."""
        return self.campaign.error is not None

    def ready(self, task: Task, found: Any):
        """Chunks to commit now, in order: those that no earlier one is missing for."""
        held = self.held.setdefault(task.group, {})
        held[task.chunk] = task, found
        done = len(self.store.complete(task.group))
        while done in held and self.store.stopped(task.group) is None:
            yield held.pop(done)
            done += 1
        if self.store.stopped(task.group) is not None:
            held.clear()

    def look(self, task: Task) -> str | None:
        """After a commit: the reason why the side is complete, which is recorded; None if it is not."""
        from compare.campaign.view import read_side

        campaign, quantity = self.campaign, self.campaign.quantity
        if campaign.error is None or quantity is None:
            return None
        done = len(self.store.complete(task.group))
        ds = read_side(self.store, task.group, campaign)
        if done >= campaign.chunks or ds is None or ds.sizes["replica"] < 3:
            return None
        record = recorded(campaign, task.cell)
        start = task.cell.learning_rate * (campaign.record.window_start(record) - 0.5)
        found = unchecked_statistics(ds.load(), start)
        value, se = found[quantity].values, found[f"{quantity}_se"].values
        with np.errstate(divide="ignore", invalid="ignore"):
            worst = float(np.nanmax(np.abs(se / value))) if value.size else np.nan
        if not worst <= campaign.error:
            return None
        reason = (
            f"largest relative error of {quantity} {worst:.4g} <= {campaign.error:g} after {done} of "
            f"{campaign.chunks} chunks"
        )
        self.store.stop(task.group, done, reason)
        return reason
