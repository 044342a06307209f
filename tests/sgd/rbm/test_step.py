"""One compiled step against exact moments, and several against the literal algorithm in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp

import sgd
from sgd.optimiser import Optimiser
from sgd.rbm import reference
from sgd.rbm.kernels import advance, start_chains
from sgd.rbm.trainer import new_block, setting
from streams import LANES, states
from tests.oracles import ALPHA, assert_mean

TARGET = np.array([[4.0, -1.0, 0.5], [-1.0, 5.0, -1.5], [0.5, -1.5, 6.0]])
LEARNING_RATE = 0.02
KINDS = [
    (average, data) for average in ("independent", "persistent", "contrastive") for data in ("exact", "batch")
]
BATCHES = (1, 2, 3, 4, 5, 6, 11)  # below, at, between and above N = 3 and 2 N


def model(average="independent", data="exact", hidden=2, sweeps=3):
    return sgd.GaussianRBM(
        TARGET, hidden, mu2=9.0, sigma_h=1.2, model_average=average, sweeps=sweeps, data=data
    )


def weights(hidden, n=3):
    w = np.random.default_rng(5).normal(size=(hidden, n))
    return 1.8 * w / np.linalg.norm(w, 2)


def sampled(rbm, batch, steps=1, replicas=20_000, seed=1):
    """Weights after ``steps`` of training, (replica, row, col)."""
    run = sgd.train(
        rbm, LEARNING_RATE, batch, steps, replicas, seed=seed, record=[steps],
        initial=weights(rbm.n_hidden, rbm.n_visible), keep_weights=True,
    )  # fmt: skip
    return run.weight.values[:, 0]


def isserlis(x):
    """⟨a_i b_j a_k b_l⟩ - ⟨a_i b_j⟩⟨a_k b_l⟩ symmetrised: covariance of φφᵀ and ψψᵀ with ⟨φψᵀ⟩ = x."""
    return np.einsum("ac,bd->abcd", x, x) + np.einsum("ad,bc->abcd", x, x)


def exact_step(rbm, w, batch):
    """Mean and covariance of ΔW = α σ_h² W (S_data - S_model) from Gaussian moments alone."""
    c, one = rbm.covariance, np.eye(rbm.n_visible)
    k = reference.precision(rbm, w)
    r = one - k / rbm.mu2
    power = np.linalg.matrix_power(r, rbm.sweeps)
    if rbm.model_average == "contrastive":
        later = sum(np.linalg.matrix_power(r, j) for j in range(2 * rbm.sweeps)) / rbm.mu2
        of_model, cross = power @ c @ power + later, c @ power
    else:
        of_model, cross = np.linalg.inv(k), np.zeros_like(c)
    noise = isserlis(of_model) / batch
    if rbm.data == "batch":
        both = isserlis(cross) / batch
        noise = noise + isserlis(c) / batch - both - both.transpose(2, 3, 0, 1)
    scale = LEARNING_RATE * rbm.sigma_h**2
    return scale * w @ (c - of_model), scale**2 * np.einsum("ia,abcd,jc->ibjd", w, noise, w)


def assert_exact(rbm, batch, delta):
    mean, covariance = exact_step(rbm, weights(rbm.n_hidden), batch)
    deviation = delta - mean
    for i, b in np.ndindex(mean.shape):
        assert_mean(delta[:, i, b], mean[i, b])
        for j, d in np.ndindex(mean.shape):
            assert_mean(deviation[:, i, b] * deviation[:, j, d], covariance[i, b, j, d])


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("average, data", KINDS)
def test_mean_and_covariance_of_one_step(average, data, batch):
    rbm = model(average, data)
    assert_exact(rbm, batch, sampled(rbm, batch) - weights(2))


@pytest.mark.parametrize("sweeps", [1, 2, 5, 6, 11])
def test_any_number_of_sweeps(sweeps):
    rbm = model("contrastive", "batch", sweeps=sweeps)
    assert_exact(rbm, 4, sampled(rbm, 4) - weights(2))


def test_planted_errors_are_caught():
    rbm = model("contrastive", "batch")
    delta = sampled(rbm, 4) - weights(2)
    for wrong in (1.1 * delta, delta + 0.1 * delta.std()):
        with pytest.raises(AssertionError, match="z = "):
            assert_exact(rbm, 4, wrong)
    with pytest.raises(AssertionError, match="z = "):
        assert_exact(model("contrastive", "batch", sweeps=1), 4, delta)


def literal(rbm, batch, steps, replicas, seed=2):
    rng = np.random.default_rng(seed)
    w, chains = np.tile(weights(rbm.n_hidden, rbm.n_visible), (replicas, 1, 1)), None
    for _ in range(steps):
        w, chains = reference.step(rbm, w, chains, Optimiser(LEARNING_RATE, batch), rng)
    return w


def assert_same_law(one, two):
    """Every entry of W and every singular value: two-sample Kolmogorov-Smirnov."""
    for f in (lambda w: w.reshape(len(w), -1), lambda w: np.linalg.svd(w, compute_uv=False)):
        for a, b in zip(f(one).T, f(two).T, strict=True):
            assert ks_2samp(a, b).pvalue > ALPHA


@pytest.mark.parametrize("batch, hidden", [(2, 3), (3, 2), (4, 5), (9, 1)])
@pytest.mark.parametrize("average, data", KINDS)
def test_law_after_several_steps_is_that_of_the_literal_algorithm(average, data, batch, hidden):
    rbm = model(average, data, hidden)
    assert_same_law(sampled(rbm, batch, 4, 4000), literal(rbm, batch, 4, 4000))


def test_a_planted_difference_between_laws_is_caught():
    """Chains that are forgotten between updates: persistent against independent."""
    with pytest.raises(AssertionError):
        assert_same_law(
            sampled(model("persistent", sweeps=1), 4, 12, 20_000), literal(model(), 4, 12, 20_000)
        )


@pytest.mark.parametrize("batch", [2, 3, 4, 7])
@pytest.mark.parametrize("sweeps", [1, 3])
def test_chains_at_fixed_weights(batch, sweeps):
    """S in equilibrium: mean K⁻¹, Wishart variances; autocorrelation of S_ij a factor (r_i r_j)^k a step."""
    n, steps, blocks = 3, 8, 60
    rbm = sgd.GaussianRBM(np.eye(n), n, mu2=9.0, model_average="persistent", sweeps=sweeps)
    kappa = np.array([2.0, 4.0, 7.0])
    w = np.tile(np.diag(np.sqrt(9.0 - kappa)), (LANES, 1, 1))
    moment = np.empty((blocks, steps, n, n, LANES))
    for path, state in zip(moment, states(3, "test", 0, blocks * LANES), strict=True):
        block, common = new_block(rbm, batch, state, w), setting(rbm, Optimiser(1e-15, batch))
        start_chains(block, common)
        for k in range(steps):
            advance(block, common, k, k + 1)
            path[k] = np.einsum("sil,sjl->ijl", block.samples, block.samples) / batch
    s = moment.transpose(1, 2, 3, 0, 4).reshape(steps, n, n, -1)
    for i in range(n):
        for j in range(i, n):
            variance = (1.0 + (i == j)) / (kappa[i] * kappa[j] * batch)
            a = s[:, i, j] - (i == j) / kappa[i]
            ratio = ((1 - kappa[i] / 9.0) * (1 - kappa[j] / 9.0)) ** sweeps
            assert_mean(a[-1], 0.0)
            assert_mean(a[-1] ** 2, variance)
            assert_mean((a[1:] * a[:-1]).mean(axis=0), variance * ratio)
            assert_mean((a[2:] * a[:-2]).mean(axis=0), variance * ratio**2)
            with pytest.raises(AssertionError):
                assert_mean((a[1:] * a[:-1]).mean(axis=0), variance * (ratio + 0.2))
