"""What integrate and pair return, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

import dyson
from tests.oracles import assert_mean

SDE = dyson.models.gaussian_rbm([4.0, 5.0, 5.0, 8.0], 9.0, 1 / 640)


def test_dataset_follows_the_schema():
    data = dyson.integrate(SDE, times=[0.0, 1.0, 3.0], replicas=70, seed=1)
    assert data.eigenvalue.dims == ("replica", "time", "mode")
    assert data.eigenvalue.shape == (70, 3, 4)
    assert data.attrs["level"] == "dyson"
    assert data.attrs["seed"] == "1"
    assert float(data.noise_level) == 1 / 640
    assert np.array_equal(data.target, [5.0, 4.0, 4.0, 1.0])
    assert all({"long_name", "units"} <= set(v.attrs) for v in data.variables.values())
    assert np.array_equal(data.eigenvalue[:, 0], np.tile(SDE.target, (70, 1)))


def test_default_run_is_a_quick_look():
    data = dyson.integrate(dyson.models.matrix_ou(3))
    assert data.sizes == {"replica": 100, "time": 101, "mode": 3}


def test_divergence_is_reported_and_stays_in_its_replica():
    """At T = 0.05 some paths leave the domain μ² > x; the others are what they are without them."""
    hot = dyson.models.gaussian_rbm([2.0, 3.0], 9.0, 0.05)
    data = dyson.integrate(hot, times=np.linspace(0, 4, 9), replicas=128, seed=3, dt=0.01)
    lost = np.isfinite(data.diverged.values)
    assert 0 < lost.sum() < 128
    assert np.isfinite(data.eigenvalue.values[~lost]).all()
    first = int(np.flatnonzero(lost)[0])
    late = data.time.values >= data.diverged.values[first]
    assert np.isnan(data.eigenvalue.values[first, late]).all()
    assert np.isfinite(data.eigenvalue.values[first, ~late]).all()


def test_pair_level_is_the_one_pair_gas():
    closed = dyson.pair(SDE)
    sigma = np.sqrt(2 * 4.0 / 640)
    assert float(closed.mean_spacing[0]) == pytest.approx(np.sqrt(np.pi) * sigma)
    assert float(closed.mean_eigenvalue[1] + closed.mean_eigenvalue[2]) == pytest.approx(8.0)
    assert np.allclose(closed.width, np.sqrt(2 / 640 * np.array([5.0, 4.0, 1.0])))
    assert list(closed.pair_upper) == [1]


def test_flow_of_a_single_mode_in_closed_form():
    """dt = dx/(2x (1/κ - 1/(μ² - x))), by quadrature."""
    sde = dyson.models.gaussian_rbm([4.0], 9.0, 1e-6)
    closed = dyson.pair(sde, times=np.linspace(0, 40, 401), x0=[0.05])
    expected = quad(
        lambda x: 1 / (2 * x * (1 / 4 - 1 / (9 - x))), 0.05, float(closed.mean_eigenvalue[0]) / 2
    )[0]
    assert float(closed.growth_time[0]) == pytest.approx(expected, abs=2e-3)


def test_large_level_uses_the_gaussian_ensemble():
    """Three equal targets: mean levels of the 3 × 3 GOE, against a draw of the dense matrices."""
    closed = dyson.pair(dyson.models.matrix_ou(3))
    rng = np.random.default_rng(8)
    h = rng.standard_normal((20_000, 3, 3))
    top = np.linalg.eigvalsh((h + h.transpose(0, 2, 1)) / 2)[:, -1]
    error = float(closed.mean_eigenvalue_se[0])
    assert error > 0
    assert_mean(top + rng.normal(0, error * np.sqrt(20_000), 20_000), float(closed.mean_eigenvalue[0]))


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"solver": "bond-spliting"}, "did you mean 'bond-splitting'"),
        ({"times": [0.0]}, "at least two"),
        ({"times": [1.0, 0.0]}, "strictly increasing"),
        ({"times": [0.0, np.inf]}, "finite"),
        ({"x0": [1.0, 2.0, 3.0, 4.0]}, "descending"),
        ({"x0": [1.0, 0.5]}, "4 modes"),
        ({"x0": np.ones((3, 4)), "replicas": 4}, "leave one"),
        ({"x0": "abc"}, "real numbers"),
        ({"dt": 0.0}, "dt must be a finite number > 0"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"workers": 0}, "workers"),
        ({"replicas": True}, "replicas"),
        ({"solver": "matrix"}, "use 'bond-splitting'"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises((ValueError, TypeError), match=words):
        dyson.integrate(SDE, **{"times": [0.0, 1.0], **arguments})


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"x0": np.ones((4, 3))}, "4 × 4"),
        ({"x0": np.arange(16.0).reshape(1, 4, 4)}, "symmetric"),
        ({"dt": -1}, "dt"),
    ],
)
def test_bad_matrix_arguments(arguments, words):
    with pytest.raises((ValueError, TypeError), match=words):
        dyson.integrate_matrix(SDE, **{"x0": np.ones((2, 4)), "times": [0.0, 1.0], **arguments})
    contrastive = dyson.models.gaussian_rbm([4.0], 9.0, 0.1, model_average="contrastive")
    with pytest.raises(ValueError, match="use level 'dyson' or 'pair'"):
        dyson.integrate_matrix(contrastive, x0=np.ones((1, 1)), times=[0.0, 1.0])


def test_matrix_level_same_bits_for_any_workers_and_ensemble_size():
    x0 = np.tile(SDE.target, (130, 1))
    one = dyson.integrate_matrix(SDE, x0=x0, times=[0.0, 1.0, 2.0], seed=4)
    two = dyson.integrate_matrix(SDE, x0=x0, times=[0.0, 1.0, 2.0], seed=4, workers=3)
    few = dyson.integrate_matrix(SDE, x0=x0[:5], times=[0.0, 1.0, 2.0], seed=4)
    assert np.array_equal(one.eigenvalue, two.eigenvalue)
    assert np.array_equal(one.eigenvalue[:5], few.eigenvalue)
