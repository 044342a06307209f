"""What is public; `__init__` imports a name when it is first asked for."""

from . import plots as plots
from .layout.align import (
    align as align,
    members as members,
)
from .layout.multiplets import (
    Multiplets as Multiplets,
    multiplet_coords as multiplet_coords,
    multiplets as multiplets,
)
from .layout.schema import validate as validate
from .layout.shared_data import shares_data as shares_data
from .layout.store import (
    load as load,
    save as save,
)
from .layout.versions import translated as translated
from .measure.equilibration import (
    Equilibration as Equilibration,
    equilibrated as equilibrated,
)
from .measure.multiple import (
    benjamini_hochberg as benjamini_hochberg,
    holm as holm,
)
from .measure.printing import with_error as with_error
from .measure.species import find_species as find_species
from .measure.statistics import (
    stationary as stationary,
    statistics as statistics,
)
from .measure.time_series import (
    AutocorrelationTime as AutocorrelationTime,
    TimeMean as TimeMean,
    autocorrelation_time as autocorrelation_time,
    mean_over_time as mean_over_time,
)
from .measure.unfolding import (
    mean_ratios as mean_ratios,
    spectral_statistics as spectral_statistics,
    unfold as unfold,
)
from .measure.universality import (
    ClassTest as ClassTest,
    Universality as Universality,
    universality as universality,
)
from .page.report import report as report
from .page.section import Section as Section
from .quantities import MARGINS as MARGINS
from .readers.foreign import (
    FORMATS as FORMATS,
    read_npz as read_npz,
)
from .studies import campaign as campaign
from .studies.advice import (
    Advice as Advice,
    advise as advise,
)
from .studies.published.study import (
    import_files as import_files,
    read_tree as read_tree,
)
from .studies.rbm.study import compare_rbm as compare_rbm
from .studies.scaling.study import sweep as sweep
from .verdict.calibration import calibration as calibration
from .verdict.checks import check as check
from .verdict.families import FAMILIES as FAMILIES
from .verdict.result import CheckResult as CheckResult
from .verdict.row import Check as Check
from .verdict.side import DataSpread as DataSpread
from .verdict.spread import data_spread as data_spread
from .verdict.surmise import surmise as surmise
