"""Published ensembles from files to pages: read, set beside theory, check, report."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import xarray as xr

from compare.layout.align import align, members
from compare.layout.schema import parse_parameters
from compare.layout.shared_data import shares_data
from compare.measure.printing import with_error
from compare.page import Section, report
from compare.page.folder import new_folder, refuse_used
from compare.readers.foreign import FORMATS, read_npz
from compare.verdict.checks import check
from compare.verdict.result import CheckResult
from compare.verdict.surmise import surmise
from dyson.linear.shared_data import TeacherStudent

__all__ = ["import_files", "read_tree"]

SUMMARY = "checks.json"
INDEX = "index.html"


def import_files(
    format: str,
    paths: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    keys: Mapping[str, Any] | None = None,
    command: str | None = None,
) -> list[Path]:
    """Import ensembles, each into a results folder of its own inside ``out``.

    Everything is written into a temporary folder beside ``out`` and renamed at the end: ``out`` holds
    all the ensembles or is not there.

    Parameters
    ----------
    format : str
        One of `compare.readers.foreign.FORMATS`.
    paths : sequence of path-like
        ``.npz`` files; a file's name without ``.npz`` names its folder.
    out : path-like
        Folder to write; it must not exist, or be empty.
    keys : mapping, optional
        Our names to the files' keys or values, see `compare.readers.foreign.read_npz`.
    command : str, optional
        The command to print on the pages.

    Returns
    -------
    list of Path
        ``out/index.html``, which lists the ensembles with their verdicts (``out/checks.json`` has
        the same for machines), then each ensemble's page.

    Raises
    ------
    FileExistsError
        If ``out`` is a file or not empty.
    TypeError, ValueError, FileNotFoundError, OSError
        If a file cannot be read or two have the same name; before anything is written.
    """
    out = Path(out)
    named = _names(paths)
    refuse_used(out)
    trees = {name: read_tree(path, format, keys) for name, path in named.items()}
    results = {name: check(tree) for name, tree in trees.items()}
    with new_folder(out) as folder:
        for name, tree in trees.items():
            run = members(tree)[0]
            notes = NOTES.get(run.attrs["model"], ()) if shares_data(run) else ()
            report(tree, folder / name, command, results[name], title=name, extra_sections=notes)
        summary = {name: json.loads(result.to_json()) for name, result in results.items()}
        (folder / SUMMARY).write_text(json.dumps(summary, indent=1, ensure_ascii=False), encoding="utf-8")
        (folder / INDEX).write_text(_index(trees, results, FORMATS[format].about, command), encoding="utf-8")
    return [out / INDEX, *(out / name / "report.html" for name in trees)]


def read_tree(
    path: str | os.PathLike[str],
    format: str | None = None,
    mapping: Mapping[str, Any] | None = None,
    model: str | None = None,
) -> xr.DataTree:
    """One file beside the levels of theory there are for its model; arguments as for `read_npz`.

    A model this package has no theory of is set beside `surmise` alone, which needs none.
    """
    run = read_npz(path, mapping, format, model)
    theory = {"surmise": surmise(run)}
    try:
        theory |= THEORY.get(run.attrs["model"], _no_theory)(run)
        return align(experiment=run, theory=theory)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{str(path)!r}: {error}") from None


def _teacher_student(run: xr.Dataset) -> dict[str, xr.Dataset]:
    """Levels `pair` and `matrix` at the parameters and times of a run."""
    parameters = parse_parameters(run)
    missing = [name for name in ("noise", "batches", "initial_std") if name not in parameters]
    if missing:
        raise ValueError(
            f"{missing[0]} is not mapped, which the theory of this model needs; add it to the mapping"
        )
    target = run["target"].values
    if target.size != 2 or target[0] != target[1]:
        raise ValueError(
            f"theory of this model is for 2 x 2 students of one degenerate pair, got target {target}"
        )
    model = TeacherStudent(
        float(run["learning_rate"]), int(run["batch_size"]), teacher=float(target[0]), **parameters
    )
    times = run["time"].values
    return {"pair": model.pair(times), "matrix": model.matrix(times)}


def _no_theory(run: xr.Dataset) -> dict[str, xr.Dataset]:
    return {}


THEORY: Mapping[str, Callable[[xr.Dataset], dict[str, xr.Dataset]]] = {"teacher_student": _teacher_student}
"""Levels of theory by the name of the model."""

NOTES: Mapping[str, Sequence[Section]] = {
    "teacher_student": [
        Section(
            "One data set for all replicas",
            "All replicas of this ensemble were trained on the same mini-batches in the same order, each "
            "with noise of its own that repeats every epoch. So the spectra at the ends of the epochs are "
            "the same, and the ensemble is one draw of its data: the width and the mean spacing carry an "
            "error that more replicas do not make smaller.\n\n"
            "Level matrix keeps the mini-batches: its prediction is the mean over simulated data sets, its "
            "error the deviation between them. Level pair replaces the data by their mean; its rows carry "
            "the same deviation in per cent. Level surmise takes the width from the ensemble itself, so that "
            "it needs no such error, and tests the repulsion within the pair.\n\n"
            "The growth of the modes is over within the first recorded interval: its check compares two "
            "straight lines and says little. More replicas cannot decide what these rows leave open.",
        )
    ]
}
"""What a reader of the page must know about a model's ensembles that share one data set."""


