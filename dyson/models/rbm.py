"""The Gaussian restricted Boltzmann machine."""

from __future__ import annotations

import numpy as np

from dyson.blocks import BlockKernel
from dyson.models.ou import _inverse_gaps
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

    The drift that the memory of persistent chains induces is left out (docs/theory.md: 0.5 % of the means at
    k = 1, 0.06 % at k = 3). Source: Park, Favoni, Lucini, Aarts, arXiv:2412.20496, for independent samples;
    the rest follows from Wick's theorem (docs/theory.md, "Gaussian RBM").

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
    level = positive("noise_level", noise_level, zero=True)
    n = min(len(kappa), count("n_hidden", n_hidden) if n_hidden is not None else len(kappa))
    k_sweeps = count("sweeps", sweeps)
    choice("model_average", model_average, MODEL_AVERAGES)
    choice("data", data, DATA)
    null = kappa[n:]
    batch = float(data == "batch")
    math = _Rbm(kappa[:n], mu2, s2, level, model_average, k_sweeps, batch, null)

    from dyson.models.rbm_kernels import rbm_drift, rbm_noise  # compiles on first use

    head = [mu2, s2, level, MODEL_AVERAGES.index(model_average), k_sweeps, batch, len(null), np.sum(1 / null)]
    target = np.maximum(0.0, (mu2 - kappa[:n]) / s2)
    return EigenvalueSDE(
        model="gaussian_rbm",
        target=target,
        rate=math.rate(target),
        g2=math.noise(target),
        drift=math.drift,
        noise=math.noise,
        flow=math.flow,
        kernel=BlockKernel(rbm_drift, rbm_noise, np.r_[head, kappa[:n]].astype(float), constant_noise=False),
        noise_level=level,
        parameters={
            "kappa": kappa.tolist(),
            "mu2": mu2,
            "sigma_h": float(sigma_h),
            "n_hidden": len(kappa) if n_hidden is None else int(n_hidden),
            "model_average": model_average,
            "sweeps": k_sweeps,
            "data": data,
        },
        null_modes=len(null),
    )


class _Rbm:
    """Plain-NumPy twin of the compiled block functions."""

    def __init__(self, kappa, mu2, s2, level, model_average, sweeps, batch, null):
        self.kappa, self.mu2, self.s2, self.level = kappa, mu2, s2, level
        self.model_average, self.sweeps, self.batch, self.null = model_average, sweeps, batch, null

    def _c(self, x):
        k = self.mu2 - self.s2 * np.asarray(x, float)
        return np.where(k > 0, 1.0, np.nan) / k

    def _rho(self, x):
        if self.model_average == "independent":
            return np.zeros(np.shape(x))
        return np.maximum(self.s2 * np.asarray(x, float) / self.mu2, 0.0) ** self.sweeps

    def _h(self, x):
        c, rho = self._c(x), self._rho(x)
        rr = rho[..., :, None] * rho[..., None, :]
        data = self.batch / np.multiply.outer(self.kappa, self.kappa)
        if self.model_average == "contrastive":
            s = rho**2 / self.kappa + c * (1.0 - rho**2)
            return s[..., :, None] * s[..., None, :] + data * (1.0 - 2.0 * rr)
        return c[..., :, None] * c[..., None, :] * (1.0 + rr) / (1.0 - rr) + data

    def flow(self, x):
        x = np.asarray(x, float)
        slow = 1.0 - self._rho(x) ** 2 if self.model_average == "contrastive" else 1.0
        return 2.0 * self.s2 * x * (1.0 / self.kappa - self._c(x)) * slow

    def drift(self, x):
        x = np.asarray(x, float)
        h = self._h(x)
        repulsion = ((x[..., :, None] + x[..., None, :]) ** 2 * h * _inverse_gaps(x)).sum(-1)
        ito = (h * x[..., None, :]).sum(-1) + x * np.diagonal(h, axis1=-2, axis2=-1)
        rho = self._rho(x)
        c = self._c(x)
        if self.model_average == "contrastive":
            c = rho**2 / self.kappa + c * (1.0 - rho**2)
        zero = c[..., None] / self.mu2 + self.batch / np.multiply.outer(self.kappa, self.null)
        return self.flow(x) + self.level * self.s2**2 * (repulsion + ito + x * zero.sum(-1))

    def noise(self, x):
        x = np.asarray(x, float)
        return 4.0 * self.level * self.s2**2 * x**2 * np.diagonal(self._h(x), axis1=-2, axis2=-1)

    def rate(self, target):
        """k_i = -dK_i/dx_i at the fixed point: 2 σ_h⁴ x̄ c² where learnt, 2 σ_h² (1/μ² - 1/κ) at 0."""
        slow = 1.0 - self._rho(target) ** 2 if self.model_average == "contrastive" else 1.0
        learnt = 2.0 * self.s2**2 * target * self._c(target) ** 2
        at_zero = 2.0 * self.s2 * (1.0 / self.mu2 - 1.0 / self.kappa)
        return np.where(target > 0, learnt, at_zero) * slow
