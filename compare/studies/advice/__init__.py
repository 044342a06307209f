"""Which learning rate to take at another batch size, from a measured grid of both."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
