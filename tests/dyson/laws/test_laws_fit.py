"""Fits: estimates scatter as their errors say, p-values are uniform, bad samples are refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import chi2, norm

from dyson.laws import Gaussian, MarchenkoPastur, OnePairSemicircle, Semicircle, WignerSurmise
from tests.oracles import ALPHA, assert_ks

LAWS = [
    OnePairSemicircle(1.5, 0.7),
    WignerSurmise(1.3),
    Gaussian(-1.0, 2.0),
    Semicircle(0.3, 2.5),
    MarchenkoPastur(0.25, 1.7),
    MarchenkoPastur(2.0, 1.7),
]
each_law = pytest.mark.parametrize("law", LAWS, ids=str)
REPEATS = 1000


def gaussian_pairs(law, replicas, rng):
    """Both eigenvalues of each of the 2 × 2 matrices behind a one-pair semicircle."""
    matrix = law.sigma * rng.standard_normal((replicas, 2, 2))
    return law.center + np.linalg.eigvalsh((matrix + matrix.transpose(0, 2, 1)) / 2)


def pulls(law, fits, scale=1.0):
    """(estimate − truth)/error, shape (fits, parameters); errors multiplied by `scale`."""
    names = law.__dataclass_fields__
    return np.array(
        [[(getattr(f.law, p) - getattr(law, p)) / (scale * f.se[p]) for p in names] for f in fits]
    )


def assert_unit_pulls(pull):
    """Variance 1 (χ² test, with 5 % for the errors' own scatter) and mean 0 (with 0.1 for bias ∝ 1/√n)."""
    n = len(pull)
    low, high = chi2.ppf([ALPHA / 2, 1 - ALPHA / 2], n - 1) / (n - 1)
    assert np.all((pull.var(axis=0, ddof=1) > low * 0.95) & (pull.var(axis=0, ddof=1) < high * 1.05)), (
        f"variance of pulls {pull.var(axis=0, ddof=1)}, expected 1"
    )
    assert np.all(np.abs(pull.mean(axis=0)) < 0.1 + norm.isf(ALPHA / 2) / math.sqrt(n)), pull.mean(axis=0)


@pytest.fixture
def quick(monkeypatch):
    """Fits without their p-value: a thousand take a second."""
    monkeypatch.setattr("dyson.laws.fitting._pvalue", lambda *_: math.nan)


@each_law
def test_estimates_scatter_as_their_errors_say(law, quick):
    rng = np.random.default_rng(7)
    assert_unit_pulls(pulls(law, [type(law).fit(law.rvs(400, rng)) for _ in range(REPEATS)]))


def test_pairs_as_rows_have_the_right_error(quick):
    law, rng = OnePairSemicircle(1.5, 0.7), np.random.default_rng(8)
    samples = [gaussian_pairs(law, 300, rng) for _ in range(REPEATS)]
    assert_unit_pulls(pulls(law, [OnePairSemicircle.fit(x) for x in samples]))
    # the same values twice: no new information, if the fit is told that they belong together
    twice = [np.repeat(x, 2, axis=1) for x in samples]
    assert_unit_pulls(pulls(law, [OnePairSemicircle.fit(x) for x in twice[:200]]))
    with pytest.raises(AssertionError, match="variance of pulls"):
        assert_unit_pulls(pulls(law, [OnePairSemicircle.fit(x.ravel()) for x in twice]))


@each_law
def test_p_values_are_uniform(law):
    """A uniform p has mean 1/2 ± 0.29/√n; 0.02 for n = 300 being short of ∞."""
    rng = np.random.default_rng(9)
    p = np.array([type(law).fit(law.rvs(300, rng)).pvalue for _ in range(120)])
    assert abs(p.mean() - 0.5) < 0.02 + norm.isf(ALPHA / 2) * math.sqrt(1 / 12 / p.size)
    assert np.mean(p < 0.05) < 0.05 + norm.isf(ALPHA / 2) * math.sqrt(0.05 / p.size)


def test_p_values_of_pairs_are_uniform():
    law, rng = OnePairSemicircle(1.5, 0.7), np.random.default_rng(9)
    p = np.array([OnePairSemicircle.fit(gaussian_pairs(law, 300, rng)).pvalue for _ in range(120)])
    assert_ks(p, lambda u: np.clip(u, 0, 1))


def test_the_pull_test_can_fail(quick):
    law, rng = Gaussian(0.0, 1.0), np.random.default_rng(7)
    fits = [Gaussian.fit(law.rvs(400, rng)) for _ in range(REPEATS)]
    with pytest.raises(AssertionError, match="variance of pulls"):
        assert_unit_pulls(pulls(law, fits, scale=math.sqrt(2)))
    biased = Gaussian(0.0, 1.0 / math.sqrt(2))  # the factor of two in σ²
    with pytest.raises(AssertionError):
        assert_unit_pulls(pulls(biased, fits))


def test_errors_are_those_of_fisher_information():
    n = 200_000
    fit = Gaussian.fit(Gaussian(1.0, 2.0).rvs(n, 1))
    assert fit.se["mean"] == pytest.approx(2 / math.sqrt(n), rel=0.02)
    assert fit.se["sigma"] == pytest.approx(2 / math.sqrt(2 * n), rel=0.02)
    fit = WignerSurmise.fit(WignerSurmise(3.0).rvs(n, 1))
    assert fit.se["mean"] == pytest.approx(3 / (2 * math.sqrt(n)), rel=0.02)
    law = OnePairSemicircle(0.0, 1.0)
    fit = OnePairSemicircle.fit(law.rvs(n, 1))
    x, h = np.linspace(-9, 9, 20_001), 1e-5
    for name, up, down in (
        ("center", OnePairSemicircle(h, 1), OnePairSemicircle(-h, 1)),
        ("sigma", OnePairSemicircle(0, 1 + h), OnePairSemicircle(0, 1 - h)),
    ):
        score = (np.log(up.pdf(x)) - np.log(down.pdf(x))) / (2 * h)
        fisher = np.sum(score**2 * law.pdf(x)) * (x[1] - x[0])
        assert fit.se[name] == pytest.approx(1 / math.sqrt(n * fisher), rel=0.02)


def test_one_pair_estimate_is_the_maximum():
    sample = OnePairSemicircle(4.0, 0.1).rvs(1000, 2)
    best = OnePairSemicircle.fit(sample).law
    top = np.log(best.pdf(sample)).sum()
    for d_center, d_sigma in [(1e-4, 0), (-1e-4, 0), (0, 1e-4), (0, -1e-4)]:
        other = OnePairSemicircle(best.center + d_center, best.sigma + d_sigma)
        assert np.log(other.pdf(sample)).sum() < top


@each_law
def test_scale_and_order_do_not_matter(law):
    sample = law.rvs(500, 5)
    fit, again = type(law).fit(sample), type(law).fit(sample[::-1] * 2.0**-40)
    width = list(law.__dataclass_fields__)[-1]
    assert getattr(again.law, width) * 2.0**40 == pytest.approx(getattr(fit.law, width), rel=1e-9)
    assert again.se[width] * 2.0**40 == pytest.approx(fit.se[width], rel=1e-6)
    assert again.distance == pytest.approx(fit.distance, abs=1e-9)
    assert again.pvalue == pytest.approx(fit.pvalue, abs=0.01)
    assert type(law).fit(sample) == fit


def test_a_wrong_law_is_refused():
    pair = OnePairSemicircle(0.0, 1.0).rvs(20_000, 3)
    assert OnePairSemicircle.fit(pair).pvalue > 0.002
    assert Gaussian.fit(pair).pvalue < 0.002
    assert Semicircle.fit(pair).pvalue < 0.002
    assert WignerSurmise.fit(np.abs(pair)).pvalue < 0.002
    assert OnePairSemicircle.fit(Gaussian(0, 1).rvs(20_000, 3)).pvalue < 0.002
    assert MarchenkoPastur.fit(np.abs(pair)).pvalue < 0.002


def test_two_far_clusters_and_outliers_do_not_hang_the_fit():
    rng = np.random.default_rng(1)
    for sample in (
        np.r_[rng.normal(-50, 0.1, 100), rng.normal(50, 0.1, 100)],
        np.r_[rng.normal(size=100), 1e6],
        rng.standard_cauchy(1000),
        np.r_[np.zeros(99), 1.0],
    ):
        fit = OnePairSemicircle.fit(sample)
        assert fit.law.sigma > 0 and np.isfinite(list(fit.se.values())).all()
    assert fit.pvalue < 0.01


def test_distance_is_the_largest_deviation_on_both_sides_of_every_value():
    law = Gaussian(0.3, 1.2)
    sample = np.round(law.rvs(200, 6), 1)  # with ties
    fit = Gaussian.fit(sample)
    values = np.unique(sample)
    at = np.array([np.mean(sample <= v) for v in values]) - fit.law.cdf(values)
    below = np.array([np.mean(sample < v) for v in values]) - fit.law.cdf(values)
    assert fit.distance == pytest.approx(max(np.abs(at).max(), np.abs(below).max()), abs=1e-14)


def test_marchenko_pastur_from_matrices():
    m, n, v = 50, 100, 1.3
    w = math.sqrt(v) * np.random.default_rng(4).standard_normal((200, m, n))
    x = np.linalg.eigvalsh(w.transpose(0, 2, 1) @ w / m)  # half of them zero up to rounding
    free, fixed = MarchenkoPastur.fit(x), MarchenkoPastur.fit(x, ratio=n / m)
    assert free.law.ratio == pytest.approx(2, abs=0.05) and free.n == 200
    assert fixed.law.ratio == 2.0 and fixed.se["ratio"] == 0.0
    # Var of tr X / N is 2 v²/(M N): far below that of M N independent values
    assert fixed.se["variance"] == pytest.approx(v * math.sqrt(2 / (m * n * 200)), rel=0.2)
    assert fixed.distance < 0.02


def test_report_line():
    line = str(OnePairSemicircle.fit(OnePairSemicircle(1.0, 0.5).rvs(5000, 1)))
    assert (
        line.startswith("OnePairSemicircle(center=") and "±" in line and "n = 5000" in line and "p = " in line
    )


@each_law
def test_samples_that_cannot_support_a_fit(law):
    good = law.rvs(100, 1)
    fit = type(law).fit
    for bad, message in (
        (good[:29], "at least 30 independent rows"),
        ([], "at least 30 independent rows"),
        (np.empty((40, 0)), "at least 30 independent rows"),
        (np.r_[good, np.nan], "1 of 101 values are NaN or infinite"),
        (np.r_[good, np.inf, -np.inf], "2 of 102 values are NaN or infinite"),
        (np.full(50, 0.1), "all 50 values equal 0.1"),
        (np.zeros(50), "all 50 values equal 0"),
        (good.reshape(5, 5, 4), r"shape \(n,\) or \(n, m\)"),
        (good * 1e150, "change units"),
        (good * 1e-150, "change units"),
        (3.0, r"shape \(n,\) or \(n, m\)"),
    ):
        with pytest.raises(ValueError, match=message):
            fit(bad)
    for bad in (["a"] * 30, [None] * 30, np.ones(30, bool), np.ones(30) * 1j):
        with pytest.raises(TypeError, match="array of real numbers"):
            fit(bad)


def test_negative_values_where_there_can_be_none():
    sample = np.r_[np.ones(30), -0.1]
    with pytest.raises(ValueError, match=r"spacings must be ≥ 0, got -0.1"):
        WignerSurmise.fit(sample)
    with pytest.raises(ValueError, match=r"must be ≥ 0, got -0.1"):
        MarchenkoPastur.fit(sample)
    with pytest.raises(ValueError, match="ratio must be finite and > 0"):
        MarchenkoPastur.fit(np.arange(30.0), ratio=-1)
