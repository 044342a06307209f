"""The model: what it refuses, what it says about its fixed point and stability."""

from __future__ import annotations

import numpy as np
import pytest

import sgd
from sgd.rbm import reference

RING = sgd.ring_scalar_field(5, 4.0)


def test_ring_scalar_field():
    assert (RING == RING.T).all()
    k = np.arange(5)
    assert np.linalg.eigvalsh(RING) == pytest.approx(np.sort(6 - 2 * np.cos(2 * np.pi * k / 5)))


def test_spectrum_and_basis():
    rbm = sgd.GaussianRBM(RING, 5, mu2=6.0, sigma_h=2.0)
    assert (np.diff(rbm.kappa) >= 0).all()
    assert rbm.basis @ np.diag(rbm.kappa) @ rbm.basis.T == pytest.approx(RING)
    assert rbm.covariance @ RING == pytest.approx(np.eye(5))
    assert rbm.target_spectrum == pytest.approx(np.maximum(0, (6 - rbm.kappa) / 4))
    assert (sgd.GaussianRBM(RING, 2, mu2=9.0).target_spectrum[2:] == 0).all()


def test_target_is_a_copy_that_cannot_be_changed():
    k = RING.copy()
    rbm = sgd.GaussianRBM(k, 5, mu2=9.0)
    k[0, 0] = -1
    assert rbm.target[0, 0] == 6.0
    with pytest.raises(ValueError, match="read-only"):
        rbm.target[0, 0] = 1.0


def test_from_samples():
    phi = np.random.default_rng(1).normal(size=(50, 3)) + 1.0
    rbm = sgd.GaussianRBM.from_samples(phi, 2, 9.0, data="batch")
    assert rbm.covariance == pytest.approx(phi.T @ phi / 50)
    assert rbm.data == "batch"
    with pytest.raises(ValueError, match="span only 2 of 3 directions"):
        sgd.GaussianRBM.from_samples(phi[:2], 2, 9.0)
    with pytest.raises(ValueError, match="NaN"):
        sgd.GaussianRBM.from_samples(np.full((4, 2), np.nan), 2, 9.0)


def deviation(rbm, learning_rate, steps=400):
    """Growth of a small random deviation from the fixed point under the noiseless map."""
    rng, n = np.random.default_rng(1), rbm.n_visible
    w = sgd.initial_weights(rbm, 1, initial="fixed-point")[0] @ rbm.basis
    c = np.diag(1.0 / rbm.kappa)
    w = w + 1e-9 * rng.normal(size=w.shape)
    s = np.linalg.inv(reference.precision(rbm, w))
    sizes = []
    for _ in range(steps):
        k = reference.precision(rbm, w)
        r = np.eye(n) - k / rbm.mu2
        power = np.linalg.matrix_power(r, rbm.sweeps)
        later = sum(np.linalg.matrix_power(r, j) for j in range(2 * rbm.sweeps)) / rbm.mu2
        if rbm.model_average == "independent":
            s = np.linalg.inv(k)
        else:
            s = power @ (s if rbm.model_average == "persistent" else c) @ power + later
        change = learning_rate * rbm.sigma_h**2 * w @ (c - s)
        w = w + change
        sizes.append(np.abs(change).max())
        if sizes[-1] > 1e-4:  # far beyond the linear regime already
            break
    return sizes[-1] / max(sizes[:20])


@pytest.mark.parametrize("average", ["independent", "persistent", "contrastive"])
@pytest.mark.parametrize(
    "kappa, hidden, mu2",
    [
        ([2.0, 3.0, 5.0], 3, 9.0),  # all learnt
        ([8.9, 30.0, 80.0], 3, 9.0),  # one barely learnt: bounded by modes that are not
        ([8.9, 30.0, 80.0], 1, 9.0),
        ([12.0, 30.0, 80.0], 2, 9.0),  # nothing learnt
        ([2.0, 3.0, 5.0], 1, 9.0),  # fewer hidden units than modes
    ],
)
def test_the_stability_bound_is_sharp(average, kappa, hidden, mu2):
    rbm = sgd.GaussianRBM(np.diag(kappa), hidden, mu2, 0.7, model_average=average, sweeps=1)
    bound = rbm.largest_learning_rate
    assert deviation(rbm, 0.97 * bound) < 0.5
    assert deviation(rbm, 1.03 * bound) > 2.0


