"""What an advice holds: the fitted law, learning rates, verdicts, and how they print."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass

import numpy as np

from compare.measure.printing import text_table, with_error

__all__ = ["Advice", "Advised", "Cell", "Fit", "Limit"]


@dataclass(frozen=True)
class Fit:
    r"""The law of every multiplet; arrays (multiplet,), (multiplet, 3), (multiplet, 3, 3) of ln c, a, d.

    ``covariance`` is widened by ``scatter``² = χ²/dof where that is above 1; ``rate`` is as given,
    ``rate_p`` the probability of fitted 2a so far from it (NaN: none given). ``cells`` and ``replicas`` were
    fitted, those of α/\|B\| ≤ ``most_noise``: all, or as many of the quietest ones as the law describes.
    """

    target: np.ndarray
    theta: np.ndarray
    covariance: np.ndarray
    rate: np.ndarray
    rate_p: float
    terms: str
    chi2: float
    dof: int
    p: float
    scatter: float
    cells: int
    replicas: int
    most_noise: float = math.inf

    @property
    def k_max(self) -> float:
        """Largest given rate of a learnt multiplet, or else largest 2a."""
        known = self.rate[np.isfinite(self.rate)]
        return float(known.max() if known.size else 2 * self.theta[:, 1].max())

    def gap(self, alpha, batch: float) -> np.ndarray:
        """1 − a α − d T, shape (..., multiplet)."""
        return 1.0 - np.asarray(alpha)[..., None] * (self.theta[:, 1] + self.theta[:, 2] / batch)

    def log_width(self, alpha, batch: float) -> np.ndarray:
        """Mean over multiplets of ln σ, shape (...); huge where a multiplet is not stable."""
        log = self.theta[:, 0] - np.log(np.maximum(self.gap(alpha, batch), 1e-300))
        return (log.mean(axis=-1) + np.log(np.asarray(alpha) / batch)) / 2

    def gradient(self, alpha: float, batch: float) -> np.ndarray:
        """Of ln σ² by ln c, a, d, shape (multiplet, 3)."""
        gap = self.gap(alpha, batch)
        return np.stack([np.ones_like(gap), alpha / gap, alpha / batch / gap], axis=-1)

    def slope(self, alpha: float, batch: float) -> np.ndarray:
        """Derivative of ln(σ²/T) by α, shape (multiplet,)."""
        return (self.theta[:, 1] + self.theta[:, 2] / batch) / self.gap(alpha, batch)

    def error(self, gradient: np.ndarray) -> float:
        """Standard error of a function with this gradient (multiplet, 3); multiplets are independent."""
        return math.sqrt(np.einsum("li,lij,lj->", gradient, self.covariance, gradient))


@dataclass(frozen=True)
class Advised:
    """A learning rate with its standard error (NaN: there is none), times the largest rate k.

    ``extrapolation`` says what lies outside the measured cells; empty: it lies among them.
    """

    learning_rate: float
    learning_rate_se: float
    alpha_k_max: float
    extrapolation: str


@dataclass(frozen=True)
class Cell:
    r"""σ/√T at one point of the grid, relative to its limit √c, less 1: geometric mean over multiplets."""

    learning_rate: float
    batch_size: int
    replicas: int
    diverged_replicas: int
    deviation: float
    deviation_se: float
    verdict: str
    note: str = ""


@dataclass(frozen=True)
class Limit:
    r"""Where σ ∝ √T stops holding at one batch size; NaN where it was not found.

    Attributes
    ----------
    holds_to, fails_from : float
        Largest measured α that holds with no failure below it, smallest that fails.
    fitted, fitted_se : float
        α at which the fitted law deviates by the margin.
    first, first_se, first_multiplet : float
        The same for the multiplet that is first to do so, and its target.
    extrapolation : str
        As in `Advised`, of ``fitted``.
    """

    batch_size: int
    holds_to: float
    fails_from: float
    fitted: float
    fitted_se: float
    first: float
    first_se: float
    first_multiplet: float
    extrapolation: str


@dataclass(frozen=True)
class Advice:
    r"""What `advise` found.

    Attributes
    ----------
    name, model : str
    batch_size : int
    reference : (float, int)
        (α, \|B\|) whose fluctuations are to be kept.
    margin, confidence : float
    keep : Advised
        Geometric mean over the multiplets of σ as at the reference, by the fitted law.
    multiplet_change : (float, float)
        Relative change of the widths of single multiplets there, least and most.
    linear, linear_change, linear_change_se : float
        α of the linear rule, and by how much it changes the mean width (NaN: it is not stable).
    noise_floor : float or None
    floor : Advised or None
        Largest σ/x̄ of a multiplet equal to the noise floor.
    floor_multiplet : float
        Target x̄ of that multiplet.
    cells : tuple of Cell
    limits : tuple of Limit
    fit : Fit
    """

    name: str
    model: str
    batch_size: int
    reference: tuple[float, int]
    margin: float
    confidence: float
    keep: Advised
    multiplet_change: tuple[float, float]
    linear: float
    linear_change: float
    linear_change_se: float
    noise_floor: float | None
    floor: Advised | None
    floor_multiplet: float
    cells: tuple[Cell, ...]
    limits: tuple[Limit, ...]
    fit: Fit

    def table(self) -> list[list[str]]:
        """The cells as rows of text, the first the head."""
        rows = [["α", "α k_max", "|B|", "replicas", "deviation of σ/√T, %", "linear rule"]]
        for c in self.cells:
            deviation = "–" if math.isnan(c.deviation) else _percent(c.deviation, c.deviation_se)
            verdict = f"{c.verdict}: {c.note}" if c.note else c.verdict
            a, k = f"{c.learning_rate:.4g}", f"{c.learning_rate * self.fit.k_max:.3g}"
            rows.append([a, k, str(c.batch_size), str(c.replicas), deviation, verdict])
        return rows

    def multiplets(self) -> list[list[str]]:
        """The fitted multiplets as rows of text, the first the head."""
        rows = [["multiplet at", "√c", "2a", "given k", "d"]]
        fit = self.fit
        for x, (log_c, a, d), covariance, rate in zip(
            fit.target, fit.theta, fit.covariance, fit.rate, strict=True
        ):
            root, se = math.exp(log_c / 2), np.sqrt(np.diag(covariance))
            told = [with_error(root, root * se[0] / 2), with_error(2 * a, 2 * se[1])]
            rows.append([f"{x:.4g}", *told, with_error(rate, 0.0), with_error(d, se[2])])
        return rows

    def to_json(self) -> str:
        """Plain JSON text; NaN and infinities are null."""
        content = {"schema": "dyson-sgd/advice", "schema_version": 2, **asdict(self)}
        content["fit"]["k_max"] = self.fit.k_max
        return json.dumps(_plain(content), indent=1, allow_nan=False, ensure_ascii=False)

    def __str__(self) -> str:
        fit, (alpha, batch) = self.fit, self.reference
        given = f"2a against the given k: p = {fit.rate_p:.2g}"
        rates = "no k given" if math.isnan(fit.rate_p) else given
        linear = "where some width has no stationary value"
        if math.isfinite(self.linear_change):
            change = _percent(self.linear_change, self.linear_change_se)
            linear = f"which changes the widths by {change} % in the mean"
        low, high = (100 * change for change in self.multiplet_change)
        quiet = math.isfinite(fit.most_noise)
        lines = [
            f"{self.name} ({self.model}): {fit.cells} cells, {fit.replicas} replicas",
            f"law σ² = c T/(1 − a α − d T), terms {fit.terms}: χ² = {fit.chi2:.1f} at {fit.dof} degrees of "
            f"freedom (p = {fit.p:.2g}); {rates}; k_max = {fit.k_max:.3g}",
            *([f"fitted where α/|B| ≤ {fit.most_noise:.4g}: beyond, it does not fit"] * quiet),
            "",
            f"1. |B| = {self.batch_size}, widths as at α = {alpha:.4g}, |B| = {batch}: {_told(self.keep)}",
            f"   single multiplets change by {low:+.1f} to {high:+.1f} %",
            f"   the linear rule has α = {self.linear:.4g}, {linear}",
        ]
        if self.floor is not None:
            where = f", set by the multiplet at {self.floor_multiplet:.4g}"
            none = "every learning rate stays below it"
            told = f"{_told(self.floor, where)}" if math.isfinite(self.floor.learning_rate) else none
            lines.append(f"2. |B| = {self.batch_size}, largest σ/x̄ = {self.noise_floor:.4g}: {told}")
        lines.append(f"3. σ ∝ √T within {100 * self.margin:.3g} %, as the geometric mean over multiplets")
        lines += [f"   |B| = {limit.batch_size}: {_limit_told(limit, fit.k_max)}" for limit in self.limits]
        return "\n".join([*lines, "", text_table(self.multiplets()), "", text_table(self.table())])


def _percent(value: float, se: float) -> str:
    return f"{'+' if value > 0 else ''}{with_error(100 * value, 100 * se)}"


def _told(found: Advised, where: str = "") -> str:
    if not math.isfinite(found.learning_rate):
        return "no learning rate does it"
    alpha = with_error(found.learning_rate, found.learning_rate_se)
    outside = f"\n   extrapolated: {found.extrapolation}" if found.extrapolation else ""
    return f"α = {alpha}, α k_max = {found.alpha_k_max:.3g}{where}{outside}"


def _limit_told(limit: Limit, k_max: float) -> str:
    holds = "not shown to hold" if math.isnan(limit.holds_to) else f"holds up to α = {limit.holds_to:.4g}"
    fails = "no failure" if math.isnan(limit.fails_from) else f"fails from α = {limit.fails_from:.4g}"
    if math.isnan(limit.fitted):
        return f"{holds}, {fails}; by the fit it holds at any α"
    outside = " (extrapolated)" if limit.extrapolation else ""
    fitted = f"α = {with_error(limit.fitted, limit.fitted_se)}, α k_max = {limit.fitted * k_max:.3g}{outside}"
    first = with_error(limit.first, limit.first_se)
    return f"{holds}, {fails}; by the fit up to {fitted}; first multiplet {first}"


def _plain(value):
    """Lists for tuples and arrays, null for NaN and infinities, all through."""
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [_plain(entry) for entry in (value.tolist() if isinstance(value, np.ndarray) else value)]
    return None if isinstance(value, float) and not math.isfinite(value) else value
