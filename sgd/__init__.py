"""Experiment: real training by stochastic gradient descent, recorded as spectra of the weights.

It imports nothing of the theory it is compared with.
"""

from sgd.activation.model import ActivationNetwork
from sgd.data import ring_scalar_field
from sgd.linear.model import LinearNetwork
from sgd.noise import noise
from sgd.phase import phase_cost, phase_diagram
from sgd.rbm.model import GaussianRBM
from sgd.start import initial_weights
from sgd.train import train

__all__ = [
    "ActivationNetwork",
    "GaussianRBM",
    "LinearNetwork",
    "initial_weights",
    "noise",
    "phase_cost",
    "phase_diagram",
    "ring_scalar_field",
    "train",
]
