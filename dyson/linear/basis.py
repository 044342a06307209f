"""The basis in which SGD of a linear network acts entry by entry: eigenvectors of ZᵀZ and of C."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from streams.matrices import ROUNDING


class Basis(NamedTuple):
    """W = left · A · rightᵀ, and the gradient of the mean loss in terms of A.

    Attributes
    ----------
    left, right : ndarray, shapes (M, M), (N, N)
        Orthogonal: eigenvectors of ZᵀZ and of C, by descending eigenvalue.
    overlap : ndarray, shape (M, N)
        leftᵀ · right where W is square; exactly 1 where the two bases are one.
    z2, c : ndarray, shapes (M,), (N,)
        Eigenvalues of ZᵀZ and C; those that vanish up to rounding are exactly 0.
    """

    left: np.ndarray
    right: np.ndarray
    overlap: np.ndarray | None
    z2: np.ndarray
    c: np.ndarray

    @property
    def aligned(self) -> bool:
        """Whether both sides have one basis."""
        return self.overlap is not None and np.array_equal(self.overlap, np.eye(len(self.overlap)))

    def inside(self, w: np.ndarray) -> np.ndarray:
        """A of W, any leading axes."""
        return self.left.T @ w @ self.right

    def outside(self, a: np.ndarray) -> np.ndarray:
        """W of A, any leading axes."""
        return self.left @ a @ self.right.T


def eigenbasis(shape: tuple[int, int], output: np.ndarray | None, covariance: np.ndarray | None) -> Basis:
    """The basis of a student of this shape (M, N), Z = 1 and C = 1 where they are None."""
    m, n = shape
    left, z2 = np.eye(m), np.ones(m)
    right, c = np.eye(n), np.ones(n)
    if output is not None:
        _, singular, rows = np.linalg.svd(output)
        singular[singular <= ROUNDING * singular[0]] = 0.0
        z2 = np.r_[singular, np.zeros(m - len(singular))] ** 2  # fewer outputs than rows: the rest is blind
        left = rows.T.copy()
    if covariance is not None:
        values, vectors = np.linalg.eigh(covariance)
        c, right = values[::-1].copy(), vectors[:, ::-1].copy()
        c[c <= ROUNDING * c[0]] = 0.0
    # One basis for both sides, where one of them is free, keeps symmetric noise symmetric.
    if m == n and output is None:
        left = right
    elif m == n and covariance is None:
        right = left
    overlap = None
    if m == n:
        overlap = np.eye(n) if left is right else left.T @ right
    return Basis(left, right, overlap, z2, c)


class Pairs(NamedTuple):
    """Numbers for pairs (i, j) of entries of A, i <= j counted row by row; what is not listed is zero."""

    first: np.ndarray
    second: np.ndarray
    values: np.ndarray


def noise_pairs(basis: Basis, noise: str | np.ndarray, eps: float, symmetric: bool) -> Pairs:
    """Covariance of one sample's additive gradient noise between entries of A.

    Parameters
    ----------
    noise : {"label", "isotropic", "symmetric", "none"} or ndarray, shape (M, N, M, N)
    eps : float
    symmetric : bool
        Of the gradient's symmetric part.

    Returns
    -------
    Pairs
        With every (i, i), and where `symmetric` every (ab, ba), whatever their value.
    """
    m, n = len(basis.z2), len(basis.c)
    size = m * n
    if isinstance(noise, str) and noise != "symmetric" and not symmetric:
        entry = np.arange(size)
        return Pairs(entry, entry, _variances(basis, noise, eps).ravel())
    if isinstance(noise, str) and noise == "symmetric" and basis.aligned:
        rows, columns = np.divmod(np.arange(size), n)
        mirror = columns * n + rows
        keep = mirror >= np.arange(size)
        first, second = np.arange(size)[keep], mirror[keep]
        off = first != second
        same, square = np.arange(size), np.full(size, eps**2)
        square[np.arange(0, size, n + 1)] *= 2
        return Pairs(np.r_[same, first[off]], np.r_[same, second[off]], np.r_[square, square[first[off]]])
    full = _full(basis, noise, eps)
    keep = np.eye(size, dtype=bool).reshape(m, n, m, n)
    if symmetric:
        full = (full + full.transpose(1, 0, 2, 3)) / 2
        full = (full + full.transpose(0, 1, 3, 2)) / 2
        keep = keep | keep.transpose(1, 0, 2, 3)
    full, keep = full.reshape(size, size), keep.reshape(size, size)
    first, second = np.nonzero(np.triu((full != 0) | keep))
    return Pairs(first, second, full[first, second])


def _variances(basis: Basis, noise: str, eps: float) -> np.ndarray:
    """Of the noises that are independent from entry to entry of A."""
    shape = (len(basis.z2), len(basis.c))
    if noise == "label":
        return eps**2 * np.outer(basis.z2, basis.c)
    return np.full(shape, eps**2 if noise == "isotropic" else 0.0)


def _full(basis: Basis, noise: str | np.ndarray, eps: float) -> np.ndarray:
    m, n = len(basis.z2), len(basis.c)
    if not isinstance(noise, str):
        u, v = basis.left, basis.right
        return np.einsum("iakb,ij,ac,kl,bd->jcld", noise, u, v, u, v, optimize=True)
    if noise != "symmetric":
        return np.diag(_variances(basis, noise, eps).ravel()).reshape(m, n, m, n)
    assert basis.overlap is not None
    unit = np.einsum("ac,bd->abcd", np.eye(m), np.eye(n))
    return eps**2 * (unit + np.einsum("ad,cb->abcd", basis.overlap, basis.overlap))
