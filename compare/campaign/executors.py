"""Where chunks are computed: in this process, in local processes, or on a dask cluster."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import get_context
from typing import Any, Protocol

from compare.campaign.work import Task

Compute = Callable[[Mapping[str, Any], Task, int], Any]

TRIES = 3
"""Times that a chunk is given to workers before the campaign gives up on it."""

AHEAD = 2
"""Chunks a worker that wait or are being computed: memory is bounded by them."""

TIMEOUT = 10.0
"""Seconds that a scheduler has to answer."""


class Executor(Protocol):
    """Computes chunks; results come in any order."""

    def results(
        self, compute: Compute, definition: Mapping[str, Any], tasks: Iterator[Task]
    ) -> Iterator[tuple[Task, Any]]:
        """Every task with what ``compute`` makes of it; tasks are drawn only when there is room for them."""
        ...


class InProcess:
    """One chunk after the other, its replicas on ``workers`` threads."""

    def __init__(self, workers: int = 1) -> None:
        self.workers = workers

    def results(self, compute: Compute, definition, tasks: Iterator[Task]) -> Iterator[tuple[Task, Any]]:
        """See `Executor`."""
        for task in tasks:
            yield task, compute(definition, task, self.workers)


class Processes:
    """Chunks in ``workers`` processes of this machine, one thread each; a process that dies is replaced."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def results(self, compute: Compute, definition, tasks: Iterator[Task]) -> Iterator[tuple[Task, Any]]:
        """See `Executor`."""
        waiting: list[Task] = []  # given back by a pool that broke
        tries: dict[Task, int] = {}
        while True:
            pool = ProcessPoolExecutor(self.workers, mp_context=get_context("spawn"), initializer=_quiet)
            running: dict[Future, Task] = {}
            try:
                while _fill(
                    running, waiting, tasks, AHEAD * self.workers, _submit(pool, compute, definition)
                ):
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        result = future.result()
                        yield running.pop(future), result
                return
            except BrokenProcessPool:
                for future, task in running.items():
                    if future.done() and not future.cancelled() and future.exception() is None:
                        yield task, future.result()
                        continue
                    tries[task] = tries.get(task, 0) + 1
                    if tries[task] >= TRIES:
                        raise RuntimeError(_lost(task)) from None
                    waiting.append(task)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


class Dask:
    """Chunks on a running ``dask.distributed`` cluster, which moves those of a lost worker to another.

    Parameters
    ----------
    address : str
        Of the scheduler, such as "tcp://10.0.0.5:8786".

    Raises
    ------
    ModuleNotFoundError
        If distributed is not installed.
    ConnectionError
        If the scheduler does not answer within 10 s.
    """

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                "a scheduler needs the package distributed: pip install 'dyson-sgd[cluster]'"
            ) from None
        try:
            self.client = Client(address, timeout=TIMEOUT, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:  # distributed times out with an OSError
            raise ConnectionError(
                f"the scheduler at {address!r} does not answer within {TIMEOUT:g} s "
                f"({type(error).__name__}): start one with `dask scheduler`, or check the address and firewall"
            ) from None
        if not self.client.scheduler_info()["workers"]:
            with suppress(Exception):
                self.client.wait_for_workers(1, timeout=TIMEOUT)
        self.workers = max(1, len(self.client.nthreads()))
        if not self.client.nthreads():
            self.client.close()
            raise ConnectionError(
                f"the scheduler at {address!r} has no worker: start some with `dask worker {address}`"
            )

    def results(self, compute: Compute, definition, tasks: Iterator[Task]) -> Iterator[tuple[Task, Any]]:
        """See `Executor`."""
        from distributed import KilledWorker
        from distributed import wait as wait_for

        def submit(task: Task) -> Any:
            return self.client.submit(compute, shared, task, 1, key=f"{task.name}-{tries.get(task, 0)}")

        [shared] = self.client.scatter([dict(definition)], broadcast=True, hash=False)
        running: dict[Any, Task] = {}
        waiting: list[Task] = []
        tries: dict[Task, int] = {}
        try:
            while True:
                room = AHEAD * max(1, sum(self.client.nthreads().values()))
                if not _fill(running, waiting, tasks, room, submit):
                    return
                done = wait_for(list(running), return_when="FIRST_COMPLETED").done
                for future in done:
                    task = running.pop(future)
                    try:
                        result = future.result()
                    except KilledWorker:
                        tries[task] = tries.get(task, 0) + 1
                        if tries[task] >= TRIES:
                            raise RuntimeError(_lost(task)) from None
                        waiting.append(task)
                        continue
                    yield task, result
        finally:
            with suppress(Exception):
                self.client.cancel(list(running))
            self.client.close()


def _fill(running: dict, waiting: list[Task], tasks: Iterator[Task], room: int, submit: Callable) -> bool:
    """Submit until ``room`` run; whether any does."""
    while len(running) < room:
        task = waiting.pop() if waiting else next(tasks, None)
        if task is None:
            break
        running[submit(task)] = task
    return bool(running)


def _submit(pool: ProcessPoolExecutor, compute: Compute, definition) -> Callable[[Task], Future]:
    return lambda task: pool.submit(compute, definition, task, 1)


def _lost(task: Task) -> str:
    return f"the workers that computed {task.name} died {TRIES} times: is there enough memory for a chunk?"


def _quiet() -> None:
    """Ctrl-C is for the process that drives: workers finish what they do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def executor_of(workers: int = 1, processes: int | None = None, scheduler: str | None = None) -> Executor:
    """The executor that the options of a run mean.

    Raises
    ------
    ValueError
        If both processes and a scheduler are given.
    """
    if scheduler is not None:
        if processes is not None:
            raise ValueError("processes are those of this machine, a scheduler has its own: give one of them")
        return Dask(scheduler)
    return InProcess(workers) if processes is None else Processes(processes)
