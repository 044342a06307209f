"""Markov chains of a Coulomb gas in harmonic wells, and the density that their states imply."""

from __future__ import annotations

import numpy as np

from dyson.laws.quadrature import Array

ACCEPTED = 0.4  # share of moves to aim at


class Chains:
    r"""Metropolis chains of P(x) ∝ Π_{i<j} |x_i − x_j|^β exp(−Σ (x_i − c_i)²/2σ_i²), one a column.

    A sweep moves every particle once by a normal step, which may carry it past others, and
    proposes N exchanges of the places of two particles of different wells; exchanges leave the
    repulsion as it is, so that labels mix over all orders. Chains start far apart: from independent
    normal positions, twice as wide as the gas.
    """

    def __init__(self, c: Array, s: Array, beta: float, chains: int, rng: np.random.Generator):
        n = len(c)
        self.center, self.sigma, self.beta, self.rng = c, s, beta, rng
        wide = 2 * s * np.sqrt(1 + beta * (n - 1) / 2)
        self.x = c[:, None] + wide[:, None] * rng.standard_normal((n, chains))
        self.step = 1.5 * s / np.sqrt(1 + beta * np.sqrt(n))
        first, second = np.triu_indices(n, 1)
        unlike = (c[first] != c[second]) | (s[first] != s[second])
        self.pairs = np.stack([first[unlike], second[unlike]], axis=1)

    def sweep(self, times: int = 1, adapt: bool = False) -> None:
        """Advance all chains; ``adapt`` tunes the steps, which makes those sweeps burn-in."""
        for _ in range(times):
            accepted = self._move()
            self._exchange()
            if adapt:
                self.step *= np.exp(0.3 * (accepted - ACCEPTED))

    def _move(self) -> Array:
        x, rng = self.x, self.rng
        n, chains = x.shape
        kicks, thresholds = rng.standard_normal((n, chains)), np.log(rng.random((n, chains)))
        accepted = np.empty(n)
        for i in range(n):
            old, new = x[i].copy(), x[i] + self.step[i] * kicks[i]
            before, after = np.abs(x - old), np.abs(x - new)
            before[i] = after[i] = 1.0
            with np.errstate(divide="ignore"):
                pull = np.log(after.prod(axis=0)) - np.log(before.prod(axis=0))
            gain = self.beta * pull - (new - old) * (new + old - 2 * self.center[i]) / (
                2 * self.sigma[i] ** 2
            )
            take = thresholds[i] < gain
            x[i] = np.where(take, new, old)
            accepted[i] = take.mean()
        return accepted

    def _exchange(self) -> None:
        if not len(self.pairs):
            return
        x, c, s, rng = self.x, self.center, self.sigma, self.rng
        thresholds = np.log(rng.random((len(x), x.shape[1])))
        chosen = self.pairs[rng.integers(0, len(self.pairs), len(x))]
        for (i, j), threshold in zip(chosen, thresholds, strict=True):
            a, b = x[i].copy(), x[j].copy()
            gain = ((a - c[i]) ** 2 - (b - c[i]) ** 2) / (2 * s[i] ** 2)
            gain += ((b - c[j]) ** 2 - (a - c[j]) ** 2) / (2 * s[j] ** 2)
            take = threshold < gain
            x[i], x[j] = np.where(take, b, a), np.where(take, a, b)


def conditional_density(x: Array, grid: Array, c: Array, s: Array, beta: float) -> Array:
    """Mean over particles of the density of one given the others, on a grid: shape (chains, grid).

    Each conditional density is normalised by the trapezoid rule. x has shape (N, chains).
    """
    n, chains = x.shape
    total = np.zeros((chains, grid.size))
    apart = np.abs(grid - x[:, :, None])
    apart[apart == 0] = 1e-300
    everyone = apart.prod(axis=0)
    for i in range(n):
        density = everyone / apart[i]
        if beta != 1:
            density **= beta
        density *= np.exp(-0.5 * ((grid - c[i]) / s[i]) ** 2)
        total += density / (density.sum(axis=1, keepdims=True) * (grid[1] - grid[0]))
    return total / n
