"""Autocorrelation times, means and equilibration, against AR(1) series whose every number is known."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy.special import stdtrit
from scipy.stats import binom

from compare import autocorrelation_time, equilibrated, mean_over_time
from compare.measure.equilibration import SIGNIFICANCE
from tests.oracles import ALPHA


def ar1(seed: int, phi: float, replicas: int, times: int, start: float | None = None) -> np.ndarray:
    """x' = φ x + √(1 − φ²) N(0, 1), stationary, or from ``start``: an OU process at equal steps."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(replicas, times))
    x[:, 1:] *= np.sqrt(1 - phi**2)
    if start is not None:
        x[:, 0] = start
    for t in range(1, times):
        x[:, t] += phi * x[:, t - 1]
    return x


def exact(phi: float) -> float:
    return (1 + phi) / (1 - phi)


def within(hits: int, tries: int, low: float, high: float) -> bool:
    """Whether the share may be between two probabilities."""
    return binom.ppf(ALPHA, tries, low) <= hits <= binom.isf(ALPHA, tries, high)


@pytest.mark.parametrize(
    ("phi", "replicas", "times", "low"),
    [
        (0.0, 40, 60, 0.92),
        (0.5, 40, 60, 0.92),
        (0.8, 200, 120, 0.92),
        (-0.5, 40, 60, 0.85),
        (0.5, 4, 1000, 0.92),
        (0.8, 1, 4000, 0.92),
    ],
)
def test_autocorrelation_time_of_ar1(phi, replicas, times, low):
    """Mean and coverage of its 95 % interval over 200 ensembles; skewness costs the jackknife a little."""
    found = [autocorrelation_time(ar1(seed, phi, replicas, times)) for seed in range(200)]
    value, error = np.array([(f.value, f.error) for f in found]).T
    tau = exact(phi)
    # The bias, of second order in the error's share, is below a quarter of the error; at φ < 0 the window
    # of 5 cuts off 2 φ⁶/(1 − φ) = 0.02.
    assert abs(value.mean() - tau) < 0.25 * value.std() + 0.02 * (phi < 0) + 4.5 * value.std() / np.sqrt(200)
    quantile = stdtrit(min(replicas, 50) - 1, 0.975) if replicas >= 20 else 1.96
    assert within(int((np.abs(value - tau) < quantile * error).sum()), 200, low, 0.97)
    assert np.mean(error) == pytest.approx(value.std(), rel=0.3)


def test_the_autocorrelation_time_has_no_scale():
    x = ar1(1, 0.6, 30, 100)
    one, other = autocorrelation_time(x), autocorrelation_time(1e6 * x + 1e6)
    assert other.value == pytest.approx(one.value, rel=1e-6)
    assert other.error == pytest.approx(one.error, rel=1e-6)


def test_a_series_is_a_replica():
    x = ar1(1, 0.3, 1, 2000)
    assert autocorrelation_time(x[0]) == autocorrelation_time(x)
    assert mean_over_time(x[0]) == mean_over_time(x)


def test_a_sum_by_hand():
    x = ar1(3, 0.4, 3, 300)
    found = autocorrelation_time(x)
    y = x - x.mean()
    c = np.array([np.mean(y[:, : 300 - s] * y[:, s:]) for s in range(found.window + 1)])
    total = c[0] + 2 * c[1:].sum()
    back = total / x.size
    assert found.value == pytest.approx((total + (2 * found.window + 1) * back) / (c[0] + back), rel=1e-12)
    raw = 1 + 2 * np.cumsum(c[1:]) / c[0]
    closed = np.arange(1, c.size) >= 5 * raw
    assert closed[-1] and not closed[:-1].any()


@pytest.mark.parametrize(
    ("phi", "shape", "message"),
    [
        (
            0.9,
            (1, 500),
            r"1 series of 500 recorded times are too short .* record (at least )?about \d+ times each",
        ),
        (0.98, (100, 100), "100 series of 100 recorded times are too short .* at least about"),
        (0.8, (1, 30), "too short"),
        (0.0, (1, 40), "too short"),
        (0.0, (30, 6), "30 series of 6 recorded times are too short"),
        (0.0, (5, 1), "too short"),
    ],
)
def test_short_series_are_refused(phi, shape, message):
    with pytest.raises(ValueError, match=message) as caught:
        autocorrelation_time(ar1(2, phi, *shape))
    assert "\n" not in str(caught.value)


def test_the_length_asked_for_is_enough():
    """What a refusal asks for is accepted, up to the scatter of its estimate."""
    with pytest.raises(ValueError, match="too short") as caught:
        autocorrelation_time(ar1(2, 0.9, 1, 400))
    asked = int(str(caught.value).split("record ")[1].split("about ")[-1].split(" times")[0])
    assert 50 * exact(0.9) / 2 < asked < 50 * exact(0.9) * 2
    found = autocorrelation_time(ar1(2, 0.9, 1, 2 * asked))
    assert abs(found.value - exact(0.9)) < 4.5 * found.error


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones((3, 100)), "x does not vary"),
        (np.full(100, 1e300), "x does not vary"),
        (np.zeros((3, 4, 5)), "x must be 1-D or 2-D and not empty"),
        ([], "x must be 1-D or 2-D and not empty"),
        ([1.0, np.nan], "x must be finite, got 1 NaN"),
        ("abc", "x must be an array of real numbers"),
        ([1j, 2], "x must be an array of real numbers"),
    ],
)
def test_bad_series(x, message):
    with pytest.raises(ValueError, match=message):
        autocorrelation_time(x)
    if "vary" not in message:
        for function in (mean_over_time, equilibrated):
            with pytest.raises(ValueError, match=message):
                function(x)


