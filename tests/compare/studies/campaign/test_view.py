"""What a campaign shows: spectra, the plane, verdicts, pages, the command line."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import brentq

import compare
import sgd
from compare.studies import campaign as campaigns
from compare.studies.campaign.definition import TRAINED
from compare.studies.campaign.view import cell_tree, read_side, window
from compare.studies.campaign.work import entropy, recorded
from compare.studies.cli.main import main

TEXT = """
name = "study"
[[model]]
kind = "rbm"
name = "small"
n_visible = 4
n_hidden = 4
[[model]]
kind = "linear"
noise = "isotropic"
eps = 0.5
[grid]
learning_rate = [0.1, 0.2]
batch_size = [16, 32]
[ensemble]
replicas = 150
chunk = 64
[record]
number = 6
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A file, and the finished campaign."""
    folder = tmp_path_factory.mktemp("campaign")
    (folder / "study.toml").write_text(TEXT, encoding="utf-8")
    campaign = campaigns.Campaign.read(folder / "study.toml")
    outcome = campaigns.run(campaign, folder / "store")
    assert outcome.complete and outcome.ran == 3 * 8 * 3
    return folder


def test_chunks_are_what_sgd_trains(study):
    store = campaigns.Store(study / "store")
    campaign = store.campaign()
    cell = campaign.cells[0]
    record = recorded(campaign, cell)
    ds = campaigns.open_campaign(study / "store")[f"{cell.name}/experiment"].to_dataset()
    rbm = sgd.GaussianRBM(target=sgd.ring_scalar_field(n=4, mass2=4.0), n_hidden=4, mu2=9.0)
    for k, part in enumerate((slice(0, 64), slice(64, 128), slice(128, 150))):
        run = sgd.train(
            rbm, 0.1, 16, int(record[-1]), part.stop - part.start,
            seed=entropy(cell, TRAINED, k), record=record, initial="fixed-point",
        )  # fmt: skip
        np.testing.assert_array_equal(ds["eigenvalue"].values[part], run["eigenvalue"].values)
    compare.validate(ds.load())


def test_lazy_spectra_have_the_grid_as_dims(study):
    ds = campaigns.spectra(study / "store", "linear", "theory/matrix")
    assert ds["eigenvalue"].dims == ("learning_rate", "batch_size", "replica", "record", "mode")
    assert ds["eigenvalue"].chunks is not None and ds["time"].shape == (2, 2, 7)
    tree = campaigns.open_campaign(study / "store")
    np.testing.assert_array_equal(
        ds["eigenvalue"].sel(learning_rate=0.2, batch_size=32).values,
        tree["linear/lr0.2-bs32-seed1/theory/matrix"]["eigenvalue"].values,
    )
    with pytest.raises(ValueError, match="did you mean 'theory/matrix'"):
        campaigns.spectra(study / "store", "linear", "theory/matrx")
    with pytest.raises(ValueError, match="unknown model 'smal'; did you mean 'small'"):
        campaigns.plane(study / "store", "smal")
    with pytest.raises(ValueError, match="its seeds are"):
        campaigns.plane(study / "store", seed=4)


def test_the_plane_is_the_statistics_and_checks_of_its_cells(study):
    store = campaigns.Store(study / "store")
    campaign = store.campaign()
    plane = campaigns.plane(study / "store", "linear")
    cell = next(c for c in campaign.cells if c.name == "linear/lr0.2-bs16-seed1")
    tree = cell_tree(store, campaign, cell)
    found = compare.statistics(tree["experiment"].to_dataset(), window(campaign, cell))
    at = plane.sel(learning_rate=0.2, batch_size=16)
    np.testing.assert_array_equal(at["width"].values, found["width"].values)
    np.testing.assert_array_equal(at["mean_spacing_se"].values, found["mean_spacing_se"].values)
    result = compare.check(tree, margin=0.05, start=window(campaign, cell))
    for level in campaign.levels:
        rows = [
            r
            for r in result.rows
            if r.level == level and r.quantity in ("mean eigenvalue", "width", "mean spacing")
        ]
        verdicts = {r.verdict for r in rows}
        expected = 2 if "differs" in verdicts else 1 if verdicts == {"agrees"} else 0
        assert int(at["holds"].sel(theory=level)) == expected
    assert (plane["replicas"] == 150).all() and (plane["rate"] == 1).all()
    small = campaigns.plane(study / "store", "small")
    np.testing.assert_allclose(small["rate"], 2 * np.array([5, 3, 1]) / np.array([4, 6, 8]) ** 2)
    assert len(list(campaigns.judged(study / "store"))) == 8


def test_chunks_that_are_not_complete_are_not_seen(study, tmp_path):
    shutil.copytree(study / "store", tmp_path / "store")
    store = campaigns.Store(tmp_path / "store")
    campaign = store.campaign()
    cell = campaign.cells[0]
    store.forget(f"{cell.name}/experiment/1")
    for path in (store.path / "commits" / "linear").rglob("*.json"):
        path.unlink()
    tree = campaigns.open_campaign(store.path)
    assert "linear" not in tree and tree[f"{cell.name}/experiment"].sizes["replica"] == 86
    whole = read_side(campaigns.Store(study / "store"), f"{cell.name}/experiment", campaign)
    kept = np.r_[0:64, 128:150]
    np.testing.assert_array_equal(
        tree[f"{cell.name}/experiment"]["eigenvalue"].values, whole["eigenvalue"].values[kept]
    )
    lazy = campaigns.spectra(store.path)["eigenvalue"].sel(learning_rate=0.1, batch_size=16).values
    assert np.isnan(lazy[64:128]).all() and np.isfinite(lazy[kept]).all()
    with pytest.raises(ValueError, match="no complete chunk of linear"):
        campaigns.plane(store.path, "linear")
    outcome = campaigns.run(campaign, store.path)
    assert outcome.complete and outcome.ran == 1 + 4 * 3 * 3
    assert store.digest() == campaigns.Store(study / "store").digest()


def test_commands(study, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["campaign", "run", str(study / "study.toml"), "--dry-run"]) == 0
    assert "8 cells, 72 chunks" in capsys.readouterr().out and not any(tmp_path.iterdir())
    assert main(["campaign", "run", str(study / "study.toml"), "--seconds", "1e-9"]) == 0
    assert "`dyson-sgd campaign resume study` goes on" in capsys.readouterr().out
    assert main(["campaign", "status", "study"]) == 0
    assert "0 of 72 chunks complete" in capsys.readouterr().out
    assert main(["campaign", "resume", "study", "--workers", "2"]) == 0
    assert "complete: 72 chunks" in capsys.readouterr().out
    assert main(["campaign", "status", "study", "--verify"]) == 0
    assert campaigns.Store(study / "store").digest() in capsys.readouterr().out
    words = ["advise", "study", "--batch-size", "24", "--model", "linear", "--reference", "0.1,16", "--json"]
    assert main(words) == 0
    advice = json.loads(capsys.readouterr().out)
    keep = advice["keep"]["learning_rate"], advice["keep"]["learning_rate_se"]
    exact = brentq(lambda a: a / 24 / (1 - a / 2) - 0.1 / 16 / (1 - 0.1 / 2), 0.01, 1)  # k = 1
    assert abs(keep[0] - exact) < 5 * keep[1] < 0.1 and not advice["keep"]["extrapolation"]
    assert main(["campaign", "report", "study", "--out", "page"]) == 0
    page = (tmp_path / "page" / "report.html").read_text(encoding="utf-8")
    assert "<svg" in page and "Where theory holds" in page and "Widths: linear" in page
    found = json.loads((tmp_path / "page" / "summary.json").read_text(encoding="utf-8"))
    assert sum(found["planes"]["linear"]["matrix"].values()) == 4


def test_a_damaged_chunk_is_named_and_made_again(study, tmp_path, capsys):
    shutil.copytree(study / "store", tmp_path / "store")
    store = campaigns.Store(tmp_path / "store")
    chunk = next((store.data / "small").rglob("experiment/eigenvalue/c.1.0.0"))
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(bytes(data))
    group = chunk.relative_to(store.data).parents[1]
    with pytest.raises(ValueError, match=r"(?i)checksum|crc32c"):
        xr.open_zarr(store.data, group=str(group), consolidated=False, chunks=None)["eigenvalue"].load()
    with pytest.raises(ValueError, match=r"the files of small/.* are damaged or missing .*--verify"):
        campaigns.plane(store.path, "small")
    assert main(["campaign", "status", str(store.path), "--verify"]) == 1
    assert f"damaged: {group}/1" in capsys.readouterr().out
    assert main(["campaign", "resume", str(store.path)]) == 0
    assert "complete: 1 chunks" in capsys.readouterr().out
    assert store.digest() == campaigns.Store(study / "store").digest()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "none.toml"], "none.toml"),
        (["status", "none"], "no campaign in 'none'"),
        (["resume", "none"], "no campaign in 'none'"),
        (["report", "none"], "no campaign in 'none'"),
        (["run"], "FILE"),
        (["rnu", "x"], "run"),
        (["run", "x.toml", "--processes", "0"], "whole number"),
    ],
)
def test_refused(tmp_path, capsys, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    assert main(["campaign", *words]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1 and message in error[0]
    assert not any(tmp_path.iterdir())


def test_where_everything_diverged(tmp_path):
    campaign = campaigns.Campaign.from_mapping(
        {
            "model": {"kind": "rbm", "n_visible": 4, "n_hidden": 4},
            "grid": {"learning_rate": 3.1, "batch_size": 1},
            "ensemble": {"replicas": 8},
        }
    )
    assert campaigns.run(campaign, tmp_path / "store").complete
    assert list(campaigns.judged(tmp_path / "store")) == []
    with pytest.raises(ValueError, match="every replica of rbm diverged in every cell"):
        campaigns.plane(tmp_path / "store")


def test_stores_of_others_are_refused(study, tmp_path):
    shutil.copytree(study / "store", tmp_path / "store")
    path = tmp_path / "store" / "campaign.json"
    text = json.loads(path.read_text(encoding="utf-8"))
    other = campaigns.Campaign.from_mapping(text["campaign"] | {"name": "other"})
    with pytest.raises(ValueError, match=r"holds another campaign \(name: 'study' there, 'other' here\)"):
        campaigns.run(other, tmp_path / "store")
    path.write_text(json.dumps(text | {"version": 2}), encoding="utf-8")
    with pytest.raises(ValueError, match=r"written by a newer version \(format 2, this one knows 1\)"):
        campaigns.open_campaign(tmp_path / "store")
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match="is damaged"):
        campaigns.plane(tmp_path / "store")
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(FileExistsError, match="holds no campaign"):
        campaigns.run(other, tmp_path / "used")
