"""Sampler, integrator and law of the Gaussian ensemble: they agree, and what is wrong is found."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

import dyson
from compare.studies.cli.main import main
from compare.studies.gas import study


@pytest.mark.parametrize("beta", [1.0, 2.0, 4.0])
def test_sampler_integrator_and_law_agree(beta):
    """27 to 30 p-values of one seed, step a quarter: the smallest, times their number."""
    found = study.gas_study((2, 10, 100), beta, eigenvalues=20_000, seed=1, step=0.25, workers=2)
    assert found.least_p > 0.01, found.table()
    assert len(found.table()) == 10 and found.sampled[100].shape == found.settled[100].shape == (256, 100)


@pytest.mark.slow
@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_at_a_thousand_particles(beta):
    found = study.gas_study((1000,), beta, eigenvalues=400_000, seed=1, workers=2)
    assert found.least_p > 0.01, found.table()


@pytest.mark.parametrize("quantity", ["density", "Σx²", "middle spacing"])
def test_five_percent_more_width_is_found(quantity):
    x, y = (dyson.CoulombGas.gaussian(100).sample(6000, seed=s, workers=2) for s in (1, 2))
    rows = {row.quantity: row for row in study._agreements(100, 1.0, x, 1.05 * y)}
    assert rows[quantity].sampler_law[1] > 1e-3
    assert rows[quantity].integrator_law[1] < 1e-4 and rows[quantity].sampler_integrator[1] < 1e-3


def test_hotelling_of_dependent_counts():
    """Uniform p-values under the null for strongly correlated rows; one and two samples."""
    rng = np.random.default_rng(1)
    mix = rng.normal(size=(5, 5))
    p = [
        [study.hotelling(a)[1], study.hotelling(a, b)[1]]
        for a, b in (rng.normal(size=(2, 200, 5)) @ mix for _ in range(600))
    ]
    for column in np.transpose(p):
        assert stats.kstest(column, "uniform").pvalue > 1e-3
    a = rng.normal(size=(200, 5)) @ mix
    assert study.hotelling(a + 0.5)[1] < 1e-6


def test_density_law_with_its_correction():
    """Semicircle and 1/n term against the exact density at n = 150, to O(1/n²)."""
    x = np.linspace(-15, 15, 31)
    for beta in (1, 2, 4):
        exact = study.density_law(150, beta)(x * np.sqrt(beta))
        limit = study.density_law(151, beta)(x * np.sqrt(beta * 151 / 150))
        assert np.abs(150 * (exact - limit)).max() < 0.05  # oscillations of β = 4 included
    assert study.density_law(20, 3.0) is None and study.spacing_law(20, 1.0) is None


def test_report_gas(tmp_path, capsys, monkeypatch, request):
    monkeypatch.setattr("compare.studies.gas.command.PATHS", 64)
    words = ["report", "gas", "--sizes", "2,12", "--eigenvalues", "4000", "--seed", "3", "--out"]
    assert main([*words, str(tmp_path / "a")]) == 0
    told = capsys.readouterr().out
    assert (
        "dyson-sgd report gas --sizes 2,12 --eigenvalues 4000 --seed 3" in told
        and "no law" not in told.split("12 ")[0]
    )
    page = (tmp_path / "a" / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 2 and "Burgers" in page
    found = json.loads((tmp_path / "a" / "summary.json").read_text(encoding="utf-8"))
    assert all(d < 0.01 for d in found["density in time"].values())
    arrays = np.load(tmp_path / "a" / "samples.npz", allow_pickle=False)
    assert arrays["sampled_12"].shape == arrays["integrated_12"].shape == (333, 12)
    assert arrays["in_time"].shape == (64, 4, 100)
    request.getfixturevalue("without_svg")  # this, and the distances from the law, are known by now
    monkeypatch.setattr("compare.studies.gas.command.distances", lambda *_: [0.0] * 4)
    assert main([*words, str(tmp_path / "b"), "--workers", "1"]) == 0
    again = np.load(tmp_path / "b" / "samples.npz", allow_pickle=False)
    for name in arrays:
        np.testing.assert_array_equal(arrays[name], again[name])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--sizes", "1,2"], "from 2 to 5000"),
        (["--sizes", ""], "whole number"),
        (["--beta", "0"], "> 0"),
        (["--step", "-1"], "> 0"),
    ],
)
def test_refused(tmp_path, capsys, words, message):
    assert main(["report", "gas", *words, "--out", str(tmp_path / "x")]) == 2
    assert message in capsys.readouterr().err and not (tmp_path / "x").exists()
