"""Malformed values at the public functions that networks brought; as ``test_bad_input``."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings, strategies as st

import compare
import dyson
import sgd
from compare.measure.growth_fit import fit_growth
from tests.malformed import (
    TREE,
    negative,
    not_counts,
    not_datasets,
    not_names,
    not_positive,
    not_seeds,
    strangers,
    unusable,
)
from tests.test_bad_input import SLOWEST, some

a_hundred = settings(some, max_examples=100)

A = np.diag([2.0, 1.0])
NETWORK = sgd.LinearNetwork(A, noise="isotropic", eps=0.1)
STUDENT = sgd.ActivationNetwork.random(hidden=2, features=3, inputs=2)
LAW = dyson.LinearSGD(A, noise="isotropic", eps=0.1, learning_rate=0.1, batch_size=4)
TABLE = sgd.noise(NETWORK, A, samples=200, seed=1)
RUN = TREE["experiment"].to_dataset()

not_matrices = st.one_of(
    strangers,
    unusable,
    st.sampled_from([1.0, [1.0, 2.0], [[math.nan, 1.0], [1.0, 1.0]], [[1j, 0], [0, 1]], np.ones((2, 2, 2))]),
)
not_below_one = st.one_of(strangers, unusable, negative, st.sampled_from([1, 1.0, 2.5]))
not_flags = st.sampled_from([0, 1, "yes", None, [], 1.0])
not_widths = st.one_of(strangers, unusable, negative)
beyond = st.one_of(not_positive, st.floats(10.0, 1e300))
not_starts = st.one_of(strangers, unusable, st.just(1e9))
not_axes = st.one_of(strangers, unusable, st.sampled_from([[0.0], [0.2, 0.1], [-1.0, 1.0]]))
not_numbers = st.one_of(strangers, unusable)

CASES = {
    "LinearNetwork": (
        sgd.LinearNetwork,
        {"teacher": A, "noise": "label", "eps": 0.1},
        {
            "teacher": not_matrices,
            "output": st.one_of(not_matrices, st.sampled_from([np.eye(3), np.zeros((2, 2)), [[1.0, 1.0]]])),
            "covariance": st.one_of(
                not_matrices,
                st.sampled_from([np.eye(3), -np.eye(2), [[1.0, 1.0], [0.0, 1.0]], np.zeros((2, 2))]),
            ),
            "hidden": st.one_of(
                st.sampled_from([3, "34", None, 1.5]), st.lists(not_counts, min_size=1, max_size=2)
            ),
            "noise": not_names,
            "eps": not_positive,
            "data": not_names.filter(lambda name: name != "exact"),
            "symmetric": not_flags,
            "spectrum": not_names,
            "samples": not_counts,
            "order": not_names,
        },
    ),
    "ActivationNetwork": (
        sgd.ActivationNetwork,
        {"teacher": np.ones((2, 3)), "inputs": np.ones((3, 2)), "output": np.ones((1, 2))},
        {
            "teacher": not_matrices,
            "inputs": not_matrices,
            "output": not_matrices,
            "activation": not_names,
            "output_activation": not_names,
            "eps": not_widths,
            "allow_unstable": not_flags,
        },
    ),
    "train": (
        sgd.train,
        {"model": NETWORK, "learning_rate": 0.1, "batch_size": 4, "steps": 4, "replicas": 2, "seed": 1},
        {
            "learning_rate": beyond,
            "batch_size": not_counts,
            "momentum": not_below_one,
            "weight_decay": st.one_of(not_widths, st.floats(100.0, 1e300)),
            "initial": not_widths,
        },
    ),
    "noise": (
        sgd.noise,
        {"model": NETWORK, "weights": A, "samples": 100, "seed": 1},
        {
            "model": strangers,
            "weights": not_matrices,
            "samples": not_counts,
            "seed": not_seeds,
            "updates": not_counts,
        },
    ),
    "phase_diagram": (
        sgd.phase_diagram,
        {"model": STUDENT, "noise_levels": [0.1], "inverse_widths": [1.0], "steps": 2, "replicas": 2},
        {
            "model": strangers,
            "noise_levels": not_axes,
            "inverse_widths": not_axes,
            "batch_size": not_counts,
            "steps": not_counts,
            "replicas": not_counts,
            "seed": not_seeds,
            "workers": not_counts,
        },
    ),
    "LinearSGD": (
        dyson.LinearSGD,
        {"teacher": A, "noise": "isotropic", "eps": 0.1, "learning_rate": 0.1, "batch_size": 4},
        {
            "teacher": not_matrices,
            "output": st.one_of(not_matrices, st.sampled_from([np.eye(3), np.zeros((2, 2)), [[1.0, 1.0]]])),
            "covariance": st.one_of(not_matrices, st.sampled_from([np.eye(3), -np.eye(2)])),
            "noise": st.one_of(not_names, st.just(np.ones((2, 2))), st.just(-np.ones((2, 2, 2, 2)))),
            "eps": not_positive,
            "learning_rate": beyond,
            "batch_size": not_counts,
            "momentum": not_below_one,
            "weight_decay": not_widths,
            "symmetric": not_flags,
            "continuous": not_flags,
        },
    ),
    "LinearSGD.sample": (
        LAW.sample,
        {"times": [0.0, 0.1], "replicas": 2, "seed": 1},
        {
            "times": st.sampled_from(
                [[], [1.0, 0.0], [0.0, math.nan], [0.0, 0.0, 1.0], [0.0, 0.05], [-1.0], 1j, "now"]
            ),
            "replicas": st.one_of(not_counts, st.just(10**12)),
            "seed": not_seeds,
            "initial": st.one_of(not_widths, st.just(np.ones((3, 2, 2))), st.just("stationery")),
        },
    ),
    "species": (dyson.species, {"model": LAW}, {"model": strangers, "tolerance": not_below_one}),
    "measured": (
        dyson.models.measured,
        {"table": TABLE, "noise_level": 0.01},
        {
            "table": st.one_of(not_datasets, st.just(TABLE.drop_vars("rate")), st.just(TABLE * math.nan)),
            "noise_level": not_widths,
        },
    ),
    "TwoSpeciesSemicircle": (
        dyson.laws.TwoSpeciesSemicircle,
        {"center": 0.0, "sigma1": 1.0, "sigma2": 2.0},
        {"center": not_numbers, "sigma1": not_positive, "sigma2": not_positive, "gap": not_numbers},
    ),
    "PairSpacing": (
        dyson.laws.PairSpacing, {"sigma": 1.0}, {"sigma": not_positive, "gap": not_numbers},
    ),
    "SymmetricPair": (
        dyson.laws.SymmetricPair,
        {"center": 0.0, "sd11": 1.0, "sd22": 1.0, "sd12": 1.0},
        {"center": not_numbers, "sd11": not_positive, "sd22": not_positive, "sd12": not_positive},
    ),
    "SpeciesGas": (
        dyson.laws.SpeciesGas,
        {"centers": (0.0, 0.0), "sigmas": (1.0, 2.0)},
        {
            "centers": st.sampled_from(
                [(0.0, math.nan), (0.0, 1.0, 2.0), (), "ab", [[0.0, 1.0]], (0.0, 1j), 3.0]
            ),
            "sigmas": st.sampled_from([(1.0, 0.0), (1.0, -1.0), (), "ab", [[1.0, 1.0]], (1.0, math.inf)]),
            "beta": not_positive,
        },
    ),
    "find_species": (
        compare.find_species,
        {"run": RUN},
        {"run": not_datasets, "start": not_starts, "confidence": not_below_one},
    ),
    "fit_growth": (fit_growth, {"run": RUN}, {"start": not_starts}),
    "check": (
        compare.check,
        {"tree": TREE},
        {"data_spread": not_positive.filter(lambda v: v != {} if isinstance(v, dict) else True)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
@a_hundred
@given(data=st.data())
def test_public_functions_refuse_in_one_line(name, data):
    function, usable, malformed = CASES[name]
    parameter = data.draw(st.sampled_from(sorted(malformed)), label="parameter")
    value = data.draw(malformed[parameter], label="value")
    begun = time.perf_counter()
    with pytest.raises((TypeError, ValueError)) as refusal:
        function(**usable | {parameter: value})
    assert time.perf_counter() - begun < SLOWEST
    text = str(refusal.value)
    if not text or "\n" in text or len(text) > 500:
        pytest.fail(f"not one line: {text[:300]}")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sgd.train(NETWORK, 0.1, 10**400, 4, 2), r"batch_size must be at most 2\*\*53"),
        (lambda: sgd.train(NETWORK, 0.1, 4, 4, 2, initial=1e200), "1e\\+100"),
        (lambda: sgd.train(NETWORK, 0.1, 4, 4, 2, initial=1e200 * A), "entries of at most 1e\\+100"),
        (lambda: sgd.train(sgd.LinearNetwork, 0.1, 4, 4, 2), "model must be"),
        (lambda: sgd.train(NETWORK, 0.1, 4, 4, 2, keep_weights=1), "keep_weights must be True or False"),
        (lambda: sgd.LinearNetwork(1e200 * A), "teacher must have entries of at most"),
        (lambda: sgd.LinearNetwork(A, output=1e200 * A), "output must have entries of at most"),
        (lambda: sgd.LinearNetwork(A, hidden=3), "hidden must be a sequence of widths"),
        (lambda: sgd.LinearNetwork(A, order="fixed"), "need a data set"),
        (lambda: sgd.noise(NETWORK, 1e200 * A), "weights must have entries of at most"),
        (lambda: LAW.sample([1e18], 2), "at most 1e\\+15 steps"),
        (lambda: LAW.sample([0.1], 2, initial=1e200 * A), "initial must have entries"),
        (lambda: _wide().stationary(), "at most 300 columns"),
        (lambda: dyson.laws.SymmetricPair(0.0, 1.0, 2.0, 1e160), "widths may differ"),
        (lambda: dyson.laws.TwoSpeciesSemicircle(0.0, 1.0, 2.0, 1e160), "widths may differ"),
        (lambda: dyson.laws.PairSpacing(10**400), "must be finite"),
    ],
)
def test_what_is_too_large_is_said_to_be(call, message):
    with pytest.raises((TypeError, ValueError), match=message) as refusal:
        call()
    assert "\n" not in str(refusal.value)


def _wide():
    return dyson.LinearSGD(np.ones((1, 400)), noise="isotropic", eps=0.1, learning_rate=1e-4, batch_size=4)


def test_all_of_these_calls_are_usable():
    """But for the two that need more than a handful of replicas: no refusal hides behind another."""
    for name, (function, usable, _) in CASES.items():
        if name in ("find_species", "fit_growth"):
            continue
        result = function(**usable)
        assert result is not None
        assert not isinstance(result, xr.Dataset) or result.sizes
