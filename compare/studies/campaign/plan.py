"""What a campaign will cost, before it starts: chunks, time, bytes."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import sgd
from compare.studies.campaign.definition import TRAINED, Campaign, Cell, sides
from compare.studies.campaign.models import CLOSED, sampled_levels, theory
from compare.studies.campaign.store import Store
from compare.studies.campaign.work import Task, model_of, recorded, simulate, times_of
from streams import LANES, blocks

COMPRESSED = 0.95
"""Of the size of doubles that are mostly noise."""

OVERHEAD = 4096
"""Bytes of a chunk that its records and the file system take besides."""

TIMED_STEPS = 400


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    Attributes
    ----------
    cells, chunks : int
    modes : int
        Largest number of eigenvalues of a model.
    steps : int
        Largest number of SGD steps of a cell.
    bytes : int
        About what the store will take.
    seconds : float
        About what it will take on one core.
    """

    cells: int
    chunks: int
    modes: int
    steps: int
    bytes: int
    seconds: float

    def __str__(self) -> str:
        size = f"{self.bytes / 1e9:.2g} GB" if self.bytes > 1e9 else f"{self.bytes / 1e6:.2g} MB"
        return (
            f"{self.cells} cells, {self.chunks} chunks, up to {self.steps} SGD steps; about {size} on disk "
            f"and {duration(self.seconds)} on one core"
        )


def duration(seconds: float) -> str:
    """Seconds in the units people use."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.2g} s"


def check_cells(campaign: Campaign) -> None:
    """One step of two models in every cell: what cannot be done, says so before the work begins.

    Raises
    ------
    TypeError, ValueError
        With the cell's name.
    """
    for cell in campaign.cells:
        model = model_of(campaign, cell)
        try:
            sgd.train(model, cell.learning_rate, cell.batch_size, 1, 2, seed=1, initial=campaign.initial)
            recorded(campaign, cell)
            _try_theory(campaign, cell)
        except (TypeError, ValueError) as error:
            raise type(error)(f"cell {cell.name}: {error}") from None


def _try_theory(campaign: Campaign, cell: Cell) -> None:
    """Every level of theory of a cell, for one step."""
    table, model = campaign.models[cell.model], model_of(campaign, cell)
    weight = np.asarray(sgd.initial_weights(model, 2, seed=1, initial=campaign.initial))
    times = np.array([0.0, cell.learning_rate])
    for level in {*campaign.levels} & {*CLOSED, *sampled_levels(table, campaign.levels)}:
        theory(table, model, level, weight, cell.learning_rate, cell.batch_size, times)


def size_of(campaign: Campaign) -> int:
    """Bytes that the whole store takes, about."""
    total = 0
    for cell, _ in sides(campaign):
        records = recorded(campaign, cell).size
        total += int(8 * COMPRESSED * campaign.replicas * (records * model_of(campaign, cell).modes + 1))
        total += campaign.chunks * OVERHEAD
    return total


def plan(campaign: Campaign) -> Plan:
    """Check every cell, and estimate; takes seconds, since the pace of each model is measured."""
    check_cells(campaign)
    chunks = sum(campaign.chunks for _ in sides(campaign))
    steps = max(int(recorded(campaign, cell)[-1]) for cell in campaign.cells)
    modes = max(model_of(campaign, cell).modes for cell in campaign.cells)
    return Plan(len(campaign.cells), chunks, modes, steps, size_of(campaign), _seconds(campaign))


def require_disk(campaign: Campaign, store: Store, share: float) -> None:
    """OSError if what is still to be written, ``share`` of the whole, does not fit on the disk."""
    folder = next(p for p in (store.path, *store.path.absolute().parents) if p.exists())
    free, needed = shutil.disk_usage(folder).free, size_of(campaign) * share
    if needed > free:
        raise OSError(
            f"the campaign needs about {needed / 1e9:.3g} GB, {free / 1e9:.3g} GB are free at "
            f"{str(Path(folder))!r}: choose fewer replicas or records, or another disk"
        )


def _seconds(campaign: Campaign) -> float:
    """One core's time for everything, from short runs of one block of each model, batch size and level."""
    paces: dict[tuple, float] = {}
    total = 0.0
    for cell, side in sides(campaign):
        record = recorded(campaign, cell)
        key = (cell.model, side) + ((cell.batch_size,) if side == TRAINED else ())
        if key not in paces:
            paces[key] = _pace(campaign, cell, side)
        amount = record[-1] if side == TRAINED else times_of(campaign, cell)[-1]
        total += paces[key] * float(amount) * campaign.chunks * blocks(min(campaign.chunk, campaign.replicas))
    return total


def _pace(campaign: Campaign, cell: Cell, side: str) -> float:
    """Seconds a block of replicas, by SGD step or by unit of time."""
    record = recorded(campaign, cell)
    if side == TRAINED:
        model = model_of(campaign, cell)
        steps = int(min(TIMED_STEPS, record[-1]))

        def once() -> float:
            start = time.perf_counter()
            sgd.train(
                model, cell.learning_rate, cell.batch_size, steps, LANES, seed=1, record=[steps],
                initial=campaign.initial,
            )  # fmt: skip
            return time.perf_counter() - start

        once()
        return min(once(), once()) / steps
    start = time.perf_counter()
    simulate(campaign, Task(cell, side, 0, 0, min(LANES, campaign.replicas)))
    return (time.perf_counter() - start) / float(np.max(times_of(campaign, cell)))
