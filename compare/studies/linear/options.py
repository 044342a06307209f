"""The options of ``dyson-sgd report linear``."""

from __future__ import annotations

from compare.studies.shell.arguments import Parser, add, add_output, decimal, numbers, whole

__all__ = ["options"]

DESCRIPTION = "Train linear networks Z W x and compare growth and densities with theory."

EXAMPLES = """\
examples:
  dyson-sgd report linear                   growth at the rates of Z = diag(1, 0.8) and diag(1, 0.3),
                                            the density with the papers' laws and the exact one
  dyson-sgd report linear --ill 1,0.1 --epochs 400
  dyson-sgd report linear --replicas 100 --density-replicas 20000 --out quick/

The student Z W x learns a teacher with both eigenvalues kappa from W = 0 under isotropic gradient
noise; each right singular direction of Z learns at the rate z^2.
"""


def options(parser: Parser) -> None:
    """``report linear``."""
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    model, positive = parser.add_argument_group("model"), decimal(above=0.0)
    add(model, "--well", numbers(2), (1.0, 0.8), "Z1,Z2", "singular values of a well-conditioned Z", "1,0.8")
    add(model, "--ill", numbers(2), (1.0, 0.3), "Z1,Z2", "singular values of an ill-conditioned Z", "1,0.3")
    add(model, "--teacher", positive, 2.0, "K", "both eigenvalues of the teacher, kappa")
    add(model, "--eps", positive, 0.3, "E", "standard deviation of the gradient noise")
    add(model, "--density-eps", positive, 0.1, "E", "the same for the densities: small noise")
    training = parser.add_argument_group("training")
    add(training, "--learning-rate", positive, 0.01, "A", "step size of SGD")
    add(training, "--batch-size", whole(1), 16, "B", "mini-batch size")
    add(training, "--epochs", whole(6), 80, "N", "length of the growth")
    add(training, "--epoch-steps", whole(1), 50, "N", "steps an epoch")
    add(training, "--start-epoch", whole(0), 2, "N", "first epoch of the fits")
    add(training, "--replicas", whole(30), 500, "R", "models whose mean growth is fitted")
    add(training, "--density-replicas", whole(1000), 100_000, "R", "models behind each density")
    add_output(parser, "linear-lr<A>-bs<B>")
