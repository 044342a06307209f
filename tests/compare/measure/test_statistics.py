"""Statistics of ensembles from exact laws: unbiased, with errors that cover, on a fixed definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2, norm

from compare import stationary, statistics
from compare.measure.jackknife import block_sizes, jackknife_error, left_out_means
from compare.measure.statistics import crossing_time
from tests.compare.ensembles import SIGMA, TARGET, closed_form, dataset, ensemble, units
from tests.oracles import ALPHA

SCALARS = ("mean_eigenvalue", "width", "mean_spacing", "spacing_ratio")
EXACT = {
    "mean_eigenvalue": closed_form()["mean_eigenvalue"].values,
    "width": SIGMA,
    "mean_spacing": np.sqrt(np.pi) * SIGMA[1:2],
    "spacing_ratio": np.array([4 / np.pi]),
}


def with_divergence(ds, replica, first):
    """The replica is NaN from record ``first`` on."""
    x, diverged = ds["eigenvalue"].values.copy(), ds["diverged"].values.copy()
    x[replica, first:], diverged[replica] = np.nan, ds["time"].values[first]
    return ds.assign(
        eigenvalue=(ds["eigenvalue"].dims, x, ds["eigenvalue"].attrs),
        diverged=("replica", diverged, ds["diverged"].attrs),
    )


@pytest.fixture(scope="module")
def many():
    """Statistics of 150 small ensembles, correlated in time."""
    runs = [ensemble(k, replicas=100, times=11, step=0.2, grow=False) for k in range(150)]
    return [statistics(run, start=0.0) for run in runs]


@pytest.mark.parametrize("name", SCALARS)
def test_estimates_are_exact_and_their_errors_cover(many, name):
    """Pulls have mean 0 and variance 1, although times within a replica are correlated."""
    value, se = (np.array([s[n].values for s in many]) for n in (name, f"{name}_se"))
    pull = (value - EXACT[name]) / se
    n = len(many)
    assert (np.abs(pull.mean(axis=0)) < norm.isf(ALPHA / 2) * 1.1 / np.sqrt(n)).all()
    # The jackknife's own error, with 50 blocks, makes this Student's t: variance 49/47.
    low, high = (chi2.isf(q, n - 1) / (n - 1) * 49 / 47 for q in (1 - ALPHA / 2, ALPHA / 2))
    assert ((pull.var(axis=0, ddof=1) > low) & (pull.var(axis=0, ddof=1) < high)).all()


def test_errors_as_if_times_were_independent_would_be_caught(many):
    """The pull's variance with such errors is far outside what the test above allows."""
    value = np.array([s["mean_eigenvalue"].values[[0, 3]] for s in many])
    naive = SIGMA[[0, 2]] / np.sqrt(100 * 11)
    variance = ((value - TARGET[[0, 3]]) / naive).var(axis=0, ddof=1)
    assert (variance > chi2.isf(ALPHA / 2, len(many) - 1) / (len(many) - 1) * 49 / 47).all()


def test_definitions_on_a_case_done_by_hand():
    """Two replicas, three times, of which the last two are the window."""
    x = np.array([[[9, 9, 9, 9.0], [5.0, 3.0, 2.0, 1.0], [6.0, 4.0, 2.0, 1.5]]] * 2)
    x[1, 1:] += np.array([0.5, 0.25, -0.25, -0.5])
    s = statistics(dataset(x, np.array([0.0, 1.0, 2.0])))
    assert s["window_start"] == 1.0
    np.testing.assert_allclose(s["mean_eigenvalue"], [5.75, 3.625, 1.875, 1.0])
    np.testing.assert_allclose(s["mean_spacing"], [1.75])
    np.testing.assert_allclose(s["spacing_ratio"], np.mean(np.square([1.0, 2.0, 1.5, 2.5])) / 1.75**2)
    # A single mode: variance over replicas with ddof = 1, averaged over the two times.
    np.testing.assert_allclose(s["width"][0], np.sqrt(0.125))
    # A pair: mean square deviation from the level's mean, here the same in both replicas, times 2/3.
    square = np.mean([np.mean(np.square(v)) for v in ([0.5, 0.5, 0.75, 0.75], [1, 1, 1.25, 1.25])])
    np.testing.assert_allclose(s["width"][1], np.sqrt(square * 2 / 3))
    np.testing.assert_allclose(s["drift"], [1 / 5.75, 1 / 3.625, 0, 0.5], atol=1e-12)
    assert int(s["replicas"]) == 2 and int(s["blocks"]) == 2


