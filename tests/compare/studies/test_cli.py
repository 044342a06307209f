"""The command line, in process: exit codes, one-line errors, suggestions, nothing half-written."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import compare
from compare.studies.check import command as check_command
from compare.studies.cli import main as cli
from compare.studies.cli.parser import parser
from compare.studies.shell.arguments import decimal, whole
from compare.studies.shell.command import command_line
from streams.arguments import nearest, one_line, shown

TINY = ["--n-visible", "4", "--n-hidden", "4", "--replicas", "8", "--steps", "20", "--workers", "1"]


@pytest.fixture
def dyson_sgd(capsys):
    """Run one command; exit code, standard output, standard error."""

    def run(*words):
        code = cli.main([str(word) for word in words])
        return code, *capsys.readouterr()

    return run


def ensemble(kind, seed, shift=0.0, replicas=200, times=11):
    """Stationary, independent normal eigenvalues around three single modes."""
    rng = np.random.default_rng(seed)
    target = np.array([5.0, 3.0, 1.0])
    values = target + shift + 0.05 * rng.standard_normal((replicas, times, 3))
    units = {"units": "1", "long_name": "test"}
    return xr.Dataset(
        {
            "eigenvalue": (("replica", "time", "mode"), values, units),
            "diverged": (("replica",), np.full(replicas, np.nan), {**units, "reason": ""}),
        },
        {
            "replica": ("replica", np.arange(replicas), units),
            "time": ("time", np.arange(float(times)), units),
            "mode": ("mode", np.arange(3), units),
            "target": ("mode", target, units),
            "learning_rate": ((), 0.1, units),
            "batch_size": ((), 10, units),
            "noise_level": ((), 0.01, units),
        },
        {
            "kind": kind,
            "level": "sgd" if kind == "experiment" else "dyson",
            "matrix": "WᵀW",
            "model": "test",
            "parameters": "{}",
            "seed": str(seed),
            "version": "0",
        },
    )


def results(folder: Path, shift: float) -> Path:
    """A results folder whose theory is off by ``shift``."""
    folder.mkdir(parents=True)
    tree = compare.align(ensemble("experiment", 1), {"dyson": ensemble("theory", 2, shift)})
    compare.save(tree, folder / "data.zarr")
    return folder


@pytest.mark.parametrize("words", ["", "report", "report rbm", "check", "import", "import npz"])
def test_help_teaches(dyson_sgd, words):
    code, out, err = dyson_sgd(*words.split(), "--help")
    assert (code, err) == (0, "")
    assert out.startswith("usage: dyson-sgd")
    assert words in ("report", "import") or "examples:" in out


def test_version(dyson_sgd):
    code, out, _ = dyson_sgd("--version")
    assert code == 0
    assert out.startswith("dyson-sgd ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "no command given"),
        ("reprot rbm", "did you mean 'report'"),
        ("report rbn", "did you mean 'rbm'"),
        ("report", "required: MODEL"),
        ("report rbm --batchsize 3", "did you mean '--batch-size'"),
        ("report rbm --batch 3", "did you mean '--batch-size'"),
        ("report rbm --batch-size 2.5", "whole number >= 1, got '2.5'"),
        ("report rbm --batch-size 0", "whole number >= 1, got '0'"),
        ("report rbm --batch-size nan", "whole number >= 1, got 'nan'"),
        ("report rbm --steps 1e3", "whole number >= 1, got '1e3'"),
        ("report rbm --replicas -5", "whole number >= 2, got '-5'"),
        ("report rbm --seed -1", "whole number >= 0, got '-1'"),
        ("report rbm --learning-rate 0", "finite number > 0, got '0'"),
        ("report rbm --learning-rate inf", "finite number > 0, got 'inf'"),
        ("report rbm --mu2 nine", "finite number > 0, got 'nine'"),
        ("report rbm --mu2", "expected one argument"),
        ("report rbm --initial fixedpoint", "did you mean 'fixed-point'"),
        ("report rbm --solver bond", "did you mean 'bond-splitting'"),
        ("report rbm --solver euler-maruyama", "did you mean 'euler'"),
        ("report rbm --model-average persistant", "did you mean 'persistent'"),
        ("report rbm --data minibatch", "one of: exact, batch"),
        ("report rbm --levels pair,dysn", "did you mean 'dyson'"),
        ("report rbm --levels ,", "unknown level ''"),
        ("report rbm extra", "unexpected argument 'extra'"),
        ("check", "required: DIR"),
        ("check nowhere", "no folder 'nowhere'"),
        ("check . --confidence 1", "finite number > 0 and < 1"),
        ("check . --margin -1", "finite number > 0"),
        ("import techer-student f --out o", "did you mean 'teacher-student'"),
        ("import npz f", "required: --out"),
        ("import npz f --out o --map weight", "expected NAME=KEY"),
    ],
)
def test_one_line_that_says_what_to_do(dyson_sgd, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    code, out, err = dyson_sgd(*words.split())
    assert (code, out) == (2, "")
    assert err.startswith("dyson-sgd: error: ")
    assert err.count("\n") == 1
    assert said in err
    assert not any(tmp_path.iterdir())


def test_check_agrees_differs_or_cannot_run(dyson_sgd, tmp_path):
    good, bad = results(tmp_path / "good", 0.0), results(tmp_path / "bad", 0.5)
    code, out, err = dyson_sgd("check", good, "--margin", "0.3")
    assert (code, err) == (0, "")
    assert "mean eigenvalue" in out
    code, out, _ = dyson_sgd("check", bad)
    assert code == 1
    assert "differs" in out
    code, out, _ = dyson_sgd("check", tmp_path)
    assert code == 1
    assert str(good) in out
    assert str(bad) in out
    (bad / "data.zarr" / "zarr.json").write_text("{")
    code, out, err = dyson_sgd("check", tmp_path)
    assert code == 2
    assert str(good) in out
    assert "damaged" in err
    assert err.count("\n") == 1


def test_check_json_is_that_of_the_result(dyson_sgd, tmp_path):
    folder = results(tmp_path / "one", 0.5)
    code, out, _ = dyson_sgd("check", folder, "--json", "--confidence", "0.9")
    found = json.loads(out)
    assert code == 1
    assert found["confidence"] == 0.9
    assert found["verdict"] == "differs"
    results(tmp_path / "two", 0.0)
    code, out, _ = dyson_sgd("check", tmp_path, "--json")
    assert code == 1
    assert json.loads(out).keys() == {"one", "two"}


def test_check_of_something_else(dyson_sgd, tmp_path):
    code, _, err = dyson_sgd("check", tmp_path)
    assert code == 2
    assert "no results in" in err
    results(tmp_path / "results", 0.0)
    code, _, err = dyson_sgd("check", tmp_path / "result")
    assert code == 2
    assert "did you mean" in err
    code, _, err = dyson_sgd("check", tmp_path / "results", "--level", "dysn")
    assert code == 2
    assert "did you mean 'dyson'" in err


@pytest.mark.parametrize("command", [("report", "rbm"), ("import", "npz", "x.npz")])
def test_an_output_folder_in_use_is_refused_before_any_work(dyson_sgd, tmp_path, monkeypatch, command):
    monkeypatch.setitem(sys.modules, "compare.studies.scaling.study", None)  # importing it would be work
    monkeypatch.setitem(sys.modules, "compare.studies.published.study", None)
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "notes.txt").write_text("mine")
    code, _, err = dyson_sgd(*command, "--out", tmp_path / "used")
    assert code == 2
    assert "is not empty" in err
    assert [p.name for p in (tmp_path / "used").iterdir()] == ["notes.txt"]
    code, _, err = dyson_sgd(*command, "--out", tmp_path / "used" / "notes.txt")
    assert code == 2
    assert "is a file" in err
    code, _, err = dyson_sgd(*command, "--out", tmp_path / "used" / "notes.txt" / "below")
    assert code == 2
    assert "cannot write" in err


def raising(error):
    def command(*_args, **_options):
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (MemoryError("1 GB"), 2, "out of memory (1 GB)"),
        (ZeroDivisionError("two\nlines"), 2, "ZeroDivisionError: two lines (run again with --debug"),
        (ValueError(), 2, "no message"),
        (RecursionError(), 2, "RecursionError"),
    ],
)
def test_whatever_happens_ends_in_one_line(dyson_sgd, monkeypatch, error, code, said):
    monkeypatch.setattr(check_command, "results_folders", raising(error))
    found, _, err = dyson_sgd("check", ".")
    assert found == code
    assert said in err
    assert err.count("\n") == 1


def test_debug_shows_the_traceback(monkeypatch):
    monkeypatch.setattr(check_command, "results_folders", raising(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        cli.main(["check", ".", "--debug"])


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    folder = results(tmp_path / "one", 0.5)
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "compare", "check", str(folder)],
        stdout=write,
        stderr=subprocess.PIPE,
        cwd=Path(compare.__file__).parents[1],
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_stored_command_repeats_the_options():
    words = ["report", "rbm", "--batch-size", "16", "--levels", "pair,matrix", "--sweep", "--workers", "3"]
    args = parser().parse_args([*words, "--out", "somewhere"])
    args.seed = 12
    text = command_line(args)
    assert text == "dyson-sgd report rbm --batch-size 16 --levels pair,matrix --seed 12 --sweep"
    again = parser().parse_args(shlex.split(text)[1:])
    for name in ("out", "workers", "parser"):
        delattr(args, name), delattr(again, name)
    assert again == args


def test_readers():
    assert whole(0)("+7") == 7
    assert decimal()("-1.5e3") == -1500.0
    assert nearest("xyzzy", ["rbm"]) is None
    assert shown("a\nb\udcff") == r"'a\nb\udcff'"
    assert len(shown("x" * 1000)) == 60
    assert one_line("a\n\x1b[31mb\udcff") == r"a \x1b[31mb\udcff"


def test_report_end_to_end_and_again_from_its_own_command(dyson_sgd, tmp_path, monkeypatch, request):
    monkeypatch.chdir(tmp_path)
    code, out, err = dyson_sgd("report", "rbm", *TINY, "--out", "one")
    assert (code, err) == (0, "")
    assert {p.name for p in (tmp_path / "one").iterdir()} == {"report.html", "checks.json", "data.zarr"}
    assert "page: one/report.html" in out
    tree = compare.load("one")
    command = tree.attrs["command"]
    assert f"to repeat this run: {command}" in out
    assert f"--seed {tree['experiment'].attrs['seed']}" in command
    assert command.split()[:3] == ["dyson-sgd", "report", "rbm"]

    request.getfixturevalue("without_svg")
    code, _, _ = dyson_sgd(*shlex.split(command)[1:], "--workers", "2")
    assert code == 0
    xr.testing.assert_identical(compare.load("rbm-lr0.1-bs64"), tree)

    code, out, _ = dyson_sgd("check", "one", "--json")
    assert code in (0, 1)
    assert json.loads(out)["rows"] == json.loads(Path("one/checks.json").read_text())["rows"]

    code, _, err = dyson_sgd(*shlex.split(command)[1:])
    assert code == 2
    assert "is not empty" in err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--learning-rate 50", "stable"),
        ("--n-visible 2", "n must be >= 3"),
        ("--model-average contrastive --levels matrix", "no level of theory"),
        ("--n-visible 1000 --n-hidden 1000 --replicas 100000", "out of memory"),
        ("--mu2 3 --sweep", "no mode is learnt"),
    ],
)
def test_what_only_the_model_can_know_is_one_line_too(dyson_sgd, tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    code, _, err = dyson_sgd("report", "rbm", *TINY, *options.split())
    assert code == 2
    assert err.count("\n") == 1
    assert said in err
    assert not any(tmp_path.iterdir())
