"""The linear network's study: rates, densities and the pages made of them."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pytest
import xarray as xr

import compare
import dyson
import sgd
from compare.measure.growth_fit import curve, fit_growth
from compare.studies.cli.main import main
from compare.studies.linear.study import LinearSetting, density_laws, grown, ks_distance, settled, settled_run
from dyson.laws import Gaussian, OnePairSemicircle, SymmetricPair
from tests.oracles import ALPHA, assert_mean

QUIET = LinearSetting(eps=0.1)


def test_curve_is_the_noiseless_growth():
    model = sgd.LinearNetwork(np.sqrt(2.0) * np.eye(2), output=np.diag([1.2, 0.4]), data="exact")
    run = sgd.train(model, 0.05, 1, 60, 1, seed=0, initial=0.0, record=5)
    for mode, z in enumerate((1.2, 0.4)):
        assert run.eigenvalue.values[0, :, mode] == pytest.approx(
            curve(run.time, 2.0, z * z, 0.05), rel=1e-12
        )
    assert curve(3.0, 2.0, 0.5) == pytest.approx(2.0 * (1 - np.exp(-1.5)) ** 2)


@pytest.mark.parametrize("z", [(1.0, 0.3), (1.3, 0.5)])
def test_rates_of_well_separated_modes_are_those_of_the_output(z):
    """Small noise: no repulsion to speak of; five ensembles, each within its own error."""
    setting = LinearSetting(eps=0.03)
    for seed in range(5):
        _, fit = grown(setting, z, 60, 50, 200, seed=seed)
        for mode in range(2):
            off = float(fit.rate[mode]) - z[mode] ** 2
            assert abs(off) < 4 * float(fit.rate_se[mode])
            assert float(fit.rate_se[mode]) < 0.01 * z[mode] ** 2


def test_errors_of_the_fit_are_its_scatter():
    rates, errors = [], []
    for seed in range(60):
        _, fit = grown(QUIET, (1.0, 0.4), 30, 50, 40, seed=seed)
        rates.append(fit.rate.values)
        errors.append(fit.rate_se.values)
    scatter = np.std(rates, axis=0, ddof=1)
    assert np.sqrt(np.mean(np.square(errors), axis=0)) == pytest.approx(scatter, rel=0.35)


def test_fits_refuse_what_they_cannot_use():
    run, _ = grown(QUIET, (1.0, 0.5), 10, 50, 40, seed=0)
    with pytest.raises(ValueError, match="at least 30 replicas, got 29"):
        fit_growth(run.isel(replica=slice(29)))
    with pytest.raises(ValueError, match="at least 5 recorded times from t = 4 on, got 3"):
        fit_growth(run, start=4.0)
    for flat in (0.0 * run.eigenvalue, 0.0 * run.eigenvalue + 1.0):
        with pytest.raises(ValueError, match="mode 0 does not grow"):
            fit_growth(run.assign(eigenvalue=flat.assign_attrs(run.eigenvalue.attrs)))
    with pytest.raises(TypeError):
        fit_growth(None)


def test_the_second_output_gives_the_ratio_of_the_widths():
    for ratio in (1.0, 1.5, 3.0):
        z = QUIET.second_output(ratio)
        widths = QUIET.row_widths([1.0, z])
        assert widths[0] / widths[1] == pytest.approx(ratio, rel=1e-12)
    with pytest.raises(ValueError, match="learning rate below"):
        LinearSetting(learning_rate=0.5).second_output(3.0)


def test_row_widths_are_those_of_sgd():
    z = np.array([1.2, 0.6])
    setting = LinearSetting(eps=0.1, learning_rate=0.2)
    run = setting.train(z, 150, 10_000, seed=1, record=[150], initial="fixed-point", keep_weights=True)
    off = run.weight.values[:, 0] - np.sqrt(2.0) * np.eye(2)
    for row, width in enumerate(setting.row_widths(z)):
        assert_mean((off[:, row] ** 2).mean(axis=1), width**2)


def test_the_exact_law_has_the_variances_of_the_matrix():
    """X − κ ≈ √κ M: Var M_11 = 4 s_1², Var M_22 = 4 s_2², Var M_12 = s_1² + s_2²."""
    z = np.array([1.0, 0.5])
    s, draws = QUIET.row_widths(z), np.random.default_rng(0).standard_normal((40, 2))
    (exact,) = [f.law for f in density_laws(QUIET, z, 2.0 + 0.1 * draws) if f.name == "exact, nothing fitted"]
    widths = np.array(dataclasses.astuple(exact))[1:] / np.sqrt(QUIET.teacher)
    np.testing.assert_allclose(widths, [2 * s[0], 2 * s[1], np.hypot(*s)], rtol=1e-12)


@pytest.mark.parametrize(
    ("ratio", "one", "naive"),
    [
        (1.0, 0.0, 0.0),
        pytest.param(1.5, 0.006, 0.0065, marks=pytest.mark.slow),
        pytest.param(2.0, 0.015, 0.015, marks=pytest.mark.slow),
        (3.0, 0.0295, 0.0325),
    ],
)
def test_distances_of_the_laws_from_sgd(ratio, one, naive):
    """docs/linear-networks.md: two species fit, one does not, naive widths do not, the exact law does."""
    n = 60_000
    z = (1.0, QUIET.second_output(ratio))
    found = {f.name: f.distance for f in density_laws(QUIET, z, settled(QUIET, z, n, seed=2))}
    noise = np.sqrt(-np.log(ALPHA / 2) / 2 / n)
    assert found["exact, nothing fitted"] < noise
    assert found["two species, least squares"] < noise
    assert found["one species, least squares"] == pytest.approx(one, abs=0.6 * noise)
    assert found["two species, naive widths"] == pytest.approx(naive, abs=0.6 * noise)


def test_ks_distance_of_a_few_points():
    assert ks_distance(Gaussian(0.0, 1.0), np.array([0.0])) == pytest.approx(0.5)
    x = np.sort(OnePairSemicircle(0.0, 1.0).rvs(1000, rng=0))
    fine = SymmetricPair(0.0, 1.0, 1.0, np.sqrt(0.5))
    assert ks_distance(fine, x) < 0.06


# --- pages -----------------------------------------------------------------------------------------------


def test_report_linear(tmp_path, capsys, request):
    out = tmp_path / "linear"
    words = [
        "report",
        "linear",
        "--replicas",
        "60",
        "--density-replicas",
        "2000",
        "--epochs",
        "40",
        "--seed",
        "1",
    ]
    assert main([*words, "--out", str(out)]) == 0
    text = (out / "report.html").read_text(encoding="utf-8")
    assert "Growth at the rates of Z" in text and "Kolmogorov–Smirnov" in text
    assert text.count("<svg") >= 4
    tree = compare.load(out)
    assert {"experiment", "theory", "ill_conditioned", "growth_fit_well", "growth_fit_ill"} <= set(
        tree.children
    )
    assert json.loads((out / "checks.json").read_text(encoding="utf-8"))
    seen = capsys.readouterr().out
    assert "dyson-sgd report linear" in seen
    # the same bits again, by the printed command and with another number of workers
    request.getfixturevalue("without_svg")
    again = tmp_path / "again"
    assert main([*words, "--workers", "1", "--out", str(again)]) == 0
    xr.testing.assert_identical(
        compare.load(again)["experiment"].to_dataset(), tree["experiment"].to_dataset()
    )


@pytest.mark.parametrize("shared", [False, True])
def test_report_teacher_student(tmp_path, shared, request):
    if shared:  # the same figures
        request.getfixturevalue("without_svg")
    out = tmp_path / "ts"
    words = [
        "report",
        "teacher-student",
        "--replicas",
        "300",
        "--batches",
        "100",
        "--seed",
        "3",
        "--out",
        str(out),
    ]
    words += ["--shared-data", "--data-sets", "40"] if shared else []
    assert main(words) == 0
    tree = compare.load(out)
    assert set(tree["theory"].children) == {"pair", "matrix"}
    assert tree["experiment"].attrs.get("shared_data") == ("yes" if shared else None)
    result = compare.check(tree)
    differing = [r for r in result.rows if r.verdict == "differs" and r.level == "matrix"]
    assert not differing
    assert ("One data set for all replicas" in (out / "report.html").read_text(encoding="utf-8")) == shared


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["linear", "--well", "1"], "expected 2 positive numbers"),
        (["linear", "--ill", "1,0"], "expected 2 positive numbers"),
        (["linear", "--well", "30,1"], "learning_rate 0.01 is not stable.*below 0.00222"),
        (["linear", "--replicas", "29"], ">= 30"),
        (["linear", "--epochz", "29"], "did you mean '--epoch"),
        (["teacher-student", "--learning-rate", "2.5"], "below 2"),
        (["phase", "--activation", "tahn"], "did you mean 'tanh'"),
    ],
)
def test_refused(tmp_path, capsys, words, message):
    out = tmp_path / "none"
    assert main(["report", *words, "--seed", "1", "--out", str(out)]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert re.search(message, error), error
    assert not out.exists()


def test_report_phase(tmp_path, capsys):
    out = tmp_path / "phase"
    words = ["report", "phase", "--points", "3", "--steps", "200", "--replicas", "8", "--hidden", "4"]
    assert main([*words, "--features", "5", "--seed", "2", "--out", str(out)]) == 0
    plane = compare.load(out)["phase"].to_dataset()
    assert dict(plane.sizes) == {"noise_level": 3, "inverse_width": 3}
    assert "core hours" in capsys.readouterr().out
    text = (out / "report.html").read_text(encoding="utf-8")
    assert "Phase diagram" in text and "50 × 50 points" in text
    best = plane.loss.where(plane.loss == plane.loss.min(), drop=True)
    assert float(compare.load(out)["experiment"].noise_level) == pytest.approx(float(best.noise_level[0]))


def test_species_are_found_where_rows_differ():
    """Two rows of different widths, from rates alone, from weights alone."""
    setting = LinearSetting(eps=0.1, learning_rate=0.1)
    for z, sizes in (((1.2, 0.4), [1, 1]), ((1.2, 1.2), [2])):
        run = settled_run(setting, z, 2000, seed=4, keep_weights=True)
        found = compare.find_species(run).species
        theory = dyson.species(setting.theory(z))
        assert sorted(len(s.members) for s in found) == sorted(len(s.members) for s in theory) == sizes
        for mine, theirs in zip(found, theory, strict=True):
            assert mine.members == theirs.members
            assert abs(mine.width - theirs.width) < 5 * mine.width_se


def test_a_measured_table_gives_the_equation_of_the_model():
    """sgd.noise → dyson.models.measured: rates, noise and target of the derived equation, within errors."""
    z = np.array([1.2, 0.6])
    network = sgd.LinearNetwork(np.diag([1.5, 1.0]), output=np.diag(z), noise="isotropic", eps=0.5)
    table = sgd.noise(network, network.teacher, samples=40_000, seed=1)
    sde = dyson.models.measured(table, noise_level=0.01)
    derived = dyson.derive.bind(
        dyson.derive.library.linear_network("isotropic"), 0.01, teacher=[1.5, 1.0], Z=z, eps=0.5
    )
    assert sde.target == pytest.approx(derived.target, abs=0.05)
    assert sde.rate == pytest.approx(derived.rate, rel=0.05)
    assert sde.g2 == pytest.approx(derived.g2, rel=0.05)
    law = dyson.LinearSGD(
        network.teacher, output=np.diag(z), noise=table.covariance.values, data="exact", learning_rate=0.02,
        batch_size=4,
    )  # fmt: skip
    named = dyson.LinearSGD(
        network.teacher, output=np.diag(z), noise="isotropic", eps=0.5, data="exact", learning_rate=0.02,
        batch_size=4,
    )  # fmt: skip
    assert law.widths == pytest.approx(named.widths, rel=0.02)


@pytest.mark.parametrize("symmetric", [False, True])
def test_weight_decay_moves_targets_and_fixed_points_alike(symmetric):
    """Without noise training stays where both rooms say that it does."""
    teacher, coloured = np.array([[2.0, 0.3], [0.3, 1.0]]), np.array([[1.0, 0.4], [0.4, 0.7]])
    output = None if symmetric else np.array([[1.2, 0.1], [0.3, 0.6]])
    kw = dict(teacher=teacher, output=output, covariance=coloured, data="exact", symmetric=symmetric)
    step = dict(learning_rate=0.1, batch_size=4, weight_decay=0.2, momentum=0.5)
    run = sgd.train(
        sgd.LinearNetwork(**kw), steps=400, replicas=1, initial="fixed-point", keep_weights=True, **step
    )
    law = dyson.LinearSGD(**kw, **step)
    assert run.weight.values[0, 0] == pytest.approx(law.fixed_point, abs=1e-12)
    assert run.weight.values[0, -1] == pytest.approx(law.fixed_point, abs=1e-12)
    assert run.target.values == pytest.approx(law.target, abs=1e-12)
    assert (run.target.values < sgd.LinearNetwork(**kw).target_spectrum - 0.1).all()


@pytest.mark.parametrize(
    ("experiment", "theory", "message"),
    [
        ({"momentum": 0.5}, {}, "time differs|momentum is 0"),
        ({"weight_decay": 0.1}, {}, "weight_decay is 0|target of mode"),
        ({"samples": 40}, {}, "samples is 0, in the experiment 40"),
        ({}, {"eps": 0.2}, "eps is 0.2"),
        ({"hidden": (2,)}, {}, "hidden is"),
    ],
)
def test_theory_of_another_setting_is_refused(experiment, theory, message):
    model = dict(teacher=np.diag([2.0, 1.0]), noise="isotropic", eps=0.1)
    more = {k: experiment[k] for k in ("momentum", "weight_decay") if k in experiment}
    own = {k: experiment[k] for k in ("samples", "hidden") if k in experiment}
    run = sgd.train(sgd.LinearNetwork(**model, **own), 0.1, 4, 20, 40, seed=1, record=10, **more)
    law = dyson.LinearSGD(**model | theory, learning_rate=0.1, batch_size=4)
    times = 0.1 * run.step.values
    with pytest.raises(ValueError, match=message):
        compare.align(experiment=run, theory={"matrix": law.sample(times, 40, seed=1)})
