"""The options of ``dyson-sgd import``."""

from __future__ import annotations

from compare.readers.foreign import FORMATS
from compare.studies.shell.arguments import Parser, add_debug, mapping
from compare.studies.shell.command import Command

__all__ = ["options", "sources"]

EXAMPLES = """\
examples:
  dyson-sgd import teacher-student TSmodel_*.npz --out published/
  dyson-sgd import npz ensemble.npz --map weight=W --map learning_rate=lr --out theirs/
  dyson-sgd import npz ensemble.npz ... --map shared_data=yes    all replicas saw one data set

Each file becomes a results folder of its own inside the output folder; `dyson-sgd check published/`
checks them all. Files are read without pickle: nothing in them is ever executed.
"""


def sources(parser: Parser) -> list[Command]:
    """``import``: a command for every format that is read."""
    parser.description = "Read somebody else's ensembles, check and report them."
    return [
        Command(f"import {name}", known.about, "compare.studies.published") for name, known in FORMATS.items()
    ]


def options(parser: Parser) -> None:
    """``import SOURCE``, the same for every source."""
    parser.epilog = EXAMPLES
    parser.add_argument("files", nargs="+", metavar="FILE", help=".npz file")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to write, new or empty")
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        type=mapping,
        metavar="NAME=KEY",
        help="our name of a quantity and the file's key of it; may be repeated",
    )
    add_debug(parser)
