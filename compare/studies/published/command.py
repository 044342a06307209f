"""What ``dyson-sgd import`` does: somebody else's ensembles, each checked and reported."""

from __future__ import annotations

import argparse

from compare.studies.shell.session import AGREE, begin

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """``dyson-sgd import SOURCE FILE ...``; the source is a format of `compare.readers.foreign`."""
    session = begin(args, args.out)
    from compare.studies.published.study import import_files

    source = args.command.words.split()[-1]
    pages = import_files(source, args.files, out=session.out, keys=dict(args.map), command=session.command)
    for page in pages:
        print(f"page: {page}")
    return AGREE
