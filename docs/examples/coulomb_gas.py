"""The figures of docs/coulomb-gas.md and docs/large-n.md: python docs/examples/coulomb_gas.py

Writes gas-sizes.png, gas-in-time.png and double-well.png into docs/figures; about three minutes.
"""

from __future__ import annotations

import os
from pathlib import Path

import dyson
from compare.studies.gas.command import TIMES, distances, in_time
from compare.studies.gas.figures import gas_figure, gas_in_time_figure, gas_sizes_figure
from compare.studies.gas.study import gas_study

FOLDER = Path(__file__).parents[1] / "figures"
WORKERS = os.cpu_count() or 1
WELL = "x**4/4 - x**2"


def main() -> None:
    """Draw all three."""
    study = gas_study(seed=1, workers=WORKERS)
    for row in study.table():
        print("| " + " | ".join(row) + " |")
    paths, limit = in_time(1.0, 1, WORKERS)
    print("distances in time:", " ".join(f"{d:.2g}" for d in distances(paths, limit)))
    well = dyson.CoulombGas(100, WELL, beta=2.0, g2=0.01).sample(1000, seed=1)
    figures = {
        "gas-sizes": gas_sizes_figure(study),
        "gas-in-time": gas_in_time_figure(paths, limit.at, TIMES),
        "double-well": gas_figure(well, dyson.equilibrium(WELL, 2.0)),
    }
    for name, figure in figures.items():
        figure.savefig(FOLDER / f"{name}.png", dpi=110, facecolor="white")


if __name__ == "__main__":
    main()
