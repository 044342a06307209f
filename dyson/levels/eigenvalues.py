"""From an eigenvalue SDE to an ensemble of paths."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import xarray as xr
from tqdm import tqdm

from dyson import solvers
from dyson.dataset import paths_dataset
from dyson.sde import EigenvalueSDE, require_sde
from streams import LANES, new_entropy, states
from streams.arguments import choice, count, finite, positive

SCHEDULE_EVERY = 8
"""Steps for which the noise level of a schedule is kept: as long as the solvers keep the far field."""

MOST_STEPS = 1e10


def integrate(
    sde: EigenvalueSDE,
    x0=None,
    times=None,
    replicas: int | None = None,
    seed: int | None = None,
    solver: str = "bond-splitting",
    dt: float | None = None,
    workers: int = 1,
    progress: bool = False,
) -> xr.Dataset:
    """Integrate an eigenvalue SDE for an ensemble of replicas.

    Parameters
    ----------
    sde : EigenvalueSDE
        What to integrate.
    x0 : array, shape (mode,) or (replica, mode), optional
        Start, in descending order; equal eigenvalues are fine. Default: ``sde.target``.
    times : array, shape (time,), optional
        Increasing times to record; the first is the start. Default: 101 times over 10 relaxation times of
        the slowest mode that relaxes.
    replicas : int, optional
        Size of the ensemble; default the length of a 2-D ``x0``, else 100.
    seed : int, optional
        Entropy; default fresh. Stored in the result's attrs. Replica r depends on (seed, r) only.
    solver : {"bond-splitting", "euler", "sdeint", "matrix", "fmm"}
        See docs/solvers.md; the default keeps its accuracy at degenerate starts and β = 1. "fmm" is the
        same scheme in O(N), taken by itself for a `matrix_ou` of 400 particles or more and one noise.
        Both begin where eigenvalues coincide as ``dyson/solvers/coincident.py`` says.
    dt : float, optional
        Largest step; default ``sde.time_step``. Each recording interval is divided evenly, but for short
        steps after such a start.
    workers : int
        Threads. The result does not depend on it.
    progress : bool
        Show a progress bar on stderr where that is a terminal.

    Returns
    -------
    xarray.Dataset
        ``eigenvalue`` (replica, time, mode) and ``diverged`` (replica), level "dyson".

    Raises
    ------
    ValueError
        For malformed input or a solver that does not apply.
    """
    require_sde(sde)
    choice("solver", solver, solvers.SOLVERS)
    times = check_times(sde, times)
    x0 = _check_start(sde, x0, replicas)
    step = positive("dt", dt) if dt is not None else sde.time_step
    seed = new_entropy() if seed is None else count("seed", seed, least=0)
    workers = count("workers", workers)
    solver = solvers.chosen(solver, sde)
    module = solvers.load(solver)
    each = 1 if hasattr(module, "path") else LANES
    if not hasattr(module, "paths"):
        from dyson.solvers import coincident  # compiles on first use

        plain = not getattr(module, "RESOLVES_PAIRS", True)
        starts = coincident.plan(sde, x0, times, _steps(times, step), seed, workers, plain)
        make = _path_runner if hasattr(module, "path") else _block_runner
        run = make(sde, module, x0, times, starts, seed)
    elif sde.theta_at is not None:
        raise ValueError(f"solver {solver!r} knows no schedule of the noise level: use 'bond-splitting'")
    else:

        def run(block):
            part = slice(block * LANES, (block + 1) * LANES)
            return module.paths(sde, x0[part], times, step, seed, block * LANES)

    x = run_blocks(run, len(x0), workers, progress, f"integrating ({solver})", each)
    return paths_dataset(sde, times, x, "dyson", solver=solver, dt=step, seed=str(seed))


def run_blocks(run, replicas: int, workers: int, progress: bool, title: str, each: int = LANES) -> np.ndarray:
    """Results of ``run(block)`` for all blocks of ``each`` replicas, in order, on ``workers`` threads."""
    n = -(-replicas // each)
    show = progress and sys.stderr.isatty()
    with ThreadPoolExecutor(workers) as pool:
        parts = list(tqdm(pool.map(run, range(n)), total=n, desc=title, disable=not show, leave=False))
    return np.concatenate(parts)


def _steps(times: np.ndarray, step: float) -> np.ndarray:
    """Number of steps between every two times, of ``step`` at most."""
    steps = np.maximum(1.0, np.ceil(np.diff(times) / step - 1e-9))
    if not steps.max() < MOST_STEPS:
        raise ValueError(
            f"dt = {step:g} makes {steps.max():g} steps between two times: pass a larger dt or closer times"
        )
    return steps.astype(int)


def _path_runner(sde, module, x0, times, starts, seed):
    def run(replica: int) -> np.ndarray:
        legs = starts.legs[starts.kind[replica]]
        first = starts.exact[replica] if not legs[0] else None
        return module.path(sde, x0[replica], times, legs, seed, replica, first)

    return run


def _block_runner(sde, module, x0, times, starts, seed):
    def run(block: int) -> np.ndarray:
        mine = slice(block * LANES, (block + 1) * LANES)
        kind = starts.kind[mine]
        out = np.empty((len(kind), len(times), sde.n))
        for k in np.unique(kind):  # lanes share their steps: one pass for every kind of start
            out[kind == k] = one_pass(block, mine, starts.legs[k])[: len(kind)][kind == k]
        return out

    def one_pass(block: int, mine: slice, legs) -> np.ndarray:
        kernel, x = sde.kernel, _lanes(x0[mine])
        state = states(seed, solvers.stream(module), block * LANES, LANES)[0]
        out = np.empty((len(times), sde.n, LANES))
        out[0] = x
        for i, parts in enumerate(legs):
            if not parts:
                x = _lanes(starts.exact[mine])
            begin = times[i]
            for dt, n in parts:
                for many, theta in _stretches(sde, begin, dt, n):
                    module.advance(
                        x, state, theta, kernel.drift, kernel.noise, sde.beta, kernel.constant_noise, dt, many
                    )
                begin += n * dt
            out[i + 1] = x
        return out.transpose(2, 0, 1)

    return run


def _lanes(x: np.ndarray) -> np.ndarray:
    """Up to LANES replicas as a block; spare lanes repeat replicas."""
    return np.ascontiguousarray(np.resize(x, (LANES, x.shape[1])).T)


def _stretches(sde: EigenvalueSDE, start: float, dt: float, steps: int):
    """(number of steps, parameters): all steps, or under a schedule a few at a time, as at their middle."""
    if sde.theta_at is None:
        yield steps, sde.kernel.theta
        return
    for first in range(0, steps, SCHEDULE_EVERY):
        many = min(SCHEDULE_EVERY, steps - first)
        yield many, sde.theta_at(start + (first + 0.5 * many) * dt)


def check_times(sde: EigenvalueSDE, times) -> np.ndarray:
    """Recording times: at least two, strictly increasing."""
    if times is None:
        relaxing = sde.rate[sde.rate > 0]
        if not len(relaxing):
            raise ValueError(f"no mode of {sde.model} relaxes, so nothing sets a time scale: pass times")
        times = np.linspace(0.0, 10.0 / relaxing.min(), 101)
    times = finite("times", times, ndim=(1,))
    if len(times) < 2 or (np.diff(times) <= 0).any():
        raise ValueError(
            "times must hold at least two strictly increasing numbers, the first being the start"
        )
    return times


def _check_start(sde: EigenvalueSDE, x0, replicas: int | None) -> np.ndarray:
    """Start of every replica, shape (replica, n), without the modes pinned at zero."""
    x0 = np.r_[sde.target, np.zeros(sde.null_modes)] if x0 is None else finite("x0", x0, ndim=(1, 2))
    if x0.shape[-1] not in (sde.n, sde.n + sde.null_modes):
        raise ValueError(f"x0 must hold {sde.n + sde.null_modes} modes a replica, got shape {x0.shape}")
    if (np.diff(x0, axis=-1) > 0).any():
        raise ValueError("x0 must be in descending order along the modes: sort it first, e.g. -np.sort(-x0)")
    if x0.ndim == 1:
        x0 = np.broadcast_to(x0, (100 if replicas is None else count("replicas", replicas), len(x0)))
    elif replicas is not None and count("replicas", replicas) != len(x0):
        raise ValueError(f"x0 holds {len(x0)} replicas but replicas = {replicas}: leave one of them out")
    return x0[:, : sde.n]
