"""What executors share: chunks in work, those that come back because a worker died, and errors with names."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from compare.studies.campaign.work import Task

Compute = Callable[[Mapping[str, Any], Task, int], Any]

TRIES = 3
"""Times that a chunk is given to workers before the campaign gives up on it."""

AHEAD = 2
"""Chunks a worker that wait or are being computed: memory is bounded by them."""

RAISED_AGAIN = (ValueError, TypeError, ArithmeticError, RuntimeError, MemoryError)
"""Errors of a chunk that keep their type; others become RuntimeError."""

CANCELLED = (concurrent.futures.CancelledError, asyncio.CancelledError)


class Work:
    """Tasks of a campaign, and those that come back because the workers that had them died.

    Who caused it is not known where several were in work: one that came back twice is given out alone.
    """

    def __init__(self, tasks: Iterator[Task]) -> None:
        self.tasks = tasks
        self.tries: dict[Task, int] = {}
        self.back: list[Task] = []
        self.suspects: list[Task] = []

    def draw(self, running: Collection[Task], room: int) -> Task | None:
        """The next one to be given out, where ``room`` may run; None to wait, or at the end."""
        if len(running) >= room or any(self._suspect(task) for task in running):
            return None
        if self.suspects:
            return None if running else self.suspects.pop()
        return self.back.pop() if self.back else next(self.tasks, None)

    def lost(self, tasks: Collection[Task], tries: int = 1) -> None:
        """Take tasks back; RuntimeError if one has been tried often enough."""
        for task in tasks:
            self.tries[task] = self.tries.get(task, 0) + tries
            if self.tries[task] >= TRIES:
                raise RuntimeError(
                    f"the workers that computed {task.name} died {TRIES} times: is there enough memory for a "
                    "chunk? the chunks committed so far stay"
                )
            (self.suspects if self._suspect(task) else self.back).append(task)

    def _suspect(self, task: Task) -> bool:
        return self.tries.get(task, 0) >= TRIES - 1


def finished(running: dict, done: Collection[Any], **options: Any) -> Iterator[tuple[Task, Any]]:
    """Results of the futures that are done, which are taken off ``running``; then the first error, if any.

    Chunks that a broken pool has lost stay in ``running``, and those that a cluster has not sent in time: a
    TimeoutError then.
    """
    errors: list[Exception] = []
    for future in done:
        try:
            result = future.result(**options)
        except CANCELLED:
            raise
        except BrokenProcessPool as error:
            errors.append(error)
            continue
        except Exception as error:
            if isinstance(error, TimeoutError) and getattr(future, "status", "error") != "error":
                raise
            errors.insert(0, named(running.pop(future), error))
            continue
        yield running.pop(future), result
    if errors:
        raise errors[0]


def named(task: Task, error: Exception) -> Exception:
    """The same error with the chunk's name in front."""
    text = str(error) or type(error).__name__
    found: Exception = RuntimeError(f"chunk {task.name}: {type(error).__name__}: {text}")
    if type(error) in RAISED_AGAIN or isinstance(error, ArithmeticError):
        found = type(error)(f"chunk {task.name}: {text}")
    found.__cause__ = error
    return found
