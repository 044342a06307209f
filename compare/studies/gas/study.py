"""The Gaussian ensemble three ways: drawn exactly, reached by the eigenvalue SDE, and as its laws have it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

import dyson
from dyson.laws import FiniteDensity, GaudinSpacing, Semicircle
from streams import LANES
from streams.arguments import count, positive

__all__ = ["Agreement", "GasStudy", "gas_study"]

BINS = 12
SETTLED = 4.0
"""Relaxation times that the SDE is given: what its start leaves in Σx² is exp(-8)."""

MOST_REPLICAS, FEWEST_REPLICAS = 20_000, 4 * LANES
CLASSICAL = (1.0, 2.0, 4.0)


@dataclass(frozen=True)
class Agreement:
    """One quantity of n particles; NaN where no law is known.

    Attributes
    ----------
    n : int
        Particles.
    quantity : str
        "density" (χ² of 12 bins), "Σx²" or "middle spacing" (Kolmogorov and Smirnov's distance).
    sampler_law, integrator_law, sampler_integrator : (float, float)
        The statistic, and the probability of a larger one if both have the same law.
    """

    n: int
    quantity: str
    sampler_law: tuple[float, float]
    integrator_law: tuple[float, float]
    sampler_integrator: tuple[float, float]


@dataclass(frozen=True)
class GasStudy:
    """What `gas_study` found.

    Attributes
    ----------
    beta : float
    rows : list of Agreement
    sampled, settled : dict of int to ndarray, shape (replica, n)
        Spectra of width σ = 1, descending, drawn and integrated.
    step : float
        Time steps of the integrator, in its default ones.
    """

    beta: float
    rows: list[Agreement]
    sampled: dict[int, np.ndarray]
    settled: dict[int, np.ndarray]
    step: float

    @property
    def least_p(self) -> float:
        """The smallest p-value times their number (Bonferroni): chance of one so small if all agree."""
        p = [pair[1] for row in self.rows for pair in _pairs(row) if not math.isnan(pair[1])]
        return min(1.0, len(p) * min(p))

    def table(self) -> list[list[str]]:
        """Rows of text, the first the head."""
        head = ["particles", "quantity", "sampler and law", "integrator and law", "sampler and integrator"]
        return [head, *([str(r.n), r.quantity, *map(_told, _pairs(r))] for r in self.rows)]


def _pairs(row: Agreement) -> tuple[tuple[float, float], ...]:
    return row.sampler_law, row.integrator_law, row.sampler_integrator


def _told(pair: tuple[float, float]) -> str:
    return "no law" if math.isnan(pair[1]) else f"{pair[0]:.3g} (p = {pair[1]:.2g})"


def gas_study(
    sizes: Sequence[int] = (2, 10, 100, 1000),
    beta: float = 1.0,
    eigenvalues: int = 400_000,
    seed: int = 0,
    step: float = 0.25,
    workers: int = 1,
    progress: bool = False,
) -> GasStudy:
    r"""Draw, integrate and compare P(x) ∝ Π|x_i − x_j|^β exp(−Σx²/2) at several sizes.

    `dyson.CoulombGas.gaussian` draws it; `dyson.integrate` starts `dyson.models.matrix_ou` from a spectrum
    half as wide and runs it for 4 relaxation times. Laws: Σx² is χ² with n + βn(n − 1)/2 degrees of freedom
    at every β (Mehta's integral, scaled); the density is `FiniteDensity` up to n = 150 and the semicircle
    with its 1/n correction beyond; the spacing in the middle is a χ law for n = 2 and `GaudinSpacing` from
    n = 100 on.

    Parameters
    ----------
    sizes : sequence of int
        Numbers of particles, ≥ 2.
    beta : float
        β > 0; densities and spacings have laws at 1, 2, 4.
    eigenvalues : int
        Of an ensemble: eigenvalues/n spectra, between 256 and 20 000.
    seed : int
        Entropy.
    step : float
        Time step of the integrator, in its default ones.
    workers : int
        Threads; results do not depend on it.
    progress : bool
        Bars on a terminal.

    Raises
    ------
    TypeError, ValueError
        For arguments out of range.
    """
    beta, step, seed = positive("beta", beta), positive("step", step), count("seed", seed, 0)
    eigenvalues = count("eigenvalues", eigenvalues)
    rows: list[Agreement] = []
    sampled, settled = {}, {}
    for n in (count("sizes", n, 2) for n in sizes):
        replicas = min(MOST_REPLICAS, max(FEWEST_REPLICAS, eigenvalues // n))
        gas = dyson.CoulombGas.gaussian(n, beta=beta)
        sampled[n] = gas.sample(replicas, seed=seed, workers=workers)
        sde = dyson.models.matrix_ou(n, beta=beta)
        run = dyson.integrate(
            sde, start(n, beta), [0.0, SETTLED], replicas, seed, dt=step * sde.time_step, workers=workers,
            progress=progress,
        )  # fmt: skip
        settled[n] = run["eigenvalue"].values[:, -1]
        rows.extend(_agreements(n, beta, sampled[n], settled[n]))
    return GasStudy(beta, rows, sampled, settled, step)


def start(n: int, beta: float) -> np.ndarray:
    """Where the integrator begins: equal shares of a semicircle half as wide as that at rest."""
    return 0.5 * Semicircle(0.0, math.sqrt(2 * beta * n)).ppf((np.arange(n, 0, -1) - 0.5) / n)


def _agreements(n: int, beta: float, a: np.ndarray, b: np.ndarray) -> Iterator[Agreement]:
    density = density_law(n, beta)
    edges = Semicircle(0.0, math.sqrt(2 * beta * n)).ppf(np.arange(1, BINS) / BINS)
    counts = [np.stack([(x > edge).sum(axis=1) for edge in edges], axis=1).astype(float) for x in (a, b)]
    expected = None if density is None else n * (1 - density(edges))
    none = (math.nan, math.nan)
    yield Agreement(
        n,
        "density",
        none if expected is None else hotelling(counts[0] - expected),
        none if expected is None else hotelling(counts[1] - expected),
        hotelling(*counts),
    )
    squares = [(x**2).sum(axis=1) for x in (a, b)]
    yield Agreement(n, "Σx²", *_ks(squares, stats.chi2(n + beta * n * (n - 1) / 2).cdf))
    gaps = [x[:, n // 2 - 1] - x[:, n // 2] for x in (a, b)]
    yield Agreement(n, "middle spacing", *_ks(gaps, spacing_law(n, beta)))


def _ks(values: list[np.ndarray], cdf) -> Iterator[tuple[float, float]]:
    for x in values:
        found = None if cdf is None else stats.kstest(x, cdf)
        yield (math.nan, math.nan) if found is None else (float(found.statistic), float(found.pvalue))
    both = stats.ks_2samp(*values)
    yield float(both.statistic), float(both.pvalue)


def hotelling(a: np.ndarray, b: np.ndarray | None = None) -> tuple[float, float]:
    """χ² of the mean of rows a (replica, bin) against 0, or against that of b, with its p-value.

    Counts of a spectrum's bins depend on each other; their covariance is estimated over the replicas
    (Hotelling's T², whose law is F).
    """
    mean, spread = a.mean(axis=0), np.cov(a.T) / len(a)
    freedom = len(a) - 1
    if b is not None:
        mean, spread = mean - b.mean(axis=0), spread + np.cov(b.T) / len(b)
        freedom += len(b) - 1
    bins = len(mean)
    square = float(mean @ np.linalg.solve(spread, mean))
    scaled = square * (freedom - bins + 1) / (freedom * bins)
    return square, float(stats.f(bins, freedom - bins + 1).sf(scaled))


def density_law(n: int, beta: float):
    """Cumulative density of one of n eigenvalues of width 1; None where it is not known."""
    if n <= 150 and beta in CLASSICAL:
        return FiniteDensity(n, int(beta)).cdf
    if n < 150:
        return None
    radius = math.sqrt(2 * beta * n)
    first = Semicircle(0.0, radius).cdf

    def corrected(x):
        return first(x) - (1 / beta - 0.5) / n * np.arcsin(np.clip(x / radius, -1, 1)) / math.pi

    return corrected


def spacing_law(n: int, beta: float):
    """Cumulative law of the spacing in the middle of n eigenvalues of width 1; None where it is not known."""
    if n == 2:
        return stats.chi(beta + 1, scale=math.sqrt(2)).cdf
    if n < 100 or beta not in CLASSICAL:
        return None
    radius = math.sqrt(2 * beta * n)
    density = (2 * n - (1 / beta - 0.5)) / (math.pi * radius)
    return GaudinSpacing(1 / density, int(beta)).cdf
