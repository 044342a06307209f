"""The sweep: grid, regression, multiple tests, and the collapse of real training runs."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm

import compare
import sgd
from compare.studies.scaling import section as scaling_section, study as scaling
from compare.studies.scaling.fit import collapse, fit_exponent, groups, holm
from tests.compare.ensembles import ensemble
from tests.oracles import ALPHA


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


def rbm(n=4, **options):
    settings = {"n_hidden": n, "mu2": 9.0} | options
    return sgd.GaussianRBM(target=sgd.ring_scalar_field(n, 4.0), **settings)


GRID = [(0.1, 256), (0.05, 128), (0.1, 512), (0.05, 256), (0.1, 1024), (0.05, 512)]


@pytest.fixture(scope="module")
def swept():
    return scaling.sweep(rbm(), GRID, replicas=128, seed=5)


def test_default_grid_has_four_points_at_each_of_four_noise_levels():
    for model in (rbm(10), rbm(6, mu2=20.0), rbm(3, n_hidden=2), rbm(5, model_average="persistent")):
        grid = scaling.default_grid(model)
        learning_rate, batch_size = np.array(grid).T
        assert [g.size for g in groups(learning_rate / batch_size)] == [4, 4, 4, 4]
        assert batch_size.min() >= 32
        target = scaling.learnt_multiplets(model)
        gaps = -np.diff(np.append(target, 0.0))
        width = np.sqrt(2 * (learning_rate / batch_size).max() * target)
        assert (gaps >= 3.99 * width).all()
        assert (learning_rate.max() * scaling.rates(model, target)).max() <= 0.2526


def test_a_sweep_of_real_training_scales_with_exponent_one_half(swept):
    for name in ("width", "mean_spacing"):
        exponent, se = swept.attrs[f"{name}_exponent_plain"], swept.attrs[f"{name}_exponent_plain_se"]
        assert se < 0.03
        assert abs(exponent - 0.5) < norm.isf(ALPHA / 2) * se
    assert swept.attrs["collapse_rescaled"] == "no difference found"
    assert swept.attrs["collapse_tests"] == 3 * (4 + 3 + 1)


def test_widths_of_a_sweep_are_those_of_the_pair_formula(swept):
    """σ² = 2 T (μ² - κ)/(1 - α k/2) at the two smaller noise levels, where interactions are below 1 %."""
    cold = swept.isel(point=slice(2, None))
    expected = np.sqrt(2 * cold.noise_level * cold.multiplet_target * cold.multiplet_finite_alpha)
    z = (cold.width - expected) / cold.width_se
    # Errors from 50 blocks: Student's law; every value within the quantile of one in a million.
    assert np.abs(z).max() < 6
    assert abs(float(z.mean())) < 4.5 / np.sqrt(z.size) + 0.5


def test_a_point_that_is_off_breaks_the_collapse(swept):
    off = swept.copy(deep=True)
    factor = xr.ones_like(off.noise_level).where(np.arange(off.sizes["point"]) != 2, 2.0)
    off["final"] = off.target + (off.final - off.target) * factor
    off["width"] = off.width * factor
    tests = collapse(off)
    bad = (tests["first"] == 2) | (tests["second"] == 2)
    assert bad.sum() == 1
    assert (tests.width_p_rescaled.where(bad, drop=True) < 0.01).all()
    assert holm(tests.width_p_rescaled.values).min() < ALPHA
    assert (tests.ks_p_rescaled.where(bad, drop=True).min() < 1e-3).all()
    assert (tests.width_p_rescaled.where(~bad, drop=True) > ALPHA).all()


def test_a_sweep_depends_on_its_seed_alone(swept):
    again = scaling.sweep(rbm(), GRID, replicas=128, seed=5, workers=2)
    assert again.identical(swept)
    assert not scaling.sweep(rbm(), GRID[:3], replicas=4, seed=6).width.isnull().any()


def test_a_sweep_is_told_and_stored(swept, tmp_path):
    text = scaling_section.summary(swept)
    assert "prediction 0.5" in text
    part = scaling_section.section(swept)
    assert "Kolmogorov-Smirnov" in part.text
    assert len(part.table) == 7
    assert all(variable.attrs["units"] == "1" for variable in swept.variables.values())
    tree = compare.align(ensemble(1, 8, 5), {"dyson": ensemble(2, 8, 5, kind="theory", level="dyson")})
    compare.save(scaling_section.attach(tree, swept), tmp_path / "data.zarr")
    xr.testing.assert_identical(compare.load(tmp_path / "data.zarr")["scaling"].to_dataset(), swept)


def test_nothing_is_learnt():
    with pytest.raises(ValueError, match="no mode is learnt"):
        scaling.default_grid(rbm(mu2=2.0))


def test_modes_that_are_not_learnt_are_left_out():
    found = scaling.sweep(rbm(mu2=5.0), [(0.1, 256), (0.1, 1024)], replicas=32, seed=1)
    assert found.sizes["multiplet"] == 1
    assert found.sizes["pair"] == 0
    assert "mean_spacing_exponent" not in found.attrs
    assert "width_exponent" in found.attrs
