"""Closed-form laws of eigenvalues and spacings.

Five small frozen dataclasses with one interface: ``pdf, cdf, sf, ppf, rvs, moment,
moments, fit``. See `Law` for what they share and for the conventions.
"""

from dyson.laws.base import Law
from dyson.laws.bulk import MarchenkoPastur, Semicircle
from dyson.laws.fitting import Fit
from dyson.laws.gaussian import Gaussian
from dyson.laws.pair import OnePairSemicircle, WignerSurmise

__all__ = [
    "Fit",
    "Gaussian",
    "Law",
    "MarchenkoPastur",
    "OnePairSemicircle",
    "Semicircle",
    "WignerSurmise",
]
