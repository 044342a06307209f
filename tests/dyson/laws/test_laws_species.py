"""Pairs of two species and symmetric 2 × 2 matrices: exact limits, independent integrals, drawn matrices."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.special import erf

from dyson.laws import (
    OnePairSemicircle,
    PairSpacing,
    SymmetricPair,
    SymmetricPairSpacing,
    TwoSpeciesSemicircle,
    WignerSurmise,
)
from tests.dyson.laws.test_laws_fit import assert_unit_pulls, pulls
from tests.oracles import assert_ks, assert_mean

LINE = [
    TwoSpeciesSemicircle(0.0, 2.0, 1.0),
    TwoSpeciesSemicircle(0.0, 1.0, 0.01),
    TwoSpeciesSemicircle(0.0, 1.0, 0.2, 0.5),
    TwoSpeciesSemicircle(0.0, 0.01, 1.0, -3.0),
    SymmetricPair(0.0, 2.0, 1.0, 0.7),
    SymmetricPair(0.0, 1.0, 0.01, 0.3),
    SymmetricPair(0.0, 0.01, 0.01, 1.0),
]
SPACINGS = [
    PairSpacing(1.0),
    PairSpacing(0.5, 8.0),
    SymmetricPairSpacing(1, 0.3, 2),
    SymmetricPairSpacing(1, 2, 0.01),
]


def matrices(sd11, sd22, sd12, n, rng):
    """Both eigenvalues of n drawn matrices, by LAPACK."""
    m = np.empty((n, 2, 2))
    m[:, 0, 0], m[:, 1, 1] = sd11 * rng.standard_normal(n), sd22 * rng.standard_normal(n)
    m[:, 0, 1] = m[:, 1, 0] = sd12 * rng.standard_normal(n)
    return np.linalg.eigvalsh(m)


def pair_density(x, sigma1, sigma2, gap):
    """½ ∫ dy [P(x, y) + P(y, x)], by nested quadrature of the joint law as it is defined."""

    def joint(a, b):
        return abs(a - b) * math.exp(
            -0.5 * ((a - gap / 2) / sigma1) ** 2 - 0.5 * ((b + gap / 2) / sigma2) ** 2
        )

    def whole(f, kink):
        reach = 12 * max(sigma1, sigma2) + abs(gap)
        return sum(quad(f, *ends, epsabs=1e-14, limit=200)[0] for ends in ((-reach, kink), (kink, reach)))

    norm = whole(lambda a: whole(lambda b: joint(a, b), a), 0.0)
    return 0.5 * whole(lambda b: joint(x, b) + joint(b, x), x) / norm


def matrix_density(x, sd11, sd22, sd12, angles=20_000):
    """The density of M = x nnᵀ + y (1 − nnᵀ) with its Jacobian |x − y|, over y and the angle of n."""
    theta = (np.arange(angles) + 0.5) * math.pi / angles
    c, s = np.cos(theta), np.sin(theta)
    weight = (sd11**-2, sd22**-2, sd12**-2)
    slope, value = (s * s, c * c, -c * s), (c * c * x, s * s * x, c * s * x)
    a = sum(w * k * k for w, k in zip(weight, slope, strict=True))
    b = -sum(w * k * v for w, k, v in zip(weight, slope, value, strict=True))
    rest = sum(w * v * v for w, v in zip(weight, value, strict=True)) - b * b / a
    d = (b / a - x) * np.sqrt(a)
    mean = (np.sqrt(2 / math.pi) * np.exp(-d * d / 2) + d * erf(d / math.sqrt(2))) / np.sqrt(a)
    total = np.sum(mean * np.sqrt(2 * math.pi / a) * np.exp(-rest / 2))
    return 0.5 * total * math.pi / angles / ((2 * math.pi) ** 1.5 * sd11 * sd22 * sd12)


def test_generalised_semicircle_is_the_published_formula():
    def f(x, a, b):
        bracket = 2 * b**2 * np.exp(-(x**2) / (2 * b**2))
        bracket = bracket + math.sqrt(2 * math.pi) * b * x * erf(x / (math.sqrt(2) * b))
        return (
            np.exp(-(x**2) / (2 * a**2)) * bracket / (2 * math.sqrt(2 * math.pi) * a * b * math.hypot(a, b))
        )

    x = np.linspace(-5, 5, 101)
    for a, b in ((1.0, 0.5), (0.7, 1.9), (1.0, 0.03)):
        want = (f(x, a, b) + f(x, b, a)) / 2
        np.testing.assert_allclose(TwoSpeciesSemicircle(0, a, b).pdf(x), want, rtol=1e-11)


@pytest.mark.parametrize("gap", [0.0, 0.6, -2.0])
def test_pair_density_is_the_integral_of_the_joint_law(gap):
    law = TwoSpeciesSemicircle(0.0, 1.3, 0.6, gap)
    for x in (-1.7, 0.2, 1.0):
        assert law.pdf(x) == pytest.approx(pair_density(x, 1.3, 0.6, gap), rel=1e-9)
    assert law.pdf(0.3) != pytest.approx(pair_density(0.3, 1.3, 0.61, gap), rel=1e-4)


def test_a_small_gap_joins_no_gap():
    x = np.linspace(-4, 4, 41)
    near, none = TwoSpeciesSemicircle(0, 1, 0.4, 1e-9), TwoSpeciesSemicircle(0, 1, 0.4)
    for name in ("pdf", "cdf", "sf"):
        np.testing.assert_allclose(getattr(near, name)(x), getattr(none, name)(x), rtol=1e-8)
    np.testing.assert_allclose(near.moments(8), none.moments(8), atol=1e-6)
    np.testing.assert_allclose(near.ppf([1e-200, 0.3, 0.9]), none.ppf([1e-200, 0.3, 0.9]), rtol=1e-8)


def test_equal_widths_are_one_species():
    x, pair = np.linspace(-6, 6, 61) * 0.7, OnePairSemicircle(0.0, 0.7)
    for law in (TwoSpeciesSemicircle(0, 0.7, 0.7), SymmetricPair(0, 0.7, 0.7, 0.7 / math.sqrt(2))):
        np.testing.assert_allclose(law.pdf(x), pair.pdf(x), rtol=1e-12)
        np.testing.assert_allclose(law.cdf(x), pair.cdf(x), rtol=1e-12)
        np.testing.assert_allclose(law.moments(10), pair.moments(10), rtol=1e-12)
    s, surmise = np.linspace(0, 6, 61), WignerSurmise.from_sigma(0.7)
    for law in (PairSpacing(0.7), SymmetricPairSpacing(0.7, 0.7, 0.7 / math.sqrt(2))):
        np.testing.assert_allclose(law.pdf(s), surmise.pdf(s), rtol=1e-12)
        np.testing.assert_allclose(law.cdf(s), surmise.cdf(s), rtol=1e-12)
        np.testing.assert_allclose(law.sf(s), surmise.sf(s), rtol=1e-12)


@pytest.mark.parametrize(
    "sds",
    [(1, 1, 0.5), (2, 1, 0.7), (1, 0.01, 0.01), (1, 0.01, 1), (0.01, 0.01, 1), (1, 1, 0.01), (1, 0.3, 0.001)],
)
def test_matrix_density_against_its_eigenvectors(sds):
    law = SymmetricPair(0.0, *sds)
    x = np.array([0.003, 0.3, 1.0, 3.0]) * max(sds)
    want = [matrix_density(v, *sds) for v in x]
    np.testing.assert_allclose(law.pdf(x), want, rtol=1e-12)
    spacing = SymmetricPairSpacing(*sds)
    for a, b in ((0.0, 0.2), (0.2, 1.5)):
        mass = quad(spacing.pdf, a * max(sds), b * max(sds), epsabs=1e-14, limit=300)[0]
        step = spacing.cdf(b * max(sds)) - spacing.cdf(a * max(sds))
        assert step == pytest.approx(mass, abs=2e-12)


def test_off_diagonal_of_no_size_leaves_two_normal_entries():
    x = np.linspace(-3, 3, 13)
    bell = sum(np.exp(-0.5 * (x / s) ** 2) / (s * math.sqrt(2 * math.pi)) for s in (1.0, 0.4)) / 2
    np.testing.assert_allclose(SymmetricPair(0, 1, 0.4, 1e-5).pdf(x), bell, rtol=1e-5)


@pytest.mark.parametrize("law", [*LINE, *SPACINGS], ids=str)
def test_tails_keep_their_relative_accuracy(law):
    q = 10.0 ** -np.array([1.0, 5, 30, 100, 290])
    np.testing.assert_allclose(law.cdf(law.ppf(q)), q, rtol=1e-11)
    if law.support[0] < 0 and getattr(law, "gap", 0) == 0:
        np.testing.assert_allclose(law.sf(-law.ppf(q)), q, rtol=1e-11)
    x = law.ppf(q[:4])
    h = 1e-5 * np.minimum(np.abs(x), math.sqrt(law.var) / 10)
    np.testing.assert_allclose((law.cdf(x + h) - law.cdf(x - h)) / (2 * h), law.pdf(x), rtol=1e-4)
    upper = x[1] + 2 * abs(law.expectation - x[1]) + np.array([0.0, 3.0, 6.0]) * math.sqrt(law.var)
    h = 1e-5 * math.sqrt(law.var)
    np.testing.assert_allclose((law.sf(upper - h) - law.sf(upper + h)) / (2 * h), law.pdf(upper), rtol=1e-4)


def test_laws_of_drawn_matrices():
    sds = (1.0, 0.4, 0.6)
    x = matrices(*sds, 100_000, np.random.default_rng(1))
    either = np.where(np.random.default_rng(2).random(len(x)) < 0.5, x[:, 0], x[:, 1])
    assert_ks(either, SymmetricPair(0, *sds).cdf)
    assert_ks(x[:, 1] - x[:, 0], SymmetricPairSpacing(*sds).cdf)
    assert_mean(x[:, 1] - x[:, 0], SymmetricPairSpacing(*sds).expectation)
    with pytest.raises(AssertionError):
        assert_ks(x[:, 1] - x[:, 0], SymmetricPairSpacing(1.0, 0.4, 0.63).cdf)
    for law in (SymmetricPair(0.3, *sds), SymmetricPairSpacing(*sds), *LINE[:4], *SPACINGS):
        assert_ks(law.rvs(50_000, 3), law.cdf)


TABLE = [
    (1.5, 1.87, 1.46, 0.006, 0.008, 0.007),
    pytest.param(2.0, 1.81, 1.19, 0.015, 0.021, 0.015, marks=pytest.mark.slow),
    (3.0, 1.76, 0.93, 0.029, 0.042, 0.033),
]


def distance_of_least_squares(x, values, rank):
    """Of one species fitted to a histogram's heights, which weighs the middle more than likelihood does."""
    heights, edges = np.histogram(x, 200, density=True)
    middle = (edges[1:] + edges[:-1]) / 2
    misfit = lambda s: np.sum((OnePairSemicircle(0, s).pdf(middle) - heights) ** 2)  # noqa: E731
    sigma = minimize_scalar(misfit, bounds=(0.5, 3), method="bounded").x
    return np.abs(OnePairSemicircle(0, sigma).cdf(values) - rank).max()


