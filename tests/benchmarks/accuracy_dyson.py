"""Solvers against exact results: python tests/benchmarks/accuracy_dyson.py [--n 2 10 100] [--solver ...]

Matrix Ornstein–Uhlenbeck process, g = k = β = 1, from a semicircle (N = 2: one point) to t = 4 (N = 100: to
t = 1.5). Printed per step dt: ⟨Σx²⟩ over its exact value at that time, and the 2 % quantile
of the gaps in the bulk over that of the dense random matrices, each ± its error.

With --coincident: starts in which many eigenvalues coincide, at the default step. Printed: the error in per
cent of ⟨Σx²⟩ - Σx(0)² e^{-2t}, exactly [n + β n (n - 1)/2] (1 - e^{-2t}) for any start, at recorded times in
default steps; for one point also the p (Kolmogorov–Smirnov) of Σx² and of the largest eigenvalue at the first
of them against exact draws; for two points far apart the variance within the halves, while they have not met.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import ks_2samp

import dyson

REPLICAS = {2: 40_000, 10: 8_000, 100: 640}
FAR = 10.0
STEPS = (0.01, 0.1, 1.0, 4.0, 16.0, 64.0, 256.0)
TWO = [(n, apart) for n in (6, 100, 1000, 10_000) for apart in (FAR, 1.0, 1e-3)]


def middle_gaps(x: np.ndarray) -> np.ndarray:
    """Gaps of the middle half of the spectrum, each over its own mean; shape (replica, gap)."""
    gaps = -np.diff(-np.sort(-x, axis=1), axis=1)
    n = gaps.shape[1]
    return gaps[:, n // 4 : max(n // 4 + 1, n - n // 4)]


def quantile(gaps: np.ndarray, scale: np.ndarray) -> tuple[float, float]:
    """2 % quantile with a jackknife error over 20 groups of replicas."""
    values = [np.quantile(part / scale, 0.02) for part in np.array_split(gaps, 20)]
    return float(np.quantile(gaps / scale, 0.02)), float(np.std(values, ddof=1) / np.sqrt(20))


def exact_gaps(n: int, draws: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    h = rng.standard_normal((draws, n, n))
    return middle_gaps(np.linalg.eigvalsh((h + h.transpose(0, 2, 1)) / 2))


def coincident(n: int, apart: float) -> None:
    """Half of the particles at +apart/2, half at -apart/2: errors of ⟨Σx²⟩ in per cent, β = 1 and 2."""
    replicas = max(2, min(16_000, 64_000 // n))
    start = np.where(np.arange(n) < n // 2, 0.5, -0.5) * apart
    for beta in (1.0, 2.0):
        sde = dyson.models.matrix_ou(n, beta=beta)
        times = np.r_[0.0, STEPS] * sde.time_step
        x = dyson.integrate(sde, start, times, replicas, seed=1, workers=2).eigenvalue.values
        decay = np.exp(-2 * times[1:])
        full = (n + beta * n * (n - 1) / 2) * (1 - decay)
        ratio = ((x[:, 1:] ** 2).sum(-1) - (start**2).sum() * decay) / full
        mean, error = ratio.mean(0) - 1, ratio.std(0, ddof=1) / np.sqrt(replicas)
        if apart == FAR:  # the halves have not met: each is an ensemble of its own
            half = x[:, 1:].reshape(replicas, len(STEPS), 2, n // 2)
            ratio = half.var(-1).sum(-1) / ((1 + beta * n / 4) * (1 - 2 / n) * 2 * (1 - decay))
            mean, error = ratio.mean(0) - 1, ratio.std(0, ddof=1) / np.sqrt(replicas)
            mean, error = mean[:3], error[:3]
        row = "  ".join(f"{100 * m:+.2f} ± {100 * e:.2f}" for m, e in zip(mean, error, strict=True))
        print(f"N = {n:6d}  β = {beta:g}  apart {apart:g}  {row}", end="", flush=True)
        if apart == 0.0 and n <= 1000:
            y = dyson.CoulombGas.gaussian(n, np.sqrt(1 - decay[0]), beta).sample(replicas, seed=2)
            p = [ks_2samp(f(x[:, 1]), f(y)).pvalue for f in (lambda z: (z**2).sum(1), lambda z: z[:, 0])]
            print(f"  p = {p[0]:.2f}, {p[1]:.2f}", end="")
        print(flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, nargs="+", default=[2, 10, 100])
    parser.add_argument("--solver", nargs="+", default=["matrix", "bond-splitting", "euler", "sdeint"])
    parser.add_argument("--coincident", action="store_true")
    args = parser.parse_args()
    if args.coincident:
        print("default steps after the start:", *STEPS)
        for n, apart in ((3, 0), (10, 0), (100, 0), (1000, 0), (10_000, 0), (100_000, 0), *TWO):
            coincident(n, float(apart))
        return
    for n in args.n:
        replicas = REPLICAS[n]
        reference = exact_gaps(n, min(4 * replicas, 40_000))
        scale = reference.mean(0)
        low, low_se = quantile(reference, scale)
        start = np.zeros(n) if n == 2 else np.sqrt(2 * n) * np.sin(np.pi / 2 * np.linspace(1, -1, n)) * 0.95
        sde = dyson.models.matrix_ou(n)
        for solver in args.solver:
            few = 100 if solver == "sdeint" else replicas
            for dt in [0.0] if solver == "matrix" else [0.2 / max(n, 20) * f for f in (4, 2, 1, 0.5)]:
                if solver == "sdeint" and n == 100:
                    continue
                times = [0.0, 1.5 if n == 100 else 4.0]
                data = dyson.integrate(sde, start, times, few, seed=1, solver=solver, dt=dt or None)
                x = data.eigenvalue.values[:, 1]
                x = x[np.isfinite(x).all(1)]
                stationary = n + n * (n - 1) / 2
                exact = stationary + ((start**2).sum() - stationary) * np.exp(-2 * times[1])
                ratio = (x**2).sum(1) / exact
                q, q_se = quantile(middle_gaps(x), scale)
                print(
                    f"N = {n:3d}  {solver:14s} dt = {dt:7.4f}  <Σx²>/exact = {ratio.mean():9.4f} ± "
                    f"{ratio.std() / np.sqrt(len(x)):.4f}   2 % gap/exact = {q / low:.3f} ± "
                    f"{np.hypot(q_se, low_se) / low:.3f}   blown up {1 - len(x) / few:.1%}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
