"""``dyson-sgd gas``: samples beside the equilibrium measure, and what it refuses."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from compare.studies.cli.main import main


def test_gaussian_ensemble(tmp_path, capsys):
    out = tmp_path / "gas"
    assert (
        main(["gas", "--n", "20", "--beta", "2", "--samples", "400", "--seed", "1", "--out", str(out)]) == 0
    )
    x = np.load(out / "samples.npz", allow_pickle=False)["eigenvalue"]
    assert x.shape == (400, 20) and (np.diff(x, axis=1) < 0).all()
    mean = (x**2).mean(axis=1)  # n ⟨x²⟩ = n/2 · β/n · (n − 1)... exact at any n: (1 + β(n − 1)/2)/n
    assert abs(mean.mean() - (1 + 2 * 19 / 2) / 20) < 5 * mean.std() / 20
    told = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    assert told["support for n → ∞"] == "[-2, 2]"
    text = (out / "report.html").read_text(encoding="utf-8")
    assert "<svg" in text and "V = x**2/2" in text
    again = tmp_path / "again"
    words = ["gas", "--n", "20", "--beta", "2", "--samples", "400", "--seed", "1", "--workers", "1"]
    assert main([*words, "--out", str(again)]) == 0
    assert (np.load(again / "samples.npz")["eigenvalue"] == x).all()


def test_wall_and_logarithm(tmp_path, capsys):
    out = tmp_path / "gas"
    words = [
        "gas",
        "--potential",
        "x - log(x)",
        "--lower-wall",
        "0",
        "--n",
        "6",
        "--samples",
        "100",
        "--seed",
        "2",
    ]
    assert main([*words, "--out", str(out)]) == 0
    assert "[0.26794919, 3.7320508]" in capsys.readouterr().out
    assert (np.load(out / "samples.npz")["eigenvalue"] > 0).all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--potential=-x**2"], "confine"),
        (["--potential", "__import__('os')"], "potential|unknown|not"),
        (["--beta", "-1"], "> 0"),
        (["--n", "0"], "from 1 to 5000"),
        (["--lower-wall", "1", "--upper-wall", "0"], "wall|below|low"),
    ],
)
def test_refused(tmp_path, capsys, words, message):
    out = tmp_path / "none"
    assert main(["gas", *words, "--seed", "1", "--out", str(out)]) == 2
    error = capsys.readouterr().err.strip().splitlines()
    assert len(error) == 1 and re.search(message, error[0]), error
    assert not out.exists()
