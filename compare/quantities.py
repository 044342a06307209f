"""Every quantity that is measured, judged, drawn and tabulated, in one table.

`compare.measure.statistics` measures those that have a variable, by the method of `Ensemble` of that name.
`compare.verdict` judges all that have a margin. The page tabulates those that have a heading. Campaigns and
the scaling study take theirs from here. To add a quantity, write its entry and that method.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = [
    "FLUCTUATIONS",
    "JUDGED",
    "LAWS",
    "MARGINS",
    "MEASURED",
    "QUANTITIES",
    "RELATIVE",
    "SCALARS",
    "SCALE_FREE",
    "SIZES",
    "Quantity",
    "relative_deviation",
]

SCALAR, LAW, ALONE, PATH = "scalar", "law", "alone", "path"
"""How a quantity is judged: a number against a number; a distance between distributions, predicted to be 0;
the experiment by itself, without theory; not at all, it is drawn."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One quantity.

    Attributes
    ----------
    name : str
        What checks, margins and tables call it: "mean eigenvalue".
    variable : str
        What Datasets call it: "mean_eigenvalue"; empty for a distance between distributions.
    of : str
        What has one: "mode", "multiplet" or "pair".
    long_name : str
        In words, for the attributes of the variable.
    symbol : str
        In mathematics, as LaTeX without the dollars.
    margin : float
        Deviation up to which theory and experiment agree, by default; 0 where it is not judged.
    relative : bool
        Whether the margin is a fraction of the prediction.
    kind : str
        How it is judged, see above.
    heading : str
        Of its table on the page; empty for none.
    size : bool
        Whether it is in units of the eigenvalues.
    fluctuation : bool
        Whether it vanishes without noise, as the root of the noise level.
    scale_free : bool
        Whether it has no units. That a pair is wider on one data set than on another cancels in it; its shape
        changes at second order in how far the data split it or make its noise uneven, and hardly ever towards
        the prediction by accident.
    """

    name: str
    variable: str
    of: str
    long_name: str
    symbol: str
    margin: float = 0.0
    relative: bool = True
    kind: str = SCALAR
    heading: str = ""
    size: bool = False
    fluctuation: bool = False
    scale_free: bool = False

    @property
    def dims(self) -> tuple[str, ...]:
        """Of its variable."""
        return ("time", self.of) if self.kind == PATH else (self.of,)

    @property
    def axis(self) -> str:
        """Label of an axis: "width $\\sigma$ of the multiplet"."""
        return f"{self.name} ${self.symbol}$ of the {self.of}"


QUANTITIES = (
    Quantity(
        "mean eigenvalue",
        "mean_eigenvalue",
        "mode",
        "stationary mean of the mode",
        r"\langle x\rangle",
        margin=0.01,
        heading="Stationary means",
        size=True,
    ),
    Quantity(
        "width",
        "width",
        "multiplet",
        "width of the multiplet",
        r"\sigma",
        margin=0.05,
        heading="Widths σ of the multiplets",
        size=True,
        fluctuation=True,
    ),
    Quantity(
        "mean spacing",
        "mean_spacing",
        "pair",
        "mean spacing of the pair",
        r"\langle S\rangle",
        margin=0.05,
        heading="Mean spacings ⟨S⟩ of the pairs",
        size=True,
        fluctuation=True,
    ),
    Quantity(
        "spacing ratio",
        "spacing_ratio",
        "pair",
        "second moment of the spacing over its mean squared",
        r"\langle S^2\rangle/\langle S\rangle^2",
        margin=0.05,
        scale_free=True,
    ),
    Quantity(
        "growth time",
        "growth_time",
        "mode",
        "time at which the mean of the mode crosses half its stationary mean",
        r"t_{1/2}",
        margin=0.05,
        heading="Growth times",
    ),
    Quantity(
        "spacing law",
        "",
        "pair",
        "distance of the distributions of the scaled spacing",
        r"D[S/\langle S\rangle]",
        margin=0.05,
        relative=False,
        kind=LAW,
        scale_free=True,
    ),
    Quantity(
        "density law",
        "",
        "pair",
        "distance of the distributions of the eigenvalues",
        r"D[x]",
        margin=0.05,
        relative=False,
        kind=LAW,
    ),
    Quantity(
        "equilibration",
        "drift",
        "mode",
        "relative drift of the mean between the halves of the window",
        r"\Delta\langle x\rangle/\langle x\rangle",
        margin=0.01,
        relative=False,
        kind=ALONE,
    ),
    Quantity(
        "mean path",
        "mean_path",
        "mode",
        "mean of the mode over replicas",
        r"\langle x\rangle(t)",
        kind=PATH,
    ),
)

MEASURED = {q.variable: q for q in QUANTITIES if q.variable}
"""What `compare.statistics` returns, by variable."""

JUDGED = {q.name: q for q in QUANTITIES if q.margin}
"""What `compare.check` has rows of, by name."""

SCALARS = {q.name: q for q in QUANTITIES if q.kind == SCALAR}
"""Numbers that a level of theory predicts."""

LAWS = {q.name: q for q in QUANTITIES if q.kind == LAW}
"""Distances between distributions."""

SIZES = {q.variable: q for q in QUANTITIES if q.size}
"""In units of the eigenvalues, by variable."""

FLUCTUATIONS = {q.variable: q for q in QUANTITIES if q.fluctuation}
"""What vanishes without noise, by variable."""

SCALE_FREE = frozenset(q.name for q in QUANTITIES if q.scale_free)

MARGINS = {name: q.margin for name, q in JUDGED.items()}
"""Default margins by quantity. Those of ``RELATIVE`` are fractions of the prediction; the laws' are
Kolmogorov–Smirnov distances; the equilibration's is the relative drift of a mode's mean between the halves
of the window."""

RELATIVE = frozenset(name for name, q in JUDGED.items() if q.relative)


def relative_deviation(
    measured: tuple[np.ndarray, np.ndarray], predicted: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """How far an experiment is from a prediction: (measured − predicted)/|predicted|, and its standard error.

    The one sign and the one scale of a deviation, in checks, tables and figures. The prediction is the scale
    and stands still: its error and the experiment's are errors of the difference.

    Parameters
    ----------
    measured, predicted : pairs of ndarray
        Values and standard errors, independent of each other.
    """
    (a, a_se), (b, b_se) = measured, predicted
    with np.errstate(divide="ignore", invalid="ignore"):
        return (a - b) / np.abs(b), np.hypot(a_se, b_se) / np.abs(b)
