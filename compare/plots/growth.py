"""How the modes grow from the start to the stationary state."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from compare.measure.statistics import finished
from compare.plots import style
from compare.plots.scene import Scene, Side, scene
from compare.plots.spectrum import count

MOST_MODES = 12
MOST_TIMES = 160
POINTS = 30
"""Times at which the experiment's mean is marked, so that lines of theory can be seen between the marks."""

TRAJECTORIES = 3
EARLY = 0.12
"""Where half the modes grow within this fraction of the run, a logarithmic time axis shows it."""


def growth(source: xr.DataTree | xr.Dataset | Scene, start: float | None = None) -> Figure:
    """Mean of each mode in time with its spread over replicas, a few single replicas, theory on top.

    Parameters
    ----------
    source : DataTree, Dataset or Scene
    start : float, optional
        First time of the stationary window, units "1".

    Returns
    -------
    matplotlib.figure.Figure
        Its caption is its label.

    Raises
    ------
    TypeError, ValueError
        As `scene`; ValueError if there is a single recorded time.
    """
    view = scene(source, start)
    if view.experiment.data.sizes["time"] < 2:
        raise ValueError("growth needs at least two recorded times; record the run at more of them")
    figure = style.new_figure(3.9)
    axes = figure.add_subplot()
    draw_growth(axes, view)
    style.legend(figure, axes)
    return style.captioned(figure, growth_caption(view))


def draw_growth(axes: Axes, view: Scene) -> None:
    """The panel of `growth`."""
    log = log_time(view)
    modes = shown_modes(view)
    draw_runs(axes, view, modes, log)
    # The crude levels' dashes on top: where levels coincide, what lies below shows through the gaps.
    for order, (name, side) in enumerate(view.theory.items()):
        path = side.value("mean_path")
        if path is None:
            continue
        time = side.data["time"].values
        kept = drawn_times(time, log)
        look = view.look(name)
        for k, mode in enumerate(modes):
            axes.plot(
                time[kept],
                path[0][kept, mode],
                color=look.color,
                linestyle=look.line,
                linewidth=1.0,
                label=style.plain(name) if k == 0 else None,
                zorder=4.5 - 0.1 * order,
            )
    if log:
        axes.set_xscale("log")
    style.dress(axes, r"time $t = \alpha n$ (units 1)", view.eigenvalue)
    if log:
        axes.xaxis.set_major_formatter(style.FuncFormatter(style.number))
        axes.xaxis.set_minor_formatter(style.FuncFormatter(lambda *_: ""))
    time = view.experiment.data["time"].values
    kept = drawn_times(time, log)
    axes.set_xlim(first_shown(view, time[kept]), time[-1])
    axes.axvline(
        float(view.experiment.statistics["window_start"]),
        color=style.MUTED,
        linewidth=0.8,
        linestyle=(0, (5, 3)),
    )


def draw_runs(axes: Axes, view: Scene, modes: np.ndarray, log: bool) -> None:
    """The experiment: mean ± one standard deviation over replicas, and single replicas."""
    ds = view.experiment.data
    time = ds["time"].values
    kept = drawn_times(time, log)
    done = np.flatnonzero(finished(ds))
    x = ds["eigenvalue"].values
    chosen = done[np.unique(np.linspace(0, done.size - 1, TRAJECTORIES).round().astype(int))]
    for k, mode in enumerate(modes):
        values = x[:, kept, mode][done]
        mean, spread = values.mean(axis=0), values.std(axis=0)
        label = f"{view.experiment.name}: mean ± standard deviation" if k == 0 else None
        if done.size > 1:
            axes.fill_between(
                time[kept],
                mean - spread,
                mean + spread,
                color=style.MEASURED,
                alpha=0.75,
                linewidth=0,
                zorder=1,
            )
        for replica in chosen if done.size > 1 else ():
            axes.plot(
                time[kept], x[replica, kept, mode], color=style.BAND, linewidth=0.4, alpha=0.8, zorder=2
            )
        if view.theory:
            points = drawn_times(time, log, POINTS)
            style.marks(
                axes, time[points], x[:, points, mode][done].mean(axis=0), style.INK, "o", label, hollow=True
            )
        else:
            axes.plot(time[kept], mean, color=style.INK, linewidth=1.5, label=label, zorder=3)


def shown_modes(view: Scene) -> np.ndarray:
    """All learnt modes, or a dozen spread evenly over them."""
    learnt = np.flatnonzero(view.learnt)
    if learnt.size <= MOST_MODES:
        return learnt
    return np.asarray(learnt[np.linspace(0, learnt.size - 1, MOST_MODES).round().astype(int)])


def log_time(view: Scene) -> bool:
    """Whether growth happens so early that a linear axis would hide it."""
    time = view.experiment.data["time"].values
    known = growth_times(view.experiment, view)
    positive = time[time > 0]
    if known.size == 0 or positive.size < 3:
        return False
    median = float(np.median(known))
    return bool(median < time[0] + EARLY * (time[-1] - time[0]) and positive[0] < median)


def first_shown(view: Scene, time: np.ndarray) -> float:
    """First time on the axis; on a logarithmic one a decade before anything has grown is enough."""
    known = growth_times(view.experiment, view)
    return float(max(time[0], known.min() / 10)) if log_time(view) else float(time[0])


def growth_times(side: Side, view: Scene) -> np.ndarray:
    """Growth times of the learnt modes that have one."""
    value = side.value("growth_time")
    if value is None:
        return np.empty(0)
    return np.asarray(value[0][view.learnt & np.isfinite(value[0])])


def drawn_times(time: np.ndarray, log: bool, most: int = MOST_TIMES) -> np.ndarray:
    """Indices of the times that are drawn: all, or as many as the eye can tell apart."""
    index = np.flatnonzero(time > 0) if log else np.arange(time.size)
    if index.size <= most:
        return index
    axis = np.log(time[index]) if log else time[index]
    even = np.searchsorted(axis, np.linspace(axis[0], axis[-1], most))
    return np.asarray(index[np.unique(np.minimum(even, index.size - 1))])


def growth_caption(view: Scene) -> str:
    """What one sees."""
    ds = view.experiment.data
    shown, learnt = shown_modes(view).size, int(view.learnt.sum())
    which = "Modes" if shown == learnt else f"{shown} of {learnt} modes, spread evenly,"
    text = f"{which} in time: mean over replicas ({'circles' if view.theory else 'black'})"
    if finished(ds).sum() > 1:
        text += ", ± one standard deviation (grey band) and a few single replicas (thin lines)"
    drawn = [n for n, s in view.theory.items() if s.value("mean_path") is not None]
    text += f"; means of {count_levels(drawn)}. " if drawn else ". "
    if growth_times(view.experiment, view).size == 0:
        text += "The run starts near its stationary state, so there is no growth to time. "
    text += "Dashed rule: start of the stationary window."
    diverged = ds["diverged"].values
    lost = diverged[~np.isnan(diverged)]
    if lost.size:
        text += f" {count(int(lost.size), 'replica')} left out: diverged {span(lost)}."
    return text


def span(times: np.ndarray) -> str:
    """``at t = 3``, or ``between t = 3 and t = 8``."""
    first, last = times.min(), times.max()
    return f"at t = {first:.4g}" if first == last else f"between t = {first:.4g} and t = {last:.4g}"


def count_levels(names: list[str]) -> str:
    """``level dyson``, ``levels pair and matrix``."""
    if len(names) == 1:
        return f"level {names[0]}"
    return f"levels {', '.join(names[:-1])} and {names[-1]}"
