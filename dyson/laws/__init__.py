"""Closed-form laws of eigenvalues and spacings.

Five small frozen dataclasses with one interface: ``pdf, cdf, sf, ppf, rvs, moment,
moments, fit``. See `Law` for what they share and for the conventions.
"""

from dyson.laws.base import Law
from dyson.laws.fitting import Fit
from dyson.laws.gaussian import Gaussian
from dyson.laws.marchenko_pastur import MarchenkoPastur
from dyson.laws.pair import OnePairSemicircle, WignerSurmise
from dyson.laws.semicircle import Semicircle

__all__ = [
    "Fit",
    "Gaussian",
    "Law",
    "MarchenkoPastur",
    "OnePairSemicircle",
    "Semicircle",
    "WignerSurmise",
]
