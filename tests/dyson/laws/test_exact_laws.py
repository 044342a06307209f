"""Exact laws of large matrices: multi-precision determinants, published values, closed cases, matrices."""

from __future__ import annotations

import math
import warnings

import mpmath
import numpy as np
import pytest
from scipy.linalg import eigh_tridiagonal
from scipy.special import hyp0f1, iv

from dyson.laws import GaudinSpacing, HardEdge, TracyWidom, WignerSurmise, gap_probability
from dyson.laws.fredholm import hard, sine, sine_series, soft, soft_series
from tests.oracles import assert_ks

LAWS = [
    *(GaudinSpacing(1.3, b) for b in (1, 2, 4)),
    *(TracyWidom(b, 0.4, 1.7) for b in (1, 2, 4)),
    HardEdge(-0.5, 1),
    HardEdge(0.37, 2, 0.3),
    HardEdge(3, 4),
]
each_law = pytest.mark.parametrize("law", LAWS, ids=str)
each_beta = pytest.mark.parametrize("beta", [1, 2, 4])


# --- what every law owes --------------------------------------------------------------------------


@each_law
def test_cdf_is_the_integral_of_the_density(law):
    x = law.ppf(np.linspace(0.02, 0.9999, 60))
    nodes, weights = np.polynomial.legendre.leggauss(40)
    half = np.diff(x) / 2
    mass = law.pdf(x[:-1, None] + half[:, None] * (1 + nodes)) @ weights * half
    np.testing.assert_allclose(mass, np.diff(law.cdf(x)), rtol=0, atol=2e-13)
    assert law.moment(0) == pytest.approx(1, abs=1e-10)


