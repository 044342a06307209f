"""The options of ``dyson-sgd gas``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

from compare.arguments import Parser, add, add_debug, decimal, whole

__all__ = ["add_gas"]

EXAMPLES = """\
examples:
  dyson-sgd gas                             the Gaussian ensemble: n = 50, beta = 1, V = x^2/2
  dyson-sgd gas --potential 'x**4/4 - x**2/2' --n 40 --beta 2 --out well/
  dyson-sgd gas --potential 'x - log(x)' --lower-wall 0 --n 30 --samples 500

The gas has the weight prod |x_i - x_j|^beta exp(-n sum V(x_i)): as n grows its density tends to the
equilibrium measure of V, which is solved for and drawn beside the samples.
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
    gas.add_argument("--seed", type=whole(0), metavar="S", help="whole number >= 0 (default: a fresh one)")
    add(gas, "--workers", whole(1, 4096), os.cpu_count() or 1, "W", "threads; results do not depend on it")
    gas.add_argument("--out", metavar="DIR", help="folder to write, new or empty (default: gas here)")
    add_debug(gas)
