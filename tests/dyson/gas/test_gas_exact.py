"""Gaussian, Laguerre and Jacobi ensembles by tridiagonal matrices: eigenvalues, laws, normalisations."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from scipy.linalg import eigvalsh_tridiagonal
from scipy.stats import beta as beta_law, gamma, ks_2samp, norm

from dyson import CoulombGas
from dyson.gas.ensemble_kernels import SMALL, _squared
from dyson.gas.tridiagonal_kernels import tridiagonal_eigenvalues
from streams import LANES
from tests.oracles import ALPHA, assert_ks, assert_mean


def eigenvalues(d, e):
    """By the kernel under test, from diagonals (n, LANES) and squares of the entries beside them."""
    n = len(d)
    out = np.empty((n, LANES))
    scratch = np.empty((2, n, LANES))
    assert tridiagonal_eigenvalues(d.copy(), e.copy(), scratch[0], scratch[1], out, np.empty((5, LANES)))
    return np.sort(out, axis=0)


def matrices(kind, n):
    rng = np.random.default_rng(n)
    d, e = rng.uniform(-1, 1, (n, LANES)), rng.uniform(0, 1, (n, LANES)) ** 2
    if kind == "split":
        e *= rng.random((n, LANES)) < 0.5
    elif kind == "equal diagonal":
        d[:] = 0.0
    elif kind == "graded":
        fall = 10.0 ** -np.linspace(12, 0, n)[:, None]
        d, e = d * fall, e * fall**2
    elif kind == "diagonal":
        e[:] = 0.0
    return d, e


@pytest.mark.parametrize("kind", ["random", "split", "equal diagonal", "graded", "diagonal"])
def test_eigenvalues_are_those_of_lapack(kind):
    for n in (1, 2, 3, 7, 64, 200):
        d, e = matrices(kind, n)
        found = eigenvalues(d, e)
        for lane in range(0, LANES, 9):
            exact = d[:, lane] if n == 1 else eigvalsh_tridiagonal(d[:, lane], np.sqrt(e[:-1, lane]))
            np.testing.assert_allclose(found[:, lane], exact, atol=1e-13)


def test_small_eigenvalues_of_a_positive_matrix_keep_all_their_digits():
    rng, n = np.random.default_rng(5), 6
    q = 10.0 ** rng.uniform(-14, 0, (n, LANES))
    e = 10.0 ** rng.uniform(-14, 0, (n, LANES))
    out = np.empty((n, LANES))
    assert _squared(q, e, out)
    assert (out < 1e-10).any() and (out > 0).all()
    out.sort(axis=0)
    with mpmath.workdps(60):
        for lane in range(0, LANES, 8):
            b = mpmath.matrix(n, n)
            for k in range(n):
                b[n - 1 - k, n - 1 - k] = mpmath.sqrt(q[k, lane])
                if k < n - 1:
                    b[n - 2 - k, n - 1 - k] = mpmath.sqrt(e[k, lane])
            exact = np.array([float(x) for x in mpmath.eigsy(b.T * b, eigvals_only=True)])
            small = exact < SMALL / 2
            np.testing.assert_allclose(out[small, lane], exact[small], rtol=1e-12)
            np.testing.assert_allclose(out[:, lane], exact, rtol=1e-12, atol=1e-13)


def assert_gaussian(x, n, sigma, beta):
    """⟨Σx²⟩ and the whole law of the trace, N(0, n σ²)."""
    assert_mean((x**2).sum(axis=1), sigma**2 * (n + beta * n * (n - 1) / 2))
    assert_ks(x.sum(axis=1), norm(scale=sigma * math.sqrt(n)).cdf)


@pytest.mark.parametrize("beta", [0.1, 1.0, 2.0, 7.5])
def test_gaussian_ensemble_has_its_moments(beta):
    for n in (1, 2, 9, 60):
        x = CoulombGas.gaussian(n, 1.5, beta).sample(4000, 1)
        assert x.shape == (4000, n) and (np.diff(x) <= 0).all()
        assert_gaussian(x, n, 1.5, beta)


def test_five_percent_of_beta_or_sigma_are_caught():
    x = CoulombGas.gaussian(10, 1.0, 1.0).sample(4000, 1)
    assert_gaussian(x, 10, 1.0, 1.0)
    with pytest.raises(AssertionError, match="z ="):
        assert_gaussian(x, 10, 1.05, 1.0)
    with pytest.raises(AssertionError, match="z ="):
        assert_gaussian(x, 10, 1.0, 1.05)


def test_spacing_of_two_is_wigners_surmise():
    """S²/4σ² is Gamma((β + 1)/2)."""
    for beta in (0.3, 1.0, 2.0, 4.0):
        x = CoulombGas.gaussian(2, 0.5, beta, center=3.0).sample(200_000, 2)
        s = (x[:, 0] - x[:, 1]) ** 2
        assert_ks(s, gamma((beta + 1) / 2).cdf)
        for error in () if beta < 1 else (0.95, 1.05):
            with pytest.raises(AssertionError, match="KS"):
                assert_ks(s, gamma((error * beta + 1) / 2).cdf)


def assert_same(x, y):
    """Every column of two independent samples has one law."""
    worst = min(ks_2samp(x[:, i], y[:, i]).pvalue for i in range(x.shape[1]))
    assert worst > ALPHA, f"two-sample KS: p = {worst:.1g}"


def test_gaussian_and_laguerre_are_the_spectra_of_dense_matrices():
    rng, n, m, size = np.random.default_rng(3), 6, 8, 6000
    a = rng.standard_normal((size, n, n))
    real = np.linalg.eigvalsh((a + a.swapaxes(1, 2)) / 2)[:, ::-1]  # variance 1 on, 1/2 off the diagonal
    assert_same(CoulombGas.gaussian(n, 1.0, 1.0).sample(size, 4), real)
    c = a + 1j * rng.standard_normal((size, n, n))
    hermitian = np.linalg.eigvalsh((c + c.conj().swapaxes(1, 2)) / 2)[:, ::-1]
    assert_same(CoulombGas.gaussian(n, 1.0, 2.0).sample(size, 4), hermitian)
    w = 0.7 * rng.standard_normal((size, m, n))
    wishart = np.linalg.eigvalsh(w.swapaxes(1, 2) @ w)[:, ::-1]
    assert_same(CoulombGas.laguerre(n, (m - n - 1) / 2, 2 * 0.49).sample(size, 4), wishart)
    with pytest.raises(AssertionError, match="two-sample"):
        assert_same(CoulombGas.gaussian(n, 1.05, 1.0).sample(size, 4), real)


def test_jacobi_and_laguerre_of_one_particle():
    assert_ks(CoulombGas.jacobi(1, -0.5, 1.5).sample(20_000, 1), beta_law(0.5, 2.5).cdf)
    assert_ks(CoulombGas.laguerre(1, -0.5, 3.0).sample(20_000, 1), gamma(0.5, scale=3.0).cdf)


@pytest.mark.parametrize("beta", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("kind", ["gaussian", "laguerre", "jacobi"])
def test_derivatives_of_the_normalisation_are_means(kind, beta):
    """∂ log Z/∂a = ⟨Σ log x⟩ and ∂ log Z/∂β = ⟨Σ log |x_i − x_j|⟩; Mehta and Selberg against the samples."""
    n, h = 5, 1e-4

    def gas(a=-0.3, b=0.8, beta=beta):
        if kind == "gaussian":
            return CoulombGas.gaussian(n, 0.6, beta)
        if kind == "laguerre":
            return CoulombGas.laguerre(n, a, 2.5, beta)
        return CoulombGas.jacobi(n, a, b, beta)

    def slope(**shift):
        (name, at), *_ = shift.items()
        up, down = (gas(**{name: at + s}).log_normalisation for s in (h, -h))
        return (up - down) / (2 * h)

    x = gas().sample(8000, 6)
    first, second = np.triu_indices(n, 1)
    assert_mean(np.log(x[:, first] - x[:, second]).sum(axis=1), slope(beta=beta))
    if kind != "gaussian":
        assert (x > 0).all()
        assert_mean(np.log(x).sum(axis=1), slope(a=-0.3))
        with pytest.raises(AssertionError, match="z ="):
            assert_mean(np.log(x).sum(axis=1), slope(a=-0.25))
    if kind == "jacobi":
        assert (x < 1).all()
        assert_mean(np.log1p(-x).sum(axis=1), slope(b=0.8))
        exact = (0.7 + (n - 1) * beta / 2) / (2.5 + (n - 1) * beta)  # Aomoto 1987
        assert_mean(x.mean(axis=1), exact)


def test_the_normalisation_is_the_integral():
    """Two particles, by sums on a grid; exp(log_density) includes no constant of its own."""
    for gas, low, high in (
        (CoulombGas.gaussian(2, 0.7, 2.0, 1.0), -6, 8),
        (CoulombGas.laguerre(2, 1.0, 0.5, 1.0), 0, 14),
        (CoulombGas.jacobi(2, 1.0, 2.0, 3.0), 0, 1),
    ):
        y = low + (high - low) * (np.arange(1500) + 0.5) / 1500
        pairs = np.stack(np.broadcast_arrays(y[:, None], y[None, :]), axis=-1)
        above = pairs[..., 0] > pairs[..., 1]
        total = np.exp(gas.log_density(pairs[above])).sum() * (y[1] - y[0]) ** 2
        assert math.log(total) == pytest.approx(gas.log_normalisation, abs=1e-4)
        assert gas.free_energy == -gas.log_normalisation
    assert CoulombGas.gaussian(1).log_normalisation == pytest.approx(0.5 * math.log(2 * math.pi))


def test_spectra_depend_on_seed_and_replica_only():
    for gas in (CoulombGas.gaussian(5), CoulombGas.laguerre(5, -0.9), CoulombGas.jacobi(5)):
        x = gas.sample(150, 9)
        np.testing.assert_array_equal(x[:70], gas.sample(70, 9))
        np.testing.assert_array_equal(x, gas.sample(150, 9, workers=3))
        assert not np.array_equal(x, gas.sample(150, 10))
        assert gas.sample(0, 1).shape == (0, 5)


def test_extreme_parameters_stay_finite_and_ordered():
    for beta in (1e-6, 1e6):
        for gas in (
            CoulombGas.gaussian(7, 1.0, beta),
            CoulombGas.laguerre(7, -1 + 1e-9, 1.0, beta),
            CoulombGas.jacobi(7, 1e5, -0.999, beta),
        ):
            x = gas.sample(200, 1)
            assert np.isfinite(x).all() and (np.diff(x) <= 0).all()
            assert (x >= gas.walls[0]).all() and (x <= gas.walls[1]).all()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_large_ensemble_fills_the_semicircle_and_its_edges(seed):
    n, size = 1000, 640
    x = CoulombGas.gaussian(n, 1.0, 1.0).sample(size, seed)
    assert_gaussian(x, n, 1.0, 1.0)
    # ⟨Σx⁴⟩ of the Gaussian ensembles, β = 1, σ = 1 (moments of the GOE, variance 1/2 off the diagonal)
    assert_mean((x**4).sum(axis=1), (2 * n**3 + 5 * n**2 + 5 * n) / 4)
    edge = (x[:, 0] - math.sqrt(2 * n)) * math.sqrt(2) * n ** (1 / 6)
    assert abs(edge.mean() + 1.2065) < 5 * 1.268 / math.sqrt(size) + 0.03  # Tracy & Widom, β = 1
