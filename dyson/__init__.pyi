"""What is public; `__init__` imports a name when it is first asked for."""

from . import derive, fmm, large_n, laws, models
from .gas import CoulombGas
from .large_n import density_in_time, equilibrium, quantiles_in_time
from .levels.eigenvalues import integrate
from .levels.matrix import integrate_matrix
from .levels.pair import pair
from .levels.species import Species, species
from .linear import LinearSGD
from .linear.shared_data import TeacherStudent
from .sde import EigenvalueSDE

__all__ = [
    "CoulombGas",
    "EigenvalueSDE",
    "LinearSGD",
    "Species",
    "TeacherStudent",
    "density_in_time",
    "derive",
    "equilibrium",
    "fmm",
    "integrate",
    "integrate_matrix",
    "large_n",
    "laws",
    "models",
    "pair",
    "quantiles_in_time",
    "species",
]
