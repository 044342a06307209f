"""The options of ``dyson-sgd campaign run | status | resume | report``."""

from __future__ import annotations

import os

from compare.studies.shell.arguments import Parser, add, add_debug, decimal, whole

__all__ = ["group", "report_options", "resume_options", "run_options", "status_options"]

EXAMPLES = """\
examples:
  dyson-sgd campaign run study.toml --dry-run        the plan: cells, chunks, time, bytes
  dyson-sgd campaign run study.toml --out study/     run it; Ctrl-C stops at a chunk
  dyson-sgd campaign status study/                   how far it is, and the time left
  dyson-sgd campaign resume study/ --processes 4     go on, after whatever ended it
  dyson-sgd campaign report study/ --out page/       where each level of theory holds

A campaign is a small TOML file:

  [model]
  kind = "rbm"                  # or "linear"; several: [[model]], each with a name
  model_average = "persistent"  # options of the model, see docs/campaigns.md
  [grid]
  learning_rate = [0.025, 0.05, 0.1]
  batch_size = [16, 64, 256]
  [ensemble]
  replicas = 1000
  [theory]
  levels = ["pair", "dyson", "matrix"]
"""

RUN_EXAMPLES = """\
examples:
  dyson-sgd campaign run study.toml --dry-run
  dyson-sgd campaign run study.toml --out study/ --processes 2
  dyson-sgd campaign run study.toml --out study/ --scheduler tcp://10.0.0.5:8786

Results do not depend on threads, processes or the cluster, nor on interruptions.
"""


def group(parser: Parser) -> None:
    """``campaign``."""
    parser.description, parser.epilog = (
        "Run a study over models, learning rates, batch sizes and seeds.",
        EXAMPLES,
    )


def run_options(parser: Parser) -> None:
    """``campaign run``."""
    parser.description, parser.epilog = "Run a campaign.", RUN_EXAMPLES
    parser.add_argument("file", metavar="FILE", help="TOML file of the campaign")
    parser.add_argument(
        "--out", metavar="STORE", help="folder of the results (default: the file's name here)"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the plan and stop")
    _add_work(parser)


def resume_options(parser: Parser) -> None:
    """``campaign resume``."""
    parser.description = "Resume a campaign."
    _add_store(parser)
    _add_work(parser)


def status_options(parser: Parser) -> None:
    """``campaign status``."""
    parser.description = "Say how far a campaign is."
    _add_store(parser)
    parser.add_argument("--verify", action="store_true", help="compare every chunk with its checksum")
    add_debug(parser)


def report_options(parser: Parser) -> None:
    """``campaign report``."""
    parser.description = "Write a page."
    _add_store(parser)
    parser.add_argument("--out", metavar="DIR", help="folder to write (default: <STORE>-report here)")
    add_debug(parser)


def _add_store(parser: Parser) -> None:
    parser.add_argument("store", metavar="STORE", help="folder of a campaign")


def _add_work(parser: Parser) -> None:
    add(parser, "--workers", whole(1, 4096), os.cpu_count() or 1, "W", "threads, in this process")
    parser.add_argument(
        "--processes", type=whole(1, 4096), metavar="P", help="processes of this machine instead"
    )
    parser.add_argument("--scheduler", metavar="URL", help="dask scheduler instead, such as tcp://host:8786")
    parser.add_argument(
        "--seconds",
        type=decimal(above=0.0),
        metavar="S",
        help="begin no chunk after so long (default: the file's)",
    )
    add_debug(parser)
