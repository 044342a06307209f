"""Ready-made eigenvalue SDEs."""

from dyson.models.measured import measured
from dyson.models.ou import matrix_ou
from dyson.models.rbm import gaussian_rbm

__all__ = ["gaussian_rbm", "matrix_ou", "measured"]
