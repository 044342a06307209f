"""Networks with activations: the literal step, the compiled one, exact results, reproducibility, bounds."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ks_2samp

import sgd
from sgd.activation import reference as literal
from sgd.activation.kernels import take
from sgd.activation.model import ACTIVATIONS
from sgd.activation.trainer import CHUNKS, ActivationTrainer
from sgd.optimiser import Optimiser
from streams import LANES
from streams.chunks import CHUNK
from tests.oracles import ALPHA, assert_mean
from tests.sgd.teachers import activation_network

PAPER = sgd.ActivationNetwork.random()  # K = 16, L = 32, 3 inputs, 1 output, tanh
SHAPES = {
    "paper": (16, 32, 3, 1, 4),
    "odd": (3, 5, 2, 3, 1),
    "many samples": (5, 2, 4, 2, 7),
    "one": (1,) * 5,
}
each_activation = pytest.mark.parametrize("activation", ACTIVATIONS)
each_output = pytest.mark.parametrize("output", ACTIVATIONS)


def network(shape=(3, 5, 2, 3), activation="tanh", output="identity", **options):
    return activation_network(*shape, activation=activation, output_activation=output, **options)


def trained(model, steps=12, replicas=10, learning_rate=0.05, batch=4, **options):
    settings = {"seed": 7, "record": 4, "initial": 0.5, "keep_weights": True} | options
    return sgd.train(model, learning_rate, batch, steps, replicas, **settings)


# --- the literal algorithm itself ------------------------------------------------------------------------


@each_activation
@each_output
def test_literal_gradient_is_the_slope_of_the_loss(activation, output):
    model, rng = network(activation=activation, output=output, eps=0.4), np.random.default_rng(1)
    w, x, eta = rng.normal(size=(2, 3, 5)), rng.normal(size=(2, 6, 2)), rng.normal(size=(2, 6, 3))
    slope = literal.gradient(model, w, x, eta)
    for at in np.ndindex(3, 5):
        up, down = w.copy(), w.copy()
        up[(slice(None), *at)] += 1e-6
        down[(slice(None), *at)] -= 1e-6
        difference = (literal.loss(model, up, x, eta) - literal.loss(model, down, x, eta)) / 2e-6
        assert slope[(slice(None), *at)] == pytest.approx(difference, rel=1e-6, abs=1e-8)


def test_loss_is_as_written():
    model, rng = network((2, 3, 2, 2), eps=0.4, output="relu"), np.random.default_rng(1)
    w, x, eta = rng.normal(size=(1, 2, 3)), rng.normal(size=(1, 1, 2)), rng.normal(size=(1, 1, 2))
    features = np.tanh(model.inputs @ x[0, 0])
    y, yhat = (np.maximum(model.output @ np.tanh(m @ features), 0.0) for m in (model.teacher, w[0]))
    assert literal.loss(model, w, x, eta)[0] == pytest.approx(0.5 * np.sum((y + 0.4 * eta - yhat) ** 2))


# --- compiled against literal ----------------------------------------------------------------------------


def both(model, batch, momentum=0.0, decay=0.0, steps=3, seed=0, twin=None, weights=None):
    """Weights of the kernel and of its twin on the same samples: (LANES, K, L) each."""
    rng, optimiser = np.random.default_rng(seed), Optimiser(0.05, batch, momentum, decay)
    trainer = ActivationTrainer(model, optimiser)
    w = rng.normal(size=(LANES, *model.teacher.shape)) if weights is None else weights
    block, v = trainer.block(np.ones((4, LANES), dtype=np.uint64), (w,)), np.zeros_like(w)
    rows, n = block.x.shape[2:4]
    for step in range(steps):
        x, eta = rng.normal(size=(LANES, rows, n)), rng.normal(size=(LANES, rows, len(model.output)))
        block.x[0], block.eta[0] = (
            a.reshape(CHUNKS, CHUNK, rows, -1).transpose(0, 2, 3, 1) for a in (x, eta)
        )
        take(block, trainer.common, 1, step)
        # with the identity everywhere ``rows`` stand for |B| samples: their sum is divided by |B|
        slope = literal.gradient(twin or model, w, x, eta) * rows / batch
        v = momentum * v - 0.05 * (slope + decay * w)
        w = w + v
    return trainer.layers(block)[0], w


@each_activation
@each_output
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("momentum", "decay"), [(0.0, 0.0), (0.0, 0.2), (0.5, 0.3)])
def test_the_kernel_is_its_twin_on_the_same_samples(activation, output, shape, momentum, decay):
    *sizes, batch = SHAPES[shape]
    mine, theirs = both(network(sizes, activation, output, eps=0.3), batch, momentum, decay)
    assert mine == pytest.approx(theirs, abs=1e-12)


def test_a_wrong_twin_is_noticed():
    model = network(eps=0.3)
    for changed in (
        replace(model, eps=0.3 + 1e-9),
        replace(model, output_activation="tanh"),
        replace(model, teacher=model.teacher + 1e-9),
        replace(model, activation="identity"),
    ):
        mine, theirs = both(model, 4, twin=changed)
        assert np.abs(mine - theirs).max() > 1e-12


@each_activation
def test_lanes_do_not_touch(activation):
    """A replica that is not finite leaves all others as they are, to the last bit."""
    model, rng = network((16, 32, 3, 1), activation), np.random.default_rng(3)
    w = rng.normal(size=(LANES, 16, 32))
    spoilt = w.copy()
    spoilt[11], spoilt[40] = np.nan, 1e200
    good, bad = (both(model, 4, weights=start, steps=4)[0] for start in (w, spoilt))
    others = np.delete(np.arange(LANES), [11, 40])
    assert np.array_equal(good[others], bad[others])
    assert np.isnan(bad[11]).all()


LAWS = {
    "tanh": network((2, 3, 2, 1), eps=0.5),
    "relu, tanh": network((2, 3, 2, 2), "relu", "tanh", eps=0.2),
    "identity": network((2, 2, 3, 2), "identity", eps=0.5),
}


def ensembles(model, batch, replicas=4000, twin=None):
    """Weights after some steps, of `sgd.train` and of an independent literal ensemble, (replica, K L)."""
    optimiser = Optimiser(0.1, batch, momentum=0.4, weight_decay=0.3)
    options = {"momentum": 0.4, "weight_decay": 0.3}
    run = trained(model, 12, replicas, 0.1, batch, initial=0.3, record=[12], **options)
    w = sgd.initial_weights(model, replicas, seed=99, initial=0.3)
    rng, v = np.random.default_rng(5), np.zeros_like(w)
    for _ in range(12):
        w, v = literal.step(twin or model, w, v, optimiser, rng)
    return run.weight.values[:, 0].reshape(replicas, -1), w.reshape(replicas, -1)


def assert_same_law(mine, theirs):
    """Means, variances and covariances of all entries, and each entry's distribution."""
    for a, b in zip(_features(mine).T, _features(theirs).T, strict=True):
        assert_mean(a - b, 0.0)
    for a, b in zip(mine.T, theirs.T, strict=True):
        assert ks_2samp(a, b).pvalue > ALPHA


