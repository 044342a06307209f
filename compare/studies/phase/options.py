"""The options of ``dyson-sgd report phase``."""

from __future__ import annotations

from compare.studies.shell.arguments import Parser, add, add_output, decimal, one_of, whole
from sgd.activation.model import ACTIVATIONS

__all__ = ["options"]

DESCRIPTION = "Train students with an activation over a plane of widths and noise levels."

EXAMPLES = """\
examples:
  dyson-sgd report phase                    the tanh student over 1/sigma_W and alpha/|B|: about a minute
  dyson-sgd report phase --points 16 --steps 20000 --out plane/
  dyson-sgd report phase --activation relu

Every point is an ensemble of students trained from weights of width sigma_W at the learning rate
(alpha/|B|) x |B|: final loss, gradient norm, and overlap with the teacher.
"""


def options(parser: Parser) -> None:
    """``report phase``."""
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    model, positive = parser.add_argument_group("model"), decimal(above=0.0)
    activation = one_of("activation", ACTIVATIONS)
    add(model, "--activation", activation, "tanh", "NAME", f"one of {', '.join(ACTIVATIONS)}")
    add(model, "--hidden", whole(1, 1000), 16, "K", "rows of W")
    add(model, "--features", whole(1, 1000), 32, "L", "columns of W")
    add(model, "--inputs", whole(1, 1000), 3, "N", "dimension of the inputs")
    training = parser.add_argument_group("plane and training")
    add(training, "--points", whole(2, 200), 8, "N", "points along each axis")
    positive = decimal(above=1e-12, below=1e12)
    add(training, "--least-noise", positive, 0.002, "T", "smallest alpha/|B|")
    add(training, "--most-noise", positive, 0.5, "T", "largest alpha/|B|")
    add(training, "--least-inverse-width", positive, 0.1, "X", "smallest 1/sigma_W")
    add(training, "--most-inverse-width", positive, 10.0, "X", "largest 1/sigma_W")
    add(training, "--batch-size", whole(1), 4, "B", "mini-batch size")
    add(training, "--steps", whole(1), 10_000, "N", "SGD steps at every point")
    add(training, "--replicas", whole(2), 64, "R", "models at every point")
    add_output(parser, "phase-<activation>")
