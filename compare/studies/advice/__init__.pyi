"""What is public; `__init__` imports a name when it is first asked for."""

from .advise import advise
from .result import Advice, Advised, Cell, Fit, Limit

__all__ = ["Advice", "Advised", "Cell", "Fit", "Limit", "advise"]