def test_unequal_blocks_give_the_textbook_error():
    """For a mean, the jackknife over single replicas is s/√n; over unequal blocks nearly so."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=(40, 2))
    sizes = block_sizes(40)
    exact = x.std(axis=0, ddof=1) / np.sqrt(40)
    np.testing.assert_allclose(jackknife_error(left_out_means(x, sizes), sizes), exact, rtol=1e-12)
    x = rng.normal(size=(2000, 73))
    sizes = block_sizes(73)
    assert sizes.sum() == 73 and sizes.size == 50 and set(sizes) == {1, 2}
    se = jackknife_error(left_out_means(x.T, sizes), sizes)
    assert np.mean(se**2) * 73 == pytest.approx(1, abs=0.03)


def test_more_replicas_than_blocks_and_fewer():
    assert block_sizes(1).tolist() == [1]
    assert block_sizes(7).tolist() == [1] * 7
    assert block_sizes(1000).tolist() == [20] * 50


def test_one_replica_has_no_errors():
    s = statistics(ensemble(1, replicas=1, times=8))
    assert np.isfinite(s["mean_eigenvalue"]).all()
    assert np.isnan(s["mean_eigenvalue_se"]).all()
    assert np.isnan(s["width"]).all()


def test_growth_time_of_straight_lines():
    time = np.array([0.0, 1.0, 3.0])
    path = np.array([[0.0, 0.6, 0.0], [1.0, 1.0, 0.1], [2.0, 1.0, 0.2]])
    found = crossing_time(time, path, np.array([1.5, 0.5, 0.5]))
    np.testing.assert_allclose(found, [2.0, np.nan, np.nan])


def test_growth_time_of_an_exponential():
    run = ensemble(4, replicas=2000, times=81, step=0.1)
    s = statistics(run, start=5.0)
    # The pair's splitting √π σ/2 is there from the start; the path is 1 − exp(−t) on top of it.
    exact = closed_form()["growth_time"].values
    z = (s["growth_time"].values - exact) / s["growth_time_se"].values
    # Linear interpolation between times h apart is late by at most h²/8.
    late = 0.1**2 / 8 / s["growth_time_se"].values
    assert (z < norm.isf(ALPHA / 2) + late).all() and (z > -norm.isf(ALPHA / 2)).all()


def test_diverged_replicas_are_left_out_and_counted():
    run = ensemble(5, replicas=60)
    spoilt = with_divergence(with_divergence(run, 7, 3), 50, 40)
    s, kept = statistics(spoilt), statistics(run.isel(replica=[i for i in range(60) if i not in (7, 50)]))
    assert int(s["diverged_replicas"]) == 2 and int(s["replicas"]) == 58
    for name in (*SCALARS, "growth_time", "drift", "mean_path"):
        np.testing.assert_array_equal(s[name], kept[name])
        np.testing.assert_array_equal(s[f"{name}_se"], kept[f"{name}_se"])
    assert stationary(spoilt).sizes["replica"] == 58


def test_every_replica_diverged():
    run = ensemble(5, replicas=2)
    with pytest.raises(ValueError, match="diverged: every replica of sgd diverged; lower the learning rate"):
        statistics(with_divergence(with_divergence(run, 0, 3), 1, 40))


def test_window_and_its_bounds():
    run = ensemble(5, replicas=4, times=11, step=1.0)
    assert float(statistics(run)["window_start"]) == 5.0
    assert stationary(run)["time"].values.tolist() == [5, 6, 7, 8, 9, 10]
    assert stationary(run, start=9.5)["time"].values.tolist() == [10]
    assert np.isnan(statistics(run, start=10)["drift"]).all()
    with pytest.raises(ValueError, match="start = 11 is after the last recorded time 10"):
        statistics(run, start=11)
    for bad in (np.nan, np.inf, "5", True, [1]):
        with pytest.raises(ValueError, match="start must be a finite time"):
            statistics(run, start=bad)


def test_width_of_larger_blocks():
    """m × m GOE blocks: the factor 2/(m + 1)."""
    rng = np.random.default_rng(8)
    raw = rng.normal(size=(4000, 1, 4, 4)) * 0.1
    x = 2.0 + np.linalg.eigvalsh((raw + np.swapaxes(raw, 2, 3)) / 2)[..., ::-1]
    run = dataset(np.ascontiguousarray(x), np.zeros(1))
    run = run.assign_coords(target=("mode", np.full(4, 2.0), run["target"].attrs))
    s = statistics(run)
    assert s.sizes["multiplet"] == 1 and s.sizes["pair"] == 0
    assert abs(float(s["width"][0]) - 0.1) < norm.isf(ALPHA / 2) * float(s["width_se"][0])
    assert float(s["width_se"][0]) < 0.001


def test_no_pairs():
    s = statistics(ensemble(1, replicas=5, times=6).isel(mode=[0, 1]))
    assert s["mean_spacing"].shape == s["spacing_ratio_se"].shape == (0,)


def test_closed_forms_come_out_in_the_same_form():
    s = statistics(closed_form())
    np.testing.assert_array_equal(s["width"], SIGMA)
    np.testing.assert_array_equal(s["width_se"], np.zeros(3))
    np.testing.assert_array_equal(s["spacing_ratio"], [4 / np.pi])
    assert int(s["blocks"]) == 0


def test_growth_of_a_closed_form_that_only_has_a_path():
    time = np.linspace(0, 10, 21)
    path = TARGET * (1 - np.exp(-time))[:, None]
    form = closed_form().drop_vars("growth_time").assign(mean_path=(("time", "mode"), path, units("path")))
    form = form.assign_coords(time=("time", time, units("time")))
    assert abs(float(statistics(form)["growth_time"][0]) - np.log(2)) < 0.5**2 / 8


def test_large_offsets_do_not_cost_precision():
    """A width of 0.2 around 1e9, as around 5."""
    run = ensemble(3, replicas=30, grow=False)
    far = run.assign(eigenvalue=run["eigenvalue"] + 2.0**30)
    far["eigenvalue"].attrs = run["eigenvalue"].attrs
    np.testing.assert_allclose(statistics(far)["width"], statistics(run)["width"], rtol=1e-5)
