"""Hamiltonian Monte Carlo of a gas with any potential, LANES chains at a time."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from dyson.gas.convergence import split_rhat
from dyson.potential import Potential
from streams import LANES, generator
from streams.arguments import shown

STAGES, STAGE, LAST_STAGE, MONITOR = 5, 80, 40, 300
"""Stages of warm-up, trajectories of each and of the last, and those that convergence is judged by."""
WARM_UP = STAGES * STAGE + LAST_STAGE
RHAT, EFFECTIVE = 1.05, 1000
CELLS, RELOCATIONS = 64, 128
"""Cells of the density of places to relocate to, and single particles moved between trajectories."""
ACCEPTED, PATH, LONGEST = 0.8, 0.5, 400
"""Share of trajectories to accept, their length in widths of the slowest motion, and their most steps."""


@dataclass(frozen=True)
class Mixing:
    """What the monitored part of the chains says.

    Attributes
    ----------
    rhat, effective : float
        Largest split R̂ and smallest effective number of states, over the quantities checked.
    apart : int
        Trajectories between states that are kept.
    accepted : float
        Share of trajectories accepted.
    steps : float
        Mean leapfrog steps of a trajectory.
    """

    rhat: float
    effective: float
    apart: int
    accepted: float
    steps: float


@dataclass(frozen=True)
class Proposal:
    """A density of places, constant between ``edges``, the same mass in every cell.

    Attributes
    ----------
    edges : ndarray, shape (cell + 1,)
        Ascending.
    """

    edges: np.ndarray

    @classmethod
    def of(cls, places: np.ndarray, walls: tuple[float, float]) -> Proposal:
        """Of quantiles of places seen, a tenth of their extent wider on either side but within the walls."""
        edges = np.quantile(places, np.linspace(0, 1, CELLS - 1))
        margin = 0.1 * (edges[-1] - edges[0]) + 1e-12 * np.abs(edges).max()
        ends = max(edges[0] - margin, walls[0]), min(edges[-1] + margin, walls[1])
        return cls(np.unique(np.r_[ends[0], edges, ends[1]]))

    def draw(self, share: np.ndarray) -> np.ndarray:
        """Places of uniform numbers."""
        cell = share * (len(self.edges) - 1)
        return np.interp(cell, np.arange(len(self.edges)), self.edges)

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Up to a constant; -inf outside."""
        cell = np.clip(np.searchsorted(self.edges, x, side="right") - 1, 0, len(self.edges) - 2)
        inside = (x >= self.edges[0]) & (x <= self.edges[-1])
        return np.where(inside, -np.log(np.diff(self.edges)[cell]), -np.inf)


