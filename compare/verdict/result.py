"""The outcome of a comparison: rows, a verdict, and how they print."""

from __future__ import annotations

import html
import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields

from compare.layout.schema import EXPERIMENT
from compare.layout.versions import READABLE, SCHEMA_VERSION, refused_version
from compare.measure.printing import text_table, with_error
from compare.verdict.equivalence import replicas_needed
from compare.verdict.families import FAMILIES
from compare.verdict.row import AGREES, CANNOT_TELL, DIFFERS, SPREAD, VERDICTS, Check, read_row
from streams.version import installed_version

__all__ = ["CheckResult"]

SCHEMA = "dyson-sgd/checks"


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
    family : str
        How the verdicts of a level's rows were judged together: one of `compare.verdict.families.FAMILIES`.
    """

    rows: list[Check]
    confidence: float
    margins: dict[str, float]
    deciding_level: str
    replicas: dict[str, int] = field(default_factory=dict)
    diverged_replicas: dict[str, int] = field(default_factory=dict)
    family: str = "none"

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

    def replicas_needed(self, row: Check) -> float:
        """Replicas of the experiment with which a row that cannot tell probably would (80 %).

        At the present deviation, so rough; a sampled theory is to grow alike. inf where the deviation is at
        the margin, or a spread between data sets or a closed form's error is too large; NaN for other rows.
        """
        if row.verdict != CANNOT_TELL or not row.open:
            return math.nan
        sampled = row.level == EXPERIMENT or self.replicas.get(row.level, 0) > 0
        fixed = 0.0 if sampled and row.note != SPREAD else row.prediction_se
        varying = row.estimate_se if fixed else row.error
        numbers = (row.deviation, fixed, varying, row.margin, row.quantile, row.freedom)
        return replicas_needed(*numbers, self.replicas.get(EXPERIMENT, 0), row.law)

    def table(self) -> list[dict]:
        """The rows as dicts, ready for ``pandas.DataFrame``, with p-values and the replicas needed."""
        more = ("pvalue", "p_differs", "p_agrees")
        return [
            asdict(r)
            | {name: getattr(r, name) for name in more}
            | {"replicas_needed": self.replicas_needed(r)}
            for r in self.rows
        ]

    def to_json(self) -> str:
        """Plain JSON text (NaN is null); `from_json` reads it back."""
        units = {r.quantity: "1" for r in self.rows}
        content = {
            "schema": SCHEMA,
            "schema_version": SCHEMA_VERSION,
            "version": installed_version(),
            "verdict": self.verdict,
            "deciding_level": self.deciding_level,
            "confidence": self.confidence,
            "family": self.family,
            "expected_by_chance": self.expected_by_chance,
            "counts": self.counts,
            "replicas": self.replicas,
            "diverged_replicas": self.diverged_replicas,
            "margins": self.margins,
            "units": units,
            "rows": [_without_unknown_freedom(row) for row in self.table()],
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
        if content.get("schema_version") not in READABLE:
            writer = content.get("version", "unknown")
            raise ValueError(refused_version("the file of checks", content.get("schema_version"), writer))
        try:
            rows = [read_row(r) for r in content["rows"]]
            named = {f.name: content[f.name] for f in fields(cls) if f.name not in ("rows", "family")}
            return cls(rows, **named, family=_family(content.get("family", "none")))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"not a file of checks: {type(error).__name__} {error}") from None

    def __str__(self) -> str:
        return "\n".join([text_table([HEADER, *map(self._cells, self.rows)]), "", *self.summary()])

    def needs(self, row: Check) -> str:
        """What would settle a row that cannot tell, in words; empty where that is not known."""
        number = self.replicas_needed(row)
        if math.isnan(number):
            return ""
        return f"about {number:.0f} replicas would tell" if number < math.inf else "at the margin"

    def _cells(self, row: Check) -> list[str]:
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
            row.note or self.needs(row),
        ]

    def summary(self) -> list[str]:
        """Lines below the table: counts per level, what was left out, the verdict."""
        lines = [f"{level}: {_count_text(c)}" for level, c in self.counts.items()]
        for level, n in self.diverged_replicas.items():
            if n:
                total = n + self.replicas[level]
                lines.append(f"{level}: {n} of {total} replicas diverged and were left out")
        per = "per row" if self.family == "none" else f"per level by {self.family}"
        lines.append(
            f"verdict by level {self.deciding_level}: {self.verdict} "
            f"({self.confidence:.4g} confidence {per}; by chance alone {self.expected_by_chance:.2g} "
            "rows would differ)"
        )
        return lines

    def _repr_html_(self) -> str:
        def line(cells: list[str], tag: str) -> str:
            return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

        body = "".join(line(self._cells(r), "td") for r in self.rows)
        notes = "".join(f"<p>{html.escape(s)}</p>" for s in self.summary())
        return f"<table><thead>{line(HEADER, 'th')}</thead><tbody>{body}</tbody></table>{notes}"


HEADER = ["level", "quantity", "of", "measured", "predicted", "deviation", "margin", "verdict", "note"]


def _count_text(counts: Mapping[str, int]) -> str:
    return ", ".join(
        f"{counts[v]} {'agree' if v == AGREES else 'differ' if v == DIFFERS else v}" for v in VERDICTS
    )


def _without_unknown_freedom(row: dict) -> dict:
    """A file's null is then infinitely many degrees of freedom."""
    return {k: v for k, v in row.items() if k != "freedom" or not math.isnan(v)}


def _family(name: object) -> str:
    if name not in FAMILIES:
        raise ValueError(f"family is {name!r:.80}")
    return str(name)


def _null(value):
    """NaN and infinities as null, all through."""
    if isinstance(value, dict):
        return {k: _null(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_null(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
