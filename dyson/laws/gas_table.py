"""The law of a gas of several species as its Markov chains give it, on a grid."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.interpolate import PchipInterpolator

from dyson.gas.convergence import split_rhat
from dyson.laws.base import HIGHEST_MOMENT, Array
from dyson.laws.gas_chains import Chains, conditional_density
from streams import generator

CHAINS, BURN, TIMES, THIN = 250, 300, 400, 4  # states kept are TIMES, THIN sweeps apart
SNAPSHOTS = 24  # of all chains, from which the density comes
POINTS = 1024
RHAT, EFFECTIVE = 1.05, 2000
MOST = 64


class Table(NamedTuple):
    """The sampled law of the gas: density and cdf on a grid, errors, and how well the chains mixed."""

    grid: Array
    density: PchipInterpolator
    cdf: PchipInterpolator
    error: Array
    moments: Array
    moments_error: Array
    rhat: float
    effective: float
    apart: int


def standard(centers: tuple, sigmas: tuple) -> tuple[Array, Array, float, float]:
    """Centres and widths in units of the widest, about the middle."""
    c, s = np.array(centers), np.array(sigmas)
    unit, middle = s.max(), (c.min() + c.max()) / 2
    return (c - middle) / unit, s / unit, float(unit), float(middle)


@lru_cache(maxsize=16)
def table(centers: tuple, sigmas: tuple, beta: float, seed: int) -> Table:
    """Sample the gas of `SpeciesGas` at center = 0 and scale = 1; refuses chains that have not converged."""
    c, s, unit, middle = standard(centers, sigmas)
    chains = Chains(c, s, beta, CHAINS, generator(seed, "species gas table"))
    chains.sweep(BURN, adapt=True)
    states = np.empty((TIMES, *chains.x.shape))
    for t in range(TIMES):
        chains.sweep(THIN)
        states[t] = chains.x
    rhat, effective = _mixing(states, c, s)
    if not (rhat <= RHAT and effective >= EFFECTIVE):
        raise ValueError(
            f"SpeciesGas: the chains have not converged: split R̂ = {rhat:.3f} (≤ {RHAT} needed), "
            f"{effective:.0f} effective states (≥ {EFFECTIVE} needed); widths or targets are too far apart "
            "to sample together: treat separate species as gases of their own"
        )
    # √(2βN) is the radius of the semicircle: nothing lies far beyond
    reach = math.sqrt(2 * beta * len(c)) + 9
    grid = np.linspace(c.min() - reach, c.max() + reach, POINTS)
    if s.min() < 6 * (grid[1] - grid[0]):
        raise ValueError(
            f"SpeciesGas: the narrowest width {min(sigmas):.3g} is below six points of a grid of {POINTS} "
            f"over {grid[-1] - grid[0]:.3g} widest ones; treat species that "
            "differ so much as gases of their own"
        )
    chosen = np.linspace(0, TIMES - 1, SNAPSHOTS).astype(int)
    each = np.mean([conditional_density(states[t], grid, c, s, beta) for t in chosen], axis=0)
    powers = (middle + unit * grid) ** np.arange(HIGHEST_MOMENT + 1)[:, None] * (grid[1] - grid[0])
    moments = each @ powers.T
    density = PchipInterpolator(middle + unit * grid, each.mean(axis=0) / unit)
    cdf = density.antiderivative()
    total = float(cdf(middle + unit * grid[-1]))
    density.c /= total
    cdf.c /= total
    spread = math.sqrt(CHAINS)
    return Table(
        density.x,
        density,
        cdf,
        each.std(axis=0, ddof=1) / spread / unit,
        moments.mean(axis=0),
        moments.std(axis=0, ddof=1) / spread,
        rhat,
        effective,
        max(THIN, math.ceil(2 * THIN * states[:, 0].size / effective)),
    )


def _mixing(states: Array, c: Array, s: Array) -> tuple[float, float]:
    """Worst split R̂ and effective size over the mean, square and rank of each species."""
    _, species = np.unique(np.stack([c, s], axis=1), axis=0, return_inverse=True)
    rank = np.argsort(np.argsort(states, axis=1), axis=1)
    found = []
    for k in range(species.max() + 1):
        mine = np.asarray(species).ravel() == k
        found.append(states[:, mine].mean(axis=1))
        found.append(((states[:, mine] - c[mine][:, None]) ** 2).mean(axis=1))
        if species.max():
            found.append(rank[:, mine].mean(axis=1))
    pairs = [split_rhat(series) for series in found if np.ptp(series) > 0]
    return max(r for r, _ in pairs), min(e for _, e in pairs)
