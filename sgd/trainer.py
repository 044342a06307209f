"""What training needs of a model, and of the thing that carries it through its steps."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np

Layers = tuple[np.ndarray, ...]
"""The trained weight matrices of an ensemble, from the input on: arrays (replica, rows, columns)."""

CACHE_LINE = 64


class Optimiser(NamedTuple):
    """One SGD step: v ← m v − α (g + λ W), W ← W + v, with g averaged over the mini-batch."""

    learning_rate: float
    batch_size: int
    momentum: float = 0.0
    weight_decay: float = 0.0

    @property
    def time_step(self) -> float:
        """Gradient-flow time of one step, α/(1 − m)."""
        return self.learning_rate / (1.0 - self.momentum)


class Trainer(Protocol):
    """Carries blocks of ``LANES`` replicas through their steps."""

    def block(self, state: np.ndarray, layers: Layers) -> Any:
        """Memory of a block that starts at ``layers`` (at most LANES replicas), with its generator."""

    def advance(self, block: Any, first: int, last: int) -> None:
        """Steps ``first`` to ``last`` - 1."""

    def layers(self, block: Any) -> Layers:
        """Present weights, LANES replicas."""

    def failed(self, block: Any, steps: int) -> np.ndarray:
        """Step at whose weights each replica diverged, -1 where it did not; called after the last step."""


class Model(Protocol):
    """A trainable model: a frozen dataclass with its data, its loss and its fixed point."""

    name: ClassVar[str]
    diverged: ClassVar[str]
    """Why a replica's run ends."""
    leaves_zero: ClassVar[bool]
    """Whether training moves weights that are exactly zero."""

    @property
    def matrix(self) -> str:
        """Whose eigenvalues are recorded: "WᵀW" or "W"."""

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Shapes of the trained weight matrices, from the input on."""

    @property
    def modes(self) -> int:
        """Number of eigenvalues that are recorded."""

    @property
    def target_spectrum(self) -> np.ndarray:
        """What they tend to without noise, descending, shape (modes,)."""

    @property
    def shared_data(self) -> bool:
        """Whether all replicas train on one data set."""

    def parameters(self) -> dict[str, Any]: ...

    def fixed_point(self, weight_decay: float = 0.0) -> Layers:
        """Weights at which the mean gradient and the decay balance, arrays (rows, columns)."""

    def check_weights(self, layers: Layers) -> None:
        """ValueError where the model is not defined at these weights."""

    def check_optimiser(self, optimiser: Optimiser) -> None:
        """ValueError where the noiseless map is unstable, or the model does not know an option."""

    def observed(self, layers: Layers) -> np.ndarray:
        """The matrix whose spectrum is recorded, (replica, row, column)."""

    def spectra(self, weights: np.ndarray) -> np.ndarray:
        """Its eigenvalues, descending, (replica, modes); NaN where it is not finite."""

    def trainer(self, optimiser: Optimiser, seed: int) -> Trainer: ...

    def gradients(
        self, weights: np.ndarray, samples: int, rng: np.random.Generator, updates: int
    ) -> np.ndarray:
        """Literal gradients of single samples at W (row, col), (samples, row, col), for one trained layer.

        Where successive gradients depend on one another, each is the mean over ``updates`` in a row.
        """

    def default_updates(self, weights: np.ndarray) -> int:
        """1, or enough updates to forget the first of them."""


def aligned(*shape: int, dtype: type = np.float64) -> np.ndarray:
    """Zeros that start at a cache line: vectors across two lines make the kernels half as fast."""
    size = int(np.prod(shape)) * 8
    raw = np.zeros(size + CACHE_LINE, dtype=np.uint8)
    start = -raw.ctypes.data % CACHE_LINE
    return raw[start : start + size].view(dtype).reshape(shape)


def gram_spectra(weights: np.ndarray) -> np.ndarray:
    """Eigenvalues of WᵀW, descending, from W (replica, M, N): (replica, N); NaN where W is not finite."""
    _, m, n = weights.shape
    transposed = weights.swapaxes(-1, -2)
    with np.errstate(over="ignore", invalid="ignore"):
        gram = transposed @ weights if m >= n else weights @ transposed
    x = _descending(gram)
    out = np.zeros((len(weights), n))
    out[:, : min(m, n)] = np.maximum(x, 0.0)  # a vanishing eigenvalue comes out as ± 1e-16
    out[np.isnan(x[:, 0])] = np.nan
    return out


def symmetric_spectra(weights: np.ndarray) -> np.ndarray:
    """Eigenvalues of (W + Wᵀ)/2, descending, from W (replica, N, N); NaN where W is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):
        return _descending(0.5 * (weights + weights.swapaxes(-1, -2)))


def _descending(symmetric: np.ndarray) -> np.ndarray:
    finite = np.isfinite(symmetric).all(axis=(-2, -1))
    x = np.linalg.eigvalsh(np.where(finite[:, None, None], symmetric, 0.0))[:, ::-1].copy()
    x[~finite] = np.nan
    return x
