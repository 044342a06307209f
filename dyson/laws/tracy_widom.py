"""The largest eigenvalue of a large random matrix."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import inf, sqrt
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from dyson.laws.base import Array
from dyson.laws.fitting import Fit, checked_sample, judge
from dyson.laws.fredholm import EDGE_LAST, Pair, edge
from dyson.laws.log_table import LogTable, Tabulated, index, log_complement, panel_nodes, settle

LOW, HIGH = -25.0, 60.0  # of s; densities are below 1e-130 beyond


@dataclass(frozen=True, slots=True)
class TracyWidom(Tabulated):
    r"""Law of the largest eigenvalue, x = center + scale·s, in the limit of large matrices.

    With V the integral operator Ai(x + y + s) on (0, ∞) and D_± = det(1 − V), det(1 + V):

        F_1(s) = D_+,   F_2(s) = D_+ D_−,   F_4(s) = ½ (D_+ + D_−) at √2 s.

    The √2 in F_4 is that of Tracy and Widom and of Bornemann (mean −2.3069, variance 0.5177); other authors
    use s' = √2 s (mean −3.2624). Sources: Tracy, Widom, Commun. Math. Phys. 177 (1996) 727; Ferrari, Spohn,
    J. Phys. A 38 (2005) L557; Bornemann, Markov Process. Related Fields 16 (2010) 803.

    `gaussian` gives center and scale of n eigenvalues of finite width.

    Determinants by quadrature, tabulated by Chebyshev series on first use (0.5 s): the cdf is right to
    1e-13, far tails relative to themselves to 1e-10 above and 1e-7 below (asymptotic series there).

    Fitted by moments, center and scale with beta given.

    Parameters
    ----------
    beta : int
        1, 2 or 4.
    center, scale : float
        x = center + scale·s; scale > 0.

    Raises
    ------
    TypeError, ValueError
        See `Law`; for another beta.
    """

    beta: int = 1
    center: float = 0.0
    scale: float = 1.0

    _positive = ("scale",)
    _support = (-inf, inf)
    _formula = r"F_2(s)=\det(1-K_{\mathrm{Ai}})_{(s,\infty)},\quad s=\frac{x-\bar{x}}{w}"

    def __post_init__(self) -> None:
        settle(self, beta=index("TracyWidom", self.beta))

    @classmethod
    def gaussian(cls, n: int, beta: int = 1, sigma: float = 1.0) -> Self:
        r"""Law for the largest of n eigenvalues with P ∝ Π|x_i − x_j|^β exp(−Σ x_i²/2σ²), n → ∞.

        center = σ√(2βn'), scale = σ√(β/2) n'^{−1/6}, and at β = 4, for the s of F_4 above, 2^{−1/6} of that;
        n' = n + 1/2 − 1/β, which leaves corrections of order n^{−2/3} to the mean (0.01 scale at n = 400).
        """
        from streams.arguments import count, positive

        n, sigma, beta = count("n", n), positive("sigma", sigma), index("TracyWidom", beta)
        size = n + 0.5 - 1 / beta
        width = sigma * sqrt(beta / 2) * size ** (-1 / 6) * (2 ** (-1 / 6) if beta == 4 else 1.0)
        return cls(beta, sigma * sqrt(2 * beta * size), width)

    @classmethod
    def fit(cls, sample: ArrayLike, beta: int = 1) -> Fit[Self]:
        """Center and scale from a sample, by its mean and standard deviation; see `Law.fit`.

        Parameters
        ----------
        sample : array_like, shape (n,) or (n, m)
            Largest eigenvalues; rows are independent.
        beta : int
            1, 2 or 4, held fixed.
        """
        standard = cls(beta)
        x = checked_sample(cls.__name__, sample)
        mean, std, first, width = x.mean(), x.std(), standard.expectation, sqrt(standard.var)
        d_scale = ((x - mean) ** 2 - std**2) / (2 * std * width)
        law = cls(beta, float(mean - first * std / width), float(std / width))
        return judge(law, x, {"center": x - mean - first * d_scale, "scale": d_scale})

    @property
    def _loc(self) -> float:
        return self.center

    @property
    def _scale(self) -> float:
        return self.scale

    @property
    def _table(self) -> LogTable:
        return _table(self.beta)


@lru_cache(maxsize=1)
def _pair() -> tuple[Array, Pair]:
    """Panels of s and what all β share at their points."""
    # an edge at the change from determinant to series keeps its 1e-8 out of the panels
    middle = np.linspace(EDGE_LAST, 8.0, 16)
    edges = np.r_[np.linspace(LOW, EDGE_LAST, 10)[:-1], middle, 12.0, 18.0, 28.0, 44.0, HIGH]
    return edges, edge(panel_nodes(edges).ravel())


@lru_cache(maxsize=3)
def _table(beta: int) -> LogTable:
    edges, pair = _pair()
    log, slope = (a.reshape(len(edges) - 1, -1) for a in pair.log(beta))
    unit = sqrt(2) if beta == 4 else 1.0
    return LogTable.of(edges / unit, log + np.log(slope * unit), log, log_complement(log))
