"""What tests of pages share."""

from __future__ import annotations

import pytest

import compare.page.figures


@pytest.fixture
def without_svg(monkeypatch):
    """Figures are drawn, but not turned into SVG, which is most of the work of a page."""
    monkeypatch.setattr(compare.page.figures, "svg", lambda figure, *_: f"<svg>{len(figure.axes)}</svg>")
