"""The outcome of a comparison: rows, a verdict, and how they print."""

from __future__ import annotations

import html
import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

SCHEMA = "dyson-sgd/checks"
SCHEMA_VERSION = 1

AGREES, DIFFERS, CANNOT_TELL = "agrees", "differs", "cannot tell"
VERDICTS = (AGREES, DIFFERS, CANNOT_TELL)

SPREAD = "± spread between data sets"
"""Note of a row whose prediction carries the deviation between data sets."""

UNKNOWN_SPREAD = "replicas share one data set; its spread is unknown"
"""Note of a row that cannot tell theory from the accident of one data set."""

EXPERIMENT = "sgd"
"""Level of rows that are about the experiment alone."""


@dataclass(frozen=True, slots=True)
class Check:
    r"""One prediction against one measurement.

    With d = estimate − prediction, e² = estimate_se² + prediction_se², q the quantile and m the margin:
    "agrees" if \|d\| + q e ≤ m, "differs" if \|d\| − q e > m, otherwise "cannot tell". All numbers have
    units "1" (eigenvalues and t = α n are dimensionless).

    Attributes
    ----------
    quantity, label, level : str
        What ("width"), of which ("level 1 (x = 4.62)"), against which level of theory ("dyson").
    index : int
        Number of the mode, level or pair.
    estimate, estimate_se, prediction, prediction_se : float
    deviation, relative_deviation : float
        d, and d/\|prediction\| (NaN where the prediction is 0).
    margin : float
        m, absolute.
    quantile : float
        q: Student's, with the degrees of freedom of the errors (the normal one for many blocks).
    false_alarm : float
        Probability that the row would say "differs" if the true deviation were exactly 0.
    verdict : {"agrees", "differs", "cannot tell"}
    note : str
        Why a row cannot tell, where that is not just its error; or what its error holds besides.
    """

    quantity: str
    label: str
    level: str
    index: int
    estimate: float
    estimate_se: float
    prediction: float
    prediction_se: float
    deviation: float
    relative_deviation: float
    margin: float
    quantile: float
    false_alarm: float
    verdict: str
    note: str = ""

    @property
    def error(self) -> float:
        """Standard error e of the deviation."""
        return math.hypot(self.estimate_se, self.prediction_se)


def judge(deviation: float, error: float, margin: float, quantile: float) -> str:
    """The verdict of three; NaN anywhere cannot tell."""
    reach = quantile * error
    if abs(deviation) + reach <= margin:
        return AGREES
    return DIFFERS if abs(deviation) - reach > margin else CANNOT_TELL