def _features(w):
    centred = w - w.mean(axis=0)
    return np.concatenate([w, (centred[:, :, None] * centred[:, None, :]).reshape(len(w), -1)], axis=1)


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("batch", [1, 2, 7])
def test_ensembles_have_the_literal_law(name, batch):
    assert_same_law(*ensembles(LAWS[name], batch))


@pytest.mark.parametrize("name", ["tanh", "identity"])
def test_a_wrong_law_is_noticed(name):
    model = LAWS[name]
    with pytest.raises(AssertionError):
        assert_same_law(*ensembles(model, 2, twin=replace(model, eps=0.65)))


# --- exact results ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 6])
def test_the_scalar_linear_network_has_its_moments(batch):
    """d = w − w_t: d ← d (1 − α h X/|B|) − α √h ε …, X ~ χ²_|B|, h = (Z M)²."""
    m, z, eps, alpha, steps, start = 0.7, 1.2, 0.6, 0.3, 40, 2.0
    model = sgd.ActivationNetwork([[0.5]], [[m]], [[z]], "identity", eps=eps)
    run = trained(model, steps, 20_000, alpha, batch, initial=np.array([[0.5 + start]]), record=[5, steps])
    h = (m * z) ** 2
    q = 1 - 2 * alpha * h + alpha**2 * h**2 * (1 + 2 / batch)
    kick = alpha**2 * eps**2 * h / batch
    for number, n in enumerate((5, steps)):
        d = run.weight.values[:, number, 0, 0] - 0.5
        assert_mean(d, start * (1 - alpha * h) ** n)
        second = start**2 * q**n + kick * (1 - q**n) / (1 - q)
        assert_mean(d**2, second)
        with pytest.raises(AssertionError):  # a tenth of the noise too much
            assert_mean(d**2, 1.1 * second)


