"""Theory against experiment: one layout, one tree, and a verdict with error bars."""

from compare.align import align, members
from compare.checks import check
from compare.comparison import MARGINS
from compare.foreign import FORMATS, read_npz
from compare.page import Section, report
from compare.pipeline import compare_rbm
from compare.published import import_files, read_tree, surmise
from compare.result import Check, CheckResult, with_error
from compare.scaling import sweep
from compare.schema import Levels, level_coords, levels, validate
from compare.shared_data import shares_data
from compare.side import DataSpread
from compare.species import find_species
from compare.spread import data_spread
from compare.statistics import stationary, statistics
from compare.store import load, save

__all__ = [
    "FORMATS",
    "MARGINS",
    "Check",
    "CheckResult",
    "DataSpread",
    "Levels",
    "Section",
    "align",
    "check",
    "compare_rbm",
    "data_spread",
    "find_species",
    "import_files",
    "level_coords",
    "levels",
    "load",
    "members",
    "read_npz",
    "read_tree",
    "report",
    "save",
    "shares_data",
    "stationary",
    "statistics",
    "surmise",
    "sweep",
    "validate",
    "with_error",
]
