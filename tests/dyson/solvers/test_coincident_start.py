"""Starts in which many eigenvalues coincide, against exact results of `matrix_ou`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ks_2samp

import dyson
from dyson.solvers import coincident
from dyson.solvers.coincident import CLUSTERED, PLAIN, POINT
from tests.oracles import ALPHA, assert_mean

EARLY = np.array([0.0, 0.03, 1.0, 5.0, 30.0, 120.0])  # in default steps


def moment(x, axis=-1):
    return (x**2).sum(axis)


def assert_within_a_percent(ratio):
    """Mean over replicas, at every time: 1 % for the step error, 4.4 standard errors for chance."""
    error = ratio.std(0, ddof=1) / np.sqrt(len(ratio))
    assert (abs(ratio.mean(0) - 1) < 0.01 + 4.4 * error).all(), (ratio.mean(0), error)
    assert error.max() < 0.01  # else the test says nothing


def kinds(sde, x0, dt=None):
    x0 = np.atleast_2d(np.asarray(x0, float))
    step = sde.time_step if dt is None else dt
    return coincident.plan(sde, x0, np.array([0.0, step]), np.array([1]), 1, 1).kind.tolist()


@pytest.mark.parametrize(
    "n, beta, replicas, solver",
    [(3, 1.0, 4000, "bond-splitting"), (10, 2.0, 1500, "bond-splitting"), (60, 4.0, 128, "bond-splitting"),
     (60, 1.0, 200, "fmm"), (500, 2.0, 4, "fmm")],
)  # fmt: skip
def test_second_moment_from_a_point(n, beta, replicas, solver):
    """⟨Σ(x - c)²⟩ = (x0 - c)² n e^{-2kt} + (g²/k) [n + β n (n - 1)/2] (1 - e^{-2kt})."""
    sde = dyson.models.matrix_ou(n, rate=2.0, center=0.5, noise=0.7, beta=beta)
    times = EARLY * sde.time_step
    x = dyson.integrate(sde, np.full(n, 0.6), times, replicas, seed=3, solver=solver).eigenvalue.values - 0.5
    decay = np.exp(-4.0 * times[1:])
    exact = 0.01 * n * decay + 0.245 * (n + beta * n * (n - 1) / 2) * (1 - decay)
    assert_within_a_percent(moment(x[:, 1:]) / exact)


@pytest.mark.parametrize("solver", ["bond-splitting", "fmm"])
@pytest.mark.parametrize("n, apart", [(8, 1e-3), (100, 1e-3), (100, 1.0)])
def test_second_moment_from_two_points(n, apart, solver):
    """The growth of ⟨Σx²⟩ is the same for any start; with two points apart, noise hides it at first."""
    sde = dyson.models.matrix_ou(n, beta=2.0)
    times = EARLY[[0, 3, 4, 5] if apart == 1.0 else slice(None)] * sde.time_step
    x0 = np.where(np.arange(n) < n // 2, 0.5, -0.5) * apart
    replicas = 640 if n == 8 else 128
    x = dyson.integrate(sde, x0, times, replicas, seed=4, solver=solver).eigenvalue.values
    decay = np.exp(-2.0 * times[1:])
    ratio = (moment(x[:, 1:]) - moment(x0) * decay) / (n * n * (1 - decay))
    assert_within_a_percent(ratio)


def test_clusters_far_apart_are_ensembles_of_their_own():
    """Before two halves meet; noise different in the two."""
    m, replicas = 30, 400
    g = np.repeat([1.0, 0.5], m)
    sde = dyson.models.matrix_ou(2 * m, rate=0.0, noise=g)
    times = np.array([0.0, 1e-5, 1e-4, 1e-3])
    x0 = np.repeat([10.0, -10.0], m)
    x = dyson.integrate(sde, x0, times, replicas, seed=5, dt=1e-3).eigenvalue.values[:, 1:]
    spread = x.reshape(replicas, 3, 2, m).var(-1)
    exact = 2 * times[1:, None] * np.array([1.0, 0.25]) * (1 + m / 2) * (1 - 1 / m)
    assert_within_a_percent(spread / exact)


@pytest.mark.parametrize("beta", [1.0, 2.5])
@pytest.mark.parametrize("solver", ["bond-splitting", "fmm"])
def test_first_recorded_time_has_the_exact_law(solver, beta):
    """Σx² and the largest eigenvalue, against the Coulomb gas; 3 % more noise is seen."""
    n, replicas, t = 40, 1000, 0.3
    sde = dyson.models.matrix_ou(n, center=1.0, beta=beta)
    x = dyson.integrate(sde, np.ones(n), [0.0, t, 0.31], replicas, seed=6, solver=solver).eigenvalue[:, 1] - 1
    gas = dyson.CoulombGas.gaussian(n, np.sqrt(1 - np.exp(-2 * t)), beta).sample(replicas, seed=6)
    for statistic in (moment, lambda y: y[:, 0]):
        assert ks_2samp(statistic(x.values), statistic(gas)).pvalue > ALPHA
        assert ks_2samp(1.03 * statistic(x.values), statistic(gas)).pvalue < ALPHA
    assert_mean(x.values.sum(1), 0.0)
    assert abs(np.corrcoef(x.values[:, 0], gas[:, 0])[0, 1]) < 0.15  # the same seed, another stream


def test_free_particles():
    """k = 0: the variance grows as 2 g² t."""
    n, t = 5, 3.0
    sde = dyson.models.matrix_ou(n, rate=0.0, noise=2.0)
    x = dyson.integrate(sde, np.full(n, 7.0), [0.0, t], 4000, seed=7, dt=0.1).eigenvalue.values[:, 1]
    assert_mean(moment(x - 7.0), 8.0 * t * (n + n * (n - 1) / 2))


def test_what_counts():
    ou = dyson.models.matrix_ou
    assert kinds(ou(4), np.zeros(4)) == [POINT]
    assert kinds(ou(2), np.zeros(2)) == [PLAIN]
    assert kinds(ou(4, beta=2.0), [[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0]]) == [POINT, CLUSTERED, PLAIN]
    assert kinds(ou(4, rate=[1, 1, 1, 2]), np.zeros(4)) == [CLUSTERED]
    assert kinds(ou(4, noise=[1, 1, 2, 2]), np.zeros(4)) == [PLAIN]
    noise = np.sqrt(2 * ou(4).time_step)  # of one step
    assert kinds(ou(4), noise * np.array([9, 0.009, 0.003, 0])) == [CLUSTERED]
    assert kinds(ou(4), noise * np.array([9, 0.011, 0.003, 0])) == [PLAIN]
    assert kinds(ou(12), 0.3 * np.sqrt(2 * ou(12).time_step) * np.linspace(1, -1, 12)) == [CLUSTERED]
    assert kinds(ou(300), 1e-3 * np.linspace(1, -1, 300)) == [CLUSTERED]
    assert kinds(ou(300), np.sqrt(600) * np.linspace(1, -1, 300)) == [PLAIN]
    assert kinds(ou(coincident.MOST + 1), np.zeros(coincident.MOST + 1)) == [CLUSTERED]
    assert kinds(dyson.models.gaussian_rbm([4.0] * 4, 9.0, 1 / 640), np.full(4, 0.1)) == [PLAIN]


@pytest.mark.parametrize("gone", [0.0, 0.4, 3.0])
def test_legs_fill_every_interval_with_steps_of_dt_at_most(gone):
    for interval, many in ((1e-4, 1), (0.01, 1), (7.0, 700)):
        legs = coincident._short(gone, interval, interval / many, 50)
        size, number = np.array(legs).T
        assert (size * number).sum() == pytest.approx(interval, rel=1e-12)
        assert size.max() <= interval / many * (1 + 1e-5)
        before = gone + np.cumsum(size * number) - size * number
        longest = np.maximum(coincident.GROWTH * before, coincident.BEGIN * interval / many / 50)
        assert (size <= longest * (1 + 1e-9)).all()
        assert len(legs) < 2000


@pytest.mark.parametrize("solver", ["bond-splitting", "fmm"])
def test_same_bits_for_any_workers_ensemble_and_neighbours(solver):
    """Replicas that start in a point, in clusters and elsewhere, together and alone."""
    sde = dyson.models.matrix_ou(4)
    x0 = np.array([[1.0, 1, 1, 1], [1, 0, 0, 0], [3, 2, 1, 0], [0, 0, 0, 0]])[np.arange(70) % 4]
    options = {"times": [0.0, 0.005, 0.2], "seed": 7, "solver": solver}
    whole = dyson.integrate(sde, x0, **options).eigenvalue.values
    assert np.array_equal(whole, dyson.integrate(sde, x0, workers=3, **options).eigenvalue.values)
    assert np.array_equal(whole[:5], dyson.integrate(sde, x0[:5], **options).eigenvalue.values)
    for kind in range(4):  # a start that all replicas share
        alone = dyson.integrate(sde, x0[kind], replicas=70, **options).eigenvalue.values
        assert np.array_equal(whole[kind::4], alone[kind::4])
    assert len(np.unique(whole[:, 1, 0])) == len(np.unique(whole[:, 2, 0])) == 70
    assert np.array_equal(whole[:, 0], x0)


def test_schedule_of_the_noise_level_keeps_its_steps():
    """A sum of short steps ends where the interval does, so the schedule is read within it."""
    symmetric = dyson.models.matrix_ou(3)
    seen = []

    def theta_at(t):
        seen.append(t)
        return symmetric.kernel.theta

    sde = replace(symmetric, theta_at=theta_at)
    assert kinds(sde, np.zeros(3)) == [CLUSTERED]
    times = [0.0, 0.1, 0.4]
    x = dyson.integrate(sde, np.zeros(3), times, 64, seed=8).eigenvalue.values
    assert min(seen) > 0 and max(seen) < 0.4 and (np.diff(seen) > 0).all()
    assert np.isfinite(x).all()
