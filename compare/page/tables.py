"""Tables of the page: levels of theory against the experiment, and every check."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from compare.layout.schema import EXPERIMENT
from compare.measure.printing import with_error
from compare.plots.scene import Scene
from compare.quantities import QUANTITIES, Quantity, relative_deviation
from compare.verdict.result import CheckResult
from compare.verdict.row import AGREES, Check

OPEN_ROWS = 60
"""A list of checks that is longer stays closed until it is asked for."""


def comparison_tables(view: Scene, result: CheckResult) -> list[dict[str, Any]]:
    """One table a quantity: target, experiment, and its deviation from each level of theory."""
    verdicts = {(r.level, r.quantity, r.index): r.verdict for r in result.rows}
    return [
        table
        for quantity in QUANTITIES
        if quantity.heading and (table := comparison_table(view, verdicts, quantity)) is not None
    ]


def comparison_table(
    view: Scene, verdicts: dict[tuple[str, str, int], str], quantity: Quantity
) -> dict[str, Any] | None:
    """None where the experiment has nothing of the kind."""
    variable, noun = quantity.variable, quantity.of
    measured = view.experiment.value(variable)
    if measured is None or measured[0].size == 0 or np.isnan(measured[0]).all():
        return None
    value, se = measured
    names = [n for n in view.theory if view.theory[n].value(variable) is not None]
    off = {n: deviation(view, n, variable) for n in names}
    rows = []
    for k, target in enumerate(targets(view, noun)):
        cells = []
        for n in names:
            ratio, error = off[n]  # type: ignore[misc]
            text = per_cent(float(ratio[k]), float(error[k]))
            cells.append({"text": text, "verdict": verdicts.get((n, quantity.name, k), "")})
        estimate = with_error(float(value[k]), float(se[k]))
        rows.append({"of": k, "target": f"{target:.6g}", "measured": minus(estimate), "cells": cells})
    return {"heading": quantity.heading, "noun": noun, "names": names, "rows": rows}


def targets(view: Scene, noun: str) -> np.ndarray:
    """Target of each mode, multiplet or pair."""
    if noun == "mode":
        return view.target
    centre = np.array([view.target[s].mean() for s in view.group.slices])
    return centre if noun == "multiplet" else centre[view.group.pair_multiplet]


def deviation(view: Scene, name: str, variable: str) -> tuple[np.ndarray, np.ndarray] | None:
    """(experiment − theory)/theory and its standard error; NaN where the theory is 0."""
    ours, theirs = view.experiment.value(variable), view.theory[name].value(variable)
    if ours is None or theirs is None:
        return None
    off, error = relative_deviation(ours, theirs)
    known = np.isfinite(off) & (np.abs(theirs[0]) > 1e-12 * np.abs(view.target).max())
    return np.where(known, off, np.nan), error


def check_groups(result: CheckResult) -> list[dict[str, Any]]:
    """Every check, by level of theory (the deciding one first) and quantity."""
    order = sorted(
        result.levels, key=lambda n: (n == EXPERIMENT, n != result.deciding_level, result.levels.index(n))
    )
    groups = []
    for level in order:
        rows = [r for r in result.rows if r.level == level]
        counts = {v: n for v, n in result.counts[level].items() if n}
        blocks = [
            {"quantity": quantity, "rows": [check_cells(r, result) for r in rows if r.quantity == quantity]}
            for quantity in dict.fromkeys(r.quantity for r in rows)
        ]
        unsettled = any(r.verdict != AGREES for r in rows)
        groups.append(
            {
                "level": level,
                "total": len(rows),
                "counts": counts,
                "blocks": blocks,
                "open": level == result.deciding_level and len(rows) <= OPEN_ROWS and unsettled,
            }
        )
    return groups


def check_cells(row: Check, result: CheckResult) -> dict[str, str]:
    """One check as text; the note of one that cannot tell says what would."""
    relative = row.relative_deviation
    return {
        "of": row.label,
        "measured": minus(with_error(row.estimate, row.estimate_se)),
        "predicted": minus(with_error(row.prediction, row.prediction_se)),
        "deviation": "–" if math.isnan(row.deviation) else signed(with_error(row.deviation, row.error)),
        "percent": "" if math.isnan(relative) else signed(f"{100 * relative:.2g}") + " %",
        "margin": "–" if math.isnan(row.margin) else f"{row.margin:.2g}",
        "verdict": row.verdict,
        "note": row.note or result.needs(row),
    }


def per_cent(ratio: float, error: float) -> str:
    """A ratio with the digits that its error allows, or with two where it has none."""
    if not math.isfinite(ratio):
        return "–"
    known = math.isfinite(error) and error > 0
    return signed(with_error(100 * ratio, 100 * error) if known else f"{100 * ratio:.2g}") + " %"


def signed(text: str) -> str:
    """With a plus where it is not negative."""
    return minus(text) if text.startswith("-") else f"+{text}"


def minus(text: str) -> str:
    """A proper minus sign."""
    return text.replace("-", "−")
