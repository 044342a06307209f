"""Malformed values for arguments of the public functions, and the functions they are thrown at."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from hypothesis import strategies as st

import compare
import dyson
import sgd
from compare.studies.rbm.study import LEVELS, compare_rbm
from compare.studies.scaling import study as scaling
from compare.studies.scaling.fit import fit_exponent
from dyson.solvers import SOLVERS
from sgd.rbm.model import DATA, MODEL_AVERAGES
from tests.compare.ensembles import ensemble


def number(text: str) -> bool:
    """Whether a command line would read it as a number: 7, 1E0, nan."""
    try:
        float(text)
    except ValueError:
        return False
    return True


# What is not a number at all.
strangers = st.one_of(
    st.text(max_size=5).filter(lambda text: not number(text)),
    st.sampled_from(["one", "1,5", "\x00", "½", b"1", [], {}, (), [1, [2]], object(), 1j, print, math]),
    st.builds(np.zeros, st.sampled_from([(0,), (2,), (3, 0), (1, 2, 3)])),
    st.dictionaries(st.text(max_size=2), st.integers(), min_size=1, max_size=1),
)
unusable = st.sampled_from([math.nan, math.inf, -math.inf, np.float64("nan"), np.float32("-inf")])
negative = st.one_of(st.floats(max_value=-1e-300, allow_nan=False), st.integers(max_value=-1))
not_positive = st.one_of(strangers, unusable, negative, st.sampled_from([0, 0.0, -0.0]))
fractions = st.floats(min_value=0.01, max_value=1e6).filter(lambda x: x != round(x))
not_counts = st.one_of(not_positive, fractions)
not_seeds = st.one_of(strangers, unusable, negative, fractions)
NAMES = {"fixed-point", *MODEL_AVERAGES, *DATA, *SOLVERS, *LEVELS}
not_names = st.one_of(
    st.text(max_size=20).filter(lambda name: name not in NAMES),
    st.sampled_from(["Exact", "persistent ", "euler\n", "x" * 5000, 3, 1.5, [], {}, object(), b"exact"]),
)
not_targets = st.one_of(
    strangers,
    unusable,
    st.just(np.diag([1.0, -1.0])),
    st.just(np.array([[2.0, 1.0], [0.0, 2.0]])),
    st.just(np.full((3, 3), np.nan)),
    st.just(np.ones((2, 3))),
    st.just(np.ones((2, 2))),
    st.just(np.full((2, 2), 1 + 1j)),
    st.just([["a", "b"], ["c", "d"]]),
)
not_spectra = st.one_of(
    strangers,
    unusable,
    st.just([1.0, 2.0, 3.0, 4.0]),  # ascending
    st.just([4.0, 3.0]),
    st.just([4.0, 3.0, math.nan, 1.0]),
    st.just(np.ones((2, 3, 4))),
)
not_times = st.one_of(
    strangers,
    unusable,
    st.just([0.0]),
    st.just([1.0, 0.0]),
    st.just([0.0, math.nan]),
    st.just([0.0, 0.0, 1.0]),
)
not_datasets = st.one_of(
    strangers, st.none(), st.just(xr.Dataset()), st.just(xr.Dataset({"a": ("b", [1, 2])}))
)

PRECISION = np.diag([2.0, 3.0, 3.0, 4.0])
RBM = sgd.GaussianRBM(target=PRECISION, n_hidden=4, mu2=9.0)
SDE = dyson.models.gaussian_rbm(kappa=[2.0, 3.0, 3.0, 4.0], mu2=9.0, noise_level=0.001)
TREE = compare.align(
    ensemble(1, replicas=4, times=5), {"dyson": ensemble(2, 4, 5, kind="theory", level="dyson")}
)

CASES = {
    "ring_scalar_field": (
        sgd.ring_scalar_field,
        {"n": 4, "mass2": 4.0},
        {"n": not_counts, "mass2": not_positive},
    ),
    "GaussianRBM": (
        sgd.GaussianRBM,
        {"target": PRECISION, "n_hidden": 4, "mu2": 9.0},
        {
            "target": not_targets,
            "n_hidden": not_counts,
            "mu2": not_positive,
            "sigma_h": not_positive,
            "model_average": not_names,
            "sweeps": not_counts,
            "data": not_names,
        },
    ),
    "train": (
        sgd.train,
        {"model": RBM, "learning_rate": 0.1, "batch_size": 8, "steps": 4, "replicas": 2, "seed": 1},
        {
            "model": strangers,
            "learning_rate": st.one_of(not_positive, st.floats(10.0, 1e300)),
            "batch_size": not_counts,
            "steps": not_counts,
            "replicas": not_counts,
            "seed": not_seeds,
            "initial": st.one_of(strangers, unusable, negative),
            "workers": not_counts,
        },
    ),
    "gaussian_rbm": (
        dyson.models.gaussian_rbm,
        {"kappa": [2.0, 3.0, 4.0], "mu2": 9.0, "noise_level": 0.001},
        {
            "kappa": st.one_of(strangers, unusable, st.sampled_from([[1.0, -1.0], [0.0], [1.0, math.nan]])),
            "mu2": not_positive,
            "noise_level": st.one_of(strangers, unusable, negative),
            "sigma_h": not_positive,
            "n_hidden": not_counts,
            "model_average": not_names,
            "sweeps": not_counts,
            "data": not_names,
        },
    ),
    "integrate": (
        dyson.integrate,
        {"sde": SDE, "x0": [7.0, 6.0, 6.0, 5.0], "times": [0.0, 0.1], "replicas": 2, "seed": 1},
        {
            "sde": strangers,
            "x0": not_spectra,
            "times": not_times,
            "replicas": not_counts,
            "seed": not_seeds,
            "solver": not_names,
            "dt": not_positive,
            "workers": not_counts,
        },
    ),
    "integrate_matrix": (
        dyson.integrate_matrix,
        {"sde": SDE, "x0": [[7.0, 6.0, 6.0, 5.0]], "times": [0.0, 0.1], "seed": 1},
        {
            "sde": strangers,
            "x0": st.one_of(strangers, unusable, st.just(np.ones((2, 3, 4))), st.just([[math.nan] * 4])),
            "times": not_times,
            "seed": not_seeds,
            "dt": not_positive,
            "workers": not_counts,
        },
    ),
    "pair": (dyson.pair, {"sde": SDE}, {"sde": strangers, "times": not_times, "x0": not_spectra}),
    "validate": (compare.validate, {}, {"ds": not_datasets}),
    "statistics": (compare.statistics, {"ds": TREE["experiment"].to_dataset()}, {
        "ds": not_datasets, "start": st.one_of(strangers, unusable, st.just(1e9)),
    }),
    "align": (compare.align, {"experiment": TREE["experiment"].to_dataset(), "theory": {}}, {
        "experiment": not_datasets,
        "theory": st.one_of(
            strangers.filter(lambda value: not isinstance(value, dict)),
            st.dictionaries(st.text(max_size=3), not_datasets, min_size=1),
        ),
    }),
    "check": (compare.check, {"tree": TREE}, {
        "tree": st.one_of(not_datasets, st.just(xr.DataTree())),
        "margin": not_positive.filter(lambda value: value != {} if isinstance(value, dict) else True),
        "confidence": st.one_of(not_positive, st.sampled_from([1, 1.5])),
        "start": st.one_of(strangers, unusable, st.just(1e9)),
        "level": not_names,
    }),
    "compare_rbm": (
        compare_rbm,
        {"rbm": RBM, "learning_rate": 0.1, "batch_size": 8, "steps": 4, "replicas": 4, "seed": 1},
        {
            "rbm": strangers,
            "learning_rate": st.one_of(not_positive, st.floats(10.0, 1e300)),
            "batch_size": not_counts,
            "steps": not_counts,
            "replicas": not_counts,
            "seed": not_seeds,
            "levels": st.one_of(strangers, st.just(["pair", "gaz"]), st.just([])),
            "initial": not_positive,
            "solver": not_names,
            "dt": not_positive,
            "workers": not_counts,
        },
    ),
    "sweep": (
        scaling.sweep,
        {"rbm": RBM, "grid": [(0.1, 8), (0.1, 16)], "replicas": 4, "seed": 1},
        {
            "rbm": strangers,
            "grid": st.one_of(
                strangers,
                st.lists(st.tuples(not_positive, st.integers(1, 9)), min_size=1, max_size=3),
                st.lists(st.tuples(st.floats(0.01, 0.1), not_counts), min_size=1, max_size=3),
                st.just([(0.1, 8), (0.2, 16)]),
            ),
            "replicas": not_counts,
            "seed": not_seeds,
            "confidence": st.one_of(not_positive, st.sampled_from([1, 1.5])),
            "workers": not_counts,
        },
    ),
    "fit_exponent": (
        fit_exponent,
        {"noise_level": [0.1, 0.2], "value": np.ones((2, 1)), "se": np.ones((2, 1))},
        {"noise_level": st.one_of(strangers, unusable, st.just([0.1, -0.2])), "value": strangers},
    ),
}  # fmt: skip
