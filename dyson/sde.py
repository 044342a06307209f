"""The noun of this package: an eigenvalue SDE."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from dyson.blocks import BlockKernel
from streams.arguments import shown

Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class EigenvalueSDE:
    r"""An Itô equation for the eigenvalues x_1 >= ... >= x_n of a matrix:

        dx_i = [ K_i(x) + Σ_{j≠i} G_ij(x)/(x_i - x_j) ] dt + √2 g_i(x) dB_i

    with G_ij → β g_i² where x_i → x_j: Dyson Brownian motion (docs/theory.md, "From the matrix to its
    eigenvalues"). Ready-made ones are in ``dyson.models``.

    Attributes
    ----------
    model : str
        Name of the model.
    target : ndarray, shape (n,)
        Descending fixed point of the noiseless flow, x̄_i.
    rate : ndarray, shape (n,)
        Relaxation rates k_i at the target, per unit time t = α n.
    g2 : ndarray, shape (n,)
        Squared noise amplitudes g_i² at the target.
    drift : callable, (..., n) -> (..., n)
        The whole bracket above, in plain NumPy. Equal eigenvalues exert no force on each other.
    noise : callable, (..., n) -> (..., n)
        g_i²(x).
    flow : callable, (..., n) -> (..., n)
        The drift at zero noise.
    kernel : BlockKernel
        The same, compiled for blocks of replicas.
    beta : float
        Dyson index, 1 for real matrices.
    noise_level : float or None
        T = learning rate / batch size where the model knows it.
    parameters : mapping
        The model's parameters, JSON-serialisable.
    theta_at : callable or None
        The kernel's parameters at a time, where the noise level follows a schedule; everything else here is
        for the first noise level.
    matrix : str
        Whose eigenvalues these are.
    least : float
        No eigenvalue is below this; what a step puts below counts as this, in drift, noise and results.
    null_modes : int
        Further eigenvalues that are exactly 0 for all times (a wide weight matrix); results carry them.
    """

    model: str
    target: np.ndarray
    rate: np.ndarray
    g2: np.ndarray
    drift: Function
    noise: Function
    flow: Function
    kernel: BlockKernel
    beta: float = 1.0
    noise_level: float | None = None
    parameters: Mapping = field(default_factory=dict)
    null_modes: int = 0
    matrix: str = "WᵀW"
    least: float = -math.inf
    theta_at: Callable[[float], np.ndarray] | None = None

    @property
    def n(self) -> int:
        """Number of moving eigenvalues."""
        return len(self.target)

    @property
    def sigma(self) -> np.ndarray:
        """Stationary width σ_i = g_i/√k_i of each eigenvalue on its own; 0 where nothing moves."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.g2 > 0, np.sqrt(self.g2 / self.rate), 0.0)

    @property
    def time_step(self) -> float:
        """Default step: 0.2/(max(n, 20) max k), at which ⟨Σx²⟩ of a matrix OU process is right to 0.5 %.

        Raises
        ------
        ValueError
            If no eigenvalue relaxes, so that nothing sets a time scale.
        """
        fastest = max(self.n, 20) * float(np.max(self.rate))
        if not fastest > 0:
            raise ValueError(
                f"no mode of {self.model} relaxes (rates <= {np.max(self.rate):g}): pass dt yourself"
            )
        return 0.2 / fastest

    def __repr__(self) -> str:
        level = "" if self.noise_level is None else f", noise_level={self.noise_level:g}"
        return f"EigenvalueSDE({self.model}, n={self.n}, beta={self.beta:g}{level})"


def require_sde(sde: object) -> None:
    """TypeError where something else than an `EigenvalueSDE` is to be integrated."""
    if not isinstance(sde, EigenvalueSDE):
        raise TypeError(f"sde must be an EigenvalueSDE, such as dyson.models makes, got {shown(sde)}")
