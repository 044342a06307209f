"""What ``dyson-sgd check`` does: the verdicts of results folders."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from compare.studies.shell.session import AGREE, FAILED, complain, explained
from streams.arguments import nearest

__all__ = ["results_folders", "run"]

OPTIONS = ("margin", "confidence", "start", "level", "data_spread", "family")


def run(args: argparse.Namespace) -> int:
    """``dyson-sgd check``: the verdicts of one results folder, or of every one inside a folder."""
    folders = results_folders(Path(args.folder))
    from compare.layout.store import load
    from compare.verdict.checks import check

    asked = {name: getattr(args, name) for name in OPTIONS}
    results, code = {}, AGREE
    for folder in folders:
        try:
            results[folder] = result = check(load(folder), **asked)
        except Exception as error:
            if len(folders) == 1 or args.debug:
                raise
            code = complain(f"{str(folder)!r}: {explained(error)}", FAILED)
            continue
        code = max(code, result.exit_code)
        if not args.json:
            print(result if len(folders) == 1 else f"{folder}\n{result}\n")
    if args.json and len(folders) == 1:
        print(results[folders[0]].to_json())
    elif args.json:
        texts = [f"{json.dumps(folder.name)}: {result.to_json()}" for folder, result in results.items()]
        print("{" + ",\n".join(texts) + "}")
    return code


def results_folders(folder: Path) -> list[Path]:
    """``folder`` if it holds results, otherwise the results folders directly inside it."""
    if not folder.is_dir():
        near = nearest(folder.name, [p.name for p in folder.parent.glob("*") if p.is_dir()])
        hint = f"did you mean {str(folder.parent / near)!r}?" if near else "`dyson-sgd report` makes one"
        raise FileNotFoundError(f"no folder {str(folder)!r}; {hint}")
    if (folder / "data.zarr").exists():
        return [folder]
    inside = sorted(p.parent for p in folder.glob("*/data.zarr"))
    if not inside:
        raise FileNotFoundError(
            f"no results in {str(folder)!r}: neither it nor a folder in it holds data.zarr; "
            "`dyson-sgd report` and `dyson-sgd import` write such folders"
        )
    return inside
