"""The papers' study of the linear network: growth at the rates of Z, and the densities it leaves."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from scipy.optimize import curve_fit

import dyson
import sgd
from compare.measure.growth_fit import fit_growth
from dyson.laws import Fit, Law, OnePairSemicircle, SymmetricPair, TwoSpeciesSemicircle
from streams.arguments import count, finite, positive

BINS = 80
"""Bins of the histograms that laws are fitted to by least squares, as the papers do."""

SETTLED = 4.0
"""Relaxation times after which the variance of the slowest row is stationary to e^-8."""


@dataclass(frozen=True)
class LinearSetting:
    r"""A 2 × 2 student ŷ = Z W x of a degenerate teacher W_t = √κ 1, isotropic gradient noise ε.

    Parameters
    ----------
    teacher : float
        κ > 0, both eigenvalues of W_tᵀW_t.
    eps : float
        ε > 0.
    learning_rate : float
    batch_size : int
    """

    teacher: float = 2.0
    eps: float = 0.3
    learning_rate: float = 0.01
    batch_size: int = 16

    def __post_init__(self) -> None:
        for name in ("teacher", "eps", "learning_rate"):
            positive(name, getattr(self, name))
        count("batch_size", self.batch_size)

    def network(self, z, data: str = "batch") -> sgd.LinearNetwork:
        """The model with output diag(z)."""
        output, teacher = np.diag(finite("z", z, (1,))), math.sqrt(self.teacher) * np.eye(2)
        return sgd.LinearNetwork(teacher, output=output, noise="isotropic", eps=self.eps, data=data)

    def theory(self, z, data: str = "batch") -> dyson.LinearSGD:
        """Level matrix of it in closed form; only numbers cross over."""
        network = self.network(z, data)
        names = ("teacher", "output", "noise", "eps", "data")
        return dyson.LinearSGD(
            learning_rate=self.learning_rate,
            batch_size=self.batch_size,
            **{name: getattr(network, name) for name in names},
        )

    def train(self, z, steps: int, replicas: int, data: str = "batch", **options: Any) -> xr.Dataset:
        """An ensemble of it."""
        network = self.network(z, data)
        return sgd.train(network, self.learning_rate, self.batch_size, steps, replicas, **options)

    def row_widths(self, z) -> np.ndarray:
        """Stationary standard deviation of W's entries, per row: T ε²/(2 z²)/(1 − α z²/2)."""
        z2 = np.asarray(z, float) ** 2
        noise = self.learning_rate / self.batch_size * self.eps**2
        return np.sqrt(noise / (2 * z2) / (1 - self.learning_rate * z2 / 2))

    def second_output(self, ratio: float, z1: float = 1.0) -> float:
        """z_2 >= z_1 for which the rows' widths differ by ``ratio`` at this learning rate.

        Raises
        ------
        ValueError
            Where no stable z_2 does.
        """
        a = self.learning_rate
        wanted = ratio**2 * z1**2 * (1 - a * z1**2 / 2)  # z_2² (1 − α z_2²/2)
        inside = 1 - 2 * a * wanted
        if ratio < 1 or inside < 0:
            raise ValueError(
                f"no output makes rows differ by {ratio:g} at learning_rate {a:g}: ratio must be >= 1, and "
                f"the learning rate below {1 / (2 * wanted):.3g}"
            )
        return math.sqrt((1 - math.sqrt(inside)) / a)


@dataclass(frozen=True)
class LawFit:
    """A law beside a measured density: how it was found, and its Kolmogorov–Smirnov distance."""

    name: str
    law: Law | None
    distance: float
    note: str = ""
    fit: Fit | None = None


def grown(
    setting: LinearSetting,
    z,
    epochs: int,
    epoch_steps: int,
    replicas: int,
    start_epoch: int = 2,
    **options: Any,
) -> tuple[xr.Dataset, xr.Dataset]:
    """Training from W = 0, recorded every ``epoch_steps`` steps, and the fit of its rates."""
    run = setting.train(z, epochs * epoch_steps, replicas, record=epoch_steps, initial=0.0, **options)
    return run, fit_growth(run, start_epoch * epoch_steps * setting.learning_rate)


