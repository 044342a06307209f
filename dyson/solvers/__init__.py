"""Integrators, one a file. Compiled ones are imported when first asked for: that compiles them."""

from __future__ import annotations

from importlib import import_module

BLOCK_SOLVERS = {"bond-splitting": "dyson.solvers.bond_splitting", "euler": "dyson.solvers.euler"}
PATH_SOLVERS = {"matrix": "dyson.solvers.matrix", "sdeint": "dyson.solvers.second_opinion"}
NAMES = (*BLOCK_SOLVERS, *PATH_SOLVERS)


def load(name: str):
    """The module of a solver: ``advance`` for a block solver, ``paths`` for the others."""
    return import_module({**BLOCK_SOLVERS, **PATH_SOLVERS}[name])
