"""Thousands of malformed values at the public functions and at the command.

Whatever comes: no exception but TypeError, ValueError and OSError, each with one line of text; no
traceback, no hang, nothing written. Every generated value is malformed for the argument it is given
to, so that nothing is ever trained or integrated here.
"""

from __future__ import annotations

import shutil
import time
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

import compare
from compare.studies.cli import main as cli
from compare.studies.cli.parser import parser
from tests.malformed import CASES, TREE, not_counts, not_names, not_positive, not_seeds

SLOWEST = 5.0
"""Seconds that a refusal may take: generous, for a busy machine; a real one takes milliseconds."""

some = settings(
    max_examples=200,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
few = settings(some, max_examples=40)
many = settings(some, max_examples=1000)
"""For the slow run: the same values, and more of them."""


def throw(data, name):
    """One malformed value at one parameter of a public function."""
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


@pytest.mark.parametrize("name", CASES)
@some
@given(data=st.data())
def test_public_functions_refuse_in_one_line(name, data):
    throw(data, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
@many
@given(data=st.data())
def test_public_functions_refuse_many_values(name, data):
    throw(data, name)


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


def type_junk(folder, argv):
    # With it errors are raised: hypothesis finds the word in the source and tries it.
    refused([word for word in argv if word != "--debug"], at_work=True)
    assert not any(folder.iterdir())


@some
@given(argv=st.lists(junk, max_size=8))
def test_command_line_of_junk(no_work, argv):
    type_junk(no_work, argv)


@pytest.mark.slow
@many
@given(argv=st.lists(junk, max_size=8))
def test_command_line_of_much_junk(no_work, argv):
    type_junk(no_work, argv)


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


def throw_option(folder, data):
    option = data.draw(st.sampled_from(sorted(OPTIONS)), label="option")
    value = str(data.draw(OPTIONS[option], label="value"))
    refused(["report", "rbm", f"{option}={value}"])
    assert not any(folder.iterdir())


@some
@given(data=st.data())
def test_report_refuses_every_malformed_option(no_work, data):
    throw_option(no_work, data)


@pytest.mark.slow
@many
@given(data=st.data())
def test_report_refuses_many_values_of_every_option(no_work, data):
    throw_option(no_work, data)


@few
@given(name=st.one_of(st.text(min_size=1, max_size=300), st.just("a\0b"), st.just("x" * 5000)))
def test_output_folders_of_any_name(no_work, name):
    refused(["report", "rbm", f"--out={name}"], at_work=True)
    assert not any(no_work.iterdir())


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A store to damage copies of."""
    return compare.save(TREE, tmp_path_factory.mktemp("stored") / "data.zarr")


def check_damaged(stored, tmp_path_factory, data):
    """One file of a store is cut, changed, removed or replaced; what `check` says of it."""
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
@given(data=st.data())
def test_check_of_a_damaged_folder(stored, tmp_path_factory, data):
    check_damaged(stored, tmp_path_factory, data)


@pytest.mark.slow
@some
@given(data=st.data())
def test_check_of_many_damaged_folders(stored, tmp_path_factory, data):
    check_damaged(stored, tmp_path_factory, data)


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
