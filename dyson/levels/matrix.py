"""Level of theory "matrix": the matrix-valued SDE of the Gaussian RBM, eigenvectors included."""

from __future__ import annotations

import numpy as np
import xarray as xr

from dyson.dataset import paths_dataset
from dyson.levels.eigenvalues import check_times, run_blocks
from dyson.sde import EigenvalueSDE, require_sde
from streams import LANES, new_entropy, states
from streams.arguments import count, finite, positive


def integrate_matrix(
    sde: EigenvalueSDE,
    x0,
    times=None,
    seed: int | None = None,
    dt: float | None = None,
    workers: int = 1,
    progress: bool = False,
) -> xr.Dataset:
    r"""Integrate the matrix SDE that the eigenvalue SDE freezes the eigenvectors of.

        dW = σ_h² W [ (C - K⁻¹) dt + √T dM ],   K = μ² - σ_h² X,   X = WᵀW,
        dM = K^{-1/2} dG K^{-1/2}  (+ C^{1/2} dG' C^{1/2} with mini-batches of data),

    G symmetric Brownian, Var dG_ij = (1 + δ_ij) dt, C = diag(1/κ). The memory of persistent chains makes
    dM → Σ_{m≥0} P^m (dM_m + P dM_m P) P^m with P = (σ_h² X/μ²)^k. A step maps X → (1 + Q) X (1 + Q), which
    contains the Itô term; error O(dt). Needed for the shifts between non-degenerate levels: at stationarity
    rotating eigenvectors undo about half of what frozen ones predict (docs/theory.md, "Levels of theory").

    Parameters
    ----------
    sde : EigenvalueSDE
        From ``models.gaussian_rbm`` with model average "independent" or "persistent".
    x0 : array, shape (mode, mode), (replica, mode, mode) or (replica, mode)
        X at the start in the target's eigenbasis (ascending κ); the last form is taken as diagonal.
    times, seed, workers, progress
        As in ``integrate``.
    dt : float, optional
        Largest step; default 0.03 over the fastest relaxation rate.

    Returns
    -------
    xarray.Dataset
        ``eigenvalue`` (replica, time, mode) and ``diverged`` (replica), level "matrix".

    Raises
    ------
    ValueError
        For another model or model average, or malformed input.
    """
    require_sde(sde)
    average = sde.parameters.get("model_average")
    if average not in ("independent", "persistent"):
        raise ValueError(
            "the matrix level knows dyson.models.gaussian_rbm with independent or persistent samples, got "
            f"{sde.model} ({average or 'of other origin'}): use level 'dyson' or 'pair'"
        )
    if sde.theta_at is not None:
        raise ValueError("the matrix level knows no schedule of the noise level: pass one noise level")
    n = sde.n + sde.null_modes
    times = check_times(sde, times)
    start = _check_matrices(x0, n)
    step = positive("dt", dt) if dt is not None else 0.03 / float(np.max(sde.rate))
    seed = new_entropy() if seed is None else count("seed", seed, least=0)
    theta = _theta(sde)

    from dyson.levels.matrix_kernels import advance  # compiles on first use

    intervals = np.diff(times)
    steps = np.maximum(1, np.ceil(intervals / step - 1e-9)).astype(int)

    def run(block: int) -> np.ndarray:
        mine = start[block * LANES : (block + 1) * LANES]
        x = np.ascontiguousarray(np.resize(mine, (LANES, n, n)).transpose(1, 2, 0))
        state = states(seed, "matrix", block * LANES, LANES)[0]
        out = np.empty((len(mine), len(times), n))
        out[:, 0] = _eigenvalues(x, len(mine))
        for i, (interval, k) in enumerate(zip(intervals, steps, strict=True)):
            advance(x, state, theta, interval / k, k)
            out[:, i + 1] = _eigenvalues(x, len(mine))
        return out[..., : sde.n]  # the rest stays exactly zero

    x = run_blocks(run, len(start), count("workers", workers), progress, "integrating (matrix)")
    return paths_dataset(sde, times, x, "matrix", solver="matrix-euler", dt=step, seed=str(seed))


def _eigenvalues(x: np.ndarray, lanes: int) -> np.ndarray:
    """Descending eigenvalues per lane; NaN where the replica has diverged."""
    matrices = x.transpose(2, 0, 1)[:lanes]
    good = np.isfinite(matrices).all((-2, -1))
    out = np.full((lanes, len(x)), np.nan)
    out[good] = np.linalg.eigvalsh(matrices[good])[:, ::-1]
    return out


def _check_matrices(x0, n: int) -> np.ndarray:
    x0 = finite("x0", x0, ndim=(2, 3))
    if x0.ndim == 2 and x0.shape == (n, n) and np.allclose(x0, x0.T):
        x0 = x0[None]
    elif x0.ndim == 2 and x0.shape[1] == n:
        x0 = x0[:, :, None] * np.eye(n)
    if x0.ndim != 3 or x0.shape[1:] != (n, n):
        raise ValueError(
            f"x0 must hold {n} × {n} matrices or {n} eigenvalues a replica, got shape {x0.shape}"
        )
    if not np.allclose(x0, x0.transpose(0, 2, 1)):
        raise ValueError("x0 must be symmetric: it is WᵀW at the start, in the target's eigenbasis")
    return x0


def _theta(sde: EigenvalueSDE) -> np.ndarray:
    """(μ², σ_h², T, data batch?, sweeps, memory terms, κ ...) for the kernel."""
    p = sde.parameters
    terms = 0
    if p["model_average"] == "persistent":
        # ρ² of the slowest mode: as many terms of the chains' memory as leave 1e-4 of its variance
        largest = (p["sigma_h"] ** 2 * float(sde.target.max()) / p["mu2"]) ** (2 * p["sweeps"])
        if largest >= 0.98:
            raise ValueError(
                f"the persistent chains forget too slowly (factor {largest:.3f} per update) for a "
                "white-noise description: use more sweeps or level 'dyson'"
            )
        terms = max(1, int(np.ceil(np.log(1e-4) / (2.0 * np.log(max(largest, 1e-12))))))
    head = [p["mu2"], p["sigma_h"] ** 2, sde.noise_level, p["data"] == "batch", p["sweeps"], terms]
    return np.r_[head, p["kappa"]].astype(float)
