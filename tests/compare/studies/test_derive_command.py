"""``dyson-sgd derive``: what it prints, and what it refuses."""

from __future__ import annotations

import json

import pytest

from compare.studies.cli import main as cli
from compare.studies.cli.parser import parser
from compare.studies.derive.command import ready_model


def run(capsys, *words):
    code = cli.main(["derive", *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_rbm_step_by_step(capsys):
    code, out, err = run(capsys, "rbm")
    assert code == 0 and not err
    titles = ["Matrix SDE", "Gradient", "Drift and noise", "Eigenvalue SDE", "Check", "Fixed points"]
    titles += ["Coulomb gas", "Eigenvector feedback"]
    for number, title in enumerate(titles, 1):
        assert f"{number}. {title}" in out
    assert "D_12,21 = C_psi_1*C_psi_2*s2**2*xi_1*xi_2" in out
    assert "repulsion G_ij = T*s2**2*(x_i + x_j)**2/((mu2 - s2*x_i)*(mu2 - s2*x_j))" in out
    assert "σ_i² = g_i²/k_i = 2*T*(-kappa_i + mu2)/s2" in out


def test_json_and_latex(capsys):
    told = json.loads(run(capsys, "linear", "--format", "json")[1])
    assert told["model"] == "linear_network"
    formulas = {f["name"]: f for step in told["steps"] for f in step["formulas"]}
    assert formulas["repulsion G_ij"]["expression"] == "T*eps**2*(x_i + x_j)"
    assert formulas["repulsion G_ij"]["latex"] == r"G_{ij} = T \varepsilon^{2} \left(x_{i} + x_{j}\right)"
    out = run(capsys, "linear", "--format", "latex")[1]
    assert out.count(r"\begin{equation*}") == out.count(r"\end{equation*}") > 10


def test_a_loss_of_ones_own(capsys):
    words = ["--loss", "(W*v - A*v).T*(W*v - A*v)/2 + decay*Tr(W.T*W)/2", "--sample", "v=column"]
    code, out, _ = run(capsys, *words, "--parameter", "A=mode", "--parameter", "decay=scalar")
    assert code == 0
    assert "fixed point 1 = A_i**2/(decay + 1)**2" in out


MODELS = {
    "deep": ["--layers", "2"],
    "wishart": ["--beta", "2"],
    "laguerre": [],
    "ou": [],
    "symmetric": [],
    "regression": ["--noise-kind", "minibatch"],
    "linear": ["--spectrum", "singular"],
    "potential": ["--potential", "X**4/4 - a*X**2/2", "--parameter", "a=scalar"],
    "rbm": ["--model-average", "persistent", "--integer", "k=1"],
}
CASES = [[name, *options] for name, options in MODELS.items()]
CASES += [
    ["rbm", "--train-mu2", "--data", "batch"],
    ["linear", "--momentum"],
    ["linear", "--finite-learning-rate"],
]
SLOW = [
    ["deep", "--layers", "3"],
    ["rbm", "--model-average", "persistent", "--memory-drift", "--integer", "k=1"],
    ["rbm", "--momentum"],
]
"""Seconds each to derive; nothing is printed otherwise than for the others."""


def test_memory_drift_reaches_the_model():
    words = ["derive", "rbm", "--model-average", "persistent", "--memory-drift"]
    assert ready_model(parser().parse_args(words)).memory_drift
    assert not ready_model(parser().parse_args(words[:-1])).memory_drift


@pytest.mark.parametrize(
    "words", [*CASES, *(pytest.param(w, marks=pytest.mark.slow) for w in SLOW)], ids=" ".join
)
def test_every_model_prints(capsys, words):
    code, out, err = run(capsys, *words)
    assert code == 0 and not err and "Eigenvalue SDE" in out


@pytest.mark.parametrize(
    "words, message",
    [
        ([], "give either a model"),
        (["rbmm"], "did you mean 'rbm'"),
        (["rbm", "--loss", "Tr(W)"], "give either a model"),
        (["rbm", "--layers", "3"], "--layers has no effect on the model rbm"),
        (["--loss", "Tr(W.T*W)", "--layers", "3"], "--layers has no effect on a loss of your own"),
        (["potential"], "needs --potential"),
        (["--loss", "__import__('os').system('true')"], "is not allowed"),
        (["--loss", "W.__class__"], "only .T and .H|is not allowed"),
        (["--loss", "Tr(W**10**6)"], "exponent"),
        (["--loss", "open(W)"], "unknown function 'open'"),
        (["--loss", "Tr(W.T*W)", "--sample", "v=column", "--exact-sample", "v=row"], "given twice"),
        (["--loss", "Tr(W.T*W)", "--sample", "v"], "such as v=column"),
        (["rbm", "--model-average", "persistent", "--integer", "k=0"], "from 1 to 1000"),
        (["ou", "--spectrum", "gram"], "has the spectrum symmetric"),
    ],
)
def test_refusals_are_one_line(capsys, words, message):
    code, out, err = run(capsys, *words)
    assert code == 2 and not out
    assert err.count("\n") == 1 and any(part in err for part in message.split("|"))
