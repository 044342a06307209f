"""What ``dyson-sgd report teacher-student`` does."""

from __future__ import annotations

import argparse

from compare.studies.shell.session import begin

__all__ = ["run"]

TITLE = "Teacher and student with symmetric noise: SGD against pair and matrix"

SHARED = (
    "One data set for all replicas",
    """\
All replicas were trained on the same mini-batches in the same order, each with noise of its own that \
repeats every epoch: the ensemble is one draw of its data, and width and mean spacing carry an error that \
more replicas do not make smaller.

Level matrix keeps the mini-batches: its prediction is the mean over simulated data sets, its error the \
deviation between them. Level pair replaces the data by their mean; the checks add the same deviation to its \
errors, the tables of levels do not. The growth is over within the first recorded interval: its check \
compares two straight lines and says little.""",
)


def run(args: argparse.Namespace) -> int:
    """``dyson-sgd report teacher-student``."""
    session = begin(args, f"teacher-student-lr{args.learning_rate:g}-bs{args.batch_size}")
    from compare.page import Section
    from compare.studies.teacher_student.study import teacher_student_tree

    tree = teacher_student_tree(args, session.progress)
    return session.end(tree, [Section(*SHARED)] if args.shared_data else [], TITLE)
