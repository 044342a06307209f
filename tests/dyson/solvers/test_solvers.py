"""Solvers against exact results of the matrix Ornstein–Uhlenbeck process (g = k = 1, so σ = 1)."""

from __future__ import annotations

import numpy as np
import pytest

import dyson
from dyson import laws
from tests.oracles import assert_ks, assert_mean

LONG = np.array([0.0, 6.0])  # e^{-2 t} = 6e-6: stationary


def paths(sde, x0, times, replicas, **options):
    data = dyson.integrate(sde, x0=x0, times=times, replicas=replicas, **{"seed": 11, **options})
    return data.eigenvalue.values


def second_moment(n, t, start2):
    """⟨Σx²⟩ = n + n(n - 1)/2 + decay: exact for any start (β = 1)."""
    stationary = n + n * (n - 1) / 2
    return stationary + (start2 - stationary) * np.exp(-2 * t)


@pytest.mark.parametrize("dt", [0.05, 2.0])
def test_isolated_pair_without_drift_is_exact_at_any_step(dt):
    """Two free particles from zero: after t = 2 the gap is Rayleigh, whatever the step."""
    x = paths(dyson.models.matrix_ou(2, rate=0.0), [0.0, 0.0], [0.0, 2.0], 20_000, dt=dt)[:, 1]
    assert_ks(x[:, 0] - x[:, 1], laws.WignerSurmise.from_sigma(2.0).cdf)
    assert_ks(x.sum(1), laws.Gaussian(0.0, np.sqrt(8.0)).cdf)


def test_planted_wrong_noise_is_caught():
    """The test above fails when the noise is 3 % too large."""
    x = paths(dyson.models.matrix_ou(2, rate=0.0, noise=1.03), [0.0, 0.0], [0.0, 2.0], 20_000, dt=2.0)[:, 1]
    with pytest.raises(AssertionError):
        assert_ks(x[:, 0] - x[:, 1], laws.WignerSurmise.from_sigma(2.0).cdf)


@pytest.mark.parametrize("solver", ["bond-splitting", "matrix"])
def test_second_moment_in_time_from_a_degenerate_start(solver):
    n, times = 5, np.array([0.0, 0.1, 0.3, 1.0, 3.0])
    options = {"dt": 0.002} if solver == "bond-splitting" else {}
    x = paths(dyson.models.matrix_ou(n), np.full(n, 1.0), times, 2000, solver=solver, **options)
    for i, t in enumerate(times[1:], start=1):
        assert_mean((x[:, i] ** 2).sum(1), second_moment(n, t, n))


@pytest.mark.parametrize("solver", ["bond-splitting", "euler", "matrix", "sdeint"])
def test_center_of_mass_is_ornstein_uhlenbeck(solver):
    """Repulsion cancels in the sum: an exact Gaussian for every solver that keeps Newton's third law.

    One step of size dt has variance 2 n g² dt after a decay 1 - dt.
    """
    n, dt, replicas = 4, 0.01, 300 if solver == "sdeint" else 4000
    start = np.array([3.0, 1.0, -1.0, -3.0])
    x = paths(dyson.models.matrix_ou(n, center=0.5), start, [0.0, dt], replicas, solver=solver, dt=dt)[:, 1]
    decay = np.exp(-dt) if solver == "matrix" else 1 - dt
    variance = n * (1 - decay**2) if solver == "matrix" else 2 * n * dt
    assert_ks(x.sum(1), laws.Gaussian(0.5 * n * (1 - decay), np.sqrt(variance)).cdf)


@pytest.mark.parametrize("beta", [1.0, 2.0, 4.0, 0.7, 2.5])
def test_stationary_pair_for_any_beta(beta):
    """⟨S²⟩ = 2 (β + 1) σ², ⟨Σx²⟩ = 2 + β."""
    x = paths(dyson.models.matrix_ou(2, beta=beta), [0.0, 0.0], LONG, 8000, dt=0.005)[:, 1]
    assert_mean((x**2).sum(1), 2 + beta)
    assert_mean((x[:, 0] - x[:, 1]) ** 2, 2 * (beta + 1))


def test_species_with_different_noise():
    """Coulomb gas of two species: P ∝ |x - y| exp(-x²/2a² - y²/2b²), ⟨(x - y)²⟩ by quadrature."""
    a2, b2 = 0.25, 4.0
    sde = dyson.models.matrix_ou(2, noise=np.sqrt([a2, b2]), center=[1.0, -1.0])
    x = paths(sde, [1.0, -1.0], [0.0, 8.0], 8000, dt=0.002)[:, 1]
    grid = np.linspace(-14, 14, 1401)
    u, v = np.meshgrid(grid, grid, indexing="ij")
    weight = np.where(u > v, u - v, 0) * np.exp(-((u - 1) ** 2) / (2 * a2) - (v + 1) ** 2 / (2 * b2))
    weight /= weight.sum()
    assert_mean(x[:, 0], (weight * u).sum())
    assert_mean(x[:, 1], (weight * v).sum())


