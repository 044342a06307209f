"""Momentum, finite learning rate, schedules, and the drift that persistent chains induce."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy

import dyson
import sgd
from dyson import derive
from dyson.derive import library
from dyson.derive.notation import T
from dyson.derive.reduction import Observed
from tests.oracles import assert_mean


def heavy_ball_variance(alpha, m, k, batch):
    """Exact stationary variance of w ← w + v, v ← m v - α (k w + noise of variance 1/batch)."""
    return alpha / batch * (1 + m) / (k * (1 - m) * (2 * (1 + m) - alpha * k))


@pytest.mark.parametrize("m", [0.0, 0.5, 0.9])
def test_momentum_and_finite_learning_rate_to_first_order(m):
    """Variance and rate of a linear model against the exact ones of the recursion: an error of O(α²)."""
    rate, batch = 1.3, 4
    plain = library.matrix_ou()
    errors = []
    for alpha in (0.05 * (1 - m) ** 2, 0.025 * (1 - m) ** 2):
        sde = plain.optimiser(momentum=True, finite_learning_rate=True)
        bound = derive.bind(sde, alpha / batch, n=1, rate=rate, center=0.0, eps=1.0, m=m, learning_rate=alpha)
        # the diagonal noise of the symmetric matrix has variance 2
        exact = 2 * heavy_ball_variance(alpha, m, rate, batch)
        roots = np.roots([1.0, -(1 + m - alpha * rate), m])
        exact_rate = -np.log(max(roots.real)) * (1 - m) / alpha
        errors.append([bound.sigma[0] ** 2 / exact - 1, bound.rate[0] / exact_rate - 1])
    first, second = np.abs(errors)
    assert (first < 0.02).all()
    np.testing.assert_allclose(second / first, 0.25, atol=0.06)  # second order in α
    naive = derive.bind(
        plain.optimiser(momentum=True), 0.01 / batch, n=1, rate=rate, center=0.0, eps=1.0, m=m
    )
    assert naive.sigma[0] ** 2 == pytest.approx(0.01 / batch / (1 - m) / rate)


@pytest.mark.parametrize("m", [0.0, 0.5])
def test_finite_learning_rate_where_the_noise_depends_on_the_weight(m):
    """One weight under mini-batch noise, relaxing: its variance against the exact recursion."""
    batch, time = 64, 1.0
    eig = library.linear_network("minibatch", output=False)
    eig = (
        replace(eig, spectrum="singular")
        .optimiser(momentum=m > 0, finite_learning_rate=True)
        .eigenvalue_sde()
    )
    errors = []
    for alpha in (0.1 * (1 - m) ** 2, 0.05 * (1 - m) ** 2):
        steps = round(time * (1 - m) / alpha)
        # second moments of (e, v): v ← m v - α s e, e ← e + v, ⟨s⟩ = 1, ⟨s²⟩ = 1 + 2/batch
        s2 = 1 + 2 / batch
        ee, ev, vv = 1.0, 0.0, 0.0
        for _ in range(steps):
            new_vv = m * m * vv - 2 * m * alpha * ev + alpha**2 * s2 * ee
            new_ev = m * ev - alpha * ee + new_vv
            ee, ev, vv = ee + 2 * (m * ev - alpha * ee) + new_vv, new_ev, new_vv
        mean = np.linalg.matrix_power([[1 - alpha, m], [-alpha, m]], steps)[0, 0]
        at = {"T": alpha / batch, "learning_rate": alpha, "m": m, "teacher_i": 2.0, "x_i": 3.0}
        k, c = -eig.number(eig.flow, **at), eig.number(eig.noise, **at)  # at distance 1 from the teacher
        predicted = np.exp(-2 * k * time) * (np.exp(2 * c * time) - 1)
        errors.append(predicted / (ee - mean**2) - 1)
    assert abs(errors[0]) < 0.1
    assert abs(errors[1]) < 0.35 * abs(errors[0])


def one_mode(sde, noise_level, **values):
    """σ² of an RBM of one mode, from the coefficients of its 1 × 1 matrix: nothing else is derived."""
    one = Observed(sde, 1, 1)
    xi, opaque = one.explicit.xi[0], one.explicit.opaque
    flow = one.one(0).xreplace(opaque).subs(T, 0)
    at = {xi: np.sqrt(values["mu2"] - values["kappa_1"]), **values, "T": noise_level}
    named = {s: at.get(s, at.get(s.name)) for s in (flow + one.amplitude(0).xreplace(opaque)).free_symbols}
    rate = -sympy.diff(flow, xi) / (2 * xi)
    return float((one.amplitude(0).xreplace(opaque) / rate).subs(named))


def bound_mode(sde, noise_level, kappa_1, **values):
    """The same of the compiled equation."""
    return derive.bind(sde, noise_level, kappa=[kappa_1], **values).sigma[0] ** 2


@pytest.mark.parametrize("variance", [one_mode, pytest.param(bound_mode, marks=pytest.mark.slow)])
def test_finite_learning_rate_of_the_rbm_against_training(variance):
    """One mode at α k = 0.25: the modified equation has the variance that SGD has, the plain one has not."""
    kappa, mu2, alpha, batch = 4.0, 9.0, 0.4, 256
    model = sgd.GaussianRBM(target=[[kappa]], n_hidden=1, mu2=mu2)
    record = np.arange(200, 1001, 5)
    data = sgd.train(
        model, alpha, batch, steps=1000, replicas=2048, seed=3, initial="fixed-point", record=record
    )
    x = data.eigenvalue.values[:, -len(record) :, 0]
    measured = x.var(axis=1) + (x.mean(1) - x.mean()) ** 2
    values = {"mu2": mu2, "s2": 1.0, "kappa_1": kappa}
    plain = variance(library.rbm(), alpha / batch, **values)
    corrected = library.rbm().optimiser(finite_learning_rate=True)
    modified = variance(corrected, alpha / batch, learning_rate=alpha, **values)
    se = measured.std() / np.sqrt(len(measured))
    assert abs(modified - measured.mean()) < 0.03 * measured.mean() + 4 * se
    assert abs(plain - measured.mean()) > 0.08 * measured.mean()


def test_schedule_of_the_noise_level():
    """OU process with T(t) falling from 2 to 1/2: the variance that its linear ODE has."""
    k = 1.0

    def noise_level(t):
        return 0.5 + 1.5 * np.exp(-t)

    sde = derive.bind(library.matrix_ou(), noise_level, n=1, rate=k, center=0.0, eps=1.0)
    times = np.array([0.0, 0.5, 3.0])
    data = dyson.integrate(sde, x0=np.zeros((20_000, 1)), times=times, seed=1, dt=0.005)
    for i, t in enumerate(times[1:], 1):
        # dv/dt = -2 v + 2 T(t), v(0) = 0
        expected = 0.5 * (1 - np.exp(-2 * t)) + 3.0 * (np.exp(-t) - np.exp(-2 * t))
        assert_mean(data.eigenvalue.values[:, i, 0] ** 2, expected * (1 + 0.005 * k / 2))
    again = dyson.integrate(sde, x0=np.zeros((100, 1)), times=times, seed=1, dt=0.005, workers=2)
    assert np.array_equal(again.eigenvalue.values, data.eigenvalue.values[:100])
    assert "schedule" in data.attrs
    with pytest.raises(ValueError, match="schedule"):
        dyson.integrate(sde, x0=np.zeros((1, 1)), times=times, solver="sdeint", dt=0.1)
    with pytest.raises(ValueError, match="schedule"):
        dyson.pair(sde)


def test_schedule_must_stay_a_noise_level():
    sde = derive.bind(library.matrix_ou(), lambda t: 1.0 - t, n=2, rate=1.0, center=0.0, eps=1.0)
    with pytest.raises(ValueError, match="noise_level at t = "):
        dyson.integrate(sde, times=[0.0, 2.0], replicas=2, seed=1)


@pytest.mark.parametrize("k", [1, 2])
def test_memory_drift_is_that_of_the_expansion_by_hand(k):
    """Second-order expansion in the chains' lag, done by hand (docs/memory-drift.md)."""
    x, y, mu2, s2, noise_level = sympy.symbols("x_i x_j mu2 s2 T", positive=True)

    def kept(z):
        return (s2 * z / mu2) ** k

    c, d, p, q = 1 / (mu2 - s2 * x), 1 / (mu2 - s2 * y), kept(x), kept(y)
    prefactor = 2 * x * noise_level * s2**2
    slope = (p - q) / (x - y)
    pair = c * d * (p * q / (1 - p * q) + 2 * p * (x + y) * slope / ((1 - p**2) * (1 - p * q)))
    own = 2 * c**2 * (p**2 / (1 - p**2) + 4 * p * x * sympy.diff(p, x) / (1 - p**2) ** 2)
    column = 2 * c / mu2 * p**2 / (1 - p**2)
    memory = library.rbm("persistent", memory_drift=True).eigenvalue_sde(k=k)
    without = library.rbm("persistent").eigenvalue_sde(k=k)
    for name, expected in (("pair_drift", pair), ("drift", own), ("column_drift", column)):
        difference = getattr(memory, name) - getattr(without, name)
        assert sympy.simplify(difference - prefactor * expected) == 0
    assert memory.repulsion == without.repulsion and memory.noise == without.noise


