"""What is public; `__init__` imports a name when it is first asked for."""

from . import plots
from .layout.align import align, members
from .layout.schema import Multiplets, multiplet_coords, multiplets, validate
from .layout.shared_data import shares_data
from .layout.store import load, save
from .layout.versions import translated
from .measure.equilibration import Equilibration, equilibrated
from .measure.multiple import benjamini_hochberg, holm
from .measure.printing import with_error
from .measure.species import find_species
from .measure.statistics import stationary, statistics
from .measure.time_series import AutocorrelationTime, TimeMean, autocorrelation_time, mean_over_time
from .measure.unfolding import mean_ratios, spectral_statistics, unfold
from .measure.universality import ClassTest, Universality, universality
from .page.report import report
from .page.section import Section
from .quantities import MARGINS
from .readers.foreign import FORMATS, read_npz
from .studies import campaign
from .studies.advice import Advice, advise
from .studies.published.study import import_files, read_tree, surmise
from .studies.rbm.study import compare_rbm
from .studies.scaling.study import sweep
from .verdict.calibration import calibration
from .verdict.checks import check
from .verdict.families import FAMILIES
from .verdict.result import CheckResult
from .verdict.row import Check
from .verdict.side import DataSpread
from .verdict.spread import data_spread

__all__ = [
    "FAMILIES",
    "FORMATS",
    "MARGINS",
    "Advice",
    "AutocorrelationTime",
    "Check",
    "CheckResult",
    "ClassTest",
    "DataSpread",
    "Equilibration",
    "Multiplets",
    "Section",
    "TimeMean",
    "Universality",
    "advise",
    "align",
    "autocorrelation_time",
    "benjamini_hochberg",
    "calibration",
    "campaign",
    "check",
    "compare_rbm",
    "data_spread",
    "equilibrated",
    "find_species",
    "holm",
    "import_files",
    "load",
    "mean_over_time",
    "mean_ratios",
    "members",
    "multiplet_coords",
    "multiplets",
    "plots",
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
    "translated",
    "unfold",
    "universality",
    "validate",
    "with_error",
]
