"""Densities at finite n, ratios of spacings and long-range statistics."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import gamma

from dyson.laws import (
    FiniteDensity,
    Gaussian,
    OnePairSemicircle,
    RatioSurmise,
    Semicircle,
    cluster,
    mean_ratio,
    number_variance,
    spectral_rigidity,
)
from tests.oracles import assert_ks, assert_mean

CASES = [
    *(FiniteDensity(n, beta, 0.7) for beta in (1, 2, 4) for n in (3, 8, 40)),
    *(FiniteDensity(n, 1, 0.7, "laguerre", a) for n, a in ((2, -0.5), (5, 0), (6, 2.5), (40, 0))),
    *(FiniteDensity(n, 2, 0.7, "laguerre", a) for n, a in ((5, 0), (6, 0.3), (40, -0.4))),
    *(FiniteDensity(n, 4, 0.7, "laguerre", a) for n, a in ((2, 0), (5, 3), (30, 1))),
]
each_case = pytest.mark.parametrize("law", CASES, ids=str)


@each_case
def test_first_and_second_moments_are_exact(law):
    """⟨x²⟩ = σ²[1 + β(n−1)/2]; Laguerre ⟨x⟩ = 2σ²[a + 1 + β(n−1)/2]: scaling of the joint density, any β."""
    half = 1 + law.beta * (law.n - 1) / 2
    assert law.moment(0) == pytest.approx(1, abs=1e-12)
    if law.ensemble == "gaussian":
        assert law.expectation == pytest.approx(0, abs=1e-12)
        assert law.var == pytest.approx(0.49 * half, rel=1e-12)
    else:
        assert law.expectation == pytest.approx(0.98 * (law.a + half), rel=1e-12)


@each_case
def test_probabilities(law):
    q = np.r_[1e-6, np.linspace(0.01, 0.99, 99), 1 - 1e-6]
    x = law.ppf(q)
    np.testing.assert_allclose(law.cdf(x), q, rtol=1e-13)
    nodes, weights = np.polynomial.legendre.leggauss(40)
    half = np.diff(x[1:-1]) / 2
    mass = law.pdf(x[1:-2, None] + half[:, None] * (1 + nodes)) @ weights * half
    np.testing.assert_allclose(mass, np.diff(q[1:-1]), atol=1e-12)
    z = x[5:-5:20] / law._scale
    np.testing.assert_allclose(law._table._below(z) + law._table._above(z), 1, atol=1e-12)


def test_one_and_two_eigenvalues():
    x = np.linspace(-3, 3, 13)
    for beta in (1, 2, 4):
        np.testing.assert_allclose(FiniteDensity(1, beta, 0.7).pdf(x), Gaussian(0, 0.7).pdf(x), rtol=1e-12)
        law = FiniteDensity(1, beta, 0.7, "laguerre", 1)
        exact = gamma(2, scale=0.98)
        np.testing.assert_allclose(law.cdf(x[7:]), exact.cdf(x[7:]), rtol=1e-12)
        np.testing.assert_allclose(law.sf(9 * x[7:]), exact.sf(9 * x[7:]), rtol=1e-12)
    np.testing.assert_allclose(FiniteDensity(2, 1, 0.7).pdf(x), OnePairSemicircle(0, 0.7).pdf(x), rtol=1e-12)
    np.testing.assert_allclose(FiniteDensity(2, 1, 0.7).cdf(x), OnePairSemicircle(0, 0.7).cdf(x), rtol=1e-11)


@pytest.mark.parametrize(
    ("weight", "beta"),
    [("gaussian", 2), ("gaussian", 4), ("laguerre", 1), ("laguerre", 2), ("laguerre", 4)],
)
def test_two_eigenvalues_by_integration(weight, beta):
    """ρ(x) ∝ ∫ |Δ|^β w by nested integrals, 20 digits."""
    a, x0 = (0, mpmath.mpf(0.4)) if weight == "gaussian" else (1, mpmath.mpf(1.3))
    ends = [-9, x0, 9] if weight == "gaussian" else [0, x0, 120]

    def w(t):
        return mpmath.exp(-t * t / 2) if weight == "gaussian" else t**a * mpmath.exp(-t / 2)

    def bare(x, at):
        return w(x) * mpmath.quad(lambda y: abs(x - y) ** beta * w(y), at)

    with mpmath.workdps(20):
        first = bare(x0, ends)

        def moments(low, high):
            return [
                mpmath.quad(lambda y, k=k: y**k * w(y), mpmath.linspace(low, high, 9))
                for k in range(beta + 1)
            ]

        whole = moments(ends[0], ends[2])
        if beta == 1:
            total = 2 * mpmath.quad(
                lambda x: w(x) * mpmath.quad(lambda d: d * w(x + d), [0, 3, 9, 30, 120]),
                [ends[0], *((0,) if ends[0] else ()), 3, 9, ends[2]],
            )
        else:
            signs = [math.comb(beta, k) * (-1) ** k for k in range(beta + 1)]
            total = sum(s * whole[k] * whole[beta - k] for k, s in enumerate(signs))
    law = FiniteDensity(2, beta, 1.0, weight, a)
    assert law.pdf(float(x0)) == pytest.approx(float(first / total), rel=1e-10)


def gaussian_matrices(n, beta, count, rng):
    """Eigenvalues of full Hermitian matrices with P ∝ exp(−tr X²/2) of n eigenvalues (doubled at β = 4)."""
    parts = rng.standard_normal((count, beta, n, n))
    if beta == 1:
        x = parts[:, 0]
    elif beta == 2:
        x = parts[:, 0] + 1j * parts[:, 1]
    else:
        a, b = parts[:, 0] + 1j * parts[:, 1], parts[:, 2] + 1j * parts[:, 3]
        x = np.block([[a, b], [-b.conj(), a.conj()]])
    values = np.linalg.eigvalsh((x + x.conj().transpose(0, 2, 1)) / 2)
    return values[:, ::2] if beta == 4 else values


def wishart(n, m, beta, count, rng):
    """Eigenvalues of W†W, W of m × n with entries of mean square 1 a real component."""
    w = rng.standard_normal((count, m, n)).astype(complex if beta == 2 else float)
    if beta == 2:
        w = w + 1j * rng.standard_normal((count, m, n))
    return np.linalg.eigvalsh(w.conj().transpose(0, 2, 1) @ w)


@pytest.mark.parametrize("beta", [1, 2, 4])
@pytest.mark.parametrize("n", [4, 5])
def test_densities_are_those_of_matrices(beta, n):
    """One eigenvalue at random of each matrix: independent values."""
    rng = np.random.default_rng(10 * n + beta)
    pick = rng.integers(0, n, 20_000)
    values = gaussian_matrices(n, beta, 20_000, rng)[np.arange(20_000), pick]
    assert_ks(values, FiniteDensity(n, beta).cdf)
    with pytest.raises(AssertionError, match="KS distance"):
        assert_ks(values, FiniteDensity(n, beta, 1.06).cdf)
    if beta < 4:
        values = wishart(n, n + 2, beta, 20_000, rng)[np.arange(20_000), pick]
        a = 0.5 if beta == 1 else 2
        assert_ks(values, FiniteDensity(n, beta, 1.0, "laguerre", a).cdf)
        with pytest.raises(AssertionError, match="KS distance"):
            assert_ks(values, FiniteDensity(n, beta, 1.0, "laguerre", a + 1).cdf)


@pytest.mark.parametrize(("ensemble", "a"), [("gaussian", 0), ("laguerre", 0.5)])
def test_two_point_function_obeys_its_sum_rule(ensemble, a):
    """∫R_2(x, y) dy = (n − 1) n ρ(x), and R_2 vanishes as (x − y)²."""
    law, x = FiniteDensity(6, 2, 1.2, ensemble, a), 1.1
    found = quad(lambda y: float(law.two_point(x, y)), max(law.support[0], -15), 15, epsabs=1e-11)[0]
    found += quad(lambda y: float(law.two_point(x, y)), 15, 200, limit=200, epsabs=1e-11)[0]
    assert found == pytest.approx(5 * 6 * float(law.pdf(x)), rel=1e-9)
    near = law.two_point(x, x + np.array([1e-3, 2e-3]))
    assert near[1] / near[0] == pytest.approx(4, rel=0.01)


def test_many_eigenvalues_are_a_semicircle():
    for beta in (1, 2, 4):
        law, limit = FiniteDensity(100, beta), Semicircle(0, math.sqrt(2 * beta * 100))
        x = np.linspace(-20, 20, 41)
        assert np.max(np.abs(law.cdf(x) - limit.cdf(x))) < 0.01


def test_fits_of_densities():
    rng = np.random.default_rng(3)
    fit = FiniteDensity.fit(1.5 * gaussian_matrices(5, 1, 2000, rng), n=5, beta=1)
    assert abs(fit.law.sigma - 1.5) < 4.5 * fit.se["sigma"] and fit.pvalue > 1e-3
    fit = FiniteDensity.fit(wishart(5, 7, 1, 2000, rng) * 4, n=5, beta=1, ensemble="laguerre", a=0.5)
    assert abs(fit.law.sigma - 2) < 4.5 * fit.se["sigma"] and fit.pvalue > 1e-3


# --- ratios ----------------------------------------------------------------------------------------


def test_ratio_surmise():
    """Closed means and normalisations of Atas et al. 2013."""
    means = {0: 2 * math.log(2) - 1, 1: 4 - 2 * math.sqrt(3), 2: 2 * math.sqrt(3) / math.pi - 0.5}
    means[4] = 32 * math.sqrt(3) / (15 * math.pi) - 0.5
    norms = {1: 8 / 27, 2: 4 * math.pi / (81 * math.sqrt(3)), 4: 4 * math.pi / (729 * math.sqrt(3))}
    for beta, mean in means.items():
        law = RatioSurmise(beta)
        assert law.expectation == pytest.approx(mean, abs=1e-14)
        assert mean_ratio(beta) == pytest.approx(mean, abs=0.006)
        if beta:
            assert law.pdf(1.0) == pytest.approx(2 / norms[beta] * 2**beta / 3 ** (1 + 1.5 * beta), rel=1e-13)
        q = np.linspace(0, 1, 101)
        np.testing.assert_allclose(law.cdf(law.ppf(q)), q, atol=1e-14)
        assert_ks(law.rvs(20_000, rng=1), law.cdf)
    np.testing.assert_allclose(RatioSurmise(0).cdf([0.3, 1]), [0.6 / 1.3, 1], rtol=1e-13)


def test_ratio_surmise_is_the_law_of_three_eigenvalues():
    rng = np.random.default_rng(8)
    for beta in (1, 2, 4):
        s = np.diff(gaussian_matrices(3, beta, 20_000, rng), axis=1)
        r = s.min(axis=1) / s.max(axis=1)
        assert_ks(r, RatioSurmise(beta).cdf)
        assert_mean(r, RatioSurmise(beta).expectation)
        with pytest.raises(AssertionError):
            assert_ks(r, RatioSurmise(beta * 1.15).cdf)
        fit = RatioSurmise.fit(r)
        assert abs(fit.law.beta - beta) < 4.5 * fit.se["beta"] and fit.pvalue > 1e-3
    with pytest.raises(ValueError, match="do not show beta"):
        RatioSurmise.fit(np.linspace(0.001, 0.5, 50) ** 4)


def test_ratios_of_large_matrices():
    """Middle third of GOE and GUE of size 60 against the values of Atas et al.: 0.5307(1), 0.5996(1)."""
    rng = np.random.default_rng(9)
    for beta in (1, 2):
        s = np.diff(gaussian_matrices(60, beta, 1200, rng)[:, 20:40], axis=1)
        r = np.minimum(s[:, 1:], s[:, :-1]) / np.maximum(s[:, 1:], s[:, :-1])
        assert_mean(r.mean(axis=1), mean_ratio(beta))
        with pytest.raises(AssertionError):
            assert_mean(r.mean(axis=1), RatioSurmise(beta).expectation + 0.01)


# --- number variance and rigidity ------------------------------------------------------------------


@pytest.mark.parametrize("beta", [1, 2, 4])
def test_number_variance_is_the_integral_of_the_cluster_function(beta):
    for length in (0.01, 0.3, 1.0, 4.3):
        inner = quad(lambda r, L=length: (L - r) * cluster(r, beta), 0, length, epsabs=1e-13, limit=200)[0]
        assert number_variance(length, beta) == pytest.approx(length - 2 * inner, abs=1e-13)


def test_cluster_functions():
    """∫Y = 1 (eigenvalues are rigid), Y(0) = 1, and 1 − Y ~ (π²/6) r, (π²/3) r², (16π⁴/135) r⁴."""
    lead = {1: math.pi**2 / 6, 2: math.pi**2 / 3, 4: 16 * math.pi**4 / 135}
    for beta, c in lead.items():
        r = 0.02
        assert 1 - cluster(r, beta) == pytest.approx(c * r**beta, rel=0.03)
        assert cluster(0.0, beta) == pytest.approx(1) and cluster(-0.3, beta) == cluster(0.3, beta)
        half = number_variance(1000.5, beta) - number_variance(1000.0, beta)
        assert abs(half) < 1e-3  # dΣ²/dL → 1 − 2∫Y = 0
    with mpmath.workdps(20):
        s = mpmath.quad(lambda x: mpmath.sincpi(x), [0, 1, 1.4])
        slope = mpmath.diff(mpmath.sincpi, 1.4)
        exact = mpmath.sincpi(1.4) ** 2 + slope * (mpmath.mpf(1) / 2 - s)
        assert cluster(1.4, 1) == pytest.approx(float(exact), abs=1e-15)
        exact = mpmath.sincpi(1.4) ** 2 - slope * s
        assert cluster(0.7, 4) == pytest.approx(float(exact), abs=1e-15)


def test_long_intervals():
    """Mehta: Σ² = (2/π²)(ln 2πL + γ + 1 − π²/8), (1/π²)(ln 2πL + γ + 1), ..., and Δ₃."""
    logs, g = math.log(2 * math.pi * 200), np.euler_gamma
    assert number_variance(200.0, 1) == pytest.approx(
        2 / math.pi**2 * (logs + g + 1 - math.pi**2 / 8), abs=1e-4
    )
    assert number_variance(200.0, 2) == pytest.approx((logs + g + 1) / math.pi**2, abs=1e-4)
    exact = (math.log(4 * math.pi * 200) + g + 1 + math.pi**2 / 8) / (2 * math.pi**2)
    assert number_variance(200.0, 4) == pytest.approx(exact, abs=1e-3)
    assert spectral_rigidity(1000.0, 1) == pytest.approx((math.log(1000) - 0.0687) / math.pi**2, abs=3e-4)
    assert spectral_rigidity(1000.0, 2) == pytest.approx(
        (math.log(2000 * math.pi) + g - 1.25) / (2 * math.pi**2), abs=3e-4
    )
    assert spectral_rigidity(3.0, 0) == pytest.approx(0.2) and number_variance(3.0, 0) == 3.0
    assert spectral_rigidity([0.0, 1e-3], 2) == pytest.approx([0, 1e-3 / 15], rel=1e-3)


def test_refusals():
    for bad, match in (
        (lambda: FiniteDensity(0), "n must be >= 1"),
        (lambda: FiniteDensity(2.5), "whole number"),
        (lambda: FiniteDensity(151), "at most 150"),
        (lambda: FiniteDensity(61, 1, 1.0, "laguerre"), "at most 60"),
        (lambda: FiniteDensity(3, 3), "beta must be 1, 2 or 4"),
        (lambda: FiniteDensity(3, 1, 1.0, "hermite"), "unknown ensemble"),
        (lambda: FiniteDensity(3, 1, 1.0, "gaussian", 1), "belongs to the laguerre"),
        (lambda: FiniteDensity(3, 1, 1.0, "laguerre", 0.3), "half-integer"),
        (lambda: FiniteDensity(3, 4, 1.0, "laguerre", 0.5), "whole number from 0"),
        (lambda: FiniteDensity(3, 1, 0.0), "finite and > 0"),
        (lambda: RatioSurmise(-1), "from 0 to 100"),
        (lambda: RatioSurmise.fit(np.linspace(0, 2, 50)), "from 0 to 1"),
        (lambda: mean_ratio(3), "beta must be"),
        (lambda: number_variance(-1.0), "length must be >= 0"),
        (lambda: number_variance(1.0, 3), "beta must be 0, 1, 2 or 4"),
        (lambda: spectral_rigidity(1e6), "at most 1e5"),
    ):
        with pytest.raises((ValueError, TypeError), match=match):
            bad()
