"""What is public; `__init__` imports a name when it is first asked for."""

from .report import report
from .section import Section

__all__ = ["Section", "report"]