class Chains:
    r"""LANES Markov chains of P(x) ∝ Π_{i<j} (x_i − x_j)^β exp(−Σ E_i(x_i)) on x_1 > … > x_n within walls.

    Trajectories (Duane et al. 1987; Neal 2011) run in coordinates z on all of R^n, in which no move leaves
    the order or the walls (`hamiltonian_kernels.places`); widths of gaps and of coordinates, the length of
    trajectories and the step are adapted in the warm-up and then held. Between trajectories single particles
    are moved to places of a density `Proposal`, which takes them across barriers.
    """

    def __init__(self, energy: Potential, beta: float, start: np.ndarray, seed: int):
        from dyson.gas import hamiltonian_kernels as kernels  # compiles on first use

        self.energy, self.beta, self.walls, self.kernels = energy, beta, energy.walls, kernels
        self.derivative = energy.require_derivative()
        self.low, self.high = (0.0 if math.isinf(w) else float(w) for w in self.walls)
        self.kind = (0 if math.isinf(energy.low) else 1) + (0 if math.isinf(energy.high) else 2)
        self.rng = generator(seed, "gas chains")
        t = self._free(np.ascontiguousarray(start.T))
        self.n = len(t)
        self.gap = self._typical_gap(t)
        self.z = self._straight(t)
        self.scale = np.r_[self.gap, self.gap[-1:]] if self.n > 1 else np.array([max(np.std(t), 1e-3)])
        self.path, self.step, self.accepted, self.steps = PATH, 0.05, 1.0, 1.0
        self.bar = tqdm(disable=True)
        self.proposal, self.relocations = Proposal.of(start, self.walls), min(self.n, RELOCATIONS)
        self.state = self._look(self.z)

    def _free(self, x: np.ndarray) -> np.ndarray:
        """t of places x within the walls."""
        with np.errstate(divide="ignore"):
            return {
                0: lambda: x,
                1: lambda: np.log(x - self.low),
                2: lambda: -np.log(self.high - x),
                3: lambda: np.log(x - self.low) - np.log(self.high - x),
            }[self.kind]()

    def _typical_gap(self, t: np.ndarray) -> np.ndarray:
        return np.maximum((t[:-1] - t[1:]).mean(axis=1), 1e-12 * np.ptp(t))

    def _straight(self, t: np.ndarray) -> np.ndarray:
        """z of ordered t: the inverse of `places` without walls."""
        c = self.kernels.SHARPNESS
        ratio = c * np.maximum((t[:-1] - t[1:]) / self.gap[:, None], 1e-100)
        u = (ratio + np.log(-np.expm1(-ratio))) / c
        z = np.empty_like(t)
        z[-1] = t[-1]
        for i in range(len(t) - 2, -1, -1):
            z[i] = z[i + 1] + self.gap[i] * u[i]
        return z

    def _look(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Places, gradient in z, and log |∂x/∂z|."""
        x, bend, jacobian = np.empty_like(z), np.zeros((3, *z.shape)), np.empty(LANES)
        self.kernels.places(z, self.gap, self.kind, self.low, self.high, x, jacobian, bend)
        slope = np.ascontiguousarray(self.derivative(x.T).T)
        self.kernels.repel(x, self.beta, slope)
        gradient = np.empty_like(z)
        self.kernels.pull_back(slope, bend, self.gap, gradient)
        return x, gradient, jacobian

    def _total(self, x: np.ndarray, jacobian: np.ndarray) -> np.ndarray:
        """-log of the density in z, of every chain; NaN where a place has no energy."""
        repulsion = np.empty(LANES)
        self.kernels.log_gaps(x, repulsion)
        return self.energy.value(x.T).sum(axis=1) - self.beta * repulsion - jacobian

    def trajectory(self, steps: int, step: float) -> np.ndarray:
        """One trajectory of every chain; the probabilities of acceptance."""
        with np.errstate(all="ignore"):
            momentum = self.rng.standard_normal(self.z.shape)
            threshold = np.log(self.rng.random(LANES))
            unit = self.scale[:, None]
            x, gradient, jacobian = self.state
            before = self._total(x, jacobian) + 0.5 * (momentum**2).sum(axis=0)
            z = self.z.copy()
            for _ in range(steps):
                momentum = momentum - 0.5 * step * unit * gradient
                z = z + step * unit * momentum
                state = self._look(z)
                gradient = state[1]
                momentum = momentum - 0.5 * step * unit * gradient
            after = self._total(state[0], state[2]) + 0.5 * (momentum**2).sum(axis=0)
            gain = before - after
        gain = np.where(np.isnan(gain), -np.inf, gain)
        take = threshold < gain
        self.z = np.where(take, z, self.z)
        x, gradient, jacobian = (np.where(take, new, old) for new, old in zip(state, self.state, strict=True))
        self.state = x, gradient, jacobian
        return np.exp(np.minimum(gain, 0.0))

    def relocate(self) -> None:
        """Metropolis moves of single particles, anywhere: Hastings' ratio of the places' densities."""
        x = np.ascontiguousarray(self.state[0])
        moved, gain, lanes = np.empty_like(x), np.empty(LANES), np.arange(LANES)
        with np.errstate(all="ignore"):
            energy = self.energy.value(x.T).sum(axis=1)
            for _ in range(self.relocations):
                which = self.rng.integers(self.n, size=LANES)
                place = self.proposal.draw(self.rng.random(LANES))
                threshold = np.log(self.rng.random(LANES))
                self.kernels.relocate(x, which, place, moved, gain)
                there = self.energy.value(moved.T).sum(axis=1)
                back = self.proposal.log_density(x[which, lanes]) - self.proposal.log_density(place)
                take = threshold < self.beta * gain + energy - there + back  # false where NaN
                x[:, take], energy = moved[:, take], np.where(take, there, energy)
        self.z = self._straight(self._free(x))
        self.state = self._look(self.z)

    def move(self, adapt: bool = False) -> None:
        """Relocations and one trajectory of a random length; ``adapt`` tunes the step by its acceptance."""
        self.bar.update()
        self.relocate()
        length = self.path * (0.5 + self.rng.random())
        steps = min(max(1, round(length / self.step)), LONGEST)
        accepted = float(self.trajectory(steps, self.step).mean())
        self.accepted += 0.05 * (accepted - self.accepted)
        self.steps += 0.05 * (steps - self.steps)
        if adapt:
            self.step = min(self.step * math.exp(0.4 * (accepted - ACCEPTED)), 1.5)

    def warm_up(self) -> None:
        """Forget the start, and learn gaps, widths and the step."""
        for _ in range(STAGES):
            kept, places = [], []
            for k in range(STAGE):
                self.move(adapt=True)
                if k >= STAGE // 2:
                    places.append(self.state[0])
                    kept.append(self._free(self.state[0]))
            t = np.stack(kept)
            self.gap = self._typical_gap(t.swapaxes(0, 1).reshape(self.n, -1))
            self.proposal = Proposal.of(np.stack(places), self.walls)
            z = np.stack([self._straight(one) for one in t])
            flat = z.swapaxes(0, 1).reshape(self.n, -1)
            self.scale = np.maximum(flat.std(axis=1), 1e-12)
            # the slowest motion is collective: its width, where every coordinate has width 1
            self.path = PATH * max(1.0, _widest(flat / self.scale[:, None]))
            self.z = self._straight(t[-1])
            self.state = self._look(self.z)
        for _ in range(LAST_STAGE):
            self.move(adapt=True)

    def monitor(self) -> Mixing:
        """MONITOR trajectories, and what they say."""
        seen = np.empty((MONITOR, self.n, LANES))
        for k in range(MONITOR):
            self.move()
            seen[k] = self.state[0]
        t = self._free(seen)
        quantities = [
            t[:, 0],
            t[:, -1],
            t[:, self.n // 2],
            t.mean(axis=1),
            ((t - t.mean()) ** 2).mean(axis=1),
        ]
        if self.n > 1:
            quantities.append(np.log(seen[:, :-1] - seen[:, 1:]).mean(axis=1))
        pairs = [split_rhat(series) for series in quantities]
        worst = min(e for _, e in pairs)
        apart = max(1, math.ceil(2 * MONITOR * LANES / max(worst, 1.0)))
        return Mixing(max(r for r, _ in pairs), worst, apart, self.accepted, self.steps)


def _widest(z: np.ndarray) -> float:
    """Width along the widest direction of points z (n, points): power iteration, without threaded BLAS."""
    z = z - z.mean(axis=1, keepdims=True)
    direction = np.cos(np.arange(len(z))) + 1.1
    width = 0.0
    for _ in range(12):
        direction /= np.sqrt((direction**2).sum())
        along = np.einsum("i,it->t", direction, z)
        direction = np.einsum("it,t->i", z, along)
        width = float(along.std())
        if not width > 0:
            break
    return width


def sample(chains: Chains, size: int, text: str, progress: bool = False) -> tuple[np.ndarray, Mixing]:
    """States (size, n), nearly independent, and how well the chains mixed.

    Raises
    ------
    ValueError
        If the chains have not converged.
    """
    show = progress and sys.stderr.isatty()
    with tqdm(total=WARM_UP + MONITOR, desc="warming up", disable=not show, leave=False) as chains.bar:
        chains.warm_up()
        mixing = chains.monitor()
    if not (mixing.rhat <= RHAT and mixing.effective >= EFFECTIVE):
        raise ValueError(
            f"the chains of the gas in {shown(text)} have not converged: split R̂ = {mixing.rhat:.3f} "
            f"(≤ {RHAT} needed), {mixing.effective:.0f} effective states (≥ {EFFECTIVE} needed); a barrier "
            "or very different widths keep them apart: put walls around the well that is meant, or sample "
            "species as gases of their own"
        )
    parts, rounds = [], -(-size // LANES)
    with tqdm(total=rounds * mixing.apart, desc="sampling", disable=not show, leave=False) as chains.bar:
        for _ in range(rounds):
            for _ in range(mixing.apart):
                chains.move()
            parts.append(chains.state[0].T.copy())
    return (np.concatenate(parts)[:size] if parts else np.empty((0, chains.n))), mixing


def spread_start(low: np.ndarray, high: np.ndarray, seed: int) -> np.ndarray:
    """Starts (LANES, n), descending: independent and uniform where each particle alone is at home."""
    rng = generator(seed, "gas start")
    share = rng.random((LANES, len(low)))
    x = low + (high - low) * (0.02 + 0.96 * share)
    return -np.sort(-x, axis=1)
