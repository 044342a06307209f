"""Files that appear whole, survive a power cut, and a lock that dies with its process."""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import os
import socket
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PARTIAL = ".partial"
"""Ending of files that are being written; readers never look at them."""

FEW = 8
"""Up to so many files are brought to disk one by one, more by one call for the whole file system."""

LOCK_TRIES, LOCK_PAUSE = 10, 0.05
"""A lock that is only looked at is free again in a moment: tries, and seconds between them."""


def write(path: Path, data: bytes) -> None:
    """``data`` at ``path``: on disk under another name first, then renamed, so that it is whole or not there.

    Raises
    ------
    OSError
        If it cannot be written, with the file's name; nothing is left.
    """
    write_all({path: data})


def write_all(files: Mapping[Path, bytes], durable: bool = True) -> None:
    """Several files, each of them whole or not there; with ``durable``, all on disk when this returns.

    Raises
    ------
    OSError
        As `write` does; files before that one may be there.
    """
    one_by_one = durable and (len(files) <= FEW or _syncfs is None)
    changed: dict[Path, None] = {}  # folders with new names
    for path, data in files.items():
        changed.update(dict.fromkeys(_make(path.parent)))
        _put(path, data, flush=one_by_one)
        changed[path.parent] = None
    if one_by_one:
        for folder in changed:
            settle(folder)
    elif durable:
        sync(next(iter(files)).parent)


def _make(folder: Path) -> list[Path]:
    """Make a folder; those that got a new entry by it."""
    if folder.is_dir():
        return []
    above = _make(folder.parent)
    folder.mkdir(exist_ok=True)
    return [*above, folder.parent]


def _put(path: Path, data: bytes, flush: bool) -> None:
    """Write beside ``path``, then rename."""
    temporary = path.parent / f".{path.name}.{uuid.uuid4().hex[:12]}{PARTIAL}"
    try:
        with open(temporary, "xb", buffering=0) as file:
            _write(file, data)
            if flush:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror or str(error), str(path)) from None
        raise


def _write(file: io.FileIO, data: bytes) -> None:
    """All of it: the system may take a part of what it is given."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def settle(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync(folder: Path) -> None:
    """Bring everything written to the file system of ``folder`` to disk, names and contents."""
    if _syncfs is None:
        os.sync()
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        if _syncfs(handle) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(handle)


def _find_syncfs():
    """The system call that Python has no name for; None where there is none."""
    try:
        return ctypes.CDLL(None, use_errno=True).syncfs
    except (AttributeError, OSError, TypeError):
        return None


_syncfs = _find_syncfs()


def remove_partial(folder: Path) -> None:
    """Remove what a killed process left behind; only under the lock."""
    for place, _, names in os.walk(folder):
        for name in names:
            if name.endswith(PARTIAL):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(place, name))


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold a file locked; the system lets go of it whatever ends the process.

    Raises
    ------
    BlockingIOError
        If another process holds it.
    """
    if fcntl is None:
        raise OSError("campaigns need file locks, which this system does not have")
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+b", buffering=0) as file:
        for left in reversed(range(LOCK_TRIES)):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if left:
                    time.sleep(LOCK_PAUSE)
                    continue
                file.seek(0)
                holder = (file.read() or b"").decode(errors="replace").strip() or "unknown"
                raise BlockingIOError(
                    f"another campaign is running in {str(path.parent)!r} ({holder}); "
                    "wait for it, or stop it, and run again"
                ) from None
        with contextlib.suppress(OSError):  # a full disk: the name is for the message only
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}".encode())
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                file.truncate(0)


class Journal:
    """What happened and when, a line of JSON each; not part of the results."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._whole = False

    def write(self, event: str, **values: object) -> None:
        """Append a line."""
        self.write_all(event, [values])

    def write_all(self, event: str, rows: Iterable[Mapping[str, object]]) -> None:
        """Append a line for each of ``rows``.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        stamp = {"time": round(time.time(), 3), "event": event}
        text = "".join(json.dumps(stamp | dict(values)) + "\n" for values in rows).encode()
        with open(self.path, "a+b", buffering=0) as file:
            if not self._whole and file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":  # the last run was cut off in a line
                    text = b"\n" + text
            self._whole = False
            _write(file, text)
            self._whole = True

    def read(self) -> list[dict]:
        """All whole lines."""
        if not self.path.exists():
            return []
        found = []
        for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            with contextlib.suppress(json.JSONDecodeError):
                found.append(json.loads(line))
        return found
