"""Campaigns: grids of ensembles that survive interruptions, scale out, and end in verdicts."""

from compare.studies.campaign.definition import Campaign, Cell
from compare.studies.campaign.executors import executor_of
from compare.studies.campaign.plan import Plan, plan
from compare.studies.campaign.planes import plane
from compare.studies.campaign.runner import Outcome, run
from compare.studies.campaign.store import Store
from compare.studies.campaign.view import judged, open_campaign, spectra

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
