"""The spread between data sets: estimated from runs, or borrowed, and put into the errors of predictions.

A theory that replaces the data by their mean predicts the mean over data sets. Replicas that share one data
set miss it by the deviation of that data set, however many they are: a further error of the prediction, in
quadrature. Who knows it, in this order: the level itself, the caller, another level of the same tree.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import xarray as xr

from compare.layout.align import SAME, members
from compare.layout.multiplets import DEGENERATE
from compare.layout.schema import require, validate
from compare.layout.shared_data import BETWEEN_DATA_SETS, GIVEN_THE_DATA, shares_data
from compare.measure.statistics import crossing_time, unchecked_statistics
from compare.quantities import SCALARS
from compare.verdict.side import DataSpread, Side, moved
from streams.arguments import finite, unknown

Stated = float | Mapping[str, float | Sequence[float] | np.ndarray | DataSpread]
"""The spread as a caller states it: one number, or by quantity one number, one each or a `DataSpread`."""


def data_spread(
    runs: Iterable[xr.Dataset | xr.DataTree], start: float | None = None
) -> dict[str, DataSpread]:
    r"""Estimate how far data sets scatter, from ensembles that have one each.

    With θ_k the statistic of run k and s_k its error between replicas, over K runs: the variance between
    data sets is v = V − ⟨s_k²⟩ with V = Var_k θ_k, at least 0, and the spread √v/\|⟨θ_k⟩\|. The error of v is
    V √(2/(K−1)); that of the spread is how far it moves √v, up or (not below 0) down, whichever is more. As
    part of a variance v counts (K−1)(v/V)² degrees of freedom (Satterthwaite). Ten runs of many replicas know
    a spread to about a quarter of itself, and verdicts with it have the stated confidence; with five, 99 % is
    98 %, and with two or three it may be 90 %.

    Parameters
    ----------
    runs : sequence of Dataset or DataTree
        Two or more experiments (or the trees they are in) of one model, each on a data set of its own
        that its replicas share.
    start : float, optional
        First time of the stationary window, units "1"; by default the middle of each run.

    Returns
    -------
    dict of str to DataSpread
        By quantity ("mean eigenvalue", "width", "mean spacing", "spacing ratio", "growth time"), relative to
        the mean over runs; hand it to ``compare.check(tree, data_spread=...)``.

    Raises
    ------
    TypeError, ValueError
        If there are fewer than two runs, or one is not valid, does not share its data or does not fit
        the first.
    """
    if isinstance(runs, xr.Dataset | xr.DataTree | str) or not isinstance(runs, Iterable):
        raise TypeError(f"runs must be a list of Datasets or DataTrees, got {type(runs).__name__}")
    experiments = [members(run)[0] if isinstance(run, xr.DataTree) else run for run in runs]
    if len(experiments) < 2:
        raise ValueError(
            f"the spread needs at least 2 runs, each on its own data set; got {len(experiments)}"
        )
    for number, run in enumerate(experiments):
        _check_run(number, run, experiments[0])
    measured = [unchecked_statistics(run, start) for run in experiments]
    degrees = len(measured) - 1
    out = {}
    for quantity, described in SCALARS.items():
        name = described.variable
        theta, se = (np.stack([m[n].values for m in measured]) for n in (name, f"{name}_se"))
        total, mean = theta.var(axis=0, ddof=1), np.abs(theta.mean(axis=0))
        between = np.maximum(total - (se**2).mean(axis=0), 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            shift, root = total * math.sqrt(2 / degrees), np.sqrt(between)
            error = np.maximum(
                np.sqrt(between + shift) - root, root - np.sqrt(np.maximum(between - shift, 0))
            )
            freedom = np.where(between > 0, degrees * (between / total) ** 2, degrees)
            out[quantity] = DataSpread(root / mean, error / mean, freedom)
    return out


def _check_run(number: int, run: xr.Dataset, first: xr.Dataset) -> None:
    try:
        validate(run)
        require(run, "target", why="runs are compared mode by mode, by their targets")
    except (TypeError, ValueError) as error:
        raise type(error)(f"run {number}: {error}") from None
    if run.attrs["kind"] != "experiment":
        raise ValueError(f"run {number}: kind is {run.attrs['kind']!r}, expected 'experiment'")
    if not shares_data(run):
        raise ValueError(
            f"run {number}: its replicas do not share one data set; if they do, say so with "
            'run.assign_attrs(shared_data="yes")'
        )
    a, b = first["target"].values, run["target"].values
    if a.shape != b.shape or (np.abs(a - b) > DEGENERATE * np.abs(a).max()).any():
        raise ValueError(f"run {number}: target is {b}, that of run 0 {a}; the runs must be of one model")
    t, u = (float(ds["noise_level"]) if "noise_level" in ds.coords else math.nan for ds in (first, run))
    if abs(t - u) > SAME * max(t, u):
        raise ValueError(f"run {number}: noise_level is {u:g}, that of run 0 {t:g}; they must be equal")


def stated(given: Stated | None, measured: Side) -> dict[str, DataSpread]:
    """What a caller states, one number for every mode, multiplet or pair of the experiment.

    Raises
    ------
    ValueError
        If a name or the number of numbers does not fit, or one is negative or not finite.
    """
    if given is None:
        return {}
    out = {}
    for name, value in (given if isinstance(given, Mapping) else dict.fromkeys(SCALARS, given)).items():
        if name not in SCALARS:
            raise ValueError(f"data_spread: {unknown('quantity', name, SCALARS)}")
        count = measured.statistics[SCALARS[name].variable].size
        if isinstance(value, DataSpread):
            spread = value
        else:
            size = finite(f"data_spread of {name}", value, ndim=(0, 1))
            spread = DataSpread.of(size if size.ndim else np.full(count, size))
        if spread.size.size != count:
            raise ValueError(
                f"data_spread of {name} has {spread.size.size} values, the experiment has {count}"
            )
        if (spread.size < 0).any():
            raise ValueError(f"data_spread of {name} must be >= 0, got {spread.size.min():g}")
        out[name] = spread
    return out


def with_spread(
    theory: Mapping[str, xr.Dataset], sides: Mapping[str, Side], given: Mapping[str, DataSpread]
) -> dict[str, Side]:
    """The levels of theory with the spread between data sets that their errors still lack.

    A level that is `GIVEN_THE_DATA` lacks none. One whose errors are `BETWEEN_DATA_SETS` lacks only that of
    quantities it has no error of. Any other lacks it all, and gets what ``given`` says, else the first level
    that knows the quantity, else NaN: not known.

    The laws follow. The density law moves with mean and width. The spacing law changes with the
    shape of the pair only, as does the ratio ⟨S²⟩/⟨S⟩², and by less: a pair that the data split, or whose
    noise they make uneven, changes the ratio by ε and the law by a distance of 0.6 to 0.9 ε (ε up to 10 %).

    Returns
    -------
    dict of str to Side
    """
    known = {
        name: _known(ds, sides[name])
        for name, ds in theory.items()
        if ds.attrs.get("error") == BETWEEN_DATA_SETS
    }
    out = {}
    for name, side in sides.items():
        if theory[name].attrs.get("error") == GIVEN_THE_DATA:
            out[name] = side
            continue
        own = known.get(name, {})
        whole, lacks = {}, {}
        for quantity, described in SCALARS.items():
            variable = described.variable
            if variable in side.statistics:
                zero = np.zeros(side.statistics[variable].size)
                sources = [source[quantity] for source in (own, given, *known.values()) if quantity in source]
                whole[quantity] = sources[0] if sources else DataSpread.of(zero + np.nan)
                has_it = own and f"{variable}_se" in theory[name].data_vars
                lacks[quantity] = DataSpread.of(zero) if has_it else whole[quantity]
        lacks["spacing law"] = whole["spacing ratio"]
        lacks["density law"] = _density(side, lacks)
        out[name] = replace(side, between=lacks)
    return out


def _known(ds: xr.Dataset, side: Side) -> dict[str, DataSpread]:
    """What a level says by its errors, relative to its predictions; growth times follow from its path."""
    out = {}
    for quantity, described in SCALARS.items():
        variable = described.variable
        if f"{variable}_se" in ds.data_vars:
            se, value = ds[f"{variable}_se"].values, np.abs(ds[variable].values)
        elif quantity == "growth time" and variable not in ds.data_vars and "mean_path_se" in ds.data_vars:
            se, value = _growth_error(ds, side.statistics), side.statistics[variable].values
        else:
            continue
        size = np.divide(se, value, out=np.full(se.shape, np.nan), where=value > 0)
        out[quantity] = DataSpread.of(np.where(se == 0, 0.0, size), side.freedom)
    return out


def _growth_error(ds: xr.Dataset, statistics: xr.Dataset) -> np.ndarray:
    """Bound on the error of growth times: the path one error up and its threshold one down, or both back."""
    path, path_se = ds["mean_path"].values, ds["mean_path_se"].values
    half, half_se = (statistics[name].values / 2 for name in ("mean_eigenvalue", "mean_eigenvalue_se"))
    early, late = (
        crossing_time(ds["time"].values, path + sign * path_se, half - sign * half_se) for sign in (1, -1)
    )
    return np.maximum(late - statistics["growth_time"].values, statistics["growth_time"].values - early)


def _density(side: Side, lacks: Mapping[str, DataSpread]) -> DataSpread:
    """Distance that what mean and width lack moves each pair's one-pair semicircle by."""
    group = side.group
    size, freedom = np.full(group.pair_upper.size, np.nan), np.full(group.pair_upper.size, np.inf)
    if "width" not in lacks:
        return DataSpread.of(size)
    mean, sigma = (side.statistics[name].values for name in ("mean_eigenvalue", "width"))
    for pair, (upper, multiplet) in enumerate(zip(group.pair_upper, group.pair_multiplet, strict=True)):
        modes = slice(upper, upper + 2)
        centre_se = float((lacks["mean eigenvalue"].size * np.abs(mean))[modes].mean())
        sigma_se = float((lacks["width"].size * sigma)[multiplet])
        if sigma[multiplet] > 0 and math.isfinite(centre_se + sigma_se):
            size[pair] = moved(float(mean[modes].mean()), float(sigma[multiplet]), centre_se, sigma_se)
            of_mean, of_width = lacks["mean eigenvalue"].freedom[modes].min(), lacks["width"].freedom
            freedom[pair] = min(of_mean, of_width[multiplet])
    return DataSpread(size, np.zeros(size.shape), freedom)
