"""Chunks on a dask cluster on the loopback interface, whose members die."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time

import pytest

from compare.studies.campaign import Store, cluster, run
from compare.studies.campaign.cluster import Dask
from tests.compare.studies.campaign.children import (
    ENVIRONMENT,
    completed,
    constant,
    deadly,
    failing,
    names,
    slow,
    small,
    until,
)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:distributed", "ignore::ResourceWarning")
DASK = [sys.executable, "-m", "dask"]


@pytest.fixture(scope="module")
def digest(tmp_path_factory):
    """Of an undisturbed run in this process."""
    path = tmp_path_factory.mktemp("whole") / "store"
    assert run(small(), path).ran == 12
    return Store(path).digest()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Cluster:
    """A scheduler and workers on the loopback interface."""

    def __init__(self, folder) -> None:
        self.folder, self.started, self.address = folder, [], f"tcp://127.0.0.1:{free_port()}"

    def start(self, *words: str) -> subprocess.Popen:
        with open(self.folder / f"log{len(self.started)}", "w") as log:
            process = subprocess.Popen(
                [*DASK, *words], cwd=self.folder, env=ENVIRONMENT, stdout=log, stderr=log
            )
        self.started.append(process)
        return process

    def scheduler(self) -> subprocess.Popen:
        return self.start(
            "scheduler", "--host", "127.0.0.1", "--port", self.address.rpartition(":")[2], "--no-dashboard"
        )

    def worker(self, nanny: str = "--no-nanny") -> subprocess.Popen:
        return self.start("worker", self.address, "--no-dashboard", nanny, "--nthreads", "1")

    def stop(self) -> None:
        for process in reversed(self.started):
            process.kill()
            process.wait()


@pytest.fixture
def one(tmp_path):
    """A cluster of this test's own."""
    cluster = Cluster(tmp_path)
    cluster.scheduler()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A cluster with two workers."""
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    cluster.scheduler()
    cluster.worker()
    cluster.worker()
    yield cluster.address
    cluster.stop()


def test_dask_has_the_same_results(shared, digest, tmp_path):
    """Twice with one executor: it connects again."""
    executor = Dask(shared)
    assert run(small(), tmp_path / "store", executor).ran == 12
    completed(tmp_path / "store", digest)
    assert run(small(), tmp_path / "again", executor).ran == 12
    completed(tmp_path / "again", digest)


def test_two_campaigns_at_once_share_nothing(shared, digest, tmp_path):
    """Cells of the same names, different models."""
    other = small(model={"kind": "linear", "eps": 0.7})
    alone = run(other, tmp_path / "alone") and Store(tmp_path / "alone").digest()
    thread = threading.Thread(target=run, args=(other, tmp_path / "other", Dask(shared)))
    thread.start()
    run(small(), tmp_path / "store", Dask(shared))
    thread.join()
    completed(tmp_path / "store", digest)
    assert Store(tmp_path / "other").digest() == alone != digest


def test_dask_error_names_the_chunk(shared, digest, tmp_path):
    with pytest.raises(ValueError, match=r"^chunk linear/lr0.1-bs4-seed1/theory/matrix/1: no such number$"):
        run(small(), tmp_path / "store", Dask(shared), compute=failing)
    assert run(small(), tmp_path / "store").complete
    completed(tmp_path / "store", digest)


@pytest.mark.slow
def test_lost_dask_worker(one, digest, tmp_path):
    worker = one.worker()
    one.worker()
    executor, store = Dask(one.address), Store(tmp_path / "store")
    executor.client.wait_for_workers(2, timeout=20)

    def kill():
        until(lambda: store.path.exists() and names(store, small()))
        worker.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    assert run(small(), store.path, executor, compute=slow).ran == 12
    killer.join()
    assert worker.wait(5) == -9
    completed(store.path, digest)


@pytest.mark.slow
def test_dask_worker_that_always_dies(one, digest, tmp_path):
    """A nanny replaces it, until the scheduler and then the campaign give up on the chunk."""
    one.worker("--nanny")
    with pytest.raises(RuntimeError, match=r"computed linear/lr0.2-bs4-seed1/experiment/1 died 3 times"):
        run(small(), tmp_path / "store", Dask(one.address), compute=deadly)
    done = names(Store(tmp_path / "store"), small())
    assert done and run(small(), tmp_path / "store").ran == 12 - len(done)
    completed(tmp_path / "store", digest)


@pytest.mark.slow
def test_cluster_that_loses_all_workers(one, digest, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 2.0)
    one.worker()
    with pytest.raises(ConnectionError, match="has had no worker for 2 s"):
        run(small(), tmp_path / "store", Dask(one.address), compute=deadly)
    assert run(small(), tmp_path / "store").complete
    completed(tmp_path / "store", digest)


@pytest.mark.slow
def test_lost_scheduler(one, digest, tmp_path):
    one.worker()
    store, executor = Store(tmp_path / "store"), Dask(one.address)

    def kill():
        until(lambda: store.path.exists() and names(store, small()))
        one.started[0].kill()

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(ConnectionError, match="was lost: the chunks committed so far stay"):
        run(small(), store.path, executor, compute=slow)
    killer.join()
    assert run(small(), store.path).complete
    completed(store.path, digest)


@pytest.mark.slow
def test_scheduler_without_workers(one, monkeypatch):
    monkeypatch.setattr(cluster, "TIMEOUT", 5.0)
    with pytest.raises(ConnectionError, match="has no worker: start some with `dask worker tcp://127"):
        Dask(one.address)


@pytest.mark.parametrize("listens", [False, True], ids=["closed port", "port that never replies"])
@pytest.mark.parametrize("seconds", [1.0, pytest.param(None, marks=pytest.mark.slow)])
def test_no_scheduler(listens, seconds, monkeypatch):
    if seconds is not None:
        monkeypatch.setattr(cluster, "TIMEOUT", seconds)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        if listens:
            silent.listen()
        began = time.monotonic()
        with pytest.raises(
            ConnectionError, match=r"does not answer within 10? ?s .*start one with `dask sched"
        ):
            Dask(f"tcp://127.0.0.1:{silent.getsockname()[1]}")
    assert time.monotonic() - began < (12.0 if seconds is None else seconds + 2.0)


def test_constant_chunks_on_dask(shared, tmp_path):
    """More of them than fit at once, each in its place."""
    outcome = run(small(30), tmp_path / "store", Dask(shared), compute=constant)
    assert outcome.ran == 120 and Store(tmp_path / "store").verify() == []
    run(small(30), tmp_path / "alone", compute=constant)
    assert Store(tmp_path / "store").digest() == Store(tmp_path / "alone").digest()
