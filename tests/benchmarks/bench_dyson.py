"""Integrators side by side in one run: python tests/benchmarks/bench_dyson.py [--threads 1]

Prints nanoseconds per replica·particle·step of Dyson Brownian motion (matrix OU, β = 1) on one core, and
the ratio to the default solver. Packages of the ``bench`` extra that are not installed are skipped.
The others are explicit: they cross and blow up, so their steps buy less than ours.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
os.environ.setdefault("JAX_ENABLE_X64", "1")

import numpy as np

import dyson


def best(run, units: int, repeats: int = 5) -> float:
    """Least time of several runs, in nanoseconds per unit (one run first, for compilation)."""
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times) / units * 1e9


def start_of(n: int, replicas: int) -> np.ndarray:
    return np.tile(np.sqrt(2 * n) * np.linspace(1, -1, n) * 0.9, (replicas, 1))


def ours(n, replicas, steps, dt, solver="bond-splitting", sde=None):
    sde = sde or dyson.models.matrix_ou(n)
    x0 = start_of(n, replicas) if sde.model == "matrix_ou" else np.tile(sde.target, (replicas, 1))
    return lambda: dyson.integrate(sde, x0=x0, times=[0.0, steps * dt], seed=1, dt=dt, solver=solver)


def numpy_euler(n, replicas, steps, dt):
    def run():
        rng = np.random.default_rng(1)
        x = start_of(n, replicas)
        diagonal = np.arange(n)
        with np.errstate(all="ignore"):
            for _ in range(steps):
                gap = x[:, :, None] - x[:, None, :]
                gap[:, diagonal, diagonal] = np.inf
                x = x + dt * ((1 / gap).sum(-1) - x) + np.sqrt(2 * dt) * rng.standard_normal(x.shape)

    return run


def diffrax_euler(n, replicas, steps, dt):
    import diffrax
    import jax
    import jax.numpy as jnp
    import lineax

    eye = jnp.eye(n, dtype=bool)

    def drift(t, x, args):
        gap = jnp.where(eye, jnp.inf, x[:, None] - x[None, :])
        return (1 / gap).sum(-1) - x

    def one(key, x0):
        path = diffrax.UnsafeBrownianPath((n,), key)  # its cheapest noise: fresh numbers each step
        noise = lineax.DiagonalLinearOperator(jnp.full(n, jnp.sqrt(2.0)))
        terms = diffrax.MultiTerm(diffrax.ODETerm(drift), diffrax.ControlTerm(lambda t, x, args: noise, path))
        return diffrax.diffeqsolve(
            terms,
            diffrax.Euler(),
            0.0,
            steps * dt,
            dt,
            x0,
            max_steps=steps + 1,
            throw=False,
            adjoint=diffrax.ForwardMode(),
        ).ys

    solve = jax.jit(jax.vmap(one))
    keys, x0 = jax.random.split(jax.random.PRNGKey(0), replicas), jnp.asarray(start_of(n, replicas))
    return lambda: solve(keys, x0).block_until_ready()


def torchsde_euler(n, replicas, steps, dt):
    import torch
    import torchsde

    torch.set_num_threads(1)

    class Gas(torch.nn.Module):
        noise_type, sde_type = "diagonal", "ito"

        def f(self, t, x):
            gap = x[:, :, None] - x[:, None, :] + torch.diag(torch.full((n,), torch.inf, dtype=x.dtype))
            return (1 / gap).sum(-1) - x

        def g(self, t, x):
            return torch.full_like(x, 2**0.5)

    gas, x0 = Gas(), torch.tensor(start_of(n, replicas))
    times = torch.tensor([0.0, steps * dt], dtype=x0.dtype)
    return lambda: torchsde.sdeint(gas, x0, times, method="euler", dt=dt)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=800)
    steps = parser.parse_args().steps
    ring = np.sort(6 - 2 * np.cos(2 * np.pi * np.arange(10) / 10))
    rbm = dyson.models.gaussian_rbm(ring, 9.0, 1 / 640)
    for n, replicas in ((10, 1000), (100, 100)):
        dt = 0.2 / n / 10
        rows = {
            "bond-splitting": (ours(n, replicas, steps, dt), replicas),
            "euler (compiled)": (ours(n, replicas, steps, dt, "euler"), replicas),
            "plain NumPy Euler": (numpy_euler(n, replicas, steps // 10, dt), replicas / 10),
            "sdeint": (ours(n, 1, steps, dt, "sdeint"), 1),
        }
        if n == 10:
            rows["bond-splitting, RBM (state-dependent noise)"] = (
                ours(n, replicas, steps, dt, sde=rbm),
                replicas,
            )
            rows["matrix (exact, per output)"] = (ours(n, replicas, 1, 1.0, "matrix"), replicas / steps)
        for name, build in (("diffrax", diffrax_euler), ("torchsde", torchsde_euler)):
            try:
                rows[name] = (build(n, replicas, steps // 4, dt), replicas / 4)
            except ImportError:
                print(f"{name}: not installed (pip install '.[bench]'), skipped")
        reference = None
        print(f"\nN = {n}, {replicas} replicas: ns per replica·particle·step, and ratio to the default")
        for name, (run, weight) in rows.items():
            cost = best(run, n * weight * steps, repeats=3)
            reference = reference or cost
            print(f"  {name:45s} {cost:9.1f} {cost / reference:8.1f}×")


if __name__ == "__main__":
    main()
