"""Random streams: one per replica, reproducible to the last bit.

The one thing theory and experiment share. It knows nothing of either: it turns
``(seed, name, replica)`` into a generator state and fills rows of numbers inside
numba kernels, with the replica as the fastest axis.
"""

from streams.fill import fill_exponential, fill_normal
from streams.gamma import fill_gamma
from streams.seeds import LANES, blocks, generator, kernel, new_entropy, seed_of_text, states, subseed

__all__ = [
    "LANES",
    "blocks",
    "fill_exponential",
    "fill_gamma",
    "fill_normal",
    "generator",
    "kernel",
    "new_entropy",
    "seed_of_text",
    "states",
    "subseed",
]
