"""Blocks of Gaussian RBMs: their memory and their steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sgd.memory import copy_of_state, in_all_lanes, lanes, whole_block
from sgd.optimiser import Optimiser
from sgd.protocol import Layers
from sgd.rbm.kernels import PERSISTENT, Block, Setting, advance, start_chains
from sgd.rbm.model import MODEL_AVERAGES, GaussianRBM
from sgd.spectra import gram_spectra
from streams import LANES


@dataclass(frozen=True)
class RBMTrainer:
    """`sgd.Trainer` of a `GaussianRBM`."""

    model: GaussianRBM
    optimiser: Optimiser
    seed: int = 0  # of no use here: replicas share nothing random

    @property
    def common(self) -> Setting:
        """What all replicas share."""
        return setting(self.model, self.optimiser)

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


def setting(model: GaussianRBM, optimiser: Optimiser) -> Setting:
    """What the kernels need to know that all replicas share."""
    return Setting(
        average=MODEL_AVERAGES.index(model.model_average),
        fresh_data=model.data == "batch",
        sweeps=model.sweeps,
        optimiser=optimiser,
        mu2=model.mu2,
        sigma2=model.sigma_h**2,
    )


def new_block(model: GaussianRBM, batch_size: int, state: np.ndarray, weights: np.ndarray) -> Block:
    """Memory for one block that starts at ``weights`` (replica, n_hidden, n_visible), <= LANES of them."""
    n, rank = model.n_visible, min(model.n_visible, batch_size)
    w = lanes(model.n_hidden, n)
    w[:] = whole_block(weights).transpose(1, 2, 0)
    return Block(
        state=copy_of_state(state), weights=w, spare=lanes(2, n),
        failed=np.full(LANES, -1), valid=lanes(), ones=in_all_lanes(np.ones((1, 1))),
        precision=lanes(n, n), reciprocal=lanes(n, 1),
        sweep=lanes(2 * n, n), r=lanes(n, n), sum=lanes(n, n), product=lanes(n, n),
        chains=lanes(rank, 2 * n + 1), draw=lanes(rank, n + 1), rest=lanes(n, n + 1), gamma=lanes(n + 1),
        samples=lanes(2 * rank, n), moment=lanes(n, n),
        data=in_all_lanes(model.covariance),
        data_factor=in_all_lanes(np.linalg.cholesky(model.covariance).T),
        data_samples=lanes(rank, n),
    )  # fmt: skip
