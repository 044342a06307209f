"""The options of ``dyson-sgd report teacher-student``."""

from __future__ import annotations

from compare.studies.shell.arguments import Parser, add, add_output, decimal, whole

__all__ = ["options"]

DESCRIPTION = "Train 2 x 2 students with symmetric gradient noise and compare with theory."

EXAMPLES = """\
examples:
  dyson-sgd report teacher-student          2 x 2, symmetric noise, fresh data at every step
  dyson-sgd report teacher-student --shared-data --learning-rate 0.3
                                            one data set for all replicas, as in the published runs

With --shared-data the ensemble is one draw of its data: predictions carry the spread between
simulated data sets, which more replicas do not make smaller.
"""


def options(parser: Parser) -> None:
    """``report teacher-student``."""
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    model, positive = parser.add_argument_group("model"), decimal(above=0.0)
    add(model, "--teacher", positive, 2.0, "K", "both eigenvalues of the teacher")
    add(model, "--eps", positive, 0.1, "E", "standard deviation of the noise off the diagonal")
    model.add_argument(
        "--shared-data", action="store_true", help="one data set, in one order, for all replicas"
    )
    training = parser.add_argument_group("training")
    add(training, "--learning-rate", positive, 0.1, "A", "step size of SGD")
    add(training, "--batch-size", whole(1), 16, "B", "mini-batch size")
    add(training, "--batches", whole(1), 500, "N", "mini-batches of the data set: steps an epoch")
    add(training, "--epochs", whole(2), 10, "N", "epochs")
    add(training, "--replicas", whole(30), 3000, "R", "independently trained models")
    add(training, "--data-sets", whole(2), 200, "D", "simulated data sets behind level matrix, if shared")
    add_output(parser, "teacher-student-lr<A>-bs<B>")
