"""A campaign on disk: a folder with one zarr store, a record of what is complete, and a journal."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from compare.studies.campaign import atomic
from compare.studies.campaign.definition import Campaign
from compare.studies.campaign.work import Task
from streams.arguments import shown

FORMAT, VERSION = "dyson-sgd/campaign", 1
DEFINITION, DATA, COMMITS, STOPS, JOURNAL, LOCK = (
    "campaign.json",
    "data.zarr",
    "commits",
    "stops",
    "journal.jsonl",
    "lock",
)
GROUP = json.dumps({"attributes": {}, "node_type": "group", "zarr_format": 3}, sort_keys=True).encode()


class Store:
    """The folder of a campaign.

    ``data.zarr`` holds a group a cell, with ``experiment`` and ``theory/<level>`` in it, chunked along
    replicas. A chunk counts once its record in ``commits`` is there, which is written after its files: a
    reader that asks `complete` never sees a part of one. Nothing in them depends on when or where a chunk was
    made; ``journal.jsonl`` says that.

    Parameters
    ----------
    path : str or Path
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.data = self.path / DATA
        self.journal = atomic.Journal(self.path / JOURNAL)
        self._described: set[str] = set()  # sides whose metadata this object has seen to

    @classmethod
    def create(cls, path: str | Path, campaign: Campaign) -> Store:
        """Make the folder for a campaign, or take the one that holds it.

        Raises
        ------
        FileExistsError
            If there is something else.
        ValueError
            If it holds another campaign.
        """
        store = cls(path)
        store.accept(campaign)
        text = {"format": FORMAT, "version": VERSION, "fingerprint": campaign.fingerprint}
        text["campaign"] = campaign.to_mapping()  # type: ignore[assignment]
        atomic.write(store.path / DEFINITION, json.dumps(text, indent=1, sort_keys=True).encode())
        return store

    def accept(self, campaign: Campaign) -> None:
        """Check that the folder is new or holds this campaign; raises as `create` does, changes nothing."""
        path = self.path
        if (path / DEFINITION).exists():
            found = self.campaign()
            if found.fingerprint != campaign.fingerprint:
                raise ValueError(
                    f"{str(path)!r} holds another campaign ({_difference(found, campaign)}): choose another "
                    "folder, or the file that this one was made from"
                )
            return
        names = [p.name for p in path.iterdir()] if path.is_dir() else []
        cut_off = all(name == LOCK or name.endswith(atomic.PARTIAL) for name in names)  # at its very start
        if path.exists() and not (path.is_dir() and cut_off):
            raise FileExistsError(f"{str(path)!r} exists and holds no campaign; name a new folder")

    def campaign(self) -> Campaign:
        """The campaign it holds.

        Raises
        ------
        FileNotFoundError, ValueError
            If it holds none, is damaged, or was written by a newer version.
        """
        path = self.path / DEFINITION
        if not path.is_file():
            raise FileNotFoundError(
                f"no campaign in {str(self.path)!r} (no {DEFINITION}); `dyson-sgd campaign run` makes one"
            )
        try:
            text = json.loads(path.read_text(encoding="utf-8"))
            known = text["format"] == FORMAT
            version = text["version"]
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{str(path)!r} is damaged: it is not the JSON of a campaign") from None
        if not known:
            raise ValueError(f"{str(path)!r} is of format {shown(text['format'])}, not {FORMAT!r}")
        if not isinstance(version, int) or version > VERSION:
            raise ValueError(
                f"{str(self.path)!r} was written by a newer version (format {shown(version)}, this one knows "
                f"{VERSION}): update dyson-sgd to read it"
            )
        campaign = Campaign.from_mapping(text["campaign"])
        if campaign.fingerprint != text["fingerprint"]:
            raise ValueError(f"{str(path)!r} is damaged: its fingerprint is not that of its contents")
        return campaign

    def lock(self) -> AbstractContextManager[None]:
        """Keep other runs out; BlockingIOError if one is in."""
        return atomic.lock(self.path / LOCK)

    def is_complete(self, task: Task) -> bool:
        """Whether a chunk is there, whole."""
        record = _read(self._commit(task))
        return _is_commit(record) and record["replicas"] == [task.first, task.last]

    def complete(self, group: str) -> list[int]:
        """Numbers of the complete chunks of a side, ascending; one whose record is damaged is not."""
        folder = os.path.join(self.path, COMMITS, group)
        if not os.path.isdir(folder):
            return []
        stems = (name[: -len(".json")] for name in os.listdir(folder) if name.endswith(".json"))
        numbers = sorted(int(stem) for stem in stems if stem.isdecimal())
        return [k for k in numbers if _is_commit(_read(os.path.join(folder, f"{k}.json")))]

    def stopped(self, group: str) -> dict[str, Any] | None:
        """After how many chunks a side was complete by the stop rule, and why; None where it was not."""
        found = _read(self.path / STOPS / f"{group}.json")
        whole = isinstance(found, dict) and isinstance(found.get("chunks"), int) and "reason" in found
        return found if whole else None

    def stop(self, group: str, chunks: int, reason: str) -> None:
        """A side needs no more chunks."""
        text = json.dumps({"chunks": chunks, "reason": reason}, sort_keys=True, ensure_ascii=False)
        atomic.write(self.path / STOPS / f"{group}.json", text.encode())

    def commit(self, task: Task, found: Mapping[str, Mapping[str, bytes]]) -> int:
        """Put a chunk into the store; bytes written.

        Raises
        ------
        OSError
            If it cannot be written: the chunk does not count then.
        """
        return self.commit_all([(task, found)])[0]

    def commit_all(self, chunks: Sequence[tuple[Task, Mapping[str, Mapping[str, bytes]]]]) -> list[int]:
        """Put several chunks into the store, which takes little longer than one; bytes written of each.

        A record may be lost by a power cut, with its chunk; a record without its chunk cannot be.

        Raises
        ------
        OSError
            If they cannot be written: chunks of which something is missing do not count then.
        """
        files: dict[Path, bytes] = {}
        records: dict[Path, bytes] = {}
        for task, found in chunks:
            if task.group not in self._described:
                files.update(self._description(task, found["static"]))
            written = dict(found["chunk"])
            files.update({self.data / task.group / path: data for path, data in written.items()})
            if task.chunk == 0:  # answers for what describes its side
                written.update(found["static"])
            sums = {path: hashlib.sha256(data).hexdigest() for path, data in written.items()}
            record = {"replicas": [task.first, task.last], "sha256": sums}
            records[self._commit(task)] = json.dumps(record, sort_keys=True).encode()
        atomic.write_all(files)
        self._described.update(task.group for task, _ in chunks)
        atomic.write_all(records, durable=False)
        return [sum(map(len, found["chunk"].values())) for _, found in chunks]

    def _description(self, task: Task, static: Mapping[str, bytes]) -> dict[Path, bytes]:
        """Metadata and coordinates of a side and of the groups above it, where they are not on disk."""
        wanted, above = {}, self.data
        for part in ("", *task.group.split("/")[:-1]):
            above = above / part
            wanted[above / "zarr.json"] = GROUP
        wanted.update({self.data / task.group / path: static[path] for path in static})
        return {path: data for path, data in wanted.items() if not _holds(path, data)}

    def verify(self) -> list[str]:
        """Names of the chunks whose files are not those that were written; `forget` and run repairs them."""
        damaged = []
        for path in sorted((self.path / COMMITS).rglob("*.json")):
            group = path.parent.relative_to(self.path / COMMITS)
            record = _read(path)
            if not _is_commit(record) or not all(
                _sum_of(self.data / group / file) == digest for file, digest in record["sha256"].items()
            ):
                damaged.append(f"{group}/{path.stem}")
        return damaged

    def forget(self, name: str) -> None:
        """Drop a chunk, so that it is made again."""
        (self.path / COMMITS / f"{name}.json").unlink(missing_ok=True)

    def digest(self) -> str:
        """SHA-256 of all results: the same for the same campaign, wherever and however it ran."""
        total = hashlib.sha256()
        for part in (DATA, COMMITS, STOPS):
            for path in sorted((self.path / part).rglob("*")):
                if path.is_file() and not path.name.endswith(atomic.PARTIAL):
                    total.update(str(path.relative_to(self.path)).encode() + b"\0")
                    total.update(hashlib.sha256(path.read_bytes()).digest())
        return total.hexdigest()

    def _commit(self, task: Task) -> Path:
        return self.path / COMMITS / f"{task.name}.json"


def _read(path: str | Path) -> Any:
    """JSON of a file; None where it is not there, or is not JSON."""
    try:
        with open(path, "rb", buffering=0) as file:
            return json.loads(file.read())
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None


def _is_commit(record: Any) -> bool:
    """Whether it is the record of a chunk: a power cut may leave an empty one, or half of one."""
    if not isinstance(record, dict):
        return False
    replicas, sums = record.get("replicas"), record.get("sha256")
    return isinstance(replicas, list) and len(replicas) == 2 and isinstance(sums, dict) and bool(sums)


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except OSError:
        return False


def _sum_of(path: Path) -> str | None:
    """SHA-256 of a file; None where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _difference(found: Campaign, wanted: Campaign) -> str:
    """The first key in which two campaigns differ."""
    a, b = found.to_mapping(), wanted.to_mapping()
    for key in a:
        if a[key] != b.get(key):
            return f"{key}: {shown(a[key])} there, {shown(b.get(key))} here"
    return "another version of it"
