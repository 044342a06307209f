"""A model of one's own: trained like the package's, and refused in one line where it lacks something."""

from __future__ import annotations

import doctest
import json
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

import compare
import sgd
from sgd.members import DEFAULTS, NEEDED
from tests.sgd.softmax import Softmax, SoftmaxTrainer

RNG = np.random.default_rng(4)
X = RNG.normal(size=(40, 2)) @ np.array([[1.5, 0.3], [0.0, 0.7]])
MODEL = Softmax(X, RNG.integers(3, size=40), 3)  # labels at random: no W separates the classes
NETWORK = sgd.LinearNetwork(np.diag([2.0, 1.0]), noise="isotropic", eps=0.1)


def trained(model=MODEL, learning_rate=0.2, batch=5, steps=40, replicas=10, **options):
    settings = {"seed": 7, "record": 10, "initial": 0.0} | options
    return sgd.train(model, learning_rate, batch, steps, replicas, **settings)


def only(*names, of=MODEL):
    """An object with these members of a model and no others; methods must not be called."""

    def untouchable(*_, **__):
        raise AssertionError("computed before the model was refused")

    members = {name: getattr(of, name) for name in names}
    return SimpleNamespace(**{name: untouchable if callable(m) else m for name, m in members.items()})


def without(missing):
    return only(*(name for name in (*NEEDED, "trainer") if name != missing))


# --- trained like the others -----------------------------------------------------------------------------


@pytest.mark.parametrize(("momentum", "weight_decay"), [(0.0, 0.0), (0.5, 0.3)])
def test_it_learns(momentum, weight_decay):
    """Large batches, small steps: the spectrum ends at the minimum of the loss with its decay."""
    options = {"momentum": momentum, "weight_decay": weight_decay}
    run = trained(MODEL, 0.1, 200, 1500, 20, record=[0, 1500], keep_weights=True, **options)
    w = MODEL.fixed_point(weight_decay)[0]
    assert run.target.values == pytest.approx(np.linalg.eigvalsh(w.T @ w)[::-1])
    assert run.weight.values[:, -1].mean(axis=0) == pytest.approx(w, abs=0.02)
    assert np.abs(w).max() > 0.2
    assert run.time[-1] == pytest.approx(0.1 * 1500 / (1 - momentum))


def test_the_target_is_a_minimum():
    assert MODEL.mean_gradient(MODEL.fixed_point()[0]) == pytest.approx(np.zeros((3, 2)), abs=1e-9)
    assert not np.allclose(trained(weight_decay=0.3).target, trained().target)


def test_the_same_bits_for_any_workers_replicas_and_records():
    many = trained(replicas=150, initial=0.3)
    xr.testing.assert_identical(trained(replicas=150, initial=0.3, workers=3), many)
    xr.testing.assert_identical(trained(replicas=70, initial=0.3), many.isel(replica=slice(70)))
    often = trained(replicas=150, initial=0.3, record=1)
    assert np.array_equal(often.eigenvalue.isel(time=slice(None, None, 10)), many.eigenvalue)
    assert not np.array_equal(trained(replicas=150, initial=0.3, seed=8).eigenvalue, many.eigenvalue)


def test_its_results_have_the_layout():
    run = trained(keep_weights=True)
    compare.validate(run)
    assert run.attrs["model"] == "softmax_regression" and "shared_data" not in run.attrs
    assert json.loads(run.attrs["parameters"])["x"] == X.tolist()
    assert (run.weight.values[:, 0] == 0).all()
    assert (sgd.initial_weights(MODEL, 3, initial="fixed-point") == MODEL.fixed_point()[0]).all()


def test_a_replica_that_diverges_is_left_out():
    model = Softmax(X, MODEL.y.argmax(axis=1), 3)
    model.check_optimiser = lambda optimiser: None
    with np.errstate(all="ignore"):
        run = trained(model, 300.0, 1, 6, 70, record=1)
    lost = np.isfinite(run.diverged.values)
    assert lost.any() and not lost.all()
    assert (np.isnan(run.eigenvalue.values[:, -1]).all(axis=1) == lost).all()


def test_its_noise_is_measured():
    w = np.array([[0.3, -0.2], [0.1, 0.5], [-0.4, 0.1]])
    table = sgd.noise(MODEL, w, samples=20_000, seed=1)
    mean = table.left.values.T @ MODEL.mean_gradient(w) @ table.right.values
    for at in np.ndindex(mean.shape):
        assert abs(table.drift.values[at] + mean[at]) < 5 * table.drift_se.values[at] + 1e-12
    assert table.attrs["updates"] == 1


def test_the_example_of_the_docstring():
    tests = doctest.DocTestFinder(recurse=False).find(sgd.Model, "sgd.Model", globs={})
    results = [doctest.DocTestRunner().run(test) for test in tests]
    assert sum(result.attempted for result in results) > 5 and not any(result.failed for result in results)


