"""A derived eigenvalue SDE as the text of a Python module: NumPy functions and compiled block functions.

What depends on one mode only (x without its negative excursions, variances and memories of samples, roots
of x, g²) is computed once a mode and kept in rows; what depends on parameters only is computed outside the
loop over replicas. The module needs neither SymPy nor the symbolic part of this package to run.
"""

from __future__ import annotations

from dyson.derive.equation import EigenvalueEquation
from dyson.derive.source import Source
from dyson.derive.templates import compiled_functions, numpy_functions

HEADER = '''"""Generated from a derived eigenvalue SDE."""

import math

import numpy as np

from dyson.blocks import DRIFT_SIGNATURE, NEAR, NOISE_SIGNATURE, SPLIT_KEEPING_FAR, WHOLE
from streams import LANES, kernel

TINY = 1e-300
'''


def module_text(equation: EigenvalueEquation, integers: dict[str, int]) -> str:
    """The module's text, for given values of the integer parameters."""
    source = Source(equation, integers)
    sde = equation.matrix
    facts = {
        "SCALARS": tuple(source.scalars),
        "PER_MODE": tuple((n, sde.parameters[n]) for n in source.per_mode),
        "SPECTRUM": sde.spectrum,
        "BETA": sde.beta,
        "FREE": equation.flow == 0,
        "CONSTANT_NOISE": not equation.noise.has(source.x["i"]),
        "INTERACTING_FLOW": source.interacting_flow,
        "RECTANGULAR": equation.pattern.row is not None,
    }
    lines = [HEADER, *(f"{name} = {value!r}" for name, value in facts.items()), ""]
    return "\n".join([*lines, *numpy_functions(source), *compiled_functions(source), ""])
