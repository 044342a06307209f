"""The stop rule takes the same chunks whatever the order they come in, and wherever a run was cut off."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest

from compare.measure.statistics import unchecked_statistics
from compare.studies.campaign import Store, open_campaign, run
from compare.studies.campaign.executors import Processes
from compare.studies.campaign.runner import missing
from compare.studies.campaign.stopping import LOOKS, StopRule, _due
from tests.compare.studies.campaign.children import names, slow, small

CHUNKS, ERROR = 8, 0.03


def stopping(error=ERROR):
    return small(CHUNKS, stop={"quantity": "width", "error": error})


class Shuffled:
    """Computes everything there is, and gives it back in any order."""

    def __init__(self, seed, ahead=10**6):
        self.random, self.ahead = random.Random(seed), ahead

    def results(self, compute, definition, tasks):
        held = []
        while True:
            while len(held) < self.ahead and (task := next(tasks, None)) is not None:
                held.append((task, compute(definition, task, 1)))
            if not held:
                return
            yield held.pop(self.random.randrange(len(held)))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("stop") / "store"
    outcome = run(stopping(), path)
    assert outcome.complete and outcome.reason == "complete"
    return Store(path)


def stops(store):
    groups = sorted({name.rpartition("/")[0] for name in names(store, stopping())})
    return {group: store.stopped(group) for group in groups}


def test_stops_at_the_first_small_error(made):
    """Held against the statistics of the first n chunks, n = 1, 2, …, computed here."""
    from compare.studies.campaign.view import window

    found, campaign = stops(made), stopping()
    assert any(found.values()) and all(v is None or 0 < v["chunks"] < CHUNKS for v in found.values())
    tree = open_campaign(made.path)
    for group, stop in found.items():
        ds = tree[group].to_dataset().load()
        cell = next(cell for cell in campaign.cells if group.startswith(cell.name))
        errors = []
        for n in range(1, len(made.complete(group)) + 1):
            part = unchecked_statistics(ds.isel(replica=slice(0, 16 * n)), window(campaign, cell))
            errors.append(float(np.nanmax(np.abs(part["width_se"] / part["width"]))))
        small_enough = [n for n, e in enumerate(errors, 1) if e <= ERROR and n < CHUNKS]
        assert (stop and stop["chunks"]) == (small_enough[0] if small_enough else None)
        assert len(made.complete(group)) == (stop["chunks"] if stop else CHUNKS)


@pytest.mark.parametrize("seed, ahead", [(1, 10**6), (2, 10**6), (3, 5), (4, 9)])
def test_order_does_not_matter(seed, ahead, made, tmp_path):
    outcome = run(stopping(), tmp_path / "store", Shuffled(seed, ahead))
    store = Store(tmp_path / "store")
    assert (
        outcome.complete and store.digest() == made.digest() and outcome.ran == len(names(made, stopping()))
    )


@pytest.mark.slow
def test_processes_stop_alike(made, tmp_path):
    assert run(stopping(), tmp_path / "store", Processes(2)).complete
    assert Store(tmp_path / "store").digest() == made.digest()


def test_cut_between_commit_and_look(made, tmp_path, monkeypatch):
    """Every side dies once after the commit that completes it, before that is written down."""
    store, lives = Store(tmp_path / "store"), 0
    with monkeypatch.context() as patch:
        patch.setattr(Store, "stop", _dies)
        for _ in range(3):
            with pytest.raises(KeyboardInterrupt):
                run(stopping(), store.path)
            lives += 1
    assert lives == 3 and not any(stops(store).values())
    assert run(stopping(), store.path).complete
    assert store.digest() == made.digest()


def _dies(*_):
    raise KeyboardInterrupt


def test_lost_chunk_of_a_stopped_side_is_made_again(made, tmp_path):
    """The first and a middle one; with the record of the stop, and without."""
    group, stop = next((g, s) for g, s in stops(made).items() if s and s["chunks"] > 2)
    for lost in (None, f"stops/{group}.json"):
        path = tmp_path / str(lost is None)
        run(stopping(), path)
        store = Store(path)
        for number in (0, stop["chunks"] - 2):
            store.forget(f"{group}/{number}")
        if lost:
            (path / lost).write_text("{")
            assert store.stopped(group) is None
        else:
            assert [task.chunk for task in missing(stopping(), store)] == sorted({0, stop["chunks"] - 2})
        assert run(stopping(), path, Shuffled(7)).ran == 2
        assert store.digest() == made.digest()


def test_looks_grow_with_what_there_is():
    """All of the first 2 LOOKS chunks; reading all of them again is then a fixed multiple of writing them."""
    due = [n for n in range(1, 5000) if _due(n)]
    assert due[: 2 * LOOKS] == list(range(1, 2 * LOOKS + 1))
    assert all(b - a <= max(1.0, a / LOOKS) for a, b in pairwise(due))
    assert 5000 * 5 < sum(due) < 2 * LOOKS * 5000


def test_without_a_rule_nothing_stops(tmp_path):
    rule = StopRule(small(), Store(tmp_path))
    assert not rule.active and list(rule.catch_up()) == []


def test_time_is_up(tmp_path):
    """The limit of the call goes before that of the campaign; what has begun is committed."""
    campaign = small(stop={"seconds": 600.0})
    outcome = run(campaign, tmp_path / "store", seconds=0.35, compute=slow)
    assert outcome.reason == "time" and not outcome.complete and 0 < outcome.ran < 12
    assert (
        outcome.ran + outcome.missing == 12 and len(names(Store(tmp_path / "store"), campaign)) == outcome.ran
    )
    again = run(campaign, tmp_path / "store", seconds=0.0)
    assert (again.ran, again.found, again.reason) == (0, outcome.ran, "time")
    rest = run(campaign, tmp_path / "store")
    assert rest.complete and rest.reason == "complete" and rest.found == outcome.ran


def test_the_campaigns_own_limit(tmp_path):
    assert run(small(stop={"seconds": 1e-9}), tmp_path / "store").reason == "time"