@pytest.mark.parametrize("ratio, sigma1, sigma2, squares, one, naive", TABLE)
def test_published_distances_of_matrices_of_two_species(ratio, sigma1, sigma2, squares, one, naive):
    """M = δ + δᵀ, rows of δ of widths 1 and 1/ratio: the shape is right, the widths 2 s_a are not."""
    second = 1 / ratio
    x = matrices(2.0, 2 * second, math.hypot(1, second), 150_000, np.random.default_rng(5))
    fit = TwoSpeciesSemicircle.fit(x)
    assert fit.law.sigma1 == pytest.approx(sigma1, abs=0.02) and fit.law.sigma2 == pytest.approx(
        sigma2, abs=0.03
    )
    assert fit.distance < 0.003
    assert OnePairSemicircle.fit(x).distance == pytest.approx(one, abs=0.0015)
    values = np.sort(x, axis=None)
    rank = (np.arange(values.size) + 0.5) / values.size
    assert distance_of_least_squares(x, values, rank) == pytest.approx(squares, abs=0.0015)
    distance = np.abs(TwoSpeciesSemicircle(0, 2.0, 2 * second).cdf(values) - rank).max()
    assert distance == pytest.approx(naive, abs=0.002)
    exact = np.abs(
        SymmetricPair(0, 2.0, 2 * second, math.hypot(1, second)).cdf(values[::50]) - rank[::50]
    ).max()
    assert exact < 2.5 / math.sqrt(len(x))


