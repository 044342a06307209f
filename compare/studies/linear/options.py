"""The options of ``dyson-sgd report linear``, ``teacher-student`` and ``phase``."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable

from compare.studies.shell.arguments import Parser, add, add_debug, decimal, one_of, whole
from streams.arguments import shown

__all__ = ["add_linear", "add_phase", "add_teacher_student"]

Command = Callable[[argparse.Namespace], int]

LINEAR_EXAMPLES = """\
examples:
  dyson-sgd report linear                   growth at the rates of Z = diag(1, 0.8) and diag(1, 0.3),
                                            the density with the papers' laws and the exact one
  dyson-sgd report linear --ill 1,0.1 --epochs 400
  dyson-sgd report linear --replicas 100 --density-replicas 20000 --out quick/

The student Z W x learns a teacher with both eigenvalues kappa from W = 0 under isotropic gradient
noise; each left singular direction of Z learns at the rate z^2.
"""

TEACHER_EXAMPLES = """\
examples:
  dyson-sgd report teacher-student          2 x 2, symmetric noise, fresh data at every step
  dyson-sgd report teacher-student --shared-data --learning-rate 0.3
                                            one data set for all replicas, as in the published runs

With --shared-data the ensemble is one draw of its data: predictions carry the spread between
simulated data sets, which more replicas do not make smaller.
"""

PHASE_EXAMPLES = """\
examples:
  dyson-sgd report phase                    the tanh student over 1/sigma_W and alpha/|B|: about a minute
  dyson-sgd report phase --points 16 --steps 20000 --out plane/
  dyson-sgd report phase --activation relu

Every point is an ensemble of students trained from weights of width sigma_W at the learning rate
(alpha/|B|) x |B|: final loss, gradient norm, and overlap with the teacher.
"""


def numbers(least: int) -> Callable[[str], tuple[float, ...]]:
    """A reader of comma-separated positive numbers, exactly so many."""

    def read(text: str) -> tuple[float, ...]:
        try:
            values = tuple(float(part) for part in text.split(","))
        except ValueError:
            values = ()
        if len(values) != least or not all(0 < v < math.inf for v in values):
            raise argparse.ArgumentTypeError(
                f"expected {least} positive numbers, as 1,0.3, got {shown(text)}"
            )
        return values

    return read


def add_output(parser: Parser, default: str) -> None:
    """Seed, threads and folder."""
    output = parser.add_argument_group("run and output")
    output.add_argument("--seed", type=whole(0), metavar="S", help="whole number >= 0 (default: a fresh one)")
    add(output, "--workers", whole(1, 4096), os.cpu_count() or 1, "W", "threads; results do not depend on it")
    output.add_argument(
        "--out", metavar="DIR", help=f"folder to write, new or empty (default: {default} here)"
    )
    add_debug(output)


def add_linear(models: argparse._SubParsersAction[Parser], command: Command) -> None:
    """``report linear``."""
    linear = models.add_parser(
        "linear",
        help="linear network with a fixed output layer: rates, species, densities",
        description="Train linear networks Z W x and compare growth and densities with theory.",
        epilog=LINEAR_EXAMPLES,
    )
    linear.set_defaults(command=command, parser=linear)
    model, positive = linear.add_argument_group("model"), decimal(above=0.0)
    add(model, "--well", numbers(2), (1.0, 0.8), "Z1,Z2", "singular values of a well-conditioned Z", "1,0.8")
    add(model, "--ill", numbers(2), (1.0, 0.3), "Z1,Z2", "singular values of an ill-conditioned Z", "1,0.3")
    add(model, "--teacher", positive, 2.0, "K", "both eigenvalues of the teacher, kappa")
    add(model, "--eps", positive, 0.3, "E", "standard deviation of the gradient noise")
    add(model, "--density-eps", positive, 0.1, "E", "the same for the densities: small noise")
    training = linear.add_argument_group("training")
    add(training, "--learning-rate", positive, 0.01, "A", "step size of SGD")
    add(training, "--batch-size", whole(1), 16, "B", "mini-batch size")
    add(training, "--epochs", whole(6), 80, "N", "length of the growth")
    add(training, "--epoch-steps", whole(1), 50, "N", "steps an epoch")
    add(training, "--start-epoch", whole(0), 2, "N", "first epoch of the fits")
    add(training, "--replicas", whole(30), 500, "R", "models whose mean growth is fitted")
    add(training, "--density-replicas", whole(1000), 100_000, "R", "models behind each density")
    add_output(linear, "linear-lr<A>-bs<B>")


def add_teacher_student(models: argparse._SubParsersAction[Parser], command: Command) -> None:
    """``report teacher-student``."""
    student = models.add_parser(
        "teacher-student",
        help="2 x 2 student with symmetric gradient noise, as in the published ensembles",
        description="Train 2 x 2 students with symmetric gradient noise and compare with theory.",
        epilog=TEACHER_EXAMPLES,
    )
    student.set_defaults(command=command, parser=student)
    model, positive = student.add_argument_group("model"), decimal(above=0.0)
    add(model, "--teacher", positive, 2.0, "K", "both eigenvalues of the teacher")
    add(model, "--eps", positive, 0.1, "E", "standard deviation of the noise off the diagonal")
    model.add_argument(
        "--shared-data", action="store_true", help="one data set, in one order, for all replicas"
    )
    training = student.add_argument_group("training")
    add(training, "--learning-rate", positive, 0.1, "A", "step size of SGD")
    add(training, "--batch-size", whole(1), 16, "B", "mini-batch size")
    add(training, "--batches", whole(1), 500, "N", "mini-batches of the data set: steps an epoch")
    add(training, "--epochs", whole(2), 10, "N", "epochs")
    add(training, "--replicas", whole(30), 3000, "R", "independently trained models")
    add(training, "--data-sets", whole(2), 200, "D", "simulated data sets behind level matrix, if shared")
    add_output(student, "teacher-student-lr<A>-bs<B>")


def add_phase(models: argparse._SubParsersAction[Parser], command: Command) -> None:
    """``report phase``."""
    phase = models.add_parser(
        "phase",
        help="phase diagram of the tanh student over (1/sigma_W, alpha/|B|)",
        description="Train students with an activation over a plane of widths and noise levels.",
        epilog=PHASE_EXAMPLES,
    )
    phase.set_defaults(command=command, parser=phase)
    model, positive = phase.add_argument_group("model"), decimal(above=0.0)
    activation = one_of("activation", ("tanh", "relu", "identity"))
    add(model, "--activation", activation, "tanh", "NAME", "tanh, relu or identity")
    add(model, "--hidden", whole(1, 1000), 16, "K", "rows of W")
    add(model, "--features", whole(1, 1000), 32, "L", "columns of W")
    add(model, "--inputs", whole(1, 1000), 3, "N", "dimension of the inputs")
    training = phase.add_argument_group("plane and training")
    add(training, "--points", whole(2, 200), 8, "N", "points along each axis")
    positive = decimal(above=1e-12, below=1e12)
    add(training, "--least-noise", positive, 0.002, "T", "smallest alpha/|B|")
    add(training, "--most-noise", positive, 0.5, "T", "largest alpha/|B|")
    add(training, "--least-inverse-width", positive, 0.1, "X", "smallest 1/sigma_W")
    add(training, "--most-inverse-width", positive, 10.0, "X", "largest 1/sigma_W")
    add(training, "--batch-size", whole(1), 4, "B", "mini-batch size")
    add(training, "--steps", whole(1), 10_000, "N", "SGD steps at every point")
    add(training, "--replicas", whole(2), 64, "R", "models at every point")
    add_output(phase, "phase-<activation>")
