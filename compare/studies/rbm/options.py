"""The options of ``dyson-sgd report rbm``."""

from __future__ import annotations

import argparse

from compare.studies.rbm.study import LEVELS
from compare.studies.shell.arguments import (
    Parser,
    add,
    add_output,
    decimal,
    list_of,
    number_or,
    one_of,
    whole,
)
from dyson.solvers import SOLVERS
from sgd.rbm.model import DATA, MODEL_AVERAGES

__all__ = ["options"]

DESCRIPTION = "Train Gaussian RBMs on a free scalar field and compare with Dyson Brownian motion."

EXAMPLES = """\
examples:
  dyson-sgd report rbm                      1000 replicas at learning rate 0.1, batch size 64
  dyson-sgd report rbm --replicas 200 --steps 1000 --seed 7 --out quick/
  dyson-sgd report rbm --model-average persistent --sweeps 1 --levels dyson,matrix
  dyson-sgd report rbm --sweep              adds a grid of (learning rate, batch size): the
                                            linear scaling rule and its exponent

The folder holds report.html (the page), checks.json (the verdicts) and data.zarr (everything
behind them). Without --seed a fresh one is drawn, printed and stored: the command in the report
repeats the run to the last bit, for any number of workers.
"""


def options(parser: Parser) -> None:
    """``report rbm``."""
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    _add_model(parser.add_argument_group("model"))
    _add_training(parser.add_argument_group("training"))
    _add_theory(parser.add_argument_group("theory"))
    output = add_output(parser, "rbm-lr<A>-bs<B>")
    output.add_argument(
        "--sweep", action="store_true", help="add a grid of (learning rate, batch size): linear scaling"
    )


def _add_model(group: argparse._ArgumentGroup) -> None:
    sizes, positive = whole(1, 1000), decimal(above=0.0)
    add(group, "--n-visible", sizes, 10, "N", "visible units, the sites of the ring")
    add(group, "--n-hidden", sizes, 10, "M", "hidden units")
    add(group, "--mu2", positive, 9.0, "X", "mass term of the visible units")
    add(group, "--mass2", positive, 4.0, "X", "mass squared of the target field")
    add(group, "--sigma-h", positive, 1.0, "X", "standard deviation of the hidden units")


def _add_training(group: argparse._ArgumentGroup) -> None:
    positive = decimal(above=0.0)
    add(group, "--learning-rate", positive, 0.1, "A", "step size of SGD")
    add(group, "--batch-size", whole(1), 64, "B", "mini-batch size")
    group.add_argument(
        "--steps",
        type=whole(1),
        metavar="N",
        help="SGD steps (default: enough for every mode to settle in the first half)",
    )
    add(group, "--replicas", whole(2), 1000, "R", "independently trained models")
    average = one_of("model average", MODEL_AVERAGES)
    add(group, "--model-average", average, "independent", "NAME", f"one of {', '.join(MODEL_AVERAGES)}")
    add(group, "--sweeps", whole(1), 3, "K", "Gibbs sweeps an update, where chains are used")
    data = one_of("data", DATA)
    add(group, "--data", data, "exact", "NAME", "target average: exact covariance, or a batch of data")
    initial = number_or("fixed-point", positive)
    add(group, "--initial", initial, 0.1, "S", "spread of the first weights, or fixed-point")


def _add_theory(group: argparse._ArgumentGroup) -> None:
    levels = list_of(one_of("level", LEVELS))
    add(group, "--levels", levels, LEVELS, "NAMES", "levels of theory, comma-separated", ",".join(LEVELS))
    solver = one_of("solver", SOLVERS)
    add(group, "--solver", solver, "bond-splitting", "NAME", f"of level dyson: {', '.join(SOLVERS)}")
    group.add_argument(
        "--dt",
        type=decimal(above=0.0),
        metavar="T",
        help="time step of levels dyson and matrix (default: from the model's rates)",
    )
