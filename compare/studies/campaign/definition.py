"""What a campaign is: models, a grid, ensembles, what to record, levels of theory, when to stop."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from compare.quantities import SIZES
from compare.studies.campaign.models import KINDS, LEVELS, make
from compare.studies.campaign.record import Record
from streams.arguments import choice, count, positive, shown, unknown

TABLES = {
    "": ("name", "model", "grid", "ensemble", "record", "theory", "stop"),
    "grid": ("learning_rate", "batch_size", "seed"),
    "ensemble": ("replicas", "chunk", "initial"),
    "record": ("number", "spacing", "steps", "warm_up", "window"),
    "theory": ("levels", "margin"),
    "stop": ("quantity", "error", "seconds"),
}
"""Keys of the file, by table."""

TRAINED = "experiment"
"""The side of a cell that is trained; the others are theory/<level>."""

MOST_CHUNKS = 10**6
"""Of one side of all cells."""


@dataclass(frozen=True)
class Cell:
    """One point of the grid.

    Attributes
    ----------
    model : str
        Name of the model.
    learning_rate : float
    batch_size : int
    seed : int
    """

    model: str
    learning_rate: float
    batch_size: int
    seed: int

    @property
    def name(self) -> str:
        """Of the cell's group in the store."""
        return f"{self.model}/lr{self.learning_rate!r}-bs{self.batch_size}-seed{self.seed}"


@dataclass(frozen=True)
class Campaign:
    """A study: every model at every learning rate, batch size and seed, beside its levels of theory.

    Make one with `read` (a TOML file) or `from_mapping`; docs/campaigns.md lists the keys.

    Attributes
    ----------
    name : str
    models : mapping of str to mapping
        Kind and options of each model, by its name.
    learning_rates, batch_sizes, seeds : tuple
        The grid.
    replicas, chunk : int
        Replicas of a cell, and of a chunk: the piece that is run and written whole.
    initial : float or "fixed-point"
        Standard deviation of the first weights, or a start at the noiseless fixed point.
    record : Record
    levels : tuple of str
    margin : float
        Relative deviation up to which a level of theory holds.
    quantity, error : str or None, float or None
        A side of a cell is complete when the largest relative standard error of that statistic is below.
    seconds : float or None
        A run stops after that long; resuming goes on.
    """

    name: str
    models: Mapping[str, Mapping[str, Any]]
    learning_rates: tuple[float, ...]
    batch_sizes: tuple[int, ...]
    seeds: tuple[int, ...] = (1,)
    replicas: int = 1000
    chunk: int = 256
    initial: float | str = "fixed-point"
    record: Record = field(default_factory=Record)
    levels: tuple[str, ...] = LEVELS
    margin: float = 0.05
    quantity: str | None = None
    error: float | None = None
    seconds: float | None = None

    @classmethod
    def read(cls, path: str | Path) -> Campaign:
        """From a TOML file.

        Raises
        ------
        FileNotFoundError
        TypeError, ValueError
            If it is no TOML, or a key or value is not as described; one line that names it.
        """
        path = Path(path)
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{str(path)!r} is not a TOML file: {error}") from None
        return cls.from_mapping({"name": path.stem} | values)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Campaign:
        """From the tables of such a file; raises as `read` does."""
        tables = _tables(values)
        grid, ensemble, theory, stop = (tables[t] for t in ("grid", "ensemble", "theory", "stop"))
        campaign = cls(
            name=_name("name", values.get("name", "campaign")),
            models=_models(values.get("model")),
            learning_rates=_axis(grid, "learning_rate", lambda n, v: positive(n, v)),
            batch_sizes=_axis(grid, "batch_size", lambda n, v: count(n, v)),
            seeds=_axis(grid, "seed", lambda n, v: count(n, v, 0), (1,)),
            replicas=count("ensemble.replicas", ensemble.get("replicas", 1000), 2),
            chunk=count("ensemble.chunk", ensemble.get("chunk", 256)),
            initial=_initial(ensemble.get("initial", "fixed-point")),
            record=Record.of(tables["record"]),
            levels=_levels(theory.get("levels", LEVELS)),
            margin=positive("theory.margin", theory.get("margin", 0.05)),
            **_stop(stop),
        )
        for name, options in campaign.models.items():
            make(name, options)
        if (chunks := campaign.chunks * len(campaign.cells)) > MOST_CHUNKS:
            raise ValueError(f"{chunks} chunks are more than {MOST_CHUNKS}: raise ensemble.chunk")
        return campaign

    @property
    def cells(self) -> list[Cell]:
        """All points: models, then learning rates, batch sizes, seeds."""
        axes = (self.models, self.learning_rates, self.batch_sizes, self.seeds)
        return [Cell(*point) for point in itertools.product(*axes)]

    @property
    def chunks(self) -> int:
        """Chunks of a side of a cell."""
        return math.ceil(self.replicas / self.chunk)

    def to_mapping(self) -> dict[str, Any]:
        """Everything, as plain values that `from_mapping` takes."""
        stop = {"quantity": self.quantity, "error": self.error, "seconds": self.seconds}
        grid = {"learning_rate": self.learning_rates, "batch_size": self.batch_sizes, "seed": self.seeds}
        return {
            "name": self.name,
            "model": [{"name": name, **options} for name, options in self.models.items()],
            "grid": {key: list(axis) for key, axis in grid.items()},
            "ensemble": {"replicas": self.replicas, "chunk": self.chunk, "initial": self.initial},
            "record": {k: v for k, v in asdict(self.record).items() if v is not None},
            "theory": {"levels": list(self.levels), "margin": self.margin},
            "stop": {key: value for key, value in stop.items() if value is not None},
        }

    @property
    def fingerprint(self) -> str:
        """Of everything that results depend on: not of the margin and of the time a run may take."""
        values = self.to_mapping()
        values["stop"].pop("seconds", None)
        values["theory"].pop("margin")
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _tables(values: object) -> dict[str, dict]:
    """The tables, every key known."""
    if not isinstance(values, Mapping):
        raise TypeError(f"a campaign is a table of keys, got {shown(values)}")
    _known("", values)
    tables = {}
    for table in TABLES:
        if not table:
            continue
        found = values.get(table, {})
        if not isinstance(found, Mapping):
            raise TypeError(f"[{table}] must be a table, got {shown(found)}")
        _known(table, found)
        tables[table] = dict(found)
    return tables


