"""The options of ``dyson-sgd derive``."""

from __future__ import annotations

import argparse

from compare.studies.shell.arguments import Parser, add, add_debug, one_of, whole
from dyson.derive.library import DATA, MODEL_AVERAGES, MODELS, NOISES
from dyson.derive.specification import SPECTRA
from streams.arguments import shown

__all__ = ["options"]

FORMATS = ("text", "latex", "json")

DESCRIPTION = """\
From a per-sample loss and a noise model to the stochastic differential equation of the eigenvalues,
its fixed points, its Coulomb gas and the feedback of the eigenvectors: derived, step by step.
"""

EXAMPLES = """\
models: rbm, linear (Z W v), regression (W v), deep (W_L ... W_1 v), symmetric, wishart, laguerre, ou,
potential (Tr V(X) with --potential)

examples:
  dyson-sgd derive rbm
  dyson-sgd derive rbm --model-average persistent --memory-drift --integer k=1 --format latex
  dyson-sgd derive linear --noise-kind minibatch-label
  dyson-sgd derive potential --potential "X**4/4 - a*X**2/2" --parameter a=scalar
  dyson-sgd derive --loss "(W*v - A*v).T*(W*v - A*v)/2 + decay*Tr(W.T*W)/2" \\
      --sample v=column --parameter A=mode --parameter decay=scalar
  dyson-sgd derive --loss "Tr((W - A).T*(W - A))/2" --parameter A=mode \\
      --parameter eps=scalar --noise "eps**2"

expressions: names, numbers, + - * / **, parentheses, .T and .H (transpose, adjoint), and Tr, det, logdet,
inv, exp, log, sqrt, sin, cos, tanh, sinh, cosh of one argument. W is the weight matrix, T the noise level.
  --sample NAME=SPACE[;COVARIANCE]   SPACE: column (inputs), row (outputs) or matrix; mean zero
  --parameter NAME=KIND              scalar, real, fraction, integer, or diagonal: column, row, mode
  --noise "R" or "R;C"               covariance R ⊗ C of the gradient noise, added to the samples'
"""


def options(parser: Parser) -> None:
    """``derive``."""
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument("model", nargs="?", metavar="MODEL", help=f"one of {', '.join(MODELS)}")
    _add_own(parser.add_argument_group("a loss of your own"))
    _add_ready(parser)


def _add_own(own: argparse._ArgumentGroup) -> None:
    own.add_argument("--loss", metavar="EXPR", help="per-sample loss, a scalar")
    own.add_argument("--gradient", metavar="EXPR", help="or its gradient, a matrix of the shape of W")
    pairs = {
        "--sample": ("NAME=SPACE", "a Gaussian sample; may be repeated"),
        "--exact-sample": ("NAME=SPACE", "one whose average is carried out, without noise"),
        "--parameter": ("NAME=KIND", "a parameter; may be repeated"),
        "--define": ("NAME=EXPR", "a name for an expression; may be repeated"),
    }
    for option, (metavar, text) in pairs.items():
        own.add_argument(option, action="append", default=[], type=declared, metavar=metavar, help=text)
    own.add_argument("--noise", metavar="EXPR", help="covariance of the gradient noise")
    own.add_argument("--symmetric-noise", metavar="EXPR", help="the same for symmetric noise")
    spectra = one_of("spectrum", SPECTRA)
    own.add_argument("--spectrum", type=spectra, metavar="NAME", help="gram (WᵀW), symmetric (W), singular")
    add(own, "--beta", whole(1, 2), 1, "B", "1 real, 2 complex weights")


def _add_ready(p: Parser) -> None:
    model = p.add_argument_group("a ready-made model")
    averages = one_of("model average", MODEL_AVERAGES)
    add(model, "--model-average", averages, "independent", "NAME", "rbm: how the model is sampled")
    add(model, "--data", one_of("data", DATA), "exact", "NAME", "rbm: exact data, or a batch")
    add(model, "--noise-kind", one_of("noise", NOISES), "isotropic", "NAME", f"one of {', '.join(NOISES)}")
    add(model, "--layers", whole(1, 4), 2, "L", "deep: number of layers")
    model.add_argument("--potential", metavar="EXPR", help='potential: V(X), such as "X**4/4 - X**2"')
    model.add_argument("--weight-decay", action="store_true", help="rbm: with weight decay")
    model.add_argument("--train-mu2", action="store_true", help="rbm: μ² is trained too")
    model.add_argument("--memory-drift", action="store_true", help="rbm: drift by the chains' memory")
    more = p.add_argument_group("optimiser and output")
    more.add_argument("--momentum", action="store_true", help="heavy ball: T/(1 - m), time αn/(1 - m)")
    more.add_argument("--finite-learning-rate", action="store_true", help="O(α) modified equation")
    more.add_argument(
        "--integer", action="append", default=[], type=numbered, metavar="NAME=N", help="k=3: a number for k"
    )
    add(more, "--format", one_of("format", FORMATS), "text", "NAME", f"one of {', '.join(FORMATS)}")
    add_debug(more)


def numbered(text: str) -> tuple[str, int]:
    """Read ``k=3``."""
    name, sign, number = text.partition("=")
    if not (name.strip() and sign):
        raise argparse.ArgumentTypeError(f"expected NAME=N, such as k=3, got {shown(text)}")
    return name.strip(), whole(1, 1000)(number)


def declared(text: str) -> tuple[str, str]:
    """Read ``v=column`` or ``K=mu2 - W.T*W``: a name and what it is."""
    name, sign, what = text.partition("=")
    if not (name.strip() and sign and what.strip()):
        raise argparse.ArgumentTypeError(f"expected NAME=..., such as v=column, got {shown(text)}")
    return name.strip(), what.strip()
