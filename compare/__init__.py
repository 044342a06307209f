"""Theory against experiment: one layout, one tree, and a verdict with error bars."""

from compare.layout.align import align, members
from compare.layout.schema import Levels, level_coords, levels, validate
from compare.layout.shared_data import shares_data
from compare.layout.store import load, save
from compare.measure.equilibration import Equilibration, equilibrated
from compare.measure.species import find_species
from compare.measure.statistics import stationary, statistics
from compare.measure.time_series import AutocorrelationTime, TimeMean, autocorrelation_time, mean_over_time
from compare.measure.unfolding import mean_ratios, spectral_statistics, unfold
from compare.measure.universality import ClassTest, Universality, universality
from compare.page import Section, report
from compare.readers.foreign import FORMATS, read_npz
from compare.studies.published.study import import_files, read_tree, surmise
from compare.studies.rbm.study import compare_rbm
from compare.studies.scaling.study import sweep
from compare.verdict.calibration import calibration
from compare.verdict.checks import check
from compare.verdict.comparison import MARGINS
from compare.verdict.families import FAMILIES, benjamini_hochberg, holm
from compare.verdict.result import Check, CheckResult, with_error
from compare.verdict.side import DataSpread
from compare.verdict.spread import data_spread

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
