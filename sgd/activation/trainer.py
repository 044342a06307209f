"""Blocks of networks with activations: their memory and their steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sgd.activation.kernels import Block, Setting, advance
from sgd.activation.model import ACTIVATIONS, ActivationNetwork
from sgd.memory import aligned, copy_of_state, whole_block
from sgd.optimiser import Optimiser
from sgd.protocol import Layers
from streams import LANES
from streams.chunks import CHUNK, TILE

CHUNKS = LANES // CHUNK
AHEAD = 2**16
"""Bytes of samples that are drawn in advance, at most, if that is more than two steps."""
MOST_STEPS = 16
MOST_BYTES = 4 << 30
"""Largest block: its samples grow with |B|."""


@dataclass(frozen=True)
class ActivationTrainer:
    """`sgd.Trainer` of an `ActivationNetwork`."""

    model: ActivationNetwork
    optimiser: Optimiser
    seed: int = 0  # of no use here: replicas share nothing random

    def __post_init__(self) -> None:
        (k, l), batch = self.model.teacher.shape, self.optimiser.batch_size
        outputs, inputs = len(self.model.output), self.model.inputs.shape[1]
        samples = min(batch, inputs) if self.model.linear else batch
        size = 8 * samples * (LANES * (inputs + 1 + outputs) + CHUNK * (l + 3 * (k + outputs)))
        if size > MOST_BYTES:
            raise ValueError(
                f"batch_size {batch} takes {size / 2**30:.3g} GiB a block of {LANES} replicas, more than "
                f"{MOST_BYTES >> 30}; use a smaller one"
            )

    @property
    def common(self) -> Setting:
        """What all replicas share."""
        return setting(self.model, self.optimiser)

    def block(self, state: np.ndarray, layers: Layers) -> Block:
        return new_block(self.model, self.optimiser.batch_size, state, layers[0])

    def advance(self, block: Block, first: int, last: int) -> None:
        advance(block, self.common, first, last)

    def layers(self, block: Block) -> Layers:
        rows, columns = self.model.teacher.shape
        w = block.weights[:, :rows, :columns].transpose(0, 3, 1, 2)
        return (w.reshape(LANES, rows, columns),)

    def failed(self, block: Block, steps: int) -> np.ndarray:
        # steps test the weights they start from, so one more tests the last ones; nobody uses the block again
        advance(block, self.common, steps, steps + 1)
        return block.failed.reshape(LANES)


def setting(model: ActivationNetwork, optimiser: Optimiser) -> Setting:
    """What the kernels need to know that all replicas share."""
    return Setting(
        activation=ACTIVATIONS.index(model.activation),
        output_activation=ACTIVATIONS.index(model.output_activation),
        linear=model.linear,
        optimiser=optimiser,
        eps=model.eps,
    )


def new_block(model: ActivationNetwork, batch_size: int, state: np.ndarray, weights: np.ndarray) -> Block:
    """Memory for one block that starts at ``weights`` (replica, K, L), <= LANES of them."""
    (k, l), (outputs, inputs) = model.teacher.shape, (len(model.output), model.inputs.shape[1])
    rows, columns = _whole_tiles(k), _whole_tiles(l)
    samples = min(batch_size, inputs) if model.linear else batch_size
    # at least two: a block of one step can be contiguous, for which the kernels would be compiled again
    ahead = max(2, min(MOST_STEPS, AHEAD // (8 * LANES * samples * (inputs + 1))))

    w = aligned(CHUNKS, rows, columns, CHUNK)
    w[:, :k, :l] = whole_block(weights).reshape(CHUNKS, CHUNK, k, l).transpose(0, 2, 3, 1)
    velocity = aligned(*w.shape)
    draw, noise = aligned(ahead, samples, inputs + 1, LANES), aligned(ahead, _even(samples * outputs), LANES)
    x = draw[:, :, :inputs].reshape(ahead, samples, inputs, CHUNKS, CHUNK)
    eta = noise[:, : samples * outputs].reshape(ahead, samples, outputs, CHUNKS, CHUNK)
    z = _padded(model.output, outputs, rows)
    features, hidden = aligned(samples, columns, CHUNK), aligned(2 * samples, rows, CHUNK)
    answer, delta = aligned(2 * samples, outputs, CHUNK), aligned(samples, rows, CHUNK)
    return Block(
        state=copy_of_state(state), failed=np.full((CHUNKS, CHUNK), -1),
        weights=w, weights_flat=w.reshape(CHUNKS, -1),
        velocity=velocity, velocity_flat=velocity.reshape(CHUNKS, -1),
        draw=draw, noise=noise, gamma=aligned(inputs + 1, LANES),
        x=x.transpose(0, 3, 1, 2, 4), eta=eta.transpose(0, 3, 1, 2, 4),
        inputs=_padded(model.inputs, columns, inputs), teacher=_padded(model.teacher, rows, columns),
        output=z, output_transposed=np.ascontiguousarray(z.T),
        features=features, features_flat=features.reshape(-1), hidden=hidden, hidden_flat=hidden.reshape(-1),
        answer=answer, answer_flat=answer.reshape(-1), error=aligned(samples, outputs, CHUNK),
        delta=delta, delta_flat=delta.reshape(-1),
    )  # fmt: skip


def _whole_tiles(n: int) -> int:
    """Rows are taken TILE at a time. Those added are zero and stay so: φ(0) = 0, and no output sees them."""
    return -(-n // TILE) * TILE


def _even(n: int) -> int:
    return n + n % 2


def _padded(matrix: np.ndarray, rows: int, columns: int) -> np.ndarray:
    out = aligned(rows, columns)
    out[: len(matrix), : matrix.shape[1]] = matrix
    return out
