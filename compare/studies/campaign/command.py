"""What ``dyson-sgd campaign run | status | resume | report`` do."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from compare.studies.campaign.definition import Campaign
from compare.studies.campaign.executors import executor_of
from compare.studies.campaign.page import progress_of, sections, stops
from compare.studies.campaign.plan import duration, plan, size_of
from compare.studies.campaign.runner import Outcome, run
from compare.studies.campaign.store import Store
from compare.studies.shell import session


def begin(args: argparse.Namespace) -> int:
    """``campaign run``."""
    campaign = Campaign.read(args.file)
    print(f"{campaign.name}: {plan(campaign)}", flush=True)
    if args.dry_run:
        return 0
    return _work(args, campaign, Path(args.out or campaign.name))


def resume(args: argparse.Namespace) -> int:
    """``campaign resume``."""
    return _work(args, Store(args.store).campaign(), Path(args.store))


def _work(args: argparse.Namespace, campaign: Campaign, path: Path) -> int:
    executor = executor_of(args.workers, args.processes, args.scheduler)
    outcome = run(campaign, path, executor, seconds=args.seconds, progress=sys.stderr.isatty())
    print(told(outcome, path))
    return session.INTERRUPTED if outcome.reason == "interrupted" else 0


def told(outcome: Outcome, path: Path) -> str:
    """How a run ended, and what to do next."""
    chunks = f"{outcome.ran} chunks in {duration(outcome.seconds)}, {outcome.found} were there"
    if outcome.complete:
        return f"complete: {chunks}; `dyson-sgd campaign report {path}` writes a page"
    why = {"interrupted": "interrupted", "time": "time is up"}.get(outcome.reason, outcome.reason)
    return f"{why}: {chunks}, {outcome.missing} are missing; `dyson-sgd campaign resume {path}` goes on"


def status(args: argparse.Namespace) -> int:
    """``campaign status``: how far it is, the time left, what stopped; exit code 1 if a chunk is damaged."""
    store = Store(args.store)
    campaign = store.campaign()
    total, done = progress_of(store, campaign)
    print(f"{campaign.name}: {done} of {total} chunks complete, {len(campaign.cells)} cells, ", end="")
    print(f"about {size_of(campaign) / 1e6:.3g} MB when complete")
    print(f"{running(store)}{left(store, total - done)}")
    for row in (stops(store, campaign) or [])[1:]:
        print(f"stopped: {row[0]}: {row[1]}")
    if not args.verify:
        return 0
    damaged = store.verify()
    for name in damaged:
        store.forget(name)
        print(f"damaged: {name}; `dyson-sgd campaign resume {args.store}` makes it again")
    print(f"{done - len(damaged)} chunks are as they were written; SHA-256 of all: {store.digest()}")
    return 1 if damaged else 0


def running(store: Store) -> str:
    """Whether a run is at work."""
    try:
        with store.lock():
            return "not running"
    except BlockingIOError:
        return "running"


def left(store: Store, missing: int) -> str:
    """Time left, at the pace of the last run."""
    if missing == 0:
        return "; nothing is missing"
    lines = store.journal.read()
    begun = max((k for k, line in enumerate(lines) if line["event"] == "run"), default=None)
    if begun is None:
        return "; not begun"
    chunks = [line for line in lines[begun:] if line["event"] == "chunk"]
    if not chunks:
        return f"; {missing} chunks are missing"
    ended = lines[-1]["event"] == "end"
    until = chunks[-1]["time"] if ended else time.time()
    pace = (until - lines[begun]["time"]) / len(chunks)
    return f"; {missing} chunks are missing, about {duration(pace * missing)} at the pace of the last run"


def report(args: argparse.Namespace) -> int:
    """``campaign report``."""
    store = Path(args.store)
    begun = session.begin(args, f"{store.name}-report")
    campaign = Store(store).campaign()
    found, numbers = sections(store)
    lead = f"Campaign {campaign.name}: {len(campaign.cells)} cells, up to {campaign.replicas} replicas each."
    beside = "Beside this page: summary.json. The spectra are in the campaign's store."
    for row in found[0].table or []:
        print("  ".join(row))
    return begun.end_plain(f"Campaign {campaign.name}", lead, found, beside, numbers)
