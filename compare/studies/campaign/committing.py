"""Puts chunks into the store beside the computation; what comes during one trip to disk makes the next."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from compare.studies.campaign.store import Store
from compare.studies.campaign.work import Task

MOST, MOST_BYTES = 512, 64 * 2**20
"""Chunks and bytes that wait for the disk before who brings more has to wait."""


class Committer:
    """Commits in the order of arrival, in a thread of its own: ``with Committer(store) as committer``.

    A chunk that comes while the disk is idle is committed at once; those that come while it is busy go
    together, which costs little more than one. On leaving, all is committed, whatever was raised inside.

    Parameters
    ----------
    store : Store

    Attributes
    ----------
    committed : int
        Chunks so far.
    """

    def __init__(self, store: Store) -> None:
        self.store, self.committed = store, 0
        self._waiting: list[tuple[Task, Any]] = []
        self._bytes = 0
        self._busy = self._closed = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name="committer", daemon=True)

    def __enter__(self) -> Committer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()
        if error is None:
            self._check()

    def put(self, task: Task, found: Mapping[str, Mapping[str, bytes]]) -> None:
        """Have a chunk committed soon.

        Raises
        ------
        OSError
            If this or an earlier one could not be written.
        """
        size = sum(map(len, found["chunk"].values()))
        with self._changed:
            self._changed.wait_for(self._has_room)
            self._check()
            self._waiting.append((task, found))
            self._bytes += size
            self._changed.notify_all()

    def drain(self) -> None:
        """Wait until all is committed; raises as `put` does."""
        with self._changed:
            self._changed.wait_for(lambda: self._error or not (self._waiting or self._busy))
            self._check()

    def _has_room(self) -> bool:
        full = len(self._waiting) >= MOST or self._bytes >= MOST_BYTES
        return self._error is not None or not full

    def _check(self) -> None:
        """Raise what the thread met; OSErrors say what has become of the campaign."""
        if isinstance(self._error, OSError):
            raise OSError(
                self._error.errno,
                f"{self._error.strerror or self._error} (the chunks committed so far stay: put the disk in "
                "order and run again)",
                self._error.filename,
            ) from self._error
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        """The thread."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                batch, self._waiting, self._bytes, self._busy = self._waiting, [], 0, True
                self._changed.notify_all()
            try:
                sizes = self.store.commit_all(batch)
                self.committed += len(batch)
                rows = [{"name": task.name, "bytes": n} for (task, _), n in zip(batch, sizes, strict=True)]
                self.store.journal.write_all("chunk", rows)
            except BaseException as error:
                with self._changed:
                    self._error, self._waiting, self._busy = error, [], False
                    self._changed.notify_all()
                return
            with self._changed:
                self._busy = False
                self._changed.notify_all()
