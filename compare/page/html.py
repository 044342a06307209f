"""Content to HTML."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined
from markupsafe import Markup

TEMPLATE, STYLE = "template.html.j2", "page.css"


def rendered(values: dict[str, Any]) -> str:
    """The page as text. Everything is escaped, but for what is `markupsafe.Markup` (the figures)."""
    room = files("compare.page")
    environment = Environment(
        loader=BaseLoader(), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string((room / TEMPLATE).read_text(encoding="utf-8"))
    style = Markup((room / STYLE).read_text(encoding="utf-8"))
    return template.render(style=style, **values)
