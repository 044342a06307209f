"""A tree on disk: one zarr store, written whole or not at all, read without pickle."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import xarray as xr

from compare.layout.align import members
from compare.layout.schema import validate
from compare.layout.versions import READABLE, SCHEMA, SCHEMA_VERSION, refused_version, translated

FOLDER = "data.zarr"
"""Name of the store in a results folder."""

CHUNK_BYTES = 2**24
"""Size of a chunk, along replicas, before compression."""

CODECS = {"bytes", "blosc", "zstd", "gzip", "crc32c", "transpose"}
"""Codecs that only move bytes; a store that names another one is not opened."""

TYPES = {
    "bool",
    *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)),
    "float32",
    "float64",
}
"""Data types a store may have; none of them can hold an object."""


def save(tree: xr.DataTree, path: str | Path) -> Path:
    """Write a tree of `compare.align` to a zarr store (format 3).

    It is written into a temporary folder beside ``path`` and renamed at the end, so a store that is
    there is whole. A checksum of every array is stored with it.

    Parameters
    ----------
    tree : DataTree
    path : str or Path
        Folder to make; it must not exist, or be empty.

    Returns
    -------
    Path
        ``path``.

    Raises
    ------
    FileExistsError
        If ``path`` exists and is not an empty folder.
    FileNotFoundError
        If the folder it is to be in does not exist.
    ValueError, TypeError
        If the tree is not valid.
    """
    path = Path(path)
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise FileExistsError(f"{path} exists and is not empty; remove it or choose another name")
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"folder {path.absolute().parent} does not exist; make it first")
    for ds in _all(tree):
        validate(ds)
    _check_plain(tree)
    tree = _without_encoding(tree)
    tree.attrs |= {
        "schema": SCHEMA,
        "schema_version": SCHEMA_VERSION,
        "checksums": json.dumps(_checksums(tree)),
    }
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".partial", dir=path.absolute().parent))
    try:
        # zarr gives the folder of a store its own mode; a temporary one is private to the user.
        os.chmod(temporary, 0o777 & ~_umask())
        tree.to_zarr(temporary, mode="w", encoding=_encoding(tree), consolidated=False, zarr_format=3)
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return path


def load(path: str | Path) -> xr.DataTree:
    """Read a tree that `save` wrote, into memory.

    Parameters
    ----------
    path : str or Path
        The store, or a results folder with a ``data.zarr`` in it.

    Returns
    -------
    DataTree
        As it was saved, attributes included; every member validated, every array's checksum compared.

    Raises
    ------
    FileNotFoundError
        If there is nothing at ``path``.
    ValueError
        If it is not such a store, has data types or codecs other than plain numbers, or is damaged.
    """
    path = Path(path)
    if (path / FOLDER).is_dir():
        path = path / FOLDER
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; expected a results folder or a {FOLDER}")
    _refuse_foreign(path)
    try:
        tree = xr.open_datatree(
            path,
            engine="zarr",
            consolidated=False,
            zarr_format=3,
            chunks=None,
            mask_and_scale=False,
            decode_times=False,
        ).load()
        sums = json.loads(tree.attrs.pop("checksums"))
        found = _checksums(tree)
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else "unreadable"
        raise ValueError(f"{path} is damaged: {type(error).__name__}: {reason:.200}") from None
    wrong = sorted(k for k in sums.keys() | found.keys() if sums.get(k) != found.get(k))
    if wrong:
        raise ValueError(f"{path} is damaged: the checksum of {wrong[0]} does not match what was saved")
    tree = _of_this_version(_without_encoding(tree, sums))
    for ds in _all(tree):
        _validate_loaded(path, ds)
    return tree


def _without_encoding(tree: xr.DataTree, order: Iterable[str] = ()) -> xr.DataTree:
    """A copy that remembers nothing of the store it was read from, its nodes in order of their arrays."""
    nodes = {node.path: node.to_dataset(inherit=False).drop_encoding() for node in tree.subtree}
    first = {f"/{name.rpartition('/')[0]}": None for name in order}
    return xr.DataTree.from_dict({path: nodes[path] for path in {**first, **nodes}})


def _of_this_version(tree: xr.DataTree) -> xr.DataTree:
    """The names and the version of today, whichever version wrote the tree."""
    if tree.attrs.get("schema_version") == SCHEMA_VERSION:
        return tree
    nodes = {node.path: translated(node.to_dataset(inherit=False)) for node in tree.subtree}
    new = xr.DataTree.from_dict(nodes)
    new.attrs = {**tree.attrs, "schema_version": SCHEMA_VERSION}
    return new


def _all(tree: xr.DataTree) -> list[xr.Dataset]:
    experiment, theory = members(tree)
    return [experiment, *theory.values()]


def _check_plain(tree: xr.DataTree) -> None:
    """Nodes beside experiment and theory may hold anything that `load` will take."""
    for node in tree.subtree:
        for name, variable in node.variables.items():
            if str(variable.dtype) not in TYPES:
                raise ValueError(
                    f"{node.path}/{name}: has dtype {variable.dtype}, only plain numbers are saved"
                )


def _validate_loaded(path: Path, ds: xr.Dataset) -> None:
    try:
        validate(ds)
    except ValueError as error:
        raise ValueError(f"{path} is not in the layout of dyson-sgd: {error}") from None


def _checksums(tree: xr.DataTree) -> dict[str, str]:
    """CRC-32 of every array by its path; a chunk that is missing reads as fill values without an error."""
    out = {}
    for node in tree.subtree:
        for name, variable in node.to_dataset(inherit=False).variables.items():
            data = np.ascontiguousarray(variable.values)
            path = f"{node.path}/{name}".strip("/")
            out[path] = f"{data.dtype}{list(variable.shape)} {zlib.crc32(data.tobytes()):08x}"
    return out


def _encoding(tree: xr.DataTree) -> dict[str, dict]:
    """Chunks along replicas; no fill value, so NaN is just a number."""
    out: dict[str, dict] = {}
    for node in tree.subtree:
        ds = node.to_dataset(inherit=False)
        out[node.path] = {str(name): _variable_encoding(v) for name, v in ds.variables.items()}
    return {path: encoding for path, encoding in out.items() if encoding}


def _variable_encoding(variable: xr.Variable) -> dict:
    encoding: dict = {"_FillValue": None} if variable.dtype.kind == "f" else {}
    if variable.ndim and variable.size:
        rows = max(1, CHUNK_BYTES // max(1, variable.nbytes // variable.shape[0]))
        encoding["chunks"] = (min(rows, variable.shape[0]), *variable.shape[1:])
    return encoding


def _umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value


def _refuse_foreign(path: Path) -> None:
    """Look at all metadata before any library decodes data: no objects, no unknown codecs."""
    root = _metadata(path / "zarr.json", path)
    attrs = root.get("attributes")
    if not isinstance(attrs, dict) or attrs.get("schema") != SCHEMA:
        raise ValueError(f"{path} was not written by dyson-sgd: its attribute schema is not {SCHEMA!r}")
    if attrs.get("schema_version") not in READABLE:
        side = path / "experiment" / "zarr.json"
        written = _metadata(side, path).get("attributes") if side.is_file() else None
        writer = written.get("version", "unknown") if isinstance(written, dict) else "unknown"
        raise ValueError(refused_version(str(path), attrs.get("schema_version"), writer))
    try:
        sums = json.loads(attrs["checksums"])
        expected = {name: text.rpartition(" ")[0] for name, text in sums.items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ValueError(f"{path} is damaged: its attribute checksums is not readable") from None
    for file in sorted(path.rglob("zarr.json")):
        meta = _metadata(file, path)
        if meta.get("node_type") != "array":
            continue
        where = file.parent.relative_to(path).as_posix()
        codecs = meta.get("codecs")
        names = (
            [c.get("name") if isinstance(c, dict) else c for c in codecs]
            if isinstance(codecs, list)
            else [None]
        )
        known = all(isinstance(n, str) and n in CODECS for n in names)
        if not known or str(meta.get("data_type")) not in TYPES:
            raise ValueError(f"{path}: array {where} is not plain numbers; it was not written by dyson-sgd")
        # Before anything is read: a wrong digit in a shape must not ask for terabytes.
        if expected.get(where) != f"{meta['data_type']}{meta.get('shape')}":
            raise ValueError(
                f"{path} is damaged: array {where} does not have the type and shape that were saved"
            )


def _metadata(file: Path, path: Path) -> dict:
    if not file.is_file():
        raise ValueError(f"{path} is not a store of dyson-sgd: it has no {file.name}")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {file.relative_to(path)}: {error}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} is damaged: {file.relative_to(path)} is not a JSON object")
    return content
