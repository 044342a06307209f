"""A sweep in words: a few lines for the terminal, a section for the page, a node for the data."""

from __future__ import annotations

import xarray as xr

from compare.page import Section
from compare.quantities import FLUCTUATIONS

__all__ = ["attach", "section", "summary"]

NODE = "scaling"
PREDICTION = 0.5
VARIANTS = {
    "": "",
    "_plain": "power law",
    "_raw": "power law, finite α not taken off",
}

TEXT = """\
To leading order in the learning rate the stationary spectrum depends on learning rate and batch size \
through α/|B| alone, and widths and spacings grow as its square root. The ensembles below are {points} \
points of a grid in (α, |B|), {replicas} models each, started at the fixed point; α/|B| runs from \
{low:.3g} to {high:.3g}, small enough for neighbouring multiplets to stay apart.

A finite learning rate multiplies the variance of a mode that relaxes at rate k by 1/(1 - α k/2), here by \
up to {factor:.3f}: an expected departure from the scaling, and a small one. Exponents are fitted to what \
is left after this factor, one exponent for all multiplets (or pairs) with an amplitude for each. Modes that \
come closer as T = α/|B| grows change each other's widths by a fraction proportional to T: the factor \
exp(c T), one c a multiplet, allows for it, and a plain power law shows what becomes of the exponent without \
it.

Collapse: each point is compared with the one of the smallest learning rate at the same α/|B|, by \
two-sample Kolmogorov-Smirnov tests on every mode (one number per replica, the last step) and by the \
differences of widths and spacings, {tests} tests in all, p-values adjusted by Holm's method. As measured: \
{collapse} (smallest adjusted p {p:.2g}). With the factor taken off: {rescaled} (smallest adjusted p \
{p_rescaled:.2g})."""


def summary(sweep: xr.Dataset) -> str:
    """The outcome of a sweep in a few lines."""
    noise_level, attrs = sweep.noise_level.values, sweep.attrs
    lines = [
        f"linear scaling: {noise_level.size} points, "
        f"α/|B| from {noise_level.min():.3g} to {noise_level.max():.3g}"
    ]
    for name in FLUCTUATIONS:
        if f"{name}_exponent" in attrs:
            lines.append(
                f"  {name.replace('_', ' ')} ~ (α/|B|)^h: h = {exponent_text(attrs, name)}, "
                f"prediction {PREDICTION} ({attrs[f'{name}_fit']})"
            )
    for suffix, what in (("", "as measured"), ("_rescaled", "less the factor 1/(1 - α k/2)")):
        lines.append(
            f"  equal α/|B|, {what}: {attrs[f'collapse{suffix}']} "
            f"(smallest adjusted p {attrs[f'collapse_p{suffix}']:.2g}, {attrs['collapse_tests']} tests)"
        )
    return "\n".join(lines)


def exponent_text(attrs: dict, name: str, variant: str = "") -> str:
    """An exponent with its error."""
    key = f"{name}_exponent{variant}"
    return f"{attrs[key]:.4f} ± {attrs[f'{key}_se']:.4f}"


def section(sweep: xr.Dataset) -> Section:
    """The section of a sweep on the report's page: figure, exponents, collapse."""
    from compare.studies.scaling.figures import scaling_figure  # matplotlib, only for a page

    attrs = sweep.attrs
    text = TEXT.format(
        points=sweep.sizes["point"],
        replicas=sweep.sizes["replica"],
        low=float(sweep.noise_level.min()),
        high=float(sweep.noise_level.max()),
        factor=float(sweep.multiplet_finite_alpha.max()),
        tests=attrs["collapse_tests"],
        collapse=attrs["collapse"],
        p=attrs["collapse_p"],
        rescaled=attrs["collapse_rescaled"],
        p_rescaled=attrs["collapse_p_rescaled"],
    )
    return Section("Linear scaling", text, scaling_figure(sweep), fit_table(attrs))


def fit_table(attrs: dict) -> list[list[str]]:
    """Every fit: exponent, errors, goodness."""
    rows = [["quantity", "fit", "exponent h", "jackknife error", "χ² / degrees of freedom"]]
    for name, quantity in FLUCTUATIONS.items():
        for variant, label in VARIANTS.items():
            key = f"{name}_exponent{variant}"
            if key in attrs:
                label = label or attrs[f"{name}_fit"]
                jackknife, chi2 = attrs[f"{key}_jackknife_se"], attrs[f"{name}_chi2{variant}"]
                goodness = f"{chi2:.0f} / {attrs[f'{name}_dof{variant}']}"
                rows.append(
                    [
                        f"{quantity.name} of a {quantity.of}",
                        label,
                        exponent_text(attrs, name, variant),
                        f"{jackknife:.4f}",
                        goodness,
                    ]
                )
    return rows


def attach(tree: xr.DataTree, sweep: xr.Dataset) -> xr.DataTree:
    """The tree with the sweep as ``/scaling``, so that it is stored with the rest."""
    whole = tree.copy()
    whole[NODE] = xr.DataTree(sweep)
    return whole
