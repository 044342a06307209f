"""A campaign on disk: a folder with one zarr store, a record of what is complete, and a journal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from compare.campaign import atomic
from compare.campaign.definition import Campaign
from compare.campaign.work import Task
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
        if (store.path / DEFINITION).exists():
            found = store.campaign()
            if found.fingerprint != campaign.fingerprint:
                raise ValueError(
                    f"{str(path)!r} holds another campaign ({_difference(found, campaign)}): choose another "
                    "folder, or the file that this one was made from"
                )
        elif store.path.exists() and (not store.path.is_dir() or any(store.path.iterdir())):
            raise FileExistsError(f"{str(path)!r} exists and holds no campaign; name a new folder")
        text = {"format": FORMAT, "version": VERSION, "fingerprint": campaign.fingerprint}
        text["campaign"] = campaign.to_mapping()  # type: ignore[assignment]
        atomic.write(store.path / DEFINITION, json.dumps(text, indent=1, sort_keys=True).encode())
        return store

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
        return self._commit(task).exists()

    def complete(self, group: str) -> list[int]:
        """Numbers of the complete chunks of a side, ascending."""
        folder = self.path / COMMITS / group
        return sorted(int(p.stem) for p in folder.glob("*.json")) if folder.is_dir() else []

    def stopped(self, group: str) -> dict[str, Any] | None:
        """After how many chunks a side was complete by the stop rule, and why; None where it was not."""
        path = self.path / STOPS / f"{group}.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

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
        group = self.data / task.group
        if not (group / "zarr.json").exists():
            self._describe(task, found["static"])
        for path, data in found["chunk"].items():
            atomic.write(group / path, data)
        for folder in {(group / path).parent for path in found["chunk"]}:
            atomic.settle(folder)
        record = {
            "replicas": [task.first, task.last],
            "sha256": {path: hashlib.sha256(data).hexdigest() for path, data in found["chunk"].items()},
        }
        atomic.write(self._commit(task), json.dumps(record, sort_keys=True).encode())
        return sum(map(len, found["chunk"].values()))

    def _describe(self, task: Task, static: Mapping[str, bytes]) -> None:
        """Metadata and coordinates of a side, its own group's last; groups above it first."""
        above = self.data
        for part in ("", *task.group.split("/")[:-1]):
            above = above / part
            if not (above / "zarr.json").exists():
                atomic.write(above / "zarr.json", GROUP)
        for path in sorted(static, key=lambda p: p == "zarr.json"):
            atomic.write(self.data / task.group / path, static[path])

    def verify(self) -> list[str]:
        """Names of the chunks whose files are not those that were written."""
        damaged = []
        for path in sorted((self.path / COMMITS).rglob("*.json")):
            group = path.parent.relative_to(self.path / COMMITS)
            try:
                record = json.loads(path.read_text(encoding="utf-8"))
                whole = all(
                    hashlib.sha256((self.data / group / file).read_bytes()).hexdigest() == digest
                    for file, digest in record["sha256"].items()
                )
            except (OSError, ValueError, KeyError):
                whole = False
            if not whole:
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


def _difference(found: Campaign, wanted: Campaign) -> str:
    """The first key in which two campaigns differ."""
    a, b = found.to_mapping(), wanted.to_mapping()
    for key in a:
        if a[key] != b.get(key):
            return f"{key}: {shown(a[key])} there, {shown(b.get(key))} here"
    return "another version of it"
