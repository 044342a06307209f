"""Thousands of malformed values at the public functions and at the command.

Whatever comes: no exception but TypeError, ValueError and OSError, each with one line of text; no
traceback, no hang, nothing written. Every generated value is malformed for the argument it is given
to, so that nothing is ever trained or integrated here.
"""

from __future__ import annotations

import math
import shutil
import time
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import compare
import dyson
import sgd
from compare.studies.cli import main as cli
from compare.studies.cli.parser import parser
from compare.studies.rbm.study import LEVELS, compare_rbm
from compare.studies.scaling import study as scaling
from compare.studies.scaling.fit import fit_exponent
from dyson.solvers import SOLVERS
from sgd.rbm.model import DATA, MODEL_AVERAGES
from tests.compare.ensembles import ensemble

SLOWEST = 5.0
"""Seconds that a refusal may take: generous, for a busy machine; a real one takes milliseconds."""

many = settings(
    max_examples=1000,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
few = settings(many, max_examples=100)


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


@pytest.mark.parametrize("name", CASES)
@many
@given(data=st.data())
def test_public_functions_refuse_in_one_line(name, data):
    function, usable, malformed = CASES[name]
    parameter = data.draw(st.sampled_from(sorted(malformed)), label="parameter")
    value = data.draw(malformed[parameter], label="value")
    begun = time.perf_counter()
    with pytest.raises((TypeError, ValueError, OSError)) as refusal:
        function(**usable | {parameter: value})
    assert time.perf_counter() - begun < SLOWEST
    text = str(refusal.value)
    if not text or "\n" in text or len(text) > 500:
        pytest.fail(f"not one line: {text[:300]}")


words = st.sampled_from(
    [
        "report",
        "rbm",
        "check",
        "import",
        "npz",
        "teacher-student",
        "-h",
        "--out",
        "--out=",
        "--seed",
        "--json",
        "--map",
        "--replicas",
        "--levels",
        "--mu2",
        "--initial",
        "--dt",
        "--",
        "-",
        "--no",
        "-x",
        "=",
        ".",
    ]
)
junk = st.one_of(
    words,
    st.text(max_size=12),
    st.text(st.characters(categories=["Cs", "Cc", "Zl", "Co"]), min_size=1, max_size=4),
    st.sampled_from(
        ["-1", "0", "nan", "1e309", "9" * 5000, "x" * 100_000, "../..", "\0", "%s%n", "--" + "a" * 999]
    ),
)


class Reached(Exception):
    """The command got as far as the work: no bad input stopped it."""


@pytest.fixture
def no_work(monkeypatch, tmp_path):
    """A folder to be in, and commands that stop where they would start to train or to read."""

    def work(*_args, **_options):
        raise Reached

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("compare.studies.rbm.study.compare_rbm", work)
    monkeypatch.setattr("compare.studies.published.study.import_files", work)
    return tmp_path


def refused(argv: list[str], at_work: bool = False) -> None:
    """The command ends by itself, with a known code and at most one line on standard error."""
    out, err = StringIO(), StringIO()
    begun = time.perf_counter()
    with redirect_stdout(out), redirect_stderr(err):
        code = cli.main(argv)
    assert time.perf_counter() - begun < SLOWEST
    said = err.getvalue()
    if at_work and "Reached" in said:
        return
    if "-h" in argv or "--help" in argv or "--version" in argv:
        assert code in (0, 2)
    else:
        assert code == 2
    assert said.count("\n") == (code == 2)
    assert code == 0 or said.startswith("dyson-sgd: error: ")
    assert "Traceback" not in said
    assert "run again with --debug" not in said, "an exception that nobody foresaw"
    assert len(said) < 1000


@many
@given(argv=st.lists(junk, max_size=8))
def test_command_line_of_junk(no_work, argv):
    # With it errors are raised: hypothesis finds the word in the source and tries it.
    refused([word for word in argv if word != "--debug"], at_work=True)
    assert not any(no_work.iterdir())


OPTIONS = {
    "--n-visible": not_counts,
    "--n-hidden": not_counts,
    "--mu2": not_positive,
    "--mass2": not_positive,
    "--sigma-h": not_positive,
    "--learning-rate": not_positive,
    "--batch-size": not_counts,
    "--steps": not_counts,
    "--replicas": not_counts,
    "--model-average": not_names,
    "--sweeps": not_counts,
    "--data": not_names,
    "--initial": not_positive,
    "--levels": not_names,
    "--solver": not_names,
    "--dt": not_positive,
    "--seed": not_seeds,
    "--workers": not_counts,
}


def test_every_option_of_the_report_is_thrown_at():
    known = set(vars(parser().parse_args(["report", "rbm"])))
    spared = {"command", "parser", "name", "of", "out", "sweep", "debug"}
    assert known - spared == {option[2:].replace("-", "_") for option in OPTIONS}


@many
@given(data=st.data())
def test_report_refuses_every_malformed_option(no_work, data):
    option = data.draw(st.sampled_from(sorted(OPTIONS)), label="option")
    value = str(data.draw(OPTIONS[option], label="value"))
    refused(["report", "rbm", f"{option}={value}"])
    assert not any(no_work.iterdir())


@few
@given(name=st.one_of(st.text(min_size=1, max_size=300), st.just("a\0b"), st.just("x" * 5000)))
def test_output_folders_of_any_name(no_work, name):
    refused(["report", "rbm", f"--out={name}"], at_work=True)
    assert not any(no_work.iterdir())


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A store to damage copies of."""
    return compare.save(TREE, tmp_path_factory.mktemp("stored") / "data.zarr")


@few
@given(data=st.data())
def test_check_of_a_damaged_folder(stored, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("results")
    shutil.copytree(stored, folder / "data.zarr")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    path: Path = data.draw(st.sampled_from(files), label="file")
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1), label="place")
    match data.draw(st.sampled_from(["cut", "change", "remove", "replace"]), label="damage"):
        case "cut":
            path.write_bytes(content[:place])
        case "change":
            content[place] ^= data.draw(st.integers(1, 255), label="bits")
            path.write_bytes(content)
        case "remove":
            path.unlink()
        case "replace":
            path.write_bytes(data.draw(st.binary(max_size=100), label="content"))
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = cli.main(["check", str(folder)])
    # A changed byte may lie where it means nothing, such as in the white space of the metadata.
    assert code in (0, 1, 2)
    assert err.getvalue().count("\n") == (code == 2)
    assert "run again with --debug" not in err.getvalue()
    shutil.rmtree(folder)


@few
@given(
    content=st.one_of(st.binary(max_size=200), st.binary(max_size=50).map(lambda tail: b"PK\x03\x04" + tail))
)
@example(content=b"")
def test_import_of_files_of_junk(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("import")
    (folder / "file.npz").write_bytes(content)
    for source in (["teacher-student"], ["npz", "--map=weight=W"]):
        refused(["import", *source, str(folder / "file.npz"), "--out", str(folder / "out")])
    assert [path.name for path in folder.iterdir()] == ["file.npz"]
    shutil.rmtree(folder)
