"""Fixed points, gases and eigenvector feedback of derived equations, against exact results."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

import dyson
from dyson import derive
from dyson.derive import library
from tests.oracles import assert_mean

X, Y, T, EPS = sympy.symbols("x_i x_j T eps", positive=True)


def is_zero(expression) -> bool:
    return sympy.simplify(expression) == 0


@pytest.mark.parametrize("beta", [1, 2])
@pytest.mark.parametrize("further", [0, 1, 4])
def test_laguerre_process_settles_in_the_laguerre_ensemble(beta, further):
    """Weight x^{β(M - N + 1)/2 - 1} e^{-β x/2σ²}, σ² the variance of an entry (Mehta, ch. 3)."""
    eig = library.wishart(weight_decay=True, beta=beta).eigenvalue_sde()
    gas = eig.gas(rows=further)
    assert "every basis" in gas.reason
    assert gas.exact and gas.coulomb and gas.beta == beta
    assert is_zero(gas.interaction - beta * sympy.log(sympy.Abs(X - Y)))
    decay = sympy.Symbol("decay", positive=True)
    variance = T * EPS**2 / (2 * decay)
    power = sympy.Rational(beta * (further + 1), 2) - 1
    assert gas.potential == eig.potential(rows=further)
    assert is_zero(gas.potential - (-power * sympy.log(X) + beta * X / (2 * variance)))


def test_laguerre_process_reaches_the_mean_of_the_laguerre_ensemble():
    """⟨Σx⟩ = M N σ² from the compiled, rectangular equation that has a wall at zero."""
    sde = derive.bind(library.wishart(weight_decay=True), 0.5, n=3, rows=6, eps=1.0, decay=1.0)
    start = np.tile([8.0, 4.0, 1.0], (4096, 1))
    path = dyson.integrate(sde, x0=start, times=[0.0, 4.0], seed=1, dt=0.002)
    assert path.diverged.isnull().all()
    assert_mean(path.eigenvalue.values[:, 1].sum(1), 6 * 3 * 0.25)


def test_wall_at_zero():
    """A square Laguerre process reaches zero and stays above it; the error falls with the step."""
    errors = []
    for dt in (0.02, 0.002):
        sde = derive.bind(library.wishart(weight_decay=True), 0.5, n=3, eps=1.0, decay=1.0)
        start = np.tile([3.0, 1.0, 0.3], (8192, 1))
        x = dyson.integrate(sde, x0=start, times=[0.0, 4.0], seed=1, dt=dt, workers=2).eigenvalue.values[:, 1]
        assert (x >= 0).all() and (x[:, 2] < 0.01).mean() > 0.1
        errors.append(x.sum(1).mean() / (3 * 3 * 0.25) - 1)
    assert abs(errors[1]) < 0.02 and abs(errors[1]) < 0.6 * abs(errors[0])


def test_gas_of_a_spectral_potential():
    eig = library.spectral_potential("X**4/4 - a*X**2/2", {"a": "scalar"}).eigenvalue_sde()
    gas, x = eig.gas(), eig.x
    a = sympy.Symbol("a", positive=True)
    assert gas.exact and gas.coulomb
    assert is_zero(gas.potential - (x**4 / 4 - a * x**2 / 2) / (T * EPS**2))
    assert set(eig.fixed_points()) == {sympy.sqrt(a), -sympy.sqrt(a), 0}


def test_deep_isotropic_gas_is_exact_but_no_coulomb_gas():
    eig = library.deep_linear(2, "isotropic").eigenvalue_sde()
    gas = eig.gas()
    assert gas.exact and not gas.coulomb
    assert is_zero(gas.interaction - sympy.log(sympy.Abs(sympy.sqrt(X) - sympy.sqrt(Y))))


def test_interaction_of_an_exact_gas_is_symmetric():
    """Label noise in a deep network: detailed balance without a Coulomb gas."""
    eig = library.deep_linear(2, "label").eigenvalue_sde()
    gas = eig.gas()
    assert gas.exact and not gas.coulomb and "frozen" in gas.reason
    x, y = 2.0, 0.7
    at = {"teacher_i": 1.3, "teacher_j": 1.3, "eps": 1.0, "T": 0.1, "x_i": x, "x_j": y}
    back = {**at, "x_i": y, "x_j": x}
    assert eig.number(gas.interaction, **at) == pytest.approx(eig.number(gas.interaction, **back))
    force = (eig.pair_drift + eig.repulsion / (X - Y)) / eig.noise
    for where in (at, back):
        slope = eig.number(sympy.diff(gas.interaction, X), **where)
        assert slope == pytest.approx(eig.number(force, **where))


@pytest.mark.parametrize(
    "sde",
    [library.wishart(), library.spectral_potential("-X**2"), library.spectral_potential("X**3/3 - X")],
    ids=["wishart", "hill", "cubic"],
)
def test_gas_that_nothing_confines_is_none(sde):
    with pytest.raises(ValueError, match="does not confine as x"):
        sde.eigenvalue_sde().gas()


def test_fixed_points_lie_in_the_domain():
    cubic = library.spectral_potential("X**3/3 - a*X", {"a": "scalar"}, spectrum="gram").eigenvalue_sde()
    assert cubic.fixed_points() == [sympy.sqrt(sympy.Symbol("a", positive=True)), 0]
    decayed = derive.bind(library.rbm(weight_decay=True), 0.001, mu2=9.0, s2=1.0, kappa=[4.0], decay=0.5)
    assert decayed.target[0] == 0.0  # the other root lies beyond μ²


def test_numbers_for_symbols():
    eig = library.matrix_ou().eigenvalue_sde()
    assert eig.number(eig.noise, T=0.5, eps=2.0) == 2.0
    with pytest.raises(ValueError, match="no value for eps"):
        eig.number(eig.noise, T=0.5)


def test_gas_of_minibatch_noise_does_not_exist():
    with pytest.raises(ValueError, match="noise vanishes at the fixed point"):
        library.linear_network("minibatch").eigenvalue_sde().gas()


def test_growth_of_a_linear_network_is_the_published_one():
    """x(t) = κ (1 - e^{-z² t})² solves the derived flow (arXiv:2412.20496)."""
    eig = library.linear_network("isotropic").eigenvalue_sde()
    t, z, w = sympy.symbols("t Z_i teacher_i", positive=True)
    growth = w**2 * (1 - sympy.exp(-(z**2) * t)) ** 2
    root = w * (1 - sympy.exp(-(z**2) * t))
    flow = eig.flow.subs(sympy.sqrt(X), root).subs(X, root**2)
    assert is_zero(sympy.diff(growth, t) - flow)


def test_feedback_of_the_rbm_is_the_formula_of_the_docs():
    mu2, a, b = sympy.symbols("mu2 kappa_i kappa_j", positive=True)
    shifts = library.rbm().eigenvalue_sde().feedback()
    x, y, c, d = mu2 - a, mu2 - b, 1 / a, 1 / b
    at = {sympy.Symbol("s2", positive=True): 1}
    variance = T * (x + y) / 2
    own = (2 * T * x * c**2 - 2 * mu2 * c**3 * 2 * T * x) / (2 * x * c**2)
    pair = (T * y * c * d - 2 * mu2 * c**2 * d * variance) / (2 * x * c**2)
    assert is_zero(shifts.rate.subs(at) - (x + y) * c * d)
    assert is_zero(shifts.variance.subs(at) - variance)
    assert is_zero(shifts.rotating.subs(at) - variance / (x - y))
    assert is_zero(shifts.own.subs(at) - own)
    assert is_zero(shifts.pair.subs(at) - pair)


@pytest.mark.parametrize("noise", ["isotropic", "label", "symmetric"])
def test_feedback_of_linear_models_from_their_exact_stationary_law(noise):
    """W is Gaussian there: the mean of its sampled spectrum less the first-order term, to second order."""
    rng = np.random.default_rng(5)
    teacher, z, noise_level, n = np.array([2.0, 1.2]), np.array([0.7, 1.3]), 1e-4, 400_000
    spread = np.sqrt(noise_level / 2) * rng.normal(size=(n, 2, 2))  # label: variance T ε²/2 in every row
    if noise == "symmetric":
        spread = (spread + spread.transpose(0, 2, 1)) / np.sqrt(2)
        moved = np.linalg.eigvalsh(np.diag(teacher) + spread)[:, ::-1]
        residual = moved - teacher - np.diagonal(spread, axis1=1, axis2=2)
        eig = library.symmetric_regression().eigenvalue_sde()
    else:
        spread = spread / (z[:, None] if noise == "isotropic" else 1.0)
        w = np.diag(teacher) + spread
        moved = np.linalg.eigvalsh(w.transpose(0, 2, 1) @ w)[:, ::-1]
        residual = moved - teacher**2 - 2 * teacher * np.diagonal(spread, axis1=1, axis2=2)
        eig = library.linear_network(noise).eigenvalue_sde()
    shifts = eig.feedback()
    for i, j in ((0, 1), (1, 0)):
        at = {
            "teacher_i": teacher[i],
            "teacher_j": teacher[j],
            "Z_i": z[i],
            "Z_j": z[j],
            "T": noise_level,
            "eps": 1,
        }
        total = shifts.rotating + shifts.own + shifts.pair
        expected = float(total.subs({s: at[s.name] for s in total.free_symbols}))
        assert_mean(residual[:, i], expected)


def test_interacting_flow_needs_a_target():
    sde = derive.matrix_sde(
        loss="Tr(W.T*W)**2/8 - Tr(W.T*W)/2", parameters={"eps": "scalar"}, noise=derive.Noise("eps**2")
    )
    with pytest.raises(ValueError, match="pass target"):
        derive.bind(sde, 0.1, n=2, eps=1.0)
    assert derive.bind(sde, 0.1, n=2, eps=1.0, target=[1.0, 1.0]).n == 2


def test_fixed_points_without_closed_form_are_found_numerically():
    sde = derive.matrix_sde(
        gradient="sinh(W) - a", parameters={"a": "scalar", "eps": "scalar"},
        noise=derive.Noise("eps**2", symmetric=True), spectrum="symmetric",
    )  # fmt: skip
    np.testing.assert_allclose(derive.bind(sde, 0.1, n=2, a=1.5, eps=1.0).target, np.arcsinh(1.5))


def test_latex_of_an_equation_for_a_notebook():
    text = library.rbm().eigenvalue_sde()._repr_latex_()
    assert text.startswith("$") and r"\sigma_h^{2}" in text and r"\mu^{2}" in text
    assert r"\prod" in library.rbm().eigenvalue_sde().gas()._repr_latex_()
