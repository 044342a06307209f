"""The potential of an eigenvalue SDE with constant noise."""

from __future__ import annotations

import math

import numpy as np

from dyson.potential import Potential
from dyson.sde import EigenvalueSDE
from streams import generator

_PANELS, _NODES = 8, np.polynomial.legendre.leggauss(16)
_CLOSE = 1e-9


def potential_of(sde: EigenvalueSDE) -> Potential:
    """V_i with V_i' = -K_i, of an SDE that passes the checks of `_require_gas`."""
    x = _places(sde)
    _require_gas(sde, x)
    flow, walls = sde.flow(x), (sde.least, math.inf)
    rate = -(flow[1] - flow[0]) / (x[1] - x[0])
    if (sde.rate > 0).all() and _equal(flow, -sde.rate * (x - sde.target)):
        return Potential.quadratic(sde.target, 1 / np.sqrt(sde.rate), walls)
    if _equal(flow, flow[0] - rate * (x - x[0])):
        if not (rate > 0).all():
            raise ValueError(
                f"{sde.model} has no stationary law: mode {int(np.argmin(rate))} does not relax, its rate is "
                f"{rate.min():.3g}, and nothing keeps it from ±∞"
            )
        return Potential.quadratic(x[0] + flow[0] / rate, 1 / np.sqrt(rate), walls)
    return Potential(f"of {sde.model}", lambda x: _integrated(sde, x), lambda x: -sde.flow(x), walls)


def _places(sde: EigenvalueSDE) -> np.ndarray:
    """Twelve spectra in descending order around the target, wide enough to see curvature."""
    width = float(np.max(sde.sigma)) if np.isfinite(sde.sigma).all() and sde.sigma.max() > 0 else 1.0
    spread = generator(0, "gas places").uniform(-3, 3, (12, sde.n)) * width * np.sqrt(sde.n)
    return np.maximum(-np.sort(-(sde.target + spread), axis=1), sde.least)


def _require_gas(sde: EigenvalueSDE, x: np.ndarray) -> None:
    instead = "; sample it by dyson.integrate"
    if sde.theta_at is not None:
        raise ValueError(f"{sde.model} follows a schedule of the noise level, so it has no stationary law")
    if sde.null_modes:
        raise ValueError(f"{sde.model} has modes pinned at zero, which repel the others{instead}")
    if not (sde.g2 > 0).all() or not _equal(sde.noise(x), np.broadcast_to(sde.g2, x.shape)):
        raise ValueError(
            f"CoulombGas.of needs constant noise g_i² > 0, but that of {sde.model} depends on x{instead}"
        )
    gap = x[:, :, None] - x[:, None, :]
    inverse = np.divide(1.0, gap, out=np.zeros_like(gap), where=gap != 0)
    if not _equal(sde.drift(x), sde.flow(x) + sde.beta * sde.g2 * inverse.sum(axis=-1)):
        raise ValueError(
            f"the drift of {sde.model} is not its flow plus the repulsion β g²/(x_i - x_j){instead}"
        )
    for i in range(min(sde.n, 8)):
        moved = x.copy()
        moved[:, np.arange(sde.n) != i] = x[::-1][:, np.arange(sde.n) != i]
        if not _equal(sde.flow(moved)[:, i], sde.flow(x)[:, i]):
            raise ValueError(f"the flow of {sde.model} moves a mode by the places of others{instead}")


def _equal(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(np.all(np.abs(a - b) <= _CLOSE * (1e-300 + np.max(np.abs(b)))))


def _integrated(sde: EigenvalueSDE, x: np.ndarray) -> np.ndarray:
    """-∫ flow from the target to x: Gauss and Legendre's rule on panels, exact to degree 31."""
    nodes, weights = _NODES
    total, way = np.zeros(np.shape(x)), x - sde.target
    for panel in range(_PANELS):
        for node, weight in zip(nodes, weights, strict=True):
            share = (panel + 0.5 + 0.5 * node) / _PANELS
            total -= weight * 0.5 / _PANELS * sde.flow(sde.target + share * way)
    return total * way
