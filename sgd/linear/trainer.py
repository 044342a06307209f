"""Blocks of linear networks: their memory, their data sets, their steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sgd.linear.kernels import BEYOND, DATA_SET, EXACT, FRESH, LABEL, Block, Setting, advance, draw_data_set
from sgd.linear.model import NOISES, LinearNetwork
from sgd.memory import aligned, copy_of_state, in_all_lanes, lanes, whole_block
from sgd.optimiser import Optimiser
from sgd.protocol import Layers
from streams import LANES, generator

MOST_BYTES = 4 << 30
"""Largest data set of one block of replicas."""


@dataclass(frozen=True)
class LinearTrainer:
    """`sgd.Trainer` of a `LinearNetwork`."""

    model: LinearNetwork
    optimiser: Optimiser
    seed: int

    def __post_init__(self) -> None:
        if self.model.samples is None:
            return
        columns = self.model.factor.shape[1] + self.outputs + self.entries
        size = self.model.samples * columns * LANES * 8
        if size > MOST_BYTES:
            raise ValueError(
                f"samples: a data set of {self.model.samples} takes {size / 2**30:.3g} GiB a block of "
                f"{LANES} replicas, more than {MOST_BYTES >> 30}; use fewer samples or fresh batches"
            )

    @property
    def outputs(self) -> int:
        """K."""
        return len(self.model.teacher if self.model.output is None else self.model.output)

    @property
    def entries(self) -> int:
        """Numbers that one sample's gradient noise takes."""
        shapes = self.model.shapes
        if self.model.noise == "symmetric":
            return shapes[0][0] * (shapes[0][0] + 1) // 2
        return sum(m * n for m, n in shapes) if self.model.noise == "isotropic" else 0

    @property
    def common(self) -> Setting:
        """What all replicas share."""
        m = self.model
        fresh = FRESH if m.data == "batch" else EXACT
        return Setting(
            noise=NOISES.index(m.noise),
            source=fresh if m.samples is None else DATA_SET,
            shuffled=m.order == "shuffled",
            shared=m.shared_data,
            white=m.covariance is None,
            output=m.output is not None,
            symmetric=m.symmetric,
            optimiser=self.optimiser,
            eps=m.eps,
            sizes=np.array([m.teacher.shape[1], *m.hidden, m.teacher.shape[0]]),
            outputs=self.outputs,
        )

    def block(self, state: np.ndarray, layers: Layers) -> Block:
        b = self._memory(state)
        for number, w in enumerate(layers):
            b.weights[number, : w.shape[1], : w.shape[2]] = whole_block(w).transpose(1, 2, 0)
        if self.common.source == EXACT:
            r = b.goal.shape[1]
            b.rows[:r, :r] = np.sqrt(self.optimiser.batch_size) * np.eye(r)[:, :, None]
        if self.common.source == DATA_SET:
            if self.model.shared_data:
                self._share(b)
            b.order[:] = np.arange(len(b.order))[:, None]
            draw_data_set(b, self.common, b.goal.shape[1], self.entries)
        return b

    def _memory(self, state: np.ndarray) -> Block:
        model, c = self.model, self.common
        f, k, entries = model.factor, self.outputs, self.entries
        r, layers, width = f.shape[1], len(model.shapes), max(*c.sizes.tolist(), 1)
        samples = model.samples or 0
        batch, own = self.optimiser.batch_size, (1,) if model.shared_data else (LANES,)
        count = batch if samples else max(1, min(batch, r)) if c.source == FRESH else r
        z = np.eye(len(model.teacher)) if model.output is None else model.output
        moving = width if self.optimiser.momentum else 1
        hidden = lanes(layers + 1, width, r)
        hidden[0, : len(f)] = f[..., None]
        return Block(
            state=copy_of_state(state), failed=np.full(LANES, -1), weights=lanes(layers, width, width),
            velocity=lanes(layers, moving, moving),
            gradient=lanes(width, width), hidden=hidden, backward=lanes(2, width, r),
            goal=in_all_lanes(z @ model.teacher @ f), output=in_all_lanes(z), error=lanes(k, r),
            moment=lanes(k, r), rows=lanes(count, r + 1), label=lanes(count, k + 1), gamma=lanes(r + 1),
            kick=lanes(max(entries, 1) + 1), data=aligned(samples, r, *own),
            data_label=aligned(samples, k if c.noise == LABEL else 0, *own),
            data_kick=lanes(samples, entries), order=np.zeros((samples, LANES), dtype=np.int64),
        )  # fmt: skip

    def _share(self, b: Block) -> None:
        """The one data set, a function of the seed alone."""
        rng = generator(self.seed, "sgd data")
        b.data[:] = rng.standard_normal(b.data.shape)
        b.data_label[:] = rng.standard_normal(b.data_label.shape)

    def advance(self, block: Block, first: int, last: int) -> None:
        advance(block, self.common, first, last)

    def layers(self, block: Block) -> Layers:
        return tuple(
            block.weights[number, :m, :n].transpose(2, 0, 1)
            for number, (m, n) in enumerate(self.model.shapes)
        )

    def failed(self, block: Block, steps: int) -> np.ndarray:
        # steps test the weights they start from; nobody has tested the last ones
        largest = np.max([np.abs(w).max(axis=(1, 2)) for w in self.layers(block)], axis=0)
        block.failed[~(largest < np.sqrt(BEYOND)) & (block.failed < 0)] = steps
        return block.failed