@pytest.fixture
def quick(monkeypatch):
    """Fits without their p-value."""
    monkeypatch.setattr("dyson.laws.fitting._pvalue", lambda *_: math.nan)


def two_species_rows(law, n, rng):
    """Both particles of each pair, from their joint law at gap = 0."""
    omega = math.hypot(law.sigma1, law.sigma2)
    r = omega * np.sqrt(2 * rng.standard_exponential(n)) * rng.choice([-1, 1], n)
    common = law.sigma1 * law.sigma2 / omega * rng.standard_normal(n)
    shares = np.array([law.sigma1**2, -(law.sigma2**2)]) / omega**2
    return law.center + common[:, None] + r[:, None] * shares


def test_two_species_estimates_scatter_as_their_errors_say(quick):
    law, rng = TwoSpeciesSemicircle(1.5, 2.0, 0.5), np.random.default_rng(3)
    fits = [TwoSpeciesSemicircle.fit(two_species_rows(law, 3000, rng)) for _ in range(80)]
    assert all(f.se["gap"] == 0 for f in fits)
    names = ("center", "sigma1", "sigma2")
    pull = np.array([[(getattr(f.law, k) - getattr(law, k)) / f.se[k] for k in names] for f in fits])
    assert_unit_pulls(pull)
    with pytest.raises(AssertionError):
        assert_unit_pulls(pull / 2)


