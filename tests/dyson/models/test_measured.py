"""An equation from a measured table: exact tables of derived models give the derived equation."""

from __future__ import annotations

import json
from functools import cache, partial
from itertools import product

import numpy as np
import pytest
import xarray as xr

import dyson
from dyson.blocks import WHOLE
from dyson.derive import bind, library
from dyson.models import gaussian_rbm, measured
from streams import LANES
from tests.dyson.models.test_models import assert_kernel_is_twin, block_values
from tests.oracles import assert_mean

T = 0.02
KAPPA = np.array([3.0, 4.5, 4.5, 6.5, 7.5])
MU2, S2 = 9.0, 1.44
SHAPES = [(4, 4), (6, 4), (3, 5)]


def table(xi, a, rate, d, model="toy", **parameters) -> dict:
    return {
        "singular_value": xi, "drift": a, "rate": rate, "covariance": d,
        "model": model, "parameters": json.dumps(parameters), "matrix": "WᵀW", "kind": "measurement",
    }  # fmt: skip


def dataset(t: dict) -> xr.Dataset:
    """The same as the experiment hands it over, dims in another order."""
    dims = {"singular_value": ("mode",), "drift": ("row", "col"), "rate": ("mode",)}
    dims["covariance"] = ("row", "col", "row2", "col2")
    attrs = {k: v for k, v in t.items() if k not in dims}
    whole = xr.Dataset({k: (d, t[k]) for k, d in dims.items()}, attrs=attrs)
    return whole.transpose("col2", "row2", "col", "row", "mode")


def rbm_table(x, m: int, batch: bool) -> dict:
    """dW = σ_h² W Q dt at a diagonal W, Q the difference of two Gaussian sample covariances."""
    n = len(KAPPA)
    whole = np.zeros(n)
    whole[: len(x)] = x
    xi = np.zeros(m)
    xi[: len(x)] = np.sqrt(x)
    c = 1 / (MU2 - S2 * whole)
    h = np.outer(c, c) + batch * np.outer(1 / KAPPA, 1 / KAPPA)
    d, a = np.zeros((m, n, m, n)), np.zeros((m, n))
    for i in range(len(x)):
        a[i, i] = S2 * xi[i] * (1 / KAPPA[i] - c[i])
        for j in range(n):
            d[i, j, i, j] += S2**2 * xi[i] ** 2 * h[i, j]
            if j < len(x):
                d[i, j, j, i] += S2**2 * xi[i] * xi[j] * h[i, j]
    rate = -2 * S2 * (1 / KAPPA[: len(x)] - c[: len(x)] - S2 * x * c[: len(x)] ** 2)
    return table(np.sqrt(x), a, rate, d, "gaussian_rbm", mu2=MU2)


def linear_table(noise, teacher, z, xi, shape, eps=0.3) -> dict:
    """Gradients ZᵀZ (W - W_t) v vᵀ (sampled or not) and noise of covariance ε² δ or ε² ZᵀZ."""
    m, n = shape
    size = min(shape)
    w = np.zeros(shape)
    w[:size, :size] = np.diag(xi - teacher)
    e = z[:, None] ** 2 * w
    d = np.einsum("ik,jl->ijkl", np.diag(np.ones(m) if noise == "isotropic" else z**2), np.eye(n)) * eps**2
    if noise == "minibatch-label":
        d += np.einsum("ia,ka,jl->ijkl", e, e, np.eye(n)) + np.einsum("il,kj->ijkl", e, e)
    zz = z[:size] ** 2
    return table(xi, -e, 2 * zz * (1 - teacher / (2 * xi)), d, "linear_network", eps=eps)


@cache
def rbm(m: int, batch: bool):
    return gaussian_rbm(KAPPA, MU2, T, sigma_h=S2**0.5, n_hidden=m, data="batch" if batch else "exact")


def rbm_case(m: int, batch: bool, at: str):
    """Derived equation, table of exact numbers, and the eigenvalues it is of."""
    sde = rbm(m, batch)
    x = sde.target if at == "target" else sde.target * np.linspace(1.08, 1.02, sde.n)
    return sde, rbm_table(x, m, batch), x


@cache
def linear(noise: str, shape: tuple[int, int]):
    z, teacher = np.linspace(1.0, 1.6, shape[0]), np.linspace(2.0, 1.0, min(shape))
    equation = library.linear_network(noise)
    return z, teacher, bind(equation, T, n=shape[1], rows=shape[0], teacher=teacher, Z=z, eps=0.3)


def linear_case(noise: str, shape: tuple[int, int], at: str):
    z, teacher, sde = linear(noise, shape)
    xi = teacher if at == "target" else teacher * np.linspace(1.2, 0.9, min(shape))
    return sde, linear_table(noise, teacher, z, xi, shape), xi**2


CASES = {
    f"rbm-{m}-{batch}-{at}": partial(rbm_case, m, batch, at)
    for m, batch, at in product((5, 7, 3), (False, True), ("target", "beside"))
} | {
    f"{noise}-{shape}-{at}": partial(linear_case, noise, shape, at)
    for noise, shape, at in product(("isotropic", "label", "minibatch-label"), SHAPES, ("target", "beside"))
}
"""Made when they are used: deriving all of them takes seconds."""


