r"""Fredholm determinants of random matrices by quadrature, and their asymptotic series.

det(1 − λK) on an interval is the determinant of δ_ij − λ √(w_i w_j) K(x_i, x_j) at the nodes and weights of
a Gauss rule: for analytic kernels the error falls exponentially with the number of nodes (Bornemann, Math.
Comp. 79 (2010) 871). The three scaling limits have one structure: two operators V_±, whose determinants

    D_± = det(1 − V_±),   h = ½ log D_+D_−,   g = ½ log (D_−/D_+) ≥ 0

give the probability of an empty interval at β = 1, 2, 4 as e^{h−g}, e^{2h}, e^h cosh g (Mehta, Random
Matrices, ch. 6-7, 20; Bornemann, Markov Process. Related Fields 16 (2010) 803). Determinants are products
over eigenvalues of symmetric matrices, which keeps the digits of 1 − D where D is close to 1; derivatives
follow from eigenvectors, with no differences taken.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import airy, jv, roots_jacobi

Array = NDArray[np.float64]

ZETA = -0.16542114370045092  # ζ'(−1)
LOG2 = math.log(2.0)
BULK_NODES, EDGE_NODES, HARD_NODES = 32, 40, 24  # LAPACK in threads is slow beyond
BULK_LAST, EDGE_LAST = 9.5, -7.2  # where the series takes over: both are right to 2e-8 of D there

# coefficients of c^{−2k} in log det(1 − K_sine), from the σ form of Painlevé V
BULK_SERIES = (
    1 / 32,
    5 / 128,
    131 / 768,
    6575 / 4096,
    1080091 / 40960,
    16483607 / 24576,
    11212856393 / 458752,
)
# of t^{−3k} in log F_2(−t) and in √2 ∫q, from Painlevé II
EDGE_HALF = (3 / 64, 63 / 256, 2407 / 512, 1608657 / 8192, 1180103913 / 81920)
EDGE_GAP = (1 / 12, 73 / 576, 10657 / 7680, 13912277 / 344064, 8045883943 / 3538944)


class Pair(NamedTuple):
    """h and g of the module's text at each argument, and their slopes."""

    half: Array
    gap: Array
    d_half: Array
    d_gap: Array

    def log(self, beta: int) -> tuple[Array, Array]:
        """log of the probability of an empty interval, and its slope."""
        h, g, dh, dg = self
        if beta == 1:
            return h - g, dh - dg
        if beta == 2:
            return 2 * h, 2 * dh
        return h + _log_cosh(g), dh + np.tanh(g) * dg


def _log_cosh(g: Array) -> Array:
    return np.where(g < 1, np.log1p(2 * np.sinh(g / 2) ** 2), g - LOG2 + np.log1p(np.exp(-2 * g)))


