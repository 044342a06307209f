"""The options of ``dyson-sgd check``."""

from __future__ import annotations

from compare.studies.shell.arguments import Parser, add, add_debug, decimal, one_of
from compare.verdict.families import FAMILIES

__all__ = ["options"]

DESCRIPTION = "Check the predictions in a results folder, or in every results folder inside one."

EXAMPLES = """\
examples:
  dyson-sgd check results/
  dyson-sgd check results/ --level dyson --confidence 0.999
  dyson-sgd check results/ --level all
  dyson-sgd check results/ --json | jq .verdict

A prediction `agrees` where the whole confidence interval of the deviation lies within the margin,
`differs` where none of it does, and otherwise the data `cannot tell`. One level of theory decides
the exit code, the most complete one unless --level names another.
exit codes: 0 nothing differs; 1 something differs; 2 could not run
"""


def options(parser: Parser) -> None:
    """``check``."""
    parser.description, parser.epilog = DESCRIPTION, EXAMPLES
    parser.add_argument("folder", metavar="DIR", help="folder that `report` or `import` wrote")
    parser.add_argument("--json", action="store_true", help="print JSON, the same as checks.json")
    margin, confidence = decimal(above=0.0), decimal(above=0.0, below=1.0)
    parser.add_argument(
        "--margin", type=margin, metavar="M", help="relative margin, 0.02 is 2 %% (default: from 1 to 5 %%)"
    )
    add(parser, "--confidence", confidence, 0.99, "C", "two-sided confidence of the intervals")
    parser.add_argument(
        "--level",
        metavar="NAME",
        help="level of theory that decides, or all (default: the most complete one)",
    )
    parser.add_argument(
        "--start", type=decimal(), metavar="T", help="statistics from this time on (default: second half)"
    )
    parser.add_argument(
        "--data-spread",
        type=decimal(least=0.0),
        metavar="S",
        help="relative spread of every quantity between data sets, where replicas share one data set "
        "(default: from the theory that knows it)",
    )
    family = one_of("family", FAMILIES)
    text = f"verdicts of a level's rows together: {', '.join(FAMILIES)}"
    add(parser, "--family", family, "none", "NAME", text)
    add_debug(parser)
