"""What a campaign has found: its spectra, its statistics over the plane, and where theory holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from compare.layout.align import align
from compare.quantities import SIZES
from compare.studies.campaign.definition import TRAINED, Campaign, Cell
from compare.studies.campaign.models import CLOSED, sampled_levels
from compare.studies.campaign.store import Store
from compare.studies.campaign.work import closed_form, model_of, recorded, times_of
from compare.verdict.checks import check
from compare.verdict.result import CheckResult
from compare.verdict.row import AGREES, CANNOT_TELL, DIFFERS
from streams.arguments import choice, one_line, unknown

HOLDS = frozenset(quantity.name for quantity in SIZES.values())
"""Quantities that a level must predict to hold in a cell."""

REPLICA = {"units": "1", "long_name": "replica"}


def read_side(store: Store, group: str, campaign: Campaign) -> xr.Dataset | None:
    """The complete chunks of a side, lazily; None if there is none."""
    done = store.complete(group)
    if not done:
        return None
    with _told_of_damage(store, group):
        ds = xr.open_zarr(store.data, group=group, consolidated=False, zarr_format=3, chunks=None)
    edges = np.minimum(np.arange(campaign.chunks + 1) * campaign.chunk, campaign.replicas)
    kept = np.concatenate([np.arange(edges[k], edges[k + 1]) for k in done])
    ds = ds.assign_coords(replica=("replica", np.arange(ds.sizes["replica"]), REPLICA))
    return ds if kept.size == ds.sizes["replica"] else ds.isel(replica=kept)


@contextmanager
def _told_of_damage(store: Store, group: str) -> Iterator[None]:
    """What zarr says of a file that is not as it was written, in a sentence that helps."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise ValueError(
            f"the files of {group} in {str(store.data)!r} are damaged or missing "
            f"({one_line(str(error))[:120]}): `dyson-sgd campaign status {store.path} --verify` names the "
            "chunks, resume makes them again"
        ) from error


def open_campaign(path: str | Path) -> xr.DataTree:
    """A campaign's spectra, lazily: a group a cell, with ``experiment`` and ``theory/<level>``.

    Replicas of chunks that are not complete are left out. Cells are named
    ``<model>/lr<α>-bs<|B|>-seed<s>`` and carry ``learning_rate`` and ``batch_size``; `plane` puts their
    statistics on these dims.

    Raises
    ------
    FileNotFoundError, ValueError
        See `Store.campaign`.
    """
    store = Store(path)
    campaign = store.campaign()
    nodes = {}
    for cell in campaign.cells:
        for side in (
            TRAINED,
            *(f"theory/{x}" for x in sampled_levels(campaign.models[cell.model], campaign.levels)),
        ):
            ds = read_side(store, f"{cell.name}/{side}", campaign)
            if ds is not None:
                nodes[f"/{cell.name}/{side}"] = ds
    tree = xr.DataTree.from_dict(nodes) if nodes else xr.DataTree()
    tree.attrs = {"campaign": campaign.name, "fingerprint": campaign.fingerprint}
    return tree


def spectra(
    path: str | Path, model: str | None = None, side: str = TRAINED, seed: int | None = None
) -> xr.Dataset:
    """Spectra of all cells of a model, lazily, with learning rate and batch size as dims.

    Parameters
    ----------
    path : str or Path
    model, seed : optional
        By default the first of the campaign.
    side : str
        "experiment" or "theory/<level>".

    Returns
    -------
    Dataset
        ``eigenvalue`` (learning_rate, batch_size, replica, record, mode), a dask array of the store's chunks,
        NaN where a chunk is not complete; ``time`` (learning_rate, batch_size, record), t = α n.

    Raises
    ------
    ModuleNotFoundError
        Without dask, which a lazy array needs.
    FileNotFoundError, ValueError
        See `plane`.
    """
    try:
        import dask.array as da
    except ModuleNotFoundError:
        raise ModuleNotFoundError("lazy spectra need dask: pip install 'dyson-sgd[cluster]'") from None
    store = Store(path)
    campaign = store.campaign()
    model, seed = chosen(campaign, model, seed)
    known = {f"theory/{x}" for x in sampled_levels(campaign.models[model], campaign.levels)} | {TRAINED}
    choice("side", side, sorted(known))
    axes = campaign.learning_rates, campaign.batch_sizes
    cells = [[Cell(model, a, b, seed) for b in axes[1]] for a in axes[0]]
    records = recorded(campaign, cells[0][0]).size
    modes = model_of(campaign, cells[0][0]).modes
    shape = campaign.replicas, records, modes
    values = [[_lazy(store, campaign, f"{cell.name}/{side}", shape, da) for cell in row] for row in cells]
    times = [[times_of(campaign, cell) for cell in row] for row in cells]
    dims = ("learning_rate", "batch_size")
    return xr.Dataset(
        {"eigenvalue": ((*dims, "replica", "record", "mode"), da.stack([da.stack(row) for row in values]))},
        {"learning_rate": list(axes[0]), "batch_size": list(axes[1]), "time": ((*dims, "record"), times)},
        {"campaign": campaign.name, "model": model, "seed": str(seed), "side": side},
    )


