"""What the page says, as plain values for the template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from compare.layout.schema import EXPERIMENT
from compare.page.figures import drawn, figures
from compare.page.provenance import diverged, facts, lost_replicas, made_with, model_name, notes, sides
from compare.page.section import Section
from compare.page.tables import check_groups, comparison_tables, deviation
from compare.plots.scene import Scene
from compare.plots.spectrum import count
from compare.verdict.result import CheckResult
from compare.verdict.row import AGREES, CANNOT_TELL, DIFFERS
from dyson.levels import LEVELS

KEEPS = {
    **{name: level.keeps for name, level in LEVELS.items()},
    "surmise": "the repulsion within a pair alone; its width is the experiment's own",
    EXPERIMENT: "the experiment by itself: does it drift in the stationary window?",
}
"""What each level of theory keeps."""

BADGES = {AGREES: "agrees", DIFFERS: "differs", CANNOT_TELL: "unclear"}
"""Style of each verdict."""


def content(
    tree: xr.DataTree,
    view: Scene,
    result: CheckResult,
    command: str | None,
    title: str | None,
    sections: Sequence[Section],
) -> dict[str, Any]:
    """Everything on the page but its form."""
    return {
        "title": default_title(view) if title is None else title,
        "command": command,
        "badges": BADGES,
        "headline": headline(view, result),
        "counts": level_counts(result),
        "summary": summary(view, result),
        "notes": notes(tree),
        "figures": figures(view, result.margins.get("mean eigenvalue")),
        "tables": comparison_tables(view, result),
        "groups": check_groups(result),
        "confidence": f"{100 * result.confidence:.4g} %",
        "sections": shown_sections(sections),
        "facts": facts(view),
        "sides": sides(view),
        "made": made_with(),
    }


def shown_sections(sections: Sequence[Section]) -> list[dict[str, Any]]:
    """Paragraphs, figure and table of each."""
    return [
        {
            "title": s.title,
            "paragraphs": [p for p in s.text.split("\n\n") if p.strip()],
            "figure": None if s.figure is None else drawn(s.figure, f"s{k}x", s.title),
            "table": None if s.table is None else [[str(cell) for cell in row] for row in s.table],
        }
        for k, s in enumerate(sections)
    ]


def default_title(view: Scene) -> str:
    """``Gaussian RBM: SGD against pair, dyson and matrix``."""
    names = list(view.theory)
    against = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
    return f"{model_name(view)}: SGD" + (f" against {against}" if names else " alone, without theory")


def headline(view: Scene, result: CheckResult) -> dict[str, Any]:
    """The verdict in a sentence's parts: of the deciding level, or of all of them."""
    every = result.deciding_level == "all"
    rows = [r for r in result.rows if r.level == result.deciding_level or (every and r.level != EXPERIMENT)]
    number = {v: sum(r.verdict == v for r in rows) for v in BADGES}
    return {
        "theory": bool(view.theory),
        "level": "every level" if every else result.deciding_level,
        "every": every,
        "verdict": result.verdict,
        "total": len(rows),
        "agrees": number[AGREES],
        "differs": number[DIFFERS],
        "unclear": number[CANNOT_TELL],
    }


def level_counts(result: CheckResult) -> list[dict[str, Any]]:
    """Rows per level and verdict, the deciding level first, the experiment by itself last."""
    order = sorted(
        result.counts,
        key=lambda name: (name == EXPERIMENT, name != result.deciding_level, result.levels.index(name)),
    )
    return [
        {
            "name": name,
            "keeps": KEEPS.get(name, ""),
            "decides": name == result.deciding_level,
            "total": sum(result.counts[name].values()),
            "number": {BADGES[v]: n for v, n in result.counts[name].items()},
        }
        for name in order
    ]


def summary(view: Scene, result: CheckResult) -> list[str]:
    """A few sentences: what was run, what was lost, how far the theory is off."""
    found = [what_was_run(view)]
    for side in (view.experiment, *view.theory.values()):
        if lost_replicas(side):
            found.append(f"{side.name}: {diverged(side)}.")
    still = [r for r in result.rows if r.quantity == "equilibration"]
    settled = sum(r.verdict == AGREES for r in still)
    if still:
        found.append(
            f"In that window the means of {settled} of {count(len(still), 'mode')} are shown to be at rest."
        )
    found += largest_deviations(view)
    if view.theory:
        found.append(
            f"Each check has {100 * result.confidence:.4g} % confidence by itself; "
            f"if the deciding level were exact, {chance(result)} of its checks would differ by chance."
        )
    return found


def chance(result: CheckResult) -> str:
    """Number of checks that would differ by chance, in words where it is next to nothing."""
    return f"{result.expected_by_chance:.2g}" if result.expected_by_chance >= 0.01 else "fewer than 0.01"


def what_was_run(view: Scene) -> str:
    """One sentence on the experiment."""
    ds, statistics = view.experiment.data, view.experiment.statistics
    time, begin = ds["time"].values, float(statistics["window_start"])
    text = f"{count(ds.sizes['replica'], 'replica')} of a {model_name(view)} "
    text += f"with {count(ds.sizes['mode'], 'mode')}"
    at = [f"α = {float(ds['learning_rate']):g}"] if "learning_rate" in ds.coords else []
    at += [f"|B| = {float(ds['batch_size']):g}"] if "batch_size" in ds.coords else []
    at += [f"T = α/|B| = {float(ds['noise_level']):.4g}"]
    text += f" at {', '.join(at)}"
    if "step" in ds.coords:
        text += f", {int(ds['step'].values[-1])} SGD steps"
    inside = int((time >= begin).sum())
    text += f" to t = {time[-1]:.6g}. Of {count(time.size, 'recorded time')}, "
    return text + f"the {inside} from t = {begin:.4g} on are taken as stationary."


def largest_deviations(view: Scene) -> list[str]:
    """How far the experiment is from each level of theory in the means, where it is farthest."""
    found = []
    for name in view.theory:
        pair = deviation(view, name, "mean_eigenvalue")
        if pair is None:
            continue
        ratio = np.where(view.learnt & np.isfinite(pair[0]), np.abs(pair[0]), -1.0)
        mode = int(ratio.argmax())
        if ratio[mode] >= 0:
            found.append(f"{name} {100 * pair[0][mode]:+.2g} % (mode {mode})".replace("-", "−"))
    if not found:
        return []
    return [
        "SGD against theory in a stationary mean, where they are farthest apart: " + ", ".join(found) + "."
    ]
