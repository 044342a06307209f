"""Exact spectra of the classical ensembles at any β, and the integrals that normalise them."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from streams import LANES, blocks, states


@dataclass(frozen=True)
class Ensemble:
    r"""A gas with a tridiagonal matrix model: P(x) ∝ Π_{i<j} |x_i − x_j|^β Π w(x_i), y = (x − center)/scale.

    Attributes
    ----------
    kind : {"gaussian", "laguerre", "jacobi"}
        w is e^{−y²/2}, x^a e^{−y} on y > 0, or x^a (1 − x)^b on 0 < y < 1; center = 0 but for the first.
    n : int
        Number of particles.
    beta, a, b : float
        β > 0; a, b > −1.
    center, scale : float
        Units of x.
    """

    kind: str
    n: int
    beta: float
    a: float = 0.0
    b: float = 0.0
    center: float = 0.0
    scale: float = 1.0

    def sample(self, size: int, seed: int, workers: int = 1) -> np.ndarray:
        """Independent spectra, shape (size, n), descending. Row r depends on (seed, r) only.

        Raises
        ------
        RuntimeError
            If an eigenvalue iteration does not end, which has not been seen.
        """
        if self.n == 0 or size == 0:
            return np.empty((size, self.n))
        kernel, shapes, unit = self._model()

        def run(block: int) -> np.ndarray:
            state = states(seed, "gas", block * LANES, LANES)[0]
            out = np.empty((self.n, LANES))
            if not kernel(state, shapes, unit, out):
                raise RuntimeError(
                    f"the eigenvalues of a {self.kind} matrix of n = {self.n} did not converge"
                )
            return out[:, : size - block * LANES].T.copy()

        with ThreadPoolExecutor(workers) as pool:
            y = np.concatenate(list(pool.map(run, range(blocks(size)))))
        y.sort(axis=1)
        if self.kind == "jacobi":
            y = np.minimum(y, 1.0)  # an eigenvalue closer to 1 than rounding
        return self.center + (self.scale / unit) * y[:, ::-1]

    def _model(self):
        """Compiled sampler, its Gamma shapes, and the factor that brings matrices to order 1."""
        from dyson.gas import ensemble_kernels as kernels  # compiles on first use

        half, k = self.beta / 2, np.arange(self.n)
        a, b, inner = self.a + 1 + half * k, self.b + 1 + half * k, half * k[1:]
        if self.kind == "gaussian":
            return kernels.gaussian_block, inner, 1 / math.sqrt(8 + 8 * half * self.n)
        if self.kind == "laguerre":
            return kernels.laguerre_block, np.r_[a, inner], 1 / (8 + self.a + 4 * half * self.n)
        return kernels.jacobi_block, np.r_[a, b, inner, self.a + 1 + b[:-1]], 1.0

    @property
    def log_normalisation(self) -> float:
        """log ∫ Π_{i<j} |x_i − x_j|^β Π w over x_1 > … > x_n: Mehta's and Selberg's integrals over n!.

        Forrester, Log-Gases and Random Matrices, eqs. 1.160 and 4.3, ch. 4.7. w is as above.
        """
        half, j = self.beta / 2, np.arange(self.n)
        pairs = self.n * (self.n - 1) / 2
        log_z = np.sum(gammaln(1 + (j + 1) * half) - gammaln(1 + half)) - gammaln(self.n + 1)
        power = self.n + self.beta * pairs
        if self.kind == "gaussian":
            log_z += self.n / 2 * math.log(2 * math.pi)
        elif self.kind == "laguerre":
            log_z += np.sum(gammaln(self.a + 1 + j * half))
            power += self.n * self.a
        else:
            log_z += np.sum(gammaln(self.a + 1 + j * half) + gammaln(self.b + 1 + j * half))
            log_z -= np.sum(gammaln(self.a + self.b + 2 + (self.n + j - 1) * half))
        return float(log_z + power * math.log(self.scale))
