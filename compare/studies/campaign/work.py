"""The piece of work of a campaign: one chunk of replicas of one side of one cell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import xarray as xr

import sgd
from compare.studies.campaign.definition import TRAINED, Campaign, Cell
from compare.studies.campaign.models import make, relaxation_rates, theory
from streams import seed_of_text


@dataclass(frozen=True)
class Task:
    """One chunk.

    Attributes
    ----------
    cell : Cell
    side : str
        "experiment" or "theory/<level>".
    chunk : int
    first, last : int
        Replicas first ≤ r < last.
    """

    cell: Cell
    side: str
    chunk: int
    first: int
    last: int

    @property
    def group(self) -> str:
        """Of the side in the store."""
        return f"{self.cell.name}/{self.side}"

    @property
    def name(self) -> str:
        """Distinct for every chunk of a campaign."""
        return f"{self.group}/{self.chunk}"


def tasks_of(campaign: Campaign, cell: Cell, side: str) -> list[Task]:
    """All chunks of a side."""
    edges = [min(k * campaign.chunk, campaign.replicas) for k in range(campaign.chunks + 1)]
    return [Task(cell, side, k, edges[k], edges[k + 1]) for k in range(campaign.chunks)]


def entropy(cell: Cell, side: str, chunk: int) -> int:
    """The seed of a chunk: of its place by value, so that a grid that grows keeps its results."""
    text = f"{cell.model} {cell.learning_rate!r} {cell.batch_size} {side} {chunk}"
    return seed_of_text(cell.seed, text)


@lru_cache(maxsize=64)
def _model(name: str, options: tuple) -> Any:
    return make(name, {key: list(v) if isinstance(v, tuple) else v for key, v in options})


def model_of(campaign: Campaign, cell: Cell) -> Any:
    """The cell's model."""
    table = campaign.models[cell.model]
    frozen = tuple((key, tuple(v) if isinstance(v, list) else v) for key, v in table.items())
    return _model(cell.model, frozen)


def recorded(campaign: Campaign, cell: Cell) -> np.ndarray:
    """Recorded steps of a cell."""
    rates = relaxation_rates(campaign.models[cell.model], model_of(campaign, cell))
    slowest = float(np.min(rates)) if len(rates) else 0.0
    return campaign.record.at(1.0 / (cell.learning_rate * slowest) if slowest > 0 else np.inf)


def simulate(campaign: Campaign, task: Task, workers: int = 1) -> xr.Dataset:
    """The spectra of one chunk, a Dataset of docs/schema.md.

    A level of theory starts at the first weights of the same replicas, and draws from streams of its own.
    """
    cell, model, record = task.cell, model_of(campaign, task.cell), recorded(campaign, task.cell)
    replicas, seed = task.last - task.first, entropy(cell, TRAINED, task.chunk)
    if task.side == TRAINED:
        return sgd.train(
            model, cell.learning_rate, cell.batch_size, int(record[-1]), replicas,
            seed=seed, record=record, initial=campaign.initial, workers=workers,
        )  # fmt: skip
    weight = np.asarray(sgd.initial_weights(model, replicas, seed=seed, initial=campaign.initial))
    own, level = entropy(cell, task.side, task.chunk), task.side.rpartition("/")[2]
    table = campaign.models[cell.model]
    return theory(
        table,
        model,
        level,
        weight,
        cell.learning_rate,
        cell.batch_size,
        times_of(campaign, cell),
        own,
        workers,
    )


def times_of(campaign: Campaign, cell: Cell) -> np.ndarray:
    """Recorded times t = α n of a cell."""
    return cell.learning_rate * recorded(campaign, cell)


def closed_form(campaign: Campaign, cell: Cell, level: str) -> xr.Dataset:
    """A level without paths, computed where it is needed."""
    table, model = campaign.models[cell.model], model_of(campaign, cell)
    return theory(table, model, level, None, cell.learning_rate, cell.batch_size, times_of(campaign, cell))


def compute(definition: Mapping[str, Any], task: Task, workers: int = 1) -> dict[str, Any]:
    """What a worker returns: the chunk encoded for the store, and the description of its side."""
    from compare.studies.campaign.encoding import encoded

    campaign = _parsed(json.dumps(definition, sort_keys=True))
    return encoded(campaign, task, simulate(campaign, task, workers))


@lru_cache(maxsize=4)
def _parsed(text: str) -> Campaign:
    """Once a process."""
    return Campaign.from_mapping(json.loads(text))
