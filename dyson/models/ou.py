"""The matrix Ornstein–Uhlenbeck process: quadratic potential, constant noise."""

from __future__ import annotations

import numpy as np

from dyson.blocks import BlockKernel
from dyson.sde import EigenvalueSDE
from streams.arguments import count, finite, positive


def matrix_ou(n: int, rate=1.0, center=0.0, noise=1.0, beta: float = 1.0) -> EigenvalueSDE:
    r"""Eigenvalues of a matrix that relaxes to a multiple of the identity under invariant noise.

        dx_i = [ -k_i (x_i - c_i) + β Σ_{j≠i} g_i²/(x_i - x_j) ] dt + √2 g_i dB_i

    For scalar k, c, g and β = 1 these are the eigenvalues of a symmetric matrix with entries
    dX_ij = -k (X_ij - c δ_ij) dt + g √(1 + δ_ij) dB_ij; stationary law: the Gaussian ensemble with
    σ² = g²/k (Mehta, Random Matrices, ch. 3), ⟨Σ (x_i - c)²⟩ = σ² [n + β n (n - 1)/2]. Arrays give a
    multi-species gas (docs/theory.md, "Stationary state").

    Parameters
    ----------
    n : int
        Number of eigenvalues.
    rate, center, noise : float or array, shape (n,)
        k_i >= 0 per unit time, c_i, and g_i > 0; per mode, in descending order of c_i.
    beta : float
        Dyson index > 0; 1 real, 2 complex matrices.

    Raises
    ------
    ValueError
        For a parameter out of range or an array of the wrong length.
    """
    n = count("n", n)
    beta = positive("beta", beta)
    k, c, g = (
        _per_mode(name, value, n) for name, value in (("rate", rate), ("center", center), ("noise", noise))
    )
    if (k < 0).any():
        raise ValueError(f"rate must be >= 0, got {k.min():g}")
    if (g <= 0).any():
        raise ValueError(f"noise must be > 0, got {g.min():g}")
    if (np.diff(c) > 0).any():
        raise ValueError(
            "center must be in descending order, one value per mode: sort it (and rate, noise with it)"
        )
    g2 = g * g

    def flow(x):
        return k * (c - np.asarray(x, float))

    def drift(x):
        return flow(x) + beta * g2 * _inverse_gaps(np.asarray(x, float)).sum(-1)

    from dyson.models.ou_kernels import ou_drift, ou_noise  # compiles on first use

    return EigenvalueSDE(
        model="matrix_ou",
        target=c,
        rate=k,
        g2=g2,
        drift=drift,
        noise=lambda x: np.broadcast_to(g2, np.shape(x)),
        flow=flow,
        kernel=BlockKernel(ou_drift, ou_noise, np.r_[k, c, g2, beta], constant_noise=True),
        beta=beta,
        matrix="W",
        parameters={"n": n, "rate": k.tolist(), "center": c.tolist(), "noise": g.tolist(), "beta": beta},
    )


def _per_mode(name: str, value, n: int) -> np.ndarray:
    array = finite(name, value, ndim=(0, 1))
    if array.ndim == 1 and len(array) != n:
        raise ValueError(f"{name} must be one number or n = {n} of them, got {len(array)}")
    return np.broadcast_to(array, (n,)).copy()


def _inverse_gaps(x: np.ndarray) -> np.ndarray:
    """1/(x_i - x_j), shape (..., n, n); 0 on the diagonal and where two are equal."""
    gap = x[..., :, None] - x[..., None, :]
    with np.errstate(divide="ignore"):
        return np.where(gap == 0.0, 0.0, 1.0 / gap)
