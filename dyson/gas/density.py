"""The density of a Coulomb gas and its gradient."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from dyson.gas.line import offender
from dyson.potential import Potential
from streams.arguments import finite


class Density:
    """What a gas and its density know: see `CoulombGas`, which checks and sets the attributes."""

    n: int
    beta: float
    walls: tuple[float, float]
    g2: np.ndarray
    log_weight: np.ndarray
    potential: Potential

    def log_density(self, x: ArrayLike) -> np.ndarray:
        """log of Z·P(x); −∞ where two particles coincide or one is outside the walls.

        Parameters
        ----------
        x : array_like, shape (..., n)
            In descending order along the last axis.

        Returns
        -------
        ndarray, shape (...)
        """
        x = self._ordered("x", x)
        outside = ~self._inside(x).all(axis=-1)
        first, second = np.triu_indices(self.n, 1)
        with np.errstate(all="ignore"):
            repulsion = np.log(x[..., first] - x[..., second]).sum(axis=-1)
            energy = self._one_energy(x).sum(axis=-1)
            value = self.beta * repulsion - energy
        return np.where(outside | (repulsion == -np.inf), -np.inf, value)[()]

    def gradient(self, x: ArrayLike) -> np.ndarray:
        """∂ log P/∂x_i, shape (..., n); times g_i² it is the drift of the eigenvalue SDE.

        Raises
        ------
        ValueError
            Where particles coincide or are outside the walls: there is none.
        """
        x = self._ordered("x", x)
        if (np.diff(x, axis=-1) == 0).any():
            raise ValueError(
                "the gradient is infinite where particles coincide: pass x in strictly descending order"
            )
        if not self._inside(x).all():
            raise ValueError(f"x must be inside the walls {self.walls}, got {offender(x, self._inside(x)):g}")
        gap = x[..., :, None] - x[..., None, :]
        gap[..., np.arange(self.n), np.arange(self.n)] = np.inf
        return self.beta * (1 / gap).sum(axis=-1) - self._one_slope(x)

    def _one_energy(self, x: np.ndarray) -> np.ndarray:
        """V_i/g_i² − a_i log x_i."""
        energy = self.potential.value(x) / self.g2
        return energy - self.log_weight * np.log(x) if self.log_weight.any() else energy

    def _one_slope(self, x: np.ndarray) -> np.ndarray:
        """V_i'/g_i² − a_i/x_i."""
        slope = self.potential.require_derivative()(x) / self.g2
        return slope - self.log_weight / x if self.log_weight.any() else slope

    def _inside(self, x: np.ndarray) -> np.ndarray:
        return (x > self.walls[0]) & (x < self.walls[1])

    def _ordered(self, name: str, x: ArrayLike) -> np.ndarray:
        x = finite(name, x, tuple(range(1, 32)))
        if x.shape[-1] != self.n:
            raise ValueError(
                f"{name} must hold n = {self.n} particles along its last axis, got shape {x.shape}"
            )
        if (np.diff(x, axis=-1) > 0).any():
            raise ValueError(f"{name} must be in descending order: sort it first, e.g. -np.sort(-x)")
        return x
