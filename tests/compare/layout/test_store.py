"""What is loaded is what was saved, to the last bit; anything else is refused in one line."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
import xarray as xr

from compare import align, check, load, members, save
from tests.compare.ensembles import closed_form, ensemble

SMALL = {"replicas": 70, "times": 9}


@pytest.fixture
def tree():
    run = ensemble(1, **SMALL)
    x, diverged = run["eigenvalue"].values.copy(), run["diverged"].values.copy()
    x[4, 3:], diverged[4] = np.nan, run["time"].values[3]
    run = run.assign(
        eigenvalue=(run["eigenvalue"].dims, x, run["eigenvalue"].attrs),
        diverged=("replica", diverged, run["diverged"].attrs),
    )
    run = run.assign_attrs(numbers=[1.5, 2.0], notes=["a", "ξ"], count=3)
    theory = ensemble(2, **SMALL, kind="theory", level="dyson")
    return align(run, {"pair": closed_form(), "dyson": theory})


@pytest.fixture
def store(tree, tmp_path):
    return save(tree, tmp_path / "data.zarr")


def refused(path, match, error=ValueError):
    with pytest.raises(error, match=match) as caught:
        load(path)
    assert "\n" not in str(caught.value)


def edit(path, change):
    meta = json.loads(path.read_text())
    change(meta)
    path.write_text(json.dumps(meta))


def assert_same(a, b):
    assert a.attrs == b.attrs
    (run_a, theory_a), (run_b, theory_b) = members(a), members(b)
    assert list(theory_a) == list(theory_b)
    for mine, other in zip((run_a, *theory_a.values()), (run_b, *theory_b.values()), strict=True):
        xr.testing.assert_identical(mine, other)
        for name, variable in mine.variables.items():
            assert variable.dtype == other[name].dtype
            assert variable.attrs == other[name].attrs


def test_round_trip(tree, store):
    back = load(store)
    assert_same(tree, back)
    assert load(store.parent).identical(back)  # the folder it is in
    assert check(back).to_json() == check(tree).to_json()


def test_a_loaded_tree_can_be_saved_again(store, tmp_path):
    again = save(load(store), tmp_path / "again.zarr")
    assert_same(load(store), load(again))


def test_nothing_else_is_left_behind(store, tmp_path):
    assert os.listdir(tmp_path) == ["data.zarr"]
    mask = os.umask(0)
    os.umask(mask)
    assert store.stat().st_mode & 0o777 == 0o777 & ~mask


def test_a_save_that_fails_leaves_nothing(tree, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(xr.DataTree, "to_zarr", fail)
    with pytest.raises(OSError, match="disk full"):
        save(tree, tmp_path / "data.zarr")
    assert os.listdir(tmp_path) == []


def test_existing_data_is_never_touched(tree, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").write_text("x")
    for path in (tmp_path / "full", tmp_path / "full" / "precious"):
        with pytest.raises(FileExistsError, match="exists and is not empty"):
            save(tree, path)
    assert (tmp_path / "full" / "precious").read_text() == "x"
    with pytest.raises(FileNotFoundError, match="does not exist; make it first"):
        save(tree, tmp_path / "none" / "data.zarr")
    (tmp_path / "empty").mkdir()
    save(tree, tmp_path / "empty")
    load(tmp_path / "empty")


def test_only_valid_trees_are_saved(tree, tmp_path):
    before = tree["experiment"].attrs
    tree["experiment"].attrs = before | {"model": None}
    with pytest.raises(ValueError, match="model: attribute"):
        save(tree, tmp_path / "data.zarr")
    with pytest.raises(TypeError, match="expected the DataTree"):
        save(ensemble(1, **SMALL), tmp_path / "data.zarr")
    assert os.listdir(tmp_path) == []


def test_other_nodes_are_kept_if_they_are_plain_numbers(tree, tmp_path):
    tree["scaling"] = xr.DataTree(xr.Dataset({"fit": ("point", np.arange(3.0))}))
    np.testing.assert_array_equal(load(save(tree, tmp_path / "a.zarr"))["scaling/fit"], np.arange(3.0))
    tree["scaling"] = xr.DataTree(xr.Dataset({"names": ("point", np.array(["a", "b"]))}))
    with pytest.raises(ValueError, match="/scaling/names: has dtype <U1, only plain numbers are saved"):
        save(tree, tmp_path / "b.zarr")


def test_what_is_not_there(tmp_path):
    refused(tmp_path / "nothing", "does not exist", FileNotFoundError)
    refused(tmp_path, "is not a store of dyson-sgd: it has no zarr.json")
    (tmp_path / "file.txt").write_text("x")
    refused(tmp_path / "file.txt", "is not a store")


def test_foreign_stores(tmp_path):
    xr.Dataset({"a": ("x", np.arange(3.0))}).to_zarr(tmp_path / "a.zarr", consolidated=False, zarr_format=3)
    refused(tmp_path / "a.zarr", "was not written by dyson-sgd")
    xr.Dataset({"a": ("x", np.arange(3.0))}).to_zarr(tmp_path / "b.zarr", consolidated=False, zarr_format=2)
    refused(tmp_path / "b.zarr", "is not a store")


@pytest.mark.parametrize("content", ["", "{", "[]", "\x00\xff", '{"a":' * 100000])
def test_metadata_that_is_not_json(store, content):
    (store / "experiment" / "eigenvalue" / "zarr.json").write_text(content)
    refused(store, "is damaged: experiment/eigenvalue/zarr.json")


def test_a_missing_chunk_is_noticed(store):
    """zarr itself would read it as fill values, here NaN or 0."""
    chunks = sorted((store / "theory" / "dyson" / "eigenvalue" / "c").rglob("*"))
    chunks[-1].unlink()
    refused(store, "is damaged: the checksum of theory/dyson/eigenvalue does not match")


def test_a_truncated_chunk_is_noticed(store):
    files = [p for p in (store / "experiment" / "eigenvalue" / "c").rglob("*") if p.is_file()]
    chunk = max(files, key=lambda p: p.stat().st_size)
    chunk.write_bytes(chunk.read_bytes()[:50])
    refused(store, "is damaged")


def test_a_missing_array_is_noticed(store):
    (store / "experiment" / "diverged" / "zarr.json").unlink()
    refused(store, "is damaged|diverged")


def test_codecs_that_could_run_code_are_refused_before_anything_is_read(store):
    for change in (
        lambda m: m["codecs"].append({"name": "numcodecs.pickle", "configuration": {}}),
        lambda m: m.update(codecs="pickle"),
        lambda m: m.update(data_type="variable_length_bytes"),
        lambda m: m.update(data_type={"name": "null_terminated_bytes", "configuration": {}}),
    ):
        file = store / "theory" / "pair" / "width" / "zarr.json"
        before = file.read_text()
        edit(file, change)
        refused(store, "array theory/pair/width is not plain numbers")
        file.write_text(before)
    load(store)


def test_a_wrong_shape_does_not_ask_for_terabytes(store):
    file = store / "experiment" / "eigenvalue" / "zarr.json"
    edit(file, lambda m: m.update(shape=[10**9, 9, 4]))
    refused(store, "does not have the type and shape that were saved")


def test_attributes_that_were_tampered_with(store):
    edit(store / "experiment" / "zarr.json", lambda m: m["attributes"].update(kind="theory!"))
    refused(store, "is not in the layout of dyson-sgd: kind: attribute must be one of")
    edit(store / "zarr.json", lambda m: m["attributes"].pop("checksums"))
    refused(store, "is damaged: its attribute checksums")


def test_many_replicas_are_cut_into_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr("compare.layout.store.CHUNK_BYTES", 20 * 9 * 4 * 8)
    tree = align(ensemble(1, **SMALL), {"pair": closed_form()})
    store = save(tree, tmp_path / "data.zarr")
    assert len([p for p in (store / "experiment" / "eigenvalue" / "c").rglob("*") if p.is_file()]) == 4
    assert_same(load(store), tree)


def test_an_experiment_alone(tmp_path):
    tree = align(ensemble(1, **SMALL), {})
    assert_same(load(save(tree, tmp_path / "data.zarr")), tree)


def test_no_pairs(tmp_path):
    """Arrays of length 0 survive, too."""
    run = ensemble(1, **SMALL).isel(mode=[0, 1])
    form = closed_form().isel(mode=[0, 1], multiplet=[0, 1], pair=[])
    form = form.assign_coords(multiplet_size=("multiplet", [1, 1], form["multiplet_size"].attrs))
    tree = align(run, {"pair": form})
    assert_same(load(save(tree, tmp_path / "data.zarr")), tree)
