"""Spacing of neighbours in the bulk of a large random matrix."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from dyson.laws.base import Array
from dyson.laws.fitting import Fit, judge, most_likely
from dyson.laws.fredholm import BULK_LAST, bulk
from dyson.laws.log_table import LogTable, Tabulated, index, panel_nodes, settle
from dyson.laws.pair_spacing import checked_spacings

CLOSE = 0.02  # spacings below which three eigenvalues do not matter at β = 4, in units of the mean
LAST = {1: 40.0, 2: 36.0, 4: 50.0}  # c at which the table ends: density 1e-180 and below


@dataclass(frozen=True, slots=True)
class GaudinSpacing(Tabulated):
    r"""Spacing of neighbouring eigenvalues in the bulk, for matrices of size n → ∞ (Gaudin, Mehta).

    p(s) = E''(0; s) with E(0; s) the probability of no eigenvalue in an interval of s mean spacings. With
    D_± the determinants of the even and odd parts of the sine kernel on an interval of length s,

        E_1 = D_+(s),   E_2 = D_+(s) D_−(s),   E_4 = ½ [D_+(2s) + D_−(2s)]

    (Mehta, Random Matrices, ch. 6-7, 11, 20). `WignerSurmise` is the law of 2 × 2 matrices, whose cdf
    differs by up to 0.0066 at β = 1. Var s = 0.2855, 0.1800, 0.1041 at β = 1, 2, 4.

    Determinants by quadrature, derivatives without differences, tabulated on first use (0.2 s): density and
    probabilities right to 1e-12 (in the limit s → 0 relative to themselves to 1e-9); where sf < 1e-9,
    asymptotic series, right relative to itself to 1e-7.

    Fitted by maximum likelihood, mean with beta given.

    Parameters
    ----------
    mean : float
        ⟨S⟩, > 0, units of x.
    beta : int
        1, 2 or 4.

    Raises
    ------
    TypeError, ValueError
        See `Law`; for another beta; `fit` also for negative spacings.
    """

    mean: float = 1.0
    beta: int = 1

    _positive = ("mean",)
    _support = (0.0, math.inf)
    _formula = r"\frac{d^2}{ds^2}\det(1-K_{\sin})_{(0,s)},\quad s = \frac{S}{\langle S\rangle}"

    def __post_init__(self) -> None:
        settle(self, beta=index("GaudinSpacing", self.beta))

    @classmethod
    def fit(cls, sample: ArrayLike, beta: int = 1) -> Fit[Self]:
        """Mean spacing from a sample, by maximum likelihood; see `Law.fit`.

        Parameters
        ----------
        sample : array_like, shape (n,) or (n, m)
            Spacings ≥ 0; rows are independent.
        beta : int
            1, 2 or 4, held fixed.
        """
        table = cls(1.0, beta)._table
        x = checked_spacings(cls.__name__, sample)
        unit = float(x.mean())

        def log_density(y: Array, theta: Array) -> Array:
            # a spacing of exactly zero tells as much as a small one: s^β without s in the likelihood
            size = math.exp(theta[0])
            z = y / size
            return table.pdf_log(z) - beta * theta[0] - theta[0]

        (size,), rows = most_likely(log_density, x / unit, np.zeros(1))
        mean = unit * math.exp(size)
        return judge(cls(mean, beta), x, {"mean": mean * rows})

    @property
    def _loc(self) -> float:
        return 0.0

    @property
    def _scale(self) -> float:
        return self.mean

    @property
    def _table(self) -> LogTable:
        return _table(self.beta)


def gap_probability(s: ArrayLike, beta: int = 1) -> Array:
    """Probability E(0; s) that an interval of s mean spacings holds no eigenvalue of a large matrix.

    Parameters
    ----------
    s : array_like
        ≥ 0.
    beta : int
        1, 2 or 4.
    """
    s, beta = np.asarray(s, dtype=float), index("gap_probability", beta)
    if not np.all(s >= 0):
        raise ValueError(f"s must be >= 0, got {np.min(s):g}")
    even, odd = bulk(np.pi * s.ravel() / 2 * (2 if beta == 4 else 1))
    value = np.exp(even.log)
    if beta == 2:
        value = value * np.exp(odd.log)
    elif beta == 4:
        value = (value + np.exp(odd.log)) / 2
    return value.reshape(s.shape)[()]


@lru_cache(maxsize=3)
def _table(beta: int) -> LogTable:
    stretch = math.pi / 2 * (2 if beta == 4 else 1)
    edges = np.r_[np.linspace(0, BULK_LAST, 20), np.linspace(BULK_LAST, LAST[beta], 16)[1:]]
    c = panel_nodes(edges)
    even, odd = bulk(c.ravel())
    if beta == 1:
        log_pdf, log_sf = even.log + np.log(even.bend), even.log + np.log(-even.slope)
    elif beta == 2:
        log = even.log + odd.log
        log_pdf = log + np.log(4 * even.slope * odd.slope)
        log_sf = log + np.log(-even.slope - odd.slope)
    else:
        less = np.exp(even.log - odd.log)
        log_pdf = odd.log + np.log(np.maximum(odd.bend + less * even.bend, 1e-300) / 2)
        log_sf = odd.log + np.log(-(odd.slope + less * even.slope) / 2)
    s = c.ravel() / stretch
    log_pdf = log_pdf + 2 * math.log(stretch)
    if beta == 4:
        log_pdf = np.where(s < CLOSE, np.log(_close(np.minimum(s, CLOSE))), log_pdf)
    log_pdf, log_sf = (a.reshape(c.shape) for a in (log_pdf - beta * np.log(s), log_sf + math.log(stretch)))
    return LogTable.of(edges / stretch, log_pdf, None, log_sf, power=float(beta))


def _close(s: Array) -> np.ndarray:
    r"""Density at β = 4 for s ≪ 1: the two-point function 1 − S² + S' ∫S at 2s, by its power series.

    S = sin(x)/x, S' ∫S with x = 2πs. With S = Σ a_k x^{2k}; three eigenvalues add a part of order s^9.
    """
    x2 = (2 * np.pi * s) ** 2
    k = np.arange(9)
    a = np.array([(-1.0) ** i / math.factorial(2 * i + 1) for i in k])
    square = np.convolve(a, a)[:9]
    product = np.convolve(2 * k * a, a / (2 * k + 1))[:9]
    series = product - square
    series[0] += 1.0  # orders 0 and 2 vanish
    return np.polynomial.polynomial.polyval(x2, np.r_[0.0, 0.0, series[2:]])
