"""The figure of docs/campaigns.md from a finished campaign: python docs/examples/campaign.py STORE

Writes where-theory-holds.png into docs/figures; seconds.
"""

from __future__ import annotations

import sys
from pathlib import Path

from compare.studies.campaign import Store
from compare.studies.campaign.figures import verdict_planes
from compare.studies.campaign.page import planes_of, table_of

FIGURE = Path(__file__).parents[1] / "figures" / "where-theory-holds.png"


def main() -> None:
    """Draw it, and print the table as Markdown."""
    path = sys.argv[1]
    planes = planes_of(path, Store(path).campaign())
    for row in table_of(planes):
        print("| " + " | ".join(row) + " |")
    verdict_planes(planes).savefig(FIGURE, dpi=100, facecolor="white")


if __name__ == "__main__":
    main()
