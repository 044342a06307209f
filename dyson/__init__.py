"""Theory: eigenvalue SDEs of weight matrices under SGD, their integrators and their laws."""

from dyson import fmm, laws, models
from dyson.gas import CoulombGas
from dyson.large_n import density_in_time, equilibrium, quantiles_in_time
from dyson.levels.eigenvalues import integrate
from dyson.levels.matrix import integrate_matrix
from dyson.levels.pair import pair
from dyson.levels.species import Species, species
from dyson.linear import LinearSGD
from dyson.linear.shared_data import TeacherStudent
from dyson.sde import EigenvalueSDE

__all__ = [
    "CoulombGas",
    "EigenvalueSDE",
    "LinearSGD",
    "Species",
    "TeacherStudent",
    "density_in_time",
    "equilibrium",
    "fmm",
    "integrate",
    "integrate_matrix",
    "laws",
    "models",
    "pair",
    "quantiles_in_time",
    "species",
]
