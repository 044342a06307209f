"""Figures of an experiment with its levels of theory; each is a plain matplotlib Figure.

The caption of a figure is its label, ``figure.get_label()``. Nothing global is changed: no rcParams,
no pyplot, no backend.
"""

from compare.plots.closeup import pair_closeup
from compare.plots.deviations import deviations, widths
from compare.plots.growth import growth
from compare.plots.overview import overview
from compare.plots.scene import Scene, scene
from compare.plots.spacings import spacing
from compare.plots.spectrum import spectrum
from compare.plots.svg import svg

__all__ = [
    "Scene",
    "deviations",
    "growth",
    "overview",
    "pair_closeup",
    "scene",
    "spacing",
    "spectrum",
    "svg",
    "widths",
]