def settled(setting: LinearSetting, z, replicas: int, **options: Any) -> np.ndarray:
    """Both eigenvalues of every replica after training from the fixed point to stationarity."""
    run = settled_run(setting, z, replicas, **options)
    return run["eigenvalue"].values[np.isnan(run["diverged"].values), 0]


def settled_run(setting: LinearSetting, z, replicas: int, **options: Any) -> xr.Dataset:
    """One record of an ensemble at stationarity, started at the fixed point."""
    slowest = float(np.min(np.asarray(z, float) ** 2))
    steps = math.ceil(SETTLED / (slowest * setting.learning_rate))
    return setting.train(z, steps, replicas, record=[steps], initial="fixed-point", **options)


def row_variances(run: xr.Dataset, setting: LinearSetting) -> tuple[np.ndarray, np.ndarray]:
    """Variance of W's entries in each row about the teacher at the last record, and its standard error."""
    off = run["weight"].values[:, -1] - math.sqrt(setting.teacher) * np.eye(2)
    square = (off**2).mean(axis=-1)[np.isnan(run["diverged"].values)]
    return square.mean(axis=0), square.std(axis=0, ddof=1) / math.sqrt(len(square))


def density_laws(setting: LinearSetting, z, x: np.ndarray) -> list[LawFit]:
    r"""The laws that the papers and this package hold against a density, with their distances.

    With rows of W − W_t of widths s_a, X − κ ≈ √κ M, M Gaussian with Var M_aa = 4 s_a² and
    Var M_12 = s_1² + s_2²: the exact law of that matrix has nothing to fit. The generalised semicircle
    has the right shape, but not with the widths σ_a = 2 √κ s_a that one would naively give it.

    Parameters
    ----------
    x : ndarray, shape (replica, 2)

    Returns
    -------
    list of LawFit
        One species and two species by maximum likelihood and by least squares on a histogram of 80 bins
        (as in the papers' figures), two species of the naive widths, and the exact law.
    """
    s, root = setting.row_widths(z), math.sqrt(setting.teacher)
    values = np.sort(x, axis=None)
    center = setting.teacher + float((s**2).sum())  # ⟨δᵀδ⟩ beside the linear term
    found = []
    for law, words in ((OnePairSemicircle, "one species"), (TwoSpeciesSemicircle, "two species")):
        try:
            fit = law.fit(x)
            found.append(LawFit(f"{words}, maximum likelihood", fit.law, fit.distance, fit=fit))
        except ValueError as error:
            found.append(LawFit(f"{words}, maximum likelihood", None, math.nan, str(error)))
        squares = least_squares(law, values)
        found.append(LawFit(f"{words}, least squares", squares, ks_distance(squares, values)))
    naive = TwoSpeciesSemicircle(center, float(2 * root * s[0]), float(2 * root * s[1]))
    exact = SymmetricPair(center, float(2 * root * s[0]), float(2 * root * s[1]), root * float(np.hypot(*s)))
    found.append(LawFit("two species, naive widths", naive, ks_distance(naive, values)))
    found.append(LawFit("exact, nothing fitted", exact, ks_distance(exact, values)))
    return found


def ks_distance(law: Law, ordered: np.ndarray) -> float:
    """Kolmogorov–Smirnov distance sup |F_n − F| of ordered values."""
    n, cdf = ordered.size, law.cdf(ordered)
    rank = np.arange(n) / n
    return float(max(np.max(rank + 1 / n - cdf), np.max(cdf - rank)))


def least_squares(law: Callable[..., Law], values: np.ndarray) -> Law:
    """Centre and widths that make the density closest to a histogram; widths in descending order."""
    density, edges = np.histogram(values, bins=BINS, density=True)
    middle, spread = float(values.mean()), float(values.std())
    x = ((edges[1:] + edges[:-1]) / 2 - middle) / spread
    widths = 1 if law is OnePairSemicircle else 2

    def shape(at, center, *logs):
        return law(center, *np.exp(logs)).pdf(at)

    start = [0.0, *np.log([0.8, 0.6][:widths])]
    found, _ = curve_fit(shape, x, density * spread, start)
    sigmas = sorted(spread * np.exp(found[1:]), reverse=True)
    return law(middle + spread * float(found[0]), *map(float, sigmas))
