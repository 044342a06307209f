"""Samples of W's law: right in law at and between times, the same to the bit; what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import ks_2samp

from compare import validate
from dyson import LinearSGD
from dyson.linear.factor import semidefinite_factor
from tests.dyson.linear.linear_oracle import simulate
from tests.oracles import ALPHA, assert_ks, assert_mean

TEACHER = np.array([[1.0, 0.4], [-0.3, 0.7]])
COLOURED = np.array([[1.0, 0.4], [0.4, 0.5]])
PLAIN = dict(teacher=TEACHER, learning_rate=0.2, batch_size=4)
NOISY = dict(PLAIN, output=np.diag([1.0, 0.5]), covariance=COLOURED, noise="isotropic", eps=0.4)
KINDS = [
    dict(NOISY, data="exact"),
    dict(NOISY, data="exact", momentum=0.6),
    dict(NOISY, momentum=0.6, weight_decay=0.1),
    dict(NOISY, noise="symmetric"),
    dict(NOISY, continuous=True),
]


@pytest.mark.parametrize("kw", KINDS)
@pytest.mark.parametrize("initial", [0.3, "fixed-point", "stationary", TEACHER + 1.0])
def test_samples_have_the_mean_and_covariance(kw, initial):
    law = LinearSGD(**kw)
    times = np.array([0, 1, 2, 9]) * law.time_step
    w = law.sample(times, 4000, seed=5, initial=initial, keep_weights=True)["weight"].values
    mean, covariance = law.mean(times, initial), law.weight_covariance(times, initial)
    for record in range(len(times)):
        centred = (w[:, record] - mean[record]).reshape(-1, 4)
        full = covariance[record].reshape(4, 4)
        if not full.any():
            assert np.abs(centred).max() < 1e-12
            continue
        for i in range(4):
            assert_mean(centred[:, i], 0.0)
            for j in range(i + 1):
                assert_mean(centred[:, i] * centred[:, j], full[i, j])


@pytest.mark.parametrize("momentum", [0.0, 0.7])
def test_times_are_correlated_as_in_training(momentum):
    kw = dict(NOISY, data="exact", momentum=momentum)
    law, steps = LinearSGD(**kw), [3, 5, 12]
    times = np.array(steps) * law.time_step
    rng = np.random.default_rng(8)
    run = simulate(kw, 0.3 * rng.standard_normal((5000, 2, 2)), steps, rng)
    w = law.sample(times, 5000, seed=4, initial=0.3, keep_weights=True)["weight"].values
    run, w = (x - law.mean(times, 0.3) for x in (run, w))
    for i, j in ((0, 1), (1, 2), (0, 2)):
        product = np.einsum("rab,rab->r", w[:, i], w[:, j])
        literal = np.einsum("rab,rab->r", run[:, i], run[:, j])
        se = np.hypot(product.std(), literal.std()) / np.sqrt(5000)
        assert abs(product.mean() - literal.mean()) < 4.5 * se


def test_spectra_have_the_law_of_literal_training():
    kw, steps = dict(NOISY, data="exact"), [2, 25]
    law = LinearSGD(**kw)
    rng = np.random.default_rng(5)
    run = simulate(kw, 0.3 * rng.standard_normal((4000, 2, 2)), steps, rng)
    x = np.linalg.svd(run, compute_uv=False) ** 2
    times = np.array(steps) * law.time_step
    y = law.sample(times, 4000, seed=6, initial=0.3)["eigenvalue"].values
    wrong = LinearSGD(**kw | dict(eps=0.5)).sample(times, 4000, seed=6, initial=0.3)["eigenvalue"].values
    caught = []
    for mode in (0, 1):
        for record in (0, 1):
            assert ks_2samp(x[:, record, mode], y[:, record, mode]).pvalue > ALPHA
        caught.append(ks_2samp(x[:, 1, mode], wrong[:, 1, mode]).pvalue)
    assert min(caught) < ALPHA


def test_spacings_of_a_symmetric_student_follow_the_surmise():
    law = LinearSGD(
        2 * np.eye(2), noise="symmetric", eps=0.1, data="exact", learning_rate=0.5, batch_size=16,
        spectrum="symmetric", symmetric=True,
    )  # fmt: skip
    ds = law.sample([0.0, 50.0], 5000, seed=7, initial="stationary")
    sigma2 = 0.5 / 16 * 0.01 * 2 / 1.5
    for record in (0, 1):
        spacing = -np.diff(ds["eigenvalue"].values[:, record], axis=-1)[:, 0]
        assert_ks(spacing, lambda s: 1 - np.exp(-(s**2) / (4 * sigma2)))
        with pytest.raises(AssertionError):
            assert_ks(spacing, lambda s: 1 - np.exp(-(s**2) / (4 * 1.15 * sigma2)))


@pytest.mark.parametrize("kw", KINDS)
def test_same_bits_for_any_number_of_replicas(kw):
    law = LinearSGD(**kw)
    times = np.array([0, 3, 4]) * law.time_step
    many = law.sample(times, 150, seed=1, initial=0.2)["eigenvalue"].values
    for few in (1, 64, 70):
        assert np.array_equal(law.sample(times, few, seed=1, initial=0.2)["eigenvalue"].values, many[:few])
    assert len(np.unique(many[:, 0, 0])) == 150
    assert not np.array_equal(law.sample(times, 150, seed=2, initial=0.2)["eigenvalue"].values, many)


def test_given_weights_are_those_of_each_replica():
    law = LinearSGD(**NOISY)
    given = np.random.default_rng(0).standard_normal((70, 2, 2))
    ds = law.sample([0.0, 0.2], 70, seed=1, initial=given, keep_weights=True)
    assert np.allclose(ds["weight"].values[:, 0], given, atol=1e-14)


@pytest.mark.parametrize("kw", [*KINDS, dict(PLAIN, teacher=np.ones((2, 3)))])
def test_result_has_the_layout(kw):
    law = LinearSGD(**kw)
    times = np.array([0, 3, 4]) * law.time_step
    ds = law.sample(times, 5, seed=1, keep_weights=True)
    validate(ds)
    assert ds.attrs["level"] == "matrix" and ds.attrs["model"] == "linear_network"
    assert np.isnan(ds["diverged"]).all()
    assert ds["weight"].shape == (5, 3, *kw["teacher"].shape)
    gram = np.linalg.eigvalsh(np.swapaxes(ds["weight"], -1, -2).values @ ds["weight"].values)
    assert np.allclose(ds["eigenvalue"], gram[..., ::-1], atol=1e-12)
    assert ("step" in ds.coords) == (not law.continuous)
    assert np.array_equal(ds["time"], times)
    stated = json.loads(ds.attrs["parameters"])
    assert stated["hidden"] == [] and stated["momentum"] == law.momentum


def test_symmetric_students_stay_symmetric():
    kw = dict(teacher=np.eye(3), symmetric=True, data="exact", noise="label", eps=0.2, learning_rate=0.1)
    law = LinearSGD(**kw, batch_size=2, covariance=np.diag([1.0, 0.5, 0.2]) + 0.1)
    w = law.sample([0.0, 0.1, 1.0], 3, seed=1, keep_weights=True)["weight"].values
    assert np.array_equal(w, w.swapaxes(-1, -2))


def test_unlearnt_rows_stay_where_they_start():
    kw = dict(PLAIN, output=np.array([[1.0, 0.0]]), noise="label", eps=0.3, allow_unlearnt=True)
    law = LinearSGD(**kw)
    w = law.sample([0.0, 2.0, 20.0], 10, seed=1, keep_weights=True)["weight"].values
    assert np.allclose(w[:, :, 1], w[:, :1, 1]) and not np.allclose(w[:, :, 0], w[:, :1, 0])
    assert (law.widths[1] == 0).all() and (law.widths[0] > 0).all()
    assert np.isclose(law.target[0], TEACHER[0] @ TEACHER[0]) and np.isclose(law.target[1], 0)


def test_mini_batch_bound_is_where_variances_begin_to_grow():
    # one weight: (1 − α)² + 2 α²/|B| < 1, α < 2/(1 + 2/|B|)
    kw = dict(teacher=[[1.0]], batch_size=2)
    with pytest.raises(ValueError, match=r"mini-batches of 2.*must be below 1(\.0000|,)"):
        LinearSGD(**kw, learning_rate=1.01)
    LinearSGD(**kw, learning_rate=0.99)
    LinearSGD(**kw, learning_rate=1.99, data="exact")
    with pytest.raises(ValueError, match=r"below 1(\.0000|,)"):  # 2 > T (1 + 1)
        LinearSGD(teacher=[[1.0]], batch_size=1, learning_rate=1.01, continuous=True)


def test_slow_directions_are_not_taken_for_unstable_ones():
    for z in (1e-4, 1e-7, 1e-9):
        law = LinearSGD(np.eye(2), output=np.diag([1.0, z]), learning_rate=0.01, batch_size=8)
        assert np.isfinite(law.weight_covariance([10.0], 0.1)).all()
    LinearSGD(np.eye(2), learning_rate=1e-17, batch_size=8)


REFUSED = [
    (dict(output=np.array([[1.0, 1.0]])), "rank 1 of 2: it cannot learn the 1 modes"),
    (dict(output=np.ones((2, 3))), "as many columns as the teacher has rows"),
    (dict(output=np.zeros((2, 2))), "must not be zero"),
    (dict(teacher=np.ones(3)), "teacher must be 2-D"),
    (dict(teacher=[[np.nan, 1.0]]), "teacher must be finite"),
    (dict(learning_rate=2.0), "must be below 2, 2"),
    (dict(learning_rate=3.5, momentum=0.5), "must be below 3, 2"),
    (dict(learning_rate=1.0, weight_decay=1.0), "must be below 1, 2"),
    (dict(covariance=np.array([[1.0, 0.5], [0.0, 1.0]])), "covariance must be symmetric"),
    (dict(covariance=np.diag([1.0, -1.0])), "positive semi-definite, its lowest eigenvalue is -1"),
    (dict(covariance=np.eye(3)), "covariance must have shape"),
    (dict(noise="lable", eps=0.1), "did you mean 'label'"),
    (dict(noise="label"), "eps must be > 0"),
    (dict(eps=0.1), "noise is 'none'"),
    (dict(noise=np.ones((2, 2, 2))), "noise must be 4-D"),
    (dict(noise=np.ones((2, 2, 2, 1))), "noise must be a name or the covariance"),
    (dict(noise=-np.eye(4).reshape(2, 2, 2, 2)), "positive semi-definite"),
    (dict(noise=np.eye(4).reshape(2, 2, 2, 2), eps=0.1), "noise is a covariance"),
    (dict(teacher=np.ones((2, 3)), noise="symmetric", eps=0.1), "need one square W"),
    (dict(teacher=np.ones((2, 3)), spectrum="symmetric"), "needs a square W"),
    (dict(symmetric=True, data="exact"), "teacher must be symmetric"),
    (dict(teacher=np.eye(2), symmetric=True), "data 'exact' only"),
    (dict(teacher=np.eye(2), symmetric=True, data="exact", output=np.eye(2)), "without output"),
    (dict(momentum=1.0), "momentum must be"),
    (dict(weight_decay=-1.0), "weight_decay must be"),
    (dict(batch_size=0), "batch_size must be >= 1"),
    (dict(data="both"), "unknown data"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED)
def test_refused(change, message):
    with pytest.raises(ValueError, match=message) as caught:
        LinearSGD(**PLAIN | change)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("times", "options", "message"),
    [
        ([0.0, 0.3], {}, "times must be whole steps"),
        ([0.2, 0.2], {}, "increasing"),
        ([-0.2, 0.2], {}, "increasing"),
        ([[0.2]], {}, "1-D"),
        ([0.2], dict(initial="fixpoint"), "initial must be a width"),
        ([0.2], dict(initial=-1.0), "initial must be"),
        ([0.2], dict(initial=np.ones((3, 2, 2))), "initial must have shape"),
        ([0.2], dict(initial=np.ones((3, 3))), "initial must have shape"),
        ([0.2], dict(replicas=0), "replicas must be"),
        ([0.2], dict(replicas=10**9), "GB"),
    ],
)
def test_refused_samples(times, options, message):
    with pytest.raises(ValueError, match=message) as caught:
        LinearSGD(**PLAIN).sample(times, **dict(replicas=2, seed=1) | options)
    assert "\n" not in str(caught.value)


def test_no_stationary_law_where_noise_only_pushes():
    law = LinearSGD(**PLAIN, output=np.array([[1.0, 0.0]]), noise="isotropic", eps=0.1, allow_unlearnt=True)
    with pytest.raises(ValueError, match="no stationary law: noise moves it in 2 directions"):
        law.stationary()
    variance = law.weight_covariance([0.2, 2.0], 0.0)[:, 1, 0, 1, 0]
    assert np.allclose(variance, 0.2**2 / 4 * 0.01 * np.array([1, 10]), rtol=1e-12)


@pytest.mark.parametrize(("n", "rank"), [(1, 1), (5, 5), (6, 3), (40, 40), (8, 0)])
def test_factors_of_singular_covariances(n, rank):
    root = np.random.default_rng(n).normal(size=(3, n, rank)) * np.logspace(0, -3, n)[:, None]
    covariance = root @ root.swapaxes(-1, -2)
    factor = covariance.copy()
    semidefinite_factor(factor)
    scale = np.sqrt(np.einsum("bii->bi", covariance))
    error = np.abs(factor @ factor.swapaxes(-1, -2) - covariance)
    assert (error <= 1e-12 * scale[:, :, None] * scale[:, None, :]).all()
    assert (np.triu(factor, 1) == 0).all()
    if 0 < rank < n:
        assert (np.einsum("bii->bi", factor) > 0).sum(axis=1).tolist() == [rank] * 3


THREADS = """
import hashlib, numpy as np, dyson
law = dyson.LinearSGD(np.ones((12, 12)), noise="label", eps=0.1, learning_rate=0.1, batch_size=16)
run = law.sample([0.0, 1.0, 5.0], replicas=3, seed=1, keep_weights=True)
print(hashlib.sha256(run.weight.values.tobytes()).hexdigest())
"""


def test_the_number_of_threads_of_linear_algebra_does_not_matter():
    seen = set()
    for threads in ("1", "2"):
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        done = subprocess.run(
            [sys.executable, "-c", THREADS], env=environment, capture_output=True, text=True, check=True
        )
        seen.add(done.stdout)
    assert len(seen) == 1
