"""The optimiser: one noun for `sgd.train`, the kernels and the literal twins, with its rule in plain NumPy.

`sgd.optimiser_kernels` has the same rule compiled, in the forms that kernels need. A further optimiser is a
further field here and its rule in these two files.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Optimiser(NamedTuple):
    """How weights follow the gradient: v ← m v − α (g + λ W), W ← W + v, from v = 0 on.

    A plain tuple of numbers, so that kernels take it as it is (``c.optimiser.momentum``).

    Parameters
    ----------
    learning_rate : float
        α > 0.
    batch_size : int
        |B|: g is the mean over so many samples.
    momentum : float
        m, 0 <= m < 1.
    weight_decay : float
        λ >= 0.
    """

    learning_rate: float
    batch_size: int
    momentum: float = 0.0
    weight_decay: float = 0.0

    @property
    def time_step(self) -> float:
        """Gradient-flow time of one step, α/(1 − m)."""
        return self.learning_rate / (1.0 - self.momentum)

    def step(
        self, weights: np.ndarray, velocity: np.ndarray, gradient: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """New weights and velocity, from the mini-batch's mean gradient g; arrays of one shape."""
        pull = gradient + self.weight_decay * weights
        velocity = self.momentum * velocity - self.learning_rate * pull
        return weights + velocity, velocity
