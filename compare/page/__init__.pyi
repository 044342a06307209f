"""What is public; `__init__` imports a name when it is first asked for."""

from .report import report as report
from .section import Section as Section
