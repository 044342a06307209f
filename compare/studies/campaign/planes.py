"""Statistics of a campaign over the plane of learning rate and batch size, and where theory holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from compare.measure.statistics import statistics
from compare.quantities import SIZES
from compare.studies.campaign.definition import TRAINED, Campaign, Cell
from compare.studies.campaign.models import relaxation_rates
from compare.studies.campaign.store import Store
from compare.studies.campaign.view import chosen, judged_cell, verdict_of, window
from compare.studies.campaign.work import model_of
from compare.verdict.result import CheckResult
from compare.verdict.row import AGREES, CANNOT_TELL, DIFFERS

VERDICTS = (CANNOT_TELL, AGREES, DIFFERS)
NOT_RUN, DIVERGED = -1, -2


def plane(path: str | Path, model: str | None = None, seed: int | None = None) -> xr.Dataset:
    """Statistics of a model's cells on (learning_rate, batch_size), and where each level of theory holds.

    Parameters
    ----------
    path : str or Path
    model, seed : optional
        By default the first of the campaign.

    Returns
    -------
    Dataset
        ``width`` (…, multiplet), ``mean_spacing`` (…, pair), ``mean_eigenvalue`` (…, mode), each with
        ``_se``; ``replicas``, ``diverged_replicas``; ``rate`` (multiplet), k per unit time at the fixed
        point, NaN where it is not known; ``holds`` (…, theory): 1 agrees, 2 differs, 0 cannot tell, -1 not
        run, -2 all its paths diverged. A cell that was not run, or where all replicas of SGD diverged, is
        NaN.

    Raises
    ------
    FileNotFoundError, ValueError
        See `Store.campaign`; for an unknown model or seed, or a campaign without a chunk.
    """
    store = Store(path)
    campaign = store.campaign()
    model, seed = chosen(campaign, model, seed)
    found: dict[tuple[float, int], tuple[xr.Dataset, list[int]]] = {}
    for cell in campaign.cells:
        if (cell.model, cell.seed) != (model, seed):
            continue
        judged = judged_cell(store, campaign, cell)
        if judged is None:
            continue
        tree, result = judged
        codes = [_code(store, cell, result, level) for level in campaign.levels]
        experiment = tree["experiment"].to_dataset()
        found[cell.learning_rate, cell.batch_size] = statistics(experiment, window(campaign, cell)), codes
    if not found:
        if any(store.complete(f"{cell.name}/{TRAINED}") for cell in campaign.cells if cell.model == model):
            raise ValueError(f"every replica of {model} diverged in every cell that was run: lower α/|B|")
        raise ValueError(f"{str(path)!r} has no complete chunk of {model}: run the campaign first")
    return _assembled(campaign, model, seed, found)


def _code(store: Store, cell: Cell, result: CheckResult, level: str) -> int:
    """Number of a level's verdict, see `plane`."""
    if any(row.level == level for row in result.rows):
        return VERDICTS.index(verdict_of(result, level))
    return DIVERGED if store.complete(f"{cell.name}/theory/{level}") else NOT_RUN


def _assembled(campaign: Campaign, model: str, seed: int, found: dict) -> xr.Dataset:
    """Cells side by side."""
    shape = len(campaign.learning_rates), len(campaign.batch_sizes)
    first = next(iter(found.values()))[0]
    names = tuple(SIZES)
    out = xr.Dataset(
        coords={
            "learning_rate": ("learning_rate", list(campaign.learning_rates), {"units": "1"}),
            "batch_size": ("batch_size", list(campaign.batch_sizes), {"units": "1"}),
            "theory": ("theory", list(campaign.levels)),
            **{name: first[name].variable for name in ("multiplet_target", "multiplet_size", "target")},
        }
    )
    grid = ("learning_rate", "batch_size")
    values: dict[str, Any] = {"holds": np.full((*shape, len(campaign.levels)), NOT_RUN)}
    dims: dict[str, tuple[str, ...]] = {"holds": (*grid, "theory")}
    for name in [n + end for n in names for end in ("", "_se")]:
        values[name], dims[name] = np.full((*shape, *first[name].shape), np.nan), (*grid, *first[name].dims)
    for name in ("replicas", "diverged_replicas"):
        values[name], dims[name] = np.zeros(shape, np.int64), grid
    for (a, b), (one, codes) in found.items():
        i = campaign.learning_rates.index(a), campaign.batch_sizes.index(b)
        for name in values:
            values[name][i] = codes if name == "holds" else one[name].values
    for name, x in values.items():
        out[name] = (dims[name], x)
    out["rate"] = ("multiplet", _rates(campaign, model, first["multiplet_target"].values))
    out.attrs = {"name": campaign.name, "model": model, "seed": str(seed), "margin": campaign.margin}
    return out


def _rates(campaign: Campaign, model: str, targets: np.ndarray) -> np.ndarray:
    """k of every multiplet, NaN where it is not known."""
    cell = next(cell for cell in campaign.cells if cell.model == model)
    table = campaign.models[model]
    known = relaxation_rates(table, model_of(campaign, cell))
    rates = np.full(len(targets), np.nan)
    if table["kind"] == "rbm":
        learnt = np.flatnonzero(targets > 1e-6 * targets.max())
        rates[learnt[: len(known)]] = known[: len(learnt)]
    elif np.ptp(known) == 0:
        rates[:] = known[0]
    return rates
