"""What ``dyson-sgd advise`` does."""

from __future__ import annotations

import argparse

from compare.studies.advice import advise
from compare.studies.campaign.planes import plane

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """``advise``: which learning rate to take at another batch size."""
    found = advise(
        plane(args.store, args.model),
        args.batch_size,
        reference=args.reference,
        noise_floor=args.noise_floor,
        margin=args.margin,
        confidence=args.confidence,
    )
    print(found.to_json() if args.json else found)
    return 0
