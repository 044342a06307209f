"""``dyson-sgd gas``: samples of a Coulomb gas beside the equilibrium measure of its potential."""

from __future__ import annotations

import argparse
import html
import json
import math
from pathlib import Path

import numpy as np

import dyson
from compare.options import command_line
from compare.page.folder import new_folder, vacant
from compare.result import with_error
from compare.unfolding import mean_ratios
from streams import new_entropy

__all__ = ["gas"]

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Coulomb gas</title>
<style>body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }}
table {{ border-collapse: collapse; }} td {{ padding: .2rem .8rem; border-bottom: 1px solid #ccc; }}
pre {{ overflow-x: auto; background: #f4f4f4; padding: .5rem; }}</style></head><body>
<h1>Coulomb gas</h1>
<p>{words}</p>
<pre>{command}</pre>
{figure}
<table>{rows}</table>
<p>Beside this page: samples.npz (eigenvalues, shape (sample, particle), descending) and summary.json.</p>
</body></html>
"""


def gas(args: argparse.Namespace) -> int:
    """Sample, solve, draw, write."""
    out = vacant(args.out or "gas")
    args.seed = new_entropy() if args.seed is None else args.seed
    command = command_line(args, "dyson-sgd gas")
    print(f"seed {args.seed}; to repeat this run: {command}", flush=True)
    low = -math.inf if args.lower_wall is None else args.lower_wall
    high = math.inf if args.upper_wall is None else args.upper_wall
    measure = dyson.equilibrium(args.potential, args.beta, low=low, high=high)
    particles = dyson.CoulombGas(args.n, args.potential, beta=args.beta, walls=(low, high), g2=1.0 / args.n)
    x = particles.sample(args.samples, seed=args.seed, workers=args.workers)
    found = summary(args, measure, x)
    for name, value in found.items():
        print(f"{name}: {value}")
    write(out, args, command, measure, x, found)
    print(f"page: {out / 'gas.html'}")
    return 0


def summary(args: argparse.Namespace, measure, x: np.ndarray) -> dict[str, str]:
    """Moments of the samples with their errors, beside those of the measure."""
    found = {
        "support for n → ∞": ", ".join(f"[{a:.8g}, {b:.8g}]" for a, b in measure.support),
        "Lagrange constant": f"{float(measure.constant):.10g}",
    }
    for order in (1, 2, 4):
        sample = (x**order).mean(axis=1)
        error = float(sample.std(ddof=1)) / math.sqrt(len(x))
        limit = float(measure.moment(order))
        found[f"⟨x^{order}⟩"] = f"{with_error(float(sample.mean()), error)}, for n → ∞ {limit:.6g}"
    if args.n >= 8:
        ratio = mean_ratios(x)
        error = float(ratio.std(ddof=1)) / math.sqrt(len(x))
        found["mean ratio of spacings"] = with_error(float(ratio.mean()), error)
    return found


def write(out: Path, args: argparse.Namespace, command: str, measure, x: np.ndarray, found: dict) -> None:
    """The folder, whole or not at all."""
    from compare.plots import svg
    from compare.plots.gas import gas_figure  # matplotlib, only for a page

    figure = svg(gas_figure(x, measure), "g0x", "density")
    words = f"n = {args.n} particles, β = {args.beta:g}, V = {args.potential}, {len(x)} independent samples."
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{html.escape(value)}</td></tr>" for name, value in found.items()
    )
    page = PAGE.format(words=html.escape(words), command=html.escape(command), figure=figure, rows=rows)
    with new_folder(out) as folder:
        (folder / "gas.html").write_text(page, encoding="utf-8")
        np.savez_compressed(folder / "samples.npz", eigenvalue=x)
        told = {"command": command, "seed": str(args.seed), **found}
        (folder / "summary.json").write_text(json.dumps(told, ensure_ascii=False, indent=1), encoding="utf-8")
