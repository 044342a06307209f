"""Solvers against exact results: python tests/benchmarks/accuracy_dyson.py [--n 2 10 100] [--solver ...]

Matrix Ornstein–Uhlenbeck process, g = k = β = 1, from a degenerate start to t = 4 (N = 100: from a
semicircle to t = 1.5). Printed per step dt: ⟨Σx²⟩ over its exact value at that time, and the 2 % quantile
of the gaps in the bulk over that of the dense random matrices, each ± its error.
"""

from __future__ import annotations

import argparse

import numpy as np

import dyson

REPLICAS = {2: 40_000, 10: 8_000, 100: 640}


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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, nargs="+", default=[2, 10, 100])
    parser.add_argument("--solver", nargs="+", default=["matrix", "bond-splitting", "euler", "sdeint"])
    args = parser.parse_args()
    for n in args.n:
        replicas = REPLICAS[n]
        reference = exact_gaps(n, min(4 * replicas, 40_000))
        scale = reference.mean(0)
        low, low_se = quantile(reference, scale)
        start = np.zeros(n) if n < 100 else np.sqrt(2 * n) * np.sin(np.pi / 2 * np.linspace(1, -1, n)) * 0.95
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
