"""Free convolution of a measure with a semicircle, on the real line itself."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dyson.large_n.measure import Measure
from dyson.large_n.roots import rising_roots
from streams.arguments import count

Array = NDArray[np.float64]

INNER, TABLE = 80, 257
HIGHEST_MOMENT = 64


@dataclass(frozen=True, eq=False)
class FreeSum:
    r"""μ ⊞ (semicircle of variance v): the density of the gas at one time.

    With G_0 the resolvent of μ, G(z) = G_0(ω), z = ω + v G_0(ω). For each real u let ω = u + i y with the
    least y >= 0 for which v ∫dμ(λ)/((u − λ)² + y²) <= 1; then z is real, rises with u, and with x = z

        ρ(x) = y/(π v),   cdf(x) = 1 − Im[∫log(ω − λ) dμ + v G_0(ω)²/2]/π.

    Source: Biane, Indiana Univ. Math. J. 46 (1997) 705.

    Attributes
    ----------
    variance : float
        v > 0.
    """

    variance: float
    _start: Measure = field(repr=False)

    @cached_property
    def _edges(self) -> Array:
        """Edges in u, shape (interval, 2): where v∫dμ/(u − λ)² is above 1."""
        v, pieces = self.variance, self._start.pieces
        reach = math.sqrt(v) * (1 + 1e-12)
        low, high = self._gaps(v, pieces)
        # in each gap the spread is convex: its least value decides, then there is one root on each side
        middle = self._least(low, high)
        open_ = self._spread(middle) * v < 1
        low, middle, high = low[open_], middle[open_], high[open_]
        left = self._root(np.r_[low, pieces[-1, 1]], np.r_[middle, pieces[-1, 1] + reach], 1)
        right = self._root(np.r_[pieces[0, 0] - reach, middle], np.r_[pieces[0, 0], high], -1)
        return np.stack([right, left], axis=1)

    def _gaps(self, v: float, pieces: Array) -> tuple[Array, Array]:
        """Gaps between neighbouring pieces, without those that the atoms at their ends alone fill."""
        low, high = pieces[:-1, 1], pieces[1:, 0]
        atoms = dict(zip(self._start.points.tolist(), self._start.weights.tolist(), strict=True))
        roots = np.array([np.cbrt(atoms.get(a, 0.0)) if a == b else 0.0 for a, b in pieces.tolist()])
        wide = (high - low) ** 2 > v * (roots[:-1] + roots[1:]) ** 3
        return low[wide], high[wide]

    def _spread(self, u: Array) -> Array:
        """∫dμ/(u − λ)² between the pieces of μ; ∞ at an atom."""
        value = -self._start.resolvent(u)[1].real
        return np.where(np.isnan(value), np.inf, value)

    def _least(self, low: Array, high: Array) -> Array:
        """Where the spread is least in each gap, by bisection on its derivative (complex step)."""
        tiny = 1e-30
        for _ in range(40 if low.size else 0):
            middle = (low + high) / 2
            rising = -self._start.resolvent(middle + 1j * tiny)[1].imag > 0
            low, high = np.where(rising, low, middle), np.where(rising, middle, high)
        return (low + high) / 2

    def _root(self, low: Array, high: Array, side: int) -> Array:
        """Where v · spread = 1, right (side 1) or left (−1) of a piece; spread^(−1/2) is nearly linear."""
        v = self.variance

        def excess(u: Array, _: Any = None) -> Array:
            with np.errstate(divide="ignore"):
                return side * (1 / np.sqrt(v * np.maximum(self._spread(u), 1e-300)) - 1)

        below, above = np.full(low.size, -1.0), np.full(low.size, 1.0)
        far = excess(high if side == 1 else low)
        (above if side == 1 else below)[:] = far
        (below if side == 1 else above)[:] = -side
        return rising_roots(excess, low, high, below, above, self._unit)

    @property
    def _unit(self) -> float:
        pieces = self._start.pieces
        return float(pieces[-1, 1] - pieces[0, 0]) + math.sqrt(self.variance)

    def _height(self, u: Array) -> Array:
        """y(u), for u between the edges: bracketed Newton for y² on the concave y/∫y dμ/((u − λ)² + y²)."""
        v = self.variance
        low, high = np.zeros(u.size), np.full(u.size, v * (1 + 1e-14))
        square = high.copy()
        for _ in range(INNER):
            y = np.sqrt(square)
            value, slope = self._start.resolvent(u + 1j * y)
            f = -value.imag / y
            # d/dw of f(w = y²): dIm G/dy = Re G'
            change = (-slope.real / y - f / y) / (2 * y)
            excess = 1 / f - v
            low, high = np.where(excess < 0, square, low), np.where(excess >= 0, square, high)
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                trial = square + excess * f * f / change
            inside = (trial > low) & (trial < high)
            fallback = np.where(low > 0, np.sqrt(low * high), high / 64)
            old, square = square, np.where(inside, trial, fallback)
            if np.all(np.abs(square - old) <= 4e-16 * old):
                break
        return np.sqrt(square)

    def _curve(self, u: Array) -> tuple[NDArray[np.complex128], Array]:
        """ω on the curve over each u, and x."""
        flat = self._edges.ravel()
        # strictly between an even edge and the following odd one
        inside = (np.searchsorted(flat, u, "left") % 2 == 1) & (np.searchsorted(flat, u, "right") % 2 == 1)
        omega = u.astype(complex)
        omega[inside] += 1j * self._height(u[inside])
        x = u + self.variance * self._start.resolvent(omega)[0].real
        return omega, x

    @property
    def support(self) -> Array:
        """Intervals on which the density is positive, shape (interval, 2)."""
        flat = self._edges.ravel()
        return (flat + self.variance * self._start.resolvent(flat)[0].real).reshape(-1, 2)

    def _solve(self, goal: Array, interval: int, what: Any) -> NDArray[np.complex128]:
        """ω on one interval's curve with what(ω, x) = goal, for a rising function; brackets from a table."""
        a, b = self._edges[interval]
        size = max(TABLE // len(self._edges), 9)
        table = np.unique(a + (b - a) * np.sin(np.linspace(0, math.pi / 2, size)) ** 2)
        values = np.maximum.accumulate(what(*self._curve(table)))
        place = np.clip(np.searchsorted(values, goal) - 1, 0, table.size - 2)
        result = table[place].astype(complex)

        def excess(u: Array, left: NDArray[np.intp]) -> Array:
            omega, x = self._curve(u)
            result[left] = omega
            return what(omega, x) - goal[left]

        below, above = np.minimum(values[place] - goal, 0), np.maximum(values[place + 1] - goal, 0)
        rising_roots(excess, table[place], table[place + 1], below, above, float(b - a))
        return result

    def density(self, x: ArrayLike) -> Array:
        """ρ(x), units 1/x."""
        x = np.asarray(x, dtype=float)
        result = np.zeros(x.shape)
        for i, (low, high) in enumerate(self.support):
            inside = (x > low) & (x < high)
            if inside.any():
                omega = self._solve(x[inside], i, lambda omega, at: at)
                result[inside] = omega.imag / (math.pi * self.variance)
        return np.where(np.isnan(x), np.nan, result)[()]

    def cdf(self, x: ArrayLike) -> Array:
        """Mass at or below x."""
        x = np.asarray(x, dtype=float)
        support = self.support
        at_edges = self._mass(self._edges.ravel().astype(complex)).reshape(-1, 2)
        result = np.zeros(x.shape)
        for i, (low, high) in enumerate(support):
            inside = (x > low) & (x < high)
            if inside.any():
                result[inside] = self._mass(self._solve(x[inside], i, lambda omega, at: at))
            result[x >= high] = at_edges[i, 1]
        return np.where(np.isnan(x), np.nan, np.clip(result, 0, 1))[()]

    def ppf(self, q: ArrayLike) -> Array:
        """x with cdf(x) = q, the lowest edge for 0; ValueError for q outside [0, 1]."""
        q = np.asarray(q, dtype=float)
        if not np.all((q >= 0) & (q <= 1)):
            raise ValueError("q must be probabilities in [0, 1]")
        top = self._mass(self._edges[:, 1].astype(complex))
        interval = np.minimum(np.searchsorted(top + 1e-14, q), top.size - 1)
        result = np.empty(q.shape)
        for i in range(top.size):
            mine = interval == i
            if mine.any():
                omega = self._solve(q[mine], i, lambda omega, at: self._mass(omega))
                x = omega.real + self.variance * self._start.resolvent(omega)[0].real
                result[mine] = np.clip(x, *self.support[i])
        return result[()]

    def _mass(self, omega: NDArray[np.complex128]) -> Array:
        g = self._start.resolvent(omega)[0]
        # a real ω is the limit from above, where rounding could leave Im g of either sign
        g = np.where(omega.imag == 0, g.real, g)
        return 1 - (self._start.primitive(omega) + self.variance * g * g / 2).imag / math.pi

    def resolvent(self, z: ArrayLike) -> NDArray[np.complex128]:
        """G(z) for Im z > 0: ω = z − v G_0(ω) by damped iteration, then Newton; ValueError for other z."""
        z = np.asarray(z, dtype=complex)
        flat = z.ravel()
        if not np.all(flat.imag > 0):
            raise ValueError("resolvent needs Im z > 0; on the line use density")
        omega = flat + 1j * math.sqrt(self.variance)
        for _ in range(200):
            new = flat - self.variance * self._start.resolvent(omega)[0]
            if np.all(np.abs(new - omega) < 1e-3 * new.imag):
                break
            omega = (omega + new) / 2
        for _ in range(50):
            g, slope = self._start.resolvent(omega)
            step = (omega + self.variance * g - flat) / (1 + self.variance * slope)
            omega = np.where((omega - step).imag > 0, omega - step, flat - self.variance * g)
            if np.all(np.abs(step) <= 1e-15 * np.abs(omega)):
                break
        return self._start.resolvent(omega)[0].reshape(z.shape)[()]

    def moments(self, order: int) -> Array:
        """⟨x⟩, ..., ⟨x^order⟩, shape (order,): v is added to the second free cumulant."""
        order = count("order", order)
        if order > HIGHEST_MOMENT:
            raise ValueError(f"order must be at most {HIGHEST_MOMENT}, got {order}")
        centre = self._start.moment(1)
        centred = self._start.scaled(1.0, -centre)
        m = np.array([1.0] + [centred.moment(k) for k in range(1, order + 1)])
        cumulants = _free_cumulants(m)
        if order > 1:
            cumulants[2] += self.variance
        m = _from_free_cumulants(cumulants)
        return np.array(
            [
                math.fsum(math.comb(k, j) * centre ** (k - j) * m[j] for j in range(k + 1))
                for k in range(1, order + 1)
            ]
        )


def _free_cumulants(m: Array) -> Array:
    """κ of m_n = Σ_s κ_s [z^{n−s}] M(z)^s, M the moments' series (Speicher, Math. Ann. 298 (1994) 611)."""
    size = m.size
    powers = _powers(m)
    kappa = np.zeros(size)
    for n in range(1, size):
        kappa[n] = m[n] - math.fsum(kappa[s] * powers[s][n - s] for s in range(1, n))
    return kappa


def _from_free_cumulants(kappa: Array) -> Array:
    size = kappa.size
    m = np.zeros(size)
    m[0] = 1
    for n in range(1, size):
        powers = _powers(m[:n])
        m[n] = math.fsum(kappa[s] * powers[s][n - s] for s in range(1, n + 1))
    return m


def _powers(m: Array) -> list[Array]:
    powers = [np.r_[1.0, np.zeros(m.size - 1)]]
    for _ in range(m.size):
        powers.append(np.convolve(powers[-1], m)[: m.size])
    return powers
