"""The tables of docs/calibration.md: python docs/examples/calibration.py [repetitions]

By default 1000 checks of the true theory for each of two margins, and 300 for each error of theory and
margin, of 200 replicas each; about three minutes on two free cores.
"""

from __future__ import annotations

import os
import sys

from compare.verdict.calibration import calibration, false_alarms, summary

WORKERS = os.cpu_count() or 1
ZERO = 1e-9
"""Margin without any tolerance: every row is then a test of deviation 0."""

ERRORS = (
    ("g 5 % too large", {"noise": 1.05}),
    ("k 5 % too large", {"rate": 1.05}),
    ("g 10 % too large", {"noise": 1.1}),
    ("k 10 % too large", {"rate": 1.1}),
    ("experiment at β = 2", {"beta": 2}),
)
MARGINS = (("none", ZERO), ("1 %", 0.01), ("default", None))


def true_theory(repetitions: int) -> None:
    """Coverage, uniformity and false alarms."""
    plain = calibration(repetitions, margin=ZERO, workers=WORKERS)
    tolerant = calibration(repetitions, workers=WORKERS)
    print(f"{repetitions} repetitions; intervals at 95 %\n")
    print("| level | quantity | rows | coverage | KS distance | p | differs, margin 0 | differs | agrees |")
    print("|---|---|---|---|---|---|---|---|---|")
    for a, b in zip(summary(plain), summary(tolerant), strict=True):
        print(
            f"| {a['level']} | {a['quantity']} | {a['rows']} | {a['coverage']:.3f} ± {a['coverage_se']:.3f} "
            f"| {a['distance']:.3f} | {a['uniform']:.2g} | {a['differs']:.3f} | {b['differs']:.3f} "
            f"| {b['agrees']:.3f} |"
        )
    print("\n| margin | level | family | a row differs | any row of the level does |")
    print("|---|---|---|---|---|")
    for name, result in (("0", plain), ("default", tolerant)):
        for (level, family), (row, any_row) in false_alarms(result).items():
            print(f"| {name} | {level} | {family} | {row:.4f} | {any_row:.3f} |")


def wrong_theory(repetitions: int) -> None:
    """Share of rows that say "differs", by quantity, against the closed form and the sampled level."""
    for name, options in ERRORS:
        print(f"\n{name}; {repetitions} repetitions; share differs: pair / matrix\n")
        found = [summary(calibration(repetitions, margin=m, workers=WORKERS, **options)) for _, m in MARGINS]
        tables = [{(r["level"], r["quantity"]): r["differs"] for r in rows} for rows in found]
        print("| quantity | " + " | ".join(f"margin {label}" for label, _ in MARGINS) + " |")
        print("|---|" + "---|" * len(MARGINS))
        for quantity in dict.fromkeys(q for level, q in tables[0] if level == "pair"):
            cells = [f"{t['pair', quantity]:.2f} / {t['matrix', quantity]:.2f}" for t in tables]
            print(f"| {quantity} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    true_theory(count)
    wrong_theory(max(2, 3 * count // 10))
