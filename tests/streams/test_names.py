"""Every stream has a name of its own: two that shared one would draw the same numbers at the same seed."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

import dyson
from dyson import solvers
from streams import generator, seed_of_text, states, subseed

ROOT = Path(__file__).parents[2]
MAKERS = {"states": 1, "generator": 1, "subseed": 1}
"""What makes a stream, and where its name stands among the arguments."""

RAW = {"default_rng", "SeedSequence", "Philox", "PCG64", "RandomState", "seed"}
HANDED_OVER = {"rng"}
"""What ``default_rng`` may be made of: a user's own generator or seed, at the face of a law."""


def calls(packages=("compare", "dyson", "sgd")):
    """(file, line, name of the function, call) of every call in the packages."""
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                    yield path.relative_to(ROOT), node.lineno, name, node


def named(node: ast.Call, at: int) -> str | None:
    """The name of a stream where it is written down; an f-string's fixed part; None where it is computed."""
    argument = node.args[at]
    if isinstance(argument, ast.Constant):
        return argument.value
    if isinstance(argument, ast.JoinedStr):
        return "".join(part.value for part in argument.values if isinstance(part, ast.Constant))
    return None


def makers():
    return [(path, line, node, MAKERS[name]) for path, line, name, node in calls() if name in MAKERS]


def test_no_two_places_share_a_name():
    places = defaultdict(set)
    for path, _, node, at in makers():
        name = named(node, at)
        if name is not None:
            places[name].add(str(path))
    assert len(places) > 15
    shared = {name: sorted(paths) for name, paths in places.items() if len(paths) > 1}
    assert not shared


def test_a_name_that_is_computed_is_a_solver_s():
    computed = {str(path) for path, _, node, at in makers() if named(node, at) is None}
    assert computed == {"dyson/levels/eigenvalues.py"}
    block = [solvers.load(name) for name in solvers.SOLVERS]
    names = [solvers.stream(module) for module in block if hasattr(module, "advance")]
    written = {named(node, at) for _, _, node, at in makers()}
    assert len(set(names)) == len(names) >= 2
    assert not written & set(names)


def test_generators_are_made_by_streams_alone():
    """But for a law's ``rvs``, which takes the caller's own."""
    raw = [
        (str(path), line)
        for path, line, name, node in calls()
        if name in RAW and {getattr(a, "id", "") for a in node.args} != HANDED_OVER
    ]
    assert not raw


@pytest.mark.parametrize("pair", [("matrix", "sdeint"), ("bond-splitting", "euler")])
def test_a_second_opinion_has_its_own_noise(pair):
    """The centre of mass of two solvers at one seed is the same linear functional of their noise."""
    sde = dyson.models.matrix_ou(1)
    options = {"x0": np.zeros((400, 1)), "times": [0.0, 0.01], "seed": 3, "dt": 0.01}
    a, b = (dyson.integrate(sde, solver=name, **options).eigenvalue.values[:, -1, 0] for name in pair)
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.25  # 5 standard errors


def test_names_and_places_tell_streams_apart():
    draws = [
        generator(1, "a").random(),
        generator(1, "b").random(),
        generator(1, "a", 0).random(),
        generator(1, "a", 1).random(),
        generator(2, "a").random(),
    ]
    assert len(set(draws)) == len(draws)
    assert generator(1, "a", 1).random() == draws[3]
    seeds = [subseed(1, "a"), subseed(1, "b"), subseed(1, "a", 0), seed_of_text(1, "a"), seed_of_text(1, "b")]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert (states(1, "a", 0, 1) != states(1, "b", 0, 1)).any()
