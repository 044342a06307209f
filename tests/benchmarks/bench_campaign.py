"""What a campaign costs besides its chunks: python tests/benchmarks/bench_campaign.py [--chunks 100000]

Prints the driver's time per chunk with simulated work (chunks of small constant bytes, everything on disk as
in a real run), the time of the scans over a store of that size, and, with --workers 2, the wall time of one
real campaign in one process, on local processes and on a dask cluster of this machine, with the efficiency
t_1/(workers · t). Workers are started and compiled before the clock runs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from compare.studies.campaign import Campaign, Store, run
from compare.studies.campaign.cluster import Dask
from compare.studies.campaign.executors import InProcess, Processes
from compare.studies.campaign.runner import missing
from compare.studies.campaign.work import Task

ROOT = Path(__file__).parents[2]
PORT = 28786


def simulated(chunks: int, sides: int) -> Campaign:
    """So many chunks in all, spread over the learning rates."""
    rates = [0.001 * (k + 1) for k in range(sides)]
    return Campaign.from_mapping(
        {
            "model": {"kind": "linear"},
            "grid": {"learning_rate": rates, "batch_size": 8},
            "ensemble": {"replicas": 2 * (chunks // sides), "chunk": 2},
            "theory": {"levels": ["pair"]},
        }
    )


def constant(definition, task: Task, workers: int = 1):
    """At once."""
    chunk = {f"eigenvalue/c.{task.chunk}.0.0": b"x" * 1500, f"diverged/c.{task.chunk}": b"x" * 30}
    return {"chunk": chunk, "static": {"zarr.json": b"{}"}}


def timed(what: str, function, chunks: int):
    """Print seconds and milliseconds a chunk; what it returned."""
    start = time.perf_counter()
    found = function()
    spent = time.perf_counter() - start
    print(f"{what:44} {spent:9.2f} s {1e3 * spent / chunks:9.4f} ms a chunk", flush=True)
    return found


def overhead(chunks: int, sides: int, folder: Path) -> None:
    """The driver alone, and scans of what it has made."""
    campaign, store = simulated(chunks, sides), Store(folder / "simulated")
    total = campaign.chunks * sides
    print(f"{total} chunks on {sides} sides")

    def first_half() -> None:
        with suppress(RuntimeError):
            run(campaign, store.path, compute=_first_half(total))

    timed("half of them", first_half, total // 2)
    timed("the other half, resumed", lambda: run(campaign, store.path, compute=constant), total // 2)
    timed("missing", lambda: missing(campaign, store), total)
    timed("verify", store.verify, total)
    timed("digest", store.digest, total)
    timed("a run that finds all there", lambda: run(campaign, store.path), total)


def _first_half(total: int):
    left = [total // 2]

    def compute(definition, task, workers=1):
        left[0] -= 1
        if left[0] < 0:
            raise RuntimeError("half of it is done")
        return constant(definition, task, workers)

    return compute


def efficiency(workers: int, replicas: int, folder: Path) -> None:
    """One campaign, three ways."""
    campaign = Campaign.from_mapping(
        {
            "model": {"kind": "rbm", "n_visible": 10, "n_hidden": 10},
            "grid": {"learning_rate": [0.02, 0.04], "batch_size": [8, 32]},
            "ensemble": {"replicas": replicas, "chunk": 256},
            "theory": {"levels": ["pair", "dyson"]},
        }
    )
    warm = Campaign.from_mapping(
        campaign.to_mapping() | {"ensemble": {"replicas": 64 * workers, "chunk": 64}}
    )
    run(warm, folder / "warm", InProcess())
    digests = set()

    def once(name: str, executor, path: str) -> float:
        outcome = run(campaign, folder / path, executor)
        digests.add(Store(folder / path).digest())
        print(f"{name:44} {outcome.seconds:9.2f} s {outcome.ran} chunks", flush=True)
        return outcome.seconds

    alone = once("in this process, 1 thread", InProcess(), "one")
    spent = once(f"in this process, {workers} threads", InProcess(workers), "threads")
    print(f"{'efficiency':44} {alone / (workers * spent):9.3f}")
    spent = once(f"{workers} processes, with their start", Processes(workers), "processes")
    print(f"{'efficiency':44} {alone / (workers * spent):9.3f}")
    with _cluster(workers) as address:
        run(warm, folder / "warm2", Dask(address))
        spent = once(f"dask, {workers} workers", Dask(address), "dask")
        print(f"{'efficiency':44} {alone / (workers * spent):9.3f}")
    print(f"digests equal: {len(digests) == 1}")


class _cluster:
    """A scheduler and workers of one thread each on this machine."""

    def __init__(self, workers: int) -> None:
        self.address, self.started = f"tcp://127.0.0.1:{PORT}", []
        dask = [sys.executable, "-m", "dask"]
        self.commands = [[*dask, "scheduler", "--host", "127.0.0.1", "--port", str(PORT), "--no-dashboard"]]
        worker = [*dask, "worker", self.address, "--no-dashboard", "--no-nanny", "--nthreads", "1"]
        self.commands += [worker] * workers

    def __enter__(self) -> str:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        for command in self.commands:
            self.started.append(subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL))
        return self.address

    def __exit__(self, *_) -> None:
        for process in self.started:
            process.terminate()
            process.wait(20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--sides", type=int, default=100)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--replicas", type=int, default=4096)
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        if args.chunks:
            overhead(args.chunks, args.sides, folder)
        if args.workers:
            efficiency(args.workers, args.replicas, folder)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