# --- refused where it lacks something --------------------------------------------------------------------


@pytest.mark.parametrize("missing", [*NEEDED, "trainer"])
def test_each_missing_member_is_named(missing):
    lacks = rf"sgd\.train needs.*SimpleNamespace lacks {missing}(\(\))?;"
    with pytest.raises(TypeError, match=lacks) as caught:
        trained(without(missing))
    assert "\n" not in str(caught.value)


def test_all_missing_members_are_named_at_once():
    with pytest.raises(TypeError, match=r"lacks modes, target_spectrum, parameters\(\), .*, trainer\(\);"):
        trained(only("name", "matrix", "diverged", "shapes"))


def test_a_method_must_be_one():
    model = without("spectra")
    model.spectra = np.ones(2)
    with pytest.raises(TypeError, match=r"lacks spectra\(\);"):
        trained(model)


def test_a_property_is_looked_for_and_not_computed():
    class Costly(Softmax):
        @property
        def target_spectrum(self):
            raise AssertionError("computed before the model was refused")

        trainer = None

    with pytest.raises(TypeError, match=r"Costly lacks trainer\(\);"):
        trained(Costly(X, MODEL.y.argmax(axis=1), 3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: sgd.initial_weights(m, 2), r"sgd\.initial_weights needs.*SimpleNamespace lacks shapes;"),
        (lambda m: sgd.noise(m, X), r"sgd\.noise needs.*lacks name, shapes, parameters\(\), gradients\(\);"),
        (lambda m: sgd.train(m, 0.1, 4, 4, 2), "sgd.train needs.*lacks name, matrix"),
    ],
)
def test_who_needs_what(call, message):
    with pytest.raises(TypeError, match=message):
        call(only())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"initial": "fixed-point"}, r"what initial 'fixed-point' needs.*lacks fixed_point\(\);"),
        ({"weight_decay": 0.1}, r"what weight_decay needs.*lacks fixed_point\(\);"),
    ],
)
def test_what_needs_the_fixed_point_is_refused_without_one(options, message):
    with pytest.raises(TypeError, match=message):
        trained(only(*NEEDED, "trainer"), **options)


def test_initial_weights_ask_for_shapes_alone():
    given = sgd.initial_weights(only("shapes"), 3, seed=1, initial=0.3)
    assert (given == sgd.initial_weights(MODEL, 3, seed=1, initial=0.3)).all()
    with pytest.raises(TypeError, match=r"shapes must be pairs .* got \(3, 2\)"):
        sgd.initial_weights(SimpleNamespace(shapes=(3, 2)), 3)


@pytest.mark.parametrize("missing", ["block", "advance", "layers", "failed"])
def test_a_trainer_that_lacks_a_method_is_refused(missing):
    model, whole = Softmax(X, MODEL.y.argmax(axis=1), 3), SoftmaxTrainer(MODEL, None)
    methods = [name for name in ("block", "advance", "layers", "failed") if name != missing]
    model.trainer = lambda optimiser, seed: only(*methods, of=whole)
    with pytest.raises(TypeError, match=rf"trainer\(\) of Softmax must return.*lacks {missing}\(\);"):
        trained(model)


def test_a_model_that_contradicts_itself_is_refused():
    model = Softmax(X, MODEL.y.argmax(axis=1), 3)
    model.modes = 3
    with pytest.raises(ValueError, match=r"as many eigenvalues as modes, 3: .* \(1, 2\) instead of \(1, 3\)"):
        trained(model)


def test_defaults_are_those_of_the_models_that_say_nothing():
    assert not set(DEFAULTS) & set(NEEDED)
    assert {"trainer", "fixed_point", "gradients", *DEFAULTS} == {
        name for name in vars(sgd.OptionalMembers) if not name.startswith("_")
    }


# --- the table of the package's own trainers -------------------------------------------------------------


def test_a_trainer_of_its_own_comes_before_the_table():
    class Mine(sgd.LinearNetwork):
        def trainer(self, optimiser, seed):
            raise KeyError("mine")

    class Theirs(sgd.LinearNetwork):
        pass

    with pytest.raises(KeyError, match="mine"):
        trained(Mine(NETWORK.teacher))
    theirs = trained(Theirs(NETWORK.teacher, noise="isotropic", eps=0.1))
    xr.testing.assert_identical(theirs, trained(NETWORK))
    xr.testing.assert_identical(trained(NETWORK, backend="numba"), theirs)


def test_backends_refused():
    with pytest.raises(ValueError, match=r"unknown backend 'jax' \(one of: numba\)"):
        trained(NETWORK, backend="jax")
    with pytest.raises(ValueError, match=r"backend must be left out for Softmax.* got 'numba'"):
        trained(backend="numba")
