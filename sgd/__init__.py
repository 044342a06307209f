"""Experiment: real training by stochastic gradient descent, recorded as spectra of the weights.

It imports nothing of the theory it is compared with.
"""

from sgd.data import ring_scalar_field
from sgd.linear import LinearNetwork
from sgd.noise import noise
from sgd.rbm import GaussianRBM
from sgd.start import initial_weights
from sgd.train import train

__all__ = ["GaussianRBM", "LinearNetwork", "initial_weights", "noise", "ring_scalar_field", "train"]
