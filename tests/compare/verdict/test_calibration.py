"""The whole check on data of a known law: intervals cover, p-values are uniform, errors are found."""

from __future__ import annotations

import importlib
import math
import os

import numpy as np
import pytest
from scipy.stats import binom, chi, kstest, kstwo

from compare import calibration, check
from compare.layout.align import align
from compare.verdict.calibration import (
    CENTRE,
    RATE,
    SIGMA,
    TARGET,
    TIME,
    closed_form,
    draw,
    false_alarms,
    summary,
)
from compare.verdict.families import jointly
from dyson import LinearSGD
from dyson.laws import OnePairSemicircle, WignerSurmise
from tests.oracles import ALPHA, assert_ks, assert_mean

LAWS = ("spacing law", "density law")
"""Their bands are bounds: they cover more, and their p-values are too large."""

MODULE = importlib.import_module("compare.measure.statistics")  # the package has a function of this name

ZERO = 1e-9
"""A margin of nothing: every row tests a deviation of 0."""


def scalars(result) -> list[dict]:
    return [r for r in summary(result) if r["quantity"] not in LAWS]


def assert_calibrated(result) -> None:
    """Coverage within what so many repetitions allow, and uniform p-values; a thousand: 93.5 to 96.5 %."""
    repetitions = result.sizes["repetition"]
    for r in scalars(result):
        # Rows of one repetition depend on each other: its share counts once, with its own scatter, which
        # small samples may miss; that of a single row is √(0.05 · 0.95).
        se = max(r["coverage_se"], math.sqrt(0.05 * 0.95 / r["rows"] / repetitions))
        assert abs(r["coverage"] - 0.95) < max(0.015, 4.5 * se), r
        assert r["uniform"] > 1e-4, r
    for r in summary(result):
        if r["quantity"] in LAWS:
            assert r["coverage"] > 0.95 - 4.5 * math.sqrt(0.05 * 0.95 / repetitions), r


@pytest.fixture(scope="module")
def quick():
    return calibration(60, margin=ZERO, seed=5)


def test_a_few_repetitions(quick):
    assert_calibrated(quick)
    rows = {(r["level"], r["quantity"]): r["rows"] for r in summary(quick)}
    assert len(rows) == 15 and sum(rows.values()) == 54
    for (level, family), (share, any_row) in false_alarms(quick).items():
        assert share <= any_row
        if family != "none" and level != "sgd":
            assert any_row <= binom.isf(ALPHA, 60, 0.05) / 60


def test_halved_errors_are_noticed(monkeypatch):
    """Intervals half as wide cover 67 %: the assertion above must fail."""
    honest = MODULE.jackknife_error
    monkeypatch.setattr(MODULE, "jackknife_error", lambda *a: honest(*a) / 2)
    planted = calibration(30, margin=ZERO, seed=5)
    assert all(r["coverage"] < 0.9 for r in scalars(planted))
    with pytest.raises(AssertionError):
        assert_calibrated(planted)


def test_a_wrong_mean_is_noticed(monkeypatch):
    """Theory off by three standard errors in one quantity."""
    honest = MODULE.Ensemble.mean_spacing
    monkeypatch.setattr(MODULE.Ensemble, "mean_spacing", lambda self: 1.05 * honest(self))
    with pytest.raises(AssertionError, match="mean spacing"):
        assert_calibrated(calibration(30, margin=ZERO, seed=5, theory_replicas=100))


def test_true_theory_is_not_rejected_at_the_default_margins():
    found = calibration(20, seed=6, confidence=0.99)
    assert not found.differs.any()
    agrees = {(r["level"], r["quantity"]): r["agrees"] for r in summary(found)}
    assert agrees["pair", "mean eigenvalue"] == agrees["pair", "spacing ratio"] == 1.0


def test_errors_of_theory_are_found_where_they_act():
    """10 % in g moves widths and spacings, 10 % in k growth times, β = 2 the shape of a pair."""
    found = {}
    for name, options in {"g": {"noise": 1.1}, "k": {"rate": 1.1}, "beta": {"beta": 2}}.items():
        rows = summary(calibration(12, seed=7, margin=0.01, **options))
        found[name] = {r["quantity"]: r["differs"] for r in rows if r["level"] == "pair"}
    assert found["g"]["width"] > 0.9 and found["g"]["mean spacing"] > 0.9
    assert found["g"]["growth time"] < 0.1 and found["g"]["spacing ratio"] < 0.2
    assert found["k"]["growth time"] > 0.9 and found["k"]["spacing ratio"] < 0.2
    assert found["beta"]["spacing ratio"] > 0.9 and found["beta"]["mean spacing"] > 0.9


def test_families_are_those_of_check():
    """What `calibration` makes of the rows is what `check` says."""
    from compare.verdict.calibration import _rows

    setting = {
        "replicas": 40, "theory_replicas": 60, "seed": 3, "noise": 1.1, "rate": 1.0, "beta": 1,
        "margin": 0.01, "confidence": 0.9,
    }  # fmt: skip
    for repetition in range(3):
        plain = _rows(repetition, **setting)
        for family in ("holm", "benjamini-hochberg"):
            assert jointly(plain, 0.9, family) == _rows(repetition, **setting, family=family)


