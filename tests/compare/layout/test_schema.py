"""Validation names the offending variable in one line; multiplets and pairs follow from the target."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import xarray as xr

import dyson
from compare import align, check, find_species, multiplet_coords, multiplets, statistics, unfold, validate
from tests.compare.ensembles import TARGET, closed_form, ensemble, units

SMALL = {"replicas": 4, "times": 6}


def with_eigenvalues(ds, x, dims=("replica", "time", "mode")):
    return ds.assign(eigenvalue=(dims, x, ds["eigenvalue"].attrs))


def changed(ds, where, value):
    x = ds["eigenvalue"].values.copy()
    x[where] = value
    return with_eigenvalues(ds, x)


def with_coord(ds, name, values):
    return ds.assign_coords({name: (ds[name].dims, values, ds[name].attrs)})


def attr(ds, **attrs):
    return ds.assign_attrs(attrs)


BROKEN = {
    "eigenvalue: must be sorted": lambda d: with_eigenvalues(d, d["eigenvalue"].values[..., ::-1]),
    "eigenvalue: has dims": lambda d: d.transpose("time", "replica", "mode"),
    "eigenvalue: has dtype complex128": lambda d: with_eigenvalues(d, d["eigenvalue"].values + 0j),
    "eigenvalue: has dtype object": lambda d: with_eigenvalues(d, d["eigenvalue"].values.astype(object)),
    "eigenvalue: has dtype float32": lambda d: with_eigenvalues(d, d["eigenvalue"].values.astype("f4")),
    "eigenvalue: has infinities": lambda d: changed(d, np.s_[1, 2, 0], np.inf),
    "eigenvalue: replica 1 is NaN at time 1,": lambda d: changed(d, np.s_[1, 2:], np.nan),
    "eigenvalue: variable is missing": lambda d: d.drop_vars("eigenvalue"),
    "diverged: variable is missing": lambda d: d.drop_vars("diverged"),
    "replica: coordinate is missing": lambda d: d.drop_vars("replica"),
    "replica: has duplicates": lambda d: with_coord(d, "replica", np.zeros(4, dtype=int)),
    "replica: has length 0": lambda d: d.isel(replica=slice(0, 0)),
    "time: coordinate is missing": lambda d: d.drop_vars("time"),
    "time: has values that are not finite": lambda d: with_coord(d, "time", np.r_[0, 1, np.nan, 3, 4, 5]),
    "time: must be strictly increasing": lambda d: with_coord(d, "time", np.array([0.0, 1, 1, 2, 3, 4])),
    "time: has dtype int64": lambda d: with_coord(d, "time", np.arange(6)),
    "time: has dtype datetime64": lambda d: with_coord(d, "time", np.arange(6).astype("M8[ns]")),
    "step: has dtype float64": lambda d: with_coord(d, "step", np.arange(6.0)),
    "mode: must count": lambda d: with_coord(d, "mode", np.arange(4) + 1),
    "target must be descending": lambda d: with_coord(d, "target", TARGET[::-1]),
    "target: has values that are not finite": lambda d: with_coord(d, "target", TARGET * np.nan),
    "noise_level: is -1": lambda d: with_coord(d, "noise_level", -1.0),
    "batch_size: has dims": lambda d: d.assign_coords(batch_size=("mode", TARGET, units("|B|"))),
    "kind: attribute must be one of": lambda d: attr(d, kind="guess"),
    "model: attribute must be a string": lambda d: attr(d, model=3),
    "seed: attribute must be a decimal string": lambda d: attr(d, seed=2**70),
    "parameters: attribute must be a JSON object": lambda d: attr(d, parameters="[1]"),
    "parameters: attribute must be a JSON": lambda d: attr(d, parameters="mu2=9"),
    "note: attribute of dataset": lambda d: attr(d, note={"a": 1}),
    "flag: attribute of dataset": lambda d: attr(d, flag=True),
    "extra: has dtype <U1": lambda d: d.assign(extra=("mode", list("abcd"), units("letters"))),
    "extra: attribute long_name is missing": lambda d: d.assign(extra=("mode", TARGET)),
}


@pytest.mark.parametrize("message", BROKEN)
def test_what_is_wrong_is_named_in_one_line(message):
    broken = BROKEN[message](ensemble(1, **SMALL))
    with pytest.raises(ValueError) as caught:
        validate(broken)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_valid_datasets_pass():
    validate(ensemble(1, **SMALL))
    validate(ensemble(1, **SMALL, kind="theory", level="dyson"))
    validate(closed_form())


def test_closed_forms_must_fit_their_target():
    with pytest.raises(ValueError, match="multiplet: has length 2, expected 3 from target"):
        validate(closed_form().isel(multiplet=[0, 1]))
    with pytest.raises(ValueError, match=r"multiplet_size: is \[1, 1, 1\], expected \[1, 2, 1\]"):
        validate(with_coord(closed_form(), "multiplet_size", np.ones(3, dtype=int)))
    with pytest.raises(ValueError, match="mean_eigenvalue: variable is missing"):
        validate(closed_form().drop_vars("mean_eigenvalue"))
    with pytest.raises(ValueError, match=r"width_se: has dims \('mode',\), expected \('multiplet',\)"):
        validate(closed_form().assign(width_se=("mode", TARGET, units("error"))))


def test_a_diverged_replica_is_valid_where_it_says_so():
    run = changed(ensemble(1, **SMALL), np.s_[2, 3:], np.nan)
    diverged = np.where(np.arange(4) == 2, run["time"].values[3], np.nan)
    validate(run.assign(diverged=("replica", diverged, run["diverged"].attrs)))
    back = changed(run, np.s_[2, 5], 1.0)
    with pytest.raises(ValueError, match="eigenvalue: a replica has values after a NaN"):
        validate(back.assign(diverged=("replica", diverged, run["diverged"].attrs)))


@pytest.mark.parametrize("thing", [None, 3, "data", np.zeros(3), xr.DataArray(np.zeros(3))])
def test_only_datasets(thing):
    with pytest.raises(TypeError, match=r"expected an xarray.Dataset, got"):
        validate(thing)


def test_multiplets_group_equal_targets():
    group = multiplets([5.0, 3.0, 3.0 - 1e-9, 1.0, 0.0, 0.0, 0.0])
    assert group.first.tolist() == [0, 1, 3, 4]
    assert group.size.tolist() == [1, 2, 1, 3]
    assert group.pair_upper.tolist() == [1]
    assert group.pair_multiplet.tolist() == [1]
    assert [(s.start, s.stop) for s in group.slices] == [(0, 1), (1, 3), (3, 4), (4, 7)]


def test_multiplets_are_apart_beyond_the_tolerance():
    assert multiplets([3.0, 3.0 - 1e-5]).size.tolist() == [1, 1]
    assert multiplets([0.0, 0.0]).size.tolist() == [2]
    for bad in ([], [1.0, 2.0], [np.nan], [[1.0]]):
        with pytest.raises(ValueError, match="target must be"):
            multiplets(bad)


def test_multiplet_coords_say_target_and_size():
    coords = multiplet_coords(TARGET)
    assert coords["multiplet_target"].values.tolist() == [5, 3, 1]
    assert coords["multiplet_size"].values.tolist() == [1, 2, 1]
    assert coords["pair_upper"].values.tolist() == [1]
    assert all(set(v.attrs) == {"long_name", "units"} for v in coords.values())


def test_importing_compare_draws_in_no_page_libraries():
    code = "import compare, sys; print(sorted({'matplotlib', 'jinja2'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_target_and_noise_level_are_optional_and_whoever_needs_them_says_so():
    """A process of one's own has neither: its paths are valid, can be unfolded, and are not judged."""
    bare = ensemble(1, **SMALL).drop_vars(["target", "noise_level"])
    validate(bare)
    for needs in (statistics, find_species, lambda ds: align(ds, {})):
        with pytest.raises(ValueError, match=r"target: coordinate is missing; .*ds\.assign_coords\(target="):
            needs(bare)
    free = dyson.integrate(dyson.models.matrix_ou(8), replicas=3, seed=1)
    assert "noise_level" not in free.coords and unfold(free).shape[1] == 8
    quiet = ensemble(1, **SMALL).drop_vars("noise_level")
    other = ensemble(2, **SMALL, kind="theory", level="dyson")
    assert check(align(quiet, {"dyson": other})).rows  # what only one side states cannot be compared
