"""The options of ``dyson-sgd gas``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

from compare.studies.shell.arguments import Parser, add, add_debug, decimal, list_of, whole

__all__ = ["add_gas", "add_report_gas"]

EXAMPLES = """\
examples:
  dyson-sgd gas                             the Gaussian ensemble: n = 50, beta = 1, V = x^2/2
  dyson-sgd gas --potential 'x**4/4 - x**2' --n 200 --beta 2 --out well/
  dyson-sgd gas --potential 'x - log(x)' --lower-wall 0 --n 30 --samples 500

The gas has the weight prod |x_i - x_j|^beta exp(-n sum V(x_i)): as n grows its density tends to the
equilibrium measure of V, which is solved for and drawn beside the samples.
"""

REPORT_EXAMPLES = """\
examples:
  dyson-sgd report gas                      2, 10, 100 and 1000 particles at beta = 1
  dyson-sgd report gas --beta 2 --sizes 2,10,100 --seed 1 --out unitary/

A table of chi-square and Kolmogorov-Smirnov statistics says whether sampler, integrator and law agree.
"""


def add_gas(
    commands: argparse._SubParsersAction[Parser], command: Callable[[argparse.Namespace], int]
) -> None:
    """``gas``."""
    gas = commands.add_parser(
        "gas",
        help="a Coulomb gas: samples, and its equilibrium measure for n -> infinity",
        description="Sample a Coulomb gas, solve for its equilibrium measure, and draw both.",
        epilog=EXAMPLES,
    )
    gas.set_defaults(command=command, parser=gas)
    add(gas, "--potential", str, "x**2/2", "V", "potential in x, such as 'x**4/4 - x**2'")
    add(gas, "--n", whole(1, 5000), 50, "N", "number of particles")
    add(gas, "--beta", decimal(above=0.0), 1.0, "B", "Dyson index > 0")
    gas.add_argument(
        "--lower-wall", type=decimal(), metavar="X", help="no particle below this (default: none)"
    )
    gas.add_argument(
        "--upper-wall", type=decimal(), metavar="X", help="no particle above this (default: none)"
    )
    add(gas, "--samples", whole(10, 1_000_000), 1000, "R", "independent spectra")
    _add_output(gas, "gas")


def add_report_gas(
    models: argparse._SubParsersAction[Parser], command: Callable[[argparse.Namespace], int]
) -> None:
    """``report gas``."""
    gas = models.add_parser(
        "gas",
        help="Gaussian ensemble: exact sampler, eigenvalue SDE and laws; its density in time",
        description="Hold an exact sampler, the long-time limit of the eigenvalue SDE and the exact laws of "
        "the Gaussian ensemble against each other, and draw the density in time.",
        epilog=REPORT_EXAMPLES,
    )
    gas.set_defaults(command=command, parser=gas)
    add(gas, "--beta", decimal(above=0.0), 1.0, "B", "Dyson index > 0; most laws are for 1, 2 and 4")
    add(gas, "--sizes", list_of(whole(2, 5000)), (2, 10, 100, 1000), "N,N", "numbers of particles")
    add(gas, "--levels", whole(1000, 10**9), 400_000, "L", "eigenvalues of each ensemble: L/N spectra of N")
    add(gas, "--step", decimal(above=0.0), 1.0, "S", "time step of the integrator, in default steps")
    _add_output(gas, "gas-beta<B>")


def _add_output(parser: Parser, folder: str) -> None:
    parser.add_argument("--seed", type=whole(0), metavar="S", help="whole number >= 0 (default: a fresh one)")
    add(parser, "--workers", whole(1, 4096), os.cpu_count() or 1, "W", "threads; results do not depend on it")
    parser.add_argument(
        "--out", metavar="DIR", help=f"folder to write, new or empty (default: {folder} here)"
    )
    add_debug(parser)
