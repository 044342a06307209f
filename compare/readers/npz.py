"""Reading ``.npz`` files made by others: no pickle, and no array before its header is believed."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import IO

import numpy as np

from streams.arguments import one_line

__all__ = ["keys", "load"]

NUMBERS = "iuf"
COPIES = 4
"""Arrays of the same size that an import holds at once: as read, as float64, the spectra, a sort."""


def keys(path: str | os.PathLike[str]) -> list[str]:
    """Names of the arrays in an ``.npz`` file.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    list of str

    Raises
    ------
    TypeError
        If ``path`` is not a path.
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not an ``.npz`` file, or is cut short or damaged.
    """
    with _file(path) as file, _archive(path, file) as archive:
        return [_key(name) for name in archive.namelist()]


def load(path: str | os.PathLike[str], wanted: Collection[str]) -> dict[str, np.ndarray]:
    """Read some arrays of an ``.npz`` file; the others are not touched.

    Nothing in the file is executed. An array is read only if its header says it holds plain real
    numbers, exactly as many bytes as the archive lists, and it fits into the memory that is free: a
    small file cannot make the reader allocate without bound.

    Parameters
    ----------
    path : path-like
    wanted : collection of str
        Keys, all of them in ``keys(path)``.

    Returns
    -------
    dict of str to ndarray

    Raises
    ------
    TypeError, FileNotFoundError, ValueError
        As for `keys`; ValueError also for an array that is pickled, not numeric, damaged or too large.
    """
    with _file(path) as file, _archive(path, file) as archive:
        members = {_key(info.filename): info for info in archive.infolist()}
        return {key: _array(path, archive, key, members[key]) for key in wanted}


def _file(path: str | os.PathLike[str]) -> IO[bytes]:
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"expected the path of an .npz file, got {type(path).__name__}")
    where = Path(path)
    if where.is_dir():
        raise ValueError(f"{str(path)!r} is a folder; name the .npz files in it")
    if not where.exists():
        raise FileNotFoundError(f"no file {str(path)!r}; check the name and the folder")
    if not where.is_file():  # a pipe or a device would block, or never end
        raise ValueError(f"{str(path)!r} is not a regular file; save it as an .npz file first")
    return where.open("rb")


def _archive(path: str | os.PathLike[str], file: IO[bytes]) -> zipfile.ZipFile:
    head = file.read(6)
    file.seek(0)
    try:
        archive = zipfile.ZipFile(file)
        names = archive.namelist()
    except Exception as error:  # zipfile raises six kinds of exception on damaged files
        raise ValueError(f"{str(path)!r} {_what_it_is(head, error)}") from None
    strangers = [name for name in names if not name.endswith(".npy")]
    if strangers or not names:
        found = f"it holds {strangers[0][:60]!r}" if strangers else "it is empty"
        raise ValueError(
            f"{str(path)!r} is a zip file but not an .npz one: {found}; expected arrays of np.savez"
        )
    return archive


def _what_it_is(head: bytes, error: Exception) -> str:
    if not head:
        return "is empty; copy or download it again"
    if head.startswith(b"PK\x03\x04"):
        return f"is a damaged or cut-short .npz file ({one_line(error)}); copy or download it again"
    if head.startswith(b"\x93NUMPY"):
        return "is a single .npy array; expected an .npz file, which np.savez writes"
    if head[:1] == b"\x80":
        return (
            "is a pickle, which is refused because loading one runs code; expected an .npz file of np.savez"
        )
    return "is not an .npz file; expected one that np.savez wrote"


def _array(
    path: str | os.PathLike[str], archive: zipfile.ZipFile, key: str, info: zipfile.ZipInfo
) -> np.ndarray:
    owner = f"array {key[:60]!r} of {str(path)!r}"
    try:
        with archive.open(info) as member:
            shape, dtype = _header(member)
            start = member.tell()
    except Exception as error:  # numpy evaluates the header as Python literals: anything can go wrong
        raise ValueError(f"{owner} is damaged ({one_line(error)[:120]}); copy or download it again") from None
    if dtype.hasobject:
        raise ValueError(
            f"{owner} needs pickle, which is refused because loading it runs code; save plain numbers"
        )
    if dtype.kind not in NUMBERS:
        raise ValueError(f"{owner} has dtype {str(dtype)[:60]}; expected real numbers")
    size = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or start + size != info.file_size:
        held = info.file_size - start
        raise ValueError(
            f"{owner} is damaged: its header does not fit the {held} bytes there are; copy it again"
        )
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if COPIES * size > free:
        raise ValueError(
            f"{owner} holds {size / 1e9:.1f} GB, which needs more memory than is free; cut it up"
        )
    try:
        with archive.open(info) as member:
            return np.lib.format.read_array(member, allow_pickle=False)
    except Exception as error:
        raise ValueError(f"{owner} is damaged ({one_line(error)[:120]}); copy or download it again") from None


def _header(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and dtype from an array's header, which NumPy limits to 10 000 characters."""
    version = np.lib.format.read_magic(member)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:  # 3.0 is for names of fields that are not ASCII: not plain numbers
        raise ValueError(f"format version {version[0]}.{version[1]} is not one of plain numbers")
    shape, _, dtype = read(member)
    return shape, dtype


def _key(name: str) -> str:
    return name.removesuffix(".npy")
