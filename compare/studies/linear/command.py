"""What ``dyson-sgd report linear``, ``teacher-student`` and ``phase`` do."""

from __future__ import annotations

import argparse
import sys

import numpy as np
import xarray as xr

import compare
import dyson
import sgd
from compare.page import Section, report
from compare.page.folder import vacant
from compare.studies.cli.parser import command_line
from streams import new_entropy

__all__ = ["linear", "phase", "teacher_student"]

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


def _begin(args: argparse.Namespace, name: str) -> str:
    """A seed if there is none; the command that repeats the run, printed."""
    args.seed = new_entropy() if args.seed is None else args.seed
    command = command_line(args, f"dyson-sgd report {name}")
    print(f"seed {args.seed}; to repeat this run: {command}", flush=True)
    return command


def _end(tree: xr.DataTree, out, command: str, sections: list[Section], title: str | None = None) -> int:
    """Checks, page, and a few lines."""
    tree.attrs["command"] = command
    result = compare.check(tree)
    page = report(tree, out, command=command, check=result, title=title, extra_sections=sections)
    print("\n".join([*result.summary(), f"page: {page}"]))
    return 0


def linear(args: argparse.Namespace) -> int:
    """``dyson-sgd report linear``."""
    out = vacant(args.out or f"linear-lr{args.learning_rate:g}-bs{args.batch_size}")
    from compare.studies.linear.section import linear_report
    from compare.studies.linear.study import LinearSetting

    command = _begin(args, "linear")
    setting = LinearSetting(args.teacher, args.eps, args.learning_rate, args.batch_size)
    names = (
        "density_eps",
        "epochs",
        "epoch_steps",
        "start_epoch",
        "replicas",
        "density_replicas",
        "seed",
        "workers",
    )
    options = {name: getattr(args, name) for name in names}
    outputs = {"well": args.well, "ill": args.ill}
    found = linear_report(setting, outputs, progress=sys.stderr.isatty(), **options)
    print(found.summary)
    return _end(found.tree, out, command, found.sections)


def teacher_student(args: argparse.Namespace) -> int:
    """``dyson-sgd report teacher-student``."""
    out = vacant(args.out or f"teacher-student-lr{args.learning_rate:g}-bs{args.batch_size}")
    command = _begin(args, "teacher-student")
    tree = teacher_student_tree(args)
    title = "Teacher and student with symmetric noise: SGD against pair and matrix"
    return _end(tree, out, command, [Section(*SHARED)] if args.shared_data else [], title)


def teacher_student_tree(args: argparse.Namespace) -> xr.DataTree:
    """SGD beside levels pair and matrix, on data of each replica's own or on one data set for all."""
    model = sgd.LinearNetwork(
        args.teacher * np.eye(2),
        noise="symmetric",
        eps=args.eps,
        spectrum="symmetric",
        samples=args.batches * args.batch_size if args.shared_data else None,
        shared_data=args.shared_data,
        order="fixed" if args.shared_data else "shuffled",
    )
    run = sgd.train(
        model, args.learning_rate, args.batch_size, args.batches * args.epochs, args.replicas, seed=args.seed,
        record=args.batches, workers=args.workers, progress=sys.stderr.isatty(),
    )  # fmt: skip
    times = run["time"].values
    student = dyson.TeacherStudent(
        args.learning_rate, args.batch_size, args.eps, teacher=args.teacher, batches=args.batches
    )
    theory = {"pair": as_network(student.pair(times), run)}
    if args.shared_data:
        quenched = student.matrix(times, data_sets=args.data_sets, seed=args.seed)
        theory["matrix"] = as_network(quenched, run)
    else:
        names = ("teacher", "noise", "eps", "data", "spectrum")
        law = dyson.LinearSGD(
            learning_rate=args.learning_rate,
            batch_size=args.batch_size,
            **{name: getattr(model, name) for name in names},
        )
        theory["matrix"] = law.sample(times, replicas=args.replicas, seed=args.seed, initial=0.1)
    return compare.align(experiment=run, theory=theory)


def as_network(theory: xr.Dataset, run: xr.Dataset) -> xr.Dataset:
    """Theory of `dyson.TeacherStudent`, a linear network of its own parameters, under the run's names."""
    return theory.assign_attrs(model=run.attrs["model"], parameters=run.attrs["parameters"])


def phase(args: argparse.Namespace) -> int:
    """``dyson-sgd report phase``."""
    out = vacant(args.out or f"phase-{args.activation}")
    from compare.studies.phase.section import phase_report

    command = _begin(args, "phase")
    tree, section, summary = phase_report(args, progress=sys.stderr.isatty())
    print(summary)
    return _end(tree, out, command, [section])
