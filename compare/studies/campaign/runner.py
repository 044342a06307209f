"""Run a campaign: what is missing is computed and committed, until all is there or something stops it."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from compare.studies.campaign import atomic
from compare.studies.campaign.committing import Committer
from compare.studies.campaign.definition import Campaign, sides
from compare.studies.campaign.executors import Compute, Executor, InProcess
from compare.studies.campaign.plan import require_disk
from compare.studies.campaign.stopping import StopRule
from compare.studies.campaign.store import DEFINITION, Store
from compare.studies.campaign.work import Task, compute, tasks_of

STOPPING = "stopping after the chunks in work; press Ctrl-C again to stop at once"


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
        done, stopped = set(store.complete(tasks[0].group)), store.stopped(tasks[0].group)
        last = campaign.chunks if stopped is None else stopped["chunks"]
        wanted += [task for task in tasks[:last] if task.chunk not in done]
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
    Exception
        What computing a chunk raised, with the chunk's name in front; complete chunks stay.
    """
    store = Store(path)
    store.accept(campaign)  # says what is wrong before anything is touched
    if not (store.path / DEFINITION).exists():
        require_disk(campaign, store, 1.0)
    with store.lock():
        Store.create(path, campaign)
        atomic.remove_partial(store.path)
        limit = campaign.seconds if seconds is None else seconds
        return _Run(campaign, store, limit, compute).go(
            InProcess() if executor is None else executor, progress
        )


class _Run:
    """One run in a store that is locked."""

    def __init__(self, campaign: Campaign, store: Store, limit: float | None, compute: Compute) -> None:
        self.campaign, self.store, self.limit, self.compute = campaign, store, limit, compute
        self.began, self.late = time.monotonic(), False
        self.rule, self.committer = StopRule(campaign, store), Committer(store)
        for group, reason in self.rule.catch_up():
            store.journal.write("stop", name=group, reason=reason)
        self.wanted = missing(campaign, store)

    def go(self, executor: Executor, progress: bool) -> Outcome:
        """Compute, commit, and say how it ended, in the journal too."""
        total = self.campaign.chunks * sum(1 for _ in sides(self.campaign))
        require_disk(self.campaign, self.store, len(self.wanted) / max(1, total))
        self.store.journal.write("run", missing=len(self.wanted), total=total)
        try:
            with _interrupts() as interrupted:
                self._drive(executor, interrupted, progress)
            atomic.sync(self.store.path)
        except BaseException as error:
            with suppress(OSError):
                self._end(f"{type(error).__name__}: {error}", len(self.wanted) - self.committer.committed)
            raise
        left = len(missing(self.campaign, self.store))
        reason = "interrupted" if interrupted.is_set() else "time" if self.late else "complete"
        return self._end("complete" if left == 0 else reason, left, total - len(self.wanted))

    def _end(self, reason: str, left: int, found: int = 0) -> Outcome:
        ran, spent = self.committer.committed, time.monotonic() - self.began
        self.store.journal.write("end", reason=reason, ran=ran, missing=left, seconds=round(spent, 3))
        return Outcome(ran, found, left, reason, spent)

    def _feed(self, interrupted: threading.Event) -> Iterator[Task]:
        """Chunks to compute, until there is a reason to begin no more."""
        for task in self.wanted:
            self.late = self.limit is not None and time.monotonic() - self.began >= self.limit
            if self.late or interrupted.is_set():
                return
            if self.rule.wants(task):
                yield task

    def _drive(self, executor: Executor, interrupted: threading.Event, progress: bool) -> None:
        """Compute and commit. What is left when something is raised: executors first, then the disk."""
        results = executor.results(self.compute, self.campaign.to_mapping(), self._feed(interrupted))
        with ExitStack() as stack:
            bar = None
            if progress and sys.stderr.isatty():  # a bar takes semaphores, which a killed process leaves
                bar = stack.enter_context(tqdm(total=len(self.wanted), unit="chunk", file=sys.stderr))
            stack.enter_context(self.committer)
            stack.callback(getattr(results, "close", lambda: None))
            for task, found in results:
                self._take(task, found)
                if bar is not None:
                    bar.update()

    def _take(self, task: Task, found: Any) -> None:
        """Have a result committed; with a stop rule in the order of chunks, looking after each."""
        if not self.rule.active:
            self.committer.put(task, found)
            return
        for ready, content in self.rule.ready(task, found):
            self.committer.put(ready, content)
            self.committer.drain()
            if (reason := self.rule.look(ready)) is not None:
                self.store.journal.write("stop", name=ready.group, reason=reason)


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
        with suppress(RuntimeError):  # the signal came in the middle of another line
            print(STOPPING, file=sys.stderr, flush=True)

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)
