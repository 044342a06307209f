"""Models: compiled functions against their NumPy twins, and the RBM against the matrix equation."""

from __future__ import annotations

import numpy as np
import pytest

import dyson
from dyson.blocks import SPLIT, WHOLE, WORK_ROWS
from streams import LANES
from tests.oracles import assert_mean

KAPPA = np.sort(4 + 2 - 2 * np.cos(2 * np.pi * np.arange(10) / 10))
ESTIMATORS = [(a, d) for a in ("independent", "persistent", "contrastive") for d in ("exact", "batch")]


def block_values(sde, x, mode):
    """Drift and g² of the compiled functions (of an SDE, or given with theta) at x (LANES, n)."""
    kernel = getattr(sde, "kernel", None)
    drift, noise, theta = (kernel.drift, kernel.noise, kernel.theta) if kernel else sde
    columns = np.ascontiguousarray(x.T)
    out, g2 = np.empty_like(columns), np.empty_like(columns)
    work = np.empty((WORK_ROWS * x.shape[1] + WORK_ROWS, LANES))
    drift(columns, theta, 0.0, mode, out, work)
    noise(columns, theta, g2)
    return out.T, g2.T


def spectra(n, top):
    x = np.random.default_rng(4).uniform(0.02 * top, top, (LANES, n))
    return -np.sort(-x, axis=1)


MODELS = [
    dyson.models.gaussian_rbm(KAPPA, 9.0, 1 / 64, sigma_h=1.2, n_hidden=h, model_average=a, data=d, sweeps=2)
    for a, d in ESTIMATORS
    for h in (10, 7)
]
MODELS += [
    dyson.models.matrix_ou(5, rate=np.arange(1.0, 6.0), center=np.arange(5.0)[::-1], noise=0.3, beta=1.0)
]


def assert_kernel_is_twin(sde, x, rtol=1e-12):
    """The kernel's drift, whole and split, and noise are those of the NumPy functions."""
    whole, g2 = block_values(sde, x, mode=WHOLE)
    np.testing.assert_allclose(whole, sde.drift(x), rtol=rtol, atol=1e-12 * abs(whole).max())
    np.testing.assert_allclose(g2, sde.noise(x), rtol=1e-13)
    # the split form leaves β g_i²/(gap to each neighbour) to the solver
    split, _ = block_values(sde, x, mode=SPLIT)
    gap = x[:, :-1] - x[:, 1:]
    split = split.copy()
    split[:, :-1] += g2[:, :-1] / gap
    split[:, 1:] -= g2[:, 1:] / gap
    np.testing.assert_allclose(split, whole, rtol=1e-9, atol=1e-10 * abs(whole).max())


@pytest.mark.parametrize("sde", MODELS, ids=lambda s: f"{s.model}-{s.parameters.get('model_average')}-{s.n}")
def test_kernel_equals_numpy_twin(sde):
    x = spectra(sde.n, 5.0 if sde.model == "matrix_ou" else 0.9 * 9.0 / 1.44)
    assert_kernel_is_twin(sde, x)


@pytest.mark.parametrize("sde", MODELS, ids=lambda s: f"{s.model}-{s.parameters.get('model_average')}-{s.n}")
def test_rates_are_the_derivative_of_the_flow_at_the_target(sde):
    h = 1e-6
    slope = (sde.flow(sde.target + h) - sde.flow(sde.target - h)) / (2 * h)
    np.testing.assert_allclose(-slope, sde.rate, atol=1e-8)
    np.testing.assert_allclose(sde.flow(sde.target), 0.0, atol=1e-12)


def test_width_is_the_published_one():
    """σ_i² = 2 T (μ² - κ_i)/σ_h² and g_i² = 4 T x_i²/κ_i² (arXiv:2412.20496)."""
    sde = dyson.models.gaussian_rbm(KAPPA, 9.0, 1 / 640)
    np.testing.assert_allclose(sde.sigma**2, 2 / 640 * (9 - KAPPA))
    np.testing.assert_allclose(sde.g2, 4 / 640 * (9 - KAPPA) ** 2 / KAPPA**2)
    assert np.array_equal(sde.target, 9 - KAPPA)


@pytest.mark.parametrize("k", [1, 3])
def test_persistent_chains_widen_by_their_memory(k):
    plain = dyson.models.gaussian_rbm(KAPPA, 9.0, 1 / 640)
    chains = dyson.models.gaussian_rbm(KAPPA, 9.0, 1 / 640, model_average="persistent", sweeps=k)
    r = (1 - KAPPA / 9) ** k
    np.testing.assert_allclose(chains.sigma**2 / plain.sigma**2, (1 + r**2) / (1 - r**2))
    both = dyson.models.gaussian_rbm(KAPPA, 9.0, 1 / 640, data="batch")
    np.testing.assert_allclose(both.sigma**2, 2 * plain.sigma**2)


