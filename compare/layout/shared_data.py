"""Which data an ensemble saw, and what a theory says about it: two attributes of the layout.

An ensemble whose replicas were all trained on one data set is one draw of that data, however many replicas
it has. It says so by the attribute ``shared_data`` (`shares_data`); `compare.verdict.spread` makes the
deviation between data sets a further error of the predictions.
"""

from __future__ import annotations

import xarray as xr

BETWEEN_DATA_SETS, GIVEN_THE_DATA = "between data sets", "given the data"
"""Attribute ``error`` of a level of theory, by default neither. The first: its ``<name>_se`` are the
deviation between data sets. The second: it predicts for the very data that the ensemble saw, so that their
choice is no error."""


def shares_data(ds: xr.Dataset) -> bool:
    """Whether all replicas of an ensemble were trained on one data set: the attribute ``shared_data``.

    Raises
    ------
    ValueError
        If the attribute is there and is neither "yes" nor "no".
    """
    value = ds.attrs.get("shared_data", "no")
    if not isinstance(value, str) or value not in ("yes", "no"):
        raise ValueError(f'shared_data: attribute must be "yes" or "no", got {value!r:.80}')
    return value == "yes"


def check_data_attrs(ds: xr.Dataset) -> None:
    """Refuse values of ``shared_data``, and of a theory's ``error``, that mean nothing.

    Raises
    ------
    ValueError
        One line that starts with the name of the attribute.
    """
    shares_data(ds)
    error = ds.attrs.get("error")
    if error is None or ds.attrs["kind"] != "theory":
        return
    if not isinstance(error, str) or error not in (BETWEEN_DATA_SETS, GIVEN_THE_DATA):
        raise ValueError(
            f"error: attribute of a theory must be {BETWEEN_DATA_SETS!r} or {GIVEN_THE_DATA!r}, or be left "
            f"out; got {error!r:.80}"
        )
    if error == BETWEEN_DATA_SETS and "eigenvalue" in ds.data_vars:
        raise ValueError(
            f"error: attribute is {error!r}, but the level is sampled and its errors are between replicas"
        )
