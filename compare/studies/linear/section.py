"""The linear network's study as sections of a page, and as nodes of the stored tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

import dyson
from compare.measure.growth_fit import TIMES
from compare.measure.printing import with_error
from compare.measure.species import find_species
from compare.page import Section
from compare.studies.linear.study import (
    LawFit,
    LinearSetting,
    density_laws,
    grown,
    row_variances,
    settled,
    settled_run,
)
from streams.arguments import count, finite

RATIOS = (1.0, 1.5, 2.0, 3.0)
"""Ratios of the rows' widths at which the laws are compared."""

GROWTH = """\
The student ŷ = Z W x learns the teacher W_t = √κ 1, κ = {kappa:g}, from W = 0. Each right singular \
direction of Z converges at its own rate z², so x_a(t) = κ(1 − e^(−z_a² t))²; at the finite learning \
rate α = {alpha:g} e^(−z² t) is (1 − α z²)^n after n steps, and that is what is fitted. Two choices of \
Z: {well}, well conditioned, and {ill}, ill conditioned. Isotropic gradient noise ε = {eps:g}, |B| = \
{batch}; {replicas} replicas.

The fit starts at epoch {start_epoch} (an epoch is {epoch} steps); its errors are by jackknife over \
replicas. Eigenvalues are sorted, and repel: where both modes are close together the upper mean is \
pushed up and the lower one down, which a fit of independent curves takes for a change of rates. Level \
matrix, sampled exactly from the closed form of W's law and fitted in the same way, has the same shift."""

DENSITY = """\
At stationarity rows a of W − W_t have standard deviations s_a ∝ 1/z_a: two species. X − κ ≈ √κ M with M \
a real symmetric 2 × 2 Gaussian matrix, Var M_11 = 4 s_1², Var M_22 = 4 s_2², Var M_12 = s_1² + s_2². \
Its density is known exactly, with nothing to fit. The generalised semicircle of two particles of widths \
σ_1 and σ_2 has nearly the same shape once its widths are fitted, but not at the naive widths σ_a = 2 √κ \
s_a. {replicas} replicas, ε = {eps:g}, W started at W_t."""

RATIO = """\
Kolmogorov–Smirnov distances of these laws at ratios s_1/s_2 of the rows' widths, from SGD with z_1 = 1 \
and z_2 such that the widths at this learning rate have that ratio; {replicas} replicas each, so that \
about {noise:.1g} is sampling noise. Fitted by least squares on a histogram of 80 bins, as in the \
papers' figures, or by maximum likelihood, which weighs the tails more."""


ROWS = """\
Variance of the entries of W − W_t in each row at stationarity, α = {alpha:g} and |B| = {batch}, \
{replicas} replicas: T ε²/(2 z²) is the limit α → 0; a finite step adds the factor 1/(1 − α z²/2), which \
is exact without mini-batches (data "exact"); with them the noise of x xᵀ multiplies W − W_t, and the \
stationary second moment follows from the closed form of level matrix.

Species from theory: {theory}. Species from the weights of the ensemble alone: {measured}."""

NOISY = (0.1, 4)
"""Learning rate and batch size where finite steps and mini-batches show in the variances."""


@dataclass(frozen=True)
class LinearReport:
    """What `linear_report` found: the tree of the well-conditioned Z, sections, and a few lines."""

    tree: xr.DataTree
    sections: list[Section]
    summary: str


