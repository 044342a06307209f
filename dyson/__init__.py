"""Theory: eigenvalue SDEs of weight matrices under SGD, their integrators and their laws."""

from dyson import laws, models
from dyson.integrate import integrate
from dyson.linear import LinearSGD
from dyson.matrix_level import integrate_matrix
from dyson.pair import pair
from dyson.sde import EigenvalueSDE
from dyson.species import Species, species
from dyson.teacher_student import TeacherStudent

__all__ = [
    "EigenvalueSDE",
    "LinearSGD",
    "Species",
    "TeacherStudent",
    "integrate",
    "integrate_matrix",
    "laws",
    "models",
    "pair",
    "species",
]
