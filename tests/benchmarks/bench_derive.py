"""Derived against hand-written, in one run: python tests/benchmarks/bench_derive.py

Ratios of the compiled derived RBM to the kernel written by hand (above 1: the derived one is faster), and
the seconds that a fresh process needs to derive the RBM, to bind it cold, and to bind it from the cache.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

import dyson
from dyson.blocks import SPLIT, SPLIT_KEEPING_FAR, WORK_ROWS
from dyson.solvers.bond_splitting import advance
from streams import LANES, states
from tests.benchmarks.handwritten_rbm import rbm_drift, rbm_noise

AVERAGES = ("independent", "persistent", "contrastive")
ROUNDS = 7


def seconds(call, inner: int) -> float:
    """Seconds a call, the mean of many."""
    start = time.perf_counter()
    for _ in range(inner):
        call()
    return (time.perf_counter() - start) / inner


def ratio(old, new, inner: int) -> float:
    """Least time of the hand-written over that of the derived one, measured in turns."""
    old(), new()
    times = [(seconds(old, inner), seconds(new, inner)) for _ in range(ROUNDS)]
    return min(t for t, _ in times) / min(t for _, t in times)


def ratios(n: int, average: str, data: str) -> list[float]:
    kappa = np.linspace(4.0, 8.0, n)
    sde = dyson.models.gaussian_rbm(kappa, 9.0, 1 / 640, model_average=average, data=data, sweeps=3)
    theta = np.r_[9.0, 1.0, 1 / 640, AVERAGES.index(average), 3, data == "batch", 0, 0, kappa].astype(float)
    x = np.ascontiguousarray(np.tile(sde.target, (LANES, 1)).T)
    out, work = np.empty_like(x), np.empty((WORK_ROWS * n + WORK_ROWS, LANES))
    kernels = ((rbm_drift, rbm_noise, theta), (sde.kernel.drift, sde.kernel.noise, sde.kernel.theta))
    found = []
    for mode in (SPLIT, SPLIT_KEEPING_FAR):
        calls = [lambda k=k, m=mode: k[0](x, k[2], 1e-3, m, out, work) for k in kernels]
        found.append(ratio(*calls, 4000 // n))
    found.append(ratio(*[lambda k=k: k[1](x, k[2], out) for k in kernels], 4000 // n))
    state = states(1, "dyson", 0, LANES)[0]
    paths = [x.copy(), x.copy()]
    calls = [
        lambda k=k, p=p: advance(p, state, k[2], k[0], k[1], 1.0, False, 1e-3, 16)
        for k, p in zip(kernels, paths, strict=True)
    ]
    found.append(ratio(*calls, 400 // n))
    return found


PROGRAM = """
import time
import numpy as np
import dyson
{before}
start = time.perf_counter()
{timed}
print(time.perf_counter() - start)
"""
BIND = "sde = dyson.models.gaussian_rbm(np.linspace(4, 8, 10), 9.0, 1 / 640)"


def fresh(timed: str, cache: str, before: str = "") -> float:
    """Seconds of some lines in a fresh process with the given cache."""
    program = PROGRAM.format(before=before, timed=timed)
    environment = {**os.environ, "DYSON_SGD_CACHE": cache}
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=root, capture_output=True, text=True, check=True
    )
    return float(done.stdout)


def main() -> None:
    print("hand-written/derived, LANES = 64 replicas:")
    print(f"  {'':28s} {'drift':>8s} {'near':>8s} {'noise':>8s} {'solver':>8s}")
    for n in (10, 40):
        for average in AVERAGES:
            for data in ("exact", "batch"):
                numbers = "".join(f" {r:8.2f}" for r in ratios(n, average, data))
                print(f"  N = {n:<3d}{average:>12s} {data:<9s}{numbers}")
    print("seconds in a fresh process, after `import dyson`:")
    with tempfile.TemporaryDirectory() as folder:
        derived = fresh("derive.library.rbm().eigenvalue_sde()", folder, "from dyson import derive")
        print(f"  derive the RBM, SymPy's import included      {derived:6.2f}")
        print(f"  bind and compile it, nothing cached          {fresh(BIND, folder):6.2f}")
        print(f"  the same with the cache                      {fresh(BIND, folder):6.2f}")
        run = f"{BIND}; dyson.integrate(sde, times=[0, 1], replicas=64, seed=1)"
        print(f"  the same and one integration                 {fresh(run, folder):6.2f}")


if __name__ == "__main__":
    main()
