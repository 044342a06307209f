"""Density of pairs of eigenvalues at finite n: determinant (β = 2) and Pfaffian (β = 1, 4) of kernels.

β = 1 and 4 rest on one structure. Functions f_k of Hermite or Laguerre, their integrals e_k' = f_k and
orthogonality make the skew inner products ∫ f_j e_k the inverse of a tridiagonal matrix,

    h_k = b_{k−1} e_{k−1} − b_k e_{k+1},   ∫ f_j h_k = δ_jk,

with h_k = f_k and b_k = √((k+1)/2) (Hermite), or h_k = x f_k and b_k = −½√((k+1)(k+1+α)) (Laguerre, f_k =
x^{(α−1)/2} e^{−x/2} L_k^α/norm). So the inverse that a Pfaffian needs is written down, not computed.
Source: Adler, Forrester, Nagao, van Moerbeke, J. Stat. Phys. 99 (2000) 141; Mehta, Random Matrices, ch. 6-8.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import erf, erfc, gammainc, gammaincc, gammaln

from dyson.laws.base import Array
from dyson.laws.finite_n_kernels import (
    gaussian_kernel,
    laguerre_first,
    laguerre_functions,
    laguerre_kernel,
)

FAR = 1e5  # where every function is 0
NEAR = 1e-140  # where x^{a/2}, a > −1, to the fourth is finite


class Skew(NamedTuple):
    """Functions at points x, each of shape (size, ...), of which the kernels are sums over k:

    S(x, y) = Σ f_k(x) g_k(y), D(x, y) = Σ f_k(x) d_k(y), I(x, y) = Σ e_k(x) g_k(y) − last(y), where g and d
    are the truncated tridiagonal matrix times e and f, and last is 0 unless β = 1 and n is odd.
    """

    f: Array
    e: Array
    g: Array
    d: Array
    last: Array | float


def two_point(x: Array, y: Array, n: int, beta: int, ensemble: str, a: float) -> Array:
    r"""R_2 of n eigenvalues with weight e^{−t²} or t^a e^{−t} at t = x, y; integral n(n − 1).

    β = 2: K(x, x) K(y, y) − K(x, y)². β = 1, 4, with S, D, I of `Skew`, ε = ½ sgn(x − y) at β = 1 and 0 at 4:

        c² [S(x, x) S(y, y) − S(x, y) S(y, x) − D(x, y) (I(x, y) − ε)],

    the functions taken at √2 t (Hermite) or 2t (Laguerre), c = √2 or 2, for β = 1; at t, c = ½, for β = 4.
    """
    value = np.zeros(np.broadcast_shapes(x.shape, y.shape))
    if n > 1:
        low = -FAR if ensemble == "gaussian" else NEAR
        value = np.maximum(_inside(np.clip(x, low, FAR), np.clip(y, low, FAR), n, beta, ensemble, a), 0.0)
    if ensemble == "laguerre":
        if a != 0:  # at the wall R_2 goes as x^a, and is 0 on the diagonal
            wall = ((x == 0) | (y == 0)) & (value > 0) & (x != y)
            value = np.where(wall, 0.0 if a > 0 else np.inf, value)
        value = np.where((x < 0) | (y < 0), 0.0, value)
    return np.where(np.isnan(x) | np.isnan(y), np.nan, value)


def _inside(x: Array, y: Array, n: int, beta: int, ensemble: str, a: float) -> Array:
    """R_2 where all functions are finite."""
    gaussian = ensemble == "gaussian"
    if beta == 2:
        p, q = (gaussian_kernel(t, n) if gaussian else laguerre_kernel(t, n, a) for t in (x, y))
        return _sum(p, p) * _sum(q, q) - _sum(p, q) ** 2
    stretch = (math.sqrt(2) if gaussian else 2.0) if beta == 1 else 1.0
    c = stretch if beta == 1 else 0.5
    s, t = (
        _hermite(stretch * z, n, beta) if gaussian else _laguerre(stretch * z, n, beta, a) for z in (x, y)
    )
    integral = _sum(s.e, t.g) - t.last
    if beta == 1:
        integral = integral - np.sign(x - y) / 2
    apart = _sum(s.f, s.g) * _sum(t.f, t.g)
    return c * c * (apart - _sum(s.f, t.g) * _sum(t.f, s.g) - _sum(s.f, t.d) * integral)


def _sum(u: Array, v: Array) -> Array:
    """Σ_k u_k v_k, broadcast over points without a temporary of all k."""
    return np.einsum("k...,k...->...", u, v)


def _hermite(x: Array, n: int, beta: int) -> Skew:
    """At x of the weight e^{−x²}: n functions at β = 1, 2n + 1 at β = 4."""
    size = n if beta == 1 else 2 * n + 1
    f = gaussian_kernel(x, size)
    b = np.sqrt(np.arange(1, size) / 2)
    whole = math.sqrt(2) * math.pi**0.25
    if beta == 1:
        first = whole / 2 * erf(x / math.sqrt(2))
    else:
        first = -np.copysign(whole / 2, x) * erfc(np.abs(x) / math.sqrt(2))
    return _skew(f, f, b, first, whole, beta)


def _laguerre(x: Array, n: int, beta: int, a: float) -> Skew:
    """At x of the weight x^α e^{−x}: n functions at β = 1; 2n + 1 at β = 4, but 2n at a = 0: one vanishes."""
    size, alpha = (n, 2 * a + 1) if beta == 1 else (2 * n + 1, a - 1)
    if alpha == -1:
        size, alpha = size - 1, 1.0
    s = (alpha + 1) / 2
    f = laguerre_functions(laguerre_first(x, alpha, s - 1), x, size, alpha)
    k = np.arange(1, size)
    b = -np.sqrt(k * (k + alpha)) / 2
    whole = math.exp(s * math.log(2) + gammaln(s) - gammaln(alpha + 1) / 2)
    lower, upper = gammainc(s, x / 2), gammaincc(s, x / 2)
    share = np.where((lower < upper) & (a > 0), lower, -upper) if beta == 4 else (lower - upper) / 2
    return _skew(f, x * f, b, whole * share, whole, beta)


def _skew(f: Array, h: Array, b: Array, first: Array, whole: float, beta: int) -> Skew:
    """All functions from f, h, b, the integral e_0 = ``first`` and ∫f_0 = ``whole``.

    β = 1: e is ½ ∫ sgn(x − z) f(z) dz. β = 4: the integral from the nearer end, which a kernel of an odd
    number of functions takes for the same, as its matrix times ∫f is 0.
    """
    size = len(f)
    e = np.empty_like(f)
    e[0] = first
    e[1] = -h[0] / b[0]
    for k in range(1, size - 1):
        e[k + 1] = (b[k - 1] * e[k - 1] - h[k]) / b[k]
    column = b.reshape(-1, *(1,) * (f.ndim - 1))
    d = np.zeros_like(f)
    d[1:] = column * f[:-1]
    d[:-1] -= column * f[1:]
    g = h.copy()
    g[-1] = b[-1] * e[-2]
    if beta == 4 or size % 2 == 0:
        return Skew(f, e, g, d, 0.0)
    for k in range(1, size - 1, 2):  # ∫f_{k+1}; those of odd k are 0
        whole *= b[k - 1] / b[k]
    g[-1] += 1 / whole
    return Skew(f, e, g, d, e[-1] / whole)