def _lazy(store: Store, campaign: Campaign, group: str, shape: tuple[int, ...], da: Any) -> Any:
    """A side's eigenvalues as a dask array, NaN in chunks that are not complete."""
    done = set(store.complete(group))
    edges = np.minimum(np.arange(campaign.chunks + 1) * campaign.chunk, campaign.replicas)
    array = da.from_zarr(str(store.data), component=f"{group}/eigenvalue") if done else None
    parts = [
        array[a:b] if array is not None and k in done else da.full((b - a, *shape[1:]), np.nan)
        for k, (a, b) in enumerate(pairwise(edges.tolist()))
    ]
    return da.concatenate(parts)


def chosen(campaign: Campaign, model: str | None, seed: int | None) -> tuple[str, int]:
    """Model and seed, by default the first ones."""
    model = next(iter(campaign.models)) if model is None else model
    seed = campaign.seeds[0] if seed is None else seed
    if model not in campaign.models:
        raise ValueError(unknown("model", model, campaign.models))
    if seed not in campaign.seeds:
        raise ValueError(f"no seed {seed} in this campaign: its seeds are {campaign.seeds}")
    return model, seed


def cell_tree(store: Store, campaign: Campaign, cell: Cell) -> xr.DataTree | None:
    """The experiment of a cell and its levels, in memory; None before it has chunks."""
    experiment = read_side(store, f"{cell.name}/{TRAINED}", campaign)
    if experiment is None:
        return None
    with _told_of_damage(store, cell.name):
        experiment = experiment.load()
    theory: dict[str, xr.Dataset] = {}
    sampled = sampled_levels(campaign.models[cell.model], campaign.levels)
    for level in campaign.levels:
        if level in CLOSED:
            found = closed_form(campaign, cell, level)
        elif level in sampled:
            read = read_side(store, f"{cell.name}/theory/{level}", campaign)
            if read is None:
                continue
            with _told_of_damage(store, cell.name):
                found = read.load()
        else:
            continue
        theory[level] = found.assign_attrs(
            model=experiment.attrs["model"], parameters=experiment.attrs["parameters"]
        )
    return align(experiment=experiment, theory=theory)


def window(campaign: Campaign, cell: Cell) -> float:
    """First time of the stationary window of a cell."""
    return cell.learning_rate * (campaign.record.window_start(recorded(campaign, cell)) - 0.5)


def judged(path: str | Path) -> Iterator[tuple[Cell, xr.DataTree, CheckResult]]:
    """Every cell that has chunks, with the checks of its levels at the campaign's margin.

    A cell is left out where every replica of SGD diverged, a level where every path of it did.
    """
    store = Store(path)
    campaign = store.campaign()
    for cell in campaign.cells:
        if (found := judged_cell(store, campaign, cell)) is not None:
            yield cell, *found


def judged_cell(store: Store, campaign: Campaign, cell: Cell) -> tuple[xr.DataTree, CheckResult] | None:
    """One cell as in `judged`; None where it is left out."""
    tree = cell_tree(store, campaign, cell)
    if tree is None or lost(tree["experiment"].to_dataset()):
        return None
    theory = tree["theory"].children if "theory" in tree.children else {}
    left = {name: node.to_dataset() for name, node in theory.items() if not lost(node.to_dataset())}
    tree = align(experiment=tree["experiment"].to_dataset(), theory=left)
    return tree, check(tree, margin=campaign.margin, start=window(campaign, cell))


def lost(ds: xr.Dataset) -> bool:
    """Whether every replica diverged."""
    return "diverged" in ds and bool(np.isfinite(ds["diverged"].values).all())


def verdict_of(result: CheckResult, level: str) -> str:
    """Of one level in one cell: differs if a mean, width or spacing does, agrees if all agree."""
    verdicts = {row.verdict for row in result.rows if row.level == level and row.quantity in HOLDS}
    if DIFFERS in verdicts:
        return DIFFERS
    return AGREES if verdicts == {AGREES} else CANNOT_TELL
