"""The rows of a comparison: one side against the other, quantity by quantity."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import ndtri, stdtr, stdtrit

from compare.layout.multiplets import Multiplets
from compare.layout.schema import EXPERIMENT
from compare.quantities import JUDGED, LAWS, RELATIVE, SCALARS, SCALE_FREE
from compare.verdict.distance import Sample, band, to_law, to_sample
from compare.verdict.row import AGREES, CANNOT_TELL, SPREAD, UNKNOWN_SPREAD, Check, judge
from compare.verdict.side import Side, combined_freedom, moved
from dyson.laws import OnePairSemicircle, WignerSurmise


@dataclass(frozen=True)
class Comparison:
    """Makes the rows of one experiment."""

    measured: Side
    group: Multiplets
    margins: dict[str, float]
    confidence: float

    def equilibration(self) -> Iterator[Check]:
        """Drift of each mode's mean between the halves of the window."""
        for mode in range(self.measured.statistics.sizes["mode"]):
            value = self.measured.value("drift", mode)
            if self.unlearnt([mode]):
                mean = abs(self.measured.value("mean_eigenvalue", mode)[0])
                share = mean / self.largest
                value = (value[0] * share, value[1] * share) if mean else (0.0, 0.0)
            note = "one recorded time in the window" if math.isnan(value[0]) else ""
            yield self.row("equilibration", mode, EXPERIMENT, value, (0.0, 0.0), math.inf, note)

    def against(self, name: str, side: Side, moving: set[int]) -> Iterator[Check]:
        """All rows of one level of theory; modes in ``moving`` have not equilibrated."""
        for row in [*self.scalars(name, side), *self.laws(name, side)]:
            row = _fair(row, side)
            unsettled = moving & set(self.modes(row))
            if unsettled:
                row = replace(row, verdict=CANNOT_TELL, false_alarm=0.0, note="not equilibrated")
            yield row

    def scalars(self, name: str, side: Side) -> Iterator[Check]:
        for quantity, described in SCALARS.items():
            variable = described.variable
            if variable not in side.statistics:
                continue
            for index in range(side.statistics[variable].size):
                a = self.measured.value(variable, index)
                b, freedom = side.widened(quantity, index, side.value(variable, index), side.freedom)
                if math.isnan(a[0]) and math.isnan(b[0]):
                    continue  # there is nothing to compare, such as the growth of a mode that starts above
                row = self.row(quantity, index, name, a, b, freedom, _missing(a[0], b[0]))
                if not self.unlearnt(self.modes(row)):
                    yield row
                elif described.size:
                    yield self.row(quantity, index, name, a, b, freedom, row.note, scale=self.largest)

    def laws(self, name: str, side: Side) -> Iterator[Check]:
        for pair, mine in enumerate(self.measured.pairs):
            upper = int(self.group.pair_upper[pair])
            if self.unlearnt([upper, upper + 1]):
                continue
            if side.samples is not None:
                for quantity, a, b in zip(LAWS, mine, side.pairs[pair], strict=True):
                    yield self.law(
                        quantity, pair, name, side, a, to_sample(a, b), self.spread(b), b.blocks - 1
                    )
                continue
            spacings, values = mine
            distance = to_law(spacings, WignerSurmise(1.0).cdf)
            yield self.law("spacing law", pair, name, side, spacings, distance)
            semicircle = self.semicircle(side, pair)
            if semicircle is not None:
                law, error = semicircle
                distance = to_law(values, law.cdf)
                yield self.law("density law", pair, name, side, values, distance, error, side.freedom)

    def semicircle(self, side: Side, pair: int) -> tuple[OnePairSemicircle, float] | None:
        """The law a closed form predicts for a pair, and the distance its own errors move it by.

        None where it does not predict the pair's mean and width.
        """
        if "width" not in side.statistics:
            return None
        upper, multiplet = self.group.pair_upper[pair], self.group.pair_multiplet[pair]
        means = [side.value("mean_eigenvalue", int(k)) for k in (upper, upper + 1)]
        # The two means' errors may be fully correlated: their mean's error is at most the mean of both.
        centre, centre_se = (sum(column) / 2 for column in zip(*means, strict=True))
        sigma, sigma_se = side.value("width", int(multiplet))
        if not (sigma > 0 and math.isfinite(centre)):
            return None
        return OnePairSemicircle(centre, sigma), moved(centre, sigma, centre_se, sigma_se)

    def spread(self, sample: Sample) -> float:
        """Error of a distribution function: the normal quantile times it is the band's half-width."""
        return band(sample.count, self.confidence) / float(ndtri((1 + self.confidence) / 2))

    def law(
        self,
        quantity: str,
        pair: int,
        level: str,
        side: Side,
        sample: Sample,
        distance: float,
        error: float = 0.0,
        freedom: float = math.inf,
    ) -> Check:
        """A row for a distance, predicted to be 0 with the given error."""
        prediction, freedom = side.widened(quantity, pair, (0.0, error), freedom)
        return self.row(quantity, pair, level, (distance, self.spread(sample)), prediction, freedom)

    def row(
        self,
        quantity: str,
        index: int,
        level: str,
        estimate: tuple[float, float],
        prediction: tuple[float, float],
        freedom: float,
        note: str = "",
        scale: float | None = None,
    ) -> Check:
        deviation = estimate[0] - prediction[0]
        scale = abs(prediction[0]) if scale is None else scale
        margin = self.margins[quantity] * (scale if quantity in RELATIVE else 1.0)
        error = math.hypot(estimate[1], prediction[1])
        nu = combined_freedom((estimate[1], self.measured.freedom), (prediction[1], freedom))
        quantile = float(stdtrit(nu, (1 + self.confidence) / 2))
        verdict = judge(deviation, error, margin, quantile)
        if quantity in RELATIVE and scale == 0:
            verdict, note = CANNOT_TELL, note or "prediction 0 has no relative margin"
        elif math.isnan(estimate[1]):
            note = note or "one replica has no error"
        false_alarm = float(2 * stdtr(nu, -margin / error - quantile)) if error > 0 and not note else 0.0
        relative = deviation / scale if scale > 0 else math.nan
        return Check(
            quantity,
            self.label(quantity, index),
            level,
            index,
            *estimate,
            *prediction,
            deviation,
            relative,
            margin,
            quantile,
            false_alarm,
            verdict,
            note,
            nu,
        )

    @cached_property
    def largest(self) -> float:
        """The largest target: what modes that are not learnt are measured against."""
        return float(np.abs(self.measured.statistics["target"].values).max())

    def unlearnt(self, modes: Iterable[int]) -> bool:
        """Whether these modes have target 0 in a spectrum that is not all 0: they decay to rounding."""
        target = self.measured.statistics["target"].values
        return self.largest > 0 and all(target[mode] == 0 for mode in modes)

    def label(self, quantity: str, index: int) -> str:
        noun = JUDGED[quantity].of
        if noun != "multiplet":
            return f"{noun} {index}"
        target = float(self.measured.statistics["multiplet_target"].values[index])
        return f"multiplet {index} (x = {target:.3g})"

    def modes(self, row: Check) -> range:
        """Modes that a row is about."""
        noun = JUDGED[row.quantity].of
        if noun == "mode":
            return range(row.index, row.index + 1)
        multiplet = row.index if noun == "multiplet" else self.group.pair_multiplet[row.index]
        group = self.group.slices[multiplet]
        return range(group.start, group.stop)


def _fair(row: Check, side: Side) -> Check:
    """The row as it may be said of an ensemble that is one draw of its data.

    With a further error that nobody knows, neither "differs" nor "agrees" is warranted. Only the
    agreement of a shape (`SCALE_FREE`) stands: data spoil a shape, they do not mend it.
    """
    if row.note or not side.between:
        return row
    size, _ = side.lacking(row.quantity, row.index)
    if math.isnan(size):
        if row.quantity in SCALE_FREE and row.verdict == AGREES:
            return replace(row, false_alarm=0.0)
        return replace(row, verdict=CANNOT_TELL, false_alarm=0.0, note=UNKNOWN_SPREAD)
    own = side.data_sets and row.prediction_se > 0
    return replace(row, note=SPREAD) if size > 0 or own else row


def _missing(estimate: float, prediction: float) -> str:
    if math.isnan(estimate):
        return "not measured"
    return "not predicted" if math.isnan(prediction) else ""
