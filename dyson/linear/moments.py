"""Covariances of W in time: a linear recursion that falls apart into small blocks.

In the eigenbasis (`dyson.linear.basis`) the mean of every entry obeys its own map. Covariances of two entries
i, j do, too, unless mini-batches of inputs multiply W: then a few pairs of entries couple. Each such block
is one small matrix, taken to powers (one step) or exponentials (continuous time); nothing is approximated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FEW = 3
"""Distinct spans of time up to which whole powers are kept; beyond, binary powers act on vectors."""

_TAYLOR = 14
"""Terms of exp(x), |x| <= 1/2, to rounding: 2⁻¹⁵/15! = 2e-17."""

_CHUNK = 1_000_000
"""Numbers of one power of the blocks that are worked on together."""


@dataclass(frozen=True, eq=False)
class Flow:
    """The map of one entry's mean, and how strongly noise enters.

    The state of an entry is δ = A − A*, with momentum (δ, v).

    Attributes
    ----------
    drift : ndarray, shape (entries, k, k)
        One step, or where `continuous` its generator; k = 2 with momentum.
    scale : float
        α²/\\|B\\|, or per unit time T/(1 − m): times the covariance of one sample's gradient.
    continuous : bool
    """

    drift: np.ndarray
    scale: float
    continuous: bool

    @property
    def k(self) -> int:
        """Numbers of an entry."""
        return self.drift.shape[-1]

    @property
    def still(self) -> np.ndarray:
        """Entries that nothing pulls back, at least not in double precision, shape (entries,)."""
        return self.drift[:, 0, 0] == (0.0 if self.continuous else 1.0)

    def pair(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Map of the second moments of two entries, shape (..., k², k²)."""
        a, b, k2 = self.drift[first], self.drift[second], self.k**2
        if self.continuous:
            return a + b  # k = 1
        return np.einsum("...pr,...qs->...pqrs", a, b).reshape(*first.shape, k2, k2)

    def after(self, span: float) -> np.ndarray:
        """Map of the mean over a span: steps, or time. Shape (entries, k, k)."""
        if self.continuous:
            return np.exp(self.drift * span)
        return np.linalg.matrix_power(self.drift, int(span))


@dataclass(frozen=True, eq=False)
class Blocks:
    """Pairs of entries that couple: ``count`` blocks of g pairs each.

    Attributes
    ----------
    first, second : ndarray of int, shape (count, g)
    source : ndarray, shape (count, g)
        Covariance of one sample's additive noise.
    coupling : ndarray, shape (count, g, g), or None
        From E[u_i u_j] of a block's pairs to the covariance of one sample's gradient, u = A − A_teacher.
    """

    first: np.ndarray
    second: np.ndarray
    source: np.ndarray
    coupling: np.ndarray | None = None

    def part(self, rows: slice) -> Blocks:
        """Some of the blocks."""
        coupling = None if self.coupling is None else self.coupling[rows]
        return Blocks(self.first[rows], self.second[rows], self.source[rows], coupling)


def second_moment_map(flow: Flow, blocks: Blocks) -> np.ndarray:
    """One step of the covariances of a block, or its generator, shape (count, g k², g k²)."""
    k2 = flow.k**2
    count, g = blocks.first.shape
    out = np.zeros((count, g, k2, g, k2))
    each = np.arange(g)
    out[:, each, :, each, :] = flow.pair(blocks.first, blocks.second).swapaxes(0, 1)
    if blocks.coupling is not None:
        out[..., 0] += flow.scale * blocks.coupling[:, :, None, :]  # a kick moves W and v alike
    return out.reshape(count, g * k2, g * k2)


def stationary(flow: Flow, blocks: Blocks, offset: np.ndarray) -> np.ndarray:
    """Stationary covariances (count, g, k, k): the discrete or continuous Lyapunov equation, solved.

    Parameters
    ----------
    offset : ndarray, shape (entries,)
        A* − A_teacher.
    """
    count, g = blocks.first.shape
    k2 = flow.k**2
    step = second_moment_map(flow, blocks)
    pull = -step if flow.continuous else np.eye(step.shape[-1]) - step
    source = np.repeat(_constant(flow, blocks, offset), k2, axis=1)
    # Where nothing pulls and nothing pushes, W stays; there the equation says 0 = 0.
    same = np.repeat(flow.still[blocks.first] & flow.still[blocks.second], k2, axis=1)
    pull = pull + same[:, :, None] * np.eye(g * k2)
    return np.linalg.solve(pull, source[..., None]).reshape(count, g, flow.k, flow.k)


def _constant(flow: Flow, blocks: Blocks, offset: np.ndarray) -> np.ndarray:
    """What every step adds at the fixed point, shape (count, g)."""
    source = blocks.source
    if blocks.coupling is not None:
        product = offset[blocks.first] * offset[blocks.second]
        source = source + np.einsum("xgh,xh->xg", blocks.coupling, product)
    return flow.scale * source


