"""Laws against quadrature, against each other's closed forms, and against their own samplers."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from dyson.laws import (
    Gaussian,
    MarchenkoPastur,
    OnePairSemicircle,
    PairSpacing,
    Semicircle,
    SymmetricPair,
    SymmetricPairSpacing,
    TwoSpeciesSemicircle,
    WignerSurmise,
)
from tests.oracles import ALPHA, assert_ks, assert_mean

LAWS = [
    OnePairSemicircle(1.5, 0.7),
    WignerSurmise(1.3),
    Gaussian(-1.0, 2.0),
    Semicircle(0.3, 2.5),
    MarchenkoPastur(1e-5, 1.7),
    MarchenkoPastur(0.25, 1.7),
    MarchenkoPastur(1.0, 1.7),
    MarchenkoPastur(4.0, 0.5),
    TwoSpeciesSemicircle(1.5, 0.9, 0.4),
    TwoSpeciesSemicircle(0.2, 0.4, 0.9, -0.7),
    PairSpacing(0.8),
    PairSpacing(0.8, 2.0),
    SymmetricPair(0.5, 1.0, 0.6, 0.8),
    SymmetricPairSpacing(1.0, 0.6, 0.4),
]
each_law = pytest.mark.parametrize("law", LAWS, ids=str)


def integral(law, weight, upper=None):
    """∫ weight(x) ρ(x) dx over the support (up to `upper`) without the atom.

    x = low + (high − low) sin²(θ/2) takes the square roots out of the edges.
    """
    low, high = law.support
    reach = 15 * math.sqrt(law.var)
    low, high = max(low, law.expectation - reach), min(high, law.expectation + reach)
    half = (high - low) / 2
    last = math.pi if upper is None else 2 * math.asin(math.sqrt(np.clip((upper - low) / (2 * half), 0, 1)))

    edges = np.linspace(0, last, 17)
    nodes, weights = np.polynomial.legendre.leggauss(30)
    width = np.diff(edges)[:, None] / 2
    theta = edges[:-1, None] + width * (1 + nodes)
    x = low + 2 * half * np.sin(theta / 2) ** 2
    return float(np.sum(weights * width * weight(x) * law.pdf(x) * half * np.sin(theta)))


@each_law
def test_density_integrates_to_what_the_atom_leaves(law):
    assert integral(law, lambda x: 1) == pytest.approx(1 - law.atom, abs=1e-12)


@each_law
def test_cdf_is_the_integral_of_the_density(law):
    for q in (1e-3, 0.02, 0.3, 0.5, 0.77, 0.999):
        x = law.ppf(law.atom + q * (1 - law.atom))
        assert law.cdf(x) == pytest.approx(law.atom + integral(law, lambda x: 1, upper=x), abs=1e-12)


@each_law
def test_density_is_the_slope_of_the_cdf(law):
    x = law.ppf(law.atom + np.linspace(0.01, 0.99, 50) * (1 - law.atom))
    low, high = law.support
    h = 1e-4 * np.minimum(math.sqrt(law.var), np.minimum(x - low, high - x))
    np.testing.assert_allclose((law.cdf(x + h) - law.cdf(x - h)) / (2 * h), law.pdf(x), rtol=1e-5)


@each_law
def test_quantile_inverts_the_cdf(law):
    x = law.ppf(law.atom + np.linspace(1e-4, 1 - 1e-4, 2001) * (1 - law.atom))
    np.testing.assert_allclose(law.ppf(law.cdf(x)), x, rtol=0, atol=1e-10 * math.sqrt(law.var))
    q = np.linspace(law.atom, 1, 2001)
    np.testing.assert_allclose(law.cdf(law.ppf(q)), q, rtol=0, atol=2e-14 if law.var > 1e-3 else 2e-13)


@each_law
def test_quantiles_increase(law):
    q = np.concatenate(
        [10.0 ** -np.arange(300, 1, -1), np.linspace(0.01, 0.99, 5000), 1 - 0.1 ** np.arange(2, 16)]
    )
    slack = 1e-10 * math.sqrt(law.var)
    assert np.all(np.diff(law.ppf(np.r_[0, q, 1])[1:-1]) >= -slack)
    assert (law.ppf(0) == law.support[0] or law.atom > 0) and law.ppf(1) == pytest.approx(law.support[1])


@each_law
def test_tails_add_up(law):
    x = np.r_[law.ppf(np.linspace(0.001, 0.999, 101)), -np.inf, np.inf]
    np.testing.assert_allclose(law.cdf(x) + law.sf(x), 1, rtol=1e-14)


@pytest.mark.parametrize("law", LAWS[:3], ids=str)
def test_far_tails_keep_their_relative_accuracy(law):
    q = 10.0 ** -np.array([5.0, 30, 100, 290])
    lower = law.ppf(q)
    np.testing.assert_allclose(law.cdf(lower), q, rtol=1e-11)
    if not isinstance(law, WignerSurmise):
        np.testing.assert_allclose(law.sf(2 * law.expectation - lower), q, rtol=1e-11)


@each_law
def test_moments(law):
    exact = [integral(law, lambda x, k=k: x**k) for k in range(1, 9)]
    np.testing.assert_allclose(law.moments(8), exact, rtol=1e-10)
    assert law.moment(0) == pytest.approx(1, abs=1e-15)
    assert law.expectation == pytest.approx(exact[0], rel=1e-12)
    assert law.var == pytest.approx(exact[1] - exact[0] ** 2, rel=1e-8)


@each_law
def test_sampler(law):
    sample = law.rvs(200_000, rng=3)
    if law.atom:
        assert_mean(sample == 0, law.atom)
        sample = sample[sample > 0]
    assert_ks(sample, lambda x: (law.cdf(x) - law.atom) / (1 - law.atom))
    assert np.array_equal(law.rvs((3, 4), rng=5), law.rvs((3, 4), rng=np.random.default_rng(5)))


def test_the_sampler_tests_can_fail():
    """Five percent of the width, a factor of two in σ², four percent of a second moment."""
    sample = OnePairSemicircle(0.0, 1.0).rvs(200_000, rng=3)
    with pytest.raises(AssertionError, match="KS distance"):
        assert_ks(sample, OnePairSemicircle(0.0, 1.05).cdf)
    with pytest.raises(AssertionError, match="KS distance"):
        assert_ks(sample, OnePairSemicircle(0.0, math.sqrt(2)).cdf)
    with pytest.raises(AssertionError, match="z = "):
        assert_mean(sample**2, 1.44)


def test_pair_laws_are_those_of_a_random_matrix():
    """Diagonal of variance σ², off-diagonal σ²/2: the factors of two are right."""
    sigma, n = 0.6, 100_000
    rng = np.random.default_rng(11)
    matrix = sigma * rng.standard_normal((n, 2, 2))
    low, high = np.linalg.eigvalsh((matrix + matrix.transpose(0, 2, 1)) / 2).T
    either = np.where(rng.random(n) < 0.5, low, high)  # one of each pair: independent values
    assert_ks(either, OnePairSemicircle(0.0, sigma).cdf)
    assert_ks(high - low, WignerSurmise.from_sigma(sigma).cdf)
    assert_mean(high - low, math.sqrt(math.pi) * sigma)
    with pytest.raises(AssertionError):
        assert_ks(high - low, WignerSurmise.from_sigma(sigma * 1.03).cdf)


@pytest.mark.parametrize("shape", [(60, 24), (24, 60), (36, 36)])
def test_marchenko_pastur_is_the_law_of_a_random_matrix(shape):
    """⟨tr X^k⟩/N of Gaussian W, whose first three moments are exact at any M, N (Wick)."""
    m, n = shape
    v, c = 1.3, n / m
    w = math.sqrt(v) * np.random.default_rng(4).standard_normal((400, m, n))
    x = np.linalg.eigvalsh(w.transpose(0, 2, 1) @ w / m)
    law = MarchenkoPastur(c, v)
    assert_mean(x.mean(axis=1), law.moment(1))
    assert_mean((x**2).mean(axis=1), law.moment(2) + v**2 / m)
    assert_mean((x**3).mean(axis=1), law.moment(3) + v**3 * (3 / m + 3 * c / m + 4 / m**2))
    if n > m:
        assert np.mean(x < 1e-10) == pytest.approx(law.atom)


def test_known_relations():
    pair = OnePairSemicircle(0.0, 2.0)
    assert pair.var == pytest.approx(1.5 * 4)
    assert pair.pdf(0.0) == pytest.approx(1 / (2 * math.sqrt(math.pi) * 2.0))
    spacing = WignerSurmise(3.0)
    assert spacing.moment(2) / spacing.moment(1) ** 2 == pytest.approx(4 / math.pi)
    assert WignerSurmise.from_sigma(spacing.sigma).mean == pytest.approx(3.0)
    # a pair of spacing S about a middle of variance σ²/2: ⟨x²⟩ = σ²/2 + ⟨S²⟩/4
    assert pair.var == pytest.approx(2.0 + WignerSurmise.from_sigma(2.0).moment(2) / 4)
    # √x at ratio 1 is half a semicircle of radius 2
    x = np.linspace(0.01, 3.99, 50)
    np.testing.assert_allclose(
        MarchenkoPastur(1, 1).cdf(x), 2 * Semicircle(0, 2).cdf(np.sqrt(x)) - 1, atol=1e-14
    )


def test_nothing_warns_at_the_ends_of_the_line():
    x = np.array([-np.inf, -1e300, -1e10, 0.0, 1e10, 1e300, np.inf])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for law in [*LAWS, OnePairSemicircle(0.0, 1e-200)]:
            assert np.all(np.isfinite(law.pdf(x[[0, 1, 2, 4, 5, 6]])))
            assert law.cdf(-np.inf) == 0 and law.cdf(np.inf) == 1
            assert law.sf(-np.inf) == 1 and law.sf(np.inf) == 0
            assert np.isnan(law.pdf(np.nan)) and np.isnan(law.cdf(np.nan)) and np.isnan(law.ppf(np.nan))
        assert MarchenkoPastur(1, 1).pdf(0.0) == np.inf


@each_law
def test_shapes(law):
    for method in (law.pdf, law.cdf, law.sf, law.ppf):
        assert method(np.full((2, 3), 0.4)).shape == (2, 3)
        assert method([]).shape == (0,)
        assert np.isscalar(method(0.4))
    assert law.rvs(rng=1).shape == (1,) and law.rvs((0, 2), rng=1).shape == (0, 2)


@each_law
def test_notebooks_get_a_formula(law):
    assert law._repr_latex_() == f"${law.latex}$" and r"\frac" in law.latex


@pytest.mark.parametrize("value", [math.nan, math.inf, 0.0, -1.0])
def test_bad_widths_are_refused(value):
    for make in (
        lambda: OnePairSemicircle(0, value),
        lambda: WignerSurmise(value),
        lambda: WignerSurmise.from_sigma(value),
        lambda: Gaussian(0, value),
        lambda: Semicircle(0, value),
        lambda: MarchenkoPastur(value, 1),
        lambda: MarchenkoPastur(1, value),
    ):
        with pytest.raises(ValueError, match=r"must be finite and > 0, got"):
            make()


def test_bad_arguments_are_refused():
    for value in ("1", None, True, 1j, [1.0], np.array([1.0, 2.0])):
        with pytest.raises(TypeError, match="sigma must be a real number"):
            Gaussian(0, value)
    with pytest.raises(ValueError, match=r"probability in \[0, 1\], got 1.5"):
        Gaussian(0, 1).ppf([0.5, 1.5])
    for order in (-1, 65, 2.0, True, 10**9):
        with pytest.raises(ValueError, match="order of a moment"):
            Gaussian(0, 1).moment(order)


def test_significance_level():
    """A right law is not refused: the smallest of 300 p-values stays well above ALPHA."""
    law = OnePairSemicircle(0.0, 1.0)
    for seed in range(300):
        assert_ks(law.rvs(500, rng=seed), law.cdf)
    assert ALPHA == 1e-5
