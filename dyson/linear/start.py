"""Where an ensemble starts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dyson.linear.law import Law
from streams.arguments import finite, positive
from streams.matrices import LARGEST, within

FIXED_POINT, STATIONARY = "fixed-point", "stationary"


class Start(NamedTuple):
    """One of: a width, given weights (1 or replica, M, N), or the stationary law."""

    width: float = 0.0
    weights: np.ndarray | None = None
    stationary: bool = False


def read_start(initial, fixed: np.ndarray, symmetric: bool, replicas: int | None = None) -> Start:
    """From what a caller may pass as ``initial``.

    Parameters
    ----------
    initial : float, {"fixed-point", "stationary"} or array_like, shape (M, N) or (replica, M, N)
    fixed : ndarray, shape (M, N)
        The fixed point.
    symmetric : bool
        Whether weights must be.
    replicas : int, optional
        How many there must be of given weights.
    """
    if isinstance(initial, str):
        if initial == FIXED_POINT:
            return Start(weights=fixed[None])
        if initial == STATIONARY:
            return Start(stationary=True)
        raise ValueError(
            f"initial must be a width, weights, {FIXED_POINT!r} or {STATIONARY!r}, got {initial!r:.60}"
        )
    if np.ndim(initial) == 0:
        return Start(width=positive("initial", initial, zero=True, below=LARGEST))
    weights = within("initial", finite("initial", initial, (2, 3)))
    if weights.shape[-2:] != fixed.shape or (
        weights.ndim == 3 and replicas is not None and len(weights) != replicas
    ):
        several = "(replicas, M, N)" if replicas is None else str((replicas, *fixed.shape))
        raise ValueError(f"initial must have shape {fixed.shape} or {several}, got {weights.shape}")
    weights = weights.reshape(-1, *fixed.shape)
    if symmetric and not np.allclose(weights, weights.swapaxes(-1, -2), rtol=1e-9, atol=1e-12):
        raise ValueError("initial must be symmetric matrices for a symmetric student")
    return Start(weights=weights)


def state_mean(start: Start, law: Law) -> np.ndarray:
    """Mean of the state (entries, k) at the start, about the fixed point."""
    out = np.zeros((law.fixed.size, law.flow.k))
    if start.weights is not None:
        out[:, 0] = law.basis.inside(start.weights.mean(axis=0)).ravel() - law.fixed
    elif not start.stationary:
        out[:, 0] = -law.fixed
    return out


def dense_start(start: Start, law: Law, symmetric: bool) -> np.ndarray:
    """Covariance (entries, entries) of A at the start: of random weights, or between given ones."""
    m, n = len(law.basis.z2), len(law.basis.c)
    if start.weights is not None:
        a = law.basis.inside(start.weights - start.weights.mean(axis=0)).reshape(-1, m * n)
        return a.T @ a / len(a)
    unit = np.eye(m * n)
    if symmetric:
        mirror = np.arange(m * n).reshape(m, n).T.ravel()
        unit = (unit + unit[mirror]) / 2
    return start.width**2 * unit
