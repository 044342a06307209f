"""Experiment: real training of real models by stochastic gradient descent, in large ensembles."""

from sgd.data import ring_scalar_field
from sgd.rbm import GaussianRBM
from sgd.train import initial_weights, train

__all__ = ["GaussianRBM", "initial_weights", "ring_scalar_field", "train"]
