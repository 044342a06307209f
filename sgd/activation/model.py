"""A network with activations that learns from a teacher of its own form: what is trained."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from scipy.sparse.linalg import LinearOperator, eigsh

from sgd.activation import reference
from sgd.activation.reference import activate, slope
from sgd.optimiser import Optimiser
from sgd.protocol import Layers
from sgd.spectra import gram_spectra
from streams import generator
from streams.arguments import choice, count, finite, flag, positive

ACTIVATIONS = ("identity", "tanh", "relu")  # in the order of the codes in kernels.py
SAMPLES = 10_000
"""Inputs over which the curvature at the teacher is averaged."""


@dataclass(frozen=True, slots=True, eq=False)
class ActivationNetwork:
    r"""ŷ = φ_out(Z φ(W φ(M x))), whose weights W learn those of a teacher of the same form.

    x ~ N(0, 1), y = φ_out(Z φ(W_t φ(M x))) + ε η with η ~ N(0, 1), loss ½ |y - ŷ|². Every step of SGD takes
    |B| fresh samples; M and Z are fixed and shared with the teacher. The setting of the phase diagram in
    arXiv:2509.01349 (Park, Lucini, Aarts) with K = 16, L = 32, 3 inputs, 1 output, |B| = 4 and tanh.

    Parameters
    ----------
    teacher : array_like, shape (K, L)
        W_t.
    inputs : array_like, shape (L, n_in)
        M.
    output : array_like, shape (n_out, K)
        Z.
    activation, output_activation : {"identity", "tanh", "relu"}
        φ, of both hidden layers, and φ_out. The slope of relu at 0 is 0.
    eps : float
        Noise of the labels, ε >= 0.
    allow_unstable : bool
        Train also with learning rates at which the noiseless map is unstable at the teacher.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described; one line that names it.
    """

    teacher: np.ndarray
    inputs: np.ndarray
    output: np.ndarray
    activation: str = "tanh"
    output_activation: str = "identity"
    eps: float = 0.0
    allow_unstable: bool = False

    name: ClassVar[str] = "activation_network"
    diverged: ClassVar[str] = "the error ŷ - y is not finite, or above 1e100"
    leaves_zero: ClassVar[bool] = False  # relu does not, and a width of 0 is refused for all three

    def __post_init__(self) -> None:
        checked = {name: _matrix(name, getattr(self, name)) for name in ("teacher", "inputs", "output")}
        k, l = checked["teacher"].shape
        for name, size, axis in (("inputs", l, 0), ("output", k, 1)):
            if checked[name].shape[axis] != size:
                raise ValueError(
                    f"{name} must have {size} {('rows', 'columns')[axis]} for a teacher of shape {(k, l)}, "
                    f"got shape {checked[name].shape}"
                )
        options = {
            "activation": choice("activation", self.activation, ACTIVATIONS),
            "output_activation": choice("output_activation", self.output_activation, ACTIVATIONS),
            "eps": positive("eps", self.eps, zero=True),
            "allow_unstable": flag("allow_unstable", self.allow_unstable),
        }
        for name, value in (checked | options).items():
            object.__setattr__(self, name, value)

    @classmethod
    def random(
        cls,
        hidden: int = 16,
        features: int = 32,
        inputs: int = 3,
        outputs: int = 1,
        sigma_teacher: float = 1.0,
        activation: str = "tanh",
        seed: int = 0,
        sigma_inputs: float = 1.0,
        sigma_output: float = 1.0,
        **options: Any,
    ) -> ActivationNetwork:
        """A teacher with independent normal entries, of variance σ²/columns in each of W_t, M and Z.

        Parameters
        ----------
        hidden, features, inputs, outputs : int
            K, L, n_in, n_out.
        sigma_teacher, sigma_inputs, sigma_output : float
            σ > 0 of W_t (variance σ²/L), M (σ²/n_in) and Z (σ²/K).
        activation : {"identity", "tanh", "relu"}
        seed : int
            Non-negative. The three matrices depend on it and on the four sizes.
        **options
            ``output_activation``, ``eps``, ``allow_unstable``.

        Raises
        ------
        TypeError, ValueError
            As the class.
        """
        k, l = count("hidden", hidden), count("features", features)
        n_in, n_out = count("inputs", inputs), count("outputs", outputs)
        rng = generator(count("seed", seed, 0), "sgd random teacher")
        scales = {"sigma_teacher": sigma_teacher, "sigma_inputs": sigma_inputs, "sigma_output": sigma_output}
        teacher, m, z = (
            positive(name, sigma) / np.sqrt(shape[1]) * rng.standard_normal(shape)
            for (name, sigma), shape in zip(scales.items(), ((k, l), (l, n_in), (n_out, k)), strict=True)
        )
        return cls(teacher, m, z, activation, **options)

    @property
    def linear(self) -> bool:
        """Whether there is no activation at all."""
        return self.activation == self.output_activation == "identity"

    @property
    def matrix(self) -> str:
        """Whose eigenvalues are recorded."""
        return "WᵀW"

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Of W alone."""
        return (self.teacher.shape,)

    @property
    def modes(self) -> int:
        """Eigenvalues of WᵀW, L; at most K of them are not 0."""
        return self.teacher.shape[1]

    @property
    def target_spectrum(self) -> np.ndarray:
        """Eigenvalues of W_tᵀW_t, descending, shape (L,).

        Where the outputs do not tell all of W (with the identity they tell Z W M only), training need not
        lead there.
        """
        return gram_spectra(self.teacher[None])[0]

    @property
    def largest_curvature(self) -> float:
        """Largest eigenvalue of the Gauss-Newton matrix ⟨JᵀJ⟩ at W = W_t, J = ∂ŷ/∂W.

        With the identity everywhere it is λ_max(ZᵀZ) λ_max(M Mᵀ), otherwise an average over
        SAMPLES fixed inputs. It is what |B| → ∞ samples see; small batches are unstable earlier.
        """
        if self.linear:
            return float(np.linalg.norm(self.output, 2) ** 2 * np.linalg.norm(self.inputs, 2) ** 2)
        return _curvature(self)

    def fixed_point(self, weight_decay: float = 0.0) -> Layers:
        """The teacher's weights; with weight decay they are not quite one, and no closed form is."""
        return (self.teacher,)

    def largest_learning_rate(self, momentum: float = 0.0, weight_decay: float = 0.0) -> float:
        """2 (1 + m)/(λ_max + λ): beyond it the noiseless map is unstable at the teacher; may be inf.

        λ_max is `largest_curvature`; for tanh and relu an estimate.
        """
        curvature = self.largest_curvature + weight_decay
        return 2.0 * (1.0 + momentum) / curvature if curvature > 0 else np.inf

    def check_optimiser(self, optimiser: Optimiser) -> None:
        """ValueError from `largest_learning_rate` on, unless ``allow_unstable``."""
        if self.allow_unstable:
            return
        bound = self.largest_learning_rate(optimiser.momentum, optimiser.weight_decay)
        if optimiser.learning_rate >= bound:
            raise ValueError(
                f"learning_rate {optimiser.learning_rate:g} is not stable at the teacher; it must be below "
                f"{bound:.6g}, or the model made with allow_unstable=True"
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
        """Literal per-sample gradients at W (row, col), (samples, row, col); ``updates`` has no effect."""
        return reference.sample_gradients(self, weights, samples, rng)

    def parameters(self) -> dict[str, Any]:
        """Everything that defines the model, as plain numbers, strings and lists."""
        matrices = {name: getattr(self, name).tolist() for name in ("teacher", "inputs", "output")}
        options = {name: getattr(self, name) for name in ("activation", "output_activation", "eps")}
        return matrices | options


def _matrix(name: str, given: object) -> np.ndarray:
    """A read-only copy."""
    matrix = np.array(finite(name, given, (2,)))
    matrix.flags.writeable = False
    return matrix


@lru_cache(maxsize=32)  # by identity: a third of a second for 16 × 32
def _curvature(model: ActivationNetwork) -> float:
    """Lanczos on V ↦ ⟨Jᵀ J V⟩; the matrix itself has (K L)² entries."""
    x = generator(0, "sgd curvature inputs").standard_normal((SAMPLES, model.inputs.shape[1]))
    features = activate(model.activation, x @ model.inputs.T)
    hidden = activate(model.activation, features @ model.teacher.T)
    y = activate(model.output_activation, hidden @ model.output.T)
    inner, outer = slope(model.activation, hidden), slope(model.output_activation, y)

    def product(v: np.ndarray) -> np.ndarray:
        change = outer * ((inner * (features @ v.reshape(model.teacher.shape).T)) @ model.output.T)
        back = inner * ((outer * change) @ model.output)
        return (back.T @ features).ravel() / SAMPLES

    size = model.teacher.size
    if size < 3:  # too small for Lanczos
        full = np.array([product(v) for v in np.eye(size)])
        return float(np.linalg.eigvalsh(full)[-1])
    operator = LinearOperator((size, size), matvec=product, dtype=float)
    start = generator(0, "sgd curvature start").standard_normal(size)
    return float(eigsh(operator, 1, v0=start, tol=1e-6, return_eigenvectors=False)[0])
