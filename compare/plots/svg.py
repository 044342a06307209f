"""A figure as inline SVG that takes its colours from the page and shares it with other figures."""

from __future__ import annotations

import io
import re
import warnings
from html import escape

from matplotlib.figure import Figure

from compare.plots.style import COLORS


def svg(figure: Figure, prefix: str, title: str = "") -> str:
    """The figure as an ``<svg>`` element to put into HTML.

    Every colour of `style.COLORS` becomes a CSS variable with the colour as its fallback,
    ``var(--figure-ink, #1d1d1b)``, so that a page can redraw the figure in the dark. Identifiers are
    numbered behind ``prefix``: the same figure gives the same text, and two figures do not collide.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    prefix : str
        Letters and digits, different for every figure on a page.
    title : str
        What the figure shows, for those who cannot see it.
    """
    buffer = io.StringIO()
    with warnings.catch_warnings():
        # Names from outside may have letters that no font has; a box in their place is enough.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(
            buffer,
            format="svg",
            facecolor="none",
            metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")),
        )
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<!--.*?-->\s*|<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = _numbered(text, prefix)
    for name, color in COLORS.items():
        text = text.replace(color, f"var(--figure-{name}, {color})")
    # A hundredth of a point is far below what anyone can see, and half the size of the file.
    text = re.sub(r' d="[^"]*"', lambda m: re.sub(r"(\.\d\d)\d+", r"\1", m[0]), text)
    text = re.sub(r"\n\s*", "\n", text)
    head = re.match(r"<svg[^>]*>", text)
    assert head is not None, "matplotlib wrote no <svg> element"
    box = re.search(r'viewBox="([^"]*)"', head[0])
    assert box is not None, "matplotlib wrote no viewBox"
    label = escape(title, quote=True)
    opening = (
        f'<svg viewBox="{box[1]}" role="img" aria-label="{label}" xmlns="http://www.w3.org/2000/svg" '
        'xmlns:xlink="http://www.w3.org/1999/xlink">'
    )
    return opening + text[head.end() :].rstrip()


def _numbered(text: str, prefix: str) -> str:
    """Identifiers in order of appearance; those of groups, which nothing refers to, are dropped."""
    used = set(re.findall(r'href="#([^"]+)"', text)) | set(re.findall(r"url\(#([^)]+)\)", text))
    text = re.sub(r' id="([^"]+)"', lambda m: m[0] if m[1] in used else "", text)
    names = {old: f"{prefix}{k}" for k, old in enumerate(dict.fromkeys(re.findall(r' id="([^"]+)"', text)))}
    text = re.sub(r' id="([^"]+)"', lambda m: f' id="{names[m[1]]}"', text)
    text = re.sub(r'href="#([^"]+)"', lambda m: f'href="#{names.get(m[1], m[1])}"', text)
    return re.sub(r"url\(#([^)]+)\)", lambda m: f"url(#{names.get(m[1], m[1])})", text)
