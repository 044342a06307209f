"""A small campaign, and what tests run of it in processes of their own."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from compare.studies import campaign as campaigns
from compare.studies.campaign import Campaign, Store, atomic
from compare.studies.campaign.executors import InProcess, Processes
from compare.studies.campaign.runner import run
from compare.studies.campaign.work import Task, compute

ROOT = Path(__file__).parents[4]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def small(chunks: int = 3, **tables) -> Campaign:
    """Two cells of a linear network with one level of theory that has paths: 4 sides of ``chunks`` chunks."""
    values = {
        "model": {"kind": "linear"},
        "grid": {"learning_rate": [0.1, 0.2], "batch_size": 4},
        "ensemble": {"replicas": 16 * chunks - 5, "chunk": 16},
        "record": {"number": 3, "warm_up": 1.0},
        "theory": {"levels": ["pair", "matrix"]},
    }
    return Campaign.from_mapping(values | tables)


def names(store: Store, campaign: Campaign) -> set[str]:
    """Chunks that are complete."""
    groups = {f"{cell.name}/{side}" for cell, side in campaigns.definition.sides(campaign)}
    return {f"{group}/{k}" for group in groups for k in store.complete(group)}


def partial(path: Path) -> list[Path]:
    """Files that someone began to write."""
    return list(path.rglob(f"*{atomic.PARTIAL}"))


def completed(path: Path, digest: str) -> None:
    """Assert that all of `small` is there, with these results."""
    store = Store(path)
    assert len(names(store, small())) == 12
    assert store.digest() == digest and store.verify() == [] and not partial(path)


# --- what makes a chunk --------------------------------------------------------------------------------


def logged(definition, task: Task, workers: int = 1):
    """The chunk; its name goes to the file LOG names, first."""
    with open(os.environ["LOG"], "a", encoding="utf-8") as file:
        file.write(task.name + "\n")
    return compute(definition, task, workers)


def slow(definition, task: Task, workers: int = 1):
    """The chunk, a tenth of a second later."""
    time.sleep(0.1)
    return compute(definition, task, workers)


def slower(definition, task: Task, workers: int = 1):
    """The chunk, after a minute in compiled code that no signal interrupts."""
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2 * 10**8)
    return compute(definition, task, workers)


def deadly(definition, task: Task, workers: int = 1):
    """The chunk; one of them ends the process that computes it."""
    if task.chunk == 1 and task.side == "experiment" and task.cell.learning_rate == 0.2:
        os._exit(7)
    return compute(definition, task, workers)


def failing(definition, task: Task, workers: int = 1):
    """The chunk, but for one."""
    if task.chunk == 1 and task.side == "theory/matrix" and task.cell.learning_rate == 0.1:
        raise ValueError("no such number")
    return compute(definition, task, workers)


def whose(definition, task: Task, workers: int = 1):
    """The chunk; the process that makes it writes its number into the folder PIDS."""
    (Path(os.environ["PIDS"]) / str(os.getpid())).touch()
    return slow(definition, task, workers)


def constant(definition, task: Task, workers: int = 1):
    """Bytes that cost nothing, distinct for each chunk."""
    text = f"{task.name} ".encode()
    chunk = {f"eigenvalue/c.{task.chunk}.0.0": text * 20, f"diverged/c.{task.chunk}": text}
    return {"chunk": chunk, "static": {"zarr.json": b"{}", "eigenvalue/zarr.json": b"{}"}}


# --- processes -----------------------------------------------------------------------------------------


def child(
    path: Path, what: str = "slow", processes: int = 0, chunks: int = 3, **environment
) -> subprocess.Popen:
    """A process that runs `small`; its exit code is 3 where it was interrupted, 0 where all is there."""
    arguments = repr((str(path), what, processes, chunks))
    return subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"from {__name__} import main; main(*{arguments})",
        ],
        cwd=ROOT,
        env=ENVIRONMENT | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def main(path: str, what: str, processes: int, chunks: int) -> None:
    """What `child` runs."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    executor = Processes(processes) if processes else InProcess()
    outcome = run(small(chunks), path, executor, compute=globals()[what])
    print(outcome.reason, outcome.missing)
    sys.exit(0 if outcome.complete else 3)


def until(condition, seconds: float = 20.0) -> None:
    """Wait for it."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
