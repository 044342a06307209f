"""Theory: eigenvalue SDEs of weight matrices under SGD, their integrators and their laws."""

from dyson import fmm, laws, models
from dyson.gas import CoulombGas
from dyson.integrate import integrate
from dyson.large_n import density_in_time, equilibrium, quantiles_in_time
from dyson.linear import LinearSGD
from dyson.matrix_level import integrate_matrix
from dyson.pair import pair
from dyson.sde import EigenvalueSDE
from dyson.species import Species, species
from dyson.teacher_student import TeacherStudent

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
