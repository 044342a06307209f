"""``dyson-sgd gas`` and ``dyson-sgd report gas``: a gas of one's own, and the Gaussian ensemble."""

from __future__ import annotations

import argparse
import math

import numpy as np

import dyson
from compare.measure.printing import with_error
from compare.measure.unfolding import mean_ratios
from compare.page import Section
from compare.studies.gas.study import SETTLED, GasStudy, gas_study
from compare.studies.shell.session import Session, begin

__all__ = ["report_gas", "run"]

TIMES = (0.05, 0.2, 0.5, 2.0)
PATHS, PARTICLES = 256, 100
"""Of the ensemble whose density is drawn in time."""

BESIDE = "Beside this page: samples.npz (eigenvalues, descending along the last axis) and summary.json."

AGREE = """\
P(x) ∝ Π |x_i − x_j|^β exp(−Σ x²/2), β = {beta:g}, drawn exactly (eigenvalues of tridiagonal matrices), \
reached by the eigenvalue SDE dx_i = [−x_i + β Σ 1/(x_i − x_j)] dt + √2 dB_i after {settled:g} relaxation \
times from a spectrum half as wide, and as the laws have it.

Density: χ² of the counts in twelve bins, whose covariance is estimated over the spectra (11 degrees of \
freedom). Σx² and middle spacing: largest distance of the cumulative distributions (Kolmogorov, Smirnov), \
one value a spectrum. p is the chance of a larger value where both have the same law; the smallest of all \
times their number is {least:.2g}. The time step is {step:g} of the default."""

IN_TIME = """\
{particles} particles from two points ±1 in V = x²/2 with g² = 1/(nβ), {paths} paths. The line is the free \
convolution of the start with a semicircle, the solution of the complex Burgers equation \
(dyson.density_in_time). The distance is the largest one between the cumulative densities; a gas of n \
particles differs from its limit by O(1/n) = {order:.2g}, most where the density has an edge."""


def run(args: argparse.Namespace) -> int:
    """``dyson-sgd gas``: sample, solve, draw, write."""
    session = begin(args, "gas")
    low = -math.inf if args.lower_wall is None else args.lower_wall
    high = math.inf if args.upper_wall is None else args.upper_wall
    measure = dyson.equilibrium(args.potential, args.beta, walls=(low, high))
    particles = dyson.CoulombGas(args.n, args.potential, beta=args.beta, walls=(low, high), g2=1.0 / args.n)
    x = particles.sample(args.samples, seed=args.seed, workers=args.workers, progress=session.progress)
    found = summary(args, measure, x)
    for name, value in found.items():
        print(f"{name}: {value}")

    from compare.studies.gas.figures import gas_figure  # matplotlib, only for a page

    rows = [["quantity", "value"], *map(list, found.items())]
    density = Section("Density", figure=gas_figure(x, measure), table=rows)
    lead = f"n = {args.n} particles, β = {args.beta:g}, V = {args.potential}, {len(x)} samples."
    return session.end_plain(
        "Coulomb gas", lead, [density], BESIDE, _told(args, session, found), {"eigenvalue": x}
    )


def report_gas(args: argparse.Namespace) -> int:
    """The Gaussian ensemble: sampler, integrator and laws at several sizes, and the density in time."""
    session = begin(args, f"gas-beta{args.beta:g}")
    study = gas_study(
        args.sizes, args.beta, args.eigenvalues, args.seed, args.step, args.workers, session.progress
    )
    paths = in_time(args.beta, args.seed, args.workers)
    far = distances(*paths)
    print("\n".join("  ".join(row) for row in study.table()))
    print(f"smallest p-value times their number: {study.least_p:.2g}")
    found = {
        "rows": [row.__dict__ for row in study.rows],
        "smallest p-value times their number": study.least_p,
        "density in time": dict(zip(map(str, TIMES), far, strict=True)),
    }
    arrays = {f"sampled_{n}": x for n, x in study.sampled.items()}
    arrays |= {f"integrated_{n}": x for n, x in study.settled.items()} | {"in_time": paths[0]}
    lead = f"β = {args.beta:g}: one law from an exact sampler, from the eigenvalue SDE, and in closed form."
    title = "Coulomb gas: sampler, integrator and law"
    told = _told(args, session, found)
    return session.end_plain(title, lead, sections(study, paths, far), BESIDE, told, arrays)


def in_time(beta: float, seed: int, workers: int) -> tuple[np.ndarray, dyson.large_n.DensityInTime]:
    """Paths (replica, time, particle) from two points, and the density of n → ∞."""
    half = PARTICLES // 2
    start = np.repeat([1.0, -1.0], [PARTICLES - half, half])
    sde = dyson.models.matrix_ou(PARTICLES, noise=1 / math.sqrt(PARTICLES * beta), beta=beta)
    run = dyson.integrate(sde, start, [0.0, *TIMES], PATHS, seed, workers=workers)
    return run["eigenvalue"].values[:, 1:], dyson.density_in_time([-1.0, 1.0], TIMES, rate=1.0, strength=1.0)


def distances(paths: np.ndarray, limit: dyson.large_n.DensityInTime) -> list[float]:
    """Largest distance of the cumulative density from its limit, at each time."""
    far = []
    for k, law in enumerate(limit.at):
        x = np.sort(paths[:, k].ravel())
        far.append(float(np.abs((np.arange(len(x)) + 0.5) / len(x) - law.cdf(x)).max()))
    return far


def sections(study: GasStudy, paths, far: list[float]) -> list[Section]:
    """The page of `report_gas`."""
    from compare.studies.gas.figures import (  # matplotlib, only for a page
        gas_in_time_figure,
        gas_sizes_figure,
    )

    agree = AGREE.format(beta=study.beta, settled=SETTLED, least=study.least_p, step=study.step)
    order = IN_TIME.format(particles=PARTICLES, paths=PATHS, order=1 / PARTICLES)
    rows = [["t", "distance"], *([f"{t:g}", f"{d:.2g}"] for t, d in zip(TIMES, far, strict=True))]
    return [
        Section("Sampler, integrator and law", agree, gas_sizes_figure(study), study.table()),
        Section("Density in time", order, gas_in_time_figure(paths[0], paths[1].at, TIMES), rows),
    ]


def summary(args: argparse.Namespace, measure, x: np.ndarray) -> dict[str, str]:
    """Moments of the samples with their errors, beside those of the measure."""
    found = {
        "support for n → ∞": ", ".join(f"[{a:.8g}, {b:.8g}]" for a, b in measure.support),
        "Lagrange constant": f"{float(measure.constant):.10g}",
    }
    for order in (1, 2, 4):
        sample = (x**order).mean(axis=1)
        error = float(sample.std(ddof=1)) / math.sqrt(len(x))
        limit = float(measure.moment(order))
        found[f"⟨x^{order}⟩"] = f"{with_error(float(sample.mean()), error)}, for n → ∞ {limit:.6g}"
    if args.n >= 8:
        ratio = mean_ratios(x)
        error = float(ratio.std(ddof=1)) / math.sqrt(len(x))
        found["mean ratio of spacings"] = with_error(float(ratio.mean()), error)
    return found


def _told(args: argparse.Namespace, session: Session, found: dict) -> dict:
    """What summary.json says."""
    return {"command": session.command, "seed": str(args.seed), **found}
