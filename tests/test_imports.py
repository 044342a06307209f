"""Who imports whom, and what importing costs."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import compare
import dyson
import sgd
import streams
from compare.studies.registry import COMMANDS

ROOT = Path(__file__).parents[1]
HEAVY = ("matplotlib", "sympy", "numba", "sdeint", "dask", "jinja2")


def test_contracts():
    """The contracts of pyproject.toml: rooms and their order, no circles, faces for users only."""
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def imported_at_once(path: Path):
    """Top-level packages that a file imports when it is imported itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def test_only_figures_import_matplotlib():
    drawing = {
        path
        for path in (ROOT / "compare").rglob("*.py")
        if path.parts[-2] == "plots" or path.name == "figures.py"
    }
    others = {
        p for room in ("compare", "dyson", "sgd", "streams") for p in (ROOT / room).rglob("*.py")
    } - drawing
    assert any("matplotlib" in imported_at_once(path) for path in drawing)
    assert not [str(path) for path in others if "matplotlib" in imported_at_once(path)]


@pytest.mark.parametrize(
    "what",
    [
        "import compare, dyson, sgd, streams",
        "from compare.studies.cli.main import main; main(['--help']); main(['--version'])",
    ],
)
def test_faces_and_help_load_nothing_heavy(what):
    code = f"import sys; {what}; print([n for n in {HEAVY} if n in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


@pytest.mark.parametrize("face", [compare, dyson, sgd, streams])
def test_faces_hold_what_they_name_and_nothing_else(face):
    assert dir(face) == sorted(face.__all__)
    modules = [name for name in face.__all__ if inspect.ismodule(getattr(face, name))]
    assert set(modules) <= {"campaign", "plots", "derive", "fmm", "large_n", "laws", "models"}
    with pytest.raises(AttributeError):
        _ = face.internals


def test_every_command_has_its_room():
    for command in COMMANDS:
        assert callable(command._function("options", command.options)), command.words
        assert callable(command._function("command", command.action)), command.words