def test_bound_is_infinite_where_nothing_moves():
    assert sgd.GaussianRBM([[9.0]], 1, mu2=9.0).largest_learning_rate == np.inf


GOOD = {"target": RING, "n_hidden": 5, "mu2": 9.0}


@pytest.mark.parametrize(
    "bad, message",
    [
        ({"target": np.diag([1.0, -2.0])}, "positive definite.*lowest eigenvalue is -2"),
        ({"target": np.ones((2, 2))}, "positive definite"),
        ({"target": [[1.0, 0.5], [0.0, 1.0]]}, "symmetric"),
        ({"target": np.ones((2, 3))}, "square"),
        ({"target": [[np.nan]]}, "NaN"),
        ({"target": "ring"}, "target must be"),
        ({"n_hidden": 0}, "n_hidden must be >= 1"),
        ({"n_hidden": True}, "n_hidden must be a whole number"),
        ({"n_hidden": 5.0}, "n_hidden must be a whole number"),
        ({"mu2": 0.0}, "mu2 must be"),
        ({"mu2": np.inf}, "mu2 must be"),
        ({"sigma_h": -1.0}, "sigma_h must be"),
        ({"sweeps": 0}, "sweeps must be >= 1"),
        ({"model_average": "persistant"}, "did you mean 'persistent'"),
        ({"data": "bath"}, "did you mean 'batch'"),
    ],
)
def test_models_refused(bad, message):
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        sgd.GaussianRBM(**(GOOD | bad))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("n, mass2", [(2, 4.0), (3.0, 4.0), (3, 0.0), (3, -1.0), (True, 1.0)])
def test_rings_refused(n, mass2):
    with pytest.raises((TypeError, ValueError), match=r"^(n|mass2) must be"):
        sgd.ring_scalar_field(n, mass2)


@pytest.mark.parametrize(
    "bad, message",
    [
        ({"model": "rbm"}, "model must have what sgd.train needs.*str lacks name, matrix, .*trainer"),
        ({"learning_rate": 0.0}, "learning_rate must be"),
        ({"learning_rate": np.nan}, "learning_rate must be"),
        ({"learning_rate": 4.0}, "learning_rate 4 is not stable.*must be below 3.2"),
        ({"batch_size": 0}, "batch_size must be >= 1"),
        ({"batch_size": 2.5}, "batch_size must be a whole number"),
        ({"batch_size": 2**60}, "batch_size must be at most"),
        ({"steps": 0}, "steps must be >= 1"),
        ({"replicas": False}, "replicas must be a whole number"),
        ({"seed": -1}, "seed must be >= 0"),
        ({"workers": 0}, "workers must be >= 1"),
        ({"record": 0}, "record must be >= 1"),
        ({"record": [0, 2, 1]}, "increasing"),
        ({"record": [0, 1.5]}, "whole numbers"),
        ({"record": [0, 9]}, "between 0 and steps = 4"),
        ({"initial": -0.1}, "initial must be"),
        ({"initial": "fixed"}, "fixed-point"),
        ({"initial": np.zeros((2, 2))}, r"initial must have shape \(5, 5\)"),
        ({"initial": 3.0 * np.eye(5)}, "below mu2/sigma_h² = 9"),
    ],
)
def test_runs_refused(bad, message):
    good = {
        "model": sgd.GaussianRBM(**GOOD),
        "learning_rate": 0.1,
        "batch_size": 4,
        "steps": 4,
        "replicas": 2,
    }
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        sgd.train(**(good | bad))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("average", ["independent", "persistent", "contrastive"])
@pytest.mark.parametrize("hidden, batch", [(1, 1), (3, 1), (1, 2), (2, 5)])
def test_a_single_visible_unit(average, hidden, batch):
    rbm = sgd.GaussianRBM([[4.0]], hidden, mu2=9.0, model_average=average)
    x = sgd.train(rbm, 0.01, batch, 500, 30, seed=1, initial="fixed-point").eigenvalue.values
    assert x.shape[2] == 1
    assert np.nanmean(x[:, -50:]) == pytest.approx(5.0, abs=1.0)
