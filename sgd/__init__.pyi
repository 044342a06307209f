"""What is public; `__init__` imports a name when it is first asked for."""

from .activation.model import ActivationNetwork
from .data import ring_scalar_field
from .linear.model import LinearNetwork
from .noise import noise
from .optimiser import Optimiser
from .phase import phase_cost, phase_diagram
from .protocol import Layers, Model, OptionalMembers, Trainer
from .rbm.model import GaussianRBM
from .start import initial_weights
from .train import train

__all__ = [
    "ActivationNetwork",
    "GaussianRBM",
    "Layers",
    "LinearNetwork",
    "Model",
    "Optimiser",
    "OptionalMembers",
    "Trainer",
    "initial_weights",
    "noise",
    "phase_cost",
    "phase_diagram",
    "ring_scalar_field",
    "train",
]