def test_the_teacher_stays_where_it_is_without_noise():
    run = trained(PAPER, 50, 3, initial="fixed-point", record=[50])
    assert run.weight.values[:, 0] == pytest.approx(np.tile(PAPER.teacher, (3, 1, 1)), abs=1e-13)
    assert run.eigenvalue.values[:, 0] == pytest.approx(np.tile(PAPER.target_spectrum, (3, 1)), abs=1e-12)
    singular = np.linalg.svd(PAPER.teacher, compute_uv=False)
    assert run.target.values == pytest.approx(np.concatenate([singular**2, np.zeros(16)]))
    assert run.attrs["matrix"] == "WᵀW" and run.attrs["model"] == "activation_network"


def test_training_learns_the_teacher():
    """One hidden unit on two features that see different directions: W is determined, and found."""
    model = sgd.ActivationNetwork([[0.8, -0.5]], [[1.0, 0.2], [-0.3, 1.0]], [[1.5]])
    run = trained(model, 3000, 70, 0.2, 4, record=[3000], initial=1.0)
    assert run.weight.values[:, 0] == pytest.approx(np.tile(model.teacher, (70, 1, 1)), abs=1e-6)


def test_gradients_of_single_samples_have_the_exact_mean():
    """With the identity ⟨g⟩ = ZᵀZ (W − W_t) M Mᵀ; the measured noise of a run takes these."""
    model, rng = network((2, 3, 2, 2), "identity", eps=0.3), np.random.default_rng(2)
    w = rng.normal(size=(2, 3))
    g = model.gradients(w, 20_000, rng)
    exact = model.output.T @ model.output @ (w - model.teacher) @ model.inputs @ model.inputs.T
    for at in np.ndindex(2, 3):
        assert_mean(g[(slice(None), *at)], exact[at])
    measured = sgd.noise(model, w, 2000, seed=1)
    u, v = measured.left.values, measured.right.values
    error = measured.drift.values + u.T @ exact @ v
    assert (np.abs(error) < 5 * measured.drift_se.values).all()


# --- bounds ----------------------------------------------------------------------------------------------


@each_activation
def test_the_bound_is_the_curvature_at_the_teacher(activation):
    """Against ⟨JᵀJ⟩ from finite differences over other samples."""
    model, samples = network((2, 3, 2, 2), activation), 20_000
    x = np.random.default_rng(9).normal(size=(1, samples, 2))
    columns = []
    for at in np.ndindex(2, 3):
        step = np.zeros((1, 2, 3))
        step[(0, *at)] = 1e-5
        up, down = (literal.answer(model, model.teacher + sign * step, x)[0] for sign in (1, -1))
        columns.append(((up - down) / 2e-5).ravel())
    j = np.array(columns)
    expected = np.linalg.eigvalsh(j @ j.T / samples)[-1]
    assert model.largest_curvature == pytest.approx(expected, rel=0.05)  # 10 000 against 20 000 samples
    bound = 2 * 1.4 / (model.largest_curvature + 0.3)
    assert model.largest_learning_rate(0.4, 0.3) == pytest.approx(bound)
    with pytest.raises(ValueError, match=f"learning_rate .* must be below {bound:.6g}, or the model made"):
        trained(model, 1, 1, 1.001 * bound, momentum=0.4, weight_decay=0.3)
    trained(model, 1, 1, 0.999 * bound, momentum=0.4, weight_decay=0.3)
    trained(replace(model, allow_unstable=True), 1, 1, 2 * bound)


def test_the_bound_is_where_the_noiseless_map_turns_unstable():
    model, rng = network((2, 3, 4, 2), "identity"), np.random.default_rng(0)
    left, right = model.output.T @ model.output, model.inputs @ model.inputs.T
    for factor, stable in ((0.98, True), (1.02, False)):
        d, alpha = rng.normal(size=(2, 3)), factor * model.largest_learning_rate()
        start = np.abs(d).max()
        for _ in range(1500):
            d = d - alpha * left @ d @ right
        assert (np.abs(d).max() <= 2 * start) == stable


# --- reproducibility, divergence -------------------------------------------------------------------------


@each_activation
def test_the_same_bits_for_any_workers_blocks_replicas_and_records(activation):
    model = network((5, 6, 3, 2), activation, eps=0.2)
    full = trained(model, 50, 150, record=[0, 20, 50])
    again = trained(model, 50, 150, record=[0, 20, 50], workers=2)
    assert full.identical(again)
    assert full.isel(replica=slice(70)).identical(trained(model, 50, 70, record=[0, 20, 50]))
    often = trained(model, 50, 150, record=1)
    assert np.array_equal(often.weight.values[:, [0, 20, 50]], full.weight.values)
    assert not np.array_equal(trained(model, 50, 150, seed=8).weight.values[:, -1], full.weight.values[:, -1])


