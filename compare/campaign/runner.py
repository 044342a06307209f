"""Run a campaign: what is missing is computed and committed, until all is there or something stops it."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from compare.campaign import atomic
from compare.campaign.definition import Campaign, sides
from compare.campaign.executors import Compute, Executor, InProcess
from compare.campaign.plan import require_disk
from compare.campaign.stopping import StopRule
from compare.campaign.store import Store
from compare.campaign.work import Task, compute, tasks_of


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes
    ----------
    ran, found : int
        Chunks that it computed, and that were complete before.
    missing : int
        Chunks that are still to be done.
    reason : str
        "complete", "interrupted", or "time".
    seconds : float
    """

    ran: int
    found: int
    missing: int
    reason: str
    seconds: float

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return self.missing == 0


def missing(campaign: Campaign, store: Store) -> list[Task]:
    """Chunks to compute, all first ones first, so that every cell has some early."""
    wanted = []
    for cell, side in sides(campaign):
        tasks = tasks_of(campaign, cell, side)
        group = tasks[0].group
        done = set(store.complete(group))
        if store.stopped(group) is None:
            wanted += [task for task in tasks if task.chunk not in done]
    return sorted(wanted, key=lambda task: task.chunk)


def run(
    campaign: Campaign,
    path: str | Path,
    executor: Executor | None = None,
    *,
    seconds: float | None = None,
    progress: bool = False,
    compute: Compute = compute,
) -> Outcome:
    """Compute the chunks that are missing. Results do not depend on the executor, nor on earlier runs' ends.

    Ctrl-C lets the chunks in flight finish and be stored; once more, and the run ends at once. Whatever ends
    it, running again goes on.

    Parameters
    ----------
    campaign : Campaign
    path : str or Path
        The store: a new folder, or one that holds this campaign.
    executor : Executor, optional
        By default this process, one thread.
    seconds : float, optional
        Begin no chunk after so long; by default what the campaign says.
    progress : bool
        A bar on standard error, with the time left.
    compute : callable
        What makes a chunk; for tests and measurements.

    Raises
    ------
    ValueError, FileExistsError
        If the folder holds something else.
    BlockingIOError
        If another run is at work in it.
    OSError
        If the disk is full, before or during the run; complete chunks stay.
    RuntimeError
        If the workers of a chunk died three times.
    """
    if (Path(path) / "campaign.json").exists():
        Store(path).campaign()  # says what is wrong with it before anything is touched
    store = Store.create(path, campaign)
    executor = InProcess() if executor is None else executor
    with store.lock():
        atomic.remove_partial(store.path)
        wanted = missing(campaign, store)
        total = sum(len(tasks_of(campaign, cell, side)) for cell, side in sides(campaign))
        require_disk(campaign, store, len(wanted) / max(1, total))
        store.journal.write("run", missing=len(wanted), total=total)
        began = time.monotonic()
        limit = campaign.seconds if seconds is None else seconds
        with _interrupts() as interrupted:
            ran, late = _drive(
                campaign, store, executor, wanted, began, limit, interrupted, progress, compute
            )
        left = len(missing(campaign, store))
        reason = "interrupted" if interrupted.is_set() else "time" if late else "complete"
        if left == 0:
            reason = "complete"
        spent = time.monotonic() - began
        store.journal.write("end", reason=reason, ran=ran, missing=left, seconds=round(spent, 3))
    return Outcome(ran, total - len(wanted), left, reason, spent)


def _drive(
    campaign: Campaign,
    store: Store,
    executor: Executor,
    wanted: list[Task],
    began: float,
    limit: float | None,
    interrupted: threading.Event,
    progress: bool,
    compute: Compute,
) -> tuple[int, bool]:
    """Compute and commit; number of chunks, and whether time ran out."""
    rule, ran, late = StopRule(campaign, store), 0, False

    def feed() -> Iterator[Task]:
        nonlocal late
        for task in wanted:
            late = limit is not None and time.monotonic() - began >= limit
            if late or interrupted.is_set():
                return
            if not rule.active or store.stopped(task.group) is None:
                yield task

    show = progress and sys.stderr.isatty()
    with tqdm(total=len(wanted), unit="chunk", disable=not show, file=sys.stderr) as bar:
        for task, found in executor.results(compute, campaign.to_mapping(), feed()):
            for ready, content in rule.ready(task, found) if rule.active else [(task, found)]:
                size = store.commit(ready, content)
                store.journal.write("chunk", name=ready.name, bytes=size)
                ran += 1
                if rule.active and (reason := rule.look(ready)):
                    store.journal.write("stop", name=ready.group, reason=reason)
                    break
            bar.update()
    return ran, late


@contextmanager
def _interrupts() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets; the second one interrupts. In other threads, nothing is caught."""
    pressed = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield pressed
        return

    def handle(number: int, frame: Any) -> None:
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()
        print(
            "stopping after the chunks in work; press Ctrl-C again to stop at once",
            file=sys.stderr,
            flush=True,
        )

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)
