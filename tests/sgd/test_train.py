"""Ensembles: reproducible to the last bit, divergence contained, stationary variances as derived."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
from scipy.linalg import solve_discrete_lyapunov

import sgd
from sgd.spectra import gram_spectra as spectra
from tests.oracles import assert_mean

AVERAGES = ("independent", "persistent", "contrastive")


def ring(hidden=4, n=4, **options):
    return sgd.GaussianRBM(sgd.ring_scalar_field(n, 4.0), hidden, mu2=9.0, **options)


def trained(rbm=None, batch=6, steps=25, replicas=10, **options):
    settings = {"seed": 7, "record": 5} | options
    return sgd.train(ring() if rbm is None else rbm, 0.1, batch, steps, replicas, **settings)


# --- the same bits ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("batch", [3, 6, 16])
def test_a_replica_depends_on_seed_and_number_alone(average, batch):
    rbm = ring(model_average=average, data="batch")
    many = trained(rbm, batch, replicas=130)
    for replicas in (1, 10, 70):  # 70: across the border between two blocks of 64
        few = trained(rbm, batch, replicas=replicas)
        xr.testing.assert_identical(few, many.isel(replica=slice(replicas)))
    xr.testing.assert_identical(trained(rbm, batch, replicas=130, workers=3), many)
    assert not np.array_equal(trained(rbm, batch, replicas=130, seed=8).eigenvalue, many.eigenvalue)


def test_what_is_recorded_does_not_matter():
    every = trained(record=1, keep_weights=True)
    assert every.step.values.tolist() == list(range(26))
    for record, steps in (
        (5, range(0, 26, 5)),
        ([3, 4, 25], [3, 4, 25]),
        (7, [0, 7, 14, 21, 25]),
        ([2], [2]),
    ):
        run = trained(record=record)
        assert run.step.values.tolist() == list(steps)
        assert (run.eigenvalue.values == every.eigenvalue.isel(time=run.step.values).values).all()


def test_a_seed_is_made_up_and_stored():
    run = trained(seed=None)
    xr.testing.assert_identical(trained(seed=int(run.attrs["seed"])), run)


# --- what is recorded ------------------------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [1, 3, 4, 9])
def test_eigenvalues_are_those_of_the_weights(hidden):
    run = trained(ring(hidden), keep_weights=True)
    w = run.weight.values
    assert w.shape == (10, 6, hidden, 4)
    expected = np.sort(np.linalg.eigvalsh(w.swapaxes(-1, -2) @ w), axis=-1)[..., ::-1]
    assert run.eigenvalue.values == pytest.approx(expected, abs=1e-12)
    assert (run.eigenvalue.values[..., hidden:] == 0).all()
    assert (np.diff(run.eigenvalue.values) <= 0).all()
    assert (w[:, 0] == sgd.initial_weights(ring(hidden), 10, seed=7)).all()


def test_layout_and_provenance():
    run = trained(ring(3, sigma_h=1.5, model_average="persistent"), seed=2**70)
    assert dict(run.sizes) == {"replica": 10, "time": 6, "mode": 4}
    assert run.time.values == pytest.approx(0.1 * run.step.values)
    assert float(run.noise_level) == 0.1 / 6
    assert run.target.values == pytest.approx([5 / 2.25, 3 / 2.25, 3 / 2.25, 0])
    assert np.isnan(run.diverged).all()
    for variable in run.variables.values():
        assert set(variable.attrs) >= {"long_name", "units"}
    assert run.attrs["seed"] == str(2**70)
    stored = json.loads(run.attrs["parameters"])
    again = sgd.GaussianRBM(stored["target_precision"], *(stored[k] for k in ("n_hidden", "mu2", "sigma_h")))
    assert (again.target == ring().target).all()


def test_default_records_are_about_200_and_denser_early():
    step = sgd.train(ring(), 0.1, 4, 5000, 1, seed=1).step.values
    assert step[0] == 0 and step[-1] == 5000
    assert 180 <= step.size <= 201
    assert (step <= 100).sum() > 25
    assert np.diff(step).max() < 70
    assert sgd.train(ring(), 0.1, 4, 3, 1, seed=1).step.values.tolist() == [0, 1, 2, 3]


def test_random_first_weights():
    w = sgd.initial_weights(ring(), 2000, seed=1, initial=0.3)
    assert_mean(w.ravel(), 0.0)
    assert_mean(w.ravel() ** 2, 0.09)
    assert (sgd.initial_weights(ring(), 70, seed=1, initial=0.3) == w[:70]).all()


@pytest.mark.parametrize("hidden", [2, 4, 6])
def test_the_fixed_point_is_one(hidden):
    rbm = ring(hidden)
    w = sgd.initial_weights(rbm, 1, initial="fixed-point")
    assert spectra(w)[0] == pytest.approx(rbm.target_spectrum, abs=1e-12)
    k = 9.0 * np.eye(4) - w[0].T @ w[0]
    assert w[0] @ (rbm.covariance - np.linalg.inv(k)) == pytest.approx(np.zeros((hidden, 4)), abs=1e-12)


# --- divergence ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wild():
    """Single samples and a large step: some of 150 replicas diverge, some do not."""
    rbm = sgd.GaussianRBM(np.diag([3.0, 5.0]), 2, mu2=9.0)
    return rbm, sgd.train(rbm, 0.25, 1, 60, 150, seed=3, record=1, initial="fixed-point")


def test_divergence_is_marked_and_contained(wild):
    rbm, run = wild
    gone = np.isfinite(run.diverged.values)
    assert 20 < gone.sum() < 130
    x, time = run.eigenvalue.values, run.time.values
    assert np.isfinite(x[~gone]).all()
    assert (np.isnan(x[gone]) == (time >= run.diverged.values[gone, None])[..., None]).all()
    assert np.nanmax(x) < rbm.mu2
    assert "positive definite" in run.diverged.attrs["reason"]


@pytest.mark.parametrize("average", AVERAGES)
def test_divergence_has_its_step_whatever_the_length_of_the_run(wild, average):
    rbm = sgd.GaussianRBM(wild[0].target, 2, mu2=9.0, model_average=average)
    wildly = {"seed": 3, "record": 1, "initial": "fixed-point"}
    whole = sgd.train(rbm, 0.3, 1, 40, 64, **wildly)
    failed = np.round(whole.diverged.values / 0.3)
    assert np.isfinite(failed).any()
    for n in np.unique(failed[failed > 1])[:5].astype(int):
        short, before = (sgd.train(rbm, 0.3, 1, steps, 64, **wildly) for steps in (n, n - 1))
        assert ((short.diverged == whole.diverged) == (failed <= n)).all()
        assert np.isfinite(before.eigenvalue.values[failed == n]).all()


def test_all_may_diverge_at_once():
    run = sgd.train(ring(), 0.1, 4, 3, 5, seed=1, initial=50.0)
    assert (run.diverged == 0).all()
    assert np.isnan(run.eigenvalue).all()


# --- stationary variances --------------------------------------------------------------------------------

KAPPA, MU2 = np.array([3.0, 6.0]), 9.0


def variance(average, sweeps=1, data="exact", learning_rate=0.2, batch=4000, replicas=2000, hidden=2):
    """Squared deviations of both modes at stationarity in units of 2 T (μ² - κ), one number a replica."""
    rbm = sgd.GaussianRBM(np.diag(KAPPA), hidden, MU2, model_average=average, sweeps=sweeps, data=data)
    start, apart = int(50 / learning_rate), max(1, int(6 / learning_rate))
    run = sgd.train(
        rbm, learning_rate, batch, start + 3 * apart, replicas, seed=11,
        record=start + apart * np.arange(4), initial="fixed-point",
    )  # fmt: skip
    x = run.eigenvalue.values
    return ((x - x.mean(axis=(0, 1))) ** 2).mean(axis=1) / (2 * learning_rate / batch * (MU2 - KAPPA))


def expected(average, sweeps=1, data="exact", learning_rate=0.2):
    """The same, exact in α to leading order in T: a lagged chain (x, s), s the model's second moment."""
    out = []
    for k, r in zip(2 * (MU2 - KAPPA) / KAPPA**2, (1 - KAPPA / MU2) ** (2 * sweeps), strict=True):
        lag, double = (r if average == "persistent" else 0.0), 1.0 if data == "batch" else 0.0
        a = learning_rate * k
        move = np.array([[1 - a * (1 - lag), -a * lag], [1 - lag, lag]])
        kicks = (1 - lag**2) * np.outer([-a, 1], [-a, 1]) + double * np.outer([a, 0], [a, 0])
        # var s at rest, in units of x: (2/|B|) c²/c⁴ = 2 κ²/|B|, and 2 T (μ² - κ) = α k κ²/|B|
        out.append(solve_discrete_lyapunov(move, kicks)[0, 0] * 2 / a)
    return np.array(out)


