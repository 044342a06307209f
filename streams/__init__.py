"""Random streams: one per replica, reproducible to the last bit.

The one thing theory and experiment share. It knows nothing of either: it turns
``(seed, name, replica)`` into a generator state and fills rows of numbers inside
numba kernels, with the replica as the fastest axis.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
