"""Theory against experiment: one layout, one tree, and a verdict with error bars."""

from compare.align import align, members
from compare.checks import check
from compare.comparison import MARGINS
from compare.result import Check, CheckResult, with_error
from compare.schema import Levels, level_coords, levels, validate
from compare.statistics import stationary, statistics
from compare.store import load, save

__all__ = [
    "MARGINS",
    "Check",
    "CheckResult",
    "Levels",
    "align",
    "check",
    "level_coords",
    "levels",
    "load",
    "members",
    "save",
    "stationary",
    "statistics",
    "validate",
    "with_error",
]
