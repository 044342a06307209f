"""The figures of the page, those that apply, as inline SVG."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from markupsafe import Markup

from compare.plots import deviations, growth, pair_closeup, spacing, spectrum, svg, widths
from compare.plots.scene import Scene

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figures(view: Scene, margin: float | None) -> list[dict[str, object]]:
    """Title, SVG and caption of each figure; a figure with nothing to show is left out, and why.

    Parameters
    ----------
    view : Scene
    margin : float or None
        Relative margin of the stationary means.
    """
    pairs = view.learnt_pairs.size > 0
    several = view.experiment.data.sizes["time"] > 1
    wanted: list[tuple[str, bool, str, Callable[[], Figure]]] = [
        ("Stationary spectrum", True, "", lambda: spectrum(view)),
        ("Close-up of one pair", pairs, "no multiplet of two modes is learnt", lambda: pair_closeup(view)),
        ("Spacings within pairs", pairs, "no multiplet of two modes is learnt", lambda: spacing(view)),
        ("Growth of the modes", several, "a single time was recorded", lambda: growth(view)),
        ("Levels of theory", bool(view.theory), "there is no theory", lambda: deviations(view, margin)),
        ("Widths and spacings", True, "", lambda: widths(view)),
    ]
    found: list[dict[str, object]] = []
    for k, (title, applies, why_not, draw) in enumerate(wanted):
        if applies:
            found.append({"title": title} | drawn(draw(), f"f{k}x", title))
        else:
            found.append({"title": title, "svg": None, "caption": f"Left out: {why_not}."})
    return found


def drawn(figure: Figure, prefix: str, title: str) -> dict[str, object]:
    """A figure and its caption, which is its label."""
    return {"svg": Markup(svg(figure, prefix, title)), "caption": str(figure.get_label() or "")}
