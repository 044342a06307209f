"""The figures and the shared-data table of docs/linear-networks.md: python docs/examples/linear_networks.py

Writes linear-growth.png, linear-density.png and phase.png into docs/figures; about a minute and a half.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

import dyson
import sgd
from compare.studies.linear.figures import growth_rates, pair_densities
from compare.studies.linear.study import LinearSetting, density_laws, grown, settled
from compare.studies.phase.figures import phase_figure

FOLDER = Path(__file__).parents[1] / "figures"
OUTPUTS = [np.array([1.0, 0.8]), np.array([1.0, 0.3])]
WORKERS = os.cpu_count() or 1


def growth():
    """Growth at the rates of two choices of Z."""
    pairs = [grown(LinearSetting(), z, 80, 50, 500, seed=1) for z in OUTPUTS]
    return growth_rates([run for run, _ in pairs], [fit for _, fit in pairs], OUTPUTS)


def density():
    """The density that each of them leaves, with the laws."""
    quiet = LinearSetting(eps=0.1)
    samples = [settled(quiet, z, 100_000, seed=1, workers=WORKERS) for z in OUTPUTS]
    laws = [density_laws(quiet, z, x) for z, x in zip(OUTPUTS, samples, strict=True)]
    return pair_densities(samples, laws, OUTPUTS)


def phase():
    """The tanh student over noise level and width of the first weights."""
    model = sgd.ActivationNetwork.random(seed=1)
    noise_levels, inverse_widths = np.geomspace(1e-3, 1.0, 16), np.geomspace(0.1, 10.0, 16)
    return phase_figure(sgd.phase_diagram(model, noise_levels, inverse_widths, seed=1, workers=WORKERS))


def shared_data():
    """⟨S⟩ over √π σ of level pair between data sets: twenty trained ensembles, and theory."""
    for alpha in (0.1, 0.3, 0.5):
        student = dyson.TeacherStudent(alpha, 16, 0.1)
        plain = np.sqrt(np.pi) * student.width
        model = sgd.LinearNetwork(
            2 * np.eye(2), noise="symmetric", eps=0.1, spectrum="symmetric", samples=8000,
            shared_data=True, order="fixed",
        )  # fmt: skip
        ratios = []
        for seed in range(20):
            run = sgd.train(model, alpha, 16, 1000, 640, seed=seed, record=[1000], workers=WORKERS)
            x = run["eigenvalue"].values[:, 0]
            ratios.append(float((x[:, 0] - x[:, 1]).mean() / plain))
        level = student.matrix([0.0, 500 * alpha], data_sets=1000, seed=1)
        mean, spread = (float(level[name][0] / plain) for name in ("mean_spacing", "mean_spacing_se"))
        print(
            f"alpha {alpha}: SGD {np.mean(ratios):.3f} ± {np.std(ratios, ddof=1):.3f} between data sets, "
            f"theory {mean:.3f} ± {spread:.3f}"
        )


if __name__ == "__main__":
    shared_data()
    for name, figure in (("linear-growth", growth()), ("linear-density", density()), ("phase", phase())):
        figure.savefig(FOLDER / f"{name}.png", dpi=110, facecolor="white")
