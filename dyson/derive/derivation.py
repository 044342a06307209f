"""The whole way from a matrix SDE to the SDE of its eigenvalues."""

from __future__ import annotations

from dyson.derive.equation import EigenvalueEquation
from dyson.derive.matrix_sde import MatrixSDE
from dyson.derive.reduction import Pattern
from dyson.derive.symmetry import require_pattern


def reduce_to_eigenvalues(sde: MatrixSDE) -> EigenvalueEquation:
    """The eigenvalue SDE of a matrix SDE, see ``MatrixSDE.eigenvalue_sde``."""
    pattern = Pattern(sde)
    require_pattern(pattern)
    return EigenvalueEquation(sde, pattern)
