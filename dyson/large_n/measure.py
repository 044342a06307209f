"""Measures on the line with everything in closed form: Chebyshev series on intervals, and atoms."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

BLOCK = 2**21  # numbers handled at once
TABLE = 257


@dataclass(frozen=True, eq=False)
class Cut:
    r"""A measure on [low, high]: ρ(x) dx = Σ_k c_k T_k(t)/√(1 − t²) dt with x = mid + half · t.

    Its mass is π c_0. Where an edge is soft, the sum vanishes there and is divided out, so that ρ is
    √(distance) times a series without cancellation.

    Attributes
    ----------
    low, high : float
        The interval.
    coefficients : ndarray, shape (k,)
        c_k.
    hard : tuple of two bool
        Whether the density may diverge at low, at high.
    """

    low: float
    high: float
    coefficients: Array
    hard: tuple[bool, bool] = (False, False)
    amplitude: Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "amplitude", _divided(self.coefficients, self.hard))

    @property
    def half(self) -> float:
        """Half the length."""
        return (self.high - self.low) / 2

    @property
    def mass(self) -> float:
        """∫ ρ dx."""
        return math.pi * float(self.coefficients[0])

    def scaled(self, factor: float, shift: float) -> Cut:
        """The measure of factor · x + shift, factor > 0."""
        return Cut(factor * self.low + shift, factor * self.high + shift, self.coefficients, self.hard)

    def density(self, x: Array) -> Array:
        """ρ(x); 0 outside, ∞ at a hard edge where the density diverges."""
        left, right = x - self.low, self.high - x
        inside = (left >= 0) & (right >= 0)
        left, right = np.where(inside, left, 1.0), np.where(inside, right, 1.0)
        series = self.series(np.where(inside, (x - self.low - self.half) / self.half, 0.0))
        with np.errstate(divide="ignore", invalid="ignore"):
            weight = left ** (-0.5 if self.hard[0] else 0.5) * right ** (-0.5 if self.hard[1] else 0.5)
        units = self.half ** (sum(self.hard) - 2)
        return np.where(inside, weight * series * units, 0.0)

    def series(self, t: Array) -> Array:
        """The smooth factor of ρ at t in [−1, 1]: its sign is the sign of ρ."""
        first = {(False, False): 2 * t, (True, True): t, (True, False): 2 * t + 1, (False, True): 2 * t - 1}
        high = higher = np.zeros_like(t)
        for a in self.amplitude[:0:-1]:
            high, higher = a + 2 * t * high - higher, high
        return self.amplitude[0] + high * first[self.hard] - higher

    def cdf(self, x: Array) -> Array:
        """Mass at or below x."""
        inside = np.clip(x, self.low, self.high)
        angle = 2 * np.arctan2(np.sqrt(self.high - inside), np.sqrt(inside - self.low))
        return self._below(angle)

    def quantile(self, mass: Array) -> Array:
        """x with cdf(x) = mass, for 0 <= mass <= self.mass; the lowest x of several."""
        angles, masses = self._table
        place = np.clip(np.searchsorted(masses, mass) - 1, 0, TABLE - 2)
        # in angles the table runs from π down to 0
        high, low = angles[place], angles[place + 1]
        angle = (low + high) / 2
        for _ in range(60):
            excess = self._below(angle) - mass
            high = np.where(excess < 0, angle, high)
            low = np.where(excess >= 0, angle, low)
            slope = -np.polynomial.chebyshev.chebval(np.cos(angle), self.coefficients)
            with np.errstate(divide="ignore", invalid="ignore"):
                trial = angle - excess / slope
            old, angle = angle, np.where((trial > low) & (trial < high), trial, (low + high) / 2)
            if np.all(np.abs(angle - old) <= 4e-16):
                break
        return self.low + 2 * self.half * np.cos(angle / 2) ** 2

    @cached_property
    def _table(self) -> tuple[Array, Array]:
        angles = np.linspace(math.pi, 0, TABLE)
        return angles, np.maximum.accumulate(self._below(angles))

    def _below(self, angle: Array) -> Array:
        c = self.coefficients
        high = higher = np.zeros_like(angle)
        cosine = 2 * np.cos(angle)
        for k in range(c.size - 1, 0, -1):  # Σ c_k U_{k−1}(cos θ)/k
            high, higher = c[k] / k + cosine * high - higher, high
        return c[0] * (math.pi - angle) - np.sin(angle) * high

    def resolvent(self, z: Complex) -> tuple[Complex, Complex]:
        """G(z) = ∫ ρ/(z − x) dx and G'(z)."""
        u = self._small(z)
        series, slope = _horner(self.amplitude, u)
        weight, change = {
            (False, False): lambda: (u, np.ones_like(u)),
            (True, True): lambda: (2 * u / (1 - u * u), 2 * (1 + u * u) / (1 - u * u) ** 2),
            (True, False): lambda: (2 * u / (1 + u), 2 / (1 + u) ** 2),
            (False, True): lambda: (2 * u / (1 - u), 2 / (1 - u) ** 2),
        }[self.hard]()
        down = -2 * u * u / (1 - u * u)
        scale = math.pi / self.half
        return scale * series * weight, scale / self.half * (slope * weight + series * change) * down

    def primitive(self, z: Complex) -> Complex:
        """∫ log(z − x) ρ dx; its real part is the potential, its imaginary part π times the mass above z."""
        u, c = self._small(z), self.coefficients
        tail = np.append(0.0, c[1:] / np.arange(1, c.size))
        return math.pi * (c[0] * (math.log(self.half / 2) - np.log(u)) - _horner(tail, u)[0])

    def _small(self, z: Complex) -> Complex:
        """u = t − √(t² − 1), |u| <= 1; on the cut itself the limit from above."""
        left, right = (z - self.low) / self.half, (z - self.high) / self.half
        return 1 / (left - 1 + np.sqrt(left) * np.sqrt(right))

    def nodes(self, order: int = 0) -> tuple[Array, Array]:
        """Points and weights with ∫ f ρ dx = Σ w f(x), exact for polynomials up to ``order``."""
        count = self.coefficients.size + order // 2 + 8
        t = np.cos((np.arange(count) + 0.5) * math.pi / count)
        weights = np.polynomial.chebyshev.chebval(t, self.coefficients) * math.pi / count
        return self.low + self.half * (1 + t), weights


