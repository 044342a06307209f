"""What is public; `__init__` imports a name when it is first asked for."""

from . import (
    advice as advice,
    campaign as campaign,
)