def linear_report(
    setting: LinearSetting,
    outputs: Mapping[str, Sequence[float]],
    *,
    density_eps: float = 0.1,
    epochs: int = 80,
    epoch_steps: int = 50,
    start_epoch: int = 2,
    replicas: int = 500,
    density_replicas: int = 100_000,
    seed: int,
    workers: int = 1,
    progress: bool = False,
) -> LinearReport:
    """Train both choices of Z, fit rates and densities, and write it down.

    Parameters
    ----------
    setting : LinearSetting
    outputs : mapping of str to sequence of float
        Two singular values of Z under "well" and "ill".
    density_eps : float
        ε of the densities: small, so that X − κ is linear in W − W_t.
    epochs, epoch_steps, start_epoch : int
        Length of the growth, steps an epoch, first epoch of the fit.
    replicas, density_replicas : int
        Of the growth and of each density.
    seed, workers, progress
        As `sgd.train`.

    Raises
    ------
    TypeError, ValueError
        If an argument is not usable.
    """
    from compare.layout.align import align
    from compare.studies.linear.figures import growth_rates, pair_densities  # matplotlib, only for a page

    zs = {name: np.sort(finite(name, outputs[name], (1,)))[::-1] for name in ("well", "ill")}
    for name, z in zs.items():
        if z.size != 2:
            raise ValueError(f"{name} must hold two singular values of Z, got {z.size}")
    start_epoch, epochs = count("start_epoch", start_epoch, 0), count("epochs", epochs)
    if start_epoch > epochs - TIMES:
        raise ValueError(
            f"start_epoch must be at most epochs - {TIMES} = {epochs - TIMES}, got {start_epoch}"
        )
    shared: dict[str, Any] = {"seed": seed, "workers": workers, "progress": progress}
    runs, fits, predicted = [], [], []
    for z in zs.values():
        run, fit = grown(setting, z, epochs, epoch_steps, replicas, start_epoch, **shared)
        theory = setting.theory(z).sample(run["time"].values, replicas=replicas, seed=seed, initial=0.0)
        runs.append((run, theory))
        fits.append(fit)
        predicted.append(_predicted(theory, run, fit))
    quiet = LinearSetting(setting.teacher, density_eps, setting.learning_rate, setting.batch_size)
    samples = {name: settled(quiet, z, density_replicas, **shared) for name, z in zs.items()}
    laws = {name: density_laws(quiet, zs[name], x) for name, x in samples.items()}
    words = {
        "kappa": setting.teacher, "alpha": setting.learning_rate, "eps": setting.eps,
        "batch": setting.batch_size, "replicas": replicas, "epoch": epoch_steps, "start_epoch": start_epoch,
        "well": _named(zs["well"]), "ill": _named(zs["ill"]),
    }  # fmt: skip
    z_list = list(zs.values())
    growth = growth_rates([run for run, _ in runs], fits, z_list)
    density = pair_densities(list(samples.values()), list(laws.values()), z_list)
    rates = rate_table(z_list, fits, predicted)
    ratios = ratio_table(quiet, density_replicas, shared)
    text = {"replicas": density_replicas, "eps": density_eps, "noise": 0.9 / np.sqrt(density_replicas)}
    sections = [
        Section("Growth at the rates of Z", GROWTH.format(**words), growth, rates),
        Section("Density of the pair: one species or two", DENSITY.format(**text), density, law_table(laws)),
        species_section(setting, zs["ill"], 10_000, shared),
        Section("The laws against the ratio of the widths", RATIO.format(**text), None, ratios),
    ]
    tree = align(experiment=runs[0][0], theory={"matrix": runs[0][1]})
    tree["ill_conditioned"] = xr.DataTree(runs[1][0])
    for name, fit in zip(zs, fits, strict=True):
        tree[f"growth_fit_{name}"] = xr.DataTree(fit)
    return LinearReport(tree, sections, "\n".join("  ".join(row) for row in rates))


def _predicted(theory: xr.Dataset, run: xr.Dataset, fit: xr.Dataset) -> xr.Dataset:
    from compare.measure.growth_fit import fit_growth

    return fit_growth(theory.assign_coords(learning_rate=run["learning_rate"]), fit.attrs["start"])


def _named(z: np.ndarray) -> str:
    return f"diag({', '.join(f'{v:g}' for v in z)})"


