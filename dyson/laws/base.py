"""What the laws share: x = location + scale · z, with z of a standard law."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import fields
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dyson.laws.fitting import Fit, Influence, checked_sample, judge
from streams.arguments import shown

Array = NDArray[np.float64]
HIGHEST_MOMENT = 64
LARGEST = 1e250
"""Parameters are at most so large, positive ones at least 1/LARGEST: densities must stay within float64."""

WIDEST = 1e8
"""Widths of one law may differ by this factor, and a gap be this many of the smallest, if it says no less."""


class Law(ABC):
    """A law of one real number, x = location + scale · z.

    A subclass is a frozen dataclass with the law's parameters; it states the standard law
    of z (``_pdf``, ``_cdf``, ``_ppf``, ...) and how its parameters follow from a sample
    (``_estimate``). The public methods here are vectorised over their argument, return an
    array of its shape (a NumPy scalar for a scalar), accept ±inf without a warning and let
    NaN through.

    Raises
    ------
    TypeError
        At construction, for a parameter that is not a real number.
    ValueError
        At construction, for one that is NaN, infinite, or not positive where it must be.
    """

    __slots__ = ()
    _positive: ClassVar[tuple[str, ...]] = ()
    _widths: ClassVar[tuple[str, ...]] = ()
    _widest: ClassVar[float] = WIDEST
    _formula: ClassVar[str]

    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]
            value = _parameter(self, field.name, field.name in self._positive)
            object.__setattr__(self, field.name, value)
        widths = [getattr(self, name) for name in self._widths]
        sizes = [*widths, abs(getattr(self, "gap", 0.0))]
        if widths and max(sizes) > self._widest * min(widths):
            raise ValueError(
                f"{type(self).__name__}: widths may differ by a factor of {self._widest:g} at most, and a "
                f"gap be so many of the smallest; got {', '.join(f'{v:g}' for v in sizes)}"
            )

    def pdf(self, x: ArrayLike) -> Array:
        """Density at x, units 1/x (for a law with an `atom`: of its continuous part)."""
        return (self._pdf(self._standard(x)) / self._scale)[()]

    def cdf(self, x: ArrayLike) -> Array:
        """Probability of a value ≤ x, accurate relative to itself in the lower tail."""
        return self._cdf(self._standard(x))[()]

    def sf(self, x: ArrayLike) -> Array:
        """Probability of a value > x, accurate relative to itself in the upper tail."""
        return self._sf(self._standard(x))[()]

    def ppf(self, q: ArrayLike) -> Array:
        """Quantile: the smallest x with cdf(x) ≥ q, within 1e-10 of the scale.

        Raises
        ------
        ValueError
            For q outside [0, 1].
        """
        q = np.asarray(q, dtype=np.float64)
        outside = (q < 0) | (q > 1)
        if np.any(outside):
            raise ValueError(f"q must be a probability in [0, 1], got {q[outside].flat[0]}")
        return (self._loc + self._scale * self._ppf(q))[()]

    def rvs(self, size: int | tuple[int, ...] = 1, rng: np.random.Generator | int | None = None) -> Array:
        """Independent draws, exact in law.

        Parameters
        ----------
        size : int or tuple of int
            Shape of the result.
        rng : numpy.random.Generator, int or None
            Source of randomness: a generator (advanced by the draw), a seed, or None for
            fresh entropy.
        """
        return self._loc + self._scale * self._rvs(size, np.random.default_rng(rng))

    def moment(self, order: int) -> float:
        """⟨x^order⟩ about zero, exact up to rounding.

        Raises
        ------
        ValueError
            For an order that is not an integer from 0 to 64.
        """
        k = _order(order)
        terms = (
            math.comb(k, j) * self._loc ** (k - j) * self._scale**j * self._moment(j) for j in range(k + 1)
        )
        return math.fsum(terms)

    def moments(self, order: int) -> Array:
        """⟨x⟩, ⟨x²⟩, ..., ⟨x^order⟩: array of shape (order,); see `moment`."""
        return np.array([self.moment(k) for k in range(1, _order(order) + 1)])

    @property
    def expectation(self) -> float:
        """⟨x⟩ (not called ``mean``, which is a parameter of some laws)."""
        return self._loc + self._scale * self._moment(1)

    @property
    def var(self) -> float:
        """⟨x²⟩ − ⟨x⟩² (not called ``variance``, which is a parameter of one law)."""
        return self._scale**2 * (self._moment(2) - self._moment(1) ** 2)

    @property
    def support(self) -> tuple[float, float]:
        """Where the density lives: (lowest, highest) x, possibly infinite."""
        lowest, highest = self._support
        return self._loc + self._scale * lowest, self._loc + self._scale * highest

    @property
    def atom(self) -> float:
        """Probability of exactly zero, included in `cdf` and left out of `pdf`."""
        return 0.0

    @property
    def latex(self) -> str:
        """The density's formula in LaTeX."""
        return self._formula

    def _repr_latex_(self) -> str:
        return f"${self.latex}$"

    @classmethod
    def fit(cls, sample: ArrayLike) -> Fit[Self]:
        """Estimate the parameters from a sample.

        Maximum likelihood where it is regular, moments where it is not: each law's
        docstring says which.

        Parameters
        ----------
        sample : array_like, shape (n,) or (n, m)
            n independent values; or n independent rows (replicas) whose m entries may
            depend on one another, as the two eigenvalues of a pair or all those of one
            matrix do. At least 30 rows, where the errors come out up to a quarter too small
            (at 100 rows, less than a tenth).

        Returns
        -------
        Fit
            The law, standard errors, Kolmogorov-Smirnov distance and its p-value.

        Raises
        ------
        ValueError
            For a sample that is too short, not of one or two dimensions, not finite, all
            equal, beyond 1e±100, or outside the law's support.
        TypeError
            For a sample that is not made of real numbers.
        """
        x = checked_sample(cls.__name__, sample)
        law, influence = cls._estimate(x)
        return judge(law, x, influence)

    def _standard(self, x: ArrayLike) -> Array:
        with np.errstate(over="ignore"):  # beyond the largest float is at ±∞
            return (np.asarray(x, dtype=np.float64) - self._loc) / self._scale

    _loc: Any
    _scale: Any
    _support: ClassVar[Any] = (-math.inf, math.inf)

    @abstractmethod
    def _pdf(self, z: Array) -> Array: ...

    @abstractmethod
    def _cdf(self, z: Array) -> Array: ...

    @abstractmethod
    def _sf(self, z: Array) -> Array: ...

    @abstractmethod
    def _ppf(self, q: Array) -> Array: ...

    @abstractmethod
    def _rvs(self, size: int | tuple[int, ...], rng: np.random.Generator) -> Array: ...

    @abstractmethod
    def _moment(self, k: int) -> float: ...

    @classmethod
    @abstractmethod
    def _estimate(cls, x: Array) -> tuple[Self, Influence]: ...


def _parameter(law: Law, name: str, positive: bool) -> float:
    value, owner = getattr(law, name), type(law).__name__
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        raise TypeError(
            f"{owner}: {name} must be a real number, got {shown(value)} of type {type(value).__name__}"
        )
    try:
        number = float(value)
    except OverflowError:  # a whole number beyond 1e308
        number = math.inf
    if not math.isfinite(number) or (positive and number <= 0):
        raise ValueError(
            f"{owner}: {name} must be finite{' and > 0' if positive else ''}, got {shown(value)}"
        )
    if abs(number) > LARGEST or (positive and number < 1 / LARGEST):
        raise ValueError(f"{owner}: {name} must be within 1e-250 ... 1e250, got {number:g}; change units")
    return number


def _order(order: int) -> int:
    whole = isinstance(order, int | np.integer) and not isinstance(order, bool)
    if not whole or not 0 <= order <= HIGHEST_MOMENT:
        raise ValueError(f"order of a moment must be an integer from 0 to {HIGHEST_MOMENT}, got {order!r}")
    return int(order)
