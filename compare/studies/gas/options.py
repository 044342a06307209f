"""The options of ``dyson-sgd gas`` and ``dyson-sgd report gas``."""

from __future__ import annotations

from compare.studies.shell.arguments import Parser, add, add_output, decimal, list_of, whole

__all__ = ["options", "report_options"]

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


def options(parser: Parser) -> None:
    """``gas``."""
    parser.description = "Sample a Coulomb gas, solve for its equilibrium measure, and draw both."
    parser.epilog = EXAMPLES
    add(parser, "--potential", str, "x**2/2", "V", "potential in x, such as 'x**4/4 - x**2'")
    add(parser, "--n", whole(1, 5000), 50, "N", "number of particles")
    add(parser, "--beta", decimal(above=0.0), 1.0, "B", "Dyson index > 0")
    for side, where in (("lower", "below"), ("upper", "above")):
        text = f"no particle {where} this (default: none)"
        parser.add_argument(f"--{side}-wall", type=decimal(), metavar="X", help=text)
    add(parser, "--samples", whole(10, 1_000_000), 1000, "R", "independent spectra")
    add_output(parser, "gas")


def report_options(parser: Parser) -> None:
    """``report gas``."""
    parser.description = (
        "Hold an exact sampler, the long-time limit of the eigenvalue SDE and the exact laws of "
        "the Gaussian ensemble against each other, and draw the density in time."
    )
    parser.epilog = REPORT_EXAMPLES
    add(parser, "--beta", decimal(above=0.0), 1.0, "B", "Dyson index > 0; most laws are for 1, 2 and 4")
    add(parser, "--sizes", list_of(whole(2, 5000)), (2, 10, 100, 1000), "N,N", "numbers of particles")
    text = "eigenvalues of each ensemble: E/N spectra of N"
    add(parser, "--eigenvalues", whole(1000, 10**9), 400_000, "E", text)
    add(parser, "--step", decimal(above=0.0), 1.0, "S", "time step of the integrator, in default steps")
    add_output(parser, "gas-beta<B>")
