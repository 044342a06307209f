r"""How often the verdicts of `compare.check` are right: the whole check on data of a known law, many times.

The experiment is drawn from four independent symmetric blocks of sizes 1, 2, 2, 1,

    dX_ij = −k (X_ij − c δ_ij) dt + g √(1 + δ_ij) dB_ij,        X = 0 at t = 0,

whose eigenvalues are two single modes and two isolated pairs (docs/conventions.md). X is Gaussian at all
times, with means c (1 − e^(−k t)) and, on the diagonal, variances σ² (1 − e^(−2 k t)), σ² = g²/k: it is
drawn at the recorded times without a time step, and mean, width, spacing, both laws and the mean path are
known exactly. Theory is this closed form, level "pair", and an independent larger ensemble, level "matrix".
"""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from scipy.stats import kstest

from compare.layout.align import align
from compare.layout.multiplets import multiplet_coords
from compare.layout.schema import EXPERIMENT
from compare.measure.multiple import holm
from compare.verdict.checks import check
from compare.verdict.families import FAMILIES, jointly
from compare.verdict.row import AGREES, DIFFERS, Check
from streams import generator
from streams.arguments import count, positive

__all__ = ["calibration", "closed_form", "draw", "false_alarms", "summary"]

SIZES = (1, 2, 2, 1)
CENTRE = np.array([6.0, 4.5, 3.0, 1.5])
RATE = np.array([1.3, 1.2, 1.1, 1.0])
SIGMA = np.array([0.10, 0.08, 0.09, 0.07])
"""Of the four blocks: modes, c, k and σ. The blocks are more than eight σ apart once they have grown to half,
so that their eigenvalues never change places."""

TIME = np.concatenate([np.arange(0.0, 2.1, 0.2), np.arange(12.0, 24.5, 1.0)])
"""Recorded times: the growth, then one relaxation time apart in the stationary window, the second half."""

TARGET = np.repeat(CENTRE, SIZES)

SIDES = ("pair", "matrix")


def draw(
    rng: np.random.Generator, replicas: int, beta: int = 1, noise: float = 1.0, rate: float = 1.0
) -> np.ndarray:
    """Eigenvalues of an ensemble at ``TIME``, descending, shape (replica, time, mode).

    Parameters
    ----------
    rng : numpy.random.Generator
    replicas : int
    beta : int
        1: real symmetric blocks, 2: Hermitian ones.
    noise, rate : float
        Factors of all g and k.
    """
    out = []
    for size, c, k, sigma in zip(SIZES, CENTRE, RATE * rate, widths(noise, rate), strict=True):
        mean = c * -np.expm1(-k * TIME)
        if size == 1:
            out.append(mean[:, None] + _path(rng, replicas, k, sigma, 1).transpose(0, 2, 1))
            continue
        first, second = np.moveaxis(_path(rng, replicas, k, sigma, 2), 1, 0)
        off = _path(rng, replicas, k, sigma / np.sqrt(2), beta)
        half = np.sqrt((first - second) ** 2 / 4 + (off**2).sum(axis=1))
        middle = mean + (first + second) / 2
        out.append(np.stack([middle + half, middle - half], axis=-1))
    return -np.sort(-np.concatenate(out, axis=-1), axis=-1)


def widths(noise: float, rate: float) -> np.ndarray:
    """σ = g/√k of the blocks with all g and k multiplied."""
    return SIGMA * noise / np.sqrt(rate)


def _path(rng: np.random.Generator, replicas: int, k: float, sigma: float, entries: int) -> np.ndarray:
    """Ornstein–Uhlenbeck paths from 0 with stationary deviation σ, shape (replica, entry, time)."""
    keep = np.exp(-k * np.diff(TIME))
    out = np.zeros((replicas, entries, TIME.size))
    fresh = rng.normal(size=(replicas, entries, keep.size)) * (sigma * np.sqrt(1 - keep**2))
    for n in range(keep.size):
        out[..., n + 1] = keep[n] * out[..., n] + fresh[..., n]
    return out


