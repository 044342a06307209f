"""Chunks on a ``dask.distributed`` cluster."""

from __future__ import annotations

import asyncio
import queue
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from compare.studies.campaign.sharing import AHEAD, CANCELLED, TRIES, Compute, Work, finished
from compare.studies.campaign.work import Task

TIMEOUT = 10.0
"""Seconds that a scheduler has to answer."""

PATIENCE = 120.0
"""Seconds that a cluster may be without a worker in the middle of a run."""

GLANCE = 1.0
"""Seconds between looks at who is in the cluster."""


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
        If the scheduler does not answer within 10 s, or has no worker.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.client = self._connect()
        if not self.client.nthreads():
            with suppress(Exception):
                self.client.wait_for_workers(1, timeout=TIMEOUT)
        self.workers = len(self.client.nthreads())
        if not self.workers:
            self.close()
            raise ConnectionError(
                f"the scheduler at {address!r} has no worker: start some with `dask worker {address}`"
            )

    def _connect(self) -> Any:
        try:
            from distributed import Client
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                "a scheduler needs the package distributed: pip install 'dyson-sgd[cluster]'"
            ) from None
        try:
            _greet(self.address)
            return Client(self.address, timeout=TIMEOUT, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:  # distributed times out with an OSError
            raise ConnectionError(
                f"the scheduler at {self.address!r} does not answer within {TIMEOUT:g} s "
                f"({type(error).__name__}): start one with `dask scheduler`, or check address and firewall"
            ) from None

    def close(self) -> None:
        """Let go of the cluster; `results` does it, and comes back."""
        with suppress(Exception):
            self.client.close(timeout=2)

    def results(self, compute: Compute, definition, tasks: Iterator[Task]) -> Iterator[tuple[Task, Any]]:
        """See `Executor`.

        Raises
        ------
        ConnectionError
            If the scheduler is lost, or there is no worker for `PATIENCE` seconds.
        """
        from distributed import KilledWorker

        if self.client.status != "running":
            self.client = self._connect()
        name = uuid.uuid4().hex  # the cluster knows results by their keys: two campaigns must not share any
        work, members = Work(tasks), _Members(self.client, self.address)
        running: dict[Any, Task] = {}
        try:
            while True:
                while (task := work.draw(running.values(), AHEAD * members.threads())) is not None:
                    key = f"{name}-{work.tries.get(task, 0)}-{task.name}"
                    future = self.client.submit(compute, dict(definition), task, 1, key=key)
                    running[future] = task
                    future.add_done_callback(members.done.put)
                if not running:
                    return
                done = members.wait() & running.keys()
                killed = {f for f in done if f.status == "error" and isinstance(f.exception(), KilledWorker)}
                try:
                    yield from finished(running, done - killed, timeout=PATIENCE)
                except TimeoutError:  # a worker died with a result, which is computed again
                    for future in done & running.keys() - killed:
                        members.done.put(future)
                # the scheduler has tried them several times already, but perhaps beside the culprit
                work.lost([running.pop(future) for future in killed], TRIES - 1)
        except CANCELLED:
            raise ConnectionError(members.lost()) from None
        finally:
            with suppress(Exception):
                self.client.cancel(list(running))
            self.close()


def _greet(address: str) -> None:
    """Shake hands with a scheduler: a client waits without end for one that accepts and never replies.

    Raises
    ------
    OSError
        If it does not answer within `TIMEOUT`.
    """
    from distributed.comm import connect

    async def greeted() -> None:
        comm = await connect(address, timeout=TIMEOUT)
        await comm.close()

    def hello() -> None:
        asyncio.run(asyncio.wait_for(greeted(), TIMEOUT))

    with ThreadPoolExecutor(1) as pool:  # a thread of its own: a notebook's has a loop already
        pool.submit(hello).result()


class _Members:
    """Watches a cluster: who is in it, and what it has done."""

    def __init__(self, client: Any, address: str) -> None:
        self.client, self.address = client, address
        self.done: queue.SimpleQueue = queue.SimpleQueue()
        self._threads, self._looked, self._seen = 1, -GLANCE, time.monotonic()

    def threads(self) -> int:
        """Of all workers, at least 1; not older than `GLANCE`.

        Raises
        ------
        ConnectionError
            If the scheduler is lost, or has been without workers for too long.
        """
        now = time.monotonic()
        if now - self._looked < GLANCE:
            return self._threads
        if self.client.status != "running":
            raise ConnectionError(self.lost())
        try:
            found = sum(self.client.nthreads().values())
        except OSError:
            found = 0
        self._looked = time.monotonic()
        if found:
            self._seen = self._looked
        elif self._looked - self._seen > PATIENCE:
            raise ConnectionError(
                f"the scheduler at {self.address!r} has had no worker for {PATIENCE:g} s: chunks committed "
                "so far stay, start workers and run again"
            )
        self._threads = max(1, found)
        return self._threads

    def lost(self) -> str:
        """What to say where the scheduler is gone."""
        return (
            f"the connection to the scheduler at {self.address!r} was lost: the chunks committed so far "
            "stay, run again when it is back"
        )

    def wait(self) -> set[Any]:
        """Futures that are done, at least one, once each."""
        done: set[Any] = set()
        while not done:
            with suppress(queue.Empty):
                done.add(self.done.get(timeout=GLANCE))
                while True:
                    done.add(self.done.get_nowait())
            self.threads()
        return done
