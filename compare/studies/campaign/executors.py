"""Where chunks are computed: in this process, in local processes, or on a dask cluster."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, Protocol

from compare.studies.campaign.cluster import Dask
from compare.studies.campaign.sharing import AHEAD, TRIES, Compute, Work, finished, named
from compare.studies.campaign.work import Task

__all__ = ["AHEAD", "TRIES", "Compute", "Dask", "Executor", "InProcess", "Processes", "executor_of"]


class Executor(Protocol):
    """Computes chunks; results come in any order."""

    def results(
        self, compute: Compute, definition: Mapping[str, Any], tasks: Iterator[Task]
    ) -> Iterator[tuple[Task, Any]]:
        """Every task with what ``compute`` makes of it; tasks are drawn only when there is room for them.

        Raises
        ------
        RuntimeError
            If the workers of a chunk died `TRIES` times.
        Exception
            What ``compute`` raised, with the name of the chunk.
        """
        ...


class InProcess:
    """One chunk after the other, its replicas on ``workers`` threads."""

    def __init__(self, workers: int = 1) -> None:
        self.workers = workers

    def results(self, compute: Compute, definition, tasks: Iterator[Task]) -> Iterator[tuple[Task, Any]]:
        """See `Executor`."""
        for task in tasks:
            try:
                result = _beside(compute, definition, task, self.workers)
            except Exception as error:
                raise named(task, error) from error
            yield task, result


class Processes:
    """Chunks in ``workers`` processes of this machine, one thread each; a process that dies is replaced."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def results(self, compute: Compute, definition, tasks: Iterator[Task]) -> Iterator[tuple[Task, Any]]:
        """See `Executor`."""
        work = Work(tasks)
        while True:
            running: dict[Future, Task] = {}
            with self._pool() as pool:
                try:
                    while self._fill(pool, compute, definition, work, running):
                        yield from finished(running, wait(running, return_when=FIRST_COMPLETED).done)
                    return
                except BrokenProcessPool:
                    pass
            whole = {f for f in running if f.done() and not f.cancelled() and f.exception() is None}
            yield from finished(running, whole)
            work.lost(list(running.values()))

    def _fill(self, pool: ProcessPoolExecutor, compute, definition, work: Work, running: dict) -> bool:
        """Submit while there is room; whether anything runs."""
        while (task := work.draw(running.values(), AHEAD * self.workers)) is not None:
            try:
                with _no_interrupts():  # a process that starts now inherits it
                    running[pool.submit(compute, definition, task, 1)] = task
            except BrokenProcessPool:
                work.back.append(task)
                raise
        return bool(running)

    @contextmanager
    def _pool(self) -> Iterator[ProcessPoolExecutor]:
        """Processes that are gone afterwards, at once where the work is not done."""
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(self.workers, mp_context=context, initializer=_begin)
        try:
            yield pool
        except BaseException:
            for process in list((getattr(pool, "_processes", None) or {}).values()):
                process.kill()  # shutdown would wait for the chunks in work
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _beside(compute: Compute, *arguments: Any) -> Any:
    """What it returns, computed in another thread: kernels would keep Ctrl-C from this one until they end."""
    if threading.current_thread() is not threading.main_thread():
        return compute(*arguments)
    future: Future = Future()

    def work() -> None:
        try:
            future.set_result(compute(*arguments))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=work, name="chunk", daemon=True).start()
    return future.result()


@contextmanager
def _no_interrupts() -> Iterator[None]:
    """Ctrl-C comes after the block, and never to processes that start in it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """In a worker: Ctrl-C is for the process that drives, and without that one there is nothing to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow, name="follow", daemon=True).start()


def _follow() -> None:
    """End with the parent, which may not have the time to say so."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


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
