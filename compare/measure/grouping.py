"""Groups of equal widths: which of them replicas tell apart."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from scipy.special import fdtrc

from compare.measure.multiple import holm

ROUNDING = 1e-12
"""Least error of log s: that of widths which vary together exactly is not 0."""


class Widths:
    """Widths that are means over replicas, and groups of them.

    Parameters
    ----------
    v : ndarray, shape (replica, width)
        What each replica adds to the squares, with a mean > 0.
    weight : ndarray, shape (width,)
        Of each in a common square.
    """

    def __init__(self, v: np.ndarray, weight: np.ndarray) -> None:
        self.v, self.weight = v, weight
        self.log, self.deviation = self.logs(v)
        self.covariance = self.deviation.T @ self.deviation / (len(v) * (len(v) - 1))

    @staticmethod
    def logs(v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """log s, shape (k,), of v (replica, k), and the jackknife's deviations of it (replica, k)."""
        without = 0.5 * np.log((v.sum(axis=0) - v) / (len(v) - 1))
        return 0.5 * np.log(v.mean(axis=0)), (len(v) - 1) * (without.mean(axis=0) - without)

    def common(self, members: list[int]) -> tuple[float, np.ndarray]:
        """`logs` of members as one width."""
        log, deviation = self.logs(
            self.v[:, members] @ self.weight[members, None] / self.weight[members].sum()
        )
        return float(log[0]), deviation[:, 0]

    def equal(self, members: list[int]) -> float:
        """p-value of the members having one width: Hotelling's T² of their differences from the first."""
        p, n = len(members) - 1, len(self.v)
        if p == 0:
            return 1.0
        contrast = np.c_[-np.ones(p), np.eye(p)]
        d = contrast @ self.log[members]
        covariance = contrast @ self.covariance[np.ix_(members, members)] @ contrast.T
        t2 = float(d @ np.linalg.solve(covariance + ROUNDING**2 * np.eye(p), d))
        return float(fdtrc(p, n - p, t2 * (n - p) / (p * (n - 1))))

    def groups(self, significance: float) -> list[list[int]]:
        """Members of each group that is apart from its neighbours, widest first."""
        out = [[a] for a in np.argsort(-self.log, kind="stable").tolist()]
        while True:
            p = np.array([self.equal(sorted(a + b)) for a, b in pairwise(out)])
            if (holm(p) <= significance).all():
                return out
            k = int(p.argmax())
            out[k : k + 2] = [sorted(out[k] + out[k + 1])]
            out.sort(key=lambda group: -self.common(group)[0])


def standard_error(deviation: np.ndarray) -> float:
    """Of a jackknife's deviations, one a replica."""
    n = len(deviation)
    return math.hypot(math.sqrt(float(deviation @ deviation) / (n * (n - 1))), ROUNDING)
