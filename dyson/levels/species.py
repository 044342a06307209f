"""Species of a theory: which modes share a width."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dyson.linear import LinearSGD
from dyson.sde import EigenvalueSDE
from streams.arguments import positive, shown


@dataclass(frozen=True)
class Species:
    """Modes of one width.

    Attributes
    ----------
    width : float
        Stationary width σ of the members, their mean (units: 1).
    members : tuple of int
        Modes, or rows, counted from 0.
    rate : float
        Mean relaxation rate k of the members, per unit time.
    noise : float
        g = σ √k: the amplitude of noise that a single mode of this width and rate has.
    """

    width: float
    members: tuple[int, ...]
    rate: float
    noise: float

    def __str__(self) -> str:
        members = ", ".join(map(str, self.members))
        if self.width == 0:
            return f"does not move: {members}"
        return f"width {self.width:.4g}: {members} (rate {self.rate:.4g}, noise {self.noise:.4g})"


def species(model: EigenvalueSDE | LinearSGD, tolerance: float = 1e-3) -> tuple[Species, ...]:
    """Group modes of equal stationary width.

    Parameters
    ----------
    model : EigenvalueSDE or LinearSGD
        Of an eigenvalue SDE the modes, by σ_i = g_i/√k_i at the target (modes pinned at zero left out); of
        linear SGD the rows of RᵀW, R the right singular vectors of Z (``LinearSGD.basis[0]``: ZᵀZ acts on the
        rows of W), by the root mean square over columns of the stationary widths of their entries.
    tolerance : float
        Widths are equal up to this fraction of the largest in the group.

    Returns
    -------
    tuple of Species
        Widest first; what does not move comes last, with width 0.

    Raises
    ------
    TypeError, ValueError
        For another object, or where a mode has no stationary width.
    """
    tolerance = positive("tolerance", tolerance, zero=True, below=1.0)
    if isinstance(model, EigenvalueSDE):
        width, rate = model.sigma, np.asarray(model.rate, dtype=float)
        loose = np.flatnonzero((model.g2 > 0) & ~(rate > 0))
        if loose.size:
            named = ", ".join(map(str, loose))
            raise ValueError(f"modes {named} of {model.model} do not relax: they have no stationary width")
    elif isinstance(model, LinearSGD):
        width, rate = np.sqrt((model.widths**2).mean(axis=1)), model.rates.mean(axis=1)
    else:
        raise TypeError(f"model must be an EigenvalueSDE or a LinearSGD, got {shown(model)}")
    groups: list[list[int]] = []
    for i in np.argsort(-width, kind="stable"):
        if groups and width[groups[-1][0]] - width[i] <= tolerance * width[groups[-1][0]]:
            groups[-1].append(int(i))
        else:
            groups.append([int(i)])
    return tuple(_species(sorted(group), width, rate) for group in groups)


def _species(members: list[int], width: np.ndarray, rate: np.ndarray) -> Species:
    sigma, k = float(width[members].mean()), float(rate[members].mean())
    return Species(sigma, tuple(members), k, sigma * float(np.sqrt(max(k, 0.0))))
