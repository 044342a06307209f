"""What is public; `__init__` imports a name when it is first asked for."""

from .fill import (
    fill_exponential as fill_exponential,
    fill_normal as fill_normal,
)
from .gamma import fill_gamma as fill_gamma
from .seeds import (
    LANES as LANES,
    blocks as blocks,
    generator as generator,
    kernel as kernel,
    new_entropy as new_entropy,
    seed_of_text as seed_of_text,
    states as states,
    subseed as subseed,
)
