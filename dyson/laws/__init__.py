"""Closed-form laws of eigenvalues and spacings.

Small frozen dataclasses with one interface: ``pdf, cdf, sf, ppf, rvs, moment,
moments, fit``. See `Law` for what they share and for the conventions.
"""

from dyson.laws.base import Law
from dyson.laws.finite_n import FiniteDensity
from dyson.laws.fitting import Fit
from dyson.laws.gaudin import GaudinSpacing, gap_probability
from dyson.laws.gaussian import Gaussian
from dyson.laws.hard_edge import HardEdge
from dyson.laws.marchenko_pastur import MarchenkoPastur
from dyson.laws.number_variance import cluster, number_variance, spectral_rigidity
from dyson.laws.pair import OnePairSemicircle, WignerSurmise
from dyson.laws.pair_spacing import PairSpacing
from dyson.laws.ratio import RatioSurmise, mean_ratio
from dyson.laws.semicircle import Semicircle
from dyson.laws.species import TwoSpeciesSemicircle
from dyson.laws.species_gas import SpeciesGas
from dyson.laws.symmetric_pair import SymmetricPair
from dyson.laws.symmetric_spacing import SymmetricPairSpacing
from dyson.laws.tracy_widom import TracyWidom

__all__ = [
    "FiniteDensity",
    "Fit",
    "GaudinSpacing",
    "Gaussian",
    "HardEdge",
    "Law",
    "MarchenkoPastur",
    "OnePairSemicircle",
    "PairSpacing",
    "RatioSurmise",
    "Semicircle",
    "SpeciesGas",
    "SymmetricPair",
    "SymmetricPairSpacing",
    "TracyWidom",
    "TwoSpeciesSemicircle",
    "WignerSurmise",
    "cluster",
    "gap_probability",
    "mean_ratio",
    "number_variance",
    "spectral_rigidity",
]
