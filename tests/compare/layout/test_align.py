"""Nothing is aligned silently: times, modes and models must fit, or the user says what may differ."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from compare import align, members
from tests.compare.ensembles import TARGET, closed_form, dataset, ensemble

SMALL = {"replicas": 5, "times": 9}


@pytest.fixture
def run():
    return ensemble(1, **SMALL)


@pytest.fixture
def theory():
    return ensemble(2, **SMALL, kind="theory", level="dyson")


def parameters(ds, **new):
    return ds.assign_attrs(parameters=json.dumps(json.loads(ds.attrs["parameters"]) | new))


def at_times(ds, time):
    return ds.assign_coords(time=("time", time, ds["time"].attrs))


def test_members_are_what_was_aligned(run, theory):
    tree = align(experiment=run, theory={"pair": closed_form(), "dyson": theory})
    experiment, levels = members(tree)
    assert list(levels) == ["pair", "dyson"]
    xr.testing.assert_identical(experiment, run)
    xr.testing.assert_identical(levels["dyson"], theory)
    xr.testing.assert_identical(levels["pair"], closed_form())


def test_times_that_differ_by_rounding_are_refused(run, theory):
    moved = at_times(theory, theory["time"].values * (1 + 1e-12))
    with pytest.raises(ValueError, match=r"theory dyson: time differs .* interpolate=True"):
        align(run, {"dyson": moved})
    with pytest.raises(ValueError, match="theory dyson: time differs"):
        align(run, {"dyson": theory.isel(time=slice(0, 8))})


def test_interpolation_is_linear_and_says_so(run):
    time = np.array([0.0, 0.7, 1.1, 3.9, 4.0])
    slopes = np.linspace(0.1, 0.5, 3)[:, None, None]
    x = TARGET + slopes * time[None, :, None]
    theory = dataset(x, time, kind="theory", level="dyson")
    node = align(run, {"dyson": theory}, interpolate=True)["theory/dyson"].to_dataset()
    exact = TARGET + slopes * run["time"].values[None, :, None]
    np.testing.assert_allclose(node["eigenvalue"], exact, rtol=1e-14)
    assert node["eigenvalue"].dims == theory["eigenvalue"].dims
    assert node["eigenvalue"].attrs == theory["eigenvalue"].attrs
    assert "experiment's times" in node.attrs["interpolated"]
    xr.align(run["time"], node["time"], join="exact")


def test_interpolation_leaves_equal_times_alone_and_does_not_extrapolate(run, theory):
    twice = ensemble(2, replicas=5, times=17, step=0.25, kind="theory", level="dyson")
    node = align(run, {"dyson": twice}, interpolate=True)["theory/dyson"].to_dataset()
    np.testing.assert_array_equal(node["eigenvalue"], twice["eigenvalue"][:, ::2])
    xr.testing.assert_identical(align(run, {"d": theory}, interpolate=True)["theory/d"].to_dataset(), theory)
    with pytest.raises(ValueError, match="interpolation does not extrapolate, run the theory longer"):
        align(run, {"dyson": theory.isel(time=slice(0, 8))}, interpolate=True)


def test_a_diverged_replica_stays_diverged_when_interpolated(run):
    theory = ensemble(2, replicas=5, times=12, step=0.4, kind="theory", level="dyson")
    x, diverged = theory["eigenvalue"].values.copy(), np.full(5, np.nan)
    x[3, 6:], diverged[3] = np.nan, theory["time"].values[5]
    theory = theory.assign(
        eigenvalue=(theory["eigenvalue"].dims, x, theory["eigenvalue"].attrs),
        diverged=("replica", diverged, theory["diverged"].attrs),
    )
    node = align(run, {"dyson": theory}, interpolate=True)["theory/dyson"].to_dataset()
    gone = np.isnan(node["eigenvalue"].values).any(axis=-1)
    np.testing.assert_array_equal(gone[3], run["time"].values > diverged[3])
    assert not np.delete(gone, 3, axis=0).any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.isel(mode=slice(0, 3)), "mode has length 3, the experiment has 4"),
        (lambda d: d.assign_coords(target=d["target"] * 1.01), "target of mode 0 is 5.05, .* 5"),
        (lambda d: d.assign_attrs(model="other"), "model is 'other', in the experiment 'toy'"),
        (lambda d: d.assign_attrs(matrix="W"), "matrix is 'W'"),
        (lambda d: parameters(d, mu2=9.1), "mu2 is 9.1, in the experiment 9.0; .*allow="),
        (lambda d: parameters(d, kappa=[4, 6, 6]), r"kappa is \[4, 6, 6\]"),
        (lambda d: d.assign_coords(noise_level=d["noise_level"] * 2), "noise_level is 0.02"),
        (lambda d: d.assign_attrs(kind="experiment"), "kind is 'experiment', expected 'theory'"),
        (lambda d: d.transpose(), "eigenvalue: has dims"),
    ],
)
def test_mismatches_are_refused(run, theory, change, message):
    with xr.set_options(keep_attrs=True), pytest.raises(ValueError, match=f"theory dyson: {message}"):
        align(run, {"dyson": change(theory)})


def test_what_one_side_does_not_state_cannot_differ(run, theory):
    align(run, {"dyson": parameters(theory, extra=1, mu2=9)})
    align(parameters(run, n_hidden=10), {"dyson": parameters(theory, n_hidden=None)})
    align(run, {"dyson": parameters(theory, mu2=9.0 * (1 + 1e-15))})


def test_the_user_may_allow_a_difference(run, theory):
    tree = align(run, {"dyson": parameters(theory, mu2=9.1)}, allow=("mu2",))
    assert tree.attrs["allowed_to_differ"] == ["mu2"]
    with pytest.raises(TypeError, match="allow must be a collection"):
        align(run, {"dyson": theory}, allow="mu2")


def test_an_experiment_may_be_alone(run):
    assert members(align(run, {}))[1] == {}


def test_bad_arguments(run, theory):
    with pytest.raises(TypeError, match="theory must be a mapping"):
        align(run, theory)
    for name in ("", "a/b", "..", 3, "sgd", "all"):
        with pytest.raises(ValueError, match="is not a name"):
            align(run, {name: theory})
    with pytest.raises(TypeError, match=r"experiment: expected an xarray.Dataset, got NoneType"):
        align(None, {"dyson": theory})
    with pytest.raises(ValueError, match="experiment: kind is 'theory'"):
        align(theory, {"dyson": theory})
    with pytest.raises(TypeError, match=r"expected the DataTree of compare.align"):
        members(run)
    with pytest.raises(ValueError, match="/experiment is missing"):
        members(xr.DataTree())
