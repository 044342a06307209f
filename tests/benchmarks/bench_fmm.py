"""Cost of forces and of a time step against N: python tests/benchmarks/bench_fmm.py [--plot fmm.png]

On one core: one sum by the fast multipole method and its error, the direct sum beside it up to 10⁴, and one
step of the solver. Exponents are fitted from N = 10⁴ on.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from scipy.stats import beta

import dyson
from dyson.fmm import forces
from streams import kernel


@kernel
def direct(x, out):
    """All pairs, the division vectorised."""
    n = x.size
    pair = np.empty(n)
    for i in range(n):
        out[i] = 0.0
    for j in range(n):
        for i in range(n):
            d = x[i] - x[j]
            pair[i] = d / (d * d + 1e-300)
        for i in range(n):
            out[i] += pair[i]


def best(run, seconds: float = 0.3) -> float:
    """Least time of a call, in seconds (one call first, for compilation)."""
    run()
    times, stop = [], time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < stop:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def start_of(n: int) -> np.ndarray:
    return np.sqrt(2 * n) * (2 * beta(1.5, 1.5).ppf((np.arange(n, 0, -1) - 0.5) / n) - 1)


def step_cost(n: int) -> float:
    """Seconds a step, from the difference of two runs: set-up and results do not count."""
    from dyson.solvers import large

    sde, x0 = dyson.models.matrix_ou(n), start_of(n)

    def run(steps):
        return lambda: large.path(sde, x0, [0.0, steps * sde.time_step], [[(sde.time_step, steps)]], 1, 0)

    few, many = (8, 88) if n < 200_000 else (8, 24)
    return max(best(run(many)) - best(run(few)), 0.0) / (many - few)


def error(x: np.ndarray, found: np.ndarray) -> float:
    """Relative root mean square error at 200 particles against long double."""
    places = np.unique(np.linspace(0, len(x) - 1, 200).astype(int))
    wide = x.astype(np.longdouble)
    exact = []
    for i in places:
        d = wide[i] - np.delete(wide, i)
        exact.append((1 / d).sum())
    exact = np.array(exact)
    return float(np.sqrt(((found[places] - exact) ** 2).mean() / (exact**2).mean()))


def table(most: int) -> list[tuple]:
    rows = []
    print(f"{'N':>8} {'sum, ms':>10} {'error':>9} {'direct, ms':>11} {'step, ms':>10}")
    for n in (10, 30, 100, 200, 300, 1000, 3000, 10**4, 10**5, 10**6):
        if n > most:
            break
        # a semicircle's own forces cancel to x: jitter makes them those of a gas
        x = -np.sort(-(start_of(n) + np.random.default_rng(1).normal(0, 0.3 / np.sqrt(n), n)))
        cost, wrong = best(lambda x=x: forces(x)), error(x, forces(x))
        out = np.empty(n)
        pairs = best(lambda x=x, out=out: direct(x, out)) if n <= 10**4 else np.nan
        rows.append((n, cost, wrong, pairs, step_cost(n)))
        print(f"{n:8d} {cost * 1e3:10.4f} {wrong:9.1e} {pairs * 1e3:11.4f} {rows[-1][4] * 1e3:10.4f}")
    return rows


def exponent(n: np.ndarray, seconds: np.ndarray, least: float) -> float:
    keep = (n >= least) & np.isfinite(seconds)
    return float(np.polyfit(np.log(n[keep]), np.log(seconds[keep]), 1)[0]) if keep.sum() > 1 else np.nan


def plot(path: str, n, cost, wrong, pairs, step) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.3, 5.2), layout="constrained")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    axes.loglog(n, step, "^-", label=f"one time step, ~ N^{exponent(n, step, 1e4):.2f} from 10⁴")
    axes.loglog(n, cost, "o-", label=f"forces, fast multipole, ~ N^{exponent(n, cost, 1e4):.2f} from 10⁴")
    axes.loglog(n, pairs, "s--", label=f"forces, all pairs, ~ N^{exponent(n, pairs, 1e3):.2f} from 10³")
    axes.set(ylabel="seconds, one core")
    axes.legend(frameon=False, loc="lower right", fontsize="small")
    below.loglog(n, wrong, "o-")
    below.set(xlabel="particles N", ylabel="error of the forces", ylim=(1e-17, 1e-8))
    for one in (axes, below):
        one.grid(True, linewidth=0.4)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=10**6, help="largest N")
    parser.add_argument("--plot", metavar="PNG", help="write a figure there")
    options = parser.parse_args()
    n, cost, wrong, pairs, step = (
        np.array(column, float) for column in zip(*table(options.most), strict=True)
    )
    print(f"exponents: sum {exponent(n, cost, 1e4):.2f}, direct {exponent(n, pairs, 1e3):.2f}, ", end="")
    print(f"step {exponent(n, step, 1e4):.2f}")
    if options.plot:
        plot(options.plot, n, cost, wrong, pairs, step)


if __name__ == "__main__":
    main()
