"""Spectra of the Gaussian ensemble side by side in one run: python tests/benchmarks/bench_gas.py

Prints spectra a second on one core, least CPU time of interleaved runs: `dyson.CoulombGas`; the plain
tridiagonal model, one matrix at a time by scipy.linalg.eigvalsh_tridiagonal; dppy where it is installed.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from scipy.linalg import eigvalsh_tridiagonal

import dyson

ROUNDS = 5


def ours(n: int, beta: float, size: int):
    gas = dyson.CoulombGas.gaussian(n, beta=beta)
    return lambda: gas.sample(size, seed=1)


def one_by_one(n: int, beta: float, size: int):
    """Dumitriu & Edelman's model as it is written down."""

    def run():
        rng = np.random.default_rng(1)
        degrees = beta * np.arange(n - 1, 0, -1)
        return np.stack(
            [
                eigvalsh_tridiagonal(rng.standard_normal(n), np.sqrt(rng.chisquare(degrees) / 2))
                for _ in range(size)
            ]
        )

    return run


def dppy_model(n: int, beta: float, size: int):
    from dppy.beta_ensembles import HermiteEnsemble

    ensemble = HermiteEnsemble(beta)

    def run():
        rng = np.random.RandomState(1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [ensemble.sample_banded_model(size_N=n, random_state=rng) for _ in range(size)]

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="of each line, about")
    seconds = parser.parse_args().seconds
    print(f"{'n':>5} {'β':>4}  {'sampler':28} {'spectra/s':>10} {'ratio':>7}")
    for n, beta in ((10, 1.0), (100, 1.0), (100, 2.0), (1000, 1.0)):
        sizes = {"dyson.CoulombGas": (ours, 64 * max(1, int(seconds * 2e8 / n**2 / 64 / ROUNDS)))}
        slow = max(1, int(seconds * 5e7 / (n**2 + 300 * n) / ROUNDS))
        sizes |= {"scipy, one matrix at a time": (one_by_one, slow), "dppy": (dppy_model, slow)}
        runs = {}
        for name, (make, size) in sizes.items():
            try:
                runs[name] = make(n, beta, size), size
                runs[name][0]()
            except ImportError:
                runs.pop(name, None)
        best = dict.fromkeys(runs, np.inf)
        for _ in range(ROUNDS):
            for name, (run, size) in runs.items():
                start = time.process_time()
                run()
                best[name] = min(best[name], (time.process_time() - start) / size)
        for name, cost in best.items():
            print(f"{n:5} {beta:4g}  {name:28} {1 / cost:10.0f} {cost / best['dyson.CoulombGas']:7.2f}")


if __name__ == "__main__":
    main()
