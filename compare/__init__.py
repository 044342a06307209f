"""Theory against experiment: one layout, one tree, and a verdict with error bars."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
