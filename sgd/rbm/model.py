"""The Gaussian restricted Boltzmann machine: what is trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sgd.data import precision_of_samples
from sgd.optimiser import Optimiser
from sgd.protocol import Layers
from sgd.rbm import reference
from sgd.spectra import gram_spectra
from streams.arguments import choice, count, finite, positive, shown

MODEL_AVERAGES = ("independent", "persistent", "contrastive")
DATA = ("exact", "batch")
ASYMMETRY = 1e-10
"""Entries of a target may differ from their transposed ones by this fraction of the largest."""


@dataclass(frozen=True, slots=True, eq=False)
class GaussianRBM:
    r"""p(φ, h) ∝ exp(-½ μ² φᵀφ - ½ hᵀh/σ_h² + hᵀ W φ), trained on Gaussian data.

    The marginal of φ has precision K(W) = μ² 1 - σ_h² WᵀW; one step of stochastic gradient ascent on
    the log-likelihood (arXiv:2412.20496, eq. for the Gaussian RBM; arXiv:2309.15002) is

        W <- W + α σ_h² W (S_data - S_model),    S = second moment of φ.

    Without noise the eigenvalues of WᵀW tend to (μ² - κ_i)/σ_h², κ_i those of ``target``.

    Parameters
    ----------
    target : array_like, shape (n_visible, n_visible)
        Precision matrix of the data, symmetric and positive definite; their covariance is its inverse.
    n_hidden : int
        Hidden units: rows of W, shape (n_hidden, n_visible).
    mu2 : float
        μ² > 0.
    sigma_h : float
        Width σ_h > 0 of the hidden units.
    model_average : {"independent", "persistent", "contrastive"}
        S_model from |B| fresh samples of the model; from |B| chains that go on by ``sweeps`` Gibbs sweeps
        an update (PCD-k), at first in equilibrium; from chains that start at |B| fresh samples of the
        target at every update (CD-k).
    sweeps : int
        Gibbs sweeps φ → h → φ an update, k >= 1; without effect for "independent".
    data : {"exact", "batch"}
        S_data is the target's covariance, or that of |B| fresh samples of the target at every step;
        for "contrastive" the samples at which the chains start.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described; one line that names it.
    """

    target: np.ndarray
    n_hidden: int
    mu2: float
    sigma_h: float = 1.0
    model_average: str = "independent"
    sweeps: int = 3
    data: str = "exact"

    name: ClassVar[str] = "gaussian_rbm"
    diverged: ClassVar[str] = (
        "μ² 1 - σ_h² WᵀW is no longer positive definite: the model is not a probability distribution"
    )
    leaves_zero: ClassVar[bool] = False

    def __post_init__(self) -> None:
        checked = {
            "target": _precision(self.target),
            "n_hidden": count("n_hidden", self.n_hidden),
            "mu2": positive("mu2", self.mu2),
            "sigma_h": positive("sigma_h", self.sigma_h),
            "model_average": choice("model_average", self.model_average, MODEL_AVERAGES),
            "sweeps": count("sweeps", self.sweeps),
            "data": choice("data", self.data, DATA),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @classmethod
    def from_samples(cls, samples: np.ndarray, n_hidden: int, mu2: float, **options) -> GaussianRBM:
        """An RBM whose target has the second moment ⟨φφᵀ⟩ of a data set.

        Parameters
        ----------
        samples : array_like, shape (sample, n_visible)
            The mean is not subtracted: the model has none. With ``data="batch"``, batches are drawn from
            the Gaussian with this second moment.
        **options
            ``sigma_h``, ``model_average``, ``sweeps``, ``data``.

        Raises
        ------
        TypeError, ValueError
            As the class; also if the samples do not span all directions.
        """
        return cls(precision_of_samples(samples), n_hidden, mu2, **options)

    @property
    def n_visible(self) -> int:
        """Visible units."""
        return len(self.target)

    @property
    def covariance(self) -> np.ndarray:
        """Exact covariance of the target, shape (n_visible, n_visible)."""
        inverse = np.linalg.inv(self.target)
        return 0.5 * (inverse + inverse.T)

    @property
    def kappa(self) -> np.ndarray:
        """Eigenvalues κ of the target's precision, ascending, shape (n_visible,): fastest mode first."""
        return np.linalg.eigh(self.target)[0]

    @property
    def basis(self) -> np.ndarray:
        """Eigenvectors of the target as columns, in the order of ``kappa``."""
        return np.linalg.eigh(self.target)[1]

    @property
    def target_spectrum(self) -> np.ndarray:
        """Eigenvalues that WᵀW tends to without noise, descending, shape (n_visible,).

        (μ² - κ_i)/σ_h² where that is positive, for as many modes as there are hidden units; else 0.
        """
        spectrum = np.maximum(0.0, (self.mu2 - self.kappa) / self.sigma_h**2)
        spectrum[self.n_hidden :] = 0.0
        return spectrum

    @property
    def largest_learning_rate(self) -> float:
        r"""Bound on α beyond which the noiseless map is unstable at its fixed point; may be inf.

        Entry (i, j) of a small deviation is multiplied by 1 - α ρ_ij f_ij in a step, with σ_h² times

            both learnt:     ρ_ij/σ_h² = (2 μ² - κ_i - κ_j)/(κ_i κ_j)    (i = j: the rate k_i)
            i learnt, j not: ρ_ij/σ_h² = 1/κ_i - 1/κ_j,  f = 1
            neither:         ρ_j/σ_h²  = 1/μ² - 1/κ_j,   f = 1, only with more hidden units than learnt modes

        and for two learnt modes, with q = ((1 - κ_i/μ²)(1 - κ_j/μ²))^sweeps, f = 1 for "independent",
        1 - q for "contrastive", (1 - q)/(1 + q) for "persistent", whose chains lag behind. Stable while
        α max ρ f < 2.
        """
        kappa, mu2 = self.kappa, self.mu2
        learnt = self.target_spectrum > 0
        a, b = kappa[learnt], kappa[~learnt]
        decay = np.multiply.outer(1.0 - a / mu2, 1.0 - a / mu2) ** self.sweeps
        factor = {"independent": 1.0, "contrastive": 1.0 - decay, "persistent": (1.0 - decay) / (1.0 + decay)}
        rates = [
            (2.0 * mu2 - a[:, None] - a) / np.multiply.outer(a, a) * factor[self.model_average],
            1.0 / a[:, None] - 1.0 / b,
        ]
        if self.n_hidden > len(a):
            rates.append(1.0 / mu2 - 1.0 / b)
        fastest = max(float(np.max(r, initial=0.0)) for r in rates) * self.sigma_h**2
        return 2.0 / fastest if fastest > 0 else np.inf

    @property
    def matrix(self) -> str:
        """Whose eigenvalues are recorded."""
        return "WᵀW"

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Of W alone."""
        return ((self.n_hidden, self.n_visible),)

    @property
    def modes(self) -> int:
        """Eigenvalues of WᵀW."""
        return self.n_visible

    def fixed_point(self, weight_decay: float = 0.0) -> Layers:
        """Weights with the target's spectrum in the target's eigenvectors; it knows no weight decay."""
        rank = min(self.shapes[0])
        w = np.zeros(self.shapes[0])
        w[:rank] = np.sqrt(self.target_spectrum[:rank, None]) * self.basis.T[:rank]
        return (w,)

    def check_weights(self, layers: Layers) -> None:
        """ValueError where K = μ² 1 - σ_h² WᵀW is not positive definite."""
        largest = np.linalg.norm(layers[0], ord=2, axis=(-2, -1)) ** 2
        edge = self.mu2 / self.sigma_h**2
        if (largest >= edge).any():
            worst = int(largest.argmax())
            raise ValueError(
                f"initial must have all eigenvalues of WᵀW below mu2/sigma_h² = {edge:g}, where the model "
                f"is a distribution; replica {worst} has {largest[worst]:g}"
            )

    def check_optimiser(self, optimiser: Optimiser) -> None:
        """ValueError beyond `largest_learning_rate`, or with an option that only networks have."""
        for option in ("momentum", "weight_decay"):
            if getattr(optimiser, option):
                raise ValueError(f"{option} must be 0 for a GaussianRBM: it is trained by plain SGD")
        learning_rate, bound = optimiser.learning_rate, self.largest_learning_rate
        if learning_rate >= bound:
            raise ValueError(
                f"learning_rate {learning_rate:g} is not stable for this model; it must be below "
                f"{bound:.6g}, 2 over the largest relaxation rate at the fixed point"
            )

    def observed(self, layers: Layers) -> np.ndarray:
        """W."""
        return layers[0]

    def spectra(self, weights: np.ndarray) -> np.ndarray:
        """Eigenvalues of WᵀW."""
        return gram_spectra(weights)

    def gradients(
        self, weights: np.ndarray, samples: int, rng: np.random.Generator, updates: int = 1
    ) -> np.ndarray:
        """Literal per-sample gradients at W (row, col), (samples, row, col); chains average ``updates``."""
        return reference.gradients(self, weights, samples, rng, updates)

    def default_updates(self, weights: np.ndarray) -> int:
        """200 times the memory of persistent chains, else 1."""
        if self.model_average != "persistent":
            return 1
        contraction = (self.sigma_h * np.linalg.norm(weights, 2)) ** 2 / self.mu2
        return int(np.ceil(200.0 / (1.0 - contraction ** (2 * self.sweeps))))

    def parameters(self) -> dict:
        """Everything that defines the model, as plain numbers, strings and lists."""
        names = ("n_hidden", "mu2", "sigma_h", "model_average", "sweeps", "data")
        plain = {name: getattr(self, name) for name in names}
        return {"target_precision": self.target.tolist(), "kappa": self.kappa.tolist(), **plain}


def _precision(target: object) -> np.ndarray:
    """A read-only copy of a symmetric positive definite matrix."""
    k = finite("target", target, (2,))
    if k.shape[0] != k.shape[1]:
        raise ValueError(f"target must be a square precision matrix, got shape {k.shape}")
    largest = np.abs(k).max()
    asymmetry = np.abs(k - k.T).max()
    if asymmetry > ASYMMETRY * largest:
        raise ValueError(f"target must be symmetric, but K and its transpose differ by {asymmetry:.3g}")
    k = 0.5 * (k + k.T)
    lowest = np.linalg.eigvalsh(k)[0]
    if not lowest > len(k) * np.finfo(float).eps * largest:
        raise ValueError(
            f"target must be positive definite, but its lowest eigenvalue is {shown(float(lowest))}; "
            "add a positive mass to its diagonal"
        )
    k.flags.writeable = False
    return k