@each_activation
def test_samples_drawn_in_advance_change_nothing(activation):
    """Records of every length around the number of steps that are drawn at once, for large batches too."""
    model = network((3, 4, 3, 1), activation, eps=0.1)
    for batch in (1, 40):
        runs = [trained(model, 37, 3, 0.02, batch, record=every) for every in (1, 3, 16, 17, 37)]
        assert all(np.array_equal(run.weight[:, -1], runs[0].weight[:, -1]) for run in runs)


@pytest.mark.parametrize(("output", "learning_rate", "seed"), [("identity", 5.2, 1), ("relu", 10.7, 2)])
def test_a_replica_that_diverges_does_not_harm_the_others(output, learning_rate, seed):
    """Hidden units of relu would die, those of tanh are bounded."""
    model = network((3, 4, 2, 1), "identity", output, allow_unstable=True, seed=seed)
    run = trained(model, 4000, 200, learning_rate, 2, record=50)
    lost = ~np.isnan(run.diverged.values)
    assert 0.2 < lost.mean() < 0.98
    assert np.isnan(run.eigenvalue.values[lost, -1]).all() and np.isnan(run.weight.values[lost, -1]).all()
    assert np.isfinite(run.eigenvalue.values[~lost]).all()
    assert "1e100" in run.diverged.attrs["reason"]
    alone = int(np.flatnonzero(~lost)[0])
    few = trained(model, 4000, alone + 1, learning_rate, 2, record=50)
    assert np.array_equal(few.weight.values[alone], run.weight.values[alone])


# --- what is refused, and what is kept -------------------------------------------------------------------


def test_parameters_make_the_model_again():
    model = network((2, 3, 4, 2), "relu", "tanh", eps=0.25)
    stored = json.loads(trained(model, 1, 1).attrs["parameters"])
    stored = {k: v for k, v in stored.items() if k not in ("momentum", "weight_decay")}
    again = sgd.ActivationNetwork(**stored)
    for name in ("teacher", "inputs", "output"):
        assert np.array_equal(getattr(again, name), getattr(model, name))
    assert again.parameters() == model.parameters()
    with pytest.raises(ValueError, match="read-only"):
        again.teacher[0, 0] = 1.0


def test_random_matrices_have_their_widths():
    model = sgd.ActivationNetwork.random(200, 150, 120, 100, sigma_teacher=2.0, sigma_output=0.5, seed=4)
    for matrix, sigma in ((model.teacher, 2.0), (model.inputs, 1.0), (model.output, 0.5)):
        assert_mean(matrix.ravel(), 0.0)
        assert_mean(matrix.ravel() ** 2, sigma**2 / matrix.shape[1])
    assert np.array_equal(
        sgd.ActivationNetwork.random(seed=4).teacher, sgd.ActivationNetwork.random(seed=4).teacher
    )


GOOD = {"teacher": np.ones((2, 3)), "inputs": np.ones((3, 4)), "output": np.ones((1, 2))}
BAD = [
    ({"teacher": [1.0]}, "teacher must be 2-D"),
    ({"teacher": [[np.nan] * 3] * 2}, "teacher must be finite"),
    ({"inputs": np.ones((4, 3))}, r"inputs must have 3 rows .* \(2, 3\), got shape \(4, 3\)"),
    ({"output": np.ones((2, 1))}, r"output must have 2 columns .*, got shape \(2, 1\)"),
    ({"activation": "tanhh"}, "did you mean 'tanh'"),
    ({"output_activation": "softmax"}, "unknown output_activation 'softmax'"),
    ({"eps": -1.0}, "eps must be a finite number >= 0"),
    ({"allow_unstable": 1}, "allow_unstable must be True or False"),
]


@pytest.mark.parametrize(("bad", "message"), BAD)
def test_models_refused(bad, message):
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        sgd.ActivationNetwork(**(GOOD | bad))
    assert "\n" not in str(caught.value)


def test_random_models_and_runs_refused():
    with pytest.raises(ValueError, match="hidden must be >= 1"):
        sgd.ActivationNetwork.random(0)
    with pytest.raises(ValueError, match="sigma_teacher must be"):
        sgd.ActivationNetwork.random(sigma_teacher=0.0)
    with pytest.raises(ValueError, match=r"batch_size 10000000 takes .* GiB a block"):
        trained(PAPER, batch=10**7)
    with pytest.raises(ValueError, match="initial must be a finite number > 0"):
        trained(PAPER, initial=0)
    with pytest.raises(ValueError, match=r"initial must have shape \(16, 32\)"):
        trained(PAPER, initial=np.ones((32, 16)))
