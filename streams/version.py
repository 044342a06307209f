"""Which version of this distribution runs."""

from __future__ import annotations

from functools import cache

__all__ = ["installed_version"]


@cache
def installed_version() -> str:
    """The installed version of dyson-sgd, or "unknown" in a folder that was never installed."""
    from importlib.metadata import PackageNotFoundError, version  # 50 ms, for what needs a version

    try:
        return version("dyson-sgd")
    except PackageNotFoundError:
        return "unknown"
