"""Predictions against measurements: estimate ± error, deviation, verdict."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping

import xarray as xr

from compare.layout.align import members
from compare.layout.schema import EXPERIMENT, validate
from compare.layout.shared_data import shares_data
from compare.quantities import MARGINS, RELATIVE
from compare.verdict.comparison import Comparison
from compare.verdict.families import FAMILIES, jointly
from compare.verdict.result import CheckResult
from compare.verdict.row import DIFFERS
from compare.verdict.side import Side
from compare.verdict.spread import Stated, stated, with_spread
from dyson.levels import LEVELS
from streams.arguments import choice, shown, unknown

COMPLETE_FIRST = tuple(reversed(LEVELS))


def check(
    tree: xr.DataTree,
    margin: float | Mapping[str, float] | None = None,
    confidence: float = 0.99,
    start: float | None = None,
    level: str | None = None,
    data_spread: Stated | None = None,
    family: str = "none",
) -> CheckResult:
    """Hold every level of theory in a tree against its experiment.

    Rows are the scalars of `compare.statistics` per mode, multiplet and pair; the law of each pair's scaled
    spacing and of its eigenvalues (Kolmogorov–Smirnov distance, prediction 0): against the experiment's
    twin sample where the level of theory was sampled, against the Wigner surmise and the one-pair
    semicircle with the level's own mean and width where it is a closed form; and, for the experiment
    alone (level "sgd"), the drift of each mode's mean between the halves of the window.

    A mode that drifts by more than its margin makes the other rows of that mode, of its multiplet and pair,
    "cannot tell" (note "not equilibrated"): stationary predictions say nothing about it.

    The errors of both sides are combined as if independent. Paths that start at the experiment's own initial
    spectra share that part of the scatter with it, which makes the errors of growth times too large, not
    too small.

    Where the experiment says that its replicas share one data set (attribute ``shared_data``), they are
    one draw of that data. The deviation between data sets is then added in quadrature to ``prediction_se``
    (note "± spread between data sets"). A theory that simulates data sets supplies its own (attribute
    ``error``: "between data sets"). For any other it comes from ``data_spread``; without it, from a theory
    in the tree that does. Where nobody knows it, a row cannot tell; only the agreement of a pair's shape
    (spacing ratio and law), which data hardly ever mend, stands. A theory "given the data", such as
    `compare.surmise`, predicts for these very data and is left as it is. The table is in docs/schema.md.

    Every row has the stated confidence on its own; `CheckResult.expected_by_chance` says how many false
    "differs" that makes in all. With a ``family`` the rows of a level have it together, see
    `compare.verdict.families.jointly`: rows that do not hold then are "cannot tell".

    Parameters
    ----------
    tree : DataTree
        From `compare.align` or `compare.load`.
    margin : float or mapping of str to float, optional
        A number replaces all relative margins of ``MARGINS``; a mapping replaces those it names.
    confidence : float
        Confidence of each row's verdict, between 0 and 1.
    start : float, optional
        First time of the stationary window, units "1"; by default the middle of the run.
    level : str, optional
        Level of theory whose rows decide the verdict, or "all"; by default the most complete one
        present (matrix, dyson, gas, pair; else the last one). Without any theory the verdict is on the
        equilibration alone.
    data_spread : float or mapping, optional
        Standard deviation between data sets, relative to the prediction, by quantity ("width"): one
        number, or one per mode, multiplet or pair. A single number stands for all quantities of
        ``RELATIVE``; 0 says that the choice of the data does not matter. The laws follow.
        `compare.data_spread` estimates it from runs.
    family : {"none", "holm", "benjamini-hochberg"}
        How the verdicts of a level's rows are judged together: each on its own, by Holm's method (the
        chance of any false one is at most 1 − confidence) or by Benjamini and Hochberg's (the mean share of
        false ones is).

    Raises
    ------
    TypeError, ValueError
        One line: what came, what was expected.
    """
    experiment, theory = members(tree)
    margins = _margins(margin)
    if not (isinstance(confidence, numbers.Real) and 0 < confidence < 1):
        raise ValueError(f"confidence must be between 0 and 1, got {shown(confidence)}")
    family = choice("family", family, FAMILIES)
    decide = _deciding_level(level, theory)
    validate(experiment)
    measured = Side.of(experiment, start)
    compare = Comparison(measured, measured.group, margins, float(confidence))
    rows = jointly(list(compare.equilibration()), float(confidence), family)
    sides = {EXPERIMENT: measured}
    moving = {r.index for r in rows if r.verdict == DIFFERS}
    for name, ds in theory.items():
        validate(ds)
        sides[name] = Side.of(ds, start)
    shared = shares_data(experiment)
    if data_spread is not None and not shared:
        raise ValueError(
            "data_spread is for replicas that share one data set, which this experiment does not say; "
            "mark it with compare.align(..., shared_data=True), or leave data_spread out"
        )
    spread = stated(data_spread, measured)
    if shared:
        sides |= with_spread(theory, {name: sides[name] for name in theory}, spread)
    for name in theory:
        rows += jointly(list(compare.against(name, sides[name], moving)), float(confidence), family)
    counts = {
        name: (int(s.statistics["replicas"]), int(s.statistics["diverged_replicas"]))
        for name, s in sides.items()
    }
    used, left_out = ({k: v[i] for k, v in counts.items()} for i in (0, 1))
    return CheckResult(rows, float(confidence), margins, decide, used, left_out, family)


def _margins(margin: float | Mapping[str, float] | None) -> dict[str, float]:
    """Defaults with what the user set; unknown names and numbers that are no margin are refused."""
    if margin is None:
        return dict(MARGINS)
    chosen = dict(margin) if isinstance(margin, Mapping) else dict.fromkeys(RELATIVE, margin)
    for name, value in chosen.items():
        if name not in MARGINS:
            raise ValueError(f"margin: {unknown('quantity', name, MARGINS)}")
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not number or not 0 < value < math.inf:
            raise ValueError(f"margin of {name} must be a finite number > 0, got {shown(value)}")
    return MARGINS | {name: float(value) for name, value in chosen.items()}


def _deciding_level(level: str | None, theory: Mapping[str, xr.Dataset]) -> str:
    if level is None:
        rank = {name: k for k, name in enumerate(COMPLETE_FIRST)}
        known = [name for name in theory if theory[name].attrs.get("level") in rank]
        if known:
            return min(known, key=lambda name: rank[theory[name].attrs["level"]])
        return [EXPERIMENT, *theory][-1]
    if level not in [*theory, "all"]:
        raise ValueError(unknown("level", level, [*theory, "all"]))
    return level
