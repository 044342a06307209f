"""From a loss and a noise model to the SDE of the eigenvalues: symbolic, readable, and compiled.

    rbm = derive.library.rbm("persistent")          # or derive.matrix_sde(loss=..., samples=..., ...)
    equation = rbm.eigenvalue_sde()                 # drift, repulsion, noise in SymPy
    sde = equation.bind(noise_level=1/640, mu2=9.0, s2=1.0, kappa=[4, 5, 6], k=3)

SymPy is imported only where something is derived.
"""

from dyson.derive import library
from dyson.derive.binding import bind
from dyson.derive.matrix_sde import MatrixSDE, matrix_sde
from dyson.derive.specification import Gaussian, Noise

__all__ = ["Gaussian", "MatrixSDE", "Noise", "bind", "library", "matrix_sde"]
