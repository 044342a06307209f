"""What is public; `__init__` imports a name when it is first asked for."""

from .definition import Campaign, Cell
from .executors import executor_of
from .plan import Plan, plan
from .planes import plane
from .runner import Outcome, run
from .store import Store
from .view import judged, open_campaign, spectra

__all__ = [
    "Campaign",
    "Cell",
    "Outcome",
    "Plan",
    "Store",
    "executor_of",
    "judged",
    "open_campaign",
    "plan",
    "plane",
    "run",
    "spectra",
]
