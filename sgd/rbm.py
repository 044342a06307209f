"""The Gaussian restricted Boltzmann machine as a model to be trained."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sgd.data import precision, precision_of_samples
from streams.arguments import choice, count, finite, positive

MODEL_AVERAGES = ("independent", "persistent", "contrastive")
DATA = ("exact", "batch")


@dataclass(frozen=True, eq=False)
class GaussianRBM:
    r"""Gaussian visible and hidden units, trained by maximum likelihood:

        p(φ, h) ∝ exp(-½ μ² φᵀφ - hᵀh/(2σ_h²) + hᵀWφ),   φ ~ N(0, K⁻¹),   K = μ² - σ_h² WᵀW
        W ← W + α σ_h² W (⟨φφᵀ⟩_data - ⟨φφᵀ⟩_model)

    Source: arXiv:2412.20496.

    Parameters
    ----------
    target : array, shape (N_v, N_v)
        Precision matrix (inverse covariance) of the data, symmetric positive definite.
    n_hidden : int
        N_h; W has shape (N_h, N_v).
    mu2 : float
        μ² > 0.
    sigma_h : float
        Standard deviation of the hidden units.
    model_average : {"independent", "persistent", "contrastive"}
        How ⟨·⟩_model is estimated from |B| samples: fresh ones of the model; chains kept from update to
        update (PCD-k); chains restarted from |B| samples of the data (CD-k).
    sweeps : int
        k, Gibbs sweeps φ → h → φ per update of a chain.
    data : {"exact", "batch"}
        ⟨·⟩_data: the target's covariance, or |B| fresh samples of it (those the CD chains start from).

    Raises
    ------
    ValueError, TypeError
        For a parameter out of range, a target that is no precision matrix, an unknown name.
    """

    target: np.ndarray
    n_hidden: int
    mu2: float
    sigma_h: float = 1.0
    model_average: str = "independent"
    sweeps: int = 3
    data: str = "exact"

    def __post_init__(self) -> None:
        matrix = precision(self.target)
        matrix.setflags(write=False)
        object.__setattr__(self, "target", matrix)
        count("n_hidden", self.n_hidden)
        positive("mu2", self.mu2)
        positive("sigma_h", self.sigma_h)
        choice("model average", self.model_average, MODEL_AVERAGES)
        count("sweeps", self.sweeps)
        choice("data", self.data, DATA)

    @classmethod
    def from_samples(cls, samples, n_hidden: int, mu2: float, **options) -> GaussianRBM:
        """Target the second moment of a data set, shape (sample, N_v)."""
        return cls(precision_of_samples(samples), n_hidden, mu2, **options)

    @property
    def n_visible(self) -> int:
        """N_v."""
        return len(self.target)

    @cached_property
    def _eigen(self) -> tuple[np.ndarray, np.ndarray]:
        kappa, basis = np.linalg.eigh(self.target)
        return kappa, basis

    @property
    def kappa(self) -> np.ndarray:
        """Eigenvalues of the target's precision, ascending, shape (N_v,)."""
        return self._eigen[0]

    @property
    def basis(self) -> np.ndarray:
        """Eigenvectors of the target as columns, in the order of ``kappa``, shape (N_v, N_v)."""
        return self._eigen[1]

    @property
    def target_spectrum(self) -> np.ndarray:
        """Fixed point of the eigenvalues of WᵀW, descending: max(0, (μ² - κ_i)/σ_h²), 0 beyond N_h modes."""
        x = np.maximum(0.0, (self.mu2 - self.kappa) / self.sigma_h**2)
        x[self.n_hidden :] = 0.0
        return x

    @property
    def stability_bound(self) -> float:
        """Learning rate from which on the noiseless map is unstable at its fixed point.

        A perturbation X_ij decays by 1 - α r_ij with r_ij = σ_h⁴ (x_i + x_j) c_i c_j, c = 1/(μ² - σ_h² x); a mode
        with κ > μ² stays at 0 by 1 - α σ_h² (1/μ² - 1/κ). The bound is 2 over the largest of these rates.
        """
        s2, x = self.sigma_h**2, self.target_spectrum
        c = 1.0 / (self.mu2 - s2 * x)
        pairs = s2**2 * (x[:, None] + x) * c[:, None] * c
        silent = np.maximum(0.0, s2 * (1.0 / self.mu2 - 1.0 / self.kappa)) * (x == 0)
        fastest = float((pairs + silent + silent[:, None] * (x > 0)).max(initial=0.0))
        return 2.0 / fastest if fastest > 0 else np.inf

    def precision_of(self, weights: np.ndarray) -> np.ndarray:
        """K = μ² - σ_h² WᵀW of weights (..., N_h, N_v)."""
        return self.mu2 * np.eye(self.n_visible) - self.sigma_h**2 * np.swapaxes(weights, -1, -2) @ weights

    def loss(self, weights) -> np.ndarray:
        """Kullback–Leibler divergence from data to model, ½ [tr KC - N - log det KC]; weights (..., N_h, N_v)."""
        kc = self.precision_of(finite("weights", weights, ndim=(2, 3))) @ np.linalg.inv(self.target)
        sign, log_det = np.linalg.slogdet(kc)
        loss = 0.5 * (np.trace(kc, axis1=-2, axis2=-1) - self.n_visible - log_det)
        return np.where(sign > 0, loss, np.inf)

    def gradient(self, weights) -> np.ndarray:
        """Exact gradient of ``loss``, -σ_h² W (C - K⁻¹), shape of ``weights``."""
        weights = finite("weights", weights, ndim=(2, 3))
        difference = np.linalg.inv(self.target) - np.linalg.inv(self.precision_of(weights))
        return -(self.sigma_h**2) * weights @ difference

    def parameters(self) -> str:
        """All parameters as JSON; the target by its eigenvalues."""
        return json.dumps(
            {
                "kappa": self.kappa.tolist(),
                "mu2": float(self.mu2),
                "sigma_h": float(self.sigma_h),
                "n_hidden": int(self.n_hidden),
                "model_average": self.model_average,
                "sweeps": int(self.sweeps),
                "data": self.data,
            }
        )

    def __repr__(self) -> str:
        return (
            f"GaussianRBM(n_visible={self.n_visible}, n_hidden={self.n_hidden}, mu2={self.mu2:g}, "
            f"sigma_h={self.sigma_h:g}, model_average={self.model_average!r}, sweeps={self.sweeps}, data={self.data!r})"
        )
