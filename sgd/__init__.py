"""Experiment: real training by stochastic gradient descent, recorded as spectra of the weights.

It imports nothing of the theory it is compared with.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
