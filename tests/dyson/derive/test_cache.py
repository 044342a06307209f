"""Generated modules: kept by content, used only when intact and private, shared between processes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dyson import derive
from dyson.derive import cache, library

PROGRAM = """
import sys
import numpy as np
from dyson import derive
sde = derive.bind(derive.library.wishart(weight_decay=True), 0.1, n=2, rows=3, eps=1.0, decay={decay})
print("sympy" in sys.modules, *sde.drift(np.array([2.0, 1.0])))
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_loaded", {})
    return tmp_path / "cache"


def bound(decay=1.0):
    return derive.bind(library.wishart(weight_decay=True), 0.1, n=2, rows=3, eps=1.0, decay=decay)


def modules(folder: Path) -> list[Path]:
    return sorted(folder.glob("derived_*.py"))


def run(folder, decay=1.0):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(decay=decay)],
        env={**os.environ, cache.VARIABLE: str(folder)},
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    return done.stdout.split()


def test_second_process_neither_derives_nor_imports_sympy(folder):
    first, second = run(folder), run(folder)
    assert first[0] == "True" and second[0] == "False"
    assert first[1:] == second[1:]
    assert len(modules(folder)) == 1
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [float(v) for v in run(folder, decay=2.0)[1:]] != [
        float(v) for v in first[1:]
    ]  # a value, not a text


def small() -> float:
    """What a module of one line says: kept as generated ones are, but nothing is derived or compiled."""
    return cache.load({"model": "small"}, lambda: "VALUE = 2.0\n").VALUE


def assert_written_anew(folder, damage, value):
    """``value()`` makes the module, and gives the same after it was spoilt."""
    expected = value()
    (path,) = modules(folder)
    text = path.read_text()
    spoilt = {
        "truncated": text[: len(text) // 2].encode(),
        "tampered": text.replace("2.0", "3.0").encode(),
        "binary": b"\xff\xfe\x00",
        "empty": b"",
    }
    path.write_bytes(spoilt[damage])
    assert path.read_bytes() != text.encode()
    cache._loaded.clear()
    np.testing.assert_array_equal(value(), expected)
    assert path.read_text() == text


@pytest.mark.parametrize("damage", ["truncated", "tampered", "binary", "empty"])
def test_damaged_module_is_written_anew(folder, damage):
    assert_written_anew(folder, damage, small)


@pytest.mark.parametrize("damage", ["truncated", pytest.param("tampered", marks=pytest.mark.slow)])
def test_damaged_equation_is_compiled_anew(folder, damage):
    assert_written_anew(folder, damage, lambda: bound().drift(np.array([2.0, 1.0])))


def test_module_that_others_can_write_is_not_used(folder):
    small()
    (path,) = modules(folder)
    path.chmod(0o666)
    assert not cache._intact(path)
    cache._loaded.clear()
    small()
    assert cache._intact(path)


def test_folder_that_others_can_write_or_that_is_a_file_is_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(cache, "_loaded", {})
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    file = tmp_path / "file"
    file.write_text("not a folder")
    for place in (shared, file):
        monkeypatch.setenv(cache.VARIABLE, str(place))
        cache._loaded.clear()
        assert small() == 2.0
        assert cache.directory() != place
    assert not list(shared.iterdir()) and file.read_text() == "not a folder"


def test_full_disk_falls_back_to_a_temporary_folder(folder, monkeypatch):
    written = cache._write

    def full(path, body):
        if path.parent == folder:
            raise OSError(28, "No space left on device")
        written(path, body)

    monkeypatch.setattr(cache, "_write", full)
    assert bound().n == 2
    assert not modules(folder)


def test_functions_in_place_of_text_are_known_by_what_they_give(folder):
    def loss(W, v, a):
        return (a * v.T * W.T * W * v)[0, 0] / 2

    options = {"samples": {"v": derive.Gaussian()}, "parameters": {"a": "scalar"}}
    text = derive.matrix_sde(loss="a*v.T*W.T*W*v/2", **options)
    called = derive.matrix_sde(loss=loss, **options)
    x = np.array([2.0, 1.0])
    first, second = (derive.bind(sde, 0.1, n=2, a=1.5) for sde in (text, called))
    np.testing.assert_allclose(first.drift(x), second.drift(x), rtol=1e-12)
