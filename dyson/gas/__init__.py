"""Coulomb gases: stationary laws of eigenvalue SDEs with constant noise, sampled without a time step."""

from dyson.gas.coulomb import CoulombGas

__all__ = ["CoulombGas"]
