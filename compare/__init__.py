"""Theory against experiment: one layout, one tree, and a verdict with error bars."""

from compare.align import align, members
from compare.calibration import calibration
from compare.checks import check
from compare.comparison import MARGINS
from compare.equilibration import Equilibration, equilibrated
from compare.families import FAMILIES, benjamini_hochberg, holm
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
from compare.time_series import AutocorrelationTime, TimeMean, autocorrelation_time, mean_over_time
from compare.unfolding import mean_ratios, spectral_statistics, unfold
from compare.universality import ClassTest, Universality, universality

__all__ = [
    "FAMILIES",
    "FORMATS",
    "MARGINS",
    "AutocorrelationTime",
    "Check",
    "CheckResult",
    "ClassTest",
    "DataSpread",
    "Equilibration",
    "Levels",
    "Section",
    "TimeMean",
    "Universality",
    "align",
    "autocorrelation_time",
    "benjamini_hochberg",
    "calibration",
    "check",
    "compare_rbm",
    "data_spread",
    "equilibrated",
    "find_species",
    "holm",
    "import_files",
    "level_coords",
    "levels",
    "load",
    "mean_over_time",
    "mean_ratios",
    "members",
    "read_npz",
    "read_tree",
    "report",
    "save",
    "shares_data",
    "spectral_statistics",
    "stationary",
    "statistics",
    "surmise",
    "sweep",
    "unfold",
    "universality",
    "validate",
    "with_error",
]
