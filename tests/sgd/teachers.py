"""Networks that the tests of `sgd` train: drawn here, whatever the package would draw."""

from __future__ import annotations

import numpy as np

import sgd


def activation_network(
    hidden: int, features: int, inputs: int, outputs: int, seed: int = 0, **options
) -> sgd.ActivationNetwork:
    """Independent normal entries of variance 1/columns in W_t, M and Z, as `ActivationNetwork.random` has."""
    rng = np.random.default_rng(seed)
    shapes = (hidden, features), (features, inputs), (outputs, hidden)
    return sgd.ActivationNetwork(*(rng.normal(size=shape) / np.sqrt(shape[1]) for shape in shapes), **options)