@dataclass(frozen=True, eq=False)
class Measure:
    """A measure of mass 1: intervals (in increasing order, apart) and atoms.

    Attributes
    ----------
    cuts : tuple of Cut
    points, weights : ndarray, shape (atom,)
        Increasing positions of the atoms, and their masses.
    """

    cuts: tuple[Cut, ...] = ()
    points: Array = field(default_factory=lambda: np.empty(0))
    weights: Array = field(default_factory=lambda: np.empty(0))

    def scaled(self, factor: float, shift: float) -> Measure:
        """The measure of factor · x + shift, factor > 0."""
        cuts = tuple(cut.scaled(factor, shift) for cut in self.cuts)
        return Measure(cuts, factor * self.points + shift, self.weights)

    @property
    def pieces(self) -> Array:
        """Shape (piece, 2): the intervals and atoms, increasing."""
        pieces = [(cut.low, cut.high) for cut in self.cuts] + [(p, p) for p in self.points]
        return np.array(sorted(pieces))

    def resolvent(self, z: Any) -> tuple[Complex, Complex]:
        """G(z) = ∫ dμ/(z − x) and G'(z), on the line the limit from above."""
        z = np.asarray(z, dtype=complex)
        flat = z.ravel()
        value, slope = np.zeros(flat.size, complex), np.zeros(flat.size, complex)
        for cut in self.cuts:
            one, two = cut.resolvent(flat)
            value, slope = value + one, slope + two
        for part in self._blocks(flat.size):
            one, two = _poles(flat[part], self.points, self.weights)
            value[part] += one
            slope[part] += two
        return value.reshape(z.shape), slope.reshape(z.shape)

    def primitive(self, z: Any) -> Complex:
        """∫ log(z − x) dμ(x)."""
        z = np.asarray(z, dtype=complex)
        flat = z.ravel()
        total = np.zeros(flat.size, complex)
        for cut in self.cuts:
            total += cut.primitive(flat)
        for part in self._blocks(flat.size):
            total[part] += np.log(flat[part, None] - self.points) @ self.weights
        return total.reshape(z.shape)

    def density(self, x: Any) -> Array:
        """ρ(x) of the intervals."""
        x = np.asarray(x, dtype=float)
        return sum((cut.density(x) for cut in self.cuts), np.zeros(x.shape))

    def moment(self, order: int) -> float:
        """∫ x^order dμ."""
        total = [float(self.weights @ self.points**order)] if self.points.size else []
        for cut in self.cuts:
            x, w = cut.nodes(order)
            total.append(float(w @ x**order))
        return math.fsum(total)

    def _blocks(self, size: int) -> list[slice]:
        if not self.points.size:
            return []
        step = max(1, BLOCK // self.points.size)
        return [slice(i, i + step) for i in range(0, size, step)]


def chebyshev(function: Callable[[Array], Array], low: float, high: float, size: int) -> Array:
    """Coefficients of T_k, k < size, that interpolate a function at the Chebyshev points of [low, high]."""
    t = np.cos((np.arange(size) + 0.5) * math.pi / size)
    coefficients = dct(function(low + (high - low) / 2 * (1 + t)), type=2) / size
    coefficients[0] /= 2
    return coefficients


def _divided(c: Array, hard: tuple[bool, bool]) -> Array:
    """Coefficients after division by (1 − t), (1 + t) or both: of W_k, V_k, U_k; summed from the far end."""
    if all(hard) or c.size < 3:
        return c
    if hard[0]:  # c_k = e_k − e_{k−1}
        return -np.cumsum(c[:0:-1])[::-1]
    if hard[1]:  # c_k = e_k + e_{k−1}
        sign = (-1.0) ** np.arange(c.size)
        return -sign[:-1] * np.cumsum((sign * c)[:0:-1])[::-1]
    result = np.empty(c.size - 2)  # c_k = (d_k − d_{k−2})/2
    for parity in (0, 1):
        tail = np.cumsum(c[parity::2][:0:-1])[::-1]
        result[parity::2] = -2 * tail
    return result


def _horner(a: Sequence[float] | Array, u: Complex) -> tuple[Complex, Complex]:
    """Σ a_k u^k and its derivative."""
    value, slope = np.zeros_like(u), np.zeros_like(u)
    for coefficient in a[::-1]:
        slope = slope * u + value
        value = value * u + coefficient
    return value, slope


def _poles(z: Complex, points: Array, weights: Array) -> tuple[Complex, Complex]:
    """Σ w/(z − p) and its derivative, in real arithmetic, which is several times faster."""
    y = z.imag
    away = z.real[:, None] - points
    with np.errstate(divide="ignore", invalid="ignore"):
        square = away * away + (y * y)[:, None]
        np.divide(1.0, square, out=square)
        total = square @ weights
        real = (away * square) @ weights
        square *= square
        fourth = square @ weights
        away *= square
        return real - 1j * y * total, 2 * y * y * fourth - total + 2j * y * (away @ weights)
