"""The sweep: grid, regression, multiple tests, and the collapse of real training runs."""

from __future__ import annotations

import numpy as np
import pytest

from compare.scaling_fit import fit_exponent, groups, holm

ALPHA = 1e-5


def power_law(seed, exponent=0.5, slope=0.0, error=0.01, levels=6):
    """Synthetic widths of several series on a 4 x 4 grid."""
    rng = np.random.default_rng(seed)
    noise_level = np.repeat(1.0 / np.array([1280.0, 2560.0, 5120.0, 10240.0]), 4)
    amplitude = np.linspace(1.0, 3.0, levels)
    exact = amplitude * (noise_level**exponent * np.exp(slope * noise_level))[:, None]
    return noise_level, exact * (1 + error * rng.standard_normal(exact.shape)), error * exact


def test_exact_power_law_is_found_to_rounding():
    noise_level, value, _ = power_law(0, error=0.0)
    fit = fit_exponent(noise_level, value, np.full_like(value, 1e-3))
    assert fit.exponent == pytest.approx(0.5, abs=1e-12)
    assert fit.amplitude == pytest.approx(np.linspace(1, 3, 6), rel=1e-9)
    assert fit.chi2 == pytest.approx(0, abs=1e-12)
    assert fit.jackknife_se == pytest.approx(0, abs=1e-12)
    assert fit.dof == 16 * 6 - 7


def test_curved_fit_recovers_the_exponent_of_a_curved_law():
    noise_level, value, _ = power_law(0, slope=-100.0, error=0.0)
    se = 0.01 * value
    assert abs(fit_exponent(noise_level, value, se).exponent - 0.5) > 0.01
    fit = fit_exponent(noise_level, value, se, curved=True)
    assert fit.exponent == pytest.approx(0.5, abs=1e-9)
    assert fit.slope == pytest.approx(np.full(6, -100.0 * noise_level.max()), rel=1e-6)


def test_errors_of_the_exponent_cover_it():
    z, ratio = [], []
    for seed in range(200):
        fit = fit_exponent(*power_law(seed))
        z.append((fit.exponent - 0.5) / fit.exponent_se)
        ratio.append(fit.jackknife_se / fit.exponent_se)
    # Variance of 200 squared normals: 0.1 standard error on their mean; widened errors lower it a little.
    assert 0.6 < np.mean(np.square(z)) < 1.4
    assert np.median(ratio) == pytest.approx(1, abs=0.25)


def test_scatter_beyond_the_errors_widens_the_error_of_the_exponent():
    noise_level, value, se = power_law(3)
    assert fit_exponent(noise_level, value, se / 10).exponent_se == pytest.approx(
        fit_exponent(noise_level, value, se).exponent_se, rel=0.3
    )


def test_missing_estimates_are_left_out():
    noise_level, value, se = power_law(1)
    value[2, 3], se[5, 1] = np.nan, np.nan
    fit = fit_exponent(noise_level, value, se)
    assert fit.dof == 16 * 6 - 7 - 2
    assert abs(fit.exponent - 0.5) < 5 * fit.exponent_se


def test_too_little_to_fit():
    with pytest.raises(ValueError, match="noise levels"):
        fit_exponent(np.full(4, 0.1), np.ones((4, 2)), np.ones((4, 2)))
    with pytest.raises(ValueError, match="shape"):
        fit_exponent(np.ones(3), np.ones((4, 2)), np.ones((4, 2)))


def test_holm_against_the_definition():
    p = np.array([[0.01, 0.04], [np.nan, 0.03]])
    assert holm(p) == pytest.approx(np.array([[0.03, 0.06], [np.nan, 0.06]]), nan_ok=True)
    assert holm(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]
    assert holm(np.array([])).size == 0


def test_groups_do_not_depend_on_rounding():
    found = groups(np.array([0.1 / 64, 0.2 / 128, 0.3 / 192, 0.1 / 32]))
    assert [g.tolist() for g in found] == [[3], [0, 1, 2]]
