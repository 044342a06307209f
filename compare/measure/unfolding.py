"""Measured spectra on the scale of their mean spacing, and what their eigenvalues do there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xarray as xr
from scipy.interpolate import PchipInterpolator

from compare.layout.schema import validate
from compare.measure.statistics import finished
from streams.arguments import count, finite, positive, shown

FEWEST = 8
"""Eigenvalues of a spectrum below which a mean spacing means nothing."""

EIGENVALUES_A_CELL = 8
"""Eigenvalues, of all replicas, that a cell of the smooth staircase needs so as not to follow single ones."""

MOST_CELLS = 24
LENGTHS = (0.5, 1.0, 2.0, 4.0, 8.0)


def unfold(spectra: Any, density: Any = None, cells: int | None = None) -> np.ndarray:
    r"""Eigenvalues ξ = n F(x), F the mean cumulative density: their mean spacing is 1 everywhere.

    Parameters
    ----------
    spectra : array_like, shape (eigenvalue,) or (replica, eigenvalue), or Dataset
        Eigenvalues in any order; of a Dataset (docs/schema.md) those at the last recorded time of the
        replicas that did not diverge.
    density : object with ``cdf``, or callable, optional
        The known mean density: a law of `dyson.laws`, or x → F(x) from 0 to 1. By default F is smooth:
        a monotone cubic through quantiles of all replicas together.
    cells : int, optional
        Of that curve; by default one for every 8 eigenvalues there are in all, at most 24. What is smoother
        than n/cells eigenvalues counts as mean density, so long-range statistics of a single spectrum need a
        known one.

    Returns
    -------
    ndarray, shape (replica, eigenvalue)
        Ascending.

    Raises
    ------
    TypeError, ValueError
        With fewer than 8 eigenvalues a spectrum, eigenvalues that coincide, or more cells than they support.
    """
    x = spectra_of(spectra)
    n = x.shape[1]
    if density is not None:
        if cells is not None:
            raise ValueError("cells belong to smooth unfolding: give a density or cells, not both")
        return n * _known(density, x)
    number = min(MOST_CELLS, max(1, x.size // EIGENVALUES_A_CELL)) if cells is None else count("cells", cells)
    if EIGENVALUES_A_CELL * number > x.size:
        raise ValueError(
            f"{number} cells need {EIGENVALUES_A_CELL * number} eigenvalues in all, got {x.size}: "
            "use fewer cells, or more replicas"
        )
    return n * _smooth(x, number)


def spectra_of(spectra: Any) -> np.ndarray:
    """Eigenvalues (replica, eigenvalue), ascending, checked."""
    if isinstance(spectra, xr.Dataset):
        validate(spectra)
        if "eigenvalue" not in spectra:
            raise ValueError("spectra must hold eigenvalues; this level of theory is a closed form")
        spectra = spectra["eigenvalue"].values[finished(spectra), -1]
    x = np.sort(np.atleast_2d(finite("spectra", spectra, (1, 2))), axis=1)
    if x.shape[1] < FEWEST:
        raise ValueError(f"unfolding needs at least {FEWEST} eigenvalues a spectrum, got {x.shape[1]}")
    if (np.diff(x, axis=1) <= 0).any():
        replica = int((np.diff(x, axis=1) <= 0).any(axis=1).argmax())
        raise ValueError(
            f"eigenvalues of replica {replica} coincide: leave out those that are fixed, such as zeros of WᵀW"
        )
    return x


def _known(density: Any, x: np.ndarray) -> np.ndarray:
    cdf: Callable = density.cdf if hasattr(density, "cdf") else density
    if not callable(cdf):
        raise TypeError(f"density must have a cdf, or be a function, got {shown(density)}")
    f = np.asarray(cdf(x), dtype=float)
    if f.shape != x.shape or not np.isfinite(f).all() or f.min() < -1e-9 or f.max() > 1 + 1e-9:
        raise ValueError("density must give a cumulative probability from 0 to 1 for every eigenvalue")
    if (np.diff(f, axis=1) < 0).any():
        raise ValueError("density must have a cumulative probability that does not decrease")
    return f


def _smooth(x: np.ndarray, cells: int) -> np.ndarray:
    """A monotone cubic through quantiles of all eigenvalues: it rises everywhere and cannot overshoot."""
    share = np.r_[
        0.0, np.linspace(0, 1, 4 * cells + 1)[1:-1][[0, -1]], np.linspace(0, 1, cells + 1)[1:-1], 1.0
    ]
    share = np.unique(share)
    pooled = np.sort(x, axis=None)
    rank = (np.arange(pooled.size) + 0.5) / pooled.size
    knots = np.interp(share, np.r_[0.0, rank, 1.0], np.r_[pooled[0], pooled, pooled[-1]])
    distinct = np.r_[True, np.diff(knots) > 0]
    return np.asarray(PchipInterpolator(knots[distinct], share[distinct])(x))


def spectral_statistics(
    unfolded: Any, window: float = 0.5, lengths: Sequence[float] | np.ndarray = LENGTHS
) -> xr.Dataset:
    """Spacings, ratios and number variance of unfolded eigenvalues, each with its error over replicas.

    Parameters
    ----------
    unfolded : array_like, shape (replica, eigenvalue)
        From `unfold`. The ratios need no unfolding, see `mean_ratios`.
    window : float
        Share of the eigenvalues, in the middle of each spectrum, that is used.
    lengths : array_like, shape (length,)
        L of the number variance, in mean spacings.

    Returns
    -------
    Dataset
        ``mean_spacing`` and ``spacing_variance`` ⟨s²⟩/⟨s⟩² − 1; ``mean_ratio`` ⟨min(s, s')/max(s, s')⟩;
        ``number_variance`` Σ²(L) (length), the variance of the number of eigenvalues in an interval of length
        L (NaN where the window is shorter); ``<name>_se`` by jackknife over replicas, NaN with a single one.

    Raises
    ------
    TypeError, ValueError
        If there are too few eigenvalues in the window.
    """
    xi = np.sort(np.atleast_2d(finite("unfolded", unfolded, (1, 2))), axis=1)
    inside = spectra_of(_window(xi, window, FEWEST))
    long = finite("lengths", lengths, (1,))
    if (long <= 0).any():
        raise ValueError(f"lengths must be > 0, got {long.min():g}")
    s = np.diff(inside, axis=1)
    ratio = mean_ratios(inside, 1.0)
    first, second = s.mean(axis=1), (s**2).mean(axis=1)
    counts = [_counts(inside, value) for value in long]
    found = {
        "mean_spacing": _jackknife(lambda a: a[:, 0].mean(), np.c_[first]),
        "spacing_variance": _jackknife(
            lambda a: a[:, 1].mean() / a[:, 0].mean() ** 2 - 1, np.c_[first, second]
        ),
        "mean_ratio": _jackknife(lambda a: a[:, 0].mean(), np.c_[ratio]),
    }
    variances = [
        _jackknife(lambda a: a[:, 1].mean() - a[:, 0].mean() ** 2, c) if c is not None else (np.nan, np.nan)
        for c in counts
    ]
    texts = {
        "mean_spacing": "mean spacing of unfolded eigenvalues",
        "spacing_variance": "variance of the spacing over the square of its mean",
        "mean_ratio": "mean ratio of consecutive spacings, the smaller over the larger",
    }
    variables: dict[str, Any] = {}
    for name, (value, error) in found.items():
        variables[name] = ((), value, {"long_name": texts[name], "units": "1"})
        variables[f"{name}_se"] = ((), error, {"long_name": f"standard error of {texts[name]}", "units": "1"})
    for at, name in enumerate(("number_variance", "number_variance_se")):
        text = f"{'standard error of ' * at}variance of the number of eigenvalues in an interval"
        variables[name] = ("length", [v[at] for v in variances], {"long_name": text, "units": "1"})
    coords = {"length": ("length", long, {"long_name": "length in mean spacings", "units": "1"})}
    return xr.Dataset(variables, coords, {"replicas": len(xi), "eigenvalues": inside.shape[1]})


def mean_ratios(spectra: Any, window: float = 0.5) -> np.ndarray:
    """⟨min(s, s')/max(s, s')⟩ of consecutive spacings of each spectrum, (replica,); needs no unfolding.

    Source: Oganesyan, Huse, Phys. Rev. B 75 (2007) 155111.
    """
    s = np.diff(_window(spectra_of(spectra), window, 3), axis=1)
    low, high = np.minimum(s[:, 1:], s[:, :-1]), np.maximum(s[:, 1:], s[:, :-1])
    return np.asarray((low / high).mean(axis=1))


def _window(x: np.ndarray, share: float, least: int) -> np.ndarray:
    """The middle ``share`` of the eigenvalues, at least so many of them."""
    share, n = positive("window", share), x.shape[1]
    if share > 1:
        raise ValueError(f"window is a share of the eigenvalues, at most 1, got {share:g}")
    kept = min(n, max(least, round(share * n)))
    first = (n - kept) // 2
    return x[:, first : first + kept]


def _counts(inside: np.ndarray, length: float) -> np.ndarray | None:
    """First and second moment of the number of eigenvalues in intervals of a length, per replica."""
    low, high = inside[:, 1].max(), inside[:, -2].min() - length
    if high <= low:
        return None
    starts = np.linspace(low, high, max(8, int(4 * (high - low) / length)))
    numbers = np.stack([np.searchsorted(x, starts + length) - np.searchsorted(x, starts) for x in inside])
    # fluctuations about each interval's own mean, so that a density that is not quite flat does not count
    off = numbers - numbers.mean(axis=0)
    return np.c_[off.mean(axis=1), (off**2).mean(axis=1)]


def _jackknife(statistic: Callable, per_replica: np.ndarray) -> tuple[float, float]:
    n, value = len(per_replica), float(statistic(per_replica))
    if n < 2:
        return value, np.nan
    groups = min(n, 50)
    label = np.arange(n) % groups
    left = np.array([statistic(per_replica[label != g]) for g in range(groups)])
    return value, float(np.sqrt((groups - 1) / groups * ((left - left.mean()) ** 2).sum()))
