"""What is compared: stationary means, widths, spacings and growth times, each with its error."""

from __future__ import annotations

import numbers
from dataclasses import dataclass

import numpy as np
import xarray as xr

from compare.layout.multiplets import Multiplets, multiplet_coords, multiplets
from compare.layout.schema import require, validate
from compare.measure.jackknife import block_sizes, jackknife_error, left_out_means
from compare.quantities import MEASURED
from streams.arguments import shown

SURMISE_RATIO = 4 / np.pi
"""<S²>/<S>² of the Wigner surmise at β = 1."""


def statistics(ds: xr.Dataset, start: float | None = None) -> xr.Dataset:
    r"""Stationary and growth statistics of an ensemble, each with its standard error.

    The stationary window is ``time >= start``; averages in time are plain means over the recorded
    times in it. With ⟨·⟩ the mean over replicas and window, m the number of modes of a multiplet and
    S = x_k − x_{k+1} the spacing of a pair::

        mean_eigenvalue(mode)  ⟨x_i⟩
        width(multiplet)       σ,  σ² = ⟨(x − ⟨x⟩_multiplet(t))²⟩ · 2/(m + 1)    (an m × m GOE block, β = 1)
        mean_spacing(pair)     ⟨S⟩                                           (surmise: √π σ)
        spacing_ratio(pair)    ⟨S²⟩/⟨S⟩²                                     (surmise: 4/π)
        growth_time(mode)      first t with ⟨x_i⟩(t) = ½ ⟨x_i⟩, linear between recorded times;
                               NaN if it starts above it
        drift(mode)            (⟨x_i⟩ in the second half of the window − in the first)/|⟨x_i⟩|
        mean_path(time, mode)  ⟨x_i⟩(t), over the whole run

    ⟨x⟩_multiplet(t) is the mean over replicas and the multiplet's modes at each recorded time; that it is
    taken from the same replicas is corrected for exactly (for m = 1 this is ddof = 1).

    Errors are from replicas alone, which are independent; times within a replica need not be. They
    are a delete-block jackknife over at most 50 blocks of replicas of unequal size (Busing, Meijer &
    van der Leeden, Stat. Comput. 9 (1999) 3), without random numbers.

    Parameters
    ----------
    ds : Dataset
        In the layout of `compare.layout.schema`. A closed-form level of theory is returned in the same
        form: errors it does not carry are 0, ``spacing_ratio`` is the surmise's and ``growth_time``
        that of ``mean_path`` where not given.
    start : float, optional
        First time of the window; by default the middle of the run's time span.

    Returns
    -------
    Dataset
        The variables above with ``<name>_se`` (units "1"), and ``replicas`` (used),
        ``diverged_replicas`` (left out) and ``blocks`` (of the jackknife; 0 for a closed form).
        The scalar coordinate ``window_start`` says which window it was.

    Raises
    ------
    ValueError
        If ``ds`` is not valid, no recorded time lies in the window, or every replica diverged.
    """
    validate(ds)
    return unchecked_statistics(ds, start)


def unchecked_statistics(ds: xr.Dataset, start: float | None = None) -> xr.Dataset:
    """`statistics` of a Dataset that was validated already."""
    if "eigenvalue" not in ds.data_vars:
        return _closed_form(ds)
    require(ds, "target", why="statistics need it to know which modes share one")
    begin = window_start(ds, start)
    done = finished(ds)
    x, time = ds["eigenvalue"].values[done], ds["time"].values
    group = multiplets(ds["target"])
    samples = Ensemble(x, time, time >= begin, group)
    values = {name: getattr(samples, name)() for name in MEASURED}
    out = {name: samples.with_error(theta) for name, theta in values.items()}
    counts = {
        "replicas": (len(x), "replicas used"),
        "diverged_replicas": (int((~done).sum()), "replicas left out because they diverged"),
        "blocks": (samples.sizes.size, "blocks of replicas of the jackknife"),
    }
    return _dataset(ds, out, counts, begin)