@pytest.mark.parametrize("average, data", [e for e in ESTIMATORS if e[0] != "contrastive"])
@pytest.mark.parametrize("n_hidden", [4, 3])
def test_drift_and_noise_against_the_matrix_equation(average, data, n_hidden):
    """Mean and variance of one small step of the matrix SDE from a diagonal X, eigenvectors and all."""
    kappa = np.array([2.0, 3.0, 4.0, 5.5])
    sde = dyson.models.gaussian_rbm(
        kappa, 9.0, 0.02, n_hidden=n_hidden, model_average=average, data=data, sweeps=1
    )
    x = np.array([5.0, 3.6, 2.2, 1.0])[:n_hidden]
    full = np.r_[x, np.zeros(4 - n_hidden)]
    dt, replicas = 4e-4, 20_000
    data_set = dyson.integrate_matrix(sde, x0=np.tile(full, (replicas, 1)), times=[0.0, dt], dt=dt, seed=2)
    step = data_set.eigenvalue.values[:, 1, :n_hidden] - x
    predicted, g2 = sde.drift(x), sde.noise(x)
    for i in range(n_hidden):
        assert_mean(step[:, i] / dt, predicted[i])
        assert_mean(step[:, i] ** 2 / (2 * dt), g2[i] + dt / 2 * predicted[i] ** 2)


def test_second_order_levels_from_the_matrix_equation():
    """Stationary means to second order in the fluctuations (docs/theory.md), and why frozen
    eigenvectors overshoot: the shift between levels comes out twice."""
    kappa = np.array([3.0, 4.5, 6.5])
    mu2, level = 9.0, 1 / 800
    sde = dyson.models.gaussian_rbm(kappa, mu2, level)
    x, c = sde.target, 1 / kappa
    pair = level * (x[:, None] + x) / 2
    np.fill_diagonal(pair, 2 * level * x)
    gap = x[:, None] - x + np.diag(np.full(3, np.inf))
    curved = level * c * (x * c + (x * c).sum()) - 2 * mu2 * c**2 * (c * pair).sum(1)
    expected = x + (pair / gap).sum(1) + curved / (2 * x * c**2)
    times = np.linspace(0, 240, 61)
    start = np.tile(x, (512, 1))
    matrix = dyson.integrate_matrix(sde, x0=start, times=times, seed=1).eigenvalue.values
    frozen = dyson.integrate(sde, x0=start, times=times, seed=1).eigenvalue.values
    late = matrix[:, 20:].mean(1), frozen[:, 20:].mean(1)
    for i in range(3):
        se = late[0][:, i].std() / np.sqrt(512)
        assert abs(late[0][:, i].mean() - expected[i]) < 4.4 * se + 0.0015
    assert late[1][:, 0].mean() - late[0][:, 0].mean() > 0.002
    assert late[1][:, 2].mean() - late[0][:, 2].mean() < -0.002


def test_null_modes_stay_exactly_zero():
    sde = dyson.models.gaussian_rbm(KAPPA, 9.0, 1 / 64, n_hidden=7)
    start = np.r_[sde.target, 0, 0, 0]
    for data in (
        dyson.integrate(sde, x0=start, times=[0, 1.0], replicas=3, seed=1),
        dyson.integrate_matrix(sde, x0=np.tile(start, (3, 1)), times=[0, 1.0], seed=1),
    ):
        assert data.sizes["mode"] == 10
        assert (data.eigenvalue[..., 7:] == 0).all()
        assert (data.eigenvalue[..., :7] > 0).all()


@pytest.mark.parametrize(
    "arguments, words",
    [
        ({"kappa": [4.0, -1.0]}, "kappa must be > 0"),
        ({"kappa": [[4.0]]}, "kappa must be 1-D"),
        ({"kappa": ["a"]}, "real numbers"),
        ({"kappa": [np.nan]}, "finite"),
        ({"mu2": 0.0}, "mu2 must be a finite number > 0"),
        ({"noise_level": -1.0}, "noise_level"),
        ({"n_hidden": 2.5}, "n_hidden must be a whole number"),
        ({"model_average": "persistant"}, "did you mean 'persistent'"),
        ({"data": "batches"}, "did you mean 'batch'"),
        ({"sweeps": 0}, "sweeps"),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises((ValueError, TypeError), match=words):
        dyson.models.gaussian_rbm(**{"kappa": [4.0, 5.0], "mu2": 9.0, "noise_level": 0.01, **arguments})
