"""Where chunks are computed does not matter, nor who dies of those that compute them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from compare.campaign import Store, cluster, executor_of, run
from compare.campaign.cluster import Dask
from compare.campaign.executors import InProcess, Processes
from compare.campaign.sharing import AHEAD, TRIES, Work, named
from compare.campaign.work import tasks_of
from tests.campaign.children import (
    ENVIRONMENT,
    constant,
    deadly,
    failing,
    names,
    partial,
    slow,
    small,
    until,
    whose,
)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:distributed", "ignore::ResourceWarning")
DASK = [sys.executable, "-m", "dask"]


@pytest.fixture(scope="module")
def digest(tmp_path_factory):
    """Of an undisturbed run in this process."""
    path = tmp_path_factory.mktemp("whole") / "store"
    assert run(small(), path).ran == 12
    return Store(path).digest()


def completed(path, digest):
    store = Store(path)
    assert len(names(store, small())) == 12
    assert store.digest() == digest and store.verify() == [] and not partial(path)


# --- this machine --------------------------------------------------------------------------------------


@pytest.mark.parametrize("executor", [InProcess(2), Processes(2)], ids=["threads", "processes"])
def test_same_results(executor, digest, tmp_path):
    outcome = run(small(), tmp_path / "store", executor)
    assert (outcome.ran, outcome.missing, outcome.reason) == (12, 0, "complete")
    completed(tmp_path / "store", digest)


def test_not_in_the_main_thread(digest, tmp_path):
    thread = threading.Thread(target=run, args=(small(), tmp_path / "store"))
    thread.start()
    thread.join()
    completed(tmp_path / "store", digest)


@pytest.mark.slow
def test_killed_worker_process_is_replaced(digest, tmp_path, monkeypatch):
    monkeypatch.setenv("PIDS", str(tmp_path))
    killed = []

    def kill():
        until(lambda: any(p.name.isdigit() for p in tmp_path.iterdir()))
        killed.append(next(int(p.name) for p in tmp_path.iterdir() if p.name.isdigit()))
        os.kill(killed[0], 9)

    killer = threading.Thread(target=kill)
    killer.start()
    assert run(small(), tmp_path / "store", Processes(2), compute=whose).ran == 12
    killer.join()
    assert len([p for p in tmp_path.iterdir() if p.name.isdigit()]) >= 3  # others came in its place
    completed(tmp_path / "store", digest)


@pytest.mark.slow
def test_worker_that_always_dies(digest, tmp_path):
    """The chunk that does it is named, not one beside it; running again without it completes."""
    with pytest.raises(RuntimeError, match=r"computed linear/lr0.2-bs4-seed1/experiment/1 died 3 times"):
        run(small(), tmp_path / "store", Processes(2), compute=deadly)
    done = names(Store(tmp_path / "store"), small())
    assert done and "linear/lr0.2-bs4-seed1/experiment/1" not in done
    assert run(small(), tmp_path / "store").ran == 12 - len(done)
    completed(tmp_path / "store", digest)


@pytest.mark.parametrize("executor", [InProcess(), pytest.param(Processes(2), marks=pytest.mark.slow)])
def test_error_names_the_chunk(executor, digest, tmp_path):
    store = Store(tmp_path / "store")
    with pytest.raises(ValueError, match=r"^chunk linear/lr0.1-bs4-seed1/theory/matrix/1: no such number$"):
        run(small(), store.path, executor, compute=failing)
    done = names(store, small())
    assert 4 <= len(done) < 12  # the first ones of each side came before
    assert store.journal.read()[-1]["reason"].startswith("ValueError: chunk linear/lr0.1")
    assert run(small(), store.path).ran == 12 - len(done)
    completed(store.path, digest)


def test_errors_keep_their_type_where_that_is_simple():
    [task, *_] = tasks_of(small(), small().cells[0], "experiment")
    assert type(named(task, ZeroDivisionError("1/0"))) is ZeroDivisionError
    found = named(task, UnicodeDecodeError("utf-8", b"x", 0, 1, "no"))
    assert type(found) is RuntimeError and task.name in str(found) and "UnicodeDecodeError" in str(found)
    assert "MemoryError" in str(named(task, MemoryError()))


def test_work_finds_out_which_chunk_kills():
    """Workers die with everything in work whenever chunk 5 is: it is blamed, all others are done."""
    cell = small().cells[0]
    every = tasks_of(small(20), cell, "experiment")
    work, running, done, deaths = Work(iter(every)), [], [], 0
    with pytest.raises(RuntimeError, match=rf"{every[5].name} died {TRIES} times"):
        while True:
            while (task := work.draw(running, 4 * AHEAD)) is not None:
                running.append(task)
            assert len(running) <= 4 * AHEAD
            if every[5] in running:
                deaths, lost = deaths + 1, running
                running = []
                work.lost(lost)
            else:
                done.append(running.pop(0))
    assert deaths == TRIES and every[5] not in done


def test_no_more_is_drawn_than_has_room():
    every = tasks_of(small(20), small().cells[0], "experiment")
    drawn = []
    work = Work(task for task in every if drawn.append(task) is None)
    running = [work.draw([], 3)]
    assert work.draw(running * 3, 3) is None and len(drawn) == 1


def test_both_kinds_of_workers_are_refused():
    with pytest.raises(ValueError, match="give one of them"):
        executor_of(processes=2, scheduler="tcp://127.0.0.1:1")


# --- dask ----------------------------------------------------------------------------------------------


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
