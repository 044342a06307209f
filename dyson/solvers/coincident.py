r"""Starts in which many eigenvalues coincide: an exact first interval, or short first steps.

m particles that leave one point are a semicircle of radius √(4 β m g² t), but one step of ``bond_splitting``
or ``large`` spreads them over m times its noise, not √m times. Steps that are short against the time gone by
are right (docs/solvers.md). So they grow with it, until they have their usual size.

Where all particles of a `matrix_ou` with one k, c and g start in one point, their law is known:

    x(t) = c + e^{-kt} (x(0) - c) + √(g² (1 - e^{-2kt})/k) λ,    P(λ) ∝ Π_{i<j} |λ_i - λ_j|^β e^{-Σ λ²/2},

since the matrix is c + e^{-kt} (x(0) - c) plus one of the Gaussian β-ensemble. The first recorded time is
drawn from the ensemble's tridiagonal model (Dumitriu & Edelman, J. Math. Phys. 43 (2002) 5830) without any
step, and steps begin there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from dyson.gas.tridiagonal import Ensemble
from dyson.sde import EigenvalueSDE
from dyson.solvers.bond_splitting import FAR_EVERY
from streams import states

PLAIN, CLUSTERED, POINT = range(3)
"""Kinds of starts: nothing to do; short first steps; the first interval by the exact law."""

GROWTH = 0.015
"""A step over the time gone by, while that decides. The far field, which is kept for some, is no older.
An explicit step h at time t raises ⟨Σx²⟩ by h²/4t², which adds up to GROWTH/4."""

BEGIN = 0.04
"""The first short step is that of the solver times BEGIN/n: what it does wrong is BEGIN/20 of ⟨Σx²⟩."""

MOST = 10_000
"""Particles up to which the exact law is used; its O(n²) eigenvalues take 3 s for 64 replicas there."""

CLOSE = 0.01
"""Three eigenvalues within CLOSE of one step's noise, √(2 g² dt), count as coincident,"""

MANY = 8
"""and so do MANY + 1 closer than they move apart in one step."""

Legs = list[list[tuple[float, int]]]


@dataclass(frozen=True)
class Starts:
    """How the paths begin.

    Attributes
    ----------
    kind : ndarray of int, shape (replica,)
        PLAIN, CLUSTERED or POINT.
    legs : dict of int
        For every kind and recording interval the steps to make, (size, how many) one after the other. None in
        the first interval of POINT.
    exact : ndarray, shape (replica, n), or None
        The eigenvalues at the first recorded time of the replicas of kind POINT.
    """

    kind: np.ndarray
    legs: dict[int, Legs]
    exact: np.ndarray | None


def plan(sde: EigenvalueSDE, x0, times, steps, seed: int, workers: int, plain: bool = False) -> Starts:
    """The start of every replica; row r of the draws depends on (seed, r) only.

    Parameters
    ----------
    x0 : ndarray, shape (replica, n)
        Descending.
    times, steps : ndarray, shapes (time,) and (time - 1,)
        Recorded times and the number of default steps between them.
    plain : bool
        All are PLAIN: for a solver that these starts do not concern.
    """
    kind = np.full(len(x0), PLAIN)
    if not plain:
        kind[_clustered(sde, x0, (times[1] - times[0]) / steps[0])] = CLUSTERED
        if _law_known(sde):
            kind[x0[:, 0] == x0[:, -1]] = POINT
    exact = _exact(sde, x0, times[1] - times[0], seed, workers) if (kind == POINT).any() else None
    return Starts(kind, {int(k): _legs(int(k), times, steps, sde.n) for k in np.unique(kind)}, exact)


def _clustered(sde: EigenvalueSDE, x0: np.ndarray, dt: float) -> np.ndarray:
    """Replicas in which eigenvalues of one constant g > 0 coincide at steps of ``dt``, see CLOSE and MANY."""
    found = np.zeros(len(x0), bool)
    for rank, width in ((2, CLOSE * math.sqrt(2.0 * dt)), (MANY, math.sqrt(4.0 * sde.beta * MANY * dt))):
        if sde.n > rank and sde.kernel.constant_noise:
            g2 = sliding_window_view(sde.g2, rank + 1)
            alike = (g2.min(1) == g2.max(1)) & (g2[:, 0] > 0.0)
            close = x0[:, :-rank] - x0[:, rank:] <= width * np.sqrt(g2[:, 0])
            found |= (close & alike).any(1)
    return found


def _law_known(sde: EigenvalueSDE) -> bool:
    """One matrix Ornstein–Uhlenbeck process of one k, c and g, and not too large to draw."""
    one = all(np.ptp(a) == 0.0 for a in (sde.rate, sde.target, sde.g2))
    return sde.model == "matrix_ou" and one and sde.theta_at is None and 3 <= sde.n <= MOST


def _exact(sde: EigenvalueSDE, x0: np.ndarray, time: float, seed: int, workers: int) -> np.ndarray:
    """All replicas after ``time`` from the point x0, shape (replica, n)."""
    entropy = int(states(seed, "dyson-coincident", 0, 1)[0, 0, 0])
    spectra = Ensemble("gaussian", sde.n, sde.beta).sample(len(x0), entropy, workers)
    k, c, g2 = float(sde.rate[0]), float(sde.target[0]), float(sde.g2[0])
    variance = g2 * (2.0 * time if k == 0.0 else -math.expm1(-2.0 * k * time) / k)
    return c + math.exp(-k * time) * (x0 - c) + math.sqrt(variance) * spectra


def _legs(kind: int, times: np.ndarray, steps: np.ndarray, n: int) -> Legs:
    """The steps of every recording interval."""
    legs: Legs = []
    for i, (interval, many) in enumerate(zip(np.diff(times), steps, strict=True)):
        if kind == PLAIN:
            legs.append([(interval / many, int(many))])
        elif kind == POINT and i == 0:
            legs.append([])
        else:
            legs.append(_short(float(times[i] - times[0]), float(interval), float(interval / many), n))
    return legs


def _short(gone: float, interval: float, dt: float, n: int) -> list[tuple[float, int]]:
    """One interval: single steps, GROWTH of the time ``gone`` by each, until FAR_EVERY usual ones are less.

    A solver renews the far field where a leg begins, and every FAR_EVERY steps.
    """
    left = interval
    legs: list[tuple[float, int]] = []
    while left > 0.0:
        if GROWTH * gone >= FAR_EVERY * dt:
            many = max(1, math.ceil(left / dt - 1e-6))
            return [*legs, (left / many, many)]
        step = min(max(GROWTH * gone, BEGIN * dt / n), dt)
        if left < 2.0 * step:
            step = left if left <= step else 0.5 * left
        legs.append((step, 1))
        gone += step
        left -= step
    return legs
