"""The teacher–student model: exact oracles for one data set, for all of them, and for none."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from scipy.special import ellipe
from scipy.stats import rice

from dyson.linear.quenched import epoch_map, gram_matrices, mean_length, propagate
from dyson.linear.shared_data import TeacherStudent, _after, _moments
from tests.oracles import assert_mean


def assert_not_mean(sample: np.ndarray, wrong: float) -> None:
    """The same test must catch this wrong value."""
    with pytest.raises(AssertionError):
        assert_mean(sample, wrong)


def symmetric_noise(rng: np.random.Generator, shape: tuple[int, ...], std: float) -> np.ndarray:
    """Independent symmetric 2 × 2 matrices, std off and √2 std on the diagonal."""
    a = rng.standard_normal((*shape, 2, 2)) * std / np.sqrt(2)
    return a + a.swapaxes(-1, -2)


def train(model, gram, epochs, replicas, rng, reuse=True):
    """W after whole epochs by the definition: step by step, replica by replica (vectorised)."""
    std = model.noise / np.sqrt(model.batch_size)
    weight = model.initial_std * rng.standard_normal((replicas, 2, 2))
    noise = symmetric_noise(rng, (replicas, len(gram)), std)
    for epoch in range(epochs):
        if epoch and not reuse:
            noise = symmetric_noise(rng, (replicas, len(gram)), std)
        for step, c in enumerate(gram):
            gradient = -(model.teacher * np.eye(2) - weight) @ c - noise[:, step]
            weight = weight - model.learning_rate * gradient
    return weight


@pytest.fixture(scope="module")
def short():
    """An epoch so short that W remembers the one before, when it had the same noise."""
    return TeacherStudent(0.3, 2, 0.5, teacher=2.0, batches=3, initial_std=0.4)


def test_mean_length_is_the_elliptic_integral():
    s1, s2 = 1.7, 0.4
    turn = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    covariance = turn @ np.diag([s1**2, s2**2]) @ turn.T
    exact = np.sqrt(2 / np.pi) * s1 * ellipe(1 - (s2 / s1) ** 2)
    assert mean_length(np.zeros(2), covariance) == pytest.approx(exact, rel=1e-12)


def test_mean_length_off_centre_and_without_noise():
    mean = np.array([0.3, -1.1])
    assert mean_length(mean, 0.49 * np.eye(2)) == pytest.approx(
        rice.mean(np.hypot(*mean) / 0.7, scale=0.7), rel=1e-12
    )
    assert mean_length(mean, np.zeros((2, 2))) == pytest.approx(np.hypot(*mean), rel=1e-3)


def test_epoch_covariance_equals_the_sum_over_kicks():
    """G = Σ_b α ā_b Π_{b'>b} M_b': the recursion against the products, for three modes."""
    rng = np.random.default_rng(5)
    x = rng.standard_normal((2, 7, 4, 3))
    gram = x.swapaxes(-1, -2) @ x / 4
    alpha, eps, size = 0.4, 0.2, 4
    propagator, covariance = epoch_map(gram, alpha, eps, size)
    eye = np.eye(3)
    kick = np.einsum("ij,kl->ijkl", eye, eye) + np.einsum("il,kj->ijkl", eye, eye)
    for d in range(2):
        total, after = np.zeros((3, 3, 3, 3)), eye
        for c in gram[d, ::-1]:
            total += np.einsum("ijkl,km,ln->ijmn", kick, after, after) * alpha**2 * eps**2 / size
            after = (eye - alpha * c) @ after
        np.testing.assert_allclose(covariance[d], total, rtol=1e-12)
        np.testing.assert_allclose(propagator[d], after, rtol=1e-12)


@pytest.mark.parametrize("epochs", [1, 2, 5])
def test_moments_on_one_data_set_equal_training(short, epochs):
    """Every second moment of W, and ⟨S⟩, against SGD as it is defined, on the same data set."""
    gram = gram_matrices(short.batch_size, short.batches, 2, seed=3)
    mean, covariance = _after(short, epochs, *epoch_map(gram, 0.3, 0.5, short.batch_size))
    weight = train(short, gram[1], epochs, 100_000, np.random.default_rng(11))
    for i, k in np.ndindex(2, 2):
        assert_mean(weight[:, i, k], mean[1, i, k])
        for j, m in np.ndindex(2, 2):
            product = (weight[:, i, k] - mean[1, i, k]) * (weight[:, j, m] - mean[1, j, m])
            assert_mean(product, covariance[1, i, j, k, m])
    spectrum = np.linalg.eigvalsh((weight + weight.swapaxes(-1, -2)) / 2)
    moments = _moments(mean, covariance)
    assert_mean(spectrum[:, 1] - spectrum[:, 0], moments["spacing"][1])
    assert_mean(spectrum.mean(axis=1), moments["centre"][1])
    square = ((spectrum - moments["centre"][1]) ** 2).mean(axis=1) * 2 / 3
    assert_mean(square, moments["width2"][1])


def test_reused_noise_matters_in_short_epochs(short):
    """Fresh noise each epoch is another ensemble, and the test above would see it."""
    gram = gram_matrices(short.batch_size, short.batches, 2, seed=3)
    moments = _moments(*_after(short, 2, *epoch_map(gram, 0.3, 0.5, short.batch_size)))
    weight = train(short, gram[1], 2, 100_000, np.random.default_rng(11), reuse=False)
    spectrum = np.linalg.eigvalsh((weight + weight.swapaxes(-1, -2)) / 2)
    assert_not_mean(spectrum[:, 1] - spectrum[:, 0], moments["spacing"][1])


def test_reused_noise_does_not_matter_in_long_epochs():
    """Five hundred steps forget: one epoch and ten end in the same ensemble."""
    model = TeacherStudent(0.1, 16, 0.1)
    one, ten = model.matrix([0.0, 50.0], start=50.0), model.matrix([0.0, 500.0], start=500.0)
    np.testing.assert_allclose(one.mean_spacing, ten.mean_spacing, rtol=1e-9)


def test_many_epochs_cost_no_more_than_one():
    """At |B| = 16; of a few batches of 2 some data set's epoch may grow, and 10⁶ of them overflow."""
    model = TeacherStudent(0.3, 16, 0.2, batches=5)
    far = model.matrix([0.0, 1e6 * model.learning_rate * model.batches])
    assert np.isfinite(far.mean_spacing).all()


def test_large_batches_are_level_pair():
    """Without fluctuations of the data both levels are the same, and data sets do not differ."""
    model = TeacherStudent(0.4, 10**9, 3.0)
    times = np.arange(3) * model.learning_rate * model.batches
    pair, matrix = model.pair(times), model.matrix(times, data_sets=5)
    for name in pair.data_vars:
        np.testing.assert_allclose(matrix[name], pair[name], rtol=1e-3)
    assert float(matrix.width_se[0]) < 1e-3 * float(matrix.width[0])
    assert float(pair.width[0]) == pytest.approx(np.sqrt(0.4 / 1e9 * 9 * 2 / 1.6))


def test_pair_is_the_scalar_recursion():
    model = TeacherStudent(0.3, 4, 0.2, teacher=1.5, initial_std=0.3)
    times = 0.3 * np.arange(40)
    path = model.pair(times).mean_path.values
    centre, variance = 0.0, 0.3**2
    for here in path:
        np.testing.assert_allclose(here.mean(), centre, atol=1e-14)
        np.testing.assert_allclose(here[0] - here[1], np.sqrt(np.pi * variance))
        centre += 0.3 * (1.5 - centre)
        variance = 0.7**2 * variance + 0.3**2 * 2 * 0.2**2 / 4  # diagonal: noise √2 ε


def annealed_width2(model: TeacherStudent) -> float:
    """Stationary σ² averaged over data sets, exactly: the moments of δ close among themselves.

    With c = 1/|B|: E[M_ij M_kl] = (1 − α)² δ_ij δ_kl + α² c (δ_ik δ_jl + δ_il δ_jk), so
    p = E tr δδᵀ, q = E tr δ², r = E (tr δ)² obey a linear recursion, for n × n.
    """
    n, a, c = 2, model.learning_rate, 1 / model.batch_size
    mix = a**2 * c * np.array([[n + 1, 0, 0], [1, 0, 1], [1, 1, 0]])
    kick = a**2 * c * model.noise**2 * np.array([n * (n + 1), n * (n + 1), 2 * n])
    p, q, _ = np.linalg.solve((1 - (1 - a) ** 2) * np.eye(3) - mix, kick)
    return (p + q) / 2 / n * 2 / (n + 1)


@pytest.mark.parametrize(("alpha", "size"), [(0.5, 4), (0.1, 16), (0.5, 16)])
def test_mean_over_data_sets_is_exact(alpha, size):
    model = TeacherStudent(alpha, size, 0.1)
    gram = gram_matrices(size, 300, 1500, seed=2)
    width2 = _moments(*_after(model, 1, *epoch_map(gram, alpha, 0.1, size)))["width2"]
    assert_mean(width2, annealed_width2(model))
    if (alpha, size) == (0.5, 4):  # without mini-batch noise it is a quarter less
        assert_not_mean(width2, model.width**2)


@pytest.mark.parametrize("alpha", [0.1, 0.2, 0.3, 0.4, 0.5])
def test_data_sets_scatter_by_several_percent(alpha):
    """The scatter that an ensemble on one data set carries: theory's mean within 3 %, deviation 3–7 %."""
    model = TeacherStudent(alpha, 16, 0.1)
    level = model.matrix([0.0, 500 * alpha], data_sets=400, seed=1)
    plain = np.sqrt(np.pi) * model.width
    assert 1.0 < float(level.mean_spacing[0]) / plain < 1.03
    assert 0.03 < float(level.mean_spacing_se[0]) / plain < 0.07
    assert float(level.spacing_ratio[0]) == pytest.approx(4 / np.pi, rel=1e-3)


def test_error_does_not_shrink_with_more_data_sets():
    model = TeacherStudent(0.3, 16, 0.1)
    few, many = (model.matrix([0.0, 150.0], data_sets=n) for n in (100, 800))
    assert float(many.width_se[0]) == pytest.approx(float(few.width_se[0]), rel=0.3)


def test_data_sets_depend_on_seed_and_number_alone():
    few, many = gram_matrices(16, 20, 3, seed=8), gram_matrices(16, 20, 9, seed=8)
    np.testing.assert_array_equal(few, many[:3])
    assert not np.array_equal(few, gram_matrices(16, 20, 3, seed=9))
    model = TeacherStudent(0.2, 8, 0.1, batches=50)
    assert model.matrix([0.0, 10.0], seed=4).identical(model.matrix([0.0, 10.0], seed=4))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_gram_matrices_have_wishart_moments(size):
    gram = gram_matrices(size, 100, 400, seed=6).reshape(-1, 2, 2)
    assert_mean(gram[:, 0, 0], 1.0)
    assert_mean(gram[:, 1, 1], 1.0)
    assert_mean(gram[:, 0, 1], 0.0)
    assert_mean(gram[:, 0, 0] ** 2, 1 + 2 / size)
    assert_mean(gram[:, 1, 1] ** 2, 1 + 2 / size)
    assert_mean(gram[:, 0, 1] ** 2, 1 / size)
    if size == 1:  # one sample: rank one
        np.testing.assert_allclose(np.linalg.det(gram), 0, atol=1e-12)


def test_propagate_is_a_change_of_columns():
    rng = np.random.default_rng(1)
    g, right = rng.standard_normal((50, 2, 2)), rng.standard_normal((2, 2))

    def moments(m):
        return np.einsum("rik,rjl->ijkl", m, m)

    np.testing.assert_allclose(propagate(moments(g), right), moments(g @ right), rtol=1e-10)


def test_layout():
    model = TeacherStudent(0.1, 16, 0.1)
    level = model.matrix([0.0, 50.0, 100.0])
    assert level.attrs["kind"] == "theory" and level.attrs["level"] == "matrix" and level.attrs["seed"] == "0"
    assert json.loads(level.attrs["parameters"])["data_sets"] == 200
    assert level.mean_path.dims == ("time", "mode")
    assert {"mean_eigenvalue_se", "width_se", "mean_spacing_se", "mean_path_se"} <= set(level.data_vars)
    assert all(v.attrs["units"] == "1" and v.attrs["long_name"] for v in level.variables.values())
    assert not [name for name in model.pair([0.0, 1.0]).data_vars if name.endswith("_se")]


GOOD = {"learning_rate": 0.1, "batch_size": 16, "noise": 0.1}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("learning_rate", 0),
        ("learning_rate", -0.1),
        ("learning_rate", 2.0),
        ("learning_rate", np.nan),
        ("learning_rate", "fast"),
        ("batch_size", 0),
        ("batch_size", 16.0),
        ("batches", -1),
        ("batches", True),
        ("noise", 0.0),
        ("noise", np.inf),
        ("teacher", np.nan),
        ("initial_std", -1.0),
    ],
)
def test_bad_parameters(name, value):
    with pytest.raises((TypeError, ValueError), match=f"^{name} must be") as caught:
        TeacherStudent(**{**GOOD, name: value})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("times", "options", "message"),
    [
        ([], {}, "times must be"),
        ([0.0, np.nan], {}, "times must be"),
        ([1.0, 0.0], {}, "times must be"),
        ([-50.0, 0.0], {}, "times must be"),
        (["soon"], {}, "times must be"),
        ([0.0, 51.0], {}, "whole epochs"),
        ([0.0, 50.0], {"start": 51.0}, "start must be"),
        ([0.0, 50.0], {"start": "end"}, "start must be"),
        ([0.0, 50.0], {"data_sets": 1}, "data_sets must be"),
        ([0.0, 50.0], {"seed": -1}, "seed must be"),
    ],
)
def test_bad_requests(times, options, message):
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        TeacherStudent(**GOOD).matrix(times, **options)
    assert "\n" not in str(caught.value)


def test_divergence_names_the_bound():
    with pytest.raises(ValueError, match=r"diverges .* stable in mean square below 0\.5"):
        TeacherStudent(1.95, 1, 0.1, batches=50_000).matrix([0.0, 1.95 * 50_000], data_sets=2)


def test_parameters_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TeacherStudent(**GOOD).noise = 1.0
