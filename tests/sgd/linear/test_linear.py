"""Linear networks: the compiled step against the literal one, data sets, reproducibility, bounds."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr
from scipy.linalg import solve_discrete_lyapunov

import sgd
from sgd.linear.reference import sample_gradients, step
from sgd.optimiser import Optimiser
from tests.oracles import assert_ks, assert_mean

RNG = np.random.default_rng(5)
COLOURED = np.array([[1.0, 0.3, 0.1], [0.3, 0.8, 0.0], [0.1, 0.0, 0.5]])
Z = np.array([[1.5, 0.2], [0.0, 0.7], [0.3, -0.4]])
WIDE = RNG.normal(size=(2, 3))

MODELS = {
    "mini-batch": sgd.LinearNetwork(WIDE),
    "label": sgd.LinearNetwork(WIDE, output=Z, covariance=COLOURED, noise="label", eps=0.5),
    "isotropic": sgd.LinearNetwork(WIDE, output=Z, noise="isotropic", eps=0.5),
    "symmetric noise": sgd.LinearNetwork(np.diag([2.0, 1.0]), noise="symmetric", eps=0.3),
    "symmetric": sgd.LinearNetwork(np.diag([2.0, 1.0]), noise="label", eps=0.3, symmetric=True),
    "deep": sgd.LinearNetwork(WIDE, hidden=(4, 2), covariance=COLOURED, noise="label", eps=0.5),
    "deep isotropic": sgd.LinearNetwork(WIDE, hidden=(3,), output=Z, noise="isotropic", eps=0.3),
    "few dimensions": sgd.LinearNetwork(WIDE, covariance=np.diag([1.0, 2.0, 0.0]), noise="label", eps=0.2),
}
each_model = pytest.mark.parametrize("name", MODELS)


def trained(model, batch=4, steps=12, replicas=10, learning_rate=0.05, **options):
    settings = {"seed": 7, "record": 4, "initial": 0.5} | options
    return sgd.train(model, learning_rate, batch, steps, replicas, **settings)


def literal(model, optimiser, steps, layers, seed=3):
    """Products of an ensemble trained by the literal algorithm."""
    rng = np.random.default_rng(seed)
    velocity = tuple(np.zeros_like(w) for w in layers)
    for _ in range(steps):
        layers, velocity = step(model, layers, velocity, optimiser, rng)
    return model.observed(layers)


def as_layers(weights):
    return weights if isinstance(weights, tuple) else (weights,)


# --- the literal algorithm itself ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mini-batch", "label", "deep", "deep isotropic"])
def test_literal_gradient_is_the_slope_of_the_loss(name):
    model, rng = MODELS[name], np.random.default_rng(0)
    layers = [rng.normal(size=shape) for shape in model.shapes]
    x, label = rng.normal(size=(1, model.modes)), rng.normal(size=(1, sum(_outputs(model))))
    kick = [np.zeros((1, *shape)) for shape in model.shapes]

    def loss(changed):
        z = np.eye(len(model.teacher)) if model.output is None else model.output
        y = z @ model.teacher @ x[0] + label[0]
        return 0.5 * np.sum((y - z @ model.observed(changed) @ x[0]) ** 2)

    slopes = sample_gradients(model, layers, x, label, kick)
    for number, w in enumerate(layers):
        for at in np.ndindex(w.shape):
            up, down = ([a.copy() for a in layers] for _ in range(2))
            up[number][at] += 1e-6
            down[number][at] -= 1e-6
            assert slopes[number][0][at] == pytest.approx((loss(up) - loss(down)) / 2e-6, rel=1e-6, abs=1e-7)


def _outputs(model):
    return (len(model.teacher if model.output is None else model.output),)


# --- compiled against literal ----------------------------------------------------------------------------


@each_model
@pytest.mark.parametrize("batch", [1, 7])
def test_ensembles_have_the_literal_law(name, batch):
    model, replicas = MODELS[name], 4000
    learning_rate = 0.02 if "deep" in name else 0.06  # single samples make deep networks diverge soon
    optimiser = Optimiser(learning_rate, batch, momentum=0.4, weight_decay=0.3)
    options = {"momentum": 0.4, "weight_decay": 0.3, "initial": 0.2, "keep_weights": True}
    run = trained(model, batch, 12, replicas, learning_rate, **options)
    w = run.weight.values[:, -1].reshape(replicas, -1)
    first = as_layers(sgd.initial_weights(model, replicas, seed=99, initial=0.2))
    product = literal(model, optimiser, 12, first)
    other = product.reshape(replicas, -1)
    pairs = zip(_features(w).T, _features(other).T, strict=True)
    for mine, theirs in pairs:  # means, variances and covariances of all entries
        assert_mean(mine - theirs, 0.0)
    x = run.eigenvalue.values[:, -1]
    for mode in range(min(2, x.shape[1])):
        assert_ks_two(x[:, mode], model.spectra(product)[:, mode])


def _features(w):
    centred = w - w.mean(axis=0)
    products = centred[:, :, None] * centred[:, None, :]
    return np.concatenate([w, products.reshape(len(w), -1)], axis=1)


def assert_ks_two(a, b):
    from scipy.stats import ks_2samp

    assert ks_2samp(a, b).pvalue > 1e-5


def test_a_wrong_noise_is_noticed():
    model = MODELS["label"]
    run = trained(model, 7, 12, 4000, 0.06, keep_weights=True, initial=0.2)
    w = run.weight.values[:, -1].reshape(4000, -1)
    planted = sgd.LinearNetwork(WIDE, output=Z, covariance=COLOURED, noise="label", eps=0.8)
    first = as_layers(sgd.initial_weights(model, 4000, seed=99, initial=0.2))
    other = literal(planted, Optimiser(0.06, 7), 12, first).reshape(4000, -1)
    with pytest.raises(AssertionError):
        for mine, theirs in zip(_features(w).T, _features(other).T, strict=True):
            assert_mean(mine - theirs, 0.0)


@pytest.mark.parametrize("order", ["fixed", "shuffled"])
@pytest.mark.parametrize("noise", ["label", "isotropic"])
def test_a_data_set_comes_again_every_epoch(order, noise):
    """Noiseless in the large: gradient descent with |B| = all samples finds the least squares solution."""
    model = sgd.LinearNetwork(WIDE, noise=noise, eps=0.5, samples=12, order=order)
    run = sgd.train(model, 0.1, 12, 4000, 70, seed=2, record=[3000, 4000], keep_weights=True, initial=0.1)
    w = run.weight.values
    assert w[:, 0] == pytest.approx(w[:, 1], abs=1e-9)
    assert (np.abs(w[0] - w[1]).max() > 1e-3) and (np.abs(w[:, 1].mean(0) - WIDE).max() < 0.4)


def test_shared_data_without_noise_of_its_own_make_replicas_equal():
    model = sgd.LinearNetwork(WIDE, noise="label", eps=0.5, samples=12, shared_data=True, order="fixed")
    run = sgd.train(model, 0.1, 4, 900, 70, seed=2, record=[899, 900], keep_weights=True, initial=0.1)
    w = run.weight.values[:, -1]
    assert w == pytest.approx(np.broadcast_to(w[0], w.shape), abs=1e-9)
    assert run.attrs["shared_data"] == "yes"
    shuffled = sgd.LinearNetwork(WIDE, noise="label", eps=0.5, samples=12, shared_data=True)
    w = sgd.train(shuffled, 0.1, 4, 900, 70, seed=2, record=[900], keep_weights=True).weight.values[:, 0]
    assert np.ptp(w, axis=0).min() > 1e-3


def test_every_sample_comes_once_an_epoch():
    """Steps of one sample each: the set of moves of an epoch is that of every epoch, their order is not."""
    teacher = np.array([[0.0]])
    model = sgd.LinearNetwork(teacher, noise="isotropic", eps=1.0, samples=6)
    # x does not enter where W = A = 0 and α is tiny: W/α is the sum of the samples' noise
    run = sgd.train(model, 1e-9, 1, 12, 5, seed=1, record=1, initial=0.0, keep_weights=True)
    kicks = np.diff(run.weight.values[:, :, 0, 0], axis=1) / 1e-9
    first, second = np.sort(kicks[:, :6], axis=1), np.sort(kicks[:, 6:], axis=1)
    assert first == pytest.approx(second, abs=1e-6)
    assert (kicks[:, :6] != kicks[:, 6:]).any()


# --- exact results ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("momentum", [0.0, 0.6])
def test_isotropic_noise_has_its_stationary_variance(momentum):
    """T ε²/(2 z²) a row, with the factor of a discrete step; momentum by the discrete Lyapunov equation."""
    alpha, batch, eps = 0.1, 8, 0.4
    model = sgd.LinearNetwork(np.eye(2), output=np.diag([1.5, 0.6]), noise="isotropic", eps=eps, data="exact")
    run = sgd.train(
        model, alpha, batch, 700, 10_000, seed=3, record=[700], initial="fixed-point", momentum=momentum,
        keep_weights=True,
    )  # fmt: skip
    for row, z in enumerate((1.5, 0.6)):
        w = run.weight.values[:, 0, row, :].ravel()
        if momentum:
            f = np.array([[1 - alpha * z**2, momentum], [-alpha * z**2, momentum]])
            kick = alpha**2 * eps**2 / batch * np.ones((2, 2))
            expected = solve_discrete_lyapunov(f, kick)[0, 0]
        else:
            expected = alpha / batch * eps**2 / (2 * z**2) / (1 - alpha * z**2 / 2)
        assert_mean((w - 1.0 * (np.arange(w.size) % 2 == row)) ** 2, expected)


def test_symmetric_noise_makes_the_gaussian_orthogonal_ensemble():
    """Eigenvalues of W: σ² = T ε² 2/(2 − α), the spacing of a 2 × 2 block (arXiv:2407.16427)."""
    alpha, batch, eps = 0.2, 4, 0.3
    model = sgd.LinearNetwork(
        2.0 * np.eye(2), noise="symmetric", eps=eps, data="exact", spectrum="symmetric", symmetric=True
    )
    run = sgd.train(model, alpha, batch, 100, 20_000, seed=4, record=[100], initial="fixed-point")
    x = run.eigenvalue.values[:, 0]
    sigma2 = alpha / batch * eps**2 * 2 / (2 - alpha)
    assert run.attrs["matrix"] == "W"
    assert_ks(x[:, 0] - x[:, 1], lambda s: 1 - np.exp(-(s**2) / (4 * sigma2)))
    assert_mean(x.sum(axis=1), 4.0)


def test_growth_has_the_rates_of_the_output():
    """x_a(t) = κ (1 − q^n)², q = 1 − α z_a²: without noise, to rounding."""
    model = sgd.LinearNetwork(np.sqrt(3.0) * np.eye(2), output=np.diag([1.4, 0.5]), data="exact")
    run = sgd.train(model, 0.05, 1, 60, 2, seed=0, initial=0.0, record=10)
    for mode, z in enumerate((1.4, 0.5)):
        expected = 3.0 * (1 - (1 - 0.05 * z**2) ** run.step.values) ** 2
        assert run.eigenvalue.values[0, :, mode] == pytest.approx(expected, rel=1e-12)


# --- the same bits ---------------------------------------------------------------------------------------


@each_model
def test_a_replica_depends_on_seed_and_number_alone(name):
    many = trained(MODELS[name], replicas=130)
    for replicas in (1, 10, 70):
        few = trained(MODELS[name], replicas=replicas)
        xr.testing.assert_identical(few, many.isel(replica=slice(replicas)))
    xr.testing.assert_identical(trained(MODELS[name], replicas=130, workers=3), many)
    every = trained(MODELS[name], record=1)
    assert (every.eigenvalue.isel(time=slice(None, None, 4)).values == many.eigenvalue[:10].values).all()


@pytest.mark.parametrize("order", ["fixed", "shuffled"])
@pytest.mark.parametrize("shared", [True, False])
def test_data_sets_repeat_too(order, shared):
    model = sgd.LinearNetwork(WIDE, noise="label", eps=0.5, samples=12, shared_data=shared, order=order)
    many = trained(model, replicas=130)
    xr.testing.assert_identical(trained(model, replicas=70), many.isel(replica=slice(70)))
    xr.testing.assert_identical(trained(model, replicas=130, workers=2), many)


# --- what is recorded, and what is refused ---------------------------------------------------------------


def test_layout():
    model = MODELS["deep"]
    run = trained(model, momentum=0.5, weight_decay=0.1, keep_weights=True)
    assert run.weight.shape == (10, 4, 2, 3)
    assert run.time.values == pytest.approx(0.1 * run.step.values)
    parameters = json.loads(run.attrs["parameters"])
    assert parameters["hidden"] == [4, 2] and parameters["momentum"] == 0.5
    assert run.target.values == pytest.approx(model.target_spectrum)
    first = sgd.initial_weights(model, 10, seed=7, initial=0.5)
    assert [w.shape for w in first] == [(10, 4, 3), (10, 2, 4), (10, 2, 2)]
    assert run.weight.values[:, 0] == pytest.approx(first[2] @ first[1] @ first[0])


@each_model
def test_the_fixed_point_is_one_and_the_bound_is_where_it_stops_being_stable(name):
    base = MODELS[name]
    options = {f: getattr(base, f) for f in ("hidden", "output", "covariance", "symmetric")}
    model = sgd.LinearNetwork(base.teacher, data="exact", **options)
    bound = model.largest_learning_rate()
    rng = np.random.default_rng(1)
    first = [w + 1e-6 * _symmetric(rng.normal(size=w.shape), model.symmetric) for w in model.fixed_point()]
    first = first if len(first) > 1 else first[0]
    still = sgd.train(model, 0.9 * bound, 1, 500, 1, initial="fixed-point", record=[500], keep_weights=True)
    product = model.observed(tuple(w[None] for w in model.fixed_point()))[0]
    assert still.weight.values[0, 0] == pytest.approx(product, abs=1e-6)
    for factor, stable in ((0.98, True), (1.02, False)):
        # the class refuses a learning rate beyond the bound: the literal map shows what would happen
        layers = tuple(w[None] for w in (first if isinstance(first, list) else [first]))
        assert (_excursion(model, layers, factor * bound) < 1e-4) == stable
    with pytest.raises(ValueError, match=f"below {bound:.6g}"):
        sgd.train(model, 1.001 * bound, 1, 1, 1)


def _symmetric(w, symmetric):
    return w + w.T if symmetric else w


def _excursion(model, layers, learning_rate, steps=1500):
    """How far the layers of gradient descent get from where they start (deep ones may settle elsewhere)."""
    z = np.eye(len(model.teacher)) if model.output is None else model.output
    c, first, farthest = model.factor @ model.factor.T, layers, 0.0
    for _ in range(steps):
        e = z @ (model.teacher - model.observed(layers)) @ c
        slopes = []
        for number in range(len(layers)):
            behind, before = z, np.eye(c.shape[0])
            for w in layers[:number:-1]:
                behind = behind @ w
            for w in layers[:number]:
                before = w @ before
            g = behind.swapaxes(-1, -2) @ e @ before.swapaxes(-1, -2)
            slopes.append(0.5 * (g + g.swapaxes(-1, -2)) if model.symmetric else g)
        layers = tuple(w + learning_rate * g for w, g in zip(layers, slopes, strict=True))
        farthest = max(farthest, *(np.abs(w - v).max() for w, v in zip(layers, first, strict=True)))
        if farthest > 1.0:
            break
    return farthest


def test_a_replica_that_diverges_does_not_harm_the_others():
    model = sgd.LinearNetwork(np.eye(3))
    run = sgd.train(model, 1.2, 1, 400, 200, seed=0, record=100, initial=0.1)
    lost = ~np.isnan(run.diverged.values)
    assert lost.any()
    assert np.isnan(run.eigenvalue.values[lost, -1]).all()
    assert np.isfinite(run.eigenvalue.values[~lost]).all()
    assert "grew beyond" in run.diverged.attrs["reason"]


BAD = [
    ({"teacher": [1.0, 2.0]}, "teacher must be 2-D"),
    ({"teacher": [[np.nan]]}, "teacher must be finite"),
    ({"output": np.eye(3)}, r"output must have as many columns as the teacher has rows, shape \(K, 2\)"),
    ({"output": np.zeros((2, 2))}, "output must not be zero"),
    ({"output": [[1.0, 0.0]]}, r"rank 1 of 2: it cannot learn the 1 modes .* \(0, 1\); pass allow_unlearnt"),
    ({"output": [[1.0, 1.0], [1.0, 1.0]]}, r"row directions \(-?0.707, -?0.707\)"),
    ({"covariance": np.eye(2)}, r"covariance must have shape \(3, 3\)"),
    ({"covariance": np.diag([1.0, 1.0, -1.0])}, "positive semi-definite"),
    ({"noise": "lable", "eps": 1.0}, "did you mean 'label'"),
    ({"noise": "label"}, "eps must be > 0"),
    ({"eps": 1.0}, "noise is 'none'"),
    ({"noise": "label", "eps": -1.0}, "eps must be"),
    ({"noise": "symmetric", "eps": 1.0}, "one square W"),
    ({"spectrum": "symmetric"}, "needs a square product"),
    ({"hidden": (0,)}, "hidden must be >= 1"),
    ({"samples": 10, "data": "exact"}, "data set has mini-batches"),
    ({"shared_data": True}, "give samples"),
    ({"samples": 2.5}, "samples must be a whole number"),
]


@pytest.mark.parametrize(("bad", "message"), BAD)
def test_models_refused(bad, message):
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        sgd.LinearNetwork(**({"teacher": WIDE} | bad))
    assert "\n" not in str(caught.value)


def test_runs_refused():
    model = sgd.LinearNetwork(WIDE, samples=10)
    with pytest.raises(ValueError, match="multiple of batch_size 4, got 10; 8 would do"):
        trained(model)
    with pytest.raises(ValueError, match="GiB a block"):
        trained(sgd.LinearNetwork(WIDE, samples=4 * 10**8), batch=4)
    with pytest.raises(ValueError, match="sequence of 3 arrays"):
        trained(MODELS["deep"], initial=np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"initial must have shape \(2, 3\)"):
        trained(MODELS["label"], initial=np.ones((3, 2)))
    with pytest.raises(ValueError, match="initial must be symmetric"):
        trained(MODELS["symmetric"], initial=np.array([[1.0, 2.0], [0.0, 1.0]]))
    with pytest.raises(ValueError, match="momentum must be >= 0 and < 1"):
        trained(MODELS["label"], momentum=1.0)
    with pytest.raises(ValueError, match="momentum must be 0 for a GaussianRBM"):
        sgd.train(sgd.GaussianRBM(sgd.ring_scalar_field(4, 4.0), 4, 9.0), 0.1, 4, 4, 4, momentum=0.5)