@pytest.mark.parametrize(
    "law, n", [(PairSpacing(0.7, 3.0), 1000), (SymmetricPairSpacing(2.0, 2.0, 0.5), 1000)], ids=str
)
def test_spacing_estimates_scatter_as_their_errors_say(law, n, quick):
    rng = np.random.default_rng(4)
    assert_unit_pulls(pulls(law, [type(law).fit(law.rvs(n, rng)) for _ in range(150)]))


def test_matrix_estimates_scatter_as_their_errors_say(quick):
    law, rng = SymmetricPair(0.0, 2.0, 0.7, 1.0), np.random.default_rng(5)
    fits = [SymmetricPair.fit(matrices(2.0, 0.7, 1.0, 3000, rng)) for _ in range(200)]
    assert_unit_pulls(pulls(law, fits))
    equal = SymmetricPair(0.0, 1.0, 1.0, 1.5)
    fits = [SymmetricPair.fit(matrices(1.0, 1.0, 1.5, 1000, rng), equal=True) for _ in range(200)]
    assert_unit_pulls(pulls(equal, fits))


def test_p_values_of_right_and_wrong_laws():
    rng = np.random.default_rng(6)
    pairs = two_species_rows(TwoSpeciesSemicircle(1.0, 2.0, 0.5), 20_000, rng)
    assert TwoSpeciesSemicircle.fit(pairs).pvalue > 0.01 > OnePairSemicircle.fit(pairs).pvalue
    x = matrices(2.0, 0.5, 0.8, 20_000, rng)
    assert SymmetricPair.fit(x).pvalue > 0.01
    assert PairSpacing.fit(PairSpacing(1.0, 3.0).rvs(5000, 1)).pvalue > 0.01
    held = PairSpacing.fit(PairSpacing(1.0, 1.0).rvs(5000, 1), gap=1.0)
    assert held.se["gap"] == 0 and abs(held.law.sigma - 1) < 5 * held.se["sigma"]
    assert "±" in str(held)
    hoyt = SymmetricPairSpacing.fit(x[:, 1] - x[:, 0], wider="off-diagonal")
    assert hoyt.pvalue > 0.01 and 2 * hoyt.law.sd12 > math.hypot(hoyt.law.sd11, hoyt.law.sd22)


