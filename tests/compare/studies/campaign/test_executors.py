"""Where chunks are computed does not matter, nor who dies of those that compute them."""

from __future__ import annotations

import os
import threading
from concurrent.futures.process import BrokenProcessPool

import pytest

from compare.studies.campaign import Store, executor_of, run
from compare.studies.campaign.executors import InProcess, Processes
from compare.studies.campaign.sharing import AHEAD, TRIES, Work, named
from compare.studies.campaign.work import tasks_of
from tests.compare.studies.campaign.children import (
    completed,
    constant,
    deadly,
    failing,
    names,
    small,
    until,
    whose,
)


@pytest.fixture(scope="module")
def digest(tmp_path_factory):
    """Of an undisturbed run in this process."""
    path = tmp_path_factory.mktemp("whole") / "store"
    assert run(small(), path).ran == 12
    return Store(path).digest()


# --- this machine --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "executor",
    [InProcess(2), pytest.param(Processes(2), marks=pytest.mark.slow)],
    ids=["threads", "processes"],
)
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


def test_chunk_that_meets_a_broken_pool_is_kept():
    class Broken:
        def submit(self, *_):
            raise BrokenProcessPool

    every = tasks_of(small(), small().cells[0], "experiment")
    work = Work(iter(every))
    with pytest.raises(BrokenProcessPool):
        Processes(1)._fill(Broken(), constant, {}, work, {})
    assert work.draw([], 1) is every[0]


def test_no_more_is_drawn_than_has_room():
    every = tasks_of(small(20), small().cells[0], "experiment")
    drawn = []
    work = Work(task for task in every if drawn.append(task) is None)
    running = [work.draw([], 3)]
    assert work.draw(running * 3, 3) is None and len(drawn) == 1


def test_both_kinds_of_workers_are_refused():
    with pytest.raises(ValueError, match="give one of them"):
        executor_of(processes=2, scheduler="tcp://127.0.0.1:1")
