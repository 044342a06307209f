"""One row of a comparison: a prediction against a measurement, its verdict and its p-values."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

from scipy.special import stdtr, stdtrit

from compare.layout.versions import translated_label
from compare.verdict.equivalence import bound, tail

AGREES, DIFFERS, CANNOT_TELL = "agrees", "differs", "cannot tell"
VERDICTS = (AGREES, DIFFERS, CANNOT_TELL)

SPREAD = "± spread between data sets"
"""Note of a row whose prediction carries the deviation between data sets."""

UNKNOWN_SPREAD = "replicas share one data set; its spread is unknown"
"""Note of a row that cannot tell theory from the accident of one data set."""


@dataclass(frozen=True, slots=True)
class Check:
    r"""One prediction against one measurement.

    With d = estimate − prediction, e² = estimate_se² + prediction_se², q the quantile and m the margin:
    "agrees" if \|d\| + q e ≤ m, "differs" if \|d\| − q e > m, otherwise "cannot tell". All numbers have
    units "1" (eigenvalues and t = α n are dimensionless).

    Attributes
    ----------
    quantity, label, level : str
        What ("width"), of which ("multiplet 1 (x = 4.62)"), against which level of theory ("dyson").
    index : int
        Number of the mode, multiplet or pair.
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
    freedom : float
        ν, degrees of freedom of the error (Welch–Satterthwaite); inf if it is exact, NaN if not known.
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
    freedom: float = math.nan

    @property
    def error(self) -> float:
        """Standard error e of the deviation."""
        return math.hypot(self.estimate_se, self.prediction_se)

    @property
    def law(self) -> bool:
        """Whether it is a Kolmogorov–Smirnov distance; its p-values are then bounds."""
        return self.quantity.endswith(" law")

    @property
    def open(self) -> bool:
        """Whether the data may settle the row: it has all its numbers and no other reason to be left out."""
        return self.note in ("", SPREAD) and not math.isnan(self.differs_from)

    @property
    def pvalue(self) -> float:
        """Two-sided, of a true deviation of 0."""
        return self._significance(abs(self.deviation))

    @property
    def p_differs(self) -> float:
        """Of a true deviation within the margin: the chance of so large a one at the margin itself."""
        if self.law:
            return self.differs_from
        far = abs(self.deviation) + self.margin
        return min(self._tail(abs(self.deviation) - self.margin) + self._tail(far), 1.0)

    @property
    def p_agrees(self) -> float:
        """Of a true deviation beyond the margin, by two one-sided tests."""
        inside = self.margin - abs(self.deviation)
        if self.law:
            return self.agrees_from / 2 if inside > 0 else self.agrees_from
        return self._tail(inside)

    @property
    def differs_from(self) -> float:
        """The row on its own says "differs" where 1 − confidence is above this."""
        return self._significance(abs(self.deviation) - self.margin)

    @property
    def agrees_from(self) -> float:
        """The row on its own says "agrees" where 1 − confidence is at least this."""
        return self._significance(self.margin - abs(self.deviation))

    def alarm(self, significance: float) -> float:
        """Chance of "differs" at so much 1 − confidence if the true deviation were 0."""
        quantile = float(stdtrit(self.freedom, 1 - significance / 2))
        return float(2 * stdtr(self.freedom, -self.margin / self.error - quantile)) if self.error > 0 else 0.0

    def _tail(self, x: float) -> float:
        return tail(x, self.error, self.freedom)

    def _significance(self, x: float) -> float:
        if self.law:
            return bound(x, self.error, self.freedom, self.quantile)
        return min(2 * self._tail(x), 1.0)  # in this order NaN stays NaN


def judge(deviation: float, error: float, margin: float, quantile: float) -> str:
    """The verdict of three; NaN anywhere cannot tell."""
    reach = quantile * error
    if abs(deviation) + reach <= margin:
        return AGREES
    return DIFFERS if abs(deviation) - reach > margin else CANNOT_TELL


def read_row(content: dict) -> Check:
    """A row from its JSON; every field present and of its type."""
    values: dict[str, Any] = {}
    for f in fields(Check):
        value = content.get(f.name, math.nan) if f.name == "freedom" else content[f.name]
        if f.name == "freedom" and value is None:
            value = math.inf
        elif f.type == "float":
            value = math.nan if value is None else float(value)
        elif type(value).__name__ != f.type:
            raise TypeError(f"{f.name} is {value!r:.80}")
        values[f.name] = value
    values["label"] = translated_label(values["label"])
    if values["verdict"] not in VERDICTS:
        raise TypeError(f"verdict is {values['verdict']!r:.80}")
    return Check(**values)
