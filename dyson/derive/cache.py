"""Generated modules on disk, by content: a second process neither derives nor compiles.

They lie in ``$DYSON_SGD_CACHE``, else in the user's cache directory; numba keeps the compiled code beside
them. A file is used only if its checksum is right and nobody else could have written it.
"""

from __future__ import annotations

import atexit
import hashlib
import importlib.util
import json
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

VARIABLE = "DYSON_SGD_CACHE"
_loaded: dict[str, ModuleType] = {}


def load(description: object, text: Callable[[], str]) -> ModuleType:
    """The generated module for a JSON-serialisable description; ``text()`` writes it where there is none.

    Raises
    ------
    OSError
        If neither the cache directory nor a temporary one can be written.
    """
    key = hashlib.sha256(json.dumps([_sources(), description], sort_keys=True).encode()).hexdigest()[:32]
    if key not in _loaded:
        path = _file(key, text)
        try:
            _loaded[key] = _import(key, path)
        except Exception:  # numba's files beside it are damaged, or the disk is full: once more, elsewhere
            for file in (path.parent / "__pycache__").glob(f"{path.stem}*"):
                file.unlink(missing_ok=True)
            elsewhere = _temporary() / path.name
            _write(elsewhere, path.read_text(encoding="utf-8").partition("\n")[2])
            _loaded[key] = _import(key, elsewhere)
    return _loaded[key]


def _file(key: str, text: Callable[[], str]) -> Path:
    folder = directory()
    path = folder / f"derived_{key}.py"
    if not _intact(path):
        body = text()
        try:
            _write(path, body)
        except OSError:  # full or read-only: this process still runs
            path = _temporary() / path.name
            _write(path, body)
    return path


def directory() -> Path:
    """The cache directory, made private; a temporary one where that is impossible."""
    asked = os.environ.get(VARIABLE)
    if asked:
        folder = Path(asked)
    elif sys.platform == "win32":
        folder = Path(os.environ.get("LOCALAPPDATA", Path.home())) / "dyson-sgd" / "cache"
    elif sys.platform == "darwin":
        folder = Path.home() / "Library" / "Caches" / "dyson-sgd"
    else:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dyson-sgd"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return _temporary()
    return folder if _private(folder) and os.access(folder, os.W_OK) else _temporary()


@cache
def _temporary() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="dyson-sgd-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _private(path: Path) -> bool:
    """Whether only this user can write there: it holds code that will run."""
    if not hasattr(os, "getuid"):
        return True
    status = path.stat()
    return status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _intact(path: Path) -> bool:
    try:
        if not _private(path):
            return False
        head, _, body = path.read_text(encoding="utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):
        return False
    return head == _head(body)


def _head(body: str) -> str:
    return f"# sha256: {hashlib.sha256(body.encode()).hexdigest()}"


def _write(path: Path, body: str) -> None:
    """Whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(f"{_head(body)}\n{body}")
        os.replace(name, path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def _import(key: str, path: Path) -> ModuleType:
    name = f"dyson.derive.derived_{key}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot import the generated module {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@cache
def _sources() -> str:
    """What the text of a generated module depends on beside its description."""
    digest = hashlib.sha256(version("sympy").encode())
    here = Path(__file__).parent
    language = here.parent / "language"
    for file in sorted([*here.glob("*.py"), *language.glob("*.py"), here.parent / "blocks.py"]):
        digest.update(file.read_bytes())
    return digest.hexdigest()
