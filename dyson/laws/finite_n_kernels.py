"""Orthonormal functions of Hermite and Laguerre, and the densities that they make."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import erf, gammaln

from dyson.laws.base import Array
from dyson.laws.log_table import DEGREE, panel_nodes


def gaussian_kernel(x: Array, n: int) -> Array:
    """Hermite functions φ_0 ... φ_{n−1} at x, shape (n, ...): orthonormal on the line."""
    x = np.asarray(x, dtype=float)
    out = np.empty((n, *x.shape))
    out[0] = math.pi**-0.25 * np.exp(-x * x / 2)
    for k in range(1, n):
        out[k] = math.sqrt(2 / k) * x * out[k - 1]
        if k > 1:
            out[k] -= math.sqrt((k - 1) / k) * out[k - 2]
    return out


def gaussian_density(t: Array, n: int, beta: int) -> Array:
    r"""Density of n eigenvalues with weight e^{−t²}, integral n.

    β = 2: Σ φ_k². β = 1, at y = √2 t: Σ_{k<n} φ_k² + √(n/2) φ_{n−1} εφ_n, and for odd n φ_{n−1}/∫φ_{n−1};
    εφ(y) = ½ ∫ sgn(y − x) φ(x) dx. β = 4: half of Σ + √ for 2n + 1 in place of n, at y = t.
    Source: Mehta, Random Matrices, ch. 7, 8.
    """
    if beta == 2:
        return (gaussian_kernel(t, n) ** 2).sum(axis=0)
    size = n if beta == 1 else 2 * n + 1
    y = math.sqrt(2) * t if beta == 1 else np.asarray(t, dtype=float)
    phi = gaussian_kernel(y, size + 1)
    rho = (phi[:size] ** 2).sum(axis=0) + math.sqrt(size / 2) * phi[size - 1] * _signed(phi, y, size)
    if beta == 4:
        return rho / 2
    if size % 2:
        rho = rho + phi[size - 1] / _whole(size - 1)
    return math.sqrt(2) * rho


def _signed(phi: Array, y: Array, n: int) -> Array:
    """εφ_n, by φ_k' = √(k/2) φ_{k−1} − √((k+1)/2) φ_{k+1}."""
    if n % 2:
        value, k = -math.sqrt(2) * phi[0], 1
    else:
        value, k = math.pi**0.25 / math.sqrt(2) * erf(y / math.sqrt(2)), 0
    while k < n:
        k += 2
        value = math.sqrt((k - 1) / k) * value - math.sqrt(2 / k) * phi[k - 1]
    return value


def _whole(k: int) -> float:
    """∫φ_k, k even."""
    value = math.sqrt(2) * math.pi**0.25
    for j in range(2, k + 1, 2):
        value *= math.sqrt((j - 1) / j)
    return value


def laguerre_kernel(t: Array, n: int, a: float) -> Array:
    """Laguerre functions t^{a/2} e^{−t/2} L_k^a/norm, k < n, shape (n, ...): orthonormal on the half line."""
    t = np.maximum(np.asarray(t, dtype=float), 0)
    return laguerre_functions(laguerre_first(t, a, a / 2), t, n, a)


def laguerre_first(t: Array, a: float, power: float) -> Array:
    """t^power e^{−t/2} over the norm of 1 with weight t^a e^{−t}."""
    with np.errstate(divide="ignore", invalid="ignore"):
        front = np.where(t > 0, power * np.log(t), 0.0 if power == 0 else -math.inf * np.sign(power))
    return np.exp(front - t / 2 - gammaln(a + 1) / 2)


def laguerre_functions(first: Array, t: Array, n: int, a: float) -> Array:
    """Orthonormal polynomials of weight t^a e^{−t}, k < n, all times what makes number 0 ``first``."""
    out = np.empty((n, *t.shape))
    out[0] = first
    for k in range(1, n):
        out[k] = (2 * k - 1 + a - t) * out[k - 1]
        if k > 1:
            out[k] -= math.sqrt((k - 1) * (k - 1 + a)) * out[k - 2]
        out[k] /= math.sqrt(k * (k + a))
    return out


