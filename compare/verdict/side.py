"""One side of a comparison: its statistics with their errors, and its samples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import xarray as xr

from compare.layout.multiplets import Multiplets, multiplets
from compare.layout.schema import parse_parameters
from compare.layout.shared_data import BETWEEN_DATA_SETS
from compare.measure.statistics import stationary, unchecked_statistics
from compare.quantities import LAWS
from compare.verdict.distance import Sample, pool
from dyson.laws import OnePairSemicircle


@dataclass(frozen=True)
class DataSpread:
    """Standard deviation of one quantity between data sets: a further error of its predictions.

    Attributes
    ----------
    size : ndarray, shape (mode,), (multiplet,) or (pair,)
        Relative to the prediction; of a law, the distance itself (units "1"). NaN where it is not known.
    error : ndarray, same shape
        Standard error of ``size``; 0 where it is stated, not estimated.
    freedom : ndarray, same shape
        Degrees of freedom ``size`` was estimated with; inf where it is stated.
    """

    size: np.ndarray
    error: np.ndarray
    freedom: np.ndarray

    @classmethod
    def of(cls, size: np.ndarray, freedom: float = math.inf) -> DataSpread:
        """From its size; the error is that of a standard deviation with so many degrees of freedom."""
        return cls(size, size / math.sqrt(2 * freedom), np.full(size.shape, freedom))


@dataclass(frozen=True)
class Side:
    """The experiment or one level of theory: its statistics, and its samples where it has them.

    Attributes
    ----------
    statistics : Dataset
        From `compare.statistics`.
    samples : ndarray or None, shape (replica, time, mode)
        Eigenvalues in the stationary window.
    group : Multiplets
    data_sets : float
        Data sets between which its errors are the deviation (inf: it does not say); 0 where they are not.
    between : mapping of str to DataSpread
        What its errors lack, by quantity, where the experiment's replicas share one data set; see
        `compare.verdict.spread.with_spread`.
    """

    statistics: xr.Dataset
    samples: np.ndarray | None
    group: Multiplets
    data_sets: float = 0
    between: Mapping[str, DataSpread] = field(default_factory=dict)

    @classmethod
    def of(cls, ds: xr.Dataset, start: float | None) -> Side:
        """From a valid Dataset."""
        samples = stationary(ds, start)["eigenvalue"].values if "eigenvalue" in ds.data_vars else None
        sets: float = 0
        if ds.attrs.get("error") == BETWEEN_DATA_SETS:
            given = parse_parameters(ds).get("data_sets")
            sets = given if isinstance(given, int) and given > 1 else math.inf
        return cls(unchecked_statistics(ds, start), samples, multiplets(ds["target"]), sets)

    @property
    def freedom(self) -> float:
        """Degrees of freedom of the errors; a closed form's are exact, or from so many data sets."""
        count = int(self.statistics["blocks"]) or self.data_sets
        return count - 1 if count else math.inf

    def value(self, name: str, index: int) -> tuple[float, float]:
        s = self.statistics
        return float(s[name].values[index]), float(s[f"{name}_se"].values[index])

    def lacking(self, quantity: str, index: int) -> tuple[float, float]:
        """Spread between data sets that its error lacks, and its degrees of freedom; NaN if unknown."""
        if quantity not in self.between:
            return 0.0, math.inf
        spread = self.between[quantity]
        return float(spread.size[index]), float(spread.freedom[index])

    def widened(
        self, quantity: str, index: int, prediction: tuple[float, float], freedom: float
    ) -> tuple[tuple[float, float], float]:
        """A prediction and its degrees of freedom, the spread between data sets in its error."""
        size, nu = self.lacking(quantity, index)
        value, error = prediction
        size *= 1.0 if quantity in LAWS else abs(value)
        if not size > 0:  # none, or unknown
            return prediction, freedom
        return (value, math.hypot(error, size)), combined_freedom((error, freedom), (size, nu))

    @cached_property
    def pairs(self) -> list[tuple[Sample, Sample]]:
        """Of every pair the pooled spacings over their own mean, and the pooled eigenvalues."""
        out: list[tuple[Sample, Sample]] = []
        if self.samples is None:
            return out
        for upper in self.group.pair_upper:
            values = self.samples[..., upper : upper + 2]
            spacing = values[..., 0] - values[..., 1]
            scale = spacing.mean()
            out.append((pool(spacing / scale if scale > 0 else spacing), pool(values)))
        return out


def moved(centre: float, sigma: float, centre_se: float, sigma_se: float) -> float:
    """Distance by which one standard error each of centre and width moves the one-pair semicircle."""
    law = OnePairSemicircle(centre, sigma)
    grid = centre + sigma * np.linspace(-5, 5, 201)
    others = (OnePairSemicircle(centre + centre_se, sigma), OnePairSemicircle(centre, sigma + sigma_se))
    return math.hypot(*(float(np.abs(o.cdf(grid) - law.cdf(grid)).max()) for o in others))


def combined_freedom(*errors: tuple[float, float]) -> float:
    """Degrees of freedom of the combined error, for Student's law (Welch–Satterthwaite).

    Parameters
    ----------
    errors : pairs of float
        Standard error, and the degrees of freedom it was estimated with (inf if it is exact).
    """
    total = sum(se**2 for se, _ in errors)
    inverse = sum((se**2 / total) ** 2 / nu for se, nu in errors if nu > 0) if total > 0 else 0.0
    return 1 / inverse if inverse > 0 else math.inf