def _known(table: str, values: Mapping) -> None:
    for key in values:
        if key not in TABLES[table]:
            where = f"[{table}]: " if table else ""
            raise ValueError(where + unknown("key", key, TABLES[table]))


def _name(what: str, value: object) -> str:
    if not (isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9][\w-]{0,63}", value, re.ASCII)):
        raise ValueError(f"{what} must be made of letters, digits, - and _, at most 64, got {shown(value)}")
    return value


def _models(value: object) -> dict[str, dict[str, Any]]:
    """[model] or [[model]]: options by name; a name is the kind where none is given."""
    tables = [value] if isinstance(value, Mapping) else value
    if not isinstance(tables, (list, tuple)) or not tables:
        raise ValueError(f"a campaign needs a [model] with kind = one of {', '.join(KINDS)}")
    models: dict[str, dict[str, Any]] = {}
    for table in tables:
        if not isinstance(table, Mapping):
            raise TypeError(f"[model] must be a table, got {shown(table)}")
        options = dict(table)
        kind = choice("model.kind", options.get("kind", "rbm"), KINDS)
        name = _name("model.name", options.pop("name", kind))
        if name in models:
            raise ValueError(f"two models are called {name!r}: give each a name of its own")
        models[name] = {"kind": kind} | options
    return models


def _axis(grid: Mapping, key: str, read, default: tuple = ()) -> tuple:
    """One axis of the grid: distinct values, ascending."""
    values = grid.get(key, default)
    values = values if isinstance(values, (list, tuple)) else [values]
    found = tuple(sorted({read(f"grid.{key}", value) for value in values}))
    if not found:
        raise ValueError(f"the grid is empty: give grid.{key} at least one value")
    return found


def _initial(value: object) -> float | str:
    if isinstance(value, str):
        return choice("ensemble.initial", value, ("fixed-point",))
    return positive("ensemble.initial", value)


def _levels(value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"theory.levels must be a list of {', '.join(LEVELS)}, got {shown(value)}")
    return tuple(dict.fromkeys(choice("theory.levels", level, LEVELS) for level in value))


def _stop(stop: Mapping) -> dict[str, Any]:
    quantity, error, seconds = stop.get("quantity"), stop.get("error"), stop.get("seconds")
    if (quantity is None) != (error is None):
        raise ValueError("[stop] needs quantity and error together: the error of which statistic?")
    return {
        "quantity": None if quantity is None else choice("stop.quantity", quantity, SIZES),
        "error": None if error is None else positive("stop.error", error),
        "seconds": None if seconds is None else positive("stop.seconds", seconds),
    }


def sides(campaign: Campaign) -> Iterator[tuple[Cell, str]]:
    """Cells and what is sampled in them: the experiment, and the levels of theory that have paths."""
    from compare.studies.campaign.models import sampled_levels

    for cell in campaign.cells:
        yield cell, TRAINED
        for level in sampled_levels(campaign.models[cell.model], campaign.levels):
            yield cell, f"theory/{level}"
