"""The report of a campaign: where theory holds, over the plane, and how it was run."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from compare.measure.printing import with_error
from compare.page import Section
from compare.studies.campaign.definition import Campaign, sides
from compare.studies.campaign.plan import duration
from compare.studies.campaign.planes import DIVERGED, VERDICTS, plane
from compare.studies.campaign.store import Store
from compare.studies.campaign.work import tasks_of

SHOWN = ("agrees", "cannot tell", "differs", "diverged")

PLANE = """\
Every cell is an ensemble of {replicas} replicas at one learning rate α and batch size |B|, started at \
{start}, beside the levels of theory. A level agrees in a cell if all its means, widths and spacings are \
shown to be within {margin} of those of SGD, differs if one of them is shown not to be, and otherwise cannot \
tell: each at 99 % confidence by itself. {lost}"""

LOST = """\
In {cells} of all {total} cells some replicas of SGD diverged ({whole} of them lost all): there the others \
alone are compared."""

RUN = """\
{done} of {total} chunks are complete, {runs} runs, {seconds} in all. SHA-256 of the results: {digest}. The \
same campaign has the same results to the last bit, wherever and however it is run."""


def planes_of(path: str | Path, campaign: Campaign) -> dict[str, xr.Dataset]:
    """The plane of every model and seed."""
    found = {}
    for model in campaign.models:
        for seed in campaign.seeds:
            name = model if len(campaign.seeds) == 1 else f"{model}, seed {seed}"
            found[name] = plane(path, model, seed)
    return found


def sections(path: str | Path) -> tuple[list[Section], dict[str, Any]]:
    """The page's sections, and the same in numbers.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no campaign, or a model of it has no complete chunk.
    """
    from compare.studies.campaign.figures import verdict_planes  # matplotlib, only for a page

    store = Store(path)
    campaign = store.campaign()
    planes = planes_of(path, campaign)
    start = "the noiseless fixed point" if isinstance(campaign.initial, str) else "random weights"
    text = PLANE.format(
        replicas=campaign.replicas,
        start=start,
        margin=f"{100 * campaign.margin:g} %",
        lost=lost_cells(planes),
    )
    numbers = {name: summary(one) for name, one in planes.items()}
    found = [Section("Where theory holds", text, verdict_planes(planes), table_of(planes))]
    found += [Section(f"Widths: {name}", "", None, widths(one)) for name, one in planes.items()]
    found.append(Section("The run", run_text(store, campaign), None, stops(store, campaign)))
    return found, {"planes": numbers, "digest": store.digest()}


def lost_cells(planes: dict[str, xr.Dataset]) -> str:
    """Where SGD itself diverged; nothing where it did not."""
    diverged = np.array([one["diverged_replicas"].values for one in planes.values()])
    kept = np.array([one["replicas"].values for one in planes.values()])
    some, whole = int((diverged > 0).sum()), int(((kept == 0) & (diverged > 0)).sum())
    return LOST.format(cells=some, total=diverged.size, whole=whole) if some else ""


def summary(one: xr.Dataset) -> dict[str, dict[str, int]]:
    """Cells by verdict, of every level."""
    out = {}
    for level in one["theory"].values:
        codes = Counter(one["holds"].sel(theory=level).values.ravel().tolist())
        out[str(level)] = {name: codes.get(k, 0) for k, name in enumerate(VERDICTS)}
        out[str(level)]["diverged"] = codes.get(DIVERGED, 0)
    return out


def table_of(planes: dict[str, xr.Dataset]) -> list[list[str]]:
    """Numbers of cells, and the hottest noise level below which a level differs nowhere."""
    rows = [["model", "level", *SHOWN, "differs nowhere at α/|B| up to"]]
    for name, one in planes.items():
        level_of = (one["learning_rate"] / one["batch_size"]).values
        for level, counts in summary(one).items():
            code = one["holds"].sel(theory=level).values
            wrong = level_of[(code == 2) | (code == DIVERGED)]
            right = level_of[(code >= 0) & (level_of < (wrong.min() if wrong.size else np.inf))]
            limit = f"{right.max():.4g}" if right.size else "none"
            numbers = [str(counts[v]) for v in SHOWN]
            rows.append([name, level, *numbers, limit])
    return rows


def widths(one: xr.Dataset) -> list[list[str]]:
    """Width of the widest multiplet over √T at every point: constant where the linear scaling rule holds."""
    widest = int(np.nanargmax(np.nanmax(one["width"].values, axis=(0, 1))))
    head = [f"σ/√(α/|B|), level {widest}", *(f"|B| = {b}" for b in one["batch_size"].values)]
    rows = [head]
    for i, a in enumerate(one["learning_rate"].values):
        row = [f"α = {a:g}"]
        for j, b in enumerate(one["batch_size"].values):
            value, se = (float(one[n].values[i, j, widest]) / np.sqrt(a / b) for n in ("width", "width_se"))
            row.append(with_error(value, se) if np.isfinite(value) else "not run")
        rows.append(row)
    return rows


def run_text(store: Store, campaign: Campaign) -> str:
    """How it was run, in a sentence or two."""
    total, done = progress_of(store, campaign)
    ends = [line for line in store.journal.read() if line["event"] == "end"]
    spent = sum(line["seconds"] for line in ends)
    runs = sum(line["event"] == "run" for line in store.journal.read())
    return RUN.format(done=done, total=total, runs=runs, seconds=duration(spent), digest=store.digest())


def progress_of(store: Store, campaign: Campaign) -> tuple[int, int]:
    """Chunks there are to be, those that a stop rule spares left out, and those that are complete."""
    total = done = 0
    for cell, side in sides(campaign):
        group = tasks_of(campaign, cell, side)[0].group
        stopped = store.stopped(group)
        total += campaign.chunks if stopped is None else stopped["chunks"]
        done += len(store.complete(group))
    return total, done


def stops(store: Store, campaign: Campaign) -> list[list[str]] | None:
    """Sides that a stop rule ended, and why."""
    rows = [["side", "complete because"]]
    for cell, side in sides(campaign):
        group = tasks_of(campaign, cell, side)[0].group
        if (found := store.stopped(group)) is not None:
            rows.append([group, found["reason"]])
    return rows if len(rows) > 1 else None
