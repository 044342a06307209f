"""Many tests at once: p-values adjusted by Holm's method, and by Benjamini and Hochberg's."""

from __future__ import annotations

import numpy as np

__all__ = ["benjamini_hochberg", "holm"]


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's adjusted p-values: rejecting those below a keeps the chance of any false alarm below a.

    Whatever the dependence between the tests. Holm, Scand. J. Stat. 6 (1979) 65.

    Parameters
    ----------
    p : ndarray
        Of any shape. NaN (no test) stays NaN and does not count.
    """
    flat, order = _ascending(p)
    steps = flat[order] * np.arange(order.size, 0, -1)
    return _back(p, order, np.maximum.accumulate(steps))


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Benjamini and Hochberg's adjusted p-values: of those below a, on average a share a is false.

    For tests that are independent or positively dependent. Benjamini, Hochberg, J. R. Stat. Soc. B 57
    (1995) 289.

    Parameters
    ----------
    p : ndarray
        Of any shape. NaN (no test) stays NaN and does not count.
    """
    flat, order = _ascending(p)
    steps = flat[order] * order.size / np.arange(1, order.size + 1)
    return _back(p, order, np.minimum.accumulate(steps[::-1])[::-1])


def _ascending(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The p-values in one row, and the places of those that are tests, smallest first."""
    flat = np.asarray(p, dtype=float).ravel()
    tests = np.flatnonzero(~np.isnan(flat))
    return flat, tests[np.argsort(flat[tests], kind="stable")]


def _back(p: np.ndarray, order: np.ndarray, steps: np.ndarray) -> np.ndarray:
    out = np.full(np.size(p), np.nan)
    out[order] = np.minimum(1.0, steps)
    return out.reshape(np.shape(p))
