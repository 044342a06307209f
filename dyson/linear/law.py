"""The law of W at the recorded times: means, covariances and their factors, entry pairs by entry pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dyson.linear.basis import Basis
from dyson.linear.factor import semidefinite_factor
from dyson.linear.moments import Blocks, Flow, evolve, stationary

MOST_BYTES = 1e9
"""Largest array that is made."""


@dataclass(frozen=True, eq=False)
class Law:
    """Mean and covariances of A, the weights in the eigenbasis, about their fixed point.

    Attributes
    ----------
    basis : Basis
    flow : Flow
    blocks : list of Blocks
        Every pair of entries that may be correlated, in one of its two orders at least.
    fixed, offset : ndarray, shape (entries,)
        A*, and A* − A_teacher.
    """

    basis: Basis
    flow: Flow
    blocks: list[Blocks]
    fixed: np.ndarray
    offset: np.ndarray

    @property
    def first(self) -> np.ndarray:
        """First entry of every pair, shape (pairs,)."""
        return np.concatenate([b.first.ravel() for b in self.blocks])

    @property
    def second(self) -> np.ndarray:
        """Second entry of every pair, shape (pairs,)."""
        return np.concatenate([b.second.ravel() for b in self.blocks])

    @property
    def additive(self) -> bool:
        """Whether the noise does not depend on W."""
        return self.blocks[0].coupling is None

    def stationary(self) -> np.ndarray:
        """Stationary covariances, shape (pairs, k, k)."""
        parts = [stationary(self.flow, b, self.offset) for b in self.blocks]
        return np.concatenate([p.reshape(-1, *p.shape[2:]) for p in parts])

    def evolve(self, mean: np.ndarray, covariance: np.ndarray, spans) -> tuple[np.ndarray, np.ndarray]:
        """`moments.evolve` for all pairs: two arrays (record, pairs, k, k)."""
        self.check_size(2 * len(spans) * self.first.size * self.flow.k**2, "covariances")
        totals, increments, low = [], [], 0
        for b in self.blocks:
            part = covariance[low : low + b.first.size].reshape(*b.first.shape, *covariance.shape[1:])
            low += b.first.size
            total, increment = evolve(self.flow, b, self.offset, mean, part, spans)
            shape = (len(spans), b.first.size, self.flow.k, self.flow.k)
            totals.append(total.reshape(shape))
            increments.append(increment.reshape(shape))
        return np.concatenate(totals, axis=1), np.concatenate(increments, axis=1)

    def mean(self, start: np.ndarray, spans) -> np.ndarray:
        """Means of the state (entries, k) after each span, shape (record, entries, k)."""
        out = np.empty((len(spans), *start.shape))
        for record, span in enumerate(spans):
            start = np.einsum("ipq,iq->ip", self.flow.after(span), start)
            out[record] = start
        return out

    def pairs(self, full: np.ndarray) -> np.ndarray:
        """Covariances (pairs, k, k) from those of A, shape (entries, entries), without momentum."""
        out = np.zeros((self.first.size, self.flow.k, self.flow.k))
        out[:, 0, 0] = full[self.first, self.second]
        return out

    def dense(self, values: np.ndarray, more: np.ndarray | float = 0.0) -> np.ndarray:
        """Covariance of W, (M, N, M, N), from A's: of pairs (pairs, k, k), plus ``more`` of all entries."""
        m, n = len(self.basis.z2), len(self.basis.c)
        full = np.zeros((m * n, m * n))
        full[self.first, self.second] = values[:, 0, 0]
        full[self.second, self.first] = values[:, 0, 0]
        full += more
        turn = np.einsum("ia,jb->ijab", self.basis.left, self.basis.right).reshape(m * n, m * n)
        return (turn @ full @ turn.T).reshape(m, n, m, n)

    @staticmethod
    def check_size(numbers: int, what: str) -> None:
        """ValueError before memory runs out."""
        if 8 * numbers > MOST_BYTES:
            raise ValueError(
                f"the {what} would take {8e-9 * numbers:.1f} GB, more than {1e-9 * MOST_BYTES:g}: "
                "ask for fewer times or a smaller matrix"
            )


class Groups:
    """Entries that are correlated with each other, so that factors of covariances stay small.

    Parameters
    ----------
    first, second : ndarray of int, shape (pairs,)
    entries : int
    """

    def __init__(self, first: np.ndarray, second: np.ndarray, entries: int) -> None:
        graph = coo_array((np.ones(len(first)), (first, second)), shape=(entries, entries))
        _, label = connected_components(graph, directed=False)
        order = np.argsort(label, kind="stable")
        sizes = np.bincount(label)
        start = np.r_[0, np.cumsum(sizes)]
        place = np.empty(entries, dtype=int)
        place[order] = np.arange(entries) - np.repeat(start[:-1], sizes)
        self.members: list[np.ndarray] = []
        self._pairs: list[tuple[np.ndarray, ...]] = []
        for size in np.unique(sizes):
            mine = np.flatnonzero(sizes == size)
            self.members.append(np.stack([order[start[g] : start[g] + size] for g in mine]))
            rank = np.full(len(sizes), -1)
            rank[mine] = np.arange(len(mine))
            here = np.flatnonzero(rank[label[first]] >= 0)
            i, j = first[here], second[here]
            self._pairs.append((here, rank[label[i]], place[i], place[j]))

    def numbers(self, k: int) -> int:
        """Numbers that the factors of one covariance hold."""
        return sum(len(m) * (m.shape[1] * k) ** 2 for m in self.members)

    def factors(self, values: np.ndarray) -> list[np.ndarray]:
        """L with L Lᵀ the covariance of each group's states, from values (pairs, k, k).

        Singular covariances are the rule: symmetric noise, one step of momentum.
        """
        out = []
        k = values.shape[-1]
        for members, (here, group, i, j) in zip(self.members, self._pairs, strict=True):
            count, size = members.shape
            block = np.zeros((count, size, size, k, k))
            block[group, i, j] = values[here]
            block[group, j, i] = values[here].swapaxes(-1, -2)
            flat = block.transpose(0, 1, 3, 2, 4).reshape(count, size * k, size * k)
            factor = np.ascontiguousarray(flat)
            semidefinite_factor(factor)
            out.append(factor)
        return out

    def correlate(self, factors: list[np.ndarray], normals: np.ndarray) -> np.ndarray:
        """Numbers (entries, k, lanes) with the covariance L Lᵀ from independent ones."""
        out = np.empty_like(normals)
        lanes = normals.shape[-1]
        for members, factor in zip(self.members, factors, strict=True):
            mixed = factor @ normals[members].reshape(len(members), -1, lanes)
            out[members] = mixed.reshape(*members.shape, -1, lanes)
        return out