def laguerre_log_density(edges: Array, n: int, beta: int, a: float) -> Array:
    r"""Logarithm of the density of n eigenvalues with weight t^a e^{−t}, over t^a, integral n.

    At panel nodes of √t. Large a: the density over t^a is beyond floats, so polynomials here are times
    e^{−t/4} with 1 as the first, and the rest of weight and norm is put in as a logarithm.
    """
    t = panel_nodes(edges) ** 2
    if beta == 1:
        return _real(edges, n, a)
    if beta == 4:
        return _quaternion(edges, n, a)
    square = (laguerre_functions(np.exp(-t / 4), t, n, a) ** 2).sum(axis=0)
    return np.log(square) - t / 2 - gammaln(a + 1)


def _real(edges: Array, n: int, a: float) -> Array:
    """β = 1: Σ φ_j (M^{−1})_{kj} ψ_k with ψ = ∫ sgn φ, M_jk = ∫ φ_j ψ_k; for odd n a row of ones more."""
    u = panel_nodes(edges)
    tau = 2 * u * u
    # polynomials of weight τ^{2a+1} e^{−τ}, with the root of the weight over √τ
    bare = laguerre_functions(np.exp(-tau / 4), tau, n, 2 * a + 1)
    rest = -tau / 4 - gammaln(2 * a + 2) / 2
    phi = bare * np.exp(rest + (2 * a + 1) * np.log(u))
    weights, running = _fejer()
    half = np.diff(edges)[:, None] / 2
    each = (phi * weights).sum(axis=2) * half[:, 0]
    inside = np.einsum("kpi,ji->kpj", phi, running) * half
    total = each.sum(axis=1)
    left = np.cumsum(each, axis=1) - each
    psi = total[:, None, None] - 2 * (left[:, :, None] + inside)
    if n % 2:
        psi = np.concatenate([psi, np.ones_like(psi[:1])])
    m = np.einsum("jpi,kpi->jk", phi * (weights * half), psi, optimize=True)
    if n % 2:
        m = np.vstack([m, np.r_[-total, 0.0]])
    inverse = np.linalg.inv(m)
    # φ du is half of t^a dt
    return np.log(np.einsum("jpi,kj,kpi->pi", bare, inverse[:, :n], psi, optimize=True) / 2) + rest


def _quaternion(edges: Array, n: int, a: float) -> Array:
    """β = 4: ½ Σ (M^{−1})_{kj} (p_j p_k' − p_j' p_k) w, M the integral of the same, j, k < 2n."""
    u = panel_nodes(edges)
    t, size = u * u, 2 * n
    first = np.exp(-t / 4)
    rest = -t / 2 - gammaln(a + 1)
    p = laguerre_functions(first, t, size, a)
    d = np.zeros_like(p)
    k = np.arange(1, size)[:, None, None]
    # (L_k^a)' = −L_{k−1}^{a+1}
    d[1:] = -np.sqrt(k / (a + 1)) * laguerre_functions(first, t, size - 1, a + 1)
    weights, _ = _fejer()
    half = np.diff(edges)[:, None] / 2
    measure = weights * half * 2 * np.exp(rest + (2 * a + 1) * np.log(u))
    cross = np.einsum("jpi,kpi->jk", p * measure, d, optimize=True)
    inverse = np.linalg.inv(cross - cross.T)
    return np.log(np.einsum("jpi,kj,kpi->pi", p, inverse, d, optimize=True)) + rest


def _fejer() -> tuple[np.ndarray, np.ndarray]:
    """Weights, and the matrix of integrals from −1, for the nodes of a panel on [−1, 1]."""
    x = -np.cos(np.pi * (np.arange(DEGREE) + 0.5) / DEGREE)
    series = np.linalg.inv(np.polynomial.chebyshev.chebvander(x, DEGREE - 1))
    integral = np.polynomial.chebyshev.chebint(series, lbnd=-1, axis=0)
    vander = np.polynomial.chebyshev.chebvander
    return vander(np.ones(1), DEGREE)[0] @ integral, vander(x, DEGREE) @ integral
