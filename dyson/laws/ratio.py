"""Ratio of consecutive spacings, which needs no unfolding."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import log, sqrt
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from dyson.laws.base import Array, Law
from dyson.laws.fitting import Fit, Influence, checked_sample, judge, most_likely, supported
from dyson.laws.log_table import index
from dyson.laws.quadrature import Panels

EDGES = np.r_[0.0, 2.0 ** np.arange(-40, -2), np.linspace(0.25, 1, 7)]  # r^β is smooth in all but the first
MOST = 100.0
MEANS = {0: 2 * log(2) - 1, 1: 0.5307, 2: 0.5996, 4: 0.6744}


@dataclass(frozen=True, slots=True)
class RatioSurmise(Law):
    r"""r = min(s, s')/max(s, s') of consecutive spacings, by the surmise of 3 × 3 matrices.

        P(r) = (2/Z) (r + r²)^β / (1 + r + r²)^{1+3β/2},   0 ≤ r ≤ 1,

    exact for the three eigenvalues of a Gaussian ensemble of Dyson index β. beta = 0 stands for independent
    eigenvalues, 2/(1 + r)², which is not the limit β → 0 of the above. ⟨r⟩ = 2 ln 2 − 1, 4 − 2√3,
    2√3/π − 1/2, 32√3/15π − 1/2 for β = 0, 1, 2, 4; `mean_ratio` has the values of large matrices.
    Source: Atas, Bogomolny, Giraud, Roux, Phys. Rev. Lett. 110 (2013) 084101.

    Fitted by maximum likelihood in β. Ratios of one spectrum share spacings: pass spectra as rows.

    Parameters
    ----------
    beta : float
        0 ≤ beta ≤ 100.

    Raises
    ------
    TypeError, ValueError
        See `Law`; `fit` also for values outside [0, 1] and for eigenvalues that do not repel.
    """

    beta: float = 1.0

    _support = (0.0, 1.0)
    _formula = r"\frac{2}{Z}\frac{(r+r^2)^\beta}{(1+r+r^2)^{1+3\beta/2}}"

    def __post_init__(self) -> None:
        Law.__post_init__(self)
        if not 0 <= self.beta <= MOST:
            raise ValueError(f"RatioSurmise: beta must be finite and from 0 to {MOST:g}, got {self.beta}")

    @classmethod
    def fit(cls, sample: ArrayLike) -> Fit[Self]:
        """Estimate beta from ratios; see `Law.fit`."""
        x = checked_sample(cls.__name__, sample)
        if x.min() < 0 or x.max() > 1:
            raise ValueError(
                f"RatioSurmise.fit: ratios must be from 0 to 1, got {x.min():.6g} to {x.max():.6g}; "
                "pass the smaller spacing over the larger"
            )
        return judge(*_fitted(cls, x))

    @property
    def _loc(self) -> float:
        return 0.0

    @property
    def _scale(self) -> float:
        return 1.0

    def _pdf(self, z: Array) -> Array:
        r = np.clip(z, 0, 1)
        return np.where((z < 0) | (z > 1), 0.0, _density(r, self.beta))

    def _cdf(self, z: Array) -> Array:
        return _panels(self.beta).cdf(z)

    def _sf(self, z: Array) -> Array:
        lower = self._cdf(z)
        return np.where(lower < 0.5, 1 - lower, _panels(self.beta).sf(z))

    def _ppf(self, q: Array) -> Array:
        found = np.clip(_panels(self.beta).quantile(np.asarray(q)), 0, 1)
        return np.where(np.asarray(q) == 0, 0.0, found)

    def _rvs(self, size: int | tuple[int, ...], rng: np.random.Generator) -> Array:
        return self._ppf(rng.random(size))

    def _moment(self, k: int) -> float:
        return _panels(self.beta).moment(k)

    @classmethod
    def _estimate(cls, x: Array) -> tuple[Self, Influence]:
        law, _, influence = _fitted(cls, x)
        return law, influence


def mean_ratio(beta: int) -> float:
    """⟨r⟩ in the bulk of large matrices: 0.5307, 0.5996, 0.6744 (each ± 1e-4) at β = 1, 2, 4.

    2 ln 2 − 1 at β = 0. Measured by Atas et al., Phys. Rev. Lett. 110 (2013) 084101, Table I, on matrices of
    size 1000.
    """
    return MEANS[index("mean_ratio", beta, (0, 1, 2, 4))]


def _bare(r: Array, beta: float) -> Array:
    return (r * (1 + r)) ** beta / (1 + r + r * r) ** (1 + 1.5 * beta)


def _density(r: Array, beta: float) -> Array:
    return 2 / (1 + r) ** 2 if beta == 0 else _bare(r, beta) / _norm(beta)


@lru_cache(maxsize=256)
def _norm(beta: float) -> float:
    return float(Panels.of(lambda r: _bare(r, beta), EDGES).below[-1])


@lru_cache(maxsize=64)
def _panels(beta: float) -> Panels:
    return Panels.of(lambda r: _density(r, beta), EDGES)


def _fitted(cls: type, x: Array):
    def log_density(r: Array, theta: Array) -> Array:
        beta = float(theta[0])
        wide = 1 + r + r * r
        # r^β without r: a ratio of exactly zero has no say beyond its neighbours
        part = np.log(np.maximum(r, 1e-300) * (1 + r))
        return beta * part - (1 + 1.5 * beta) * np.log(wide) - log(_norm(beta))

    (beta,), rows = most_likely(log_density, x, np.ones(1), [0.0])
    error = rows.std(ddof=1) / sqrt(len(x))
    supported(cls.__name__, "beta", float(beta), float(error), len(x), "RatioSurmise(0)")
    if beta > MOST - 1:
        raise ValueError(
            f"{cls.__name__}.fit: beta is above {MOST - 1:g}: these are ratios of nearly equal spacings"
        )
    return cls(float(beta)), x, {"beta": rows}
