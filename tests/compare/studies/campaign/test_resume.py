"""Whatever ends a run, running again completes it: same bytes, none lost, none that is there run again."""

from __future__ import annotations

import collections
import io
import multiprocessing
import os
import random
import shutil
import threading
import time

import pytest
from tqdm import tqdm

from compare.studies.campaign import Store, atomic, run
from compare.studies.campaign.runner import missing
from compare.studies.campaign.work import compute
from tests.compare.studies.campaign.children import ROOT, alive, child, logged, names, partial, small, until

CHUNKS, PACE = 20, 0.004
"""Chunks of each of the four sides, and seconds that one takes at least."""


def paced(definition, task, workers=1):
    time.sleep(PACE)
    return logged(definition, task, workers)


class HalfWritten(io.FileIO):
    """A file that takes half of what it is given, late."""

    def write(self, data):
        written = super().write(data[: max(200, len(data) // 2)])
        time.sleep(0.004)
        return written


def life(path, log, slow_disk, began):
    """Of a process that runs the campaign until it is killed."""
    os.environ["LOG"] = str(log)
    tqdm.set_lock(threading.RLock())  # the one it makes itself is left in the system by a kill
    for task in missing(small(CHUNKS), Store(path))[:2]:
        compute(small(CHUNKS).to_mapping(), task)  # compiled now: what follows is computing and writing
    if slow_disk:
        atomic.open = lambda name, mode, **_: HalfWritten(name, mode)
    began.send(None)
    run(small(CHUNKS), path, compute=paced)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "store"
    assert run(small(CHUNKS), path).complete
    return Store(path).digest()


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_at_random_moments(kills, undisturbed, tmp_path, monkeypatch):
    """Every second life has a disk so slow that it dies in the middle of a write."""
    campaign, store, log = small(CHUNKS), Store(tmp_path / "store"), tmp_path / "log"
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # or the server cannot import what it should
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.compare.studies.campaign.test_resume", "xarray.backends.zarr"])
    log.touch()
    moments, torn, read, progress = random.Random(20), 0, 0, []
    for number in range(kills):
        before, (ready, began) = names(store, campaign), context.Pipe(duplex=False)
        process = context.Process(target=life, args=(store.path, log, number % 2 == 0, began))
        process.start()
        assert ready.poll(30)
        time.sleep(moments.uniform(0.0, 2.0 / kills))
        process.kill()
        process.join()
        assert process.exitcode == -9  # it did not end by itself
        computed = log.read_text().split()
        assert not before & set(computed[read:])  # nothing that was complete is computed again
        assert before <= names(store, campaign)  # nor lost
        read = len(computed)
        torn += bool(partial(store.path))
        progress.append(len(names(store, campaign)))
    assert torn > 0  # some died in a write
    assert 0 < progress[-1] < 4 * CHUNKS  # the campaign outlived them
    before = len(names(store, campaign))
    assert run(campaign, store.path).ran == 4 * CHUNKS - before
    assert store.digest() == undisturbed
    assert store.verify() == [] and partial(store.path) == []
    told = collections.Counter(row["name"] for row in store.journal.read() if row["event"] == "chunk")
    assert set(told.values()) == {1}  # committed once; a line can be missing only at a kill between the two
    assert set(told) <= names(store, campaign)
    assert len(names(store, campaign)) == 4 * CHUNKS


# --- power cuts ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "store"
    run(small(), path)
    return path, Store(path).digest()


@pytest.fixture
def whole(made, tmp_path):
    """A complete store, and its digest."""
    path, digest = made
    return Store(shutil.copytree(path, tmp_path / "store")), digest


def repaired(store, digest, chunks):
    """Run again: so many chunks are made, and the results are those of before."""
    assert run(small(), store.path).ran == chunks
    assert store.digest() == digest and store.verify() == [] and not partial(store.path)


GROUP = "linear/lr0.2-bs4-seed1/experiment"


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_torn_commit_counts_as_missing(share, whole):
    store, digest = whole
    record = store.path / "commits" / GROUP / "1.json"
    text = record.read_bytes()
    record.write_bytes(text[: int(share * len(text))])
    assert store.complete(GROUP) == [0, 2]
    assert [task.name for task in missing(small(), store)] == [f"{GROUP}/1"]
    assert store.verify() == [f"{GROUP}/1"]
    repaired(store, digest, 1)


@pytest.mark.parametrize("text", ["null", "[]", "{}", '{"replicas": [16, 32], "sha256": {}}', "\x00\x00"])
def test_wrong_commit_counts_as_missing(text, whole):
    store, digest = whole
    (store.path / "commits" / GROUP / "1.json").write_text(text)
    task = missing(small(), store)[0]
    assert task.name == f"{GROUP}/1" and not store.is_complete(task)
    repaired(store, digest, 1)


@pytest.mark.parametrize("damage", ["truncated", "missing", "a bit"])
def test_damaged_chunk_is_named_and_made_again(damage, whole):
    store, digest = whole
    file = store.data / GROUP / "eigenvalue" / "c.2.0.0"
    data = file.read_bytes()
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(data[:-7] if damage == "truncated" else bytes([data[0] ^ 1]) + data[1:])
    assert store.verify() == [f"{GROUP}/2"]
    store.forget(f"{GROUP}/2")
    repaired(store, digest, 1)


@pytest.mark.parametrize("name", ["zarr.json", "eigenvalue/zarr.json", "time/c.0"])
def test_damaged_description_is_the_first_chunks(name, whole):
    store, digest = whole
    (store.data / GROUP / name).write_bytes(b"")
    assert store.verify() == [f"{GROUP}/0"]
    store.forget(f"{GROUP}/0")
    repaired(store, digest, 1)


def test_cut_before_anything_was_complete(tmp_path, whole):
    _, digest = whole
    path = tmp_path / "new"
    path.mkdir()
    (path / f".campaign.json.0123{atomic.PARTIAL}").write_bytes(b"{")
    (path / "lock").touch()
    assert run(small(), path).complete
    assert Store(path).digest() == digest and not partial(path)


def test_journal_goes_on_after_half_a_line(whole):
    store, _ = whole
    lines = len(store.journal.read())
    with open(store.journal.path, "a") as file:
        file.write('{"time": 1, "ev')
    run(small(), store.path)
    assert [row["event"] for row in Store(store.path).journal.read()[lines:]] == ["run", "end"]


# --- full disk -----------------------------------------------------------------------------------------


def test_full_disk(tmp_path, whole, monkeypatch):
    """The disk takes so many bytes; then every write fails, the journal's as well."""
    import errno

    store, digest = Store(tmp_path / "full"), whole[1]
    left = [30_000]

    class Full(io.FileIO):
        def write(self, data):
            left[0] -= len(data)
            if left[0] < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(data)

    def paced(definition, task, workers):
        time.sleep(0.03)  # not all in one batch
        return compute(definition, task, workers)

    with monkeypatch.context() as patch:
        patch.setattr(atomic, "open", lambda name, mode, **_: Full(name, mode), raising=False)
        with pytest.raises(
            OSError, match=r"No space left on device \(the chunks committed so far stay"
        ) as caught:
            run(small(), store.path, compute=paced)
    assert caught.value.errno == errno.ENOSPC and caught.value.filename
    done = names(store, small())
    assert 0 < len(done) < 12 and store.verify() == [] and not partial(store.path)
    repaired(store, digest, 12 - len(done))


# --- Ctrl-C, locks, orphans ----------------------------------------------------------------------------


def committed(store):
    return len(names(store, small())) if store.path.exists() else 0


@pytest.mark.parametrize("processes", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_interrupt_stops_at_a_chunk(processes, tmp_path, whole):
    store = Store(tmp_path / "stopped")
    process = child(store.path, processes=processes, chunks=3)
    try:
        until(lambda: committed(store) > 0)
        os.kill(process.pid, 2)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 3, err
    reason, left = out.split()
    assert reason == "interrupted" and int(left) == 12 - committed(store) > 0
    assert err.splitlines() == ["stopping after the chunks in work; press Ctrl-C again to stop at once"]
    assert store.journal.read()[-1]["reason"] == "interrupted"
    repaired(store, whole[1], int(left))


@pytest.mark.parametrize("processes", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_second_interrupt_ends_at_once(processes, tmp_path, whole):
    """In the middle of a chunk that takes a minute."""
    store = Store(tmp_path / "stopped")
    process = child(store.path, what="slower", processes=processes)
    try:
        until(lambda: any(row["event"] == "run" for row in store.journal.read()))
        time.sleep(2.0 if processes else 0.3)
        for _ in range(2):
            os.kill(process.pid, 2)
            time.sleep(0.2)
        began = time.monotonic()
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
    assert time.monotonic() - began < 5.0
    assert process.returncode != 0 and err.rstrip().endswith("KeyboardInterrupt")
    assert store.journal.read()[-1]["reason"].startswith("KeyboardInterrupt")
    repaired(store, whole[1], 12)


def test_second_run_is_kept_out_until_the_first_is_killed(tmp_path, whole):
    """Killed with worker processes, which neither keep the lock nor stay behind."""
    store, pids = Store(tmp_path / "busy"), tmp_path / "pids"
    pids.mkdir()
    process = child(store.path, what="whose", processes=2, chunks=3, PIDS=str(pids))
    try:
        until(lambda: len(list(pids.iterdir())) == 2)
        with pytest.raises(
            BlockingIOError, match=rf"another campaign is running in .*\(process {process.pid} on "
        ):
            run(small(), store.path)
        workers = [int(p.name) for p in pids.iterdir()]
        assert all(map(alive, workers))
    finally:
        process.kill()
        process.wait()
    try:
        until(lambda: not any(map(alive, workers)), 5.0)
    finally:
        for number in filter(alive, workers):
            os.kill(number, 9)
        process.communicate()
    left = len(missing(small(), store))
    repaired(store, whole[1], left)
