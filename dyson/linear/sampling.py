"""Joint samples of W at the recorded times, one stream a replica."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from dyson.linear.law import Groups, Law
from dyson.linear.start import Start
from streams import LANES, fill_normal, kernel, states


@kernel(nogil=True)
def _normals(state, out):
    fill_normal(state, out, out.shape[0] // 2)


class Sampler:
    """Gaussian Markov paths: the mean's map, and the covariance that each interval adds.

    Parameters
    ----------
    law : Law
    start : Start
    mean, covariance : ndarray, shapes (entries, k), (pairs, k, k)
        Of the state at the start (averages over given weights).
    spans : ndarray, shape (time,)
        Steps, or time, to each record from the one before, the first from the start.
    seed : int
    symmetric : bool
        Whether W is symmetric.
    """

    def __init__(
        self,
        law: Law,
        start: Start,
        mean: np.ndarray,
        covariance: np.ndarray,
        spans: np.ndarray,
        seed: int,
        symmetric: bool,
    ) -> None:
        self.law, self.start, self.seed, self.symmetric = law, start, seed, symmetric
        self.groups = Groups(law.first, law.second, len(law.fixed))
        self.first = self.groups.factors(covariance) if start.stationary else []
        known, which = np.unique(spans, return_inverse=True) if law.additive else (spans, range(len(spans)))
        law.check_size(len(known) * self.groups.numbers(law.flow.k), "factors of covariances")
        _, increment = law.evolve(mean, covariance, known)
        factors = [self.groups.factors(values) for values in increment]
        maps = [law.flow.after(span) for span in known]
        self.steps = [(spans[record], maps[at], factors[at]) for record, at in enumerate(which)]

    def block(self, block: int, replicas: int, spectra: Callable, keep: bool) -> tuple:
        """Eigenvalues (replica, time, mode) of one block, and weights (replica, time, row, col) or None."""
        first = block * LANES
        lanes = min(LANES, replicas - first)
        state = states(self.seed, "linear", first, LANES)[0]
        x = self._start(state, first)
        values, weights = [], []
        for span, forward, factors in self.steps:
            if span > 0:
                noise = self.groups.correlate(factors, self._draw(state, x.shape[1]))
                x = np.einsum("ipq,iql->ipl", forward, x) + noise
            a = x[:, 0] + self.law.fixed[:, None]
            basis = self.law.basis
            w = basis.outside(np.ascontiguousarray(a.T).reshape(LANES, len(basis.z2), len(basis.c)))
            if self.symmetric:
                w = (w + w.swapaxes(-1, -2)) / 2  # exactly, not to rounding
            values.append(spectra(w)[:lanes])
            if keep:
                weights.append(w[:lanes])
        return np.stack(values, axis=1), np.stack(weights, axis=1) if keep else None

    def _draw(self, state: np.ndarray, k: int) -> np.ndarray:
        numbers = len(self.law.fixed) * k
        out = np.empty((numbers + numbers % 2, LANES))
        _normals(state, out)
        return out[:numbers].reshape(-1, k, LANES)

    def _start(self, state: np.ndarray, first: int) -> np.ndarray:
        """States (entries, k, LANES) at time 0; no momentum yet unless stationary."""
        law, k = self.law, self.law.flow.k
        if self.start.stationary:
            return self.groups.correlate(self.first, self._draw(state, k))
        m, n = len(law.basis.z2), len(law.basis.c)
        if self.start.weights is None:
            w = self.start.width * self._draw(state, 1)[:, 0].T.reshape(LANES, m, n)
            w = (w + w.swapaxes(-1, -2)) / 2 if self.symmetric else w
        else:
            given = self.start.weights
            w = given[np.minimum(np.arange(first, first + LANES), len(given) - 1)]
        x = np.zeros((m * n, k, LANES))
        x[:, 0] = law.basis.inside(w).reshape(LANES, -1).T - law.fixed[:, None]
        return x


def gram_spectra(w: np.ndarray) -> np.ndarray:
    """Eigenvalues of WᵀW, descending, as many as W has columns, from W (..., M, N)."""
    m, n = w.shape[-2:]
    turned = w.swapaxes(-1, -2)
    x = np.linalg.eigvalsh(turned @ w if m >= n else w @ turned)[..., ::-1]
    out = np.zeros((*w.shape[:-2], n))
    out[..., : min(m, n)] = np.maximum(x, 0.0)
    return out


def symmetric_spectra(w: np.ndarray) -> np.ndarray:
    """Eigenvalues of (W + Wᵀ)/2, descending, from W (..., N, N)."""
    return np.linalg.eigvalsh((w + w.swapaxes(-1, -2)) / 2)[..., ::-1]