@pytest.mark.parametrize("n, dt", [(2, 0.01), (10, 0.01), (100, 0.002)])
def test_many_particles_at_the_default_step(n, dt):
    """⟨Σx²⟩ within 0.5 % and each gap's law at 2 % within 6 %, at the default step."""
    sde = dyson.models.matrix_ou(n)
    assert sde.time_step == pytest.approx(dt)
    replicas = 6400 if n <= 10 else 320
    start = np.sqrt(2 * n) * np.sin(np.pi / 2 * np.linspace(1, -1, n)) * 0.95
    x = paths(sde, start, [0.0, 3.0], replicas)[:, 1]
    ratio = (x**2).sum(1) / second_moment(n, 3.0, (start**2).sum())
    assert abs(ratio.mean() - 1) < 0.005 + 4.4 * ratio.std() / np.sqrt(replicas)
    rng = np.random.default_rng(3)
    h = rng.standard_normal((replicas * 4 if n <= 10 else replicas, n, n))
    exact = np.linalg.eigvalsh((h + h.transpose(0, 2, 1)) / 2)
    middle = slice(n // 4, max(1, 3 * n // 4))

    def low(values):
        gaps = np.diff(np.sort(values, axis=1), axis=1)[:, middle]
        return np.quantile(gaps / gaps.mean(0), 0.02)

    assert low(x) / low(exact) == pytest.approx(1.0, abs=0.06 if n <= 10 else 0.1)


def test_default_solver_keeps_the_order_and_never_blows_up():
    data = dyson.integrate(
        dyson.models.matrix_ou(10), x0=np.zeros(10), times=np.linspace(0, 2, 21), replicas=640, dt=0.1, seed=5
    )
    assert np.isfinite(data.eigenvalue).all()
    assert (np.diff(data.eigenvalue, axis=-1) <= 0).all()


def test_euler_blows_up_where_the_default_does_not():
    """Why explicit Euler is only for teaching: ⟨Σx²⟩ is wrong by far at a usual step."""
    times = [0.0, 2.0]
    x = paths(dyson.models.matrix_ou(10), np.zeros(10), times, 640, solver="euler", dt=0.01)[:, 1]
    assert np.nanmean((x**2).sum(1)) > 2 * second_moment(10, 2.0, 0)


@pytest.mark.parametrize("solver", ["bond-splitting", "matrix", "euler"])
def test_same_bits_for_any_workers_and_ensemble_size(solver):
    sde = dyson.models.matrix_ou(3)
    times = np.linspace(0, 0.5, 6)
    whole = paths(sde, [1.0, 0.0, -1.0], times, 200, solver=solver)
    assert np.array_equal(whole, paths(sde, [1.0, 0.0, -1.0], times, 200, solver=solver, workers=4))
    assert np.array_equal(whole[:70], paths(sde, [1.0, 0.0, -1.0], times, 70, solver=solver))
    assert not np.array_equal(whole, paths(sde, [1.0, 0.0, -1.0], times, 200, solver=solver, seed=12))
    assert len(np.unique(whole[:, -1, 0])) == 200


@pytest.mark.parametrize("noise", [(1.0, 0.3), (0.3, 1.0)])
def test_a_pair_of_unequal_noise_keeps_its_weighted_centre(noise):
    """Repulsion moves x_i by g_i², so Σ x_i/g_i² feels the noise alone, at any step."""
    g2 = np.square(noise)
    sde = dyson.models.matrix_ou(2, rate=0.0, noise=np.array(noise))
    x = paths(sde, [0.1, 0.0], [0.0, 0.05], 4000, dt=0.05)[:, -1]
    assert_mean((x / g2).sum(axis=1), 0.1 / g2[0])


@pytest.mark.parametrize("noise", [(1.0, 0.5, 0.2), (0.2, 0.5, 1.0)])
def test_a_chain_of_unequal_noise_has_its_exact_second_moment(noise):
    """d⟨Σ x_i²/g_i²⟩/dt = 2n + β n(n - 1), whatever g: each bond feels the shares of those beside it."""
    g2, start, time = np.square(noise), np.array([0.1, 0.0, -0.1]), 0.05
    sde = dyson.models.matrix_ou(3, rate=0.0, noise=np.array(noise))
    x = paths(sde, start, [0.0, time], 8000, dt=time / 8)[:, -1]
    assert_mean((x**2 / g2).sum(axis=1), (start**2 / g2).sum() + 12.0 * time)