@pytest.mark.parametrize("name", CASES)
def test_exact_table_gives_the_derived_equation(name):
    derived, exact, x = CASES[name]()
    sde = measured(exact, T)
    close = {"rtol": 1e-10, "atol": 1e-12}
    np.testing.assert_allclose(sde.noise(x), derived.noise(x), **close)
    np.testing.assert_allclose(sde.drift(x), derived.drift(x), **close)
    np.testing.assert_allclose(sde.flow(x), derived.flow(x), **close)
    assert (sde.null_modes, sde.n, sde.matrix) == (derived.null_modes, derived.n, "WᵀW")
    if name.endswith("target"):
        np.testing.assert_allclose(sde.target, derived.target, **close)
        np.testing.assert_allclose(sde.rate, derived.rate, **close)
        np.testing.assert_allclose(sde.g2, derived.g2, **close)
    whole = measured(dataset(exact), T)
    assert np.array_equal(whole.kernel.theta, sde.kernel.theta)
    assert (whole.model, whole.parameters) == (derived.model, json.loads(exact["parameters"]))


def test_a_covariance_that_forgets_the_columns_without_rows_is_noticed():
    """W of 3 × 5: the two eigenvalues at zero repel the others by D_ij,ij."""
    derived, exact, x = rbm_case(3, False, "target")
    less = exact | {"covariance": exact["covariance"].copy()}
    less["covariance"][:, 3:] = 0
    assert np.abs(measured(less, T).drift(x) / derived.drift(x) - 1).max() > 0.05


def random_table(n: int, seed: int) -> dict:
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(n * n, 2 * n * n))
    d = (factor @ factor.T / (2 * n * n)).reshape(n, n, n, n)
    a = rng.normal(size=(n, n)) * 0.02
    return table(np.sqrt(np.linspace(5, 2, n)), a, rng.uniform(0.5, 1.5, n), d)


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_kernel_equals_numpy_twin(n):
    sde = measured(random_table(n, n), T)
    assert (np.diff(sde.target) <= 0).all()
    x = -np.sort(-np.random.default_rng(1).uniform(0.1, 6, (LANES, n)), axis=1)
    assert_kernel_is_twin(sde, x, rtol=1e-11)
    below = x.copy()
    below[:, -1] = -0.1
    out, _ = block_values(sde, below, mode=WHOLE)
    np.testing.assert_allclose(out, sde.drift(below), rtol=1e-11, atol=1e-12 * abs(out).max())