@pytest.mark.parametrize(
    ("phi", "replicas", "times"), [(0.8, 1, 2000), (0.5, 5, 300), (0.9, 20, 15), (0.9, 60, 40), (0.0, 2, 200)]
)
def test_intervals_of_the_mean_cover(phi, replicas, times):
    hits = 0
    for seed in range(300):
        found = mean_over_time(ar1(seed, phi, replicas, times) + 3)
        hits += abs(found.value - 3) < stdtrit(found.freedom, 0.975) * found.error
    assert within(hits, 300, 0.93, 0.965)


def test_the_mean_by_hand():
    x = ar1(1, 0.5, 30, 40)
    found = mean_over_time(x)
    assert found.value == pytest.approx(x.mean(), rel=1e-14)
    assert found.error == pytest.approx(x.mean(axis=1).std(ddof=1) / np.sqrt(30), rel=1e-12)
    assert found.freedom == 29
    few = ar1(4, 0.5, 3, 400)
    found, tau = mean_over_time(few), autocorrelation_time(few)
    variance = few.var() / (1 - tau.value / 1200)
    assert found.error == pytest.approx(np.sqrt(variance * tau.value / 1200), rel=1e-12)
    # Madras and Sokal's variance of τ is 2/ν of its square.
    assert found.freedom == pytest.approx(2 * (tau.value / tau.error) ** 2, rel=1e-12)
    with pytest.raises(ValueError, match=r"too short .* or take 20 replicas or more"):
        mean_over_time(x[:1])


@pytest.mark.parametrize(("phi", "start", "replicas"), [(0.9, 5.0, 200), (0.9, -5.0, 50), (0.8, 20.0, 20)])
def test_equilibration_of_an_ou_ensemble(phi, start, replicas):
    """It is found where the relaxation s φ^n falls below the error 1/√R, within two autocorrelation times;
    what is left biases the mean of the rest by less than 0.3 of its error."""
    scores, indices = [], []
    for seed in range(60):
        x = ar1(seed, phi, replicas, 250, start)
        found = equilibrated(x)
        assert found.reached == (not found.reason)
        if found.reached:
            indices.append(found.index)
            rest = mean_over_time(x[:, found.index :])
            scores.append(rest.value / rest.error)
    assert len(indices) >= 55  # 1 % of false alarms each
    expected = np.log(abs(start) * np.sqrt(replicas)) / -np.log(phi)
    assert abs(np.median(indices) - expected) < 2 * exact(phi)
    assert abs(np.mean(scores)) < 0.3 + 4.5 / np.sqrt(60)


def test_a_stationary_ensemble_is_so_from_the_start():
    found = [equilibrated(ar1(seed, 0.8, 40, 100)) for seed in range(200)]
    # 1 % by its windows and 1 % by its halves.
    assert sum(not (f.reached and f.index == 0) for f in found) <= binom.isf(ALPHA, 200, 2 * SIGNIFICANCE)
    assert np.mean([f.autocorrelation_time for f in found]) == pytest.approx(9, rel=0.15)


def test_a_long_series_alone_is_cut_where_it_relaxes():
    """Chodera's method: the relaxation 20 φ^n that is left moves the mean by less than its error √(τ/T)."""
    found = [equilibrated(ar1(seed, 0.9, 1, 2000, 20.0)) for seed in range(40)]
    assert all(f.reached for f in found)
    bias = np.array([20 * 0.9**f.index / (1 - 0.9) / (2000 - f.index) for f in found])
    error = np.sqrt(exact(0.9) / 2000)
    assert np.median(bias) < error / 2 and bias.max() < 1.5 * error
    assert np.median([f.index for f in found]) < 100


@pytest.mark.parametrize(
    ("phi", "start", "times", "replicas", "reason"),
    [
        (0.99, 5.0, 200, 100, "run longer"),  # relaxation time 100
        (0.97, 50.0, 300, 100, "up to record .* of 300 the mean moves|lasts"),
        (0.999, 0.0, 100, 100, "lasts .* autocorrelation times, 4 are needed"),
        (0.995, 5.0, 200, 2, "independent ones, 10 are needed|still moves"),
    ],
)
def test_slow_relaxation_is_not_reached(phi, start, times, replicas, reason):
    for seed in range(20):
        found = equilibrated(ar1(seed, phi, replicas, times, start))
        assert not found.reached and found.index <= times // 2
        assert re.search(reason, str(found)) and str(found).startswith("not equilibrated: ")


def test_a_drift_is_not_equilibrium():
    for replicas in (5, 60):
        x = ar1(1, 0.5, replicas, 200) + np.linspace(0, 3, 200)
        assert not equilibrated(x).reached


def test_times_are_the_users():
    x = ar1(1, 0.9, 100, 200, 5.0)
    time = np.linspace(10, 30, 200)
    found = equilibrated(x, time)
    assert found.index == equilibrated(x).index > 0
    assert found.time == time[found.index]
    assert str(found) == f"equilibrated from t = {found.time:g} (record {found.index}) on"
    for wrong in (time[:-1], time[::-1], np.zeros(200)):
        with pytest.raises(ValueError, match="time must be 200 increasing times"):
            equilibrated(x, wrong)
    with pytest.raises(ValueError, match=r"19 recorded times are too few .* at least 20"):
        equilibrated(x[:, :19])
    assert equilibrated(np.ones((30, 40))).index == 0  # a constant has been stationary all along
