"""Which modes share a width, from data alone: the species of an ensemble, with errors."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import xarray as xr

from compare.layout.multiplets import multiplets
from compare.layout.schema import require, validate
from compare.measure.grouping import Widths, standard_error
from compare.measure.species_result import PairVerdict, Species, SpeciesResult
from compare.measure.statistics import finished, stationary, window_start
from dyson.laws import OnePairSemicircle, TwoSpeciesSemicircle
from streams.arguments import finite, positive

__all__ = ["find_species"]

FEWEST, PER_MODE = 30, 3
"""Replicas below which errors from them mean little; and per width, for the covariance of all of them."""

ORTHOGONAL = 1e-6
"""How far a basis may be from orthonormal."""

ROUNDING = 1e-12
"""A width below this share of the values is none."""

MOST_VALUES = 200_000
"""Eigenvalues of a pair to which its laws are fitted; records are left out evenly above it."""


def find_species(
    run: xr.Dataset, start: float | None = None, confidence: float = 0.99, basis=None
) -> SpeciesResult:
    r"""Group the rows of W, or the multiplets of eigenvalues, by their stationary width.

    With ``weight`` in the run, the width of row a is that of RᵀW about its mean over replicas,

        s_a² = ⟨(W̃_ab − ⟨W̃_ab⟩(t))²⟩,   W̃ = RᵀW,

    averaged over columns b, replicas and the window; this means something where all replicas have one
    fixed point, as in a linear network with a teacher (drop ``weight`` otherwise). Without it, the width of
    a multiplet is that of `compare.statistics`. Both are means over replicas of v_ra, one number a replica,
    with the mean's own error corrected for exactly; errors and the full covariance S of log s_a are the
    delete-one jackknife over replicas: times within one, rows and multiplets may be correlated.

    That widths are equal is tested by Hotelling's T² = dᵀ(D S Dᵀ)⁻¹d of the p differences d = D log s, the χ²
    of equality with S estimated from R replicas: T² (R − p)/(p (R − 1)) has the law F(p, R − p). From all
    widths apart, the boundaries between neighbours are tested so; unless Holm's procedure rejects equality
    at every one, the one of largest p-value goes, and again. Widths that step gradually may be merged up to
    where the whole group is not equal any more.

    Parameters
    ----------
    run : Dataset
        A sampled ensemble in the layout of `compare.layout.schema` with at least 30 replicas that did not
        diverge, and 3 for every row or multiplet.
    start : float, optional
        First time of the stationary window; by default the middle of the run.
    confidence : float
        Between 0 and 1: one less the chance of splitting equal widths.
    basis : array, shape (row, row), optional
        R, orthonormal columns; by default W's own rows. Of a network Z W x the *right* singular vectors of Z,
        ``dyson.LinearSGD.basis[0]`` or ``np.linalg.svd(Z)[2].T``: ZᵀZ acts on the rows of W.

    Returns
    -------
    SpeciesResult

    Raises
    ------
    TypeError, ValueError
        If the run is not valid, has no eigenvalues, too few replicas, or nothing in it moves; if ``basis`` is
        not orthonormal or there is no ``weight`` for it.
    """
    validate(run)
    require(run, "target", why="species need it to know which modes share one")
    if "eigenvalue" not in run.data_vars:
        raise ValueError("run has no eigenvalue: species need an ensemble, a closed form of theory has none")
    confidence = positive("confidence", confidence, below=1)
    begin = window_start(run, start)
    _enough(run, 0, "run")
    inside = stationary(run, begin)
    of = "row" if "weight" in run.data_vars else "multiplet"
    if of == "multiplet" and basis is not None:
        raise ValueError("basis rotates the rows of W, but the run has no weight: leave it out")
    squares = _multiplet_squares(inside) if of == "multiplet" else _row_squares(inside, basis)
    _enough(run, squares.shape[1], f"{squares.shape[1]} {of}s")
    moving = np.flatnonzero(squares.mean(axis=0) > 0)
    if not moving.size:
        raise ValueError(f"no {of} moves in the window from {begin:g}: species need widths > 0")
    widths = Widths(squares[:, moving], _freedom(inside, of)[moving])
    species, separation = _described(widths, widths.groups(1 - confidence), moving)
    width, error = np.zeros(squares.shape[1]), np.zeros(squares.shape[1])
    width[moving] = np.exp(widths.log)
    error[moving] = width[moving] * np.sqrt(np.diag(widths.covariance))
    return SpeciesResult(
        of=of,
        width=tuple(width.tolist()),
        width_se=tuple(error.tolist()),
        species=species,
        separation=separation,
        still=tuple(np.setdiff1d(np.arange(len(width)), moving).tolist()),
        pairs=_pairs(inside, 1 - confidence),
        confidence=confidence,
        replicas=len(squares),
        window_start=begin,
    )


def _enough(run: xr.Dataset, widths: int, what: str) -> None:
    used, needed = int(finished(run).sum()), max(FEWEST, PER_MODE * widths)
    if used < needed:
        raise ValueError(
            f"{what}: {used} replicas that did not diverge, species need at least {needed}; run more of them"
        )


def _row_squares(inside: xr.Dataset, basis) -> np.ndarray:
    """v_ra, shape (replica, row): their mean over replicas is s_a²."""
    w = inside["weight"].values
    if not np.isfinite(w).all():
        raise ValueError("weight: has values that are not finite in replicas that did not diverge")
    if basis is not None:
        u, rows = finite("basis", basis, (2,)), w.shape[2]
        if u.shape != (rows, rows):
            raise ValueError(f"basis must have shape {(rows, rows)}, got {u.shape}")
        off = np.abs(u.T @ u - np.eye(rows)).max()
        if off > ORTHOGONAL:
            raise ValueError(
                f"basis must have orthonormal columns, they are off by {off:.2g}: pass U of an SVD"
            )
        w = u.T @ w
    y = w - w.mean(axis=0)
    squares = np.einsum("rtab,rtab->ra", y, y) / (w.shape[1] * w.shape[3]) * len(w) / (len(w) - 1)
    return _beyond_rounding(squares, np.abs(w).max(axis=(0, 1, 3)))


def _multiplet_squares(inside: xr.Dataset) -> np.ndarray:
    """v_ra, shape (replica, multiplet): their mean over replicas is the σ² of `compare.statistics`."""
    x, group, out = inside["eigenvalue"].values, multiplets(inside["target"]), []
    for modes, m in zip(group.slices, group.size, strict=True):
        y = x[..., modes] - x[..., modes].mean(axis=(0, 2), keepdims=True)
        own = y.mean(axis=-1) ** 2 / (len(x) - 1)
        out.append(((y**2).mean(axis=-1) + own).mean(axis=1) * 2 / (m + 1))
    largest = [np.abs(x[..., modes]).max() for modes in group.slices]
    return _beyond_rounding(np.stack(out, axis=1), np.array(largest))


def _beyond_rounding(squares: np.ndarray, largest: np.ndarray) -> np.ndarray:
    return np.where(squares.mean(axis=0) > (ROUNDING * largest) ** 2, squares, 0.0)


def _freedom(inside: xr.Dataset, of: str) -> np.ndarray:
    """Numbers that each width is the spread of: its weight in a common one (m × m block: m (m + 1)/2)."""
    if of == "row":
        return np.ones(inside.sizes["row"])
    size = multiplets(inside["target"]).size
    return size * (size + 1) / 2


def _described(
    widths: Widths, groups: list[list[int]], names: np.ndarray
) -> tuple[tuple[Species, ...], tuple]:
    """The species and how far neighbours are apart."""
    parts = [widths.common(g) for g in groups]
    species = tuple(
        Species(tuple(names[g].tolist()), math.exp(log), math.exp(log) * standard_error(u), widths.equal(g))
        for g, (log, u) in zip(groups, parts, strict=True)
    )
    return species, tuple((a[0] - b[0]) / standard_error(a[1] - b[1]) for a, b in pairwise(parts))


def _pairs(inside: xr.Dataset, significance: float) -> tuple[PairVerdict, ...]:
    group, out = multiplets(inside["target"]), []
    x = inside["eigenvalue"].values
    every = -(-2 * x.shape[0] * x.shape[1] // MOST_VALUES)
    for number, upper in zip(group.pair_multiplet, group.pair_upper, strict=True):
        values = x[:, ::every, upper : upper + 2].reshape(len(x), -1)
        if np.ptp(values) > 0:
            out.append(_verdict(int(number), values, significance))
    return tuple(out)


def _verdict(number: int, values: np.ndarray, significance: float) -> PairVerdict:
    """Rows are replicas: the values within one are correlated, by repulsion and in time."""
    one, two, note = OnePairSemicircle.fit(values), None, ""
    try:
        two = TwoSpeciesSemicircle.fit(values)
    except ValueError as refusal:  # the sample is sound, or the first fit had refused it
        note = str(refusal)
    chosen, name = (one, "one") if two is None else (two, "two")
    if chosen.pvalue < significance:
        name, note = "neither", f"the law of {name} does not fit, p = {chosen.pvalue:.2g}"
    return PairVerdict(number, name, one, two, note)
