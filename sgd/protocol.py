"""What training asks of a model, what else a model may have, and what carries it through its steps."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from sgd.optimiser import Optimiser

Layers = tuple[np.ndarray, ...]
"""The trained weight matrices of an ensemble, from the input on: arrays (replica, rows, columns)."""


class Trainer(Protocol):
    """Carries blocks of at most 64 replicas (`streams.LANES`) through their steps.

    `sgd.train` cuts an ensemble into blocks, hands each to one thread, and asks for the weights at the
    records. A block is whatever the trainer makes of it: nobody else looks inside. Threads share the
    trainer, so it must keep what changes in the block.
    """

    def block(self, state: np.ndarray, layers: Layers) -> Any:
        """A block that starts at ``layers``, arrays (replica, rows, columns) that it must not change.

        ``state``, shape (4, 64), uint64: column r is entropy of the block's replica r alone, the same
        whatever the size of the ensemble. Kernels take it as the state of `streams.fill_normal`;
        `numpy.random.default_rng` takes a column.
        """

    def advance(self, block: Any, first: int, last: int) -> None:
        """Steps ``first`` to ``last`` - 1, in place; none if they are equal."""

    def layers(self, block: Any) -> Layers:
        """Present weights, replicas in the order in which the block began; more behind them do no harm."""

    def failed(self, block: Any, steps: int) -> np.ndarray:
        """Step at whose weights each replica diverged, -1 where it did not, shape (replica,).

        Called once, after the last step, ``steps``.
        """


class Model(Protocol):
    """What `sgd.train` trains: the members that every model has.

    `GaussianRBM`, `LinearNetwork` and `ActivationNetwork` are such models. One of your own is any object with
    these members and a method ``trainer(optimiser, seed)`` that returns a `Trainer`; it is not registered
    anywhere. `sgd.OptionalMembers` lists what it may have beside them, and who asks for that. Attributes and
    properties are equally good. A model must not change while it is trained.

    Examples
    --------
    The mean of Gaussian samples. The trainer gives every replica random numbers of its own, so results do not
    depend on the number of threads, and leaves the optimiser's rule to the optimiser:

    >>> import numpy as np
    >>> import sgd
    >>> class Mean:
    ...     '''Loss ½|W - x|² of samples x ~ N(a, 1); W, shape (1, n), learns a.'''
    ...
    ...     name, matrix, diverged = "mean", "WᵀW", "never"
    ...
    ...     def __init__(self, a):
    ...         self.a = np.array([a], dtype=float)
    ...         self.shapes, self.modes = (self.a.shape,), self.a.size
    ...         self.target_spectrum = self.spectra(self.a[None])[0]
    ...
    ...     def parameters(self):
    ...         return {"a": self.a.tolist()}
    ...
    ...     def check_optimiser(self, optimiser):
    ...         if optimiser.learning_rate >= 2.0:
    ...             raise ValueError(f"learning_rate must be below 2, got {optimiser.learning_rate:g}")
    ...
    ...     def observed(self, layers):
    ...         return layers[0]
    ...
    ...     def spectra(self, weights):
    ...         return np.linalg.eigvalsh(weights.swapaxes(-1, -2) @ weights)[:, ::-1]
    ...
    ...     def trainer(self, optimiser, seed):
    ...         return MeanTrainer(self.a, optimiser)
    >>> class MeanTrainer:
    ...     def __init__(self, a, optimiser):
    ...         self.a, self.optimiser = a, optimiser
    ...
    ...     def block(self, state, layers):
    ...         w = layers[0]
    ...         draws = [np.random.default_rng(entropy) for entropy in state.T[: len(w)]]
    ...         return {"w": w, "v": np.zeros_like(w), "draws": draws}
    ...
    ...     def advance(self, block, first, last):
    ...         size = (self.optimiser.batch_size, *self.a.shape)
    ...         for _ in range(first, last):
    ...             x = np.array([rng.normal(self.a, size=size).mean(axis=0) for rng in block["draws"]])
    ...             block["w"], block["v"] = self.optimiser.step(block["w"], block["v"], block["w"] - x)
    ...
    ...     def layers(self, block):
    ...         return (block["w"],)
    ...
    ...     def failed(self, block, steps):
    ...         return np.full(len(block["w"]), -1)
    >>> run = sgd.train(Mean([1.0, 2.0]), 0.1, batch_size=8, steps=300, replicas=100, momentum=0.5, seed=1)
    >>> run["target"].values
    array([5., 0.])
    >>> 4.5 < float(run["eigenvalue"][:, -1, 0].mean()) < 5.5
    True
    """

    @property
    def name(self) -> str:
        """Of the kind of model, in the results' attributes: "gaussian_rbm"."""

    @property
    def matrix(self) -> str:
        """Whose eigenvalues are recorded: "WᵀW" or "W"."""

    @property
    def diverged(self) -> str:
        """Why a replica's run ends, in the results' attributes."""

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """Shapes (rows, columns) of the trained weight matrices, from the input on."""

    @property
    def modes(self) -> int:
        """Number of eigenvalues that are recorded."""

    @property
    def target_spectrum(self) -> np.ndarray:
        """What they tend to without noise and weight decay, descending, shape (modes,)."""

    def parameters(self) -> dict[str, Any]:
        """Everything that defines the model, as plain numbers, strings and lists."""

    def check_optimiser(self, optimiser: Optimiser) -> None:
        """ValueError where the noiseless map is unstable, or the model does not know an option."""

    def observed(self, layers: Layers) -> np.ndarray:
        """The matrix whose spectrum is recorded, shape (replica, row, column)."""

    def spectra(self, weights: np.ndarray) -> np.ndarray:
        """Eigenvalues of `matrix`, descending, shape (replica, modes); NaN where it is not finite.

        `sgd.spectra.gram_spectra` and `symmetric_spectra` are those of WᵀW and of (W + Wᵀ)/2.
        """


class OptionalMembers(Protocol):
    """What a model may have beside the members of `Model`: who asks for it, and what is taken else."""

    def trainer(self, optimiser: Optimiser, seed: int) -> Trainer:
        """For `train`: what carries it through its steps; ValueError where that cannot be.

        Models of this package have their trainers in the table of `sgd.trainers` instead. ``seed`` is that
        of the run, for what all replicas share.
        """

    @property
    def leaves_zero(self) -> bool:
        """Whether training moves weights that are exactly zero; else True."""

    @property
    def symmetric(self) -> bool:
        """Whether random first weights are made symmetric; else False."""

    @property
    def shared_data(self) -> bool:
        """Whether all replicas train on one data set, as the results' attributes then say; else False."""

    def check_weights(self, layers: Layers) -> None:
        """ValueError where the model is not defined at these weights; else it is everywhere."""

    def fixed_point(self, weight_decay: float = 0.0) -> Layers:
        """Weights at which the mean gradient and the decay balance, arrays (rows, columns).

        For initial="fixed-point", and for weight decay, which moves the target; else both are refused.
        """

    def gradients(
        self, weights: np.ndarray, samples: int, rng: np.random.Generator, updates: int
    ) -> np.ndarray:
        """Gradients of single samples at W (row, col), shape (samples, row, col), for one trained layer.

        Where successive gradients depend on one another, each is the mean over ``updates`` in a row.
        For `sgd.noise`, which else refuses the model.
        """

    def default_updates(self, weights: np.ndarray) -> int:
        """Updates in a row that forget the first one, for `sgd.noise`; else 1: samples are independent."""
