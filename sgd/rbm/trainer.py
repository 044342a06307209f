"""Blocks of Gaussian RBMs: their memory and their steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sgd.rbm.kernels import PERSISTENT, Block, Setting, advance, start_chains
from sgd.rbm.model import MODEL_AVERAGES, GaussianRBM
from sgd.trainer import Layers, Optimiser, aligned, gram_spectra
from streams import LANES


@dataclass(frozen=True)
class RBMTrainer:
    """`sgd.trainer.Trainer` of a `GaussianRBM`."""

    model: GaussianRBM
    optimiser: Optimiser

    @property
    def common(self) -> Setting:
        """What all replicas share."""
        return setting(self.model, self.optimiser.learning_rate, self.optimiser.batch_size)

    def block(self, state: np.ndarray, layers: Layers) -> Block:
        b = new_block(self.model, self.optimiser.batch_size, state, layers[0])
        if self.common.average == PERSISTENT:
            start_chains(b, self.common)
        return b

    def advance(self, block: Block, first: int, last: int) -> None:
        advance(block, self.common, first, last)

    def layers(self, block: Block) -> Layers:
        return (block.weights.transpose(2, 0, 1),)

    def failed(self, block: Block, steps: int) -> np.ndarray:
        # steps test the weights they start from; nobody has tested the last ones
        largest = gram_spectra(block.weights.transpose(2, 0, 1))[:, 0]
        beyond = ~(self.common.sigma2 * largest < self.common.mu2)
        block.failed[beyond & (block.failed < 0)] = steps
        return block.failed


def setting(model: GaussianRBM, learning_rate: float, batch_size: int) -> Setting:
    """What the kernels need to know that all replicas share."""
    return Setting(
        average=MODEL_AVERAGES.index(model.model_average),
        fresh_data=model.data == "batch",
        sweeps=model.sweeps,
        batch=batch_size,
        mu2=model.mu2,
        sigma2=model.sigma_h**2,
        rate=learning_rate,
    )


def new_block(model: GaussianRBM, batch_size: int, state: np.ndarray, weights: np.ndarray) -> Block:
    """Memory for one block that starts at ``weights`` (replica, n_hidden, n_visible), <= LANES of them."""

    def zeros(*shape: int) -> np.ndarray:
        return aligned(*shape, LANES)

    def filled(matrix: np.ndarray) -> np.ndarray:
        out = zeros(*matrix.shape[:2])
        out[:] = matrix
        return out

    n, rank = model.n_visible, min(model.n_visible, batch_size)
    padded = weights[np.minimum(np.arange(LANES), len(weights) - 1)]
    generator = aligned(*state.shape, dtype=np.uint64)
    generator[:] = state
    return Block(
        state=generator, weights=filled(padded.transpose(1, 2, 0)), spare=zeros(2, n),
        failed=np.full(LANES, -1), valid=zeros(), ones=filled(np.ones((1, 1, 1))),
        precision=zeros(n, n), reciprocal=zeros(n, 1),
        sweep=zeros(2 * n, n), r=zeros(n, n), sum=zeros(n, n), product=zeros(n, n),
        chains=zeros(rank, 2 * n + 1), draw=zeros(rank, n + 1), rest=zeros(n, n + 1), gamma=zeros(n + 1),
        samples=zeros(2 * rank, n), moment=zeros(n, n),
        data=filled(model.covariance[:, :, None]),
        data_factor=filled(np.linalg.cholesky(model.covariance).T[:, :, None]),
        data_samples=zeros(rank, n),
    )  # fmt: skip
