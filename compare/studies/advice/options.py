"""The options of ``dyson-sgd advise``."""

from __future__ import annotations

import argparse
import math
import re

from compare.studies.shell.arguments import Parser, add, add_debug, decimal, whole
from streams.arguments import shown

__all__ = ["options"]

EXAMPLES = """\
examples:
  dyson-sgd advise study/ --batch-size 256
  dyson-sgd advise study/ --batch-size 256 --reference 0.05,64
  dyson-sgd advise study/ --batch-size 1024 --noise-floor 0.02 --margin 0.03
  dyson-sgd advise study/ --batch-size 256 --json | jq .keep.learning_rate

From widths measured over a grid of learning rates and batch sizes: the learning rate that keeps the
fluctuations of the reference at the new batch size, the one that reaches a wanted noise floor, and up to
which learning rate the linear rule (widths as the root of alpha/|B|) holds. Refused where the fit fails.
"""


def options(parser: Parser) -> None:
    """``advise``."""
    parser.description = "Advise a learning rate for another batch size, and say where the linear rule holds."
    parser.epilog = EXAMPLES
    parser.add_argument("store", metavar="STORE", help="folder of a measured grid, as `campaign` wrote it")
    parser.add_argument("--model", metavar="NAME", help="of the campaign's models (default: the first)")
    parser.add_argument("--batch-size", type=whole(1), required=True, metavar="B", help="the new batch size")
    parser.add_argument(
        "--reference",
        type=point,
        metavar="A,B",
        help="measured learning rate and batch size whose fluctuations to keep (default: the grid's middle)",
    )
    parser.add_argument(
        "--noise-floor",
        type=decimal(above=0.0),
        metavar="F",
        help="wanted width over target, of the multiplet where it is largest (default: none)",
    )
    margin = decimal(above=0.0, below=1.0)
    add(parser, "--margin", margin, 0.05, "M", "relative deviation of a width that the linear rule may have")
    add(parser, "--confidence", margin, 0.95, "C", "two-sided confidence of the intervals")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_debug(parser)


def point(text: str) -> tuple[float, int]:
    """Read ``A,B``: a learning rate and a batch size."""
    first, _, second = text.partition(",")
    try:
        alpha = float(first)
    except ValueError:
        alpha = math.nan
    batch = int(second) if re.fullmatch(r"\s*\+?[0-9]{1,15}\s*", second) else 0
    if not (0 < alpha < math.inf and batch > 0):
        raise argparse.ArgumentTypeError(
            f"expected a learning rate > 0 and a batch size >= 1, as 0.05,64, got {shown(text)}"
        )
    return alpha, batch
