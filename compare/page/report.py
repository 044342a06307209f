"""`report`: a tree of experiment and theory becomes a folder with a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import xarray as xr

from compare.page.folder import new_folder, refuse_used
from compare.page.section import Section
from compare.verdict.result import CheckResult

PAGE, CHECKS = "report.html", "checks.json"


def report(
    tree: xr.DataTree,
    out: str | Path,
    command: str | None = None,
    check: CheckResult | None = None,
    title: str | None = None,
    *,
    extra_sections: Sequence[Section] = (),
    start: float | None = None,
) -> Path:
    """Write a results folder: ``report.html``, ``checks.json`` and ``data.zarr``.

    The page needs nothing but itself: styles and figures are inside, no scripts, nothing is fetched.
    The folder appears whole, by a rename at the end, or not at all.

    Parameters
    ----------
    tree : DataTree
        From `compare.align` or `compare.load`. Without ``/theory`` the page shows the experiment alone.
    out : str or Path
        The folder; it must not exist, or be empty. Folders above it are made.
    command : str, optional
        The command line that made this, to be shown.
    check : CheckResult, optional
        From `compare.check`; by default it is made here, with the default margins.
    title : str, optional
        Heading of the page; by default the model and what it is compared with.
    extra_sections : sequence of Section
        Shown after the figures.
    start : float, optional
        First time of the stationary window, units "1"; by default the middle of the run. Give the one
        that ``check`` was made with.

    Returns
    -------
    Path
        Of ``report.html``.

    Raises
    ------
    FileExistsError
        If ``out`` is a file or a folder that is not empty; before any work.
    TypeError, ValueError
        If the tree is not in the layout, or every replica diverged.
    OSError
        If it cannot be written; nothing is left behind.
    """
    out = Path(out)
    refuse_used(out)
    for section in extra_sections:
        if not isinstance(section, Section):
            raise TypeError(f"extra_sections must hold compare.Section objects, got {type(section).__name__}")

    # Only a page needs matplotlib and jinja2; importing compare does not.
    from compare.layout.store import FOLDER, save
    from compare.page.content import content
    from compare.page.html import rendered
    from compare.plots import scene
    from compare.verdict.checks import check as make_check

    view = scene(tree, start)
    result = make_check(tree, start=start) if check is None else check
    page = rendered(content(tree, view, result, command, title, extra_sections))
    with new_folder(out) as folder:
        (folder / PAGE).write_text(page, encoding="utf-8")
        (folder / CHECKS).write_text(result.to_json() + "\n", encoding="utf-8")
        save(tree, folder / FOLDER)
    return out / PAGE


def write_plain(title: str, lead: str, command: str, sections: Sequence[Section], beside: str) -> str:
    """A page of sections alone, as text; ``beside`` says at its end what lies beside it."""
    from compare.page.content import shown_sections
    from compare.page.html import PLAIN, rendered
    from compare.page.provenance import made_with

    values = {"title": title, "lead": lead, "command": command, "beside": beside, "made": made_with()}
    return rendered(values | {"sections": shown_sections(sections)}, PLAIN)
