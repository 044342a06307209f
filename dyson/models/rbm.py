"""The Gaussian restricted Boltzmann machine."""

from __future__ import annotations

import numpy as np

from dyson.derive import bind, library
from dyson.sde import EigenvalueSDE
from streams.arguments import choice, count, finite, positive

MODEL_AVERAGES = ("independent", "persistent", "contrastive")
DATA = ("exact", "batch")


def gaussian_rbm(
    kappa,
    mu2: float,
    noise_level: float,
    sigma_h: float = 1.0,
    n_hidden: int | None = None,
    model_average: str = "independent",
    sweeps: int = 3,
    data: str = "exact",
    memory_drift: bool = False,
) -> EigenvalueSDE:
    r"""Eigenvalues of X = WᵀW of a Gaussian RBM under SGD, eigenvectors frozen to the target's.

    SGD: dW = σ_h² W Q dt with Q = ⟨φφᵀ⟩_data - ⟨φφᵀ⟩_model; with c_i = 1/(μ² - σ_h² x_i), T = α/|B| and
    Cov(Q_ij) = T H_ij (1 + δ_ij),

        dx_i = { 2 σ_h² x_i (1/κ_i - c_i)(1 - ρ_i²)^[contrastive]
                 + T σ_h⁴ [ Σ_{j≠i} (x_i + x_j)² H_ij/(x_i - x_j) + Σ_j (1 + δ_ij) x_j H_ij ] } dt
               + √(8 T H_ii) σ_h² x_i dB_i

    With r_i = σ_h² x_i/μ², the contraction of mode i by one Gibbs sweep, and ρ_i = r_i^k:

    =============  ===============================================================================
    independent    H_ij = c_i c_j
    persistent     H_ij = c_i c_j (1 + ρ_i ρ_j)/(1 - ρ_i ρ_j): the chains' memory, summed
    contrastive    H_ij = s_i s_j, s_i = ρ_i²/κ_i + c_i (1 - ρ_i²)
    data "batch"   adds 1/(κ_i κ_j), for contrastive (1 - 2 ρ_i ρ_j)/(κ_i κ_j): chains start at the data
    =============  ===============================================================================

    Derived by ``derive.library.rbm``, which this binds. Source: Park, Favoni, Lucini, Aarts,
    arXiv:2412.20496, for independent samples; the rest follows from Wick's theorem (docs/theory.md).

    Parameters
    ----------
    kappa : array, shape (N_v,)
        Eigenvalues of the target's precision matrix (inverse covariance), positive, in any order.
    mu2 : float
        μ² > 0, precision of the visible units.
    noise_level : float
        T = learning rate/batch size >= 0.
    sigma_h : float
        Standard deviation of the hidden units.
    n_hidden : int, optional
        N_h; default N_v. With N_h < N_v only the N_h modes of smallest κ can be learnt.
    model_average, sweeps, data
        How the gradient is estimated, as in ``sgd.GaussianRBM``.
    memory_drift : bool
        With the drift that the memory of persistent chains induces (docs/memory-drift.md: up to 0.6 % of the
        means at k = 1, 0.07 % at k = 3); level "matrix" leaves it out.

    Returns
    -------
    EigenvalueSDE
        target x̄_i = max(0, (μ² - κ_i)/σ_h²), descending.

    Raises
    ------
    ValueError
        For a parameter out of range or an unknown name.
    """
    kappa = np.sort(finite("kappa", kappa, ndim=(1,)))
    if kappa[0] <= 0:
        raise ValueError(f"kappa must be > 0 (eigenvalues of a precision matrix), got {kappa[0]:g}")
    mu2 = positive("mu2", mu2)
    s2 = positive("sigma_h", sigma_h) ** 2
    noise_level = positive("noise_level", noise_level, zero=True)
    n = min(len(kappa), count("n_hidden", n_hidden) if n_hidden is not None else len(kappa))
    k_sweeps = count("sweeps", sweeps)
    choice("model_average", model_average, MODEL_AVERAGES)
    choice("data", data, DATA)
    values = {"mu2": mu2, "s2": s2, "kappa": kappa}
    if model_average != "independent":
        values["k"] = k_sweeps
    parameters = {
        "kappa": kappa.tolist(),
        "mu2": mu2,
        "sigma_h": float(sigma_h),
        "n_hidden": len(kappa) if n_hidden is None else int(n_hidden),
        "model_average": model_average,
        "sweeps": k_sweeps,
        "data": data,
    }
    if memory_drift and model_average != "persistent":
        raise ValueError(f"memory_drift belongs to model_average 'persistent', got {model_average!r}")
    model = library.rbm(model_average, data, memory_drift=memory_drift)
    return bind(model, noise_level, rows=n, parameters=parameters, **values)
