"""The gas of several species against closed forms, exact identities and nested quadrature."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dyson.gas.convergence import split_rhat
from dyson.laws import SpeciesGas, TwoSpeciesSemicircle
from tests.oracles import assert_ks, assert_mean

PAIR = SpeciesGas.of((1, 1), (0.5, -0.5), (1.0, 0.4))


def assert_density(gas, x, exact, allowance=2e-4):
    """|z| < 5 at every point, the error being the stated one and an allowance for interpolation."""
    z = (gas.pdf(x) - exact) / np.hypot(gas.pdf_se(x), allowance * np.max(exact))
    assert np.abs(z).max() < 5, f"largest deviation {np.abs(z).max():.1f} errors"


def three_particles(x, c, s, beta, nodes=801):
    """Density of any of three particles at x by nested sums over the other two."""
    y = np.linspace(-7, 7, nodes)
    a, b = y[:, None], y[None, :]

    def weight(u, v, w):
        repulsion = (np.abs(u - v) * np.abs(v - w) * np.abs(u - w)) ** beta
        return repulsion * np.exp(
            -sum((p - m) ** 2 / (2 * t * t) for p, m, t in zip((u, v, w), c, s, strict=True))
        )

    total = [weight(v, a, b).sum() + weight(a, v, b).sum() + weight(a, b, v).sum() for v in x]
    every = [weight(v, a, b).sum() for v in y[::8]]
    return np.array(total) / 3 / (np.sum(every) * 8 * (y[1] - y[0]))


def test_a_pair_is_the_two_species_semicircle():
    exact, x = TwoSpeciesSemicircle(0.0, 1.0, 0.4, 1.0), np.linspace(-3, 3, 61)
    assert_density(PAIR, x, exact.pdf(x))
    for k in (1, 2, 4):
        assert abs(PAIR.moment(k) - exact.moment(k)) < 5 * PAIR.moment_se(k) + 1e-4
    np.testing.assert_allclose(PAIR.cdf(x), exact.cdf(x), atol=0.01)
    with pytest.raises(AssertionError, match="largest deviation"):
        assert_density(PAIR, x, TwoSpeciesSemicircle(0.0, 1.0, 0.43, 1.0).pdf(x))


@pytest.mark.parametrize("beta", [0.2, pytest.param(1.0, marks=pytest.mark.slow), 4.0])
def test_one_species_has_the_moments_of_its_ensemble(beta):
    """⟨x²⟩ = σ² [1 + β (N − 1)/2], and the second-highest exact one: ⟨Σ x⟩ is normal of variance N σ²."""
    n, sigma = 6, 1.5
    gas = SpeciesGas.of((n,), (0.3,), (sigma,), beta)
    centred = gas.moment(2) - 2 * 0.3 * gas.moment(1) + 0.09
    assert abs(centred - sigma**2 * (1 + beta * (n - 1) / 2)) < 5 * (
        gas.moment_se(2) + 0.6 * gas.moment_se(1)
    )
    total = gas.sample(4000, 1).sum(axis=1)
    assert_mean(total, 0.3 * n)
    assert_mean((total - 0.3 * n) ** 2, n * sigma**2)


@pytest.mark.parametrize("n", [6])
def test_unitary_gas_has_the_exact_density(n):
    """β = 2: Σ_k φ_k(x)²/N of the oscillator's wave functions."""
    x = np.linspace(-4, 4, 41)
    wave = [math.pi**-0.25 * np.exp(-x * x / 2), math.sqrt(2) * x * math.pi**-0.25 * np.exp(-x * x / 2)]
    for k in range(2, n):
        wave.append(math.sqrt(2 / k) * x * wave[-1] - math.sqrt((k - 1) / k) * wave[-2])
    exact = np.sum(np.square(wave[:n]), axis=0) / n
    assert_density(SpeciesGas.of((n,), (0.0,), (math.sqrt(0.5),), 2.0), x, exact, 1e-3)


@pytest.mark.parametrize("beta", [0.3, pytest.param(1.0, marks=pytest.mark.slow)])
def test_three_particles_of_two_species(beta):
    c, s, x = (0.4, 0.4, -0.3), (1.0, 1.0, 0.5), np.linspace(-2.5, 2.5, 11)
    assert_density(SpeciesGas(c, s, beta), x, three_particles(x, c, s, beta), 5e-4)


def test_ten_particles_keep_the_virial_identity():
    """⟨Σ x (x − c)/σ²⟩ = N + βN(N − 1)/2, and ⟨Σ (x − c)/σ²⟩ = 0: scaling and shifting all of them."""
    gas = SpeciesGas.of((4, 6), (0.0, 1.0), (1.0, 0.5))
    x, c, s = gas.sample(3000, 2), np.array(gas.centers), np.array(gas.sigmas)
    assert x.shape == (3000, 10) and gas.rhat < 1.05 and gas.effective > 2000
    assert_mean(np.sum(x * (x - c) / s**2, axis=1), 10 + 45)
    assert_mean(np.sum((x - c) / s**2, axis=1), 0.0)
    assert abs(x.mean() - gas.moment(1)) < 0.1
    with pytest.raises(AssertionError):
        assert_mean(np.sum(x * (x - c) / s**2, axis=1), 10 + 43)


def test_labels_change_sides():
    x = SpeciesGas.of((1, 1), (0.0, 0.0), (1.0, 0.3), 4.0).sample(4000, 3)
    assert_mean(x[:, 0] > x[:, 1], 0.5)


