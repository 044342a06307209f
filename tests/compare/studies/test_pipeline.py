"""The main job on small models: same times and start, reproducible, refused before anything is trained."""

from __future__ import annotations

import os

import numpy as np
import pytest
import xarray as xr
from scipy.integrate import solve_ivp
from scipy.stats import chi2

import compare
import sgd
from compare.studies.rbm import study as pipeline
from compare.studies.rbm.study import aligned_spectra, compare_rbm, default_steps, recorded_steps, theory_of


def model(n=4, hidden=4, **options):
    return sgd.GaussianRBM(target=sgd.ring_scalar_field(n, 4.0), n_hidden=hidden, mu2=9.0, **options)


def small(rbm=None, **options):
    settings = {"learning_rate": 0.1, "batch_size": 32, "steps": 40, "replicas": 6, "seed": 3} | options
    return compare_rbm(model() if rbm is None else rbm, **settings)


def test_everything_at_the_same_times_and_noise_level():
    tree = small()
    run, theory = compare.members(tree)
    assert list(theory) == ["pair", "dyson", "matrix"]
    assert run.time.values == pytest.approx(0.1 * run.step.values)
    assert run.step.values[[0, -1]].tolist() == [0, 40]
    for ds in theory.values():
        assert (ds.time.values == run.time.values).all()
        assert float(ds.noise_level) == 0.1 / 32
    matrix = theory["matrix"].eigenvalue.isel(time=0)
    assert matrix.values == pytest.approx(run.eigenvalue.isel(time=0).values, abs=1e-12)
    assert "notes" not in tree.attrs
    assert compare.check(tree).rows


def test_the_seed_alone_decides():
    tree = small()
    assert small(workers=2).identical(tree)
    assert (
        small(replicas=4).experiment.to_dataset().equals(tree.experiment.to_dataset().isel(replica=slice(4)))
    )
    assert not small(seed=4).experiment.eigenvalue.equals(tree.experiment.eigenvalue)


def test_levels_are_chosen_by_name():
    assert list(small(levels=["matrix", "pair", "matrix"])["theory"].children) == ["matrix", "pair"]
    with pytest.raises(ValueError, match="did you mean 'dyson'"):
        small(levels=["dysn"])


def test_contrastive_divergence_has_no_matrix_level_and_says_so():
    tree = small(model(model_average="contrastive"))
    assert "matrix" not in tree["theory"].children
    assert "level matrix left out" in tree.attrs["notes"][0]


@pytest.mark.parametrize(
    "bad",
    [
        {"solver": "eular"},
        {"dt": -1.0},
        {"levels": ["gas"]},
        {"initial": "fixed"},
        {"batch_size": 0},
        {"learning_rate": 50.0},
    ],
)
def test_refused_before_anything_is_trained(monkeypatch, bad):
    train = sgd.train

    def one_step(rbm, learning_rate, batch_size, steps, replicas, **options):
        if steps > 1:
            pytest.fail("training started")
        return train(rbm, learning_rate, batch_size, steps, replicas, **options)

    monkeypatch.setattr(sgd, "train", one_step)
    with pytest.raises((ValueError, TypeError)):
        small(**bad)


def test_a_run_that_does_not_fit_is_refused(monkeypatch):
    monkeypatch.setattr(os, "sysconf", lambda _name: 16)
    with pytest.raises(MemoryError, match="GB are free"):
        small()


def test_recorded_steps_end_with_the_last_and_are_denser_early():
    steps = recorded_steps(10_000)
    assert steps[[0, -1]].tolist() == [0, 10_000]
    assert pipeline.RECORDS - 10 < steps.size <= pipeline.RECORDS + 1
    assert (np.diff(steps) > 0).all()
    assert (steps < 1000).sum() > 40
    assert recorded_steps(3).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("hidden", [4, 3])
def test_default_steps_settle_every_mode_in_the_first_half(hidden):
    rbm, alpha = model(hidden=hidden), 0.1
    sde = theory_of(rbm, 0.0001)
    start = np.sort(0.1**2 * chi2.ppf(0.001, hidden - np.arange(hidden)))[::-1]
    end = alpha * default_steps(rbm, alpha) / 2
    flow = solve_ivp(lambda _, x: sde.flow(x), (0, end), start, rtol=1e-8, method="LSODA").y[:, -1]
    assert flow == pytest.approx(sde.target[:hidden], rel=0.06)
    assert default_steps(rbm, alpha, "fixed-point") < default_steps(rbm, alpha) / 2
    assert default_steps(rbm, alpha / 2) == pytest.approx(2 * default_steps(rbm, alpha), abs=1)


def test_default_steps_where_nothing_is_learnt():
    rbm = sgd.GaussianRBM(target=sgd.ring_scalar_field(4, 20.0), n_hidden=4, mu2=9.0)
    assert default_steps(rbm, 0.1) == pipeline.LEAST_STEPS


def test_aligned_spectra_are_what_the_growth_remembers():
    """W₀ exp(A t): eigenvalues over exp(2 a t) tend to the pivots once the modes have separated."""
    rng = np.random.default_rng(1)
    target, rates = np.array([5.0, 3.0, 3.0, 1.0]), np.array([3.0, 2.0, 2.0, 1.0])
    triangle = np.triu(rng.standard_normal((50, 4, 4)), 1) * 0.3 + np.diag([1.0, 0.9, 0.5, 0.1])
    rotation = np.linalg.qr(rng.standard_normal((50, 4, 4)))[0]
    weight, t = rotation @ triangle, 6.0
    late = np.linalg.svd(weight * np.exp(rates * t), compute_uv=False) ** 2 * np.exp(-2 * rates * t)
    ordered = (np.diff(late) < 0).all(axis=1)
    assert ordered.mean() > 0.5
    assert aligned_spectra(weight, target)[ordered] == pytest.approx(late[ordered], rel=1e-3)


def test_aligned_spectra_keep_order_determinant_and_fixed_points():
    rng = np.random.default_rng(2)
    target = np.array([5.0, 4.0, 4.0, 2.0, 1.0])
    weight = 0.1 * rng.standard_normal((200, 7, 5))
    spectra = aligned_spectra(weight, target)
    assert (np.diff(spectra) <= 0).all()
    gram = weight.transpose(0, 2, 1) @ weight
    assert np.log(spectra).sum(axis=1) == pytest.approx(np.linalg.slogdet(gram)[1])
    assert aligned_spectra(np.diag(np.sqrt(target))[None], target)[0] == pytest.approx(target)
    assert (aligned_spectra(weight[:, :3], target)[:, 3:] == 0).all()


def test_wide_and_tall_weights_go_through():
    for hidden in (2, 7):
        run, theory = compare.members(small(model(hidden=hidden)))
        for ds in (run, theory["dyson"], theory["matrix"]):
            assert ds.sizes["mode"] == 4
            rank = min(hidden, 4)
            assert np.abs(ds.eigenvalue.values[..., rank:]).max(initial=0.0) < 1e-12


def test_data_of_the_run_survive_the_disk(tmp_path):
    tree = small()
    compare.save(tree, tmp_path / "data.zarr")
    xr.testing.assert_identical(compare.load(tmp_path / "data.zarr"), tree)
