"""A folder that appears whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def refuse_used(out: Path) -> None:
    """FileExistsError if ``out`` is a file, or a folder with something in it."""
    if out.is_dir() and not out.is_symlink() and not any(out.iterdir()):
        return
    if out.exists() or out.is_symlink():
        what = "is a link" if out.is_symlink() else "is not empty" if out.is_dir() else "is a file"
        raise FileExistsError(
            f"output folder {str(out)!r} {what}; name a new one (--out), or remove it first"
        )


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A temporary folder beside ``out`` that becomes ``out`` at the end; after an error nothing is left.

    Raises
    ------
    FileExistsError
        If ``out`` came into use meanwhile.
    OSError
        If it cannot be written.
    """
    out = out.absolute()
    made = missing_parents(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{out.name[:64]}.", suffix=".partial", dir=out.parent))
    except BaseException:
        remove_empty(made)
        raise
    try:
        yield temporary
        refuse_used(out)
        # mkdtemp makes a folder that only its owner can enter; a result is a folder like any other.
        temporary.chmod(0o777 & ~umask())
        os.replace(temporary, out)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        remove_empty(made)
        raise


def missing_parents(out: Path) -> list[Path]:
    """Folders above ``out`` that do not exist yet, the deepest first."""
    return [p for p in out.parents if not p.exists()]


def remove_empty(folders: list[Path]) -> None:
    """Remove the folders that were made for nothing; one that is in use by now stays."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return


def umask() -> int:
    """The process's file mode mask; there is no way to read it but to set it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def vacant(name: str | Path) -> Path:
    """The output folder, after a look that it is free and can be written; it is not made yet.

    Raises
    ------
    FileExistsError
        If it is a file, a link, or a folder with something in it.
    OSError
        If it could not be made where it is to be.
    """
    out = Path(name)
    refuse_used(out)
    above = out.absolute()
    while not above.exists():
        above = above.parent
    if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
        raise OSError(
            f"cannot write {str(out)!r}: {str(above)!r} is not a folder that can be written; use --out"
        )
    return out


def free_sibling(out: Path) -> Path:
    """``out`` with the first number behind it for which there is nothing: the folder of a second run."""
    out = out if out.name else out.absolute()
    number = 2
    while (sibling := out.with_name(f"{out.name}-{number}")).exists() or sibling.is_symlink():
        number += 1
    return sibling