def stationary(ds: xr.Dataset, start: float | None = None) -> xr.Dataset:
    """The recorded times in the stationary window, of the replicas that did not diverge."""
    begin = window_start(ds, start)
    return ds.isel(replica=np.flatnonzero(finished(ds)), time=np.flatnonzero(ds["time"].values >= begin))


def finished(ds: xr.Dataset) -> np.ndarray:
    """Which replicas did not diverge, shape (replica,); ValueError if every one did."""
    done = np.isnan(ds["diverged"].values) & ~np.isnan(ds["eigenvalue"].values[:, -1]).any(axis=-1)
    if not done.any():
        level = ds.attrs.get("level", "the run")
        raise ValueError(f"diverged: every replica of {level} diverged; lower the learning rate or step")
    return done


def window_start(ds: xr.Dataset, start: float | None = None) -> float:
    """First time of the stationary window: ``start``, or the middle of the time span."""
    time = ds["time"].values
    if start is None:
        return float(time[0] + (time[-1] - time[0]) / 2)
    if isinstance(start, bool) or not isinstance(start, numbers.Real) or not np.isfinite(float(start)):
        raise ValueError(f"start must be a finite time, got {shown(start)}")
    if start > time[-1]:
        raise ValueError(f"start = {start:g} is after the last recorded time {time[-1]:g}; lower it")
    return float(start)


