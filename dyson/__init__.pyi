"""What is public; `__init__` imports a name when it is first asked for."""

from . import (
    derive as derive,
    fmm as fmm,
    large_n as large_n,
    laws as laws,
    models as models,
)
from .gas import CoulombGas as CoulombGas
from .large_n import (
    density_in_time as density_in_time,
    equilibrium as equilibrium,
    quantiles_in_time as quantiles_in_time,
)
from .levels.eigenvalues import integrate as integrate
from .levels.matrix import integrate_matrix as integrate_matrix
from .levels.pair import pair as pair
from .levels.species import (
    Species as Species,
    species as species,
)
from .linear import LinearSGD as LinearSGD
from .linear.shared_data import TeacherStudent as TeacherStudent
from .sde import EigenvalueSDE as EigenvalueSDE