def assert_variance(sample, expectation):
    for mode in range(2):
        assert_mean(sample[:, mode], expectation[mode])


def test_the_oracle_has_the_closed_forms_as_limits():
    k = 2 * (MU2 - KAPPA) / KAPPA**2
    assert expected("independent") == pytest.approx(1 / (1 - 0.2 * k / 2))
    assert expected("independent", data="batch") == pytest.approx(2 / (1 - 0.2 * k / 2))
    for sweeps in (1, 3):
        r = (1 - KAPPA / MU2) ** sweeps
        limit = (1 + r**2) / (1 - r**2)
        assert expected("persistent", sweeps, learning_rate=1e-6) == pytest.approx(limit, rel=1e-5)


def test_stationary_variance_and_its_finite_step_factor():
    sample = variance("independent")
    assert_variance(sample, expected("independent"))
    with pytest.raises(AssertionError):
        assert_variance(sample, np.ones(2))


def test_a_finite_data_batch_doubles_the_variance():
    assert_variance(variance("independent", data="batch"), expected("independent", data="batch"))


@pytest.mark.parametrize("sweeps", [1, 3])
def test_persistent_chains_multiply_the_variance(sweeps):
    sample = variance("persistent", sweeps)
    assert_variance(sample, expected("persistent", sweeps))
    if sweeps == 1:
        with pytest.raises(AssertionError):
            assert_variance(sample, expected("independent"))


def test_more_hidden_units_do_not_change_the_law():
    assert_variance(variance("independent", hidden=5), expected("independent"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_reference_spectrum_of_ten_interacting_modes(seed):
    """N = 10, α = 0.1, |B| = 64: mean spectrum measured by an independent program."""
    measured = [5.0413, 4.7026, 4.4960, 3.6851, 3.4989, 2.4313, 2.2797, 1.4121, 1.2973, 0.9632]
    errors = [0.001, 0.001, 0.001, 0.001, 0.001, 0.002, 0.002, 0.002, 0.002, 0.002]
    run = sgd.train(
        ring(10, 10), 0.1, 64, 2200, 1000, seed=seed, record=np.arange(1000, 2201, 25), initial="fixed-point"
    )
    x = run.eigenvalue.mean("time").values
    se = np.hypot(x.std(axis=0, ddof=1) / np.sqrt(len(x)), errors)
    assert (np.abs(x.mean(axis=0) - measured) < 4.5 * se).all()