def _names(paths: Sequence[str | os.PathLike[str]]) -> dict[str, str | os.PathLike[str]]:
    """Folder names of the files."""
    if isinstance(paths, str | os.PathLike):
        raise TypeError(f"expected a list of paths, got the single {str(paths)!r}; write [path]")
    named: dict[str, str | os.PathLike[str]] = {}
    for path in paths:
        name = Path(path).stem
        if name in (SUMMARY, INDEX) or not name.strip("."):
            raise ValueError(f"{str(path)!r} cannot name a results folder; rename the file")
        if name.casefold() in map(str.casefold, named):
            raise ValueError(
                f"two files are called {name!r}; their results would have one folder, rename one file"
            )
        named[name] = path
    if not named:
        raise ValueError("no files to import; give at least one .npz file")
    return named


def _index(
    trees: Mapping[str, xr.DataTree], results: Mapping[str, CheckResult], about: str, command: str | None
) -> str:
    """The list of ensembles: mean spacing and verdicts at every level of theory."""
    head = (
        "ensemble",
        "α",
        "|B|",
        "replicas",
        "level",
        "⟨S⟩",
        "predicted",
        "ratio",
        "agree",
        "differ",
        "cannot tell",
    )
    lines = []
    for name, tree in trees.items():
        run = members(tree)[0]
        first = f'<a href="{quote(name)}/report.html">{html.escape(name)}</a>'
        start = [
            first,
            *(f"{float(run[c]):g}" for c in ("learning_rate", "batch_size")),
            str(run.sizes["replica"]),
        ]
        levels_of = results[name].counts
        for place, (level, counts) in enumerate(levels_of.items()):
            shared = [f'<td rowspan="{len(levels_of)}">{cell}</td>' for cell in start] if place == 0 else []
            cells = [html.escape(level), *_spacing(results[name], level), *map(str, counts.values())]
            lines.append(f"<tr>{''.join(shared)}{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    return PAGE.format(
        about=html.escape(about),
        command=f"<pre>{html.escape(command)}</pre>" if command else "",
        head="".join(f"<th>{cell}</th>" for cell in head),
        rows="\n".join(lines),
    )


def _spacing(result: CheckResult, level: str) -> list[str]:
    """Mean spacing of the first pair: measured, predicted, and their ratio with its error."""
    for row in result.rows:
        if row.level == level and row.quantity == "mean spacing" and row.prediction > 0:
            return [
                with_error(row.estimate, row.estimate_se),
                with_error(row.prediction, row.prediction_se),
                with_error(row.estimate / row.prediction, row.error / row.prediction),
            ]
    return ["", "", ""]


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Imported ensembles</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .25rem .75rem; border-bottom: 1px solid #ccc; text-align: left; vertical-align: top; }}
pre {{ overflow-x: auto; background: #f4f4f4; padding: .5rem; }}
</style></head><body>
<h1>Imported ensembles</h1>
<p>{about}</p>
{command}
<table><thead><tr>{head}</tr></thead>
<tbody>
{rows}
</tbody></table>
<p>Numbers in brackets are standard errors in the last digits, predictions' included. The rows of a
level of theory are its checks; those of level sgd are about the experiment alone.</p>
</body></html>
"""