@lru_cache(maxsize=8)
def legendre(nodes: int) -> tuple[Array, Array]:
    """Gauss-Legendre nodes and weights on [0, 1]."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    return (x + 1) / 2, w / 2


def determinant(matrix: Array) -> Array:
    """log det(1 − A) of symmetric matrices A with eigenvalues below 1, shape (..., n, n)."""
    return np.log1p(-np.linalg.eigvalsh(matrix)).sum(axis=-1)


def root_pair(matrix: Array, slope: Array) -> Pair:
    """The pair of det(1 ∓ A) for symmetric A, shape (m, n, n), and its derivative ``slope``."""
    mu, v = np.linalg.eigh(matrix)
    d_mu = (v * (slope @ v)).sum(axis=1)
    share = d_mu / ((1 - mu) * (1 + mu))
    return Pair(
        0.5 * np.log1p(-mu * mu).sum(axis=1),
        np.arctanh(mu).sum(axis=1),
        -(mu * share).sum(axis=1),
        share.sum(axis=1),
    )


# --- bulk: the sine kernel on an interval of s mean spacings, c = πs/2 ----------------------------


class Bulk(NamedTuple):
    """log D_± of the even and odd parts of the sine kernel, first derivative, and D''/D, in c."""

    log: Array
    slope: Array
    bend: Array


def sine(c: Array, nodes: int = BULK_NODES) -> tuple[Bulk, Bulk]:
    r"""Even and odd determinants of sin c(x − y)/π(x − y) on (−1, 1), for c of shape (m,), 0 ≤ c < 10.

    ∂K_±/∂c = u uᵀ with u = √(2/π) (cos cx, sin cx), so that with R = (1 − K)^{−1}
    (log D)' = −uᵀRu and D''/D = −2 u'ᵀRu.
    """
    x, w = legendre(nodes)
    root, c = np.sqrt(w), np.asarray(c)[:, None]
    less, more = x[:, None] - x, x[:, None] + x
    minus, plus = (c[:, :, None] / np.pi * np.sinc(c[:, :, None] * d / np.pi) for d in (less, more))
    scale = root * math.sqrt(2 / math.pi)
    u = (np.cos(c * x) * scale, np.sin(c * x) * scale)
    du = (-x * np.sin(c * x) * scale, x * np.cos(c * x) * scale)
    parts = []
    for sign, a, b in zip((1, -1), u, du, strict=True):
        lam, v = np.linalg.eigh(root[:, None] * root * (minus + sign * plus))
        p, q = (np.einsum("mij,mi->mj", v, y) for y in (a, b))
        gain = 1 / (1 - lam)
        parts.append(
            Bulk(np.log1p(-lam).sum(axis=1), -(p * p * gain).sum(axis=1), -2 * (p * q * gain).sum(axis=1))
        )
    return parts[0], parts[1]


def sine_series(c: Array) -> tuple[Bulk, Bulk]:
    """As `sine` for c > 9: asymptotic series of D = D_+D_−, and (log D)'' = −((log D_+/D_−)')²."""
    k = 2.0 * np.arange(1, len(BULK_SERIES) + 1)
    d = np.array(BULK_SERIES)
    log = -0.5 * c * c - 0.25 * np.log(c) + LOG2 / 12 + 3 * ZETA + _powers(c, k) @ d
    slope = -c - 0.25 / c - _powers(c, k + 1) @ (k * d)
    bend = -1 + 0.25 / c**2 + _powers(c, k + 2) @ (k * (k + 1) * d)
    third = -0.5 / c**3 - _powers(c, k + 3) @ (k * (k + 1) * (k + 2) * d)
    # log D_−/D_+ has slope √(−bend) = 1 − Σ e_k c^{−2k}
    e = _root_series(np.r_[1, -0.25, -(k * (k + 1) * d)])[1:]
    n = 2.0 * np.arange(1, e.size + 1)
    gap = c - 0.5 * LOG2 - _powers(c, n - 1) @ (e / (n - 1))
    d_gap = np.sqrt(-bend)
    dd_gap = -third / (2 * d_gap)
    parts = []
    for sign in (-1, 1):
        first = (slope + sign * d_gap) / 2
        parts.append(Bulk((log + sign * gap) / 2, first, (bend + sign * dd_gap) / 2 + first**2))
    return parts[0], parts[1]


def bulk(c: Array) -> tuple[Bulk, Bulk]:
    """`sine` or `sine_series`, whichever is more accurate at each c of shape (m,)."""
    return _switched(np.asarray(c, float), lambda c: c < BULK_LAST, sine, sine_series)


# --- soft edge: the operator of Ferrari and Spohn -------------------------------------------------


def soft(s: Array, nodes: int = EDGE_NODES) -> Pair:
    r"""Pair of V = Ai(x + y + s) on (0, ∞), s of shape (m,), s > −8; V² is the Airy kernel on (s, ∞).

    Cut where Ai is below e^{−40} of Ai(s). Source: Ferrari, Spohn, J. Phys. A 38 (2005) L557.
    """
    x, w = legendre(nodes)
    s = np.asarray(s)[:, None]
    length = (np.maximum(s, 0) ** 1.5 + 60) ** (2 / 3) - s
    at = length * x
    i, j = np.triu_indices(nodes)  # the Airy function is the cost: only where it is needed
    values = airy(at[:, i] + at[:, j] + s)
    root = np.sqrt(length * w)
    return _root_pair(nodes, root[:, i] * root[:, j], *values[:2])


def _root_pair(nodes: int, weight: Array, *entries: Array) -> Pair:
    """`root_pair` from upper triangles, row by row."""
    i, j = np.triu_indices(nodes)
    matrices = []
    for entry in entries:
        matrix = np.empty((len(weight), nodes, nodes))
        matrix[:, i, j] = matrix[:, j, i] = weight * entry
        matrices.append(matrix)
    return root_pair(*matrices)


def soft_series(s: Array) -> Pair:
    """As `soft` for s < −7, by the asymptotic series of Painlevé II."""
    t = -s
    k = 3.0 * np.arange(1, 6)
    a, b = np.array(EDGE_HALF), np.array(EDGE_GAP) / math.sqrt(2)
    half = (-(t**3) / 12 - np.log(t) / 8 + LOG2 / 24 + ZETA + _powers(t, k) @ a) / 2
    d_half = (t * t / 4 + 1 / (8 * t) + _powers(t, k + 1) @ (k * a)) / 2
    gap = (math.sqrt(2) / 3 * t**1.5 + LOG2 / 2 + _powers(t, k - 1.5) @ b) / 2
    d_gap = -(np.sqrt(t / 2) - _powers(t, k - 0.5) @ ((k - 1.5) * b)) / 2
    return Pair(half, gap, d_half, d_gap)


def edge(s: Array) -> Pair:
    """`soft` or `soft_series`, whichever is more accurate at each s of shape (m,)."""
    return _switched(np.asarray(s, float), lambda s: s > EDGE_LAST, soft, soft_series)


# --- hard edge ------------------------------------------------------------------------------------


def hard(s: Array, order: float, nodes: int = HARD_NODES) -> Pair:
    r"""Pair of V = ½ √s J_order(√(sxy)) on (0, 1), s > 0 of shape (m,); V² is the Bessel kernel on (0, s).

    (xy)^{order/2} goes into the weight of a Gauss-Jacobi rule: what is left is entire for any order > −1.
    Source: Forrester, Nonlinearity 19 (2006) 2989.
    """
    x, w = roots_jacobi(nodes, 0, order)
    x, w = (x + 1) / 2, w / 2 ** (order + 1)
    s = np.asarray(s)[:, None]
    i, j = np.triu_indices(nodes)
    z = np.sqrt(s * x[i] * x[j])
    bare = np.sqrt(w * x**-order)
    value = jv(order, z)
    slope = ((1 + order) * value - z * jv(order + 1, z)) / (2 * s)
    return _root_pair(nodes, 0.5 * np.sqrt(s) * bare[i] * bare[j], value, slope)


# --- series ---------------------------------------------------------------------------------------


def _powers(x: Array, k: np.ndarray) -> np.ndarray:
    return np.asarray(x)[..., None] ** -k


def _root_series(a: np.ndarray) -> np.ndarray:
    """Coefficients of the square root of a power series with a_0 = 1."""
    r = np.zeros_like(a)
    r[0] = 1.0
    for n in range(1, a.size):
        r[n] = (a[n] - r[1:n] @ r[n - 1 : 0 : -1]) / 2
    return r


def _switched(x, first, exact, series):
    """Apply one function where ``first``, else the other, to nested tuples of arrays."""
    choose = first(x)
    if choose.all():
        return exact(x)
    if not choose.any():
        return series(x)
    return _merge(choose, exact(x[choose]), series(x[~choose]))


def _merge(choose, a, b):
    if isinstance(a, np.ndarray):
        out = np.empty(choose.shape)
        out[choose], out[~choose] = a, b
        return out
    parts = [_merge(choose, p, q) for p, q in zip(a, b, strict=True)]
    return type(a)(*parts) if hasattr(a, "_fields") else tuple(parts)
