"""Long-range statistics of eigenvalues in the bulk of a large random matrix: Σ²(L) and Δ₃(L)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from dyson.laws.base import Array
from dyson.laws.log_table import index

KNOWN = (0, 1, 2, 4)


def cluster(r: ArrayLike, beta: int = 1) -> Array:
    r"""Two-point cluster function Y(r) ≥ 0 at distance r mean spacings: pairs have density 1 − Y(r).

    With S(r) = sin(πr)/πr, J(r) = ∫_0^r S:  Y_2 = S², Y_1 = S² + S'(½ − J), Y_4 = S(2r)² − S'(2r) J(2r).
    Source: Mehta, Random Matrices, ch. 6-7, 11.

    Parameters
    ----------
    r : array_like
        Distance, of either sign.
    beta : int
        1, 2 or 4; 0 for independent eigenvalues.
    """
    x, beta = np.abs(np.asarray(r, dtype=np.float64)), index("cluster", beta, KNOWN)
    if beta == 0:
        return np.zeros_like(x)[()]
    x = 2 * x if beta == 4 else x
    s = np.sinc(x)
    if beta == 2:
        return (s * s)[()]
    from scipy.special import sici

    # S' by its series where the difference loses digits
    p = np.pi * x
    small = np.where(p < 0.1, p, 0.0)
    series = -small / 3 * (1 - small**2 / 10 * (1 - small**2 / 28 * (1 - small**2 / 54)))
    safe = np.where(p < 0.1, 1.0, p)
    slope = np.pi * np.where(p < 0.1, series, (np.cos(safe) - np.sin(safe) / safe) / safe)
    inner = sici(p)[0] / np.pi
    return (s * s + slope * ((0.5 - inner) if beta == 1 else -inner))[()]


def number_variance(length: ArrayLike, beta: int = 1) -> Array:
    r"""Σ²(L): variance of the number of eigenvalues in an interval of L mean spacings.

    Σ² = L − 2 ∫_0^L (L − r) Y(r) dr with Y of `cluster`, in closed form

        Σ²_2(L) = [ln(2πL) + γ + 1 − cos(2πL) − Ci(2πL)]/π² + L [1 − (2/π) Si(2πL)],
        Σ²_1(L) = 2 Σ²_2(L) + (Si(πL)/π)² − Si(πL)/π,
        Σ²_4(L) = ½ Σ²_2(2L) + (Si(2πL)/2π)²,

    and Σ²_0 = L. Source: Mehta, Random Matrices, ch. 16.

    Parameters
    ----------
    length : array_like
        L ≥ 0.
    beta : int
        1, 2 or 4; 0 for independent eigenvalues.

    Raises
    ------
    ValueError
        For a negative length or another beta.
    """
    L, beta = _length(length), index("number_variance", beta, KNOWN)
    if beta == 0:
        return L[()]
    from scipy.special import sici

    if beta == 2:
        return _unitary(L)[()]
    if beta == 1:
        si = sici(np.pi * L)[0] / np.pi
        return (2 * _unitary(L) + si * si - si)[()]
    return (_unitary(2 * L) / 2 + (sici(2 * np.pi * L)[0] / (2 * np.pi)) ** 2)[()]


def spectral_rigidity(length: ArrayLike, beta: int = 1) -> Array:
    r"""Δ₃(L): mean square deviation of the staircase from its best straight line over L mean spacings.

    Δ₃(L) = (2/L⁴) ∫_0^L (L³ − 2L²r + r³) Σ²(r) dr, by Gauss-Legendre panels of half a spacing (1e-12).
    L/15 at β = 0. Source: Pandey, Ann. Phys. 119 (1979) 170.

    Parameters
    ----------
    length : array_like
        0 ≤ L ≤ 1e5.
    beta : int
        1, 2 or 4; 0 for independent eigenvalues.
    """
    L, beta = _length(length), index("spectral_rigidity", beta, KNOWN)
    if np.any(L > 1e5):
        raise ValueError(f"length must be at most 1e5 for spectral_rigidity, got {L.max():g}")
    if beta == 0:
        return (L / 15)[()]
    nodes, weights = np.polynomial.legendre.leggauss(16)
    out = np.zeros_like(L)
    for at, value in np.ndenumerate(L):
        if value > 0:
            edges = np.linspace(0, 1, math.ceil(2 * value) + 1)
            half = np.diff(edges)[:, None] / 2
            t = edges[:-1, None] + half * (1 + nodes)
            out[at] = 2 * np.sum(weights * half * (1 - 2 * t + t**3) * number_variance(value * t, beta))
    return out[()]


def _unitary(L: Array) -> Array:
    from scipy.special import sici

    x = 2 * np.pi * L
    si, ci = sici(np.where(x > 0, x, 1.0))
    logs = np.log(np.where(x > 0, x, 1.0)) + np.euler_gamma + 1 - np.cos(x) - ci
    return np.where(x > 0, logs / np.pi**2 + L * (1 - 2 / np.pi * si), 0.0)


def _length(length: ArrayLike) -> Array:
    from streams.arguments import finite

    L = finite("length", np.asarray(length), tuple(range(9)))
    if np.any(L < 0):
        raise ValueError(f"length must be >= 0, got {L.min():g}")
    return L
