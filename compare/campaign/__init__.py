"""Campaigns: grids of ensembles that survive interruptions, scale out, and end in verdicts."""

from compare.campaign.definition import Campaign, Cell
from compare.campaign.executors import executor_of
from compare.campaign.plan import Plan, plan
from compare.campaign.planes import plane
from compare.campaign.runner import Outcome, run
from compare.campaign.store import Store
from compare.campaign.view import judged, open_campaign, spectra

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
