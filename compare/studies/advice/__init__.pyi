"""What is public; `__init__` imports a name when it is first asked for."""

from .advise import advise as advise
from .result import (
    Advice as Advice,
    Advised as Advised,
    Cell as Cell,
    Fit as Fit,
    Limit as Limit,
)
