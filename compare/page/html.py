"""Content to HTML."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

TEMPLATE, PLAIN, STYLE = "template.html.j2", "plain.html.j2", "page.css"


def rendered(values: dict[str, Any], template: str = TEMPLATE) -> str:
    """The page as text. Everything is escaped, but for what is `markupsafe.Markup` (the figures)."""

    def read(name: str) -> str:
        return (files("compare.page") / name).read_text(encoding="utf-8")

    environment = Environment(
        loader=FunctionLoader(read),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(style=Markup(read(STYLE)), **values)
