"""The table of trainers, and imports that go one way and compile nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

import sgd
from sgd.members import require, require_trainer
from sgd.trainers import TRAINERS, require_trainable

ROOT = Path(__file__).parents[2]
MODELS = {
    "GaussianRBM": sgd.GaussianRBM([[4.0]], 1, 9.0),
    "LinearNetwork": sgd.LinearNetwork([[1.0]]),
    "ActivationNetwork": sgd.ActivationNetwork.random(2, 2, 2, 2),
}


def named(place):
    module, name = place.split(":")
    return getattr(import_module(module), name)


@pytest.mark.parametrize(("model", "backend"), TRAINERS)
def test_every_line_of_the_table_is_a_public_model_and_its_trainer(model, backend):
    cls, trainer = named(model), named(TRAINERS[model, backend])
    assert getattr(sgd, cls.__name__) is cls
    example = MODELS[cls.__name__]
    require_trainable(example, "sgd.train")
    require(example, "sgd.noise", ["gradients", "fixed_point"])
    require_trainer(trainer(example, sgd.Optimiser(0.1, 2), 0), example)


def test_no_import_comes_back():
    """Those inside of functions count as well; `CycleError` names the circle."""
    files = {_module(path): path for path in (ROOT / "sgd").rglob("*.py")}
    graph = {name: _imported(path) & set(files) for name, path in files.items()}
    order = list(TopologicalSorter(graph).static_order())
    assert set(order) == set(files) and len(order) > 20
    for room in ("activation", "linear", "rbm"):
        places = [order.index(f"sgd.{room}.{name}") for name in ("reference", "model", "trainer")]
        assert places == sorted(places)


def _module(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(path):
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_importing_the_package_imports_no_kernels():
    code = (
        "import sys, sgd; sgd.train, sgd.GaussianRBM, sgd.LinearNetwork, sgd.ActivationNetwork; "
        "print([name for name in sys.modules if name.startswith('sgd.') and 'kernels' in name])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert out.stdout.strip() == "[]"
