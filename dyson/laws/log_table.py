"""Laws known at points: Chebyshev panels of the logarithms of density and probabilities."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Self

import numpy as np
from scipy.special import roots_jacobi

from dyson.laws.base import Array, Law
from dyson.laws.fitting import Influence
from dyson.laws.quadrature import Panels, blocked, solve
from streams.arguments import shown

DEGREE = 20  # coefficients of a panel
GAUSS = 24


def panel_nodes(edges: Array, degree: int = DEGREE) -> Array:
    """Chebyshev points of each panel, shape (panels, degree)."""
    x = -np.cos(np.pi * (np.arange(degree) + 0.5) / degree)
    return edges[:-1, None] + np.diff(edges)[:, None] * (x + 1) / 2


@dataclass(frozen=True, slots=True)
class Pieces:
    """A function that is smooth on each panel, as Chebyshev series.

    Parameters
    ----------
    edges : array, shape (panels + 1,)
        Increasing.
    coef : array, shape (degree, panels)
    """

    edges: Array
    coef: Array

    @classmethod
    def of(cls, edges: Array, values: Array) -> Pieces:
        """From values at `panel_nodes`, shape (panels, degree)."""
        n = values.shape[1]
        k, j = np.arange(n)[:, None], np.arange(n)
        basis = np.cos(np.pi * k * (n - 1 - j + 0.5) / n) * (2 / n)
        basis[0] /= 2
        return cls(edges, basis @ values.T)

    def __call__(self, u: Array) -> Array:
        """Value at u inside the panels (beyond them: of the nearest end)."""
        return blocked(self._value, u, self.coef.shape[0])

    def _value(self, u: Array) -> Array:
        u = np.clip(u, self.edges[0], self.edges[-1])
        with np.errstate(invalid="ignore"):
            k = np.clip(np.searchsorted(self.edges, u, side="right") - 1, 0, self.edges.size - 2)
        low, high = self.edges[k], self.edges[k + 1]
        x = (2 * u - low - high) / (high - low)
        coef = self.coef[:, k]
        b1, b2 = coef[-1], np.zeros_like(x)
        for c in coef[-2:0:-1]:
            b1, b2 = c + 2 * x * b1 - b2, b1
        return coef[0] + x * b1 - b2


@dataclass(frozen=True, slots=True)
class LogTable:
    """A standard law as three `Pieces` in u = z, or u = √z where the law begins at 0.

    Parameters
    ----------
    pdf, lower, upper : Pieces
        log(pdf/z^power), log(cdf/z^{power+1}) and log(sf); the law begins at z = 0 as z^power, or at −∞ with
        ``power`` None, where nothing is divided out.
    middle : float
        z up to which cdf is read off and sf = 1 − cdf; above it is the other way round.
    power : float or None
    root : bool
        Panels are in u = √z.
    """

    pdf_log: Pieces
    lower: Pieces
    upper: Pieces
    middle: float
    power: float | None = None
    root: bool = False

    @classmethod
    def of(
        cls,
        edges: Array,
        log_pdf: Array,
        log_cdf: Array | None,
        log_sf: Array,
        power: float | None = None,
        root: bool = False,
    ) -> LogTable:
        """From logarithms at `panel_nodes` of edges in u; a missing cdf is the integral of the pdf."""
        first, last = Pieces.of(edges, log_pdf), Pieces.of(edges, log_sf)
        if log_cdf is None:
            partial = cls(first, last, last, 0.0, power, root)
            log_cdf = partial._integrated(panel_nodes(edges))
        low = Pieces.of(edges, log_cdf)
        fine = np.linspace(edges[0], edges[-1], 4001)
        z = fine * fine if root else fine
        at = min(int(np.searchsorted(-last(fine), math.log(2))), z.size - 1)
        # sf is not smooth where the law begins as a power that is not whole
        begun = -math.inf if power is None else float(edges[1] ** (2 if root else 1))
        return cls(first, low, last, max(float(z[at]), begun), power, root)

    def pdf(self, z: Array) -> Array:
        """Density at z."""
        return self._read(self.pdf_log, z, self.power, 0.0)

    def log_pdf(self, z: Array) -> Array:
        """Logarithm of the density, finite at z inside the table."""
        extra = 0.0 if self.power is None else self.power * np.log(z)
        return self.pdf_log(self._u(z)) + extra

    def cdf(self, z: Array) -> Array:
        """Probability of a value ≤ z."""
        return np.where(z > self.middle, 1 - self._above(z), self._below(z))

    def sf(self, z: Array) -> Array:
        """Probability of a value > z."""
        return np.where(z > self.middle, self._above(z), 1 - self._below(z))

    def ppf(self, q: Array) -> Array:
        """Quantile."""
        q = np.asarray(q, dtype=float)
        return blocked(self._quantile, q, 2 * DEGREE)

    def moment(self, k: int) -> float:
        """⟨z^k⟩ by Gauss-Legendre on each panel; in the first one with z^power in the weight."""
        z, weight = self._rule
        return float(np.sum(weight * z**k))

    @property
    def ends(self) -> tuple[float, float]:
        """First and last z of the table."""
        a, b = self.pdf_log.edges[[0, -1]]
        return (float(a * a), float(b * b)) if self.root else (float(a), float(b))

    @property
    def _rule(self) -> tuple[Array, Array]:
        """Nodes z, and weights that contain the density."""
        x, w = np.polynomial.legendre.leggauss(GAUSS)
        edges = self.pdf_log.edges
        half = np.diff(edges)[:, None] / 2
        u = edges[:-1, None] + half * (x + 1)
        z = u * u if self.root else u
        weight = half * w * self.pdf(z) * (2 * u if self.root else 1.0)
        if self.power is not None:  # z^power goes into the rule of the first panel
            x, w = self._jacobi
            u[0] = edges[1] * x
            weight[0] = edges[1] ** self._rise * w * np.exp(self.pdf_log(u[0]))
        return u * u if self.root else u, weight

    @property
    def _rise(self) -> float:
        """Power of u with which the cdf begins."""
        assert self.power is not None
        return (self.power + 1) * (2 if self.root else 1)

    @property
    def _jacobi(self) -> tuple[Array, Array]:
        """Nodes on [0, 1] and weights for z^power dz in u."""
        x, w = roots_jacobi(GAUSS, 0, self._rise - 1)
        return (x + 1) / 2, w / 2**self._rise * (2 if self.root else 1)

    def _integrated(self, u: Array) -> Array:
        """log(cdf/z^{power+1}) at u, by integrals from 0."""
        assert self.power is not None
        x, w = self._jacobi
        edges = self.pdf_log.edges
        begin = edges[1] ** self._rise * float(np.exp(self.pdf_log(edges[1] * x)) @ w)

        def density(u: Array) -> Array:
            return self.pdf(u * u) * 2 * u if self.root else self.pdf(u)

        rest = begin + Panels.of(density, edges[1:]).cdf(np.maximum(u, edges[1]))
        with np.errstate(divide="ignore"):
            first = np.log(np.exp(self.pdf_log(u[..., None] * x)) @ w)
            return np.where(u < edges[1], first, np.log(rest) - self._rise * np.log(u))

    def _u(self, z: Array) -> Array:
        return np.sqrt(np.maximum(z, 0)) if self.root else z

    def _read(self, pieces: Pieces, z: Array, power: float | None, beyond: float) -> Array:
        """z^power e^{pieces}: 0 below the table, ``beyond`` above it."""
        z = np.asarray(z, dtype=float)
        low, high = self.ends
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            value = np.exp(pieces(self._u(z)))
            if power is not None:
                inside = np.clip(z, 0, high)
                value = value * inside**power
        return np.where(np.isnan(z), np.nan, np.where(z < low, 0.0, np.where(z > high, beyond, value)))

    def _below(self, z: Array) -> Array:
        return self._read(self.lower, z, None if self.power is None else self.power + 1, 1.0)

    def _above(self, z: Array) -> Array:
        return np.where(np.asarray(z) < self.ends[0], 1.0, self._read(self.upper, z, None, 0.0))

    def _quantile(self, q: Array) -> Array:
        edges = self.pdf_log.edges**2 if self.root else self.pdf_log.edges
        below, above = self.cdf(edges), self.sf(edges)
        last = edges.size - 2
        lower = q <= 0.5
        k = np.clip(np.searchsorted(below, q, side="right") - 1, 0, last)
        j = np.clip(np.searchsorted(-above, q - 1, side="left") - 1, 0, last)
        k = np.where(lower, k, j)
        low, high = edges[np.maximum(k - 1, 0)], edges[np.minimum(k + 2, last + 1)]
        start = (edges[k] + edges[k + 1]) / 2
        unit = 1.0
        if self.power is not None:
            unit = 0.0
            # where the law begins: cdf = z^{power+1} times a constant
            rise = math.exp(-float(self.lower(edges[:1])[0]))
            with np.errstate(invalid="ignore"):
                start = np.where(k == 0, np.minimum((q * rise) ** (1 / (self.power + 1)), start), start)
        up = solve(self.cdf, self.pdf, np.where(lower, q, np.nan), low, high, start, True, unit)
        down = solve(self.sf, self.pdf, np.where(lower, np.nan, 1 - q), low, high, start, False)
        return np.where(lower, up, down)


class Tabulated(Law):
    """A law whose standard form is a `LogTable`, made when it is first used."""

    __slots__ = ()

    @property
    def _table(self) -> LogTable:
        raise NotImplementedError

    def _pdf(self, z: Array) -> Array:
        return self._table.pdf(z)

    def _cdf(self, z: Array) -> Array:
        return self._table.cdf(z)

    def _sf(self, z: Array) -> Array:
        return self._table.sf(z)

    def _ppf(self, q: Array) -> Array:
        return self._table.ppf(q)

    def _rvs(self, size: int | tuple[int, ...], rng: np.random.Generator) -> Array:
        return self._ppf(rng.random(size))

    def _moment(self, k: int) -> float:
        return self._table.moment(k)

    @classmethod
    def _estimate(cls, x: Array) -> tuple[Self, Influence]:
        raise NotImplementedError  # these laws are told their whole numbers by a `fit` of their own


def index(owner: str, beta: object, known: tuple[int, ...] = (1, 2, 4)) -> int:
    """The Dyson index as a whole number; refuses others."""
    for value in known:
        if isinstance(beta, Real) and not isinstance(beta, bool) and beta == value:
            return value
    raise ValueError(
        f"{owner}: beta must be {', '.join(map(str, known[:-1]))} or {known[-1]} (real, complex, quaternion "
        f"matrices), got {shown(beta)}"
    )


def settle(law: Law, **whole: object) -> None:
    """Check a law's real parameters as `Law` does, and put its ``whole`` ones in as they are."""
    Law.__post_init__(law)
    for name, value in whole.items():
        object.__setattr__(law, name, value)


def log_complement(log: Array) -> Array:
    """log(1 − e^{log}) for log < 0."""
    with np.errstate(divide="ignore"):  # of the branch that is not taken
        return np.where(log > -math.log(2), np.log(-np.expm1(log)), np.log1p(-np.exp(log)))