def evolve(
    flow: Flow, blocks: Blocks, offset: np.ndarray, mean: np.ndarray, covariance: np.ndarray, spans
) -> tuple[np.ndarray, np.ndarray]:
    """Covariances after each span of time, and the part of them that arose within it.

    Parameters
    ----------
    offset : ndarray, shape (entries,)
        A* − A_teacher.
    mean : ndarray, shape (entries, k)
        Of the state at the start.
    covariance : ndarray, shape (count, g, k, k)
        At the start.
    spans : sequence of int or float
        Steps (or time) from each record to the next.

    Returns
    -------
    total, increment : ndarray, shape (len(spans), count, g, k, k)
        Σ(t₂), and Σ(t₂) − F Σ(t₁) Fᵀ, F the map of the mean; computed without that difference.
    """
    count, g = blocks.first.shape
    total = np.empty((len(spans), count, g, flow.k, flow.k))
    increment = np.empty_like(total)
    width = _width(flow, blocks)
    chunk = max(1, _CHUNK // width**2)
    for low in range(0, count, chunk):
        rows = slice(low, low + chunk)
        part = blocks.part(rows)
        carry = _Carrier(_augmented(flow, part, offset), flow.continuous, spans)
        state = _state(flow, part, mean, covariance[rows])
        covariances = slice(0, g * flow.k**2)
        for record, span in enumerate(spans):
            both = carry(np.stack([state, _restarted(flow, part, state)], axis=-1), span)
            state = both[..., 0]
            shape = (len(part.first), g, flow.k, flow.k)
            total[record, rows] = state[:, covariances].reshape(shape)
            increment[record, rows] = both[:, covariances, 1].reshape(shape)
    return total, increment


def _width(flow: Flow, blocks: Blocks) -> int:
    g, k = blocks.first.shape[1], flow.k
    return g * k**2 + 1 if blocks.coupling is None else 2 * g * (k**2 + k) + 1


def _augmented(flow: Flow, blocks: Blocks, offset: np.ndarray) -> np.ndarray:
    """The recursion as one matrix on (covariances, products of means, means of i, means of j, 1).

    The noise of mini-batches is driven by E[u_i u_j] = Σ_ij + ū_i ū_j, ū = mean + offset.
    """
    k, k2 = flow.k, flow.k**2
    count, g = blocks.first.shape
    width, s = _width(flow, blocks), g * k2
    out = np.zeros((count, width, width))
    out[:, :s, :s] = second_moment_map(flow, blocks)
    out[:, :s, -1] = np.repeat(_constant(flow, blocks, offset), k2, axis=1)
    out[:, -1, -1] = 0.0 if flow.continuous else 1.0
    if blocks.coupling is None:
        return out
    alone = Blocks(blocks.first, blocks.second, blocks.source)
    out[:, s : 2 * s, s : 2 * s] = second_moment_map(flow, alone)
    driven = np.repeat(flow.scale * blocks.coupling, k2, axis=1)
    out[:, :s, s : 2 * s : k2] = driven
    each = np.arange(g)
    for at, mine, other in (
        (2 * s, blocks.first, blocks.second),
        (2 * s + g * k, blocks.second, blocks.first),
    ):
        out[:, :s, at : at + g * k : k] = driven * offset[other][:, None, :]
        view = out[:, at : at + g * k, at : at + g * k].reshape(count, g, k, g, k)  # a copy: sliced twice
        view[:, each, :, each, :] = flow.drift[mine].swapaxes(0, 1)
        out[:, at : at + g * k, at : at + g * k] = view.reshape(count, g * k, g * k)
    return out


def _state(flow: Flow, blocks: Blocks, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    count = len(blocks.first)
    flat = covariance.reshape(count, -1)
    one = np.ones((count, 1))
    if blocks.coupling is None:
        return np.concatenate([flat, one], axis=1)
    a, b = mean[blocks.first], mean[blocks.second]
    products = np.einsum("xgp,xgq->xgpq", a, b)
    parts = [flat, *(x.reshape(count, -1) for x in (products, a, b)), one]
    return np.concatenate(parts, axis=1)


def _restarted(flow: Flow, blocks: Blocks, state: np.ndarray) -> np.ndarray:
    """The same as a certain start: what fluctuates now only drives the noise to come."""
    s = blocks.first.shape[1] * flow.k**2
    out = state.copy()
    out[:, :s] = 0.0
    if blocks.coupling is not None:
        out[:, s : 2 * s] += state[:, :s]
    return out


def exponential(a: np.ndarray) -> np.ndarray:
    """exp of a batch of matrices (count, n, n): Taylor series of a/2ˢ, norm below 1/2, squared s times.

    scipy's goes through a batch one by one, 30 times slower for blocks of a few pairs.
    """
    norm = np.abs(a).sum(axis=-1).max()
    squarings = max(0, int(np.ceil(np.log2(2.0 * norm)))) if norm > 0 else 0
    small = a / 2.0**squarings
    out = one = np.eye(a.shape[-1])
    for order in range(_TAYLOR, 0, -1):
        out = one + small @ out / order
    for _ in range(squarings):
        out = out @ out
    return out


class _Carrier:
    """Applies powers (or exponentials) of a batch of matrices to vectors."""

    def __init__(self, matrix: np.ndarray, continuous: bool, spans) -> None:
        self.matrix, self.continuous = matrix, continuous
        self.whole: dict[str, np.ndarray] = {}
        self.binary = [matrix]
        # Equal spacings differ by rounding in floating-point times.
        self.few = continuous or len({int(span) for span in spans}) <= FEW

    def __call__(self, x: np.ndarray, span: float) -> np.ndarray:
        if span == 0:
            return x
        if self.few:
            key = f"{span:.12g}"
            if key not in self.whole:
                if len(self.whole) > FEW:
                    self.whole.clear()
                self.whole[key] = (
                    exponential(self.matrix * span)
                    if self.continuous
                    else np.linalg.matrix_power(self.matrix, int(span))
                )
            return self.whole[key] @ x
        for bit in range(int(span).bit_length()):
            if bit == len(self.binary):
                self.binary.append(self.binary[-1] @ self.binary[-1])
            if int(span) >> bit & 1:
                x = self.binary[bit] @ x
        return x