def test_memory_drift_against_training():
    """One mode, k = 1: the stationary mean of PCD-1 needs the memory drift."""
    kappa, mu2, noise_level = 4.0, 9.0, 1 / 320
    model = sgd.GaussianRBM(target=[[kappa]], n_hidden=1, mu2=mu2, model_average="persistent", sweeps=1)
    record = np.arange(2000, 8001, 40)
    trained = sgd.train(
        model, 0.025, 8, steps=8000, replicas=1024, seed=2, initial="fixed-point", record=record, workers=2
    ).eigenvalue.values[:, -len(record) :, 0]
    means = {}
    for memory in (False, True):
        sde = dyson.models.gaussian_rbm(
            [kappa], mu2, noise_level, model_average="persistent", sweeps=1, memory_drift=memory
        )
        path = dyson.integrate(sde, times=np.linspace(0, 200, 81), replicas=2048, seed=4, dt=0.01)
        means[memory] = path.eigenvalue.values[:, 20:, 0].mean(1)
    target = trained.mean(1)

    def z(theory):
        se = np.hypot(theory.std() / np.sqrt(len(theory)), target.std() / np.sqrt(len(target)))
        return (theory.mean() - target.mean()) / se

    assert abs(z(means[True])) < 4.5
    assert z(means[False]) < -8


@pytest.mark.parametrize(
    "make, words",
    [
        (
            lambda: library.rbm("persistent").optimiser(finite_learning_rate=True).eigenvalue_sde(),
            "psi is a chain",
        ),
        (lambda: dyson.models.gaussian_rbm([4.0], 9.0, 0.1, memory_drift=True), "belongs to model_average"),
        (
            lambda: library.rbm("persistent", memory_drift=True).optimiser(momentum=True),
            "derived for plain SGD",
        ),
        (lambda: library.rbm().with_integers(k=3), "k is not a parameter of the kind"),
        (
            lambda: library.matrix_ou().optimiser(finite_learning_rate=True).eigenvalue_sde().feedback(),
            "leading order",
        ),
        (
            lambda: derive.bind(
                library.matrix_ou().optimiser(momentum=True), 0.1, n=1, rate=1.0, center=0.0, eps=1.0, m=1.0
            ),
            "m must be >= 0 and < 1",
        ),
    ],
)
def test_bad_requests(make, words):
    with pytest.raises(ValueError, match=words):
        make()