def test_interface():
    x = PAIR.ppf(np.linspace(0.001, 0.999, 500))
    np.testing.assert_allclose(PAIR.cdf(x), np.linspace(0.001, 0.999, 500), atol=1e-12)
    np.testing.assert_allclose(PAIR.cdf(x) + PAIR.sf(x), 1, atol=1e-15)
    h = 1e-5
    np.testing.assert_allclose((PAIR.cdf(x + h) - PAIR.cdf(x - h)) / (2 * h), PAIR.pdf(x), rtol=1e-3)
    assert (
        PAIR.cdf(-np.inf) == 0 and PAIR.cdf(np.inf) == 1 and PAIR.pdf(1e9) == 0 and np.isnan(PAIR.pdf(np.nan))
    )
    assert PAIR.ppf(0) == -np.inf and PAIR.ppf(1) == np.inf and np.isnan(PAIR.ppf(np.nan))
    assert PAIR.moment(0) == pytest.approx(1, abs=1e-9)
    assert_ks(PAIR.rvs(20_000, 4), PAIR.cdf)
    assert PAIR.rvs((2, 3), 1).shape == (2, 3) and PAIR.spacings(5, 1).shape == (5, 1)
    assert PAIR.sample(0, 1).shape == (0, 2) and np.isscalar(PAIR.pdf(0.1))
    assert r"\frac" in PAIR.latex
    wide = SpeciesGas(PAIR.centers, PAIR.sigmas, center=2.0, scale=3.0)
    np.testing.assert_allclose(wide.pdf(2 + 3 * x), PAIR.pdf(x) / 3, rtol=1e-12)
    np.testing.assert_allclose(wide.sample(10, 1), 2 + 3 * PAIR.sample(10, 1), rtol=1e-12)


def test_sampling_depends_on_the_seed_alone():
    again = SpeciesGas.of((1, 1), (0.5, -0.5), (1.0, 0.4))
    assert np.array_equal(again.sample(300, 5), PAIR.sample(300, np.random.default_rng(5)))
    assert not np.array_equal(PAIR.sample(300, 6), PAIR.sample(300, 5))


def test_fit_of_centre_and_scale():
    true = SpeciesGas((0.5, 0.5, -0.5), (1.0, 1.0, 0.4), center=2.0, scale=3.0)
    fit = SpeciesGas(true.centers, true.sigmas).fit_scale(true.sample(4000, 6))
    assert (
        abs(fit.law.center - 2) < 5 * fit.se["center"] + 0.05
        and abs(fit.law.scale - 3) < 5 * fit.se["scale"] + 0.03
    )
    assert 0 < fit.se["scale"] < 0.05 and fit.se["beta"] == 0 and fit.pvalue > 1e-3
    assert "scale=" in str(fit)
    wrong = SpeciesGas(true.centers, (1.0, 1.0, 0.4), 4.0).fit_scale(true.sample(4000, 6))
    assert wrong.pvalue < 0.002


def test_refusals():
    for make, message in (
        (lambda: SpeciesGas((0.0,), (1.0,)), "one length of 2 to 64, got 1 and 1"),
        (lambda: SpeciesGas((0.0, 1.0), (1.0,)), "one length"),
        (lambda: SpeciesGas((0.0, math.nan), (1.0, 1.0)), "centers must be finite"),
        (lambda: SpeciesGas((0.0, 0.0), (1.0, -1.0)), "sigmas must be a finite number > 0"),
        (lambda: SpeciesGas((0.0, 0.0), (1.0, 1.0), 0.0), "beta must be a finite number > 0"),
        (lambda: SpeciesGas((0.0, 0.0), (1.0, 1.0), scale=0.0), "scale must be a finite number > 0"),
        (lambda: SpeciesGas.of((1, 2), (0.0,), (1.0,)), "one entry per species"),
        (lambda: SpeciesGas.of((0, 2), (0.0, 0.0), (1.0, 1.0)), "sizes must be >= 1"),
        (lambda: SpeciesGas.fit(np.arange(40.0)), "use gas.fit_scale"),
        (lambda: PAIR.fit_scale(np.arange(4.0)), "at least 30"),
        (lambda: SpeciesGas((0.0, 0.0), (1.0, 1e-3)).pdf(0.0), "gases of their own"),
        (
            lambda: SpeciesGas.of((5, 5), (0.0, 3.0), (1.0, 0.2), 4.0).pdf(0.0),
            "have not converged: split R̂",
        ),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            make()
        assert "\n" not in str(caught.value)
    with pytest.raises(TypeError, match="sizes must be a whole number"):
        SpeciesGas.of((1.5, 2), (0.0, 0.0), (1.0, 1.0))


def test_the_measure_of_mixing_sees_what_does_not_mix():
    rng = np.random.default_rng(1)
    rhat, effective = split_rhat(rng.standard_normal((400, 100)))
    assert rhat < 1.01 and effective > 20_000
    stuck = rng.standard_normal((400, 100)) + np.sign(np.arange(100) - 49.5)
    assert split_rhat(stuck)[0] > 1.3
    slow = np.cumsum(rng.standard_normal((400, 100)), axis=0)
    assert split_rhat(slow)[0] > 1.3
    # correlation time (1 + a)/(1 − a) of an autoregression
    a, x = 0.8, np.zeros((4000, 100))
    for t in range(1, len(x)):
        x[t] = a * x[t - 1] + rng.standard_normal(100)
    assert split_rhat(x)[1] == pytest.approx(x.size / 9, rel=0.4)
