"""Closed-form laws of eigenvalues and spacings.

Small frozen dataclasses with one interface: ``pdf, cdf, sf, ppf, rvs, moment,
moments, fit``. See `Law` for what they share and for the conventions.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
