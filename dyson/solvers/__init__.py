"""Integrators, one a file. They are imported when first asked for: that compiles them.

A solver is a module that has one of

- ``advance(x, state, theta, drift, noise, beta, constant_noise, dt, steps)``, compiled: a block of 64
  replicas forward in place. Where it says ``RESOLVES_PAIRS = False``, starts in which eigenvalues coincide
  get no shorter steps;
- ``path(sde, x0, times, legs, seed, replica, first)``: one replica at a time, for many particles;
- ``paths(sde, x0, times, dt, seed, first)``: some replicas in plain Python, at one noise level.

To add one, write such a file and name it in ``SOLVERS``: `dyson.integrate` and the command line read that.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dyson.sde import EigenvalueSDE

SOLVERS = {
    "bond-splitting": "dyson.solvers.bond_splitting",
    "euler": "dyson.solvers.euler",
    "sdeint": "dyson.solvers.second_opinion",
    "matrix": "dyson.solvers.matrix",
    "fmm": "dyson.solvers.large",
}

MANY = 400
"""Particles from which ``fmm`` takes over from ``bond-splitting``, whatever the number of replicas."""


def load(name: str) -> ModuleType:
    """The module of a solver."""
    return import_module(SOLVERS[name])


def stream(module: ModuleType) -> str:
    """Name of the stream that a solver's blocks draw from: its own, so that two solvers are two opinions."""
    return getattr(module, "STREAM", f"dyson {module.__name__}")


def chosen(name: str, sde: EigenvalueSDE) -> str:
    """The solver that runs: ``fmm`` in place of ``bond-splitting`` for many particles where it applies.

    Raises
    ------
    ValueError
        Where ``fmm`` was asked for and does not apply.
    """
    one_noise = sde.g2.min() == sde.g2.max()
    applies = sde.model == "matrix_ou" and one_noise and sde.theta_at is None
    if name == "fmm" and not applies:
        raise ValueError(
            f"solver 'fmm' is for matrix_ou with one noise amplitude, got {sde!r}: use 'bond-splitting'"
        )
    return "fmm" if name == "bond-splitting" and applies and sde.n >= MANY else name
