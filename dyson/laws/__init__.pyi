"""What is public; `__init__` imports a name when it is first asked for."""

from .base import Law as Law
from .finite_n import FiniteDensity as FiniteDensity
from .fitting import Fit as Fit
from .gaudin import GaudinSpacing as GaudinSpacing, gap_probability as gap_probability
from .gaussian import Gaussian as Gaussian
from .hard_edge import HardEdge as HardEdge
from .marchenko_pastur import MarchenkoPastur as MarchenkoPastur
from .number_variance import (
    cluster as cluster,
    number_variance as number_variance,
    spectral_rigidity as spectral_rigidity,
)
from .pair import OnePairSemicircle as OnePairSemicircle, WignerSurmise as WignerSurmise
from .pair_spacing import PairSpacing as PairSpacing
from .ratio import RatioSurmise as RatioSurmise, mean_ratio as mean_ratio
from .semicircle import Semicircle as Semicircle
from .species import TwoSpeciesSemicircle as TwoSpeciesSemicircle
from .species_gas import SpeciesGas as SpeciesGas
from .symmetric_pair import SymmetricPair as SymmetricPair
from .symmetric_spacing import SymmetricPairSpacing as SymmetricPairSpacing
from .tracy_widom import TracyWidom as TracyWidom
