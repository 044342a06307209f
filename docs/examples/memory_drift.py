"""The drift that persistent chains induce: derived, integrated, trained, compared (docs/memory-drift.md).

python docs/examples/memory_drift.py [--replicas 2048] [--figure FILE]
"""

from __future__ import annotations

import argparse

import numpy as np
import sympy

import dyson
import sgd
from dyson import derive

MU2, LEVEL, SWEEPS = 9.0, 1 / 640, 1
RING = np.sort(6 - 2 * np.cos(2 * np.pi * np.arange(10) / 10))
GROUPS = [slice(0, 1), slice(1, 3), slice(3, 5), slice(5, 7), slice(7, 9), slice(9, 10)]
"""The ring's levels: two single ones and four degenerate pairs."""


def trained(kappa, alpha: float, replicas: int, seed: int) -> np.ndarray:
    """Time-averaged spectra of PCD-1, shape (replica, mode), at T = LEVEL."""
    batch = round(alpha / LEVEL)
    model = sgd.GaussianRBM(
        target=np.diag(kappa), n_hidden=len(kappa), mu2=MU2, model_average="persistent", sweeps=SWEEPS
    )
    steps = round(400 / alpha)
    record = np.arange(steps // 4, steps + 1, round(1 / alpha))
    data = sgd.train(
        model, alpha, batch, steps=steps, replicas=replicas, seed=seed, initial="fixed-point", record=record
    )
    return data.eigenvalue.values[:, -len(record) :].mean(1)


def integrated(kappa, memory: bool, replicas: int, seed: int) -> np.ndarray:
    """The same of the eigenvalue SDE."""
    sde = dyson.models.gaussian_rbm(
        kappa, MU2, LEVEL, model_average="persistent", sweeps=SWEEPS, memory_drift=memory
    )
    data = dyson.integrate(sde, times=np.linspace(0, 400, 201), replicas=replicas, seed=seed, dt=0.01)
    return data.eigenvalue.values[:, 50:].mean(1)


def matrix_level(kappa, replicas: int, seed: int) -> np.ndarray:
    """The matrix SDE, which keeps rotating eigenvectors to all orders but has no memory drift."""
    sde = dyson.models.gaussian_rbm(kappa, MU2, LEVEL, model_average="persistent", sweeps=SWEEPS)
    start = np.tile(sde.target, (replicas, 1))
    data = dyson.integrate_matrix(sde, x0=start, times=np.linspace(0, 400, 201), seed=seed)
    return data.eigenvalue.values[:, 50:].mean(1)


def second_order(kappa, memory: bool, sweeps: int = SWEEPS) -> np.ndarray:
    """Mean levels to second order, eigenvectors free: x̄_i + Σ_j E_ij/(x̄_i - x̄_j) + m_i from `feedback`."""
    model = derive.library.rbm("persistent", memory_drift=memory)
    shifts = model.eigenvalue_sde(k=sweeps).feedback()
    names = "kappa_i kappa_j mu2 s2 T"
    own, pair, rotating = (
        sympy.lambdify(sympy.symbols(names, positive=True), e)
        for e in (shifts.own, shifts.pair, shifts.rotating)
    )
    out = MU2 - kappa + own(kappa, kappa, MU2, 1.0, LEVEL)
    for i in range(len(kappa)):
        for j in range(len(kappa)):
            if j != i:
                out[i] += pair(kappa[i], kappa[j], MU2, 1.0, LEVEL)
                if abs(kappa[i] - kappa[j]) > 1e-9:
                    out[i] += rotating(kappa[i], kappa[j], MU2, 1.0, LEVEL)
    return out


def levels(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of the ring's levels over replicas, and standard errors."""
    grouped = np.stack([x[:, g].mean(1) for g in GROUPS], axis=1)
    return grouped.mean(0), grouped.std(0, ddof=1) / np.sqrt(len(x))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicas", type=int, default=2048)
    parser.add_argument("--figure", metavar="FILE")
    args = parser.parse_args()

    print(f"one mode, kappa = 4, mu2 = 9, T = 1/640, k = 1: stationary mean of x ({args.replicas} replicas)")
    one = np.array([4.0])
    rows = [(f"SGD, learning rate {a:g}", trained(one, a, args.replicas, 3)) for a in (0.1, 0.05, 0.025)]
    rows += [("Dyson, with memory drift", integrated(one, True, args.replicas, 5))]
    rows += [("Dyson, without", integrated(one, False, args.replicas, 5))]
    for name, x in rows:
        print(f"  {name:26s} {x.mean():.5f} ± {x.std(ddof=1) / np.sqrt(len(x)):.5f}")

    print("\nring of 10 sites: means of the levels (single, four pair means, single)")
    with_memory, without = (
        np.array([second_order(RING, m)[g].mean() for g in GROUPS]) for m in (True, False)
    )
    mean, se = levels(trained(RING, 0.05, args.replicas, 7))
    for name, x in (("SGD, learning rate 0.05", mean), ("  standard error", se)):
        print(f"  {name:26s}", *(f"{v:8.4f}" for v in x))
    for name, x in (("theory with memory drift", with_memory), ("theory without", without)):
        print(f"  {name:26s}", *(f"{v:8.4f}" for v in x))
    base, base_se = levels(matrix_level(RING, args.replicas, 9))
    print(f"  {'matrix level (no memory)':26s}", *(f"{v:8.4f}" for v in base))
    shift, error = mean - base, np.hypot(se, base_se)
    for name, x in (
        ("SGD less matrix level", shift),
        ("  standard error", error),
        ("derived memory drift", with_memory - without),
    ):
        print(f"  {name:26s}", *(f"{v:8.4f}" for v in x))
    for sweeps in (1, 3):
        plain, more = (second_order(RING, memory, sweeps) for memory in (False, True))
        percent = [100 * (more[g] / plain[g] - 1).mean() for g in GROUPS]
        print(f"  {f'derived, %, k = {sweeps}':26s}", *(f"{v:8.3f}" for v in percent))
    if args.figure:
        draw(args.figure, shift, error, with_memory - without)


def draw(file: str, shift, se, derived) -> None:
    """Shift of every level by the chains' memory: measured and derived."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
    at = np.array([(MU2 - RING[g]).mean() for g in GROUPS])
    axes.errorbar(
        at, shift, 2 * se, fmt="o", ms=4, capsize=2, label="SGD − matrix SDE without memory (±2 se)"
    )
    axes.plot(at, derived, "k-", lw=1, label="derived memory drift, nothing fitted")
    axes.axhline(0, color="0.7", lw=0.8)
    axes.set_xlabel("fixed point x̄ of the level")
    axes.set_ylabel("shift of the mean level")
    axes.legend(frameon=False)
    figure.savefig(file, dpi=150)


if __name__ == "__main__":
    main()