@each_law
def test_quantile_inverts_the_cdf_and_tails_add_up(law):
    q = np.r_[1e-12, 1e-5, np.linspace(0.001, 0.999, 201), 1 - 1e-5]
    x = law.ppf(q)
    assert np.all(np.diff(x) > 0)
    np.testing.assert_allclose(law.cdf(x), q, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(law.cdf(x) + law.sf(x), 1, rtol=1e-14)
    far = law.ppf([1e-30, 1e-80])
    np.testing.assert_allclose(law.cdf(far), [1e-30, 1e-80], rtol=1e-11)


@each_law
def test_both_sides_of_the_table_agree(law):
    """cdf and sf are read from different series, of different origin at the spacings."""
    z = (law.ppf([0.2, 0.4, 0.6, 0.8]) - law._loc) / law._scale
    np.testing.assert_allclose(law._table._below(z) + law._table._above(z), 1, atol=2e-13)


@each_law
def test_ends_shapes_and_samples(law):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = np.array([-np.inf, -1e300, 1e300, np.inf])
        assert (
            np.all(law.pdf(x) == 0)
            and np.all(law.cdf(x) == [0, 0, 1, 1])
            and np.all(law.sf(x) == [1, 1, 0, 0])
        )
        assert np.isnan(law.pdf(np.nan)) and np.isnan(law.cdf(np.nan)) and np.isnan(law.ppf(np.nan))
        assert tuple(law.ppf([0, 1])) == law.support
    assert (
        law.pdf(np.ones((2, 3))).shape == (2, 3) and law.ppf([]).shape == (0,) and np.isscalar(law.cdf(0.4))
    )
    assert law.rvs((0, 2), rng=1).shape == (0, 2) and np.array_equal(law.rvs(9, rng=5), law.rvs(9, rng=5))
    sample = law.rvs(20_000, rng=3)
    assert_ks(sample, law.cdf)
    with pytest.raises(AssertionError, match="KS distance"):
        assert_ks(sample + 0.05 * math.sqrt(law.var), law.cdf)


# --- multi-precision determinants, of other kernels than the library's ----------------------------


def legendre(n):
    """Nodes and weights on [-1, 1] to the working precision: Newton on P_n."""
    nodes = []
    for x in np.polynomial.legendre.leggauss(n)[0]:
        x = mpmath.mpf(float(x))
        for _ in range(3):
            p, q = mpmath.mpf(1), x
            for k in range(2, n + 1):
                p, q = q, ((2 * k - 1) * x * q - (k - 1) * p) / k
            slope = n * (x * q - p) / (x * x - 1)
            x -= q / slope
        nodes.append((x, 2 / ((1 - x * x) * slope**2)))
    return nodes


def determinant(kernel, rule):
    def entry(i, j):
        return (i == j) - mpmath.sqrt(rule[i][1] * rule[j][1]) * kernel(i, j)

    n = len(rule)
    return mpmath.det(mpmath.matrix([[entry(i, j) for j in range(n)] for i in range(n)]))


def sine_determinant(s, n):
    """E_2(0; s): the whole sine kernel on (0, s), neither even nor odd part."""
    rule = [(s * (x + 1) / 2, s * w / 2) for x, w in legendre(n)]
    return determinant(lambda i, j: mpmath.sincpi(rule[i][0] - rule[j][0]), rule)


@pytest.mark.parametrize(
    ("s", "n", "rtol"), [(0.05, 8, 1e-12), (0.8, 16, 1e-13), (2.5, 22, 1e-12), (6.5, 36, 1e-7)]
)
def test_gue_spacing_against_forty_digits(s, n, rtol):
    with mpmath.workdps(40):
        exact = sine_determinant(mpmath.mpf(s), n)
        assert gap_probability(s, 2) == pytest.approx(float(exact), rel=rtol)
        if s < 6:
            h = mpmath.mpf(10) ** -9
            around = [sine_determinant(mpmath.mpf(s) + k * h, n) for k in (-1, 1)]
            density = (around[0] + around[1] - 2 * exact) / h**2
            assert GaudinSpacing(1.0, 2).pdf(s) == pytest.approx(float(density), rel=1e-11)
            assert GaudinSpacing(1.0, 2).sf(s) == pytest.approx(
                float((around[0] - around[1]) / (2 * h)), rel=1e-11
            )


@pytest.mark.parametrize(("s", "n", "rtol"), [(-9.0, 44, 1e-7), (-3.0, 30, 1e-12), (1.5, 24, 1e-12)])
def test_edge_against_forty_digits(s, n, rtol):
    """F_2 by the Airy kernel; F_1 and F_4 by their operator, from a plain LU."""
    with mpmath.workdps(40):
        length = mpmath.mpf(16 - s)
        rule = [(length * (x + 1) / 2, length * w / 2) for x, w in legendre(n)]
        a = [mpmath.airyai(x + s) for x, _ in rule]
        d = [mpmath.airyai(x + s, derivative=1) for x, _ in rule]

        def airy(i, j):
            x = rule[i][0]
            if i == j:
                return d[i] ** 2 - (x + s) * a[i] ** 2
            return (a[i] * d[j] - d[i] * a[j]) / (x - rule[j][0])

        assert TracyWidom(2).cdf(s) == pytest.approx(float(determinant(airy, rule)), rel=rtol)
        rule = [(2 * x, 2 * w) for x, w in rule]  # their operator reaches twice as far
        half = [
            [mpmath.airyai((rule[i][0] + rule[j][0]) / 2 + s) / 2 for j in range(i + 1)] for i in range(n)
        ]

        def ferrari_spohn(sign):
            return determinant(lambda i, j: sign * half[max(i, j)][min(i, j)], rule)

        less, more = ferrari_spohn(1), ferrari_spohn(-1)
        assert TracyWidom(1).cdf(s) == pytest.approx(float(less), rel=rtol)
        assert TracyWidom(4).cdf(s / math.sqrt(2)) == pytest.approx(float((less + more) / 2), rel=rtol)


# --- published values and exact cases -------------------------------------------------------------

PUBLISHED = {  # mean, variance, skewness, kurtosis: Bornemann, Markov Process. Related Fields 16 (2010) 803
    1: (-1.20653357458, 1.60778103458, 0.29346452408, 0.1652429384),
    2: (-1.77108680741, 0.81319479283, 0.22408420361, 0.0934480876),
    4: (-2.30688489324, 0.51772372077, 0.16550949435, 0.0491951565),
}


@each_beta
def test_tracy_widom_has_the_published_moments(beta):
    law = TracyWidom(beta)
    m, m2, m3, m4 = law.moments(4)
    v = m2 - m * m
    third, fourth = m3 - 3 * m * m2 + 2 * m**3, m4 - 4 * m * m3 + 6 * m * m * m2 - 3 * m**4
    found = (m, v, third / v**1.5, fourth / v**2 - 3)
    np.testing.assert_allclose(found, PUBLISHED[beta], rtol=0, atol=2e-10)


def test_spacings_have_the_published_moments():
    """Variances 0.2855306557, 0.1799938776 and 0.1041; the mean is 1 by construction of E, not imposed."""
    law = {b: GaudinSpacing(1.0, b) for b in (1, 2, 4)}
    for b, variance, digits in ((1, 0.2855306557, 1e-10), (2, 0.1799938776, 1e-10), (4, 0.1041, 5e-5)):
        assert law[b].expectation == pytest.approx(1, abs=1e-13)
        assert law[b].var == pytest.approx(variance, abs=digits)


@each_beta
def test_spacings_near_zero(beta):
    """π²s/6, π²s²/3 (1 − 2π²s²/15), 16π⁴s⁴/135 (Mehta); where the last is pieced together it is smooth."""
    s = np.array([1e-8, 1e-4])
    lead = {
        1: np.pi**2 * s / 6,
        2: np.pi**2 * s**2 / 3 * (1 - 2 * np.pi**2 * s**2 / 15),
        4: 16 * np.pi**4 * s**4 / 135,
    }
    law = GaudinSpacing(1.0, beta)
    np.testing.assert_allclose(law.pdf(s), lead[beta], rtol=1e-6 if beta == 4 else 2e-8)
    np.testing.assert_allclose(law.cdf(s[:1]), lead[beta][:1] * s[:1] / (beta + 1), rtol=1e-8)


def test_series_and_determinants_meet():
    """Where one takes over from the other they agree; a wrong coefficient would show."""
    c = np.array([8.5, 9.5])
    for a, b in zip(sine(c), sine_series(c), strict=True):
        np.testing.assert_allclose(a.log, b.log, atol=6e-8)
        np.testing.assert_allclose(a.slope, b.slope, rtol=2e-8)
        np.testing.assert_allclose(a.bend, b.bend, rtol=2e-8)
    s = np.array([-7.2, -6.9])
    for x, y in zip(soft(s), soft_series(s), strict=True):
        np.testing.assert_allclose(x, y, atol=3e-8)


def test_surmise_is_not_the_law():
    """The two differ by 0.0066 in the cdf: 2e5 spacings tell them apart."""
    sample = GaudinSpacing(2.0, 1).rvs(200_000, rng=1)
    with pytest.raises(AssertionError, match="KS distance"):
        assert_ks(sample, WignerSurmise(2.0).cdf)


CLOSED = [
    (0, 2, lambda s: np.exp(-s / 4)),
    (1, 2, lambda s: np.exp(-s / 4) * iv(0, np.sqrt(s))),
    (2, 2, lambda s: np.exp(-s / 4) * (iv(0, np.sqrt(s)) ** 2 - iv(1, np.sqrt(s)) ** 2)),
    (-0.5, 1, lambda s: np.exp(-s / 8 - np.sqrt(s) / 2)),
    (0, 1, lambda s: np.exp(-s / 8)),
    (1, 1, lambda s: np.exp(-s / 8) * hyp0f1(2, s / 4)),
    (1, 4, lambda s: np.exp(-s / 2) * np.cosh(np.sqrt(s))),
]


@pytest.mark.parametrize(("a", "beta", "sf"), CLOSED)
def test_hard_edge_closed_cases(a, beta, sf):
    """Edelman 1988 (β = 1), Forrester 1993: e^{−βs/8} ₀F₁(; 2/β; s/4) for a = 1."""
    law, s = HardEdge(a, beta), np.array([0.3, 1, 5, 15.0])
    np.testing.assert_allclose(law.sf(s), sf(s), rtol=2e-11)
    np.testing.assert_allclose(law.cdf(s), 1 - sf(s), rtol=1e-11, atol=2e-15)
    np.testing.assert_allclose(law.sf([60.0, 150.0]), sf(np.array([60.0, 150.0])), rtol=1e-5)


@pytest.mark.parametrize("a", [3, 8])
def test_hard_edge_of_whole_order(a):
    """β = 2: e^{−s/4} det I_{j−k}(√s), j, k < a (Forrester, Hughes 1994), 40 digits."""
    law = HardEdge(a, 2)
    with mpmath.workdps(40):
        for q, rtol in ((1e-12, 1e-11), (0.5, 1e-11), (1 - 1e-7, 1e-8)):
            s = mpmath.mpf(float(law.ppf(q)))
            entries = [[mpmath.besseli(j - k, mpmath.sqrt(s)) for k in range(a)] for j in range(a)]
            exact = mpmath.exp(-s / 4) * mpmath.det(mpmath.matrix(entries))
            assert law.sf(float(s)) == pytest.approx(float(exact), rel=rtol)
            assert law.cdf(float(s)) == pytest.approx(float(1 - exact), rel=1e-11)


@pytest.mark.parametrize(("a", "beta"), [(-0.3, 1), (0.2, 1), (-0.7, 2), (0.37, 2), (0.5, 4)])
def test_hard_edge_of_any_order(a, beta):
    """The table against determinants at points between its own, of more nodes."""
    order, times = {1: (2 * a + 1, 1), 2: (a, 1), 4: (a - 1, 4)}[beta]
    s = np.array([1e-6, 1e-3, 0.1, 0.77, 3.3, 11.1])
    log, slope = hard(times * s, order, 60).log(beta)
    law = HardEdge(a, beta)
    np.testing.assert_allclose(law.cdf(s)[2:], -np.expm1(log)[2:], rtol=0, atol=1e-11)
    np.testing.assert_allclose(law.pdf(s)[2:], (-times * slope * np.exp(log))[2:], rtol=1e-9)
    np.testing.assert_allclose(law.sf(s), np.exp(log), rtol=0, atol=1e-11)
    assert law.moment(0) == pytest.approx(1, abs=1e-10)


# --- matrices -------------------------------------------------------------------------------------


def hermite(n, beta, rng):
    """Tridiagonal matrix with P ∝ Π|x_i − x_j|^β exp(−Σx²/2) (Dumitriu, Edelman 2002)."""
    return rng.standard_normal(n), np.sqrt(rng.chisquare(beta * np.arange(n - 1, 0, -1)) / 2)


@each_beta
def test_matrices_of_size_200(beta):
    """One spacing at the middle and the largest eigenvalue of each: coarse, finite size is 1 %."""
    rng, n, count = np.random.default_rng(20 + beta), 200, 2000
    spacing, largest = np.empty(count), np.empty(count)
    for k in range(count):
        d, e = hermite(n, beta, rng)
        low, high = eigh_tridiagonal(d, e, True, "i", (n // 2 - 1, n // 2))
        middle, edge = (low + high) / 2, math.sqrt(2 * beta * n)
        spacing[k] = (high - low) * 2 * n / (math.pi * edge) * math.sqrt(1 - (middle / edge) ** 2)
        largest[k] = eigh_tridiagonal(d, e, True, "i", (n - 1, n - 1))[0]
    assert_ks(spacing, GaudinSpacing(1.0, beta).cdf)
    assert_ks(largest, TracyWidom.gaussian(n, beta).cdf)
    with pytest.raises(AssertionError, match="KS distance"):
        assert_ks(spacing, GaudinSpacing(1.0, {1: 2, 2: 4, 4: 2}[beta]).cdf)
    with pytest.raises(AssertionError, match="KS distance"):
        assert_ks(largest, TracyWidom({1: 2, 2: 4, 4: 2}[beta], *(largest.mean() + 2, largest.std())).cdf)


@pytest.mark.parametrize(("beta", "extra"), [(1, 0), (1, 2), (2, 1), (4, 1)])
def test_smallest_eigenvalue_of_matrices(beta, extra):
    """Bidiagonal matrices of Dumitriu and Edelman, n = 100, M = n + extra."""
    rng, n, count = np.random.default_rng(7), 60, 1000
    smallest = np.empty(count)
    for k in range(count):
        d = rng.chisquare(beta * (n + extra - np.arange(n)))
        e = rng.chisquare(beta * np.arange(n - 1, 0, -1))
        smallest[k] = eigh_tridiagonal(d + np.r_[0, e], np.sqrt(d[:-1] * e), True, "i", (0, 0))[0] / beta
    a = {1: (extra - 1) / 2, 2: extra, 4: 2 * extra + 1}[beta]
    size = n + a / beta  # the first correction in 1/n is a stretch (Edelman, Guionnet, Péché 2016)
    assert_ks(4 * size * smallest, HardEdge(a, beta).cdf)
    with pytest.raises(AssertionError, match="KS distance"):
        assert_ks(4 * size * smallest, HardEdge(a + 0.5, beta).cdf)


# --- fits and refusals ----------------------------------------------------------------------------


def test_fits_find_their_parameters():
    for law, fit in (
        (GaudinSpacing(1.3, 2), lambda x: GaudinSpacing.fit(x, beta=2)),
        (TracyWidom(1, 3.0, 0.5), lambda x: TracyWidom.fit(x, beta=1)),
        (HardEdge(0.5, 1, 0.2), lambda x: HardEdge.fit(x, a=0.5, beta=1)),
    ):
        found = fit(law.rvs(4000, rng=2))
        for name, error in found.se.items():
            if error > 0:
                assert abs(getattr(found.law, name) - getattr(law, name)) < 4.5 * error
        assert found.pvalue > 1e-3 and sum(e > 0 for e in found.se.values()) >= 1
    wrong = GaudinSpacing.fit(GaudinSpacing(1.3, 2).rvs(4000, rng=2), beta=1)
    assert wrong.pvalue < 1e-3


def test_refusals():
    for make in (GaudinSpacing, lambda beta: TracyWidom(beta), lambda beta: HardEdge(0, beta)):
        for beta in (3, 0, True, "2", 1.5):
            with pytest.raises((ValueError, TypeError), match="beta must be 1, 2 or 4"):
                make(beta=beta)
    for a, beta in ((-1, 2), (0, 4), (31, 1), (-0.6, 1)):
        with pytest.raises(ValueError, match="a must be >"):
            HardEdge(a, beta)
    with pytest.raises(ValueError, match="spacings must be"):
        GaudinSpacing.fit(np.linspace(-1, 1, 50))
    with pytest.raises(ValueError, match="s must be >= 0"):
        gap_probability(-1.0)
    for value in (0.0, -1.0, math.inf):
        with pytest.raises(ValueError, match="must be finite and > 0"):
            GaudinSpacing(value)
        with pytest.raises(ValueError, match="must be finite and > 0"):
            TracyWidom(1, 0, value)
