"""Does a gas stay together, and where does each of its particles rest?"""

from __future__ import annotations

import math

import numpy as np

from dyson.potential import Potential
from streams.arguments import shown


def require_confinement(energy: Potential, n: int, beta: float, middle: float) -> None:
    """ValueError unless every particle alone, and so all together, is kept from infinity and from the walls.

    ``energy`` is V_i/g_i² - a_i log x. Towards infinity R d/dR of it must exceed β(n - 1) + 1: then
    ∫ R^{β(n-1)} e^{-V/g²} dR is finite; where several leave, less is needed. Towards a wall at distance δ,
    where e^{-V/g²} ~ δ^c, c > -1.
    """
    need = beta * (n - 1) + 1
    derivative = energy.require_derivative()
    for sign, wall, side in ((-1, energy.low, "-∞"), (1, energy.high, "∞")):
        far = math.isinf(wall)
        if far:
            reach = 10.0 ** np.array([2.0, 4.0, 8.0, 12.0, 16.0]) * max(1.0, abs(middle))
            x = middle + sign * reach
        else:
            reach = np.array([1e-4, 1e-6, 1e-8]) * max(abs(middle - wall), 1e-3)
            x = wall - sign * reach
        with np.errstate(all="ignore"):
            power = sign * derivative(np.repeat(x[:, None], n, axis=1)) * reach[:, None]
        last = power[-1]
        for row in power[::-1]:  # inf - inf, far out: what is nearest to it
            last = np.where(np.isnan(last), row, last)
        bad = ~(last > (need if far else -1.0) + 1e-6)
        if bad.any():
            i = int(np.argmax(bad))
            raise ValueError(_unbound(energy.text, last[i], i if n > 1 else None, wall, side, need))


def _unbound(text: str, power: float, particle: int | None, wall: float, side: str, need: float) -> str:
    which = "" if particle is None else f" (particle {particle})"
    if math.isinf(wall):
        return (
            f"the potential {shown(text)} does not confine as x → {side}{which}: |x| dV/d|x| is {power:.3g} "
            f"there and must exceed β(n - 1) + 1 = {need:g}; add a wall or a steeper potential"
        )
    return (
        f"the weight is not integrable at the wall {wall:g}{which}: it goes as the distance to the power "
        f"{power:.3g}, which must exceed -1"
    )


def wells(energy: Potential, n: int, rise: float) -> tuple[np.ndarray, np.ndarray]:
    """Where each particle alone is within ``rise`` of its lowest energy: lower and upper ends, (n,) each."""
    low, high = energy.walls
    distance = 10.0 ** np.linspace(-8, 8, 321)
    if math.isinf(low) and math.isinf(high):
        grid = np.r_[-distance[::-1], 0.0, distance]
    elif math.isinf(high):
        grid = low + distance
    elif math.isinf(low):
        grid = high - distance[::-1]
    else:
        share = 1 / (1 + np.exp(-np.linspace(-18, 18, 321)))
        grid = low + (high - low) * share
    for _ in range(6):  # a well may be narrow and far from 0
        value = _lowest_infinite(energy, grid, n)
        best = np.unique(np.argmin(value, axis=0))
        finer = [np.linspace(grid[max(k - 1, 0)], grid[min(k + 1, len(grid) - 1)], 41) for k in best]
        grid = np.unique(np.concatenate([grid, *finer]))
    value = _lowest_infinite(energy, grid, n)
    if not np.isfinite(value.min(axis=0)).all():
        raise ValueError(f"the potential {shown(energy.text)} is nowhere finite between the walls")
    top = value.min(axis=0) + rise
    inside = value <= top
    first, last = np.argmax(inside, axis=0), len(grid) - 1 - np.argmax(inside[::-1], axis=0)
    ends = []
    for here, there in ((first, np.maximum(first - 1, 0)), (last, np.minimum(last + 1, len(grid) - 1))):
        near, far = grid[here], grid[there]
        for _ in range(50):  # the grid is coarse beside a narrow well
            middle = (near + far) / 2
            within = _lowest_infinite(energy, middle[None, :], n)[0] <= top
            near, far = np.where(within, middle, near), np.where(within, far, middle)
        ends.append(far)
    return ends[0], ends[1]


def _lowest_infinite(energy: Potential, grid: np.ndarray, n: int) -> np.ndarray:
    """Energies at points, (points,) or (points, n), per log of the distance to a wall; +∞ if not finite."""
    with np.errstate(all="ignore"):
        x = grid if grid.ndim == 2 else np.repeat(grid[:, None], n, axis=1)
        value = energy.value(x)
        for distance in (x - energy.low, energy.high - x):
            if not np.isinf(distance).any():
                value = value - np.log(distance)
    return np.where(np.isfinite(value), value, np.inf)
