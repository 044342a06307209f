"""What is public; `__init__` imports a name when it is first asked for."""

from . import advice, campaign

__all__ = ["advice", "campaign"]
