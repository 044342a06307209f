"""RBM training side by side in one run: python tests/benchmarks/bench_sgd.py [--steps 1000]

Prints replica·steps a second of one core for N_v = N_h = 10 (ring, m² = 4, μ² = 9), and what the plain
NumPy ensemble and a PyTorch loop over one model at a time reach of it. Torch is skipped where it is not
installed. Costs are CPU seconds of the process, the least of interleaved runs: other load counts little.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import resource
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import numpy as np

import sgd
from sgd.rbm import reference

N, MU2 = 10, 9.0
SETTINGS = [("independent", 64), ("independent", 16)] + [
    (average, batch) for average in ("persistent", "contrastive") for batch in (64, 16)
]
LABELS = {"independent": "independent", "persistent": "PCD-3", "contrastive": "CD-3"}


def rbm(average: str) -> sgd.GaussianRBM:
    return sgd.GaussianRBM(sgd.ring_scalar_field(N, 4.0), N, MU2, model_average=average, sweeps=3)


def rate_of(batch: int) -> float:
    return 0.1 * batch / 64  # the same noise level α/|B| for all


def ours(average, batch, replicas, steps):
    model, options = rbm(average), {"seed": 1, "initial": "fixed-point", "record": [steps]}
    return lambda: sgd.train(model, rate_of(batch), batch, steps, replicas, **options)


def numpy_ensemble(average, batch, replicas, steps):
    model = rbm(average)
    start = sgd.initial_weights(model, replicas, initial="fixed-point")

    def run():
        rng, weights, chains = np.random.default_rng(1), start, None
        optimiser = sgd.Optimiser(rate_of(batch), batch)
        for _ in range(steps):
            weights, chains = reference.step(model, weights, chains, optimiser, rng)

    return run


def torch_loop(average, batch, replicas, steps):
    """A literal loop: chains (|B|, N), three Gibbs sweeps h|φ, φ|h an update, one model after the other."""
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(1)
    model = rbm(average)
    start = torch.tensor(sgd.initial_weights(model, 1, initial="fixed-point")[0])
    covariance, one = torch.tensor(model.covariance), torch.eye(N, dtype=start.dtype)
    data_factor, rate, mu = torch.linalg.cholesky(covariance).T, rate_of(batch), MU2**0.5

    def normal():
        return torch.randn(batch, N, dtype=start.dtype)

    def equilibrium(w):
        factor = torch.linalg.cholesky(MU2 * one - w.T @ w)
        return torch.linalg.solve_triangular(factor, normal(), upper=False, left=False)

    @torch.no_grad()
    def run():
        for _ in range(replicas):
            w = start.clone()
            phi = equilibrium(w)
            for _ in range(steps):
                if average == "independent":
                    phi = equilibrium(w)
                else:
                    if average == "contrastive":
                        phi = normal() @ data_factor
                    for _ in range(model.sweeps):
                        hidden = phi @ w.T + normal()
                        phi = hidden @ w / MU2 + normal() / mu
                w += rate * w @ (covariance - phi.T @ phi / batch)

    return run


def peak() -> float:
    """Largest memory this process ever held, in MiB."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def memory() -> None:
    """Before anything else has used memory."""
    ours("independent", 64, 64, 1)()
    before, start = peak(), time.perf_counter()
    run = sgd.train(rbm("independent"), 0.1, 64, 2000, 1000, seed=1)
    seconds, size = time.perf_counter() - start, run.eigenvalue.nbytes / 2**20
    print(
        f"1000 replicas, 2000 steps, |B| = 64, {run.sizes['time']} records ({size:.1f} MiB): {seconds:.1f} s"
    )
    print(f"  peak memory {peak():.0f} MiB, {before:.0f} MiB of it imports and compiled code")


def side_by_side(runs: dict, repeats: int) -> dict[str, float]:
    """Replica·steps a CPU second of each (run, replica·steps), best of interleaved repeats."""
    best = dict.fromkeys(runs, np.inf)
    for repeat in range(repeats + 1):
        for name, (run, _) in runs.items():
            start = time.process_time()
            run()
            if repeat:  # the first compiles and warms up
                best[name] = min(best[name], time.process_time() - start)
    return {name: runs[name][1] / best[name] for name in runs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    steps, few = options.steps, max(1, options.steps // 20)
    memory()
    installed = importlib.util.find_spec("torch") is not None
    if not installed:
        print("torch: not installed (pip install '.[bench]'), skipped")
    print(f"\nN_v = N_h = {N}: replica·steps per second of one core, and how many times slower than ours")
    for average, batch in SETTINGS:
        runs = {
            "compiled, 256 replicas": (ours(average, batch, 256, steps), 256 * steps),
            "plain NumPy, 200 replicas": (numpy_ensemble(average, batch, 200, few), 200 * few),
        }
        if installed:
            runs["PyTorch, one model at a time"] = (torch_loop(average, batch, 1, steps), steps)
        print(f"{LABELS[average]}, |B| = {batch}")
        speeds = side_by_side(runs, options.repeats)
        reference_speed = next(iter(speeds.values()))
        for name, speed in speeds.items():
            print(f"  {name:30s} {speed:12,.0f} {reference_speed / speed:8.1f}×")


if __name__ == "__main__":
    main()
