"""What is public; `__init__` imports a name when it is first asked for."""

from .definition import (
    Campaign as Campaign,
    Cell as Cell,
)
from .executors import executor_of as executor_of
from .plan import (
    Plan as Plan,
    plan as plan,
)
from .planes import plane as plane
from .runner import (
    Outcome as Outcome,
    run as run,
)
from .store import Store as Store
from .view import (
    judged as judged,
    open_campaign as open_campaign,
    spectra as spectra,
)
