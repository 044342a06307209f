"""What a campaign file says, and what is refused."""

from __future__ import annotations

import re

import numpy as np
import pytest

from compare.studies import campaign as campaigns
from compare.studies.campaign.definition import Campaign, sides
from compare.studies.campaign.record import Record
from compare.studies.campaign.work import entropy, recorded, tasks_of

SMALL = """
[[model]]
kind = "rbm"
name = "small"
n_visible = 4
n_hidden = 4
[[model]]
kind = "linear"
[grid]
learning_rate = [0.1, 0.05]
batch_size = 16
[ensemble]
replicas = 130
chunk = 64
"""


@pytest.fixture
def read(tmp_path):
    def of(text):
        path = tmp_path / "study.toml"
        path.write_text(text, encoding="utf-8")
        return Campaign.read(path)

    return of


def test_defaults_and_the_way_back(read):
    found = read(SMALL)
    assert found.name == "study" and list(found.models) == ["small", "linear"]
    assert found.learning_rates == (0.05, 0.1) and found.batch_sizes == (16,) and found.seeds == (1,)
    assert len(found.cells) == 4 and found.chunks == 3
    assert [t.last - t.first for t in tasks_of(found, found.cells[0], "experiment")] == [64, 64, 2]
    assert {side for _, side in sides(found)} == {"experiment", "theory/dyson", "theory/matrix"}
    again = Campaign.from_mapping(found.to_mapping())
    assert again == found and again.fingerprint == found.fingerprint


def test_fingerprint_is_of_what_results_depend_on(read):
    found = read(SMALL)
    assert read(SMALL + "[theory]\nmargin = 0.1\n[stop]\nseconds = 3\n").fingerprint == found.fingerprint
    for change in ("[theory]\nlevels = ['pair']\n", "[record]\nnumber = 5\n"):
        assert read(SMALL + change).fingerprint != found.fingerprint


def test_seeds_of_chunks_are_their_own_and_do_not_depend_on_the_grid(read):
    found = read(SMALL)
    seeds = {entropy(c, s, k) for c, s in sides(found) for k in range(3)}
    assert len(seeds) == 3 * len(list(sides(found)))
    wider = read(SMALL.replace("[0.1, 0.05]", "[0.3, 0.1, 0.05]"))
    assert seeds < {entropy(c, s, k) for c, s in sides(wider) for k in range(3)}


def test_recorded_steps(read):
    found = read(SMALL)
    slow, fast = (recorded(found, cell) for cell in found.cells[:2])  # α = 0.05, 0.1
    assert slow[0] == fast[0] == 0 and slow[-1] == 2 * fast[-1] and slow.size == 13
    slower = read(SMALL.replace('kind = "linear"', 'kind = "linear"\noutput = [1.0, 0.5]'))  # rates z²
    assert recorded(slower, slower.cells[-1])[-1] == 4 * recorded(found, found.cells[-1])[-1] == 4 * 45
    logarithmic = Record.of({"spacing": "logarithmic", "number": 50}).at(1000.0)
    assert logarithmic[1] == 1 and logarithmic[-1] == 4500 and np.all(np.diff(logarithmic) > 0)
    assert Record.of({"steps": [10, 20]}).at(np.inf).tolist() == [0, 10, 20]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("[model", "not a TOML file"),
        ("nmae = 'x'\n" + SMALL, "unknown key 'nmae'; did you mean 'name'?"),
        (SMALL + "chnuk = 3\n", "[ensemble]: unknown key 'chnuk'; did you mean 'chunk'?"),
        (SMALL + "[gird]\n", "did you mean 'grid'?"),
        (
            SMALL.replace("n_visible = 4", "n_visibel = 4"),
            "[model] small: unknown key 'n_visibel'; did you mean",
        ),
        (SMALL.replace("[0.1, 0.05]", "[]"), "the grid is empty: give grid.learning_rate"),
        (SMALL.replace("learning_rate = [0.1, 0.05]\n", ""), "the grid is empty"),
        (SMALL.replace("[0.1, 0.05]", "[-0.1]"), "grid.learning_rate must be a finite number > 0"),
        (SMALL.replace("batch_size = 16", "batch_size = 1.5"), "grid.batch_size"),
        (SMALL.replace("'rbm'", "'x'").replace('"rbm"', '"rmb"'), "did you mean 'rbm'?"),
        (SMALL.replace('name = "small"', 'name = "linear"'), "two models are called 'linear'"),
        (SMALL.replace('name = "small"', 'name = "../x"'), "model.name must be made of letters"),
        (SMALL + "initial = 'zero'\n", "fixed-point"),
        (SMALL.replace("replicas = 130", "replicas = 100000000"), "raise ensemble.chunk"),
        (SMALL + "[theory]\nlevels = ['dysn']\n", "did you mean 'dyson'?"),
        (SMALL + "[stop]\nquantity = 'width'\n", "quantity and error together"),
        (SMALL + "[record]\nsteps = [3, 2]\n", "increasing"),
        (SMALL + "[record]\nnumber = 100000\n", "at most 10000 steps"),
        ("[grid]\nlearning_rate = 1\nbatch_size = 1\n", "needs a [model]"),
    ],
)
def test_refused(read, change, message):
    with pytest.raises((ValueError, TypeError), match=re.escape(message)) as refused:
        read(change)
    assert "\n" not in str(refused.value) or "TOML" in str(refused.value)


def test_an_unstable_cell_is_named_before_the_work(read):
    found = read(SMALL.replace("[0.1, 0.05]", "[0.1, 50.0]"))
    with pytest.raises(ValueError, match=r"cell small/lr50\.0-bs16-seed1: .*learning_rate"):
        campaigns.plan(found)


def test_a_level_that_a_model_does_not_have_is_named_before_the_work(read):
    text = SMALL.replace('kind = "linear"', 'kind = "linear"\ndata = "batch"')
    with pytest.raises(ValueError, match=r"cell linear/.*: level dyson .*leave the level out"):
        campaigns.plan(read(text + "[theory]\nlevels = ['dyson']\n"))
    assert campaigns.plan(read(text + "[theory]\nlevels = ['matrix']\n")).chunks == 4 * 2 * 3


def test_more_than_the_disk_holds_is_refused_before_the_work(read, tmp_path, monkeypatch):
    found = read(SMALL.replace("replicas = 130", "replicas = 10000000000").replace("= 64", "= 1000000"))
    with pytest.raises(OSError, match=r"needs about .* GB, .* GB are free"):
        campaigns.run(found, tmp_path / "store", compute=None)
    assert not (tmp_path / "store" / "data.zarr").exists()
