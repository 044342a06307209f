"""The phase diagram as a section of a page, beside one ensemble of the plane."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

import sgd
from compare.page import Section

FULL = {"points": 50, "replicas": 100, "steps": 100_000}
"""A plane as fine as in the papers: its cost is stated, it is not run."""

RECORDS = 60

TEXT = """\
The student ŷ = Z φ(W φ(M x)), φ = {activation}, K = {hidden}, L = {features}, {inputs} inputs, 1 \
output, learns a teacher of the same form with the same M and Z; W alone is trained, |B| = {batch_size}. \
Every point of the plane is an ensemble of {replicas} students trained for {steps} steps from weights \
N(0, σ_W²/L) at the learning rate α = (α/|B|) |B|: noise level up, width of the first weights down the \
axis 1/σ_W.

Of the {total} points, {whole} kept all their replicas, and {lost} lost all of them. The smallest loss, \
{least:.3g}, is at α/|B| = {noise_level:.3g}, 1/σ_W = {width:.3g}, with overlap {overlap:.3f}.

This plane: {points} × {points} points. At the full size, {full_points} × {full_points} points, \
{full_replicas} replicas and {full_steps} steps, it would take {hours:.3g} hours on one core here \
(estimated from a timing of the same code). The rest of this page is the ensemble at the point of least \
loss; its checks say only whether its spectrum is at rest. Targets are the teacher's eigenvalues: where \
outputs do not tell all of W, training need not lead there."""


def phase_report(args: argparse.Namespace, progress: bool = False) -> tuple[xr.DataTree, Section, str]:
    """Train the plane and one ensemble of it; the tree, the section and a line for the terminal.

    Parameters
    ----------
    args : Namespace
        Options of ``dyson-sgd report phase``.
    progress : bool
        Progress bars on standard error.

    Raises
    ------
    TypeError, ValueError
        If an option is not usable.
    """
    from compare.layout.align import align
    from compare.studies.phase.figures import phase_figure  # matplotlib, only for a page

    model = sgd.ActivationNetwork.random(
        hidden=args.hidden,
        features=args.features,
        inputs=args.inputs,
        activation=args.activation,
        seed=args.seed,
    )
    for low, high in (("least_noise", "most_noise"), ("least_inverse_width", "most_inverse_width")):
        if getattr(args, low) >= getattr(args, high):
            words = [f"--{name.replace('_', '-')}" for name in (low, high)]
            raise ValueError(f"{words[0]} must be below {words[1]}, got {getattr(args, low):g}")
    noise_levels = np.geomspace(args.least_noise, args.most_noise, args.points)
    widths = np.geomspace(args.least_inverse_width, args.most_inverse_width, args.points)
    shared: dict[str, Any] = {"seed": args.seed, "workers": args.workers, "progress": progress}
    size = {"batch_size": args.batch_size, "steps": args.steps, "replicas": args.replicas}
    plane = sgd.phase_diagram(model, noise_levels, widths, **size, **shared)
    best = _best(plane)
    free = replace(model, allow_unstable=True)
    run = sgd.train(
        free, best["noise_level"] * args.batch_size, args.batch_size, args.steps, args.replicas,
        record=max(1, args.steps // RECORDS), initial=1 / (best["width"] * np.sqrt(args.features)), **shared,
    )  # fmt: skip
    tree = align(experiment=run, theory={})
    tree["phase"] = xr.DataTree(plane)
    hours = (
        sgd.phase_cost(model, FULL["points"] ** 2, FULL["replicas"], FULL["steps"], args.batch_size) / 3600
    )
    text = TEXT.format(
        activation=args.activation, hidden=args.hidden, features=args.features, inputs=args.inputs,
        points=args.points, hours=hours, **size, **best, **{f"full_{k}": v for k, v in FULL.items()},
    )  # fmt: skip
    summary = f"phase diagram: {args.points} × {args.points} points; full size about {hours:.3g} core hours"
    return tree, Section("Phase diagram", text, phase_figure(plane)), summary


def _best(plane: xr.Dataset) -> dict[str, Any]:
    """The point of least loss, and how many points kept their replicas."""
    diverged, loss = plane["diverged"].values, plane["loss"].values
    found = {"total": loss.size, "whole": int((diverged == 0).sum()), "lost": int((diverged == 1).sum())}
    if not np.isfinite(loss).any():
        raise ValueError("every replica diverged at every point: lower --most-noise, or raise the widths")
    row, column = np.unravel_index(np.nanargmin(loss), loss.shape)
    return found | {
        "least": float(loss[row, column]),
        "noise_level": float(plane["noise_level"][row]),
        "width": float(plane["inverse_width"][column]),
        "overlap": float(plane["overlap"][row, column]),
    }