def test_workers_change_nothing():
    one, two = (calibration(4, 20, 30, seed=1, workers=w) for w in (1, 2))
    assert one.identical(two)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"repetitions": 0}, "repetitions must be >= 1"),
        ({"replicas": 1}, "replicas must be >= 2"),
        ({"noise": -1.0}, "noise must be"),
        ({"rate": math.nan}, "rate must be"),
        ({"beta": 4}, "beta must be 1 or 2, got 4"),
        ({"confidence": 1.0}, "confidence must be"),
        ({"repetitions": 2, "margin": -1.0}, "margin of .* must be a finite number > 0"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        calibration(**options)


@pytest.mark.parametrize("beta", [1, 2])
def test_the_ensemble_has_the_law_it_is_said_to_have(beta):
    x = draw(np.random.default_rng(1), 4000, beta)
    assert x.shape == (4000, TIME.size, TARGET.size) and (np.diff(x, axis=-1) <= 0).all()
    for t in (3, 8, TIME.size - 1):
        age = 1 - np.exp(-2 * RATE * TIME[t])
        spacing = (x[:, t, 1] - x[:, t, 2]) / (SIGMA[1] * np.sqrt(age[1]))
        assert_ks(spacing / np.sqrt(2), chi(beta + 1).cdf)
        mean = CENTRE[3] * (1 - np.exp(-RATE[3] * TIME[t]))
        assert_mean(x[:, t, 5], mean)
        assert_mean((x[:, t, 5] - mean) ** 2, SIGMA[3] ** 2 * age[3])
    if beta == 1:
        assert_ks(x[:, -1, 3] - x[:, -1, 4], WignerSurmise.from_sigma(SIGMA[2]).cdf)
        one = np.where(np.arange(4000) % 2, x[:, -1, 3], x[:, -1, 4])
        assert_ks(one, OnePairSemicircle(CENTRE[2], SIGMA[2]).cdf)
        form = closed_form()
        for t in range(3, TIME.size):
            for mode in range(6):
                assert_mean(x[:, t, mode], float(form.mean_path[t, mode]))
    correlation = np.corrcoef(x[:, -1, 5], x[:, -2, 5])[0, 1]
    assert abs(np.arctanh(correlation) - np.arctanh(np.exp(-RATE[3]))) < 4.5 / np.sqrt(4000)


def test_the_ensemble_is_that_of_a_symmetric_linear_network():
    """One block from W = 0 with k = 1 against `dyson.LinearSGD`, path by path in law."""
    alpha, size = 0.1, 1
    eps = SIGMA[2] * np.sqrt(1 / alpha)  # to be rescaled by the model's own stationary widths
    setting = {"noise": "symmetric", "data": "exact", "learning_rate": alpha, "batch_size": size}
    model = LinearSGD(
        teacher=3.0 * np.eye(2), eps=eps, spectrum="symmetric", symmetric=True, continuous=True, **setting
    )
    off = float(model.stationary()[1][0, 1, 0, 1])
    path = model.sample(TIME, 4000, seed=4, initial=np.zeros((2, 2)))["eigenvalue"].values
    scale = SIGMA[2] / np.sqrt(2 * off)
    rate = 1 / RATE[2]  # blocks with k = 1
    mine = draw(np.random.default_rng(2), 4000, noise=np.sqrt(rate), rate=rate)[..., 3:5]
    spacing, theirs = mine[..., 0] - mine[..., 1], scale * (path[..., 0] - path[..., 1])
    for t in (2, 6, -1):
        for a, b in (
            (spacing[:, t], theirs[:, t]),
            (spacing[:, t] * spacing[:, 8], theirs[:, t] * theirs[:, 8]),
        ):
            se = math.hypot(a.std(), b.std()) / math.sqrt(4000)
            assert abs(a.mean() - b.mean()) < 4.5 * se
    centre, other = mine.mean(axis=-1), path.mean(axis=-1)
    assert centre.mean(axis=0) == pytest.approx(other.mean(axis=0), abs=0.02)


def test_the_closed_form_is_a_level_of_theory():
    x = closed_form(noise=1.1, rate=0.9)
    assert x.width.values == pytest.approx(SIGMA * 1.1 / np.sqrt(0.9))
    from compare.verdict.calibration import _ensemble

    run = _ensemble(draw(np.random.default_rng(1), 30), "experiment", "sgd")
    assert check(align(run, {"pair": closed_form()})).deciding_level == "pair"


@pytest.mark.slow
def test_a_thousand_repetitions():
    """54 rows of 200 replicas, a minute: every quantity's coverage from 93.5 to 96.5 %, p-values uniform."""
    found = calibration(1000, margin=ZERO, workers=os.cpu_count() or 1)
    assert_calibrated(found)
    for r in scalars(found):
        assert 0.935 <= r["coverage"] <= 0.965, r
    for (level, family), (share, any_row) in false_alarms(found).items():
        if level != "sgd":
            assert any_row > 0.4 if family == "none" else any_row <= binom.isf(1e-3, 1000, 0.05) / 1000
            assert share < 0.05
    # A distance of so many p-values from uniform ones that theory allows once in a thousand.
    for level in ("pair", "matrix"):
        mine = found.pvalue.values[:, (found.level.values == level) & (found.quantity.values == "width")]
        assert max(kstest(p, "uniform").statistic for p in mine.T) < kstwo.isf(1e-3 / 4, 1000)
