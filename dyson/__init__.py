"""Theory: eigenvalue SDEs of weight matrices under SGD, their integrators and their laws."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