def rate_table(zs: Sequence[np.ndarray], fits, predicted) -> list[list[str]]:
    """Fitted rates beside z²."""
    rows = [["Z", "mode", "z²", "rate fitted to SGD", "rate fitted to level matrix", "difference/error"]]
    for z, fit, theory in zip(zs, fits, predicted, strict=True):
        for mode, value in enumerate(z):
            (a, a_se), (b, b_se) = (
                (float(side["rate"][mode]), float(side["rate_se"][mode])) for side in (fit, theory)
            )
            off = f"{(a - b) / np.hypot(a_se, b_se):+.1f}"
            rows.append(
                [_named(z), str(mode), f"{value**2:.6g}", with_error(a, a_se), with_error(b, b_se), off]
            )
    return rows


def law_table(laws: Mapping[str, list[LawFit]]) -> list[list[str]]:
    """Every law's parameters and distance, for both Z."""
    rows = [["Z", "law", "parameters", "Kolmogorov–Smirnov distance"]]
    for name, found in laws.items():
        rows += [[f"{name} conditioned", f.name, _parameters(f), _distance(f)] for f in found]
    return rows


def _parameters(found: LawFit) -> str:
    if found.law is None:
        return found.note
    names = [n for n in found.law.__dataclass_fields__ if n != "gap"]  # type: ignore[attr-defined]
    se = found.fit.se if found.fit is not None else {}
    values = {n: getattr(found.law, n) for n in names}
    shown = (f"{n} = {with_error(v, se[n]) if se.get(n) else f'{v:.5g}'}" for n, v in values.items())
    return ", ".join(shown)


def _distance(found: LawFit) -> str:
    return "–" if found.law is None else f"{found.distance:.4f}"


def ratio_table(setting: LinearSetting, replicas: int, shared: dict[str, Any]) -> list[list[str]]:
    """Distances of every law against the ratio of the rows' widths."""
    columns: list[list[LawFit]] = []
    for ratio in RATIOS:
        z = np.array([1.0, setting.second_output(ratio)])
        columns.append(density_laws(setting, z, settled(setting, z, replicas, **shared)))
    rows = [["law", *(f"ratio {ratio:g}" for ratio in RATIOS)]]
    for place, first in enumerate(columns[0]):
        rows.append([first.name, *(_distance(column[place]) for column in columns)])
    return rows


def species_section(setting: LinearSetting, z: np.ndarray, replicas: int, shared: dict[str, Any]) -> Section:
    """Widths of the rows, predicted and measured, and the species they make."""
    noisy = LinearSetting(setting.teacher, setting.eps, *NOISY)
    rows = [["data", "row", "z²", "T ε²/(2z²)", "with finite step", "level matrix", "measured", "deviation"]]
    runs = {}
    for data in ("exact", "batch"):
        law = noisy.theory(z, data)
        runs[data] = run = settled_run(noisy, z, replicas, data=data, keep_weights=True, **shared)
        variance, se = row_variances(run, noisy)
        exact = (law.widths**2).mean(axis=1)
        for row, value in enumerate(z**2):
            plain = law.noise_level * noisy.eps**2 / (2 * value)
            finite_step = plain / (1 - law.learning_rate * value / 2)
            off = f"{100 * (variance[row] / exact[row] - 1):+.1f}({100 * se[row] / exact[row]:.1f}) %"
            shown = [f"{v:.5g}" for v in (value, plain, finite_step, exact[row])]
            rows.append([data, str(row), *shown, with_error(variance[row], se[row]), off])
    theory = "; ".join(map(str, dyson.species(noisy.theory(z))))
    found = find_species(runs["batch"]).species
    measured = "; ".join(f"rows {list(s.members)}, width {with_error(s.width, s.width_se)}" for s in found)
    text = ROWS.format(
        alpha=noisy.learning_rate, batch=noisy.batch_size, replicas=replicas, theory=theory, measured=measured
    )
    return Section("Species: one width a row", text, None, rows)
