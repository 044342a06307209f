"""The closed form of W's law against an independent recursion, literal SGD and known formulas."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import solve_continuous_lyapunov, solve_discrete_lyapunov

from dyson import LinearSGD
from tests.dyson.linear.linear_oracle import complete, pull, recursion, sample_covariance, simulate, wick
from tests.oracles import assert_mean

RNG = np.random.default_rng(5)
SQUARE = dict(
    teacher=np.array([[1.0, 0.4], [-0.3, 0.7]]), output=np.array([[1.0, 0.2], [0.1, 0.6], [0.3, 0.0]])
)
TALL = dict(teacher=RNG.standard_normal((3, 2)), output=RNG.standard_normal((3, 3)) / 2)
WIDE = dict(teacher=RNG.standard_normal((2, 3)))
COLOURED = {2: np.array([[1.0, 0.4], [0.4, 0.5]]), 3: np.diag([1.0, 0.5, 0.2]) + 0.1}
MEASURED = RNG.standard_normal((4, 5))
MEASURED = (MEASURED @ MEASURED.T / 5).reshape(2, 2, 2, 2)


def _cases() -> list:
    out = []
    optimisers = {"plain": {}, "heavy": dict(momentum=0.7, weight_decay=0.2), "decay": dict(weight_decay=0.3)}
    shapes = {"2x2": SQUARE, "3x2": TALL, "2x3": WIDE}
    noises = ("none", "label", "isotropic", "symmetric")
    for (name, shape), noise, data, (optimiser, options) in itertools.product(
        shapes.items(), noises, ("batch", "exact"), optimisers.items()
    ):
        if noise == "symmetric" and name != "2x2":
            continue
        kw = dict(shape, noise=noise, eps=0.0 if noise == "none" else 0.4, data=data, **options)
        kw |= dict(learning_rate=0.15, batch_size=4, covariance=COLOURED[shape["teacher"].shape[1]])
        out.append(pytest.param(kw, id=f"{name}-{noise}-{data}-{optimiser}"))
    symmetric = dict(teacher=np.array([[1.0, 0.3], [0.3, 0.5]]), symmetric=True, data="exact", eps=0.4)
    symmetric |= dict(learning_rate=0.15, batch_size=4, covariance=COLOURED[2], weight_decay=0.1)
    for noise, momentum in itertools.product(noises[1:], (0.0, 0.6)):
        kw = dict(symmetric, noise=noise, momentum=momentum)
        out.append(pytest.param(kw, id=f"projected-{noise}-{momentum}"))
    for data, plain in itertools.product(("batch", "exact"), (True, False)):
        kw = dict(SQUARE, noise=MEASURED, data=data, learning_rate=0.15, batch_size=4)
        kw |= {"noise": "symmetric", "eps": 0.3, "output": None} if plain else {}
        out.append(pytest.param(kw, id=f"{'white' if plain else 'measured'}-{data}"))
    return out


CASES = _cases()


def _width_covariance(kw: dict, width: float) -> np.ndarray:
    m, n = kw["teacher"].shape
    unit = np.eye(m * n).reshape(m, n, m, n)
    if kw.get("symmetric"):
        unit = (unit + unit.transpose(1, 0, 2, 3)) / 2
    return width**2 * unit


@pytest.mark.parametrize("kw", CASES)
def test_mean_and_covariance_are_those_of_the_whole_recursion(kw):
    law, steps = LinearSGD(**kw), [0, 1, 2, 3, 7, 20, 61]
    times = np.array(steps) * law.time_step
    mean, covariance = recursion(kw, np.zeros(kw["teacher"].shape), _width_covariance(kw, 0.3), steps)
    assert np.abs(law.mean(times, 0.3) - mean).max() < 1e-12
    assert np.abs(law.weight_covariance(times, 0.3) - covariance).max() < 1e-12
    given = np.random.default_rng(1).standard_normal((5, *kw["teacher"].shape))
    if kw.get("symmetric"):
        given = given + given.swapaxes(1, 2)
    spread = given - given.mean(axis=0)
    mean, covariance = recursion(
        kw, given.mean(axis=0), np.einsum("rij,rkl->ijkl", spread, spread) / 5, steps
    )
    assert np.abs(law.mean(times[3:], given) - mean[3:]).max() < 1e-12
    assert np.abs(law.weight_covariance(times[3:], given) - covariance[3:]).max() < 1e-12


@pytest.mark.parametrize("kw", CASES)
def test_stationary_law_is_a_fixed_point_of_the_recursion(kw):
    law = LinearSGD(**kw)
    mean, covariance = law.stationary()
    if kw.get("momentum"):  # the covariance with v is not given: run into it
        _, late = recursion(kw, mean, 0 * covariance, [3000])
        assert np.abs(late[-1] - covariance).max() < 1e-12
        return
    means, covariances = recursion(kw, mean, covariance, [0, 1, 5])
    assert np.abs(means - mean).max() < 1e-12
    assert np.abs(covariances - covariance).max() < 1e-12


def test_dropped_wick_term_is_caught():
    kw = dict(SQUARE, learning_rate=0.15, batch_size=4, covariance=COLOURED[2])
    o, u = complete(kw), np.ones(4)
    second = np.outer(u, u)
    p, c = o["output"].T @ o["output"], o["covariance"]
    half = np.einsum("ip,kq,pmqn,mn,jl->ijkl", p, p, second.reshape(2, 2, 2, 2), c, c).reshape(4, 4)
    law = LinearSGD(**kw)
    start = kw["teacher"] + 1.0
    one = law.weight_covariance([law.time_step], start)[0].reshape(4, 4)
    scale = kw["learning_rate"] ** 2 / 4
    assert np.abs(one - scale * wick(o, second)).max() < 1e-14
    assert np.abs(one - scale * half).max() > 0.2 * np.abs(one).max()


def _assert_moments(law: LinearSGD, w: np.ndarray, steps: list[int], initial) -> None:
    times = np.array(steps) * law.time_step
    mean, covariance = law.mean(times, initial), law.weight_covariance(times, initial)
    for record in range(len(steps)):
        flat = w[:, record].reshape(len(w), -1)
        centred = flat - mean[record].ravel()
        full = covariance[record].reshape(flat.shape[1], -1)
        for i in range(flat.shape[1]):
            assert_mean(flat[:, i], mean[record].ravel()[i])
            for j in range(i + 1):
                assert_mean(centred[:, i] * centred[:, j], full[i, j])


SIMULATED = [
    case for case in CASES if "2x3" not in case.id and "decay" not in case.id and "none-exact" not in case.id
]


@pytest.mark.parametrize("kw", [c for c in SIMULATED if "measured" not in c.id])
def test_literal_training_has_this_mean_and_covariance(kw):
    rng, steps = np.random.default_rng(11), [1, 4, 15]
    w = 0.3 * rng.standard_normal((3000, *kw["teacher"].shape))
    if kw.get("symmetric"):
        w = (w + w.swapaxes(1, 2)) / 2
    run = simulate(kw, w, steps, rng)
    law = LinearSGD(**kw)
    if kw.get("symmetric"):
        assert np.allclose(run, run.swapaxes(-1, -2))
    _assert_moments(law, run, steps, 0.3)


def test_wrong_noise_or_momentum_is_caught():
    kw = dict(SQUARE, noise="isotropic", eps=0.4, learning_rate=0.15, batch_size=4, momentum=0.5)
    rng, steps = np.random.default_rng(2), [15]
    run = simulate(kw, np.zeros((6000, 2, 2)), steps, rng)
    _assert_moments(LinearSGD(**kw), run, steps, 0.0)
    for planted in (dict(eps=0.43), dict(momentum=0.52), dict(batch_size=5), dict(data="exact")):
        with pytest.raises(AssertionError, match="z ="):
            _assert_moments(LinearSGD(**kw | planted), run, [15], 0.0)


def test_isotropic_noise_makes_one_species_per_row():
    alpha, eps, z = 0.2, 0.3, np.array([1.0, 0.3])
    law = LinearSGD(
        np.eye(2), output=np.diag(z), noise="isotropic", eps=eps, data="exact",
        learning_rate=alpha, batch_size=16,
    )  # fmt: skip
    level = alpha / 16
    expected = np.sqrt(level * eps**2 / (2 * z**2) / (1 - alpha * z**2 / 2))
    assert np.allclose(law.widths, expected[:, None], rtol=1e-13)
    assert np.allclose(law.rates, (z**2)[:, None], rtol=1e-13)


@pytest.mark.parametrize("projected", [False, True])
def test_symmetric_noise_has_the_width_of_the_symmetric_student(projected):
    alpha, eps = 0.5, 0.1
    law = LinearSGD(
        2 * np.eye(3), noise="symmetric", eps=eps, data="exact", learning_rate=alpha, batch_size=16,
        symmetric=projected, spectrum="symmetric",
    )  # fmt: skip
    sigma2 = alpha / 16 * eps**2 * 2 / (2 - alpha)
    covariance = law.stationary()[1]
    assert np.isclose(covariance[0, 0, 0, 0], sigma2, rtol=1e-13)  # σ² of a diagonal entry
    assert np.isclose(covariance[0, 1, 0, 1], sigma2 / 2, rtol=1e-13)
    assert np.isclose(covariance[0, 1, 1, 0], sigma2 / 2, rtol=1e-13)


def test_label_noise_has_one_width_for_all_rows_of_white_inputs():
    law = LinearSGD(
        np.eye(2), output=np.diag([1.0, 0.3]), noise="label", eps=0.3, continuous=True, data="exact",
        learning_rate=0.01, batch_size=10,
    )  # fmt: skip
    assert np.allclose(law.widths, np.sqrt(0.001 * 0.09 / 2), rtol=1e-13)


@pytest.mark.parametrize("noise", ["label", "isotropic", "symmetric", MEASURED])
@pytest.mark.parametrize("momentum", [0.0, 0.8])
def test_scipys_lyapunov_solvers_agree(noise, momentum):
    kw = dict(
        SQUARE, noise=noise, eps=0.2 if isinstance(noise, str) else 0.0, data="exact", learning_rate=0.2
    )
    kw |= dict(batch_size=3, momentum=momentum, weight_decay=0.05, covariance=COLOURED[2])
    o, one = complete(kw), np.eye(4)
    slope = pull(o) + 0.05 * one
    additive = sample_covariance(o).reshape(4, 4)
    q = 0.2 / 3 / (1 - momentum) * additive
    continuous = LinearSGD(**kw, continuous=True).stationary()[1].reshape(4, 4)
    assert np.allclose(continuous, solve_continuous_lyapunov(slope, q), rtol=1e-11, atol=1e-15)
    step = np.block([[one - 0.2 * slope, momentum * one], [-0.2 * slope, momentum * one]])
    kick = np.tile(0.04 / 3 * additive, (2, 2))
    exact = solve_discrete_lyapunov(step, kick, method="bilinear")[:4, :4]
    assert np.allclose(LinearSGD(**kw).stationary()[1].reshape(4, 4), exact, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("data", ["batch", "exact"])
@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_continuous_law_solves_its_differential_equation(data, momentum):
    kw = dict(TALL, noise="isotropic", eps=0.3, data=data, learning_rate=0.2, batch_size=4)
    kw |= dict(covariance=COLOURED[2], momentum=momentum, weight_decay=0.1)
    o, level = complete(kw), 0.05 / (1 - momentum)
    slope, size = pull(o), 6
    a, additive = o["teacher"].ravel(), sample_covariance(o).reshape(size, size)
    decay = slope + 0.1 * np.eye(size)

    def change(_, y):
        u, s = y[:size], y[size:].reshape(size, size)
        noise = additive + (wick(o, s + np.outer(u, u)) if data == "batch" else 0.0)
        return np.r_[-decay @ u - 0.1 * a, (-decay @ s - s @ decay + level * noise).ravel()]

    times = np.array([0.0, 0.1, 0.7, 0.8, 5.0])
    start = np.r_[-a, 0.09 * np.eye(size).ravel()]
    y = solve_ivp(change, (0, 5), start, t_eval=times, rtol=1e-10, atol=1e-12).y.T
    law = LinearSGD(**kw, continuous=True)
    assert np.allclose(law.mean(times, 0.3).reshape(-1, size), y[:, :size] + a, atol=1e-8)
    assert np.allclose(law.weight_covariance(times, 0.3).reshape(len(times), -1), y[:, size:], atol=1e-8)


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_small_steps_tend_to_the_continuous_law(momentum):
    kw = dict(SQUARE, noise="label", eps=0.3, covariance=COLOURED[2], weight_decay=0.1, momentum=momentum)
    errors = []
    for alpha in (2.0**-8, 2.0**-9):
        both = dict(learning_rate=alpha, batch_size=1)
        times = np.array([1.0, 4.0])
        fine, limit = LinearSGD(**kw, **both), LinearSGD(**kw, **both, continuous=True)
        x, y = fine.weight_covariance(times, 0.2), limit.weight_covariance(times, 0.2)
        errors.append(np.abs(x - y).max() / np.abs(y).max())
    assert errors[1] < 0.02
    assert 0.4 < errors[1] / errors[0] < 0.6  # first order in α


def test_long_runs_need_no_steps():
    rng = np.random.default_rng(3)
    law = LinearSGD(
        rng.standard_normal((4, 4)), noise="label", eps=0.2, learning_rate=0.001, batch_size=8,
        momentum=0.5, weight_decay=0.01, covariance=np.diag([1.0, 0.6, 0.3, 0.1]),
    )  # fmt: skip
    steps = np.unique(np.rint(np.geomspace(1, 1e7, 150)))
    late = law.weight_covariance(steps * law.time_step, 0.1)[-1]
    assert np.allclose(late, law.stationary()[1], rtol=1e-8, atol=1e-13)
