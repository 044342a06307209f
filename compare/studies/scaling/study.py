"""Linear scaling: a grid of (α, |B|), the collapse of equal α/|B| on one another, and the exponent.

To leading order in the learning rate the stationary spectrum depends on (α, |B|) through the noise
level T = α/|B| alone, and every width and spacing is proportional to √T: exponent 1/2.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

import numpy as np
import xarray as xr

import sgd
from compare.measure.multiple import holm
from compare.measure.statistics import statistics
from compare.quantities import FLUCTUATIONS
from compare.studies.scaling.fit import ExponentFit, collapse, fit_exponent, groups
from streams import new_entropy, subseed
from streams.arguments import count, positive, shown

__all__ = ["default_grid", "sweep"]

SIDE = 4
"""Noise levels of the default grid, and learning rates at each of them."""

SMALLEST_BATCH = 32

REPLICAS = 512
"""Models a point."""

WARM_UP = 3.0
"""Relaxation times of the slowest mode before the measurement: the variance is within e^-6 of its limit."""

RECORDS = 12
QUANTITIES = {name: quantity.of for name, quantity in FLUCTUATIONS.items()}

LONG_NAMES = {
    "learning_rate": "learning rate α",
    "batch_size": "batch size |B|",
    "noise_level": "noise level T = α/|B|",
    "final": "eigenvalues of WᵀW at the last step",
    "width": "width σ of a multiplet",
    "mean_spacing": "mean spacing of a pair",
    "ks_p": "p-value, Kolmogorov-Smirnov, spectra at the last step",
    "width_p": "p-value, difference of widths",
    "mean_spacing_p": "p-value, difference of mean spacings",
    "first": "point of the smallest learning rate at its noise level",
    "second": "point compared with it",
}


def default_grid(rbm: sgd.GaussianRBM) -> list[tuple[float, int]]:
    r"""Sixteen points (α, |B|): four noise levels, each reached with four learning rates.

    The largest learning rate is an eighth of the largest relaxation rate's inverse, 1/(8 k_max): four
    times halved, it shows the finite-α factor 1/(1 - α k/2) and its end. The largest noise level T
    leaves neighbouring multiplets four of their widths √(2 T (μ² - κ)/σ_h²) apart, so that they hardly
    interact, and no batch is smaller than the model or than 32. The other noise levels are T/4, T/16
    and T/64.

    Returns
    -------
    list of (float, int)
        Ordered by noise level, then by learning rate, both descending.
    """
    target = learnt_multiplets(rbm)
    gaps = -np.diff(np.append(target, 0.0))
    hottest = float(np.min(gaps**2 / (32.0 * target)))
    fastest = float(np.max(rates(rbm, target)))
    top = float(f"{1 / (8 * fastest):.2g}")
    least = 2 ** (SIDE - 1) * max(SMALLEST_BATCH, rbm.kappa.size)
    first = 2 ** int(np.ceil(np.log2(max(top / hottest, least))))
    return [(top / 2**j, first * 4**i // 2**j) for i in range(SIDE) for j in range(SIDE)]


def learnt_multiplets(rbm: sgd.GaussianRBM) -> np.ndarray:
    """The distinct positive eigenvalues of the fixed point, descending.

    Raises
    ------
    ValueError
        If there is none: nothing is learnt, and nothing fluctuates.
    """
    target = np.sort(np.asarray(rbm.target_spectrum, dtype=float))[::-1]
    target = target[: min(target.size, rbm.n_hidden)]
    target = target[target > 1e-6 * max(target[0], 1e-300)]
    if target.size == 0:
        raise ValueError(f"no mode is learnt: mu2 = {rbm.mu2:g} is below every eigenvalue of the target")
    new = np.append(True, -np.diff(target) > 1e-6 * target[0])
    return target[new]


def rates(rbm: sgd.GaussianRBM, target: np.ndarray) -> np.ndarray:
    """Relaxation rates k = 2 σ_h⁴ x/κ² of modes with these fixed points x, with κ = μ² - σ_h² x."""
    return 2.0 * rbm.sigma_h**4 * target / (rbm.mu2 - rbm.sigma_h**2 * target) ** 2


def sweep(
    rbm: sgd.GaussianRBM,
    grid: Iterable[tuple[float, int]] | None = None,
    *,
    replicas: int = REPLICAS,
    seed: int | None = None,
    confidence: float = 0.99,
    workers: int = 1,
    progress: bool = False,
) -> xr.Dataset:
    """Train at every point of a grid of (α, |B|), compare equal α/|B|, fit the exponent.

    Every run starts at the noiseless fixed point, where only the fluctuations have to equilibrate,
    and is measured after three relaxation times of the slowest mode for half as long again.

    Parameters
    ----------
    rbm : sgd.GaussianRBM
    grid : iterable of (float, int), optional
        Learning rates and batch sizes; by default `default_grid`.
    replicas : int
        Models a point.
    seed : int, optional
        Every point has streams of its own, derived from the seed and its place in the grid.
    confidence : float
        Of the collapse, as a family of tests.
    workers : int
        Threads; the result does not depend on it.
    progress : bool
        A line a point on standard error.

    Returns
    -------
    Dataset
        Dims (point, multiplet, pair, mode, replica, comparison): the statistics at each point, the
        spectra at the last step, the tests of the collapse; the fitted exponents in the attrs.

    Raises
    ------
    ValueError
        If the grid is empty, has one noise level only, or a learning rate is not stable.
    """
    if not isinstance(rbm, sgd.GaussianRBM):
        raise TypeError(f"rbm must be a sgd.GaussianRBM, got {type(rbm).__name__}")
    points = checked_grid(default_grid(rbm) if grid is None else grid)
    replicas = count("replicas", replicas, 2)
    seed = new_entropy() if seed is None else count("seed", seed, 0)
    confidence, workers = positive("confidence", confidence, below=1.0), count("workers", workers, 1)
    measured = []
    for index, (learning_rate, batch_size) in enumerate(points):
        if progress:
            print(
                f"sweep {index + 1}/{len(points)}: α = {learning_rate:g}, |B| = {batch_size}", file=sys.stderr
            )
        own = subseed(seed, "scaling point", index)
        measured.append(measure(rbm, learning_rate, batch_size, replicas, own, workers))
    result = assembled(rbm, points, measured)
    result = result.merge(collapse(result))
    result.attrs |= {"kind": "sweep", "model": "gaussian_rbm", "seed": str(seed), "confidence": confidence}
    for quantity, dim in QUANTITIES.items():
        result.attrs |= fitted(result, quantity, dim)
    result.attrs |= judged(result, confidence)
    return described(result)


def checked_grid(grid: Iterable[tuple[float, int]]) -> list[tuple[float, int]]:
    """The grid as a list, after a look at its numbers."""
    if isinstance(grid, str) or not isinstance(grid, Iterable):
        raise TypeError(f"grid must be a list of (learning rate, batch size), got {shown(grid)}")
    points = []
    for point in grid:
        if not isinstance(point, Sequence) or len(point) != 2:
            raise TypeError(f"grid must be a list of (learning rate, batch size), got {shown(point)} in it")
        points.append((positive("learning rate", point[0]), count("batch size", point[1], 1)))
    if len(groups(np.array([a / b for a, b in points]))) < 2:
        raise ValueError("an exponent needs at least two noise levels: give points with different α/|B|")
    return points


def measure(
    rbm: sgd.GaussianRBM, learning_rate: float, batch_size: int, replicas: int, seed: int, workers: int
) -> xr.Dataset:
    """One point of the grid: its statistics, and the spectrum of every replica at the last step."""
    warm = WARM_UP / float(np.min(rates(rbm, learnt_multiplets(rbm))))
    first = int(np.ceil(warm / learning_rate))
    record = np.unique(np.append(0, np.linspace(first, 1.5 * first, RECORDS).round())).astype(np.int64)
    run = sgd.train(
        rbm, learning_rate, batch_size, int(record[-1]), replicas,
        seed=seed, record=record, initial="fixed-point", workers=workers,
    )  # fmt: skip
    found = statistics(run, start=learning_rate * (first - 0.5))
    found["final"] = run.eigenvalue.isel(time=-1, drop=True)
    return found


def assembled(
    rbm: sgd.GaussianRBM, points: list[tuple[float, int]], measured: list[xr.Dataset]
) -> xr.Dataset:
    """The points of the grid side by side, for what is learnt, with the factors of a finite α."""
    first = measured[0]
    target = first.target.values
    learnt = first.multiplet_target.values > 1e-6 * target[0]
    pairs = target[first.pair_upper.values] > 1e-6 * target[0]
    coords = {"learning_rate": [a for a, _ in points], "batch_size": [b for _, b in points]}
    result = xr.Dataset(coords={name: ("point", values) for name, values in coords.items()})
    result["noise_level"] = result.learning_rate / result.batch_size
    result = result.set_coords("noise_level")
    for name, dims, kept in (
        ("final", ("replica", "mode"), slice(None)),
        ("width", ("multiplet",), learnt),
        ("width_se", ("multiplet",), learnt),
        ("mean_spacing", ("pair",), pairs),
        ("mean_spacing_se", ("pair",), pairs),
    ):
        stacked = np.stack([m[name].transpose(*dims).values[..., kept] for m in measured])
        result[name] = (("point", *dims), stacked)
    fixed = {"mode": target, "multiplet": first.multiplet_target.values[learnt]}
    fixed["pair"] = target[first.pair_upper.values][pairs]
    for dim, values in fixed.items():
        result.coords["target" if dim == "mode" else f"{dim}_target"] = (dim, values)
        alpha_k = result.learning_rate * xr.DataArray(rates(rbm, values), dims=dim)
        result[f"{dim}_finite_alpha"] = 1.0 / (1.0 - alpha_k / 2.0)
    return result


def fitted(result: xr.Dataset, quantity: str, dim: str) -> dict[str, float | str | int]:
    """The fits of one quantity: with a factor exp(c T), which counts; plain; with a finite α's factor in.

    Modes that come closer as T grows change each other's widths and spacings by a fraction proportional
    to T. Within a range of T that is small but not tiny, a plain power law takes this for an exponent
    that is not ½; a fit that allows for it pays with a larger error, which is the honest one.
    """
    if result.sizes[dim] == 0:
        return {}
    scale = np.sqrt(result[f"{dim}_finite_alpha"].values)
    value, se = result[quantity].values / scale, result[f"{quantity}_se"].values / scale
    noise_level = result.noise_level.values
    found = named(quantity, "_plain", fit_exponent(noise_level, value, se))
    found |= named(quantity, "_raw", fit_exponent(noise_level, value * scale, se * scale))
    curved = len(groups(noise_level)) > 2
    found |= named(quantity, "", fit_exponent(noise_level, value, se, curved=curved))
    return found | {f"{quantity}_fit": "power law times exp(c T)" if curved else "power law"}


def named(quantity: str, suffix: str, fit: ExponentFit) -> dict[str, float | str | int]:
    """A fit as attrs."""
    return {
        f"{quantity}_exponent{suffix}": fit.exponent,
        f"{quantity}_exponent{suffix}_se": fit.exponent_se,
        f"{quantity}_exponent{suffix}_jackknife_se": fit.jackknife_se,
        f"{quantity}_chi2{suffix}": fit.chi2,
        f"{quantity}_dof{suffix}": fit.dof,
    }


def judged(result: xr.Dataset, confidence: float) -> dict[str, float | str | int]:
    """Smallest p-value of the collapse, adjusted for the number of tests, as measured and rescaled."""
    found: dict[str, float | str | int] = {}
    for suffix in ("", "_rescaled"):
        tests = [result[f"{name}_p{suffix}"].values.ravel() for name in ("ks", *QUANTITIES)]
        adjusted = holm(np.concatenate(tests))
        count = int(np.sum(~np.isnan(adjusted)))
        smallest = float(np.nanmin(adjusted)) if count else float("nan")
        found[f"collapse_p{suffix}"] = smallest
        if count == 0:
            found[f"collapse{suffix}"] = "cannot tell"
        else:
            different = smallest < 1.0 - confidence
            found[f"collapse{suffix}"] = "differs" if different else "no difference found"
        found["collapse_tests"] = count
    return found


def described(result: xr.Dataset) -> xr.Dataset:
    """Names and units on everything."""
    for name, text in LONG_NAMES.items():
        if name in result.variables:
            result[name].attrs = {"long_name": text, "units": "1"}
    for key in result.variables:
        result[key].attrs.setdefault("units", "1")
        result[key].attrs.setdefault("long_name", str(key).replace("_", " "))
    return result
