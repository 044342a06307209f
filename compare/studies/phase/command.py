"""What ``dyson-sgd report phase`` does."""

from __future__ import annotations

import argparse

from compare.studies.shell.session import begin

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """``dyson-sgd report phase``."""
    session = begin(args, f"phase-{args.activation}")
    from compare.studies.phase.section import phase_report

    tree, section, summary = phase_report(args, progress=session.progress)
    print(summary)
    return session.end(tree, [section])
