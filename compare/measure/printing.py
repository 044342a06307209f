"""Numbers and tables as text."""

from __future__ import annotations

import math


def with_error(value: float, error: float) -> str:
    """A value with the digits its error allows: ``4.6026(12)``.

    Without a finite positive error six significant digits are shown.
    """
    if not (math.isfinite(value) and math.isfinite(error)):
        return "–" if math.isnan(value) else f"{value:.6g}"
    if error <= 0:
        return f"{value:.6g}"
    digits = 1 - math.floor(math.log10(error))
    if round(error * 10.0**digits) >= 100:
        digits -= 1
    if digits > 15:
        return f"{value:.15g}"
    if digits <= 0:
        return f"{round(value, digits):.0f}({round(error, digits):.0f})"
    below_one = round(error, digits) < 1
    shown = f"{round(error * 10**digits)}" if below_one else f"{error:.{digits}f}"
    return f"{value:.{digits}f}({shown})"


def text_table(lines: list[list[str]]) -> str:
    """Cells in aligned columns, the first line over a rule."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows = ["  ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)).rstrip() for cells in lines]
    return "\n".join([rows[0], "  ".join("-" * w for w in widths), *rows[1:]])