def closed_form(noise: float = 1.0, rate: float = 1.0) -> xr.Dataset:
    """The exact statistics of `draw` at β = 1, as a level of theory."""
    sigma, k = widths(noise, rate), RATE * rate
    spread = np.concatenate([np.zeros(1) if m == 1 else np.array([0.5, -0.5]) for m in SIZES])
    spacing = np.sqrt(np.pi) * np.repeat(sigma, SIZES) * spread  # ⟨S⟩ = √π σ, half of it up and half down
    age = TIME[:, None] * np.repeat(k, SIZES)
    path = -TARGET * np.expm1(-age) + spacing * np.sqrt(-np.expm1(-2 * age))
    pairs = np.sqrt(np.pi) * sigma[np.array(SIZES) == 2]
    variables = {
        "mean_eigenvalue": ("mode", TARGET + spacing, _units("mean eigenvalue")),
        "width": ("multiplet", sigma, _units("width")),
        "mean_spacing": ("pair", pairs, _units("mean spacing")),
        "mean_path": (("time", "mode"), path, _units("mean path")),
    }
    coords = _coords() | multiplet_coords(TARGET)
    return xr.Dataset(variables, coords, _attrs("theory", "pair"))


def _ensemble(x: np.ndarray, kind: str, level: str) -> xr.Dataset:
    variables = {
        "eigenvalue": (("replica", "time", "mode"), x, _units("eigenvalue")),
        "diverged": ("replica", np.full(len(x), np.nan), _units("time of divergence") | {"reason": "none"}),
    }
    replica = {"replica": ("replica", np.arange(len(x)), _units("replica"))}
    return xr.Dataset(variables, _coords() | replica, _attrs(kind, level))


def _coords() -> dict:
    return {
        "time": ("time", TIME, _units("time")),
        "mode": ("mode", np.arange(TARGET.size), _units("mode")),
        "target": ("mode", TARGET, _units("target eigenvalue")),
        "noise_level": ((), 0.01, _units("noise level")),
    }


def _attrs(kind: str, level: str) -> dict:
    stated = {"kind": kind, "level": level, "matrix": "W", "model": "calibration", "version": "1"}
    return stated | {"parameters": json.dumps({})}


def _units(name: str) -> dict:
    return {"long_name": name, "units": "1"}


