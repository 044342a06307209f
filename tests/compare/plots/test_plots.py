"""Figures: what they draw, that they touch nothing global, and that they cope with what there is."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import matplotlib
import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.stats import kstest

from compare import align, plots
from compare.plots.closeup import closeup_edges
from compare.plots.growth import drawn_times, log_time
from compare.plots.histogram import closed_density, histogram, pooled_edges
from compare.plots.style import COLORS, number, plain
from compare.studies.scaling.figures import scaling_figure
from dyson.laws import OnePairSemicircle
from tests.compare import spectra
from tests.oracles import ALPHA

EVERY = (plots.spectrum, plots.pair_closeup, plots.spacing, plots.growth, plots.widths, plots.overview)


@pytest.fixture(scope="module")
def tree():
    run = spectra.run(1)
    theory = {
        "matrix": spectra.run(2, level="matrix"),
        "dyson": spectra.run(3, level="dyson", shift=0.01),
        "pair": spectra.pair(time=run.time),
    }
    return align(experiment=run, theory=theory)


@pytest.fixture(scope="module")
def view(tree):
    return plots.scene(tree)


@pytest.mark.parametrize("draw", EVERY)
def test_every_figure(view, draw):
    """Labels and a caption; nothing global changes; every colour is one that a page can replace."""
    before = dict(matplotlib.rcParams)
    figure = draw(view)
    text = plots.svg(figure, "a")
    assert dict(matplotlib.rcParams) == before
    assert figure.get_label()
    assert any(axes.get_xlabel() for axes in figure.axes) and any(axes.get_ylabel() for axes in figure.axes)
    assert "#000000" not in text
    assert not set(re.findall(r"(?:fill|stroke): (#[0-9a-f]{6})", text))


def test_pyplot_is_never_imported():
    code = (
        "import sys; from tests.compare import spectra; from compare import plots; "
        "plots.svg(plots.overview(spectra.run()), 'a'); sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, check=False)
    assert done.returncode == 0


def test_compare_does_not_import_matplotlib():
    code = "import sys, compare; sys.exit('matplotlib' in sys.modules or 'jinja2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, check=False)
    assert done.returncode == 0


def test_histogram_is_a_density_with_errors_between_replicas():
    rng = np.random.default_rng(0)
    values = np.repeat(rng.normal(size=(4000, 1)), 50, axis=1)  # fifty times the same: no new information
    seen = histogram(values, np.linspace(-6, 6, 61))
    assert np.isclose((seen.density * 0.2).sum(), 1)
    share = (values[:, 0] >= 0) & (values[:, 0] < 0.2)
    middle = np.flatnonzero(np.isclose(seen.edges[:-1], 0))[0]
    expected = share.std(ddof=1) / np.sqrt(4000) / 0.2
    assert np.isclose(seen.density[middle], share.mean() / 0.2)
    assert np.isclose(seen.se[middle], expected)


def test_residuals_of_the_right_law_are_standard_normal_and_of_a_wrong_one_are_not():
    rng = np.random.default_rng(1)
    law = OnePairSemicircle(1.0, 0.1)
    values = law.rvs((20000, 1), rng)
    seen = histogram(values, closeup_edges(values))
    right = seen.residual(law)
    assert kstest(right[np.isfinite(right)], "norm").pvalue > ALPHA
    wrong = seen.residual(OnePairSemicircle(1.0, 0.107))
    assert kstest(wrong[np.isfinite(wrong)], "norm").pvalue < ALPHA


def test_one_replica_has_no_errors():
    seen = histogram(np.random.default_rng(0).normal(size=(1, 500)), np.linspace(-3, 3, 11))
    assert not seen.has_errors and np.isnan(seen.residual(OnePairSemicircle(0, 1))).all()


def test_pooled_edges_cover_values_that_are_all_equal():
    edges = pooled_edges(np.full((3, 2), 4.0), 0.0, (4.0, 4.0))
    assert edges[0] < 4 < edges[-1] and (np.diff(edges) > 0).all()


def test_closed_density_is_normalised(view):
    x = np.linspace(0, 7, 20001)
    density = closed_density(view, view.theory["pair"], x)
    assert np.isclose(trapezoid(density, x), 1, atol=1e-6)


def test_closed_density_does_not_exist_for_larger_levels():
    target = (4.0, 4.0, 4.0, 1.0)
    tree = align(experiment=spectra.run(1, target), theory={"pair": spectra.pair(target)})
    view = plots.scene(tree)
    assert closed_density(view, view.theory["pair"], np.zeros(1)) is None
    assert "no closed form" in plots.spectrum(view).get_label()


def test_most_central_pair(view):
    assert view.target[view.group.pair_upper[view.central_pair]] in (3.618034, 2.381966)


def test_modes_that_are_not_learnt_are_left_out():
    view = plots.scene(spectra.run(1, (5.0, 3.0, 3.0, 0.0, 0.0)))
    assert view.learnt.tolist() == [True, True, True, False, False]
    assert view.learnt_pairs.tolist() == [0]
    assert "2 modes with target 0 left out" in plots.spectrum(view).get_label()


def test_levels_are_drawn_from_crude_to_complete(view):
    assert list(view.theory) == ["pair", "dyson", "matrix"]


def test_caption_says_how_many_replicas_diverged_and_when():
    run = spectra.diverge(spectra.diverge(spectra.run(1), 3, 35.0), 7, 80.0)
    caption = plots.growth(run).get_label()
    assert "2 replicas left out: diverged between t = 35 and t = 80." in caption


def test_growth_that_is_early_gets_a_logarithmic_axis():
    assert log_time(plots.scene(spectra.run(1, times=101))) is True
    assert log_time(plots.scene(spectra.run(1, grow=False))) is False
    assert plots.growth(spectra.run(1, times=101)).axes[0].get_xscale() == "log"


def test_growth_from_the_fixed_point_says_so():
    assert "no growth to time" in plots.growth(spectra.run(1, grow=False)).get_label()


@pytest.mark.parametrize("log", [False, True])
def test_drawn_times_are_few_increasing_and_reach_the_end(log):
    kept = drawn_times(np.linspace(0, 50, 5001), log)
    assert kept.size <= 160 and (np.diff(kept) > 0).all() and kept[-1] == 5000


def test_deviations_need_theory(tree):
    with pytest.raises(ValueError, match="no level of theory"):
        plots.deviations(tree["experiment"].to_dataset())


def test_deviations_draw_the_deviation(view):
    axes = plots.deviations(view, margin=0.01).axes[0]
    lines = {c.get_label(): c for c in axes.containers}
    y = lines["dyson"].lines[0].get_ydata()
    expected = (
        view.experiment.statistics.mean_eigenvalue / view.theory["dyson"].statistics.mean_eigenvalue - 1
    )
    np.testing.assert_allclose(y, 100 * expected, rtol=1e-9)


@pytest.mark.parametrize("draw", [plots.pair_closeup, plots.spacing])
def test_without_pairs_there_is_a_message(draw):
    with pytest.raises(ValueError, match=r"multiplet of two modes|multiplets of two modes"):
        draw(spectra.run(1, (3.0, 2.0, 1.0)))


def test_growth_of_a_single_time_has_a_message():
    with pytest.raises(ValueError, match="at least two recorded times"):
        plots.growth(spectra.run(1, times=1))


def test_overview_of_a_closed_form_has_a_message():
    with pytest.raises(ValueError, match="closed form"):
        plots.overview(spectra.pair())


@pytest.mark.parametrize("wrong", [None, 3, "run.zarr", np.zeros(3)])
def test_wrong_types_have_a_message(wrong):
    with pytest.raises(TypeError, match="expected a DataTree"):
        plots.spectrum(wrong)


@pytest.mark.parametrize(
    ("target", "replicas", "times"),
    [((2.0, 2.0), 40, 6), ((3.0,), 1, 2), (spectra.RING, 1, 11), ((4.0,) * 3, 20, 4), ((0.0, 0.0), 9, 3)],
)
def test_overview_of_unusual_runs(target, replicas, times):
    plots.svg(plots.overview(spectra.run(1, target, replicas, times)), "a")


def test_a_hundred_modes():
    target = tuple(np.repeat(np.linspace(10, 0.2, 50), 2))
    figure = plots.growth(spectra.run(1, target, 20, 11, noise_level=1e-5))
    assert "12 of 100 modes" in figure.get_label()


def test_svg_is_well_formed_reproducible_and_takes_colours_from_the_page(view):
    one, two = (plots.svg(plots.spectrum(view), "f0x", "A <title> & more") for _ in range(2))
    assert one == two
    ET.fromstring(one)
    assert 'aria-label="A &lt;title&gt; &amp; more"' in one
    assert f"var(--figure-ink, {COLORS['ink']})" in one
    assert "<metadata" not in one and "<!--" not in one
    assert not re.search(r"(?:href|src)=\"(?!#)", one)
    names = re.findall(r' id="([^"]+)"', one)
    assert len(names) == len(set(names)) and all(name.startswith("f0x") for name in names)
    assert set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', one)) <= {(n, "") for n in names} | {
        ("", n) for n in names
    }


@pytest.mark.parametrize("text", [r"$\frac{", "a$b", "x" * 500, "line\nbreak", "\x00"])
def test_text_from_outside_is_never_mathematics(text):
    run = spectra.run(1)
    run.attrs["level"] = text
    plots.svg(plots.spectrum(run), "a")
    assert "\n" not in plain(text) and len(plain(text)) <= 120


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (-0.5, "−0.5"), (0.002, "0.002"), (3e-5, "3×10⁻⁵"), (40.0, "40"), (-1e-7, "−1×10⁻⁷")],
)
def test_tick_labels(value, text):
    assert number(value) == text


@pytest.mark.parametrize("exponent", [0.5, 0.6])
def test_scaling_figure_shows_an_exponent_that_is_not_one_half(exponent):
    figure = scaling_figure(spectra.sweep(exponent))
    lower = figure.axes[2]
    ratios = np.concatenate([c.lines[0].get_ydata() for c in lower.containers])
    assert (np.ptp(ratios) < 1e-9) == (exponent == 0.5)
    assert "12 runs" in figure.get_label()


def test_scaling_figure_without_pairs_or_errors_or_fit():
    points = spectra.sweep().drop_dims("pair").drop_vars("width_se")
    points.attrs = {}
    plots.svg(scaling_figure(points), "a")


def test_scaling_figure_needs_points():
    with pytest.raises(TypeError, match="Dataset"):
        scaling_figure([1, 2])
    with pytest.raises(ValueError, match="width"):
        scaling_figure(spectra.sweep().drop_vars(["width", "mean_spacing"]))