@dataclass(frozen=True)
class CheckResult:
    """All rows of a comparison, and the level of theory that decides.

    Attributes
    ----------
    rows : list of Check
    confidence : float
        Of every row on its own.
    margins : dict of str to float
        By quantity; relative, except for the laws and the equilibration.
    deciding_level : str
        Level of theory whose rows make the verdict, "all", or "sgd" where there is no theory.
    replicas, diverged_replicas : dict of str to int
        Used and left out, by level ("sgd" is the experiment); 0 for a closed form.
    """

    rows: list[Check]
    confidence: float
    margins: dict[str, float]
    deciding_level: str
    replicas: dict[str, int] = field(default_factory=dict)
    diverged_replicas: dict[str, int] = field(default_factory=dict)

    @property
    def deciding_rows(self) -> list[Check]:
        """Rows of the deciding level, and those about the experiment alone."""
        if self.deciding_level == "all":
            return self.rows
        return [r for r in self.rows if r.level in (self.deciding_level, EXPERIMENT)]

    @property
    def verdict(self) -> str:
        """ "differs" if any deciding row differs, "agrees" if all agree, else "cannot tell"."""
        found = {r.verdict for r in self.deciding_rows}
        if DIFFERS in found:
            return DIFFERS
        return AGREES if found == {AGREES} else CANNOT_TELL

    @property
    def exit_code(self) -> int:
        """1 if any deciding row differs, else 0; `counts` says how many could not tell."""
        return int(self.verdict == DIFFERS)

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Rows per level and verdict."""
        out = {level: dict.fromkeys(VERDICTS, 0) for level in self.levels}
        for (level, verdict), n in Counter((r.level, r.verdict) for r in self.rows).items():
            out[level][verdict] = n
        return out

    @property
    def levels(self) -> list[str]:
        """Levels that have rows, in the order of the rows."""
        return list(dict.fromkeys(r.level for r in self.rows))

    @property
    def expected_by_chance(self) -> float:
        """Mean number of deciding rows that would say "differs" if nothing deviated at all."""
        return sum(r.false_alarm for r in self.deciding_rows)

    def table(self) -> list[dict]:
        """The rows as dicts, ready for ``pandas.DataFrame``."""
        return [asdict(r) for r in self.rows]

    def to_json(self) -> str:
        """Plain JSON text (NaN is null); `from_json` reads it back."""
        units = {r.quantity: "1" for r in self.rows}
        content = {
            "schema": SCHEMA,
            "schema_version": SCHEMA_VERSION,
            "verdict": self.verdict,
            "deciding_level": self.deciding_level,
            "confidence": self.confidence,
            "expected_by_chance": self.expected_by_chance,
            "counts": self.counts,
            "replicas": self.replicas,
            "diverged_replicas": self.diverged_replicas,
            "margins": self.margins,
            "units": units,
            "rows": self.table(),
        }
        return json.dumps(_null(content), indent=1, allow_nan=False, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> CheckResult:
        """Read what `to_json` wrote.

        Raises
        ------
        ValueError
            If the text is not such a file.
        """
        try:
            content = json.loads(text)
        except ValueError as error:
            raise ValueError(f"not a file of checks: {error}") from None
        if not isinstance(content, dict) or content.get("schema") != SCHEMA:
            raise ValueError(f"not a file of checks: expected JSON with schema {SCHEMA!r}")
        if content.get("schema_version") != SCHEMA_VERSION:
            version = content.get("schema_version")
            raise ValueError(f"checks have schema_version {version!r}, this version reads {SCHEMA_VERSION}")
        try:
            rows = [_row(r) for r in content["rows"]]
            return cls(rows, **{f.name: content[f.name] for f in fields(cls) if f.name != "rows"})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"not a file of checks: {type(error).__name__} {error}") from None

    def __str__(self) -> str:
        return "\n".join([_text_table([HEADER, *map(_cells, self.rows)]), "", *self.summary()])

    def summary(self) -> list[str]:
        """Lines below the table: counts per level, what was left out, the verdict."""
        lines = [f"{level}: {_count_text(c)}" for level, c in self.counts.items()]
        for level, n in self.diverged_replicas.items():
            if n:
                total = n + self.replicas[level]
                lines.append(f"{level}: {n} of {total} replicas diverged and were left out")
        lines.append(
            f"verdict by level {self.deciding_level}: {self.verdict} "
            f"({self.confidence:.4g} confidence per row; by chance alone {self.expected_by_chance:.2g} "
            "rows would differ)"
        )
        return lines

    def _repr_html_(self) -> str:
        def line(cells: list[str], tag: str) -> str:
            return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

        body = "".join(line(_cells(r), "td") for r in self.rows)
        notes = "".join(f"<p>{html.escape(s)}</p>" for s in self.summary())
        return f"<table><thead>{line(HEADER, 'th')}</thead><tbody>{body}</tbody></table>{notes}"


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


HEADER = ["level", "quantity", "of", "measured", "predicted", "deviation", "margin", "verdict", "note"]


def _cells(row: Check) -> list[str]:
    relative = row.relative_deviation
    percent = "" if math.isnan(relative) else f" ({100 * relative:+.2g} %)"
    deviation = "–" if math.isnan(row.deviation) else with_error(row.deviation, row.error) + percent
    return [
        row.level,
        row.quantity,
        row.label,
        with_error(row.estimate, row.estimate_se),
        with_error(row.prediction, row.prediction_se),
        deviation,
        "–" if math.isnan(row.margin) else f"{row.margin:.2g}",
        row.verdict,
        row.note,
    ]


def _text_table(lines: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows = ["  ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)).rstrip() for cells in lines]
    return "\n".join([rows[0], "  ".join("-" * w for w in widths), *rows[1:]])


def _count_text(counts: Mapping[str, int]) -> str:
    return ", ".join(
        f"{counts[v]} {'agree' if v == AGREES else 'differ' if v == DIFFERS else v}" for v in VERDICTS
    )


def _null(value):
    """NaN and infinities as null, all through."""
    if isinstance(value, dict):
        return {k: _null(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_null(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _row(content: dict) -> Check:
    """A row from its JSON; every field present and of its type."""
    values: dict[str, Any] = {}
    for f in fields(Check):
        value = content[f.name]
        if f.type == "float":
            value = math.nan if value is None else float(value)
        elif type(value).__name__ != f.type:
            raise TypeError(f"{f.name} is {value!r:.80}")
        values[f.name] = value
    if values["verdict"] not in VERDICTS:
        raise TypeError(f"verdict is {values['verdict']!r:.80}")
    return Check(**values)