def test_one_species_is_refused_a_second(quick):
    """Of 60 samples each of the simpler law, at most two are taken for the richer one (0.1 % expected)."""
    rng = np.random.default_rng(7)
    goe = (1.0, 1.0, math.sqrt(0.5))
    cases = (
        (TwoSpeciesSemicircle, lambda: matrices(*goe, 1000, rng), "OnePairSemicircle"),
        (PairSpacing, lambda: WignerSurmise(1.0).rvs(1000, rng), "WignerSurmise"),
        (SymmetricPairSpacing, lambda: WignerSurmise(1.0).rvs(1000, rng), "WignerSurmise"),
        (SymmetricPair, lambda: matrices(*goe, 1000, rng), "equal=True"),
    )
    for law, draw, instead in cases:
        messages = []
        for _ in range(60):
            try:
                law.fit(draw())
            except ValueError as error:
                messages.append(str(error))
        assert len(messages) >= 58
        assert all(instead in m and "rows" in m and "errors" in m and "\n" not in m for m in messages)


def test_more_rows_show_what_few_do_not(quick):
    rng, law = np.random.default_rng(8), TwoSpeciesSemicircle(0.0, 1.5, 1.0)
    with pytest.raises(ValueError, match=r"do not show log²\(σ₁/σ₂\)"):
        TwoSpeciesSemicircle.fit(two_species_rows(law, 300, rng))
    fit = TwoSpeciesSemicircle.fit(two_species_rows(law, 60_000, rng)).law
    assert fit.sigma1 == pytest.approx(1.5, abs=0.05) and fit.sigma2 == pytest.approx(1.0, abs=0.05)
    # the same values twice tell nothing new
    rows = two_species_rows(law, 300, rng)
    with pytest.raises(ValueError, match="300 rows do not show"):
        TwoSpeciesSemicircle.fit(np.repeat(rows, 30, axis=1))


def test_refusals():
    x = matrices(2.0, 0.5, 0.8, 100, np.random.default_rng(9))
    with pytest.raises(ValueError, match=r"shape \(n, 2\), got rows of 1"):
        SymmetricPair.fit(x.ravel())
    with pytest.raises(ValueError, match=r"sd12² = .* not 3 errors above 0"):
        SymmetricPair.fit(matrices(2.0, 0.5, 1e-3, 100, np.random.default_rng(9)))
    with pytest.raises(TypeError, match="equal must be True or False"):
        SymmetricPair.fit(x, equal=1)
    with pytest.raises(ValueError, match="unknown wider"):
        SymmetricPairSpacing.fit(np.abs(x), wider="both")
    for law in (PairSpacing, SymmetricPairSpacing):
        with pytest.raises(ValueError, match="spacings must be ≥ 0"):
            law.fit(-np.abs(x))
    with pytest.raises(ValueError, match="gap must be finite and >= 0"):
        PairSpacing(1.0, -1.0)
    with pytest.raises(ValueError, match="gap must be finite, got nan"):
        TwoSpeciesSemicircle(0.0, 1.0, 1.0, math.nan)
    for make in (lambda v: TwoSpeciesSemicircle(0, 1, v), lambda v: SymmetricPair(0, 1, 1, v), PairSpacing):
        for value in (0.0, -1.0, math.inf):
            with pytest.raises(ValueError, match="must be finite and > 0"):
                make(value)


def test_outliers_and_clusters_do_not_hang_the_fit():
    rng = np.random.default_rng(1)
    clusters = np.r_[rng.normal(-50, 0.1, 100), rng.normal(50, 0.1, 100)]
    outlier = np.r_[rng.normal(size=100), 1e6]
    for sample in (clusters, outlier, rng.standard_cauchy(1000), np.r_[np.zeros(99), 1.0]):
        for law in (TwoSpeciesSemicircle, PairSpacing, SymmetricPairSpacing):
            try:
                fit = law.fit(np.abs(sample) if law is not TwoSpeciesSemicircle else sample)
                assert np.isfinite(list(fit.se.values())).all()
            except ValueError as error:
                assert "\n" not in str(error)
