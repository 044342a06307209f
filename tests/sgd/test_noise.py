"""Measured gradient noise against exact covariances."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.stats import norm

import sgd
from tests.oracles import ALPHA

W = np.array([[1.2, 0.3, -0.2], [0.1, 0.8, 0.4]])
TEACHER = np.array([[1.0, 0.0, 0.5], [0.0, 1.5, 0.0]])
Z = np.array([[1.5, 0.2], [0.0, 0.7]])
C = np.array([[1.0, 0.3, 0.0], [0.3, 0.8, 0.1], [0.0, 0.1, 0.6]])


def rotated(table, mean, covariance):
    """A mean (row, col) and a covariance (row, col, row, col) in the table's singular basis."""
    u, v = table.left.values, table.right.values
    d = np.einsum("ai,bj,abcd,ck,dl->ijkl", u, v, covariance, u, v)
    return u.T @ mean @ v, d


def assert_table(table, mean, covariance):
    """Every entry within its error, at the suite's level of significance."""
    drift, d = rotated(table, -mean, covariance)
    for value, se, expected in (
        (table.drift.values, table.drift_se.values, drift),
        (table.covariance.values, table.covariance_se.values, d),
    ):
        allowed = norm.isf(ALPHA / 2) * se + 1e-9
        worst = np.abs(value - expected) / allowed
        assert worst.max() < 1, f"{worst.max():.3g} of what is allowed"
    return drift, d


def linear_law(model, w):
    """Mean and covariance of a sample's gradient, by Wick's theorem on the whole tensor."""
    z, c = Z if model.output is not None else np.eye(2), model.factor @ model.factor.T
    zz = z.T @ z
    e = zz @ (model.teacher - w)
    label = np.einsum("ac,bd->abcd", model.eps**2 * zz, c) if model.noise == "label" else 0.0
    if model.noise == "isotropic":
        label = model.eps**2 * np.einsum("ac,bd->abcd", np.eye(2), np.eye(3))
    if model.data == "exact":
        return -e @ c, label + np.zeros((2, 3, 2, 3))
    ec = e @ c
    batch = np.einsum("ac,bd->abcd", e @ c @ e.T, c) + np.einsum("ad,cb->abcd", ec, ec)
    return -ec, batch + label


@pytest.mark.parametrize("data", ["batch", "exact"])
@pytest.mark.parametrize("noise", ["label", "isotropic", "none"])
def test_linear_networks(data, noise):
    eps = 0.0 if noise == "none" else 0.7
    model = sgd.LinearNetwork(TEACHER, output=Z, covariance=C, noise=noise, eps=eps, data=data)
    table = sgd.noise(model, W, samples=40_000, seed=1)
    assert_table(table, *linear_law(model, W))
    z2 = np.diag(table.left.values.T @ Z.T @ Z @ table.left.values)
    if data == "exact":  # K_i = 2 ξ_i a_ii with a = UᵀZᵀZ (A − W) C V: its slope in ξ_i, by hand
        c = table.right.values.T @ C @ table.right.values
        drift = table.drift.values[(0, 1), (0, 1)]
        expected = z2 * np.diag(c)[:2] - drift / table.singular_value.values
        assert table.rate.values == pytest.approx(expected, abs=1e-5 + 6 * float(table.rate_se.max()))


@pytest.mark.parametrize("average", ["independent", "persistent", "contrastive"])
@pytest.mark.parametrize("data", ["exact", "batch"])
def test_rbm(average, data):
    target = np.array([[5.0, -1.0, 0.0], [-1.0, 6.0, -0.5], [0.0, -0.5, 7.0]])
    model = sgd.GaussianRBM(target, 2, mu2=9.0, model_average=average, sweeps=1, data=data)
    chains = 3000 if average == "persistent" else 30_000
    table = sgd.noise(model, W, samples=chains, seed=2)
    k = model.mu2 * np.eye(3) - W.T @ W
    seen, start = np.linalg.inv(k), model.covariance
    r = W.T @ W / model.mu2
    if average == "contrastive":
        seen = r @ start @ r + seen - r @ seen @ r
    q = wick(seen)
    if average == "persistent":  # chains of memory R: Σ over lags, each way
        power, total = np.eye(3), q.copy()
        for _ in range(60):
            power = power @ r
            lagged = wick(power @ np.linalg.inv(k), symmetric=False)
            total += lagged + lagged.transpose(2, 3, 0, 1)
        q = total
    if data == "batch":
        q = q + wick(start)
        if average == "contrastive":
            cross = wick(r @ start, symmetric=False)
            q = q - cross - cross.transpose(2, 3, 0, 1)
    covariance = np.einsum("am,mbnd,cn->abcd", W, q, W)
    mean = -W @ (start - seen)
    if average == "persistent":  # 200 memories: what the average over them misses is below 1 %
        table["covariance_se"] = table["covariance_se"] + 0.01 * np.abs(covariance).max()
    assert_table(table, mean, covariance)


def wick(s, symmetric=True):
    """Cov(φ_a φ_b, ψ_c ψ_d) for ⟨φ ψᵀ⟩ = s."""
    return np.einsum("ac,bd->abcd", s, s) + np.einsum("ad,bc->abcd", s, s)


def test_a_planted_error_of_five_percent_is_caught():
    model = sgd.LinearNetwork(TEACHER, output=Z, covariance=C, noise="label", eps=0.7)
    table = sgd.noise(model, W, samples=100_000, seed=1)
    mean, covariance = linear_law(model, W)
    for changed in ((1.05 * mean, covariance), (mean, 1.05 * covariance)):
        with pytest.raises(AssertionError):
            assert_table(table, *changed)


def test_same_seed_same_table():
    model = sgd.LinearNetwork(TEACHER, noise="label", eps=0.7)
    xr.testing.assert_identical(sgd.noise(model, W, 500, seed=4), sgd.noise(model, W, 500, seed=4))
    fresh = sgd.noise(model, W, 500)
    xr.testing.assert_identical(sgd.noise(model, W, 500, seed=int(fresh.attrs["seed"])), fresh)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((sgd.LinearNetwork(TEACHER, hidden=(2,)), W), "one trained layer, got 2"),
        ((sgd.LinearNetwork(TEACHER), W.T), r"weights must have shape \(2, 3\)"),
        ((sgd.LinearNetwork(TEACHER), W * np.nan), "weights must be finite"),
        ((sgd.LinearNetwork(TEACHER), W, 10), "samples must be >= 100"),
        ((sgd.GaussianRBM(np.eye(3), 2, 1.0), W), "below mu2/sigma_h² = 1"),
        (("rbm", W), r"sgd.noise needs.*str lacks name, shapes, parameters\(\), gradients\(\);"),
    ],
)
def test_refused(arguments, message):
    with pytest.raises((TypeError, ValueError), match=message):
        sgd.noise(*arguments)