def calibration(
    repetitions: int = 1000,
    replicas: int = 200,
    theory_replicas: int = 800,
    seed: int = 0,
    *,
    noise: float = 1.0,
    rate: float = 1.0,
    beta: int = 1,
    margin: float | None = None,
    confidence: float = 0.95,
    workers: int = 1,
) -> xr.Dataset:
    """Repeat the whole check on fresh data: every row's p-value and verdicts.

    Parameters
    ----------
    repetitions, replicas, theory_replicas : int
        Checks; replicas of the experiment and of the sampled level in each.
    seed : int
        Repetition r depends on (seed, r) only.
    noise, rate : float
        Factors by which theory has g and k wrong, in both levels.
    beta : int
        Of the experiment; theory has β = 1.
    margin : float, optional
        As of `compare.check`.
    confidence : float
    workers : int
        Processes; the result does not depend on it.

    Returns
    -------
    Dataset
        ``pvalue``, ``p_differs``, ``p_agrees`` (repetition, row); ``differs`` and ``agrees`` (family,
        repetition, row), true where a row's verdict is so when judged with its level as this family.
        Coordinates of the rows: ``level``, ``quantity``, ``label``.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described.
    """
    repetitions, workers = count("repetitions", repetitions), count("workers", workers)
    setting: dict[str, Any] = {
        "replicas": count("replicas", replicas, 2),
        "theory_replicas": count("theory_replicas", theory_replicas, 2),
        "seed": count("seed", seed, 0),
        "noise": positive("noise", noise),
        "rate": positive("rate", rate),
        "beta": count("beta", beta),
        "margin": margin,
        "confidence": positive("confidence", confidence, below=1.0),
    }
    if beta not in (1, 2):
        raise ValueError(f"beta must be 1 or 2, got {beta}")
    one = partial(_numbers, setting=setting)
    if workers == 1:
        found = [one(r) for r in range(repetitions)]
    else:
        with ProcessPoolExecutor(workers) as pool:
            found = list(pool.map(one, range(repetitions), chunksize=max(1, repetitions // (8 * workers))))
    p, verdicts = (np.stack(parts) for parts in zip(*found, strict=True))
    rows = _rows(0, **setting)
    names = {name: ("row", [getattr(r, name) for r in rows]) for name in ("level", "quantity", "label")}
    dims = ("family", "repetition", "row")
    return xr.Dataset(
        {name: (dims[1:], p[:, k]) for k, name in enumerate(PVALUES)}
        | {name: (dims, verdicts[:, :, k].swapaxes(0, 1)) for k, name in enumerate((DIFFERS, AGREES))},
        names | {"family": list(FAMILIES)},
        {name: value for name, value in setting.items() if value is not None},
    )


PVALUES = ("pvalue", "p_differs", "p_agrees")


def _rows(repetition: int, *, replicas, theory_replicas, seed, noise, rate, beta, **options) -> list[Check]:
    """The rows of one check."""
    run, theory = (generator(seed, f"calibration {side}", repetition) for side in ("run", "theory"))
    experiment = _ensemble(draw(run, replicas, beta), "experiment", EXPERIMENT)
    sampled = _ensemble(draw(theory, theory_replicas, 1, noise, rate), "theory", "matrix")
    levels = dict(zip(SIDES, (closed_form(noise, rate), sampled), strict=True))
    return check(align(experiment, levels), **options).rows


def _numbers(repetition: int, setting: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """p-values (3, row), and which rows differ and agree (family, 2, row), of one repetition."""
    rows = _rows(repetition, **setting)
    p = np.array([[getattr(row, name) for row in rows] for name in PVALUES])
    judged = [jointly(rows, setting["confidence"], family) for family in FAMILIES]
    return p, np.array([[[row.verdict == v for row in r] for v in (DIFFERS, AGREES)] for r in judged])


def summary(result: xr.Dataset) -> list[dict[str, Any]]:
    """Of every level and quantity, what `calibration` found.

    Returns
    -------
    list of dict
        ``level``, ``quantity``, ``rows``; ``coverage``: share of 95 % intervals that hold the
        prediction, and ``coverage_se``, of repetitions; ``distance``: the largest Kolmogorov–Smirnov
        distance of a row's p-values from uniform ones, and ``uniform``: the smallest p-value of it, adjusted
        by Holm's method for the number of rows; ``differs`` and ``agrees``: shares of those verdicts.
    """
    out = []
    for level, quantity in dict.fromkeys(zip(result.level.values, result.quantity.values, strict=True)):
        mine = result.isel(row=(result.level.values == level) & (result.quantity.values == quantity))
        p = mine.pvalue.values
        tests = [kstest(column, "uniform") for column in p.T]
        covered = (p >= 0.05).mean(axis=1)
        single = mine.sel(family="none")
        out.append(
            {
                "level": str(level),
                "quantity": str(quantity),
                "rows": p.shape[1],
                "coverage": float(covered.mean()),
                "coverage_se": float(covered.std(ddof=1) / np.sqrt(len(covered))),
                "distance": max(float(t.statistic) for t in tests),
                "uniform": float(holm(np.array([t.pvalue for t in tests])).min()),
                "differs": float(single.differs.mean()),
                "agrees": float(single.agrees.mean()),
            }
        )
    return out


def false_alarms(result: xr.Dataset) -> dict[tuple[str, str], tuple[float, float]]:
    """By (level, family): the share of rows that differ, and of repetitions in which any row does."""
    out = {}
    for level in dict.fromkeys(result.level.values):
        for family in FAMILIES:
            found = result.differs.sel(family=family).values[:, result.level.values == level]
            out[str(level), family] = (float(found.mean()), float(found.any(axis=1).mean()))
    return out
