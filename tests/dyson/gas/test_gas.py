"""Gases in any potential: densities, gradients, Hamiltonian Monte Carlo, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ks_2samp

import dyson
from dyson import CoulombGas
from tests.oracles import ALPHA, assert_ks, assert_mean

INF = math.inf
QUARTIC = "x**4/4 - c*x**2"


def chains(n, beta=1.0, sigma=1.0):
    """The Gaussian ensemble as a function, which is sampled by Markov chains."""
    return CoulombGas(n, lambda x: x**2 / 2, beta, g2=sigma**2, derivative=lambda x: +x)


def assert_same(x, y):
    """Every column of two independent samples has one law."""
    worst = min(ks_2samp(x[:, i], y[:, i]).pvalue for i in range(x.shape[1]))
    assert worst > ALPHA, f"two-sample KS: p = {worst:.1g}"


def pair_cdf(gas, low, high, points=1200):
    """Cumulative law of x_1 of two particles, by sums on a grid."""
    y = low + (high - low) * (np.arange(points) + 0.5) / points
    upper, lower = np.broadcast_arrays(y[:, None], y[None, :])
    above = upper > lower
    weight = np.zeros(above.shape)
    weight[above] = np.exp(gas.log_density(np.stack([upper[above], lower[above]], axis=-1)))
    cumulative = np.cumsum(weight.sum(axis=1))
    edges = y + 0.5 * (y[1] - y[0])
    return lambda x: np.interp(x, edges, cumulative / cumulative[-1])


def some_gases():
    yield CoulombGas(4, QUARTIC, 1.5, parameters={"c": [1.0, 0.5, 0.3, 0.1]}, g2=[1, 2, 1, 1])
    yield CoulombGas(4, "x", 2.0, walls=(0, INF), log_weight=[0.5, 0.0, -0.5, 1.0])
    yield CoulombGas(4, "exp(-x)/3", 1.0, walls=(-INF, 2.0))
    yield CoulombGas(4, "cosh(x)", 1.0, walls=(-1.0, 1.5))
    yield CoulombGas.laguerre(4, 0.3, 2.0, 2.0)
    yield CoulombGas.jacobi(4, 0.3, -0.5, 2.0)
    yield CoulombGas.quadratic([1.0, 0.5, 0.0, -2.0], [1.0, 0.5, 2.0, 1.0])


@pytest.mark.parametrize("gas", some_gases(), ids=repr)
def test_gradient_is_that_of_the_density(gas):
    x = np.array([[0.9, 0.6, 0.4, 0.05], [0.7, 0.65, 0.2, 0.1]])
    h = 1e-6 * np.eye(4)
    numeric = [(gas.log_density(x + row) - gas.log_density(x - row)) / 2e-6 for row in h]
    np.testing.assert_allclose(gas.gradient(x), np.stack(numeric, axis=-1), rtol=1e-5, atol=1e-6)


def test_density_is_the_formula():
    gas = CoulombGas(3, QUARTIC, 2.0, parameters={"c": 0.5}, g2=[1.0, 2.0, 4.0])
    x = [2.0, 0.5, -1.0]
    energy = sum((v**4 / 4 - 0.5 * v**2) / g for v, g in zip(x, (1, 2, 4), strict=True))
    assert gas.log_density(x) == pytest.approx(2 * math.log(1.5 * 3.0 * 1.5) - energy, rel=1e-14)
    assert gas.log_density([1.0, 1.0, 0.0]) == -INF
    assert CoulombGas.laguerre(2).log_density([1.0, -1.0]) == -INF
    assert gas.log_density(np.zeros((5, 2, 3))).shape == (5, 2)
    function = CoulombGas(3, lambda x: x**4 / 4 - x**2 / 2, 2.0, g2=[1, 2, 4], derivative=lambda x: x**3 - x)
    np.testing.assert_allclose(function.log_density(x), gas.log_density(x), rtol=1e-14)
    np.testing.assert_allclose(function.gradient(x), gas.gradient(x), rtol=1e-13)


def test_formulas_are_evaluated_as_written():
    x = np.array([1.3, 0.4])
    for text, value in (
        ("(x - x0)**2 + exp((x - x0)**2) + x1*x", (x - 0.3) ** 2 + np.exp((x - 0.3) ** 2) + 2 * x),
        ("sqrt(1 + x**2)*5 + x0*0 + x1*0", 5 * np.sqrt(1 + x**2)),
        (
            "tanh(x) + cosh(2*x) - sin(x)/3 + x0*x1*cos(x)",
            np.tanh(x) + np.cosh(2 * x) - np.sin(x) / 3 + 0.6 * np.cos(x),
        ),
        ("x^4/4 + 2.5e-1*x**-2*x**4 + log(1 + x^2)", x**4 / 4 + x**2 / 4 + np.log(1 + x**2)),
    ):
        gas = CoulombGas(2, text, parameters={"x0": 0.3, "x1": 2.0})
        np.testing.assert_allclose(gas.potential.value(x), value, rtol=1e-14)
        slope = (gas.potential.value(x + 1e-6) - gas.potential.value(x - 1e-6)) / 2e-6
        np.testing.assert_allclose(gas.potential.derivative(x), slope, rtol=1e-6)


@pytest.mark.parametrize(
    ("center", "stiffness"), [(1e4, 1e6), pytest.param(-3.0, 1e10, marks=pytest.mark.slow), (0.0, 1e-10)]
)
def test_wells_far_away_narrow_or_wide_are_found(center, stiffness):
    gas = CoulombGas(
        3, lambda x: stiffness * (x - center) ** 2 / 2, derivative=lambda x: stiffness * (x - center)
    )
    y = (gas.sample(2000, 1) - center) * math.sqrt(stiffness)
    assert_mean((y**2).sum(axis=1), 3 + 3)


@pytest.mark.parametrize("walls", [(-INF, INF), (0.0, INF), (-INF, 3.0), (0.0, 3.0)])
def test_chains_follow_the_gradient_of_their_density(walls):
    """In the free coordinates, by differences; and z → x → z is the identity."""
    gas = CoulombGas(5, "x**2 + 0.3*x + x**4/100", 1.3, walls=walls)
    chains = gas._chains(1, None)
    z = chains.z.copy()
    x, gradient, jacobian = chains._look(z)
    assert (np.diff(x, axis=0) < 0).all() and (x > walls[0]).all() and (x < walls[1]).all()
    np.testing.assert_allclose(chains._straight(chains._free(x)), z, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(
        chains._total(x, jacobian), -gas.log_density(x.T) - jacobian, rtol=1e-10, atol=1e-10
    )
    for i in range(5):
        h = 1e-6 * chains.scale[i]
        sides = []
        for sign in (1, -1):
            moved = z.copy()
            moved[i] += sign * h
            at = chains._look(moved)
            sides.append(chains._total(at[0], at[2]))
        numeric = (sides[0] - sides[1]) / (2 * h)
        np.testing.assert_allclose(
            gradient[i] * chains.scale[i], numeric * chains.scale[i], rtol=1e-4, atol=1e-4
        )
    # log |∂x/∂z| of one chain against its matrix
    matrix = np.empty((5, 5))
    for i in range(5):
        h = 1e-6 * chains.scale[i]
        up, down = z.copy(), z.copy()
        up[i] += h
        down[i] -= h
        matrix[:, i] = ((chains._look(up)[0] - chains._look(down)[0]) / (2 * h))[:, 0]
    assert math.log(abs(np.linalg.det(matrix))) == pytest.approx(jacobian[0], abs=1e-4)


@pytest.mark.parametrize(
    ("chains", "exact"),
    [
        pytest.param(chains(2), CoulombGas.gaussian(2), marks=pytest.mark.slow),
        (chains(10, 2.0, 0.5), CoulombGas.gaussian(10, 0.5, 2.0)),
        (CoulombGas(4, "x/2", 1.0, (0, INF), -0.5), CoulombGas.laguerre(4, -0.5, 2.0)),
        (
            CoulombGas(5, "-b*log(1 - x)", 2.0, (0, 1), 0.5, parameters={"b": -0.3}),
            CoulombGas.jacobi(5, 0.5, -0.3, 2.0),
        ),
    ],
    ids=repr,
)
def test_chains_have_the_law_of_the_matrix_models(chains, exact):
    x, y = chains.sample(3000, 1), exact.sample(20_000, 2)
    assert_same(x, y)
    assert_mean(x.sum(axis=1), y.sum(axis=1).mean())
    assert_mean((x**2).sum(axis=1), (y**2).sum(axis=1).mean())


def test_five_percent_of_beta_or_sigma_are_caught():
    right = chains(10).sample(4000, 3)
    square = 10 + 10 * 9 / 2
    assert_mean((right**2).sum(axis=1), square)
    for wrong in (CoulombGas.gaussian(10, beta=1.05), CoulombGas.gaussian(10, 1.05)):
        with pytest.raises(AssertionError, match="z ="):
            assert_mean((wrong.sample(4000, 3) ** 2).sum(axis=1), square)


@pytest.mark.parametrize(
    ("gas", "low", "high"),
    [
        (CoulombGas(2, QUARTIC, 1.0, parameters={"c": 0.7}), -4, 4),
        (CoulombGas.quadratic([0.5, 0.0], [1.0, 0.4], 2.0), -6, 6),
        (CoulombGas(2, "3*log(1 + x**2)", 0.5), -60, 60),
        (CoulombGas(2, "cosh(x)", 1.0, walls=(-1.0, 0.5)), -1.0, 0.5),
    ],
    ids=repr,
)
def test_two_particles_by_quadrature(gas, low, high):
    assert_ks(gas.sample(4000, 1)[:, 0], pair_cdf(gas, low, high))


def test_a_wrong_width_of_one_species_is_caught():
    x = CoulombGas.quadratic([0.5, 0.0], [1.0, 0.4], 2.0).sample(10_000, 2)[:, 0]
    with pytest.raises(AssertionError, match="KS"):
        assert_ks(x, pair_cdf(CoulombGas.quadratic([0.5, 0.0], [1.08, 0.4], 2.0), -6, 6))


def test_the_virial_holds_for_several_species():
    """⟨Σ x_i ∂_i log P⟩ = −N: for quadratic wells ⟨Σ x_i (x_i − c_i)/σ_i²⟩ = N + βN(N − 1)/2, exactly."""
    c, s = np.array([1.0, 1.0, 0.0, 0.0, -1.0, -1.0]), np.array([1.0, 1.0, 0.3, 0.3, 0.6, 0.6])
    x = CoulombGas.quadratic(c, s).sample(4000, 1)
    assert_mean((x * (x - c) / s**2).sum(axis=1), 6 + 15)


def test_the_gas_is_where_the_sde_settles():
    sde = dyson.models.matrix_ou(
        4, rate=[1, 1, 2, 2], center=[1.0, 1.0, 0.0, 0.0], noise=[1.0, 1.0, 0.5, 0.5]
    )
    gas = CoulombGas.of(sde)
    x = gas.sample(2000, 1)
    np.testing.assert_allclose(gas.gradient(x) * sde.g2, sde.drift(x), rtol=1e-9, atol=1e-9)
    paths = dyson.integrate(sde, times=[0.0, 6.0], replicas=2000, seed=2, dt=0.002)
    late = paths["eigenvalue"].values[:, -1]
    assert_same(x, late)
    for i in range(4):
        error = math.hypot(x[:, i].std(), late[:, i].std()) / math.sqrt(2000)
        assert abs(x[:, i].mean() - late[:, i].mean()) < 4.5 * error
    wrong = CoulombGas.quadratic([1.0, 1.0, 0.0, 0.0], 1.15 * np.sqrt([1.0, 1.0, 0.125, 0.125])).sample(
        2000, 1
    )
    with pytest.raises(AssertionError, match="two-sample"):
        assert_same(wrong, late)
    one = CoulombGas.of(dyson.models.matrix_ou(6, rate=2.0, center=0.3, noise=0.5, beta=2.0))
    assert (one.ensemble.kind, one.ensemble.scale, one.beta) == (
        "gaussian",
        pytest.approx(math.sqrt(0.125)),
        2.0,
    )


def test_a_potential_that_is_not_quadratic_is_the_integral_of_the_flow():
    ou = dyson.models.matrix_ou(3, noise=[1.0, 1.0, 0.5])

    def flow(x):
        return -(np.asarray(x) ** 3) - 0.2 * np.asarray(x)

    quartic = replace(ou, flow=flow, drift=lambda x: ou.drift(x) - ou.flow(x) + flow(x))
    gas, same = CoulombGas.of(quartic), CoulombGas(3, "x**4/4 + x**2/10", g2=[1.0, 1.0, 0.25])
    x = same.sample(50, 1)
    np.testing.assert_allclose(gas.gradient(x), same.gradient(x), rtol=1e-12)
    np.testing.assert_allclose(gas.log_density(x), same.log_density(x), rtol=1e-12)
    for wrong, message in (
        (replace(quartic, drift=lambda x: 1.1 * ou.drift(x)), "is not its flow plus the repulsion"),
        (replace(ou, flow=lambda x: ou.flow(x) + x.mean(-1, keepdims=True) ** 2), "repulsion"),
        (replace(ou, null_modes=1), "pinned at zero"),
        (replace(ou, theta_at=lambda t: ou.kernel.theta), "schedule"),
        (replace(ou, noise=lambda x: 1 + x * x), "depends on x"),
    ):
        with pytest.raises(ValueError, match=message):
            CoulombGas.of(wrong)


def test_samples_depend_on_the_seed_and_the_row_only():
    gas = CoulombGas(3, QUARTIC, parameters={"c": 0.5})
    x = gas.sample(150, 5)
    assert x.shape == (150, 3) and (np.diff(x) < 0).all()
    np.testing.assert_array_equal(x[:70], gas.sample(70, 5))
    assert not np.array_equal(x, gas.sample(150, 6))
    assert gas.sample(0, 5).shape == (0, 3)
    mixing = gas.mixing(5)
    assert mixing.rhat < 1.05 and mixing.effective > 1000
    assert CoulombGas.gaussian(3).mixing() is None
    started = gas.sample(64, 5, start=[1.0, 0.0, -1.0])
    assert started.shape == (64, 3) and not np.array_equal(started, x[:64])


def test_chains_cross_barriers():
    """Two particles, wells 64 apart in energy: how many are in the right one, by quadrature."""
    gas = CoulombGas(2, QUARTIC + " + 0.1*x", 0.4, parameters={"c": 8.0})
    x = np.linspace(-6, 6, 1201)
    weight = np.exp(-(x**4) / 4 + 8 * x**2 - 0.1 * x - 64)
    both = np.abs(x[:, None] - x) ** 0.4 * weight[:, None] * weight
    right = both[x > 0][:, x > 0].sum() / both.sum(), both[x < 0][:, x < 0].sum() / both.sum()
    sample = gas.sample(6400, 1)
    seen = (sample[:, 1] > 0).mean(), (sample[:, 0] < 0).mean()
    for found, expected in zip(seen, right, strict=True):
        assert abs(found - expected) < 4.5 * np.sqrt(expected / 6400)
    assert min(right) > 0.02 and right[1] > 2 * right[0]


def test_chains_kept_apart_by_a_barrier_are_refused(monkeypatch):
    monkeypatch.setattr("dyson.gas.hamiltonian.RELOCATIONS", 0)
    with pytest.raises(ValueError, match=r"have not converged: split R̂ = .*effective states.*put walls"):
        CoulombGas(3, QUARTIC, parameters={"c": 8.0}).sample(10, 1)


def test_a_parabola_in_text_is_the_gaussian_ensemble():
    gas = CoulombGas(4, "k*(x - 1)**2 + k*x", 2.0, g2=0.5, parameters={"k": 2.0})
    assert gas.ensemble == CoulombGas.gaussian(4, np.sqrt(0.5 / 4), 2.0, center=0.5).ensemble
    assert CoulombGas(2, "k*x**2", parameters={"k": [1.0, 2.0]}).ensemble is None
    assert CoulombGas(2, "x**2/2", walls=(-2.0, 2.0)).ensemble is None
    assert CoulombGas(2, "x**2/2 + exp(x) - exp(x)").ensemble is not None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CoulombGas(3, "x**3"), "does not confine as x → -∞"),
        (lambda: CoulombGas(3, "exp(-x)"), "does not confine as x → ∞"),
        (lambda: CoulombGas(3, "log(1 + x**2)"), r"must exceed β\(n - 1\) \+ 1 = 3"),
        (lambda: CoulombGas(3, "x", walls=(-1, INF), g2=[1, 1, -1]), "g2 must be > 0"),
        (lambda: CoulombGas(2, "k*x**2", parameters={"k": [1.0, -1.0]}), r"as x → -∞ \(particle 1\)"),
        (lambda: CoulombGas(2, "2*log(x)", walls=(0, 1)), "not integrable at the wall 0"),
        (lambda: CoulombGas(2, "x**2", beta=0), "beta must be a finite number > 0"),
        (lambda: CoulombGas(2, "x**2", beta=-1.0), "beta must be a finite number > 0"),
        (lambda: CoulombGas(2, "x**2", beta=math.nan), "beta must be"),
        (lambda: CoulombGas(0, "x**2"), "n must be >= 1"),
        (lambda: CoulombGas(2, "x**2", walls=(1, 0)), "walls must be two numbers"),
        (lambda: CoulombGas(2, "x**2", walls=(0, math.nan)), "walls must be two numbers"),
        (lambda: CoulombGas(2, "x**2", walls=3), "walls must be two numbers"),
        (lambda: CoulombGas(2, "x**2", log_weight=1.0), "pass walls="),
        (lambda: CoulombGas(2, "x**2", walls=(0, INF), log_weight=-1.0), "log_weight must be > -1"),
        (lambda: CoulombGas(2, "x**2", log_weight=[0, 0, 0]), "one number or n = 2"),
        (lambda: CoulombGas(2, "y**2"), "unknown name 'y'"),
        (lambda: CoulombGas(2, "__import__('os')"), "potential at character"),
        (lambda: CoulombGas(2, "x**2", parameters={"x": 1.0}), "choose another name"),
        (lambda: CoulombGas(2, "k*x**2", parameters={"k": math.nan}), "'k' must be finite"),
        (lambda: CoulombGas(2, "x**2", derivative=np.sin), "leave derivative out"),
        (lambda: CoulombGas(2, lambda x: x**2), "needs derivative="),
        (lambda: CoulombGas(2, lambda x: x**2, derivative=lambda x: x), "not that of the potential"),
        (lambda: CoulombGas(2, lambda x: x.sum(), derivative=lambda x: x), "real numbers of its shape"),
        (lambda: CoulombGas(2, "sqrt(-1 - x**2)"), "nowhere finite|does not confine"),
        (lambda: CoulombGas.gaussian(2, 0.0), "sigma must be"),
        (lambda: CoulombGas.quadratic([0.0, 1.0], [1.0, 0.0]), "widths must be > 0"),
        (lambda: CoulombGas.laguerre(2, -1.0), "a must be > -1"),
        (lambda: CoulombGas.jacobi(2, 0.0, math.nan), "b must be finite"),
        (lambda: CoulombGas.of(dyson.models.matrix_ou(2, rate=[1.0, 0.0])), "mode 1 does not relax"),
        (lambda: CoulombGas.of(dyson.models.gaussian_rbm([4.0, 5.0], 9.0, 0.1)), "constant noise"),
        (lambda: CoulombGas(2, "x**4").log_normalisation, "Z is known in closed form for"),
    ],
)
def test_bad_gases_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g: g.log_density([0.0, 1.0]), "descending order"),
        (lambda g: g.log_density([1.0, math.nan]), "x must be finite"),
        (lambda g: g.log_density([1.0, 0.0, -1.0]), "must hold n = 2 particles"),
        (lambda g: g.gradient([1.0, 1.0]), "infinite where particles coincide"),
        (lambda g: g.gradient([4.0, 1.0]), "inside the walls"),
        (lambda g: g.sample(-1), "size must be >= 0"),
        (lambda g: g.sample(3, start=[4.0, 1.0]), "start must be inside the walls"),
        (lambda g: g.sample(3, start=[1.0, 1.0]), "two particles coincide"),
        (lambda g: g.sample(3, start=[1.0, 2.0]), "descending order"),
        (lambda g: g.sample(3, start=np.zeros((3, 2))), "start must be"),
        (lambda g: CoulombGas.gaussian(2).sample(3, start=[1.0, 0.0]), "leave it out"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(CoulombGas(2, "x**2", walls=(-3.0, 3.0)))


def test_wrong_types_are_type_errors():
    with pytest.raises(TypeError, match="potential must be text"):
        CoulombGas(2, 3.0)
    with pytest.raises(TypeError, match="n must be a whole number"):
        CoulombGas(2.0, "x**2")
    with pytest.raises(TypeError, match="sde must be an EigenvalueSDE"):
        CoulombGas.of("matrix_ou")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_large_gas_by_chains(seed):
    x = chains(40).sample(2000, seed)
    assert_same(x[:, ::8], CoulombGas.gaussian(40).sample(20_000, seed)[:, ::8])
    assert_mean((x**2).sum(axis=1), 40 + 40 * 39 / 2)
