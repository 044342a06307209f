"""The derived RBM: identical to the expression of the literature, and to the kernel written by hand."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

import dyson
from dyson import derive
from dyson.blocks import SPLIT, WHOLE
from tests.benchmarks.handwritten_rbm import rbm_drift, rbm_noise
from tests.dyson.models.test_models import block_values, spectra

KAPPA = np.sort(4 + 2 - 2 * np.cos(2 * np.pi * np.arange(10) / 10))
AVERAGES = ("independent", "persistent", "contrastive")


def symbols():
    x_i, x_j, mu2, s2, kappa_i, kappa_j, noise_level = sympy.symbols(
        "x_i x_j mu2 s2 kappa_i kappa_j T", positive=True
    )
    return x_i, x_j, mu2, s2, kappa_i, kappa_j, noise_level


def is_zero(expression) -> bool:
    return sympy.simplify(expression) == 0


def test_published_equation_identically():
    """docs/theory.md, "Gaussian RBM", at σ_h = 1 (arXiv:2412.20496) and for any σ_h."""
    x, y, mu2, s2, kappa, _, noise_level = symbols()
    c, d = 1 / (mu2 - s2 * x), 1 / (mu2 - s2 * y)
    eig = derive.library.rbm().eigenvalue_sde()
    assert is_zero(eig.flow - 2 * s2 * x * (1 / kappa - c))
    assert is_zero(eig.drift - eig.flow - 2 * noise_level * s2**2 * x * c**2)
    assert is_zero(eig.pair_drift - noise_level * s2**2 * y * c * d)
    assert is_zero(eig.repulsion - noise_level * s2**2 * (x + y) ** 2 * c * d)
    assert is_zero(eig.noise - 4 * noise_level * s2**2 * x**2 * c**2)
    assert is_zero(eig.column_drift - noise_level * s2**2 * x * c / mu2)
    assert eig.row_drift == 0


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("data", ["exact", "batch"])
def test_covariances_of_every_estimator_identically(average, data):
    """G_ij = T σ_h⁴ (x_i + x_j)² H_ij with the H_ij that ``gaussian_rbm`` documents."""
    x, y, mu2, s2, kappa_i, kappa_j, noise_level = symbols()
    k = sympy.Symbol("k", integer=True, positive=True)
    c, d = 1 / (mu2 - s2 * x), 1 / (mu2 - s2 * y)
    p, q = (s2 * x / mu2) ** k, (s2 * y / mu2) ** k
    h = {
        "independent": c * d,
        "persistent": c * d * (1 + p * q) / (1 - p * q),
        "contrastive": (p**2 / kappa_i + c * (1 - p**2)) * (q**2 / kappa_j + d * (1 - q**2)),
    }[average]
    if data == "batch":
        h += (1 - 2 * p * q if average == "contrastive" else 1) / (kappa_i * kappa_j)
    eig = derive.library.rbm(average, data).eigenvalue_sde()
    numbers = {k: 3}
    assert is_zero((eig.repulsion - noise_level * s2**2 * (x + y) ** 2 * h).subs(numbers))
    assert is_zero((eig.pair_drift - noise_level * s2**2 * y * h).subs(numbers))
    own = h.subs({y: x, kappa_j: kappa_i})
    assert is_zero((eig.noise - 4 * noise_level * s2**2 * x**2 * own).subs(numbers))


def test_fixed_point_width_and_the_reason_why_the_gas_is_local():
    x, _, mu2, s2, kappa, _, noise_level = symbols()
    eig = derive.library.rbm().eigenvalue_sde()
    assert eig.fixed_points() == [(mu2 - kappa) / s2, 0]
    near = eig.linearised()
    assert is_zero(near.rate - 2 * s2 * (mu2 - kappa) / kappa**2)
    assert is_zero(near.noise - 4 * noise_level * (mu2 - kappa) ** 2 / kappa**2)
    assert is_zero(near.variance - 2 * noise_level * (mu2 - kappa) / s2)
    gas = eig.gas()
    assert not gas.exact and gas.coulomb
    assert "detailed balance" in gas.reason and "Neglected" in gas.reason
    assert is_zero(gas.potential - (x - near.target) ** 2 / (2 * near.variance))


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("data", ["exact", "batch"])
@pytest.mark.parametrize("n_hidden", [10, 7])
def test_compiled_equals_the_kernel_written_by_hand(average, data, n_hidden):
    sde = dyson.models.gaussian_rbm(
        KAPPA, 9.0, 1 / 64, sigma_h=1.2, n_hidden=n_hidden, model_average=average, data=data, sweeps=2
    )
    null = KAPPA[n_hidden:]
    head = [9.0, 1.44, 1 / 64, AVERAGES.index(average), 2, data == "batch", len(null), np.sum(1 / null)]
    theta = np.r_[head, KAPPA[:n_hidden]].astype(float)
    x = spectra(sde.n, 0.9 * 9.0 / 1.44)
    for mode in (WHOLE, SPLIT):
        drift, g2 = block_values(sde, x, mode)
        expected, expected_g2 = block_values((rbm_drift, rbm_noise, theta), x, mode)
        np.testing.assert_allclose(drift, expected, rtol=1e-11, atol=1e-12 * abs(expected).max())
        np.testing.assert_allclose(g2, expected_g2, rtol=1e-13)


@pytest.mark.parametrize("beta", [1, 2])
def test_matrix_ou_kernel_equals_the_derived_one(beta):
    """The hand-written kernel of ``dyson.models.matrix_ou``, with one rate, is the derived equation."""
    noise_level = beta * 0.3**2  # g² = T ε²/β: off-diagonal noise ε, diagonal √2 ε (β = 1) or ε (β = 2)
    derived = derive.bind(derive.library.matrix_ou(beta), noise_level, n=5, rate=1.4, center=0.2, eps=1.0)
    ready = dyson.models.matrix_ou(5, rate=1.4, center=0.2, noise=0.3, beta=float(beta))
    np.testing.assert_allclose(derived.g2, ready.g2)
    x = spectra(5, 3.0)
    for mode in (WHOLE, SPLIT):
        for ours, theirs in zip(block_values(derived, x, mode), block_values(ready, x, mode), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12 * abs(theirs).max())
