"""What ``dyson-sgd report linear`` does."""

from __future__ import annotations

import argparse

from compare.studies.shell.session import begin

__all__ = ["run"]

OPTIONS = (
    "density_eps",
    "epochs",
    "epoch_steps",
    "start_epoch",
    "replicas",
    "density_replicas",
    "seed",
    "workers",
)


def run(args: argparse.Namespace) -> int:
    """``dyson-sgd report linear``."""
    session = begin(args, f"linear-lr{args.learning_rate:g}-bs{args.batch_size}")
    from compare.studies.linear.section import linear_report
    from compare.studies.linear.study import LinearSetting

    setting = LinearSetting(args.teacher, args.eps, args.learning_rate, args.batch_size)
    outputs = {"well": args.well, "ill": args.ill}
    options = {name: getattr(args, name) for name in OPTIONS}
    found = linear_report(setting, outputs, progress=session.progress, **options)
    print(found.summary)
    return session.end(found.tree, found.sections)