def test_drift_and_noise_against_one_step_of_the_matrix():
    """Mean and variance of a small step of W itself, noise of any covariance, W of 2 × 3."""
    rng = np.random.default_rng(3)
    xi, dt, replicas = np.array([2.0, 1.4]), 1e-4, 400_000
    factor = rng.normal(size=(6, 9)) / 3
    a = np.array([[0.3, 0.0, 0.0], [0.0, -0.2, 0.0]])
    w = np.c_[np.diag(xi), np.zeros(2)]
    sde = measured(table(xi, a, np.ones(2), (factor @ factor.T).reshape(2, 3, 2, 3)), 0.5)
    step = rng.standard_normal((replicas // 2, 9)) @ factor.T * np.sqrt(0.5 * dt)
    step = np.concatenate([step, -step]).reshape(-1, 2, 3) + a * dt
    gram = (w + step) @ (w + step).swapaxes(1, 2)
    moved = np.linalg.eigvalsh(gram)[:, ::-1] - xi**2
    both = (moved[: replicas // 2] + moved[replicas // 2 :]) / 2  # antithetic: the first order drops out
    order = np.argsort(-sde.target, kind="stable")
    for i in range(2):
        place = int(np.flatnonzero(order == i)[0])
        drift = both[:, i] / dt
        se = drift.std() / np.sqrt(len(drift))
        assert abs(drift.mean() - sde.drift(xi**2)[place]) < 4.4 * se
        assert_mean(moved[: replicas // 2, i] ** 2 / (2 * dt), sde.noise(xi**2)[place])


def stationary(sde, seed):
    times = np.linspace(0, 30 / sde.rate.min(), 41)
    run = dyson.integrate(sde, times=times, replicas=256, seed=seed)
    return run.eigenvalue.values[:, 10:].mean(1)


def differ(a, b):
    """Largest difference of two ensembles' means in errors."""
    se = np.sqrt(a.var(0, ddof=1) / len(a) + b.var(0, ddof=1) / len(b))
    return float(np.max(np.abs(a.mean(0) - b.mean(0)) / se))


def test_stationary_mean_is_the_derived_one():
    """At a noise so small that the curvature of the flow does not show, with a degenerate pair."""
    kappa, level = np.array([3.0, 4.5, 4.5]), 2e-4
    derived = gaussian_rbm(kappa, MU2, level)
    xi, c = np.sqrt(derived.target), 1 / kappa
    d = np.einsum("i,k,ik,jl->ijkl", xi, xi, np.eye(3), np.eye(3)) * np.outer(c, c)[:, :, None, None]
    d += np.einsum("i,k,il,jk->ijkl", xi, xi, np.eye(3), np.eye(3)) * np.outer(c, c)[:, :, None, None]
    exact = table(xi, np.zeros((3, 3)), 2 * derived.target * c**2, d)
    reference = stationary(derived, 1)
    assert differ(stationary(measured(exact, level), 2), reference) < 4.4
    assert differ(stationary(measured(exact | {"rate": 1.3 * exact["rate"]}, level), 2), reference) > 6


def test_a_table_with_errors_integrates():
    """G_ij of a pair of one level is then not g²: what the solver leaves over is singular, and bounded."""
    exact = linear_table("isotropic", np.array([1.5, 1.5]), np.ones(2), np.array([1.5, 1.5]), (2, 2))
    clean = measured(exact, T)
    d = exact["covariance"].copy()
    d[0, 1, 0, 1] *= 1.03
    d[1, 1, 1, 1] *= 0.98
    rough = measured(exact | {"covariance": d, "drift": exact["drift"] + 1e-4}, T)
    a, b = stationary(clean, 3), stationary(rough, 4)
    assert np.isfinite(b).all()
    assert np.max(np.abs(b.mean(0) - a.mean(0))) < 0.005  # of a spacing of 0.13


def test_a_given_target_replaces_the_measured_one():
    exact = linear_table("label", np.array([1.5, 1.5]), np.ones(2), np.array([1.501, 1.499]), (2, 2))
    sde = measured(exact, T, target=[2.25, 2.25])
    assert sde.target.tolist() == [2.25, 2.25]
    np.testing.assert_allclose(sde.flow(sde.target), 0, atol=1e-15)


GOOD = linear_table("label", np.array([2.0, 1.0]), np.ones(2), np.array([2.0, 1.0]), (2, 2))


def without(name, instead=None):
    return {k: v for k, v in GOOD.items() if k != name} | ({instead: GOOD[name]} if instead else {})


def changed(name, where, value):
    array = GOOD[name].copy()
    array[where] = value
    return GOOD | {name: array}


@pytest.mark.parametrize(
    "bad, words",
    [
        ([1, 2], "table must be a Dataset or a mapping"),
        (without("rate"), r"rate is missing in the table \(dims mode\)"),
        (without("covariance", "covariances"), "did you mean it by 'covariances'"),
        (GOOD | {"drift": GOOD["drift"][0]}, "drift must be 2-D"),
        (GOOD | {"rate": np.ones(3)}, r"rate must have shape \(2,\) beside a drift of 2 × 2, got \(3,\)"),
        (GOOD | {"covariance": GOOD["covariance"][:1]}, "covariance must have shape"),
        (dataset(GOOD).rename(row="out"), "drift must have dims"),
        (changed("drift", (0, 1), np.nan), "drift must be finite, got 1 NaN"),
        (changed("rate", 1, -0.5), "rate of mode 1 is -0.5, expected > 0"),
        (changed("rate", 0, 0.0), "rate of mode 0 is 0, expected > 0"),
        (changed("singular_value", 1, 0.0), "singular_value must be > 0"),
        (changed("singular_value", 1, 3.0), "singular_value must be in descending order"),
        (changed("drift", (1, 1), -2.0), "target of mode 1, x . K/k, is -3, expected > 0"),
        (changed("covariance", (0, 0, 0, 0), -1.0), "D_ij,ij >= 0"),
        (changed("covariance", (0, 0, 0, 1), 0.05), "must be symmetric"),
        (GOOD | {"matrix": "W"}, "matrix of the table must be 'WᵀW'"),
        (GOOD | {"kind": "experiment"}, "kind of the table must be 'measurement'"),
        (GOOD | {"model": 3}, "model of the table must be a name"),
        (GOOD | {"parameters": "[1]"}, "parameters of the table must be a JSON object"),
        (GOOD | {"parameters": {"a": {1, 2}}}, "parameters of the table must be a JSON object"),
    ],
)  # fmt: skip
def test_refusals(bad, words):
    with pytest.raises((ValueError, TypeError), match=words) as error:
        measured(bad, T)
    assert "\n" not in str(error.value)


def test_refusals_of_the_other_arguments():
    d = GOOD["covariance"].copy()
    d[0, 1, 1, 0] = d[1, 0, 0, 1] = 1.0
    for table_, arguments, words in (
        (GOOD | {"covariance": d}, {}, "as every covariance has"),
        (GOOD, {"noise_level": -1.0}, "noise_level must be a finite number >= 0"),
        (GOOD, {"target": [1.0]}, "target must hold n = 2 numbers, got 1"),
        (GOOD, {"target": [1.0, 2.0]}, "target must be > 0 and descending"),
    ):
        with pytest.raises(ValueError, match=words):
            measured(table_, **{"noise_level": T, **arguments})
