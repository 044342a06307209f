"""Eigenvalues of a real symmetric 2 × 2 Gaussian matrix of unequal variances."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from dyson.laws import normal_rayleigh as mixture
from dyson.laws.base import Array, Law
from dyson.laws.fitting import SUPPORT, Fit, Influence, checked_sample, judge, supported
from dyson.laws.normal_rayleigh import Arms
from dyson.laws.symmetric_spacing import angles
from streams.arguments import flag

BULK = 6.0  # widths up to which the coarser set of angles serves
ACCURACY = 2e-14
MOST = 4096  # angles of a quarter turn
PAIRS = "both eigenvalues of each matrix, shape (n, 2)"


@dataclass(frozen=True, slots=True)
class SymmetricPair(Law):
    r"""Density of an eigenvalue (either) of a real symmetric 2 × 2 Gaussian matrix M.

    M₁₁ ~ N(center, sd11²), M₂₂ ~ N(center, sd22²) and M₁₂ ~ N(0, sd12²) are independent. With
    t = (M₁₁ + M₂₂)/2, d = (M₁₁ − M₂₂)/2 and o = M₁₂ the eigenvalues are t ± √(d² + o²), and

        (d, o) = R (σ_d cos φ, sd12 sin φ),  t = center + κ d + τ ξ,
        σ_d² = (v₁ + v₂)/4,  κ = (v₁ − v₂)/(v₁ + v₂),  τ² = v₁v₂/(v₁ + v₂),  v_a = sd_aa²,

    ξ standard normal, R standard Rayleigh, φ uniform: an eigenvalue is center + τξ + c(φ) R with
    c = κσ_d cos φ ± √(σ_d² cos²φ + sd12² sin²φ), a mixture of laws with closed pdf and cdf
    (`dyson.laws.normal_rayleigh`). The mean over φ is the trapezoid rule in u, φ = am(u) Jacobi's
    amplitude, which converges exponentially at any anisotropy; nodes are doubled until the pdf
    changes by less than 2e-14 of itself. At sd12 = sd11/√2 = sd22/√2 it is
    `OnePairSemicircle(center, sd11)`.

    Fitted by moments from both eigenvalues of each matrix, with t and r = half their spacing:
    center = ⟨t⟩, σ_d² = Var t, sd12² = ⟨r²⟩ − Var t and κ² = Cov((t−center)², r²)/2σ_d⁴. That rests on
    equal targets: of unequal ones and a larger sd11 nothing is told apart. The eigenvalues do not
    change when sd11 and sd22 are exchanged: sd11 ≥ sd22 by convention. The error of κ² decides
    whether sd11 and sd22 can be told apart.

    Parameters
    ----------
    center : float
        Mean of M₁₁ and of M₂₂, units of x.
    sd11, sd22, sd12 : float
        Standard deviations of the three entries, > 0, units of x.

    Raises
    ------
    TypeError, ValueError
        See `Law`.
    """

    center: float
    sd11: float
    sd22: float
    sd12: float

    _positive = ("sd11", "sd22", "sd12")
    _widths = _positive
    _widest = 1.01e5  # the integral over directions takes points in proportion
    _formula = (
        r"\int_0^{2\pi}\frac{d\varphi}{2\pi}\left[\frac{\tau e^{-z^2/2\tau^2}}{\sqrt{2\pi}\,\Omega^2}"
        r" + \frac{c\,z}{2\Omega^3} e^{-z^2/2\Omega^2}\mathrm{erf}\frac{cz}{\sqrt2\,\tau\,\Omega}\right],"
        r"\quad \Omega^2 = \tau^2 + c(\varphi)^2,\; z = x-\bar{x}"
    )

    @classmethod
    def fit(cls, sample: ArrayLike, equal: bool = False) -> Fit[Self]:
        """Estimate the parameters from pairs of eigenvalues; see `Law.fit`.

        Parameters
        ----------
        sample : array_like, shape (n, 2)
            Both eigenvalues of each matrix, in any order; rows are independent.
        equal : bool
            Whether sd11 = sd22 is known (κ = 0). Needed where the sample does not show them to
            differ: κ² has to be 3 errors above 0.

        Raises
        ------
        ValueError, TypeError
            See `Law.fit`; also for another shape, for sd12² not 3 errors above 0, for κ² not 3
            errors above 0 (unless ``equal``) or not below 1.
        """
        flag("equal", equal)
        x = checked_sample(cls.__name__, sample)
        if x.shape[1] != 2:
            raise ValueError(f"{cls.__name__}.fit: sample must be {PAIRS}, got rows of {x.shape[1]}")
        law, influence = _fit_entries(cls, x, equal)
        return judge(law, x, influence)

    @property
    def _loc(self) -> float:
        return self.center

    @property
    def _scale(self) -> float:
        return max(self.sd11, self.sd22, self.sd12)

    def _arms(self, far: bool) -> Arms:
        s = self._scale
        return _matrix_arms(self.sd11 / s, self.sd22 / s, self.sd12 / s, far)

    def _either(self, function, z: Array) -> Array:
        """``function`` with few angles in the bulk and as many as it takes in the tails."""
        near = self._arms(False)
        tail = np.abs(z) > BULK * near.omega.max()
        out = np.asarray(function(np.where(tail, 0.0, z), near))
        if np.any(tail):
            out[tail] = function(np.asarray(z)[tail], self._arms(True))
        return out

    def _pdf(self, z: Array) -> Array:
        return self._either(mixture.pdf, z)

    def _cdf(self, z: Array) -> Array:
        return self._either(mixture.cdf, z)

    def _sf(self, z: Array) -> Array:
        return self._cdf(-z)

    def _ppf(self, q: Array) -> Array:
        tail = np.minimum(q, 1 - q)
        far = ~(self._cdf(np.array(-BULK * self._arms(False).omega.max())) < tail)
        z = np.asarray(mixture.quantile(np.where(far, 0.5, tail), self._arms(False)))
        if np.any(far):
            z[far] = mixture.quantile(tail[far], self._arms(True))
        return np.where(np.asarray(q) > 0.5, -z, z)

    def _rvs(self, size: int | tuple[int, ...], rng: np.random.Generator) -> Array:
        s = self._scale
        a, b = self.sd11 / s * rng.standard_normal(size), self.sd22 / s * rng.standard_normal(size)
        half = np.hypot((a - b) / 2, self.sd12 / s * rng.standard_normal(size))
        return (a + b) / 2 + np.where(rng.integers(0, 2, size, dtype=np.int8), half, -half)

    def _moment(self, k: int) -> float:
        return mixture.moment(k, self._arms(True))

    @classmethod
    def _estimate(cls, x: Array) -> tuple[Self, Influence]:
        return _fit_entries(cls, x, False)


@lru_cache(maxsize=128)
def _matrix_arms(sd11: float, sd22: float, sd12: float, far: bool) -> Arms:
    """Arms of `SymmetricPair`, angles doubled until the pdf stands in the bulk or in the far tails."""
    count, old, arms = 8, None, _arms_at(sd11, sd22, sd12, 8)
    widest = float(arms.omega.max())
    z = widest * (
        np.linspace(BULK, 38, 9) if far else np.r_[np.geomspace(1e-6, 1, 25), np.linspace(1.1, BULK, 25)]
    )
    while count <= MOST:
        new = mixture.log_pdf(z, arms)
        if old is not None and np.max(np.abs(np.expm1(new - old))) < (50 if far else 1) * ACCURACY:
            break
        old, count = new, 2 * count
        arms = _arms_at(sd11, sd22, sd12, count)
    return arms


def _arms_at(sd11: float, sd22: float, sd12: float, count: int) -> Arms:
    diagonal = math.hypot(sd11, sd22) / 2
    tau = sd11 * sd22 / math.hypot(sd11, sd22)
    kappa = abs(sd11 - sd22) * (sd11 + sd22) / (sd11 * sd11 + sd22 * sd22)
    weight, sn, dn = angles(min(diagonal, sd12) / max(diagonal, sd12), count)
    cn = np.sqrt(np.maximum((1 - sn) * (1 + sn), 0))
    cosine, sine = (cn, sn) if diagonal >= sd12 else (sn, cn)
    wide = kappa * diagonal * cosine + max(diagonal, sd12) * dn
    # the product of the two arms is −(τ² cos² + sd12² sin²): no difference of nearly equal numbers
    narrow = ((tau * cosine) ** 2 + (sd12 * sine) ** 2) / wide
    return Arms(tau, np.r_[weight, weight] / 2, np.r_[wide, narrow])


def _fit_entries(cls: type, x: Array, equal: bool) -> tuple:
    n = len(x)
    t, square = x.mean(axis=1), ((x[:, 0] - x[:, 1]) / 2) ** 2
    center = t.mean()
    u = (t - center) ** 2
    first, second = u.mean(), square.mean()
    d_first, d_second = u - first, square - second
    off, d_off = second - first, d_second - d_first
    error = d_off.std(ddof=1) / math.sqrt(n)
    if not off > SUPPORT * error:
        raise ValueError(
            f"{cls.__name__}.fit: {n} rows give sd12² = ⟨r²⟩ − Var t = {off:.3g} ± {error:.2g}, which is not "
            f"{SUPPORT:g} errors above 0; pass more rows, {PAIRS}, or fit a Gaussian to each entry"
        )
    cross = np.mean(d_first * d_second)
    skew = 0.0 if equal else cross / (2 * first**2)
    d_skew = (
        np.zeros(n) if equal else (d_first * d_second - cross) / (2 * first**2) - 2 * skew / first * d_first
    )
    if not equal:
        error = d_skew.std(ddof=1) / math.sqrt(n)
        supported(cls.__name__, "κ²", skew, error, n, f"{cls.__name__}.fit(sample, equal=True)")
        if not skew + error < 1:
            raise ValueError(
                f"{cls.__name__}.fit: κ² = {skew:.3g} ± {error:.2g} is not below 1, so that sd22 is not told "
                "from 0: pass more rows, and only matrices with equal means of both diagonal entries"
            )
    kappa = math.sqrt(skew)
    d_kappa = np.zeros(n) if equal else d_skew / (2 * kappa)
    # v = 2 σ_d² (1 ± κ)
    sd11, sd22 = math.sqrt(2 * first * (1 + kappa)), math.sqrt(2 * first * (1 - kappa))
    influence = {
        "center": t - center,
        "sd11": (d_first * (1 + kappa) + first * d_kappa) / sd11,
        "sd22": (d_first * (1 - kappa) - first * d_kappa) / sd22,
        "sd12": d_off / (2 * math.sqrt(off)),
    }
    law = cls(center, sd11, sd22, math.sqrt(off))
    return law, {name: change[:, None] for name, change in influence.items()}
