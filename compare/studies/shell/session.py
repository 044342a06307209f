"""How every command begins and ends: seed, folder, how to repeat the run; checks, page, exit code."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compare.page.folder import free_sibling, new_folder, vacant
from compare.studies.shell.command import command_line
from streams.arguments import one_line

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

    from compare.page import Section

__all__ = [
    "AGREE",
    "DIFFER",
    "FAILED",
    "INTERRUPTED",
    "PIPE_CLOSED",
    "Session",
    "begin",
    "complain",
    "explained",
]

AGREE, DIFFER, FAILED, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 130, 141
"""Exit codes."""

LONGEST_MESSAGE = 600


@dataclass(frozen=True, slots=True)
class Session:
    """A run that writes a folder.

    Attributes
    ----------
    out : Path
        The folder; looked at and found free, not made yet.
    command : str
        The command line that repeats the run.
    """

    out: Path
    command: str

    @property
    def progress(self) -> bool:
        """Whether somebody watches."""
        return sys.stderr.isatty()

    def end(self, tree: xr.DataTree, sections: Sequence[Section] = (), title: str | None = None) -> int:
        """Check, write the page, say what was found in a few lines."""
        from compare.page import report
        from compare.verdict.checks import check

        tree.attrs["command"] = self.command
        result = check(tree)
        page = report(tree, self.out, self.command, result, title, extra_sections=sections)
        notes = [f"note: {note}" for note in tree.attrs.get("notes", [])]
        print("\n".join([*notes, *result.summary(), f"page: {page}"]))
        return AGREE

    def end_plain(
        self,
        title: str,
        lead: str,
        sections: Sequence[Section],
        beside: str,
        found: Mapping[str, Any],
        arrays: Mapping[str, np.ndarray] | None = None,
    ) -> int:
        """Write a page of sections alone with ``summary.json``, and ``samples.npz`` if there are arrays."""
        import numpy as np

        from compare.page.report import PAGE, write_plain

        page = write_plain(title, lead, self.command, sections, beside)
        with new_folder(self.out) as folder:
            (folder / PAGE).write_text(page, encoding="utf-8")
            if arrays:
                np.savez_compressed(folder / "samples.npz", allow_pickle=False, **arrays)
            text = json.dumps(found, ensure_ascii=False, indent=1)
            (folder / "summary.json").write_text(text, encoding="utf-8")
        print(f"page: {self.out / PAGE}")
        return AGREE


def begin(args: argparse.Namespace, folder: str) -> Session:
    """Look at the output folder, draw a seed where none was given, and say how to repeat the run.

    Parameters
    ----------
    args : argparse.Namespace
        Parsed options; ``args.seed`` is filled in where the command has one.
    folder : str
        The output folder where ``--out`` names none.

    Raises
    ------
    FileExistsError, OSError
        If the folder is in use, or could not be made.
    """
    out = vacant(args.out or folder)
    if hasattr(args, "seed"):
        if args.seed is None:
            from streams import new_entropy

            args.seed = new_entropy()
        again = command_line(args, out=str(free_sibling(out)))
        print(f"seed {args.seed}; to repeat this run: {again}", flush=True)
    return Session(out, command_line(args))


def complain(message: str, code: int) -> int:
    """One line on standard error, and the exit code handed through."""
    print(f"dyson-sgd: error: {message}", file=sys.stderr)
    return code


def explained(error: Exception) -> str:
    """An exception in one line; one that is not about the input names its type and the way to more."""
    text = one_line(str(error)[: 2 * LONGEST_MESSAGE]) or "no message"
    text = text if len(text) <= LONGEST_MESSAGE else f"{text[: LONGEST_MESSAGE - 3]}..."
    if isinstance(error, MemoryError):
        return f"out of memory ({text}); use fewer --replicas, or a smaller model"
    if isinstance(error, (ValueError, TypeError, OSError)):
        return text
    return f"{type(error).__name__}: {text} (run again with --debug for the traceback)"
