"""Integrators, one a file. Compiled ones are imported when first asked for: that compiles them."""

from __future__ import annotations

from importlib import import_module

import numpy as np

from dyson.sde import EigenvalueSDE

BLOCK_SOLVERS = {"bond-splitting": "dyson.solvers.bond_splitting", "euler": "dyson.solvers.euler"}
PATH_SOLVERS = {"matrix": "dyson.solvers.matrix", "sdeint": "dyson.solvers.second_opinion"}
LARGE_SOLVERS = {"fmm": "dyson.solvers.large"}
NAMES = (*BLOCK_SOLVERS, *PATH_SOLVERS, *LARGE_SOLVERS)

MANY = 400
"""Particles from which ``fmm`` takes over from ``bond-splitting``, whatever the number of replicas."""


def load(name: str):
    """The module of a solver: ``advance`` for a block solver, ``paths`` or ``path`` for the others."""
    return import_module({**BLOCK_SOLVERS, **PATH_SOLVERS, **LARGE_SOLVERS}[name])


def chosen(name: str, sde: EigenvalueSDE) -> str:
    """The solver that runs: ``fmm`` in place of ``bond-splitting`` for many particles where it applies.

    Raises
    ------
    ValueError
        Where ``fmm`` was asked for and does not apply.
    """
    applies = sde.model == "matrix_ou" and np.ptp(sde.g2) == 0.0 and sde.theta_at is None
    if name == "fmm" and not applies:
        raise ValueError(
            f"solver 'fmm' is for matrix_ou with one noise amplitude, got {sde!r}: use 'bond-splitting'"
        )
    return "fmm" if name == "bond-splitting" and applies and sde.n >= MANY else name
