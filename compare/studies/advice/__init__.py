"""Which learning rate to take at another batch size, from a measured grid of both."""

from compare.studies.advice.advise import advise
from compare.studies.advice.result import Advice, Advised, Cell, Fit, Limit

__all__ = ["Advice", "Advised", "Cell", "Fit", "Limit", "advise"]