@dataclass(slots=True)
class Ensemble:
    """Statistics of samples x and of the same samples with each block of replicas left out.

    Every method returns an array with a leading axis of 1 + blocks: all replicas first, then
    without block 1, 2, ...; `with_error` makes estimate and standard error of it.

    Parameters
    ----------
    x : ndarray, shape (replica, time, mode)
    time : ndarray, shape (time,)
    window : ndarray of bool, shape (time,)
    group : Multiplets
    """

    x: np.ndarray
    time: np.ndarray
    window: np.ndarray
    group: Multiplets
    sizes: np.ndarray = None  # type: ignore[assignment]
    paths: np.ndarray = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.sizes = block_sizes(len(self.x))
        self.paths = self.means(self.x)

    def means(self, values: np.ndarray) -> np.ndarray:
        """Mean over replicas of values (replica, ...), shape (1 + blocks, ...)."""
        return left_out_means(values, self.sizes)

    def with_error(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Estimate and jackknife standard error."""
        return theta[0], jackknife_error(theta, self.sizes)

    def mean_path(self) -> np.ndarray:
        return self.paths

    def mean_eigenvalue(self) -> np.ndarray:
        return self.paths[:, self.window].mean(axis=1)

    def drift(self) -> np.ndarray:
        inside = self.paths[:, self.window]
        half = inside.shape[1] // 2
        if half == 0:
            return np.full((len(inside), inside.shape[2]), np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            change = inside[:, -half:].mean(axis=1) - inside[:, :half].mean(axis=1)
            return change / np.abs(inside.mean(axis=1))

    def width(self) -> np.ndarray:
        n = np.concatenate([[len(self.x)], len(self.x) - self.sizes])[:, None]
        out = []
        for modes, m in zip(self.group.slices, self.group.size, strict=True):
            y = self.x[:, self.window, modes]
            # Deviations from the ensemble's own mean: x² − ⟨x⟩² would cancel.
            y = y - y.mean(axis=(0, 2), keepdims=True)
            centre = y.mean(axis=-1)
            mean, square = self.means(centre), self.means(centre**2)
            with np.errstate(divide="ignore", invalid="ignore"):
                # E⟨c⟩² = (E c)² + Var c / n: add the last term back.
                correction = (square - mean**2) / (n - 1)
            spread = self.means((y**2).mean(axis=-1)) - mean**2 + correction
            out.append(np.sqrt(np.maximum(spread.mean(axis=1), 0) * 2 / (m + 1)))
        return np.stack(out, axis=-1)

    def spacing_moment(self, power: int) -> np.ndarray:
        """⟨S^power⟩ of every pair, shape (1 + blocks, pair)."""
        upper = self.group.pair_upper
        moments = [(self.x[:, self.window, k] - self.x[:, self.window, k + 1]) ** power for k in upper]
        per_replica = np.array([s.mean(axis=1) for s in moments]).reshape(upper.size, len(self.x)).T
        return self.means(per_replica)

    def mean_spacing(self) -> np.ndarray:
        return self.spacing_moment(1)

    def spacing_ratio(self) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.spacing_moment(2) / self.spacing_moment(1) ** 2

    def growth_time(self) -> np.ndarray:
        return crossing_time(self.time, self.paths, self.mean_eigenvalue() / 2)


def crossing_time(time: np.ndarray, path: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """First time at which a path reaches its threshold from below, linear between the recorded times.

    Parameters
    ----------
    time : ndarray, shape (time,)
    path : ndarray, shape (..., time, mode)
    threshold : ndarray, shape (..., mode)

    Returns
    -------
    ndarray, shape (..., mode)
        NaN where the path starts at or above the threshold, or never reaches it.
    """
    above = path >= threshold[..., None, :]
    after = above.argmax(axis=-2)[..., None, :]
    before = np.maximum(after - 1, 0)
    low = np.take_along_axis(path, before, axis=-2)[..., 0, :]
    high = np.take_along_axis(path, after, axis=-2)[..., 0, :]
    t0, t1 = time[before[..., 0, :]], time[after[..., 0, :]]
    with np.errstate(divide="ignore", invalid="ignore"):
        t = t0 + (t1 - t0) * (threshold - low) / (high - low)
    return np.where(after[..., 0, :] > 0, t, np.nan)


def _closed_form(ds: xr.Dataset) -> xr.Dataset:
    """The statistics a closed-form level carries, errors and surmise filled in."""
    group = multiplets(ds["target"])
    out = {}
    for name in MEASURED:
        if name in ds.data_vars:
            values = ds[name].values
            se = ds[f"{name}_se"].values if f"{name}_se" in ds.data_vars else np.zeros_like(values)
            out[name] = (values, se)
    if "growth_time" not in out and "mean_path" in out:
        path, half = out["mean_path"][0], out["mean_eigenvalue"][0] / 2
        growth = crossing_time(ds["time"].values, path, half)
        out["growth_time"] = (growth, np.zeros_like(growth))
    if "spacing_ratio" not in out:
        out["spacing_ratio"] = (
            np.full(group.pair_upper.size, SURMISE_RATIO),
            np.zeros(group.pair_upper.size),
        )
    counts = {
        "replicas": (0, "replicas used"),
        "diverged_replicas": (0, "replicas left out because they diverged"),
        "blocks": (0, "blocks of replicas of the jackknife"),
    }
    return _dataset(ds, out, counts, None)


def _dataset(
    ds: xr.Dataset,
    values: dict[str, tuple[np.ndarray, np.ndarray]],
    counts: dict[str, tuple[int, str]],
    begin: float | None,
) -> xr.Dataset:
    data: dict[str, tuple] = {}
    for name, (estimate, se) in values.items():
        dims, label = MEASURED[name].dims, MEASURED[name].long_name
        data[name] = (dims, estimate, {"long_name": label, "units": "1"})
        data[f"{name}_se"] = (dims, se, {"long_name": f"standard error of the {label}", "units": "1"})
    for name, (count, label) in counts.items():
        data[name] = ((), np.int64(count), {"long_name": label, "units": "1"})
    keep = ["mode", "target", "time", "step", "noise_level", "learning_rate", "batch_size"]
    coords = {n: ds[n].variable for n in keep if n in ds.coords and (n != "time" or "mean_path" in values)}
    if "time" not in coords:
        coords.pop("step", None)
    coords |= multiplet_coords(ds["target"])
    if begin is not None:
        label = "first time of the stationary window"
        coords["window_start"] = xr.Variable((), begin, {"long_name": label, "units": "1"})
    return xr.Dataset(data, coords, dict(ds.attrs))
