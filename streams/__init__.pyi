"""What is public; `__init__` imports a name when it is first asked for."""

from .fill import fill_exponential, fill_normal
from .gamma import fill_gamma
from .seeds import LANES, blocks, generator, kernel, new_entropy, seed_of_text, states, subseed

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
