"""Gradient noise that is given by its covariance instead of by samples, at diagonal weights."""

from __future__ import annotations

import sympy

from dyson.derive.evaluation import value_of

ZERO = sympy.Integer(0)


class GivenNoise:
    """The Kronecker covariances of ``Noise`` at explicit size.

    Parameters
    ----------
    sde : MatrixSDE
    at : mapping
        Values of the expressions' names at diagonal weights.
    m, n : int
        Size of W.
    """

    def __init__(self, sde, at, m: int, n: int):
        self.share = sympy.Rational(1, 2) if sde.beta == 2 else sympy.Integer(1)
        self.factors = []
        for noise in sde.noise:
            row = _square(value_of(sde, noise.row, "noise", at), m)
            column = _square(value_of(sde, noise.column, "noise", at), n)
            what = f"the noise covariance ({noise.row}) ⊗ ({noise.column})"
            if not (row.is_diagonal() and column.is_diagonal()):
                raise ValueError(f"{what} must be diagonal where W is")
            if any((row[a, a] * column[b, b]).is_negative for a in range(m) for b in range(n)):
                raise ValueError(f"{what} is negative")
            if sde.spectrum == "symmetric" and not noise.symmetric:
                raise ValueError("a symmetric W needs symmetric noise: Noise(..., symmetric=True)")
            if noise.symmetric and m != n:
                raise ValueError("symmetric noise needs a square W")
            self.factors.append((row, column, noise.symmetric))

    @property
    def variances(self) -> list[sympy.Expr]:
        """Those of the first entry."""
        return [row[0, 0] * column[0, 0] for row, column, _ in self.factors]

    def covariance(self, d, e) -> sympy.Expr:
        """Cov(dM_d, dM_e)/dt of two directions; none with a trained scalar."""
        if isinstance(d, str) or isinstance(e, str) or d.layer != e.layer or d.part != e.part:
            return ZERO
        total = ZERO
        sign = -1 if d.part else 1
        for row, column, symmetric in self.factors:
            total += self.share * row[d.row, e.row] * column[d.column, e.column]
            if symmetric:
                total += self.share * sign * row[d.row, e.column] * column[d.column, e.row]
        return total


def _square(value, size: int) -> sympy.Matrix:
    """A scalar as a multiple of the identity."""
    if not getattr(value, "is_Matrix", False):
        return value * sympy.eye(size)
    if value.shape != (size, size):
        came = f"{value.rows} × {value.cols}"
        raise ValueError(
            f"a noise covariance must be {size} × {size} here, got {came} (row M × M, column N × N)"
        )
    return value
