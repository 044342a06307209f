"""Closed-form laws of eigenvalues and spacings.

Small frozen dataclasses with one interface: ``pdf, cdf, sf, ppf, rvs, moment,
moments, fit``. See `Law` for what they share and for the conventions.
"""

from dyson.laws.base import Law
from dyson.laws.fitting import Fit
from dyson.laws.gaussian import Gaussian
from dyson.laws.marchenko_pastur import MarchenkoPastur
from dyson.laws.pair import OnePairSemicircle, WignerSurmise
from dyson.laws.pair_spacing import PairSpacing
from dyson.laws.semicircle import Semicircle
from dyson.laws.species import TwoSpeciesSemicircle
from dyson.laws.species_gas import SpeciesGas
from dyson.laws.symmetric_pair import SymmetricPair
from dyson.laws.symmetric_spacing import SymmetricPairSpacing

__all__ = [
    "Fit",
    "Gaussian",
    "Law",
    "MarchenkoPastur",
    "OnePairSemicircle",
    "PairSpacing",
    "Semicircle",
    "SpeciesGas",
    "SymmetricPair",
    "SymmetricPairSpacing",
    "TwoSpeciesSemicircle",
    "WignerSurmise",
]
