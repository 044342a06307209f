"""The rows of a level judged jointly: Holm's method, and Benjamini and Hochberg's."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compare.measure.multiple import benjamini_hochberg, holm
from compare.verdict.row import AGREES, CANNOT_TELL, DIFFERS, Check

__all__ = ["FAMILIES", "adjusted", "jointly"]


METHODS = {"holm": holm, "benjamini-hochberg": benjamini_hochberg}

FAMILIES = ("none", *METHODS)
"""Names of what `compare.check` makes of the rows of a level together."""


def adjusted(rows: list[Check], family: str) -> tuple[np.ndarray, np.ndarray]:
    """Adjusted 1 − confidence from which on each row says "differs", and "agrees"; shape (row,) each.

    Rows that no data can settle (not equilibrated, spread unknown, no error) are NaN and do not count.

    Parameters
    ----------
    rows : list of Check
        Of one level.
    family : str
        One of ``FAMILIES``; "none" adjusts nothing.
    """
    differs, agrees = (
        np.array([getattr(row, name) if row.open else np.nan for row in rows])
        for name in ("differs_from", "agrees_from")
    )
    method = METHODS.get(family, np.asarray)
    return method(differs), method(agrees)


def jointly(rows: list[Check], confidence: float, family: str) -> list[Check]:
    """Rows whose verdicts hold together, level by level: those that do not become "cannot tell".

    The tests "differs" of a level are one family, the tests "agrees" another. With Holm's method the chance
    that any row of a level says "differs" falsely is at most 1 − confidence, and that any says "agrees"
    falsely at most (1 − confidence)/2. With Benjamini and Hochberg's it is the mean share of false ones
    among those that say so. A family of one row is judged as without.

    ``false_alarm`` becomes that of a row at the confidence of the first step, 1 − (1 − confidence)/rows.

    Parameters
    ----------
    rows : list of Check
        Judged on their own, of one or more levels.
    confidence : float
    family : str
        One of ``FAMILIES``; "none" returns the rows as they are.
    """
    if family == "none":
        return rows
    out = list(rows)
    for level in dict.fromkeys(row.level for row in rows):
        places = [k for k, row in enumerate(rows) if row.level == level]
        mine = [rows[k] for k in places]
        needed = dict(zip((DIFFERS, AGREES), adjusted(mine, family), strict=True))
        count = max(1, sum(row.open for row in mine))
        for at, (k, row) in enumerate(zip(places, mine, strict=True)):
            stands = row.verdict in needed and not needed[row.verdict][at] > 1 - confidence
            out[k] = replace(
                row,
                verdict=row.verdict if stands else CANNOT_TELL,
                false_alarm=row.alarm((1 - confidence) / count) if row.false_alarm else 0.0,
            )
    return out
