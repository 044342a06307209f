"""A chunk as the bytes of its zarr (format 3) files: checksummed, compressed, the same everywhere."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xarray as xr
import zarr
from zarr.codecs import Crc32cCodec, ZstdCodec
from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync
from zarr.storage import MemoryStore

from compare.layout.versions import SCHEMA, SCHEMA_VERSION
from compare.studies.campaign.definition import Campaign

SAMPLED = ("eigenvalue", "diverged")
"""Variables with one row a replica: what chunks are made of."""


def encoded(campaign: Campaign, task: Any, ds: xr.Dataset) -> dict[str, Any]:
    """Files of the chunk, and those that describe its side, by path below the side's group.

    Returns
    -------
    dict
        "chunk" and "static": mappings of str to bytes; "spectra": the same as arrays.
    """
    store = MemoryStore()
    group = zarr.open_group(store, mode="w", zarr_format=3, attributes=_attributes(campaign, task, ds))
    values = {name: ds[name].values for name in SAMPLED}
    arrays = {
        name: _array(group, name, (campaign.replicas, *x.shape[1:]), (campaign.chunk, *x.shape[1:]), ds[name])
        for name, x in values.items()
    }
    for name, coord in ds.coords.items():
        if "replica" not in coord.dims:
            x = np.asarray(coord.values)
            _array(group, str(name), x.shape, x.shape, coord)[...] = x
    static = _files(store)
    chunk = {}
    for name, x in values.items():
        arrays[name][task.first : task.last] = x
    for path, data in _files(store).items():
        if path not in static:
            chunk[path] = data
    return {"chunk": chunk, "static": static, "spectra": values}


def _array(group: zarr.Group, name: str, shape, chunks, source: xr.DataArray) -> zarr.Array:
    data = source.values
    return group.create_array(
        name,
        shape=shape,
        chunks=tuple(max(1, n) for n in chunks),
        chunk_key_encoding={"name": "default", "separator": "."},  # one folder an array, not one a chunk
        dtype=data.dtype,
        fill_value=np.nan if data.dtype.kind == "f" else 0,
        compressors=[ZstdCodec(level=3), Crc32cCodec()],
        dimension_names=[str(dim) for dim in source.dims],
        attributes={str(key): value for key, value in source.attrs.items()},
        config={"write_empty_chunks": True},
    )


def _attributes(campaign: Campaign, task: Any, ds: xr.Dataset) -> dict[str, Any]:
    """The side's attributes: those of its first chunk, but for the seed, which is the campaign's."""
    kept = {str(k): v for k, v in ds.attrs.items() if k not in ("start",)}
    names = [str(name) for name, coord in ds.coords.items() if "replica" not in coord.dims]
    extra = [name for name in names if name not in ds.dims]
    kept |= {"seed": str(task.cell.seed), "campaign": campaign.fingerprint, "coordinates": " ".join(extra)}
    return kept | {"schema": SCHEMA, "schema_version": SCHEMA_VERSION}


def _files(store: MemoryStore) -> dict[str, bytes]:
    """Everything in a store; JSON in one form, whatever wrote it."""

    async def keys() -> list[str]:
        return [key async for key in store.list()]

    found = {}
    for key in sorted(sync(keys())):
        buffer = sync(store.get(key, default_buffer_prototype()))
        assert buffer is not None  # it was listed
        data = buffer.to_bytes()
        if key.endswith("zarr.json"):
            data = json.dumps(json.loads(data), sort_keys=True, allow_nan=True).encode()
        found[key] = data
    return found
