"""What is public; `__init__` imports a name when it is first asked for."""

from .activation.model import ActivationNetwork as ActivationNetwork
from .data import ring_scalar_field as ring_scalar_field
from .linear.model import LinearNetwork as LinearNetwork
from .noise import noise as noise
from .optimiser import Optimiser as Optimiser
from .phase import (
    phase_cost as phase_cost,
    phase_diagram as phase_diagram,
)
from .protocol import (
    Layers as Layers,
    Model as Model,
    OptionalMembers as OptionalMembers,
    Trainer as Trainer,
)
from .rbm.model import GaussianRBM as GaussianRBM
from .start import initial_weights as initial_weights
from .train import train as train
