"""Teachers and students with symmetric noise: SGD beside levels pair and matrix."""

from __future__ import annotations

import argparse

import numpy as np
import xarray as xr

import dyson
import sgd
from compare.layout.align import align

__all__ = ["teacher_student_tree"]


def teacher_student_tree(args: argparse.Namespace, progress: bool = False) -> xr.DataTree:
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
        record=args.batches, workers=args.workers, progress=progress,
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
    return align(experiment=run, theory=theory)


def as_network(theory: xr.Dataset, run: xr.Dataset) -> xr.Dataset:
    """Theory of `dyson.TeacherStudent`, a linear network of its own parameters, under the run's names."""
    return theory.assign_attrs(model=run.attrs["model"], parameters=run.attrs["parameters"])
