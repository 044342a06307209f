"""Advice: exact laws with errors, coverage, what is refused, and real training at what was advised."""

from __future__ import annotations

import argparse
import json
import math

import numpy as np
import pytest
import xarray as xr
from scipy.optimize import brentq
from scipy.stats import binom, norm

import sgd
from compare.measure.statistics import statistics
from compare.plots.svg import svg
from compare.studies.advice import advise
from compare.studies.advice.advise import CANNOT_TELL, FAILS, HOLDS
from compare.studies.advice.figures import advice_figure
from compare.studies.cli.parser import parser
from compare.studies.shell.arguments import UsageError
from tests.oracles import ALPHA

DIMS = ("learning_rate", "batch_size", "multiplet")
RATES = np.array([1.0, 0.5, 0.2])
RATES_2 = RATES / 2
TARGETS = np.array([5.0, 3.0, 1.0])
ALPHAS = (0.05, 0.1, 0.2, 0.4, 0.8)
BATCHES = (16, 64, 256, 1024)
SEEDS = 300


def law(alpha, batch, d=0.0, a=RATES_2, power=1.0):
    """σ² = 2 x̄ T/(1 − a α − d T), shape (multiplet,)."""
    noise_level = alpha / batch
    return 2 * TARGETS * noise_level**power / (1 - a * alpha - d * noise_level)


def plane(seed=0, error=0.01, **options):
    """Widths of the law on the grid, with normal errors."""
    exact = np.sqrt(np.array([[law(a, b, **options) for b in BATCHES] for a in ALPHAS]))
    noise = np.random.default_rng(seed).standard_normal(exact.shape)
    number = np.full(exact.shape[:2], 1000)
    return xr.Dataset(
        {
            "width": (DIMS, exact * (1 + error * noise)),
            "width_se": (DIMS, max(error, 1e-6) * exact),
            "rate": ("multiplet", RATES.copy()),
            "replicas": (DIMS[:2], number),
            "diverged_replicas": (DIMS[:2], 0 * number),
        },
        {
            "learning_rate": list(ALPHAS),
            "batch_size": list(BATCHES),
            "multiplet_target": ("multiplet", TARGETS),
        },
        {"name": "toy", "model": "exact law"},
    )


def mean_log(alpha, batch, d=0.0):
    return np.mean(np.log(law(alpha, batch, d))) / 2


def solutions(batch, reference, floor, margin, d=0.0):
    """Learning rates that keep the mean of ln σ, that reach the floor, that deviate by the margin."""
    edge = 0.999 / (RATES_2[0] + d / batch)
    keep = brentq(lambda a: mean_log(a, batch, d) - mean_log(*reference, d), 1e-6, edge)
    reach = brentq(lambda a: np.max(np.sqrt(law(a, batch, d)) / TARGETS) - floor, 1e-6, edge)
    limit = brentq(
        lambda a: np.expm1(mean_log(a, batch, d) - np.mean(np.log(2 * TARGETS * a / batch)) / 2) - margin,
        1e-6,
        edge,
    )
    return keep, reach, limit


@pytest.mark.parametrize("d", [0.0, 5.0, -3.0])
def test_without_errors_the_exact_solutions_are_found(d):
    found = advise(plane(error=0.0, d=d), 256, reference=(0.1, 64), noise_floor=0.03)
    keep, reach, limit = solutions(256, (0.1, 64), 0.03, 0.05, d)
    one = next(x for x in found.limits if x.batch_size == 256)
    # The solver of the fit stops at 1e-6 of an error, which is 1e-6 here.
    assert found.keep.learning_rate == pytest.approx(keep, rel=1e-8)
    assert found.floor.learning_rate == pytest.approx(reach, rel=1e-8)
    assert one.fitted == pytest.approx(limit, rel=1e-8)
    assert found.fit.terms == ("c, a" if d == 0 else "c, a, d")
    assert found.fit.theta[:, 1] == pytest.approx(RATES / 2, rel=1e-6)
    assert found.fit.theta[:, 2] == pytest.approx(np.full(3, d), abs=1e-4)
    changes = np.sqrt(law(keep, 256, d) / law(0.1, 64, d)) - 1
    assert found.multiplet_change == pytest.approx((changes.min(), changes.max()), rel=1e-6)
    linear = np.expm1(mean_log(0.4, 256, d) - mean_log(0.1, 64, d))
    assert (found.linear, found.linear_change) == pytest.approx((0.4, linear), rel=1e-6)
    first = (1 - 1.05**-2) / (0.5 + d / 256)
    assert (one.first, one.first_multiplet) == pytest.approx((first, 5.0), rel=1e-6)
    assert found.keep.alpha_k_max == pytest.approx(keep * 1.0, rel=1e-8)
    assert not found.keep.extrapolation


@pytest.mark.parametrize("d", [0.0, 5.0])
def test_errors_cover_the_exact_solutions(d):
    keep, reach, limit = solutions(512, (0.1, 64), 0.05, 0.05, d)
    at = solutions(256, (0.1, 64), 0.05, 0.05, d)[2], [ALPHAS[3], BATCHES[2]]
    exact = np.expm1(mean_log(*at[1], d) - np.mean(np.log(2 * TARGETS * ALPHAS[3] / BATCHES[2])) / 2)
    linear = np.expm1(mean_log(0.8, 512, d) - mean_log(0.1, 64, d))
    z = []
    for seed in range(SEEDS):
        found = advise(plane(seed, d=d), 512, reference=(0.1, 64), noise_floor=0.05)
        one = next(x for x in found.limits if x.batch_size == 256)
        cell = next(c for c in found.cells if [c.learning_rate, c.batch_size] == at[1])
        z.append(
            [
                (found.keep.learning_rate - keep) / found.keep.learning_rate_se,
                (found.floor.learning_rate - reach) / found.floor.learning_rate_se,
                (one.fitted - at[0]) / one.fitted_se,
                (one.first - (1 - 1.05**-2) / (0.5 + d / 256)) / one.first_se,
                (cell.deviation - exact) / cell.deviation_se,
                (found.linear_change - linear) / found.linear_change_se,
            ]
        )
    # Errors enlarged for their own (2 %) and for χ² > dof (3 %), so that coverage is a little above nominal.
    for level in (0.683, 0.954):
        inside = (np.abs(z) < norm.isf((1 - level) / 2)).sum(axis=0)
        assert (inside >= binom.isf(1 - ALPHA, SEEDS, level)).all()
        assert (inside <= binom.isf(ALPHA, SEEDS, level + 0.1 * (1 - level))).all()
    assert (np.abs(np.mean(z, axis=0)) < norm.isf(ALPHA / 2) / np.sqrt(SEEDS)).all()
    assert limit != at[0] or d == 0


def test_errors_know_that_a_cell_has_a_part_in_the_limit():
    """Four cells: those of the smallest α are most of the limit, and half as uncertain against it."""
    found = [advise(plane(seed).isel(learning_rate=[0, 4], batch_size=[1, 2]), 64) for seed in range(SEEDS)]
    for values in (
        [(x.cells[0].deviation, x.cells[0].deviation_se / x.fit.scatter) for x in found],
        [(x.limits[0].fitted, x.limits[0].fitted_se / x.fit.scatter) for x in found],
    ):
        value, se = np.array(values).T
        # A standard deviation of 300 is known to 4 %, errors are enlarged by √(49/47).
        ratio = np.median(se) / np.sqrt(49 / 47) / value.std(ddof=1)
        assert abs(ratio - 1) < norm.isf(ALPHA / 2) / np.sqrt(2 * SEEDS)


def test_where_the_rule_fails_is_found():
    found = advise(plane(seed=4, error=0.005, d=5.0), 512)
    for cell in found.cells:
        free = np.mean(np.log(2 * TARGETS * cell.learning_rate / cell.batch_size)) / 2
        exact = np.expm1(mean_log(cell.learning_rate, cell.batch_size, 5.0) - free)
        assert abs(cell.deviation - exact) < norm.isf(ALPHA / 2) * cell.deviation_se
        if abs(abs(exact) - 0.05) > 7 * cell.deviation_se:
            assert cell.verdict == (FAILS if abs(exact) > 0.05 else HOLDS)
    # |B| = 1024: 3.0 % at 0.2, 6.8 % at 0.4; |B| = 16: 5.8 % at 0.2 already.
    ends = {x.batch_size: (x.holds_to, x.fails_from) for x in found.limits}
    assert ends[1024] == (0.2, 0.4)
    assert ends[16] == (0.1, 0.2)
    wide = advise(plane(seed=4, error=0.2, d=5.0), 512)
    assert {c.verdict for c in wide.cells if c.learning_rate == 0.1} == {CANNOT_TELL}


def test_extrapolation_is_flagged():
    found = advise(plane(), 2048, reference=(0.1, 64), noise_floor=1e-4)
    assert "|B| = 2048 is outside the measured 16 to 1024" in found.keep.extrapolation
    assert "α = " in found.floor.extrapolation
    assert "extrapolated: α = " in str(found)
    assert advise(plane(), 64, reference=(0.1, 64)).keep.extrapolation == ""
    holed = plane()
    holed["replicas"][2:, 2:] = 0
    holed["width"][2:, 2:] = np.nan
    assert (
        advise(holed, 1000, reference=(0.05, 64)).keep.extrapolation == "among cells that were not measured"
    )
    assert advise(holed, 64, reference=(0.4, 64)).keep.extrapolation == ""
    assert advise(holed, 256, reference=(0.05, 64)).keep.extrapolation == ""


def test_cells_that_diverged_or_were_not_run():
    data = plane()
    data["width"][4, 0], data["diverged_replicas"][4, 0] = 99.0, 3
    data["width"][4, 1], data["replicas"][4, 1] = np.nan, 0
    data["width"][4, 2], data["replicas"][4, 2] = 99.0, 3
    found = advise(data, 512)
    cells = {(c.learning_rate, c.batch_size): c for c in found.cells}
    assert (cells[0.8, 16].verdict, cells[0.8, 16].note) == (FAILS, "3 of 1003 replicas diverged")
    assert (0.8, 64) not in cells
    assert (cells[0.8, 256].verdict, cells[0.8, 256].note) == (CANNOT_TELL, "no widths with errors")
    assert (found.fit.cells, found.fit.replicas, found.fit.dof) == (17, 17_000, 3 * 15)
    assert next(x for x in found.limits if x.batch_size == 16).fails_from <= 0.8


def test_multiplets_that_are_not_learnt_do_not_count():
    more = xr.concat([plane(), plane().isel(multiplet=[0])], "multiplet", data_vars="minimal")
    more["multiplet_target"] = ("multiplet", [*TARGETS, 0.0])
    more["width"][..., 3] = 1e-9
    assert advise(more, 512).to_json() == advise(plane(), 512).to_json()


def test_reference_is_a_cell():
    assert advise(plane(), 512).reference == (0.2, 64)
    assert advise(plane(), 512, reference=(0.4, 256)).reference == (0.4, 256)
    with pytest.raises(ValueError, match=r"no cell that the law is fitted to.* there are \(0.05, 16\)"):
        advise(plane(), 512, reference=(0.3, 64))
    with pytest.raises(TypeError, match="reference must be"):
        advise(plane(), 512, reference=0.3)


def test_rates_are_held_against_the_fit_and_may_be_missing():
    assert advise(plane(), 512).fit.rate_p > ALPHA
    wrong = plane()
    wrong["rate"] = 2 * wrong["rate"]
    assert advise(wrong, 512).fit.rate_p < ALPHA
    free = advise(plane().drop_vars("rate"), 512)
    assert np.isnan(free.fit.rate_p)
    assert free.fit.k_max == pytest.approx(1.0, abs=0.1)
    assert free.keep.learning_rate == advise(plane(), 512).keep.learning_rate


def test_widths_that_shrink_with_the_learning_rate():
    """a < 0: as α grows σ² saturates at c/(|a| |B|), below some floors and below that of the reference."""
    found = advise(plane(error=0.0, a=-RATES_2), 10_000, reference=(0.8, 16), noise_floor=10.0)
    assert np.isnan(found.keep.learning_rate) and np.isnan(found.floor.learning_rate)
    text = str(found)
    assert "no learning rate does it" in text and "every learning rate stays below it" in text
    assert json.loads(found.to_json())["keep"]["learning_rate"] is None
    # -5 % of the mean: (1 + α/2)(1 + α/4)(1 + α/10) = 0.95^-6
    root = brentq(lambda a: (1 + a / 2) * (1 + a / 4) * (1 + a / 10) - 0.95**-6, 0, 2)
    assert found.limits[0].fitted == pytest.approx(root, rel=1e-6)
    assert found.limits[0].first == pytest.approx(2 * (0.95**-2 - 1), rel=1e-6)
    assert found.limits[0].first_multiplet == 5.0


@pytest.mark.parametrize("error", [0.01, 0.05])
def test_another_power_of_the_noise_level_is_refused(error):
    with pytest.raises(
        ValueError, match=r"nor those of the quietest third .* widths grow as T\^0.6\d+\(.*not 1/2"
    ):
        advise(plane(error=error, power=1.2), 512)


def test_cells_too_noisy_for_the_law_are_left_out_and_said():
    data = plane()
    noise = data["learning_rate"] / data["batch_size"]
    loud = noise > 0.3 * noise.max()
    data["width"] = data["width"] * xr.where(loud, 1.3, 1.0)
    found = advise(data, 512, reference=(0.1, 64))
    kept = noise.values[~loud.values]
    assert found.fit.most_noise == pytest.approx(kept.max()) and found.fit.cells == kept.size
    assert "beyond, it does not fit" in str(found) and found.fit.p >= 0.01
    keep = solutions(512, (0.1, 64), 0.05, 0.05)[0]
    assert abs(found.keep.learning_rate - keep) < norm.isf(ALPHA / 2) * found.keep.learning_rate_se
    for cell in found.cells:  # those that are left out have their deviation, too
        if loud.sel(learning_rate=cell.learning_rate, batch_size=cell.batch_size):
            assert cell.verdict == "fails" and cell.deviation > 0.2
    assert math.isinf(advise(plane(), 512).fit.most_noise)


def without(name):
    return plane().drop_vars(name)


def spoilt(name, value):
    data = plane()
    data[name] = data[name].astype(float) * 0 + value
    return data


@pytest.mark.parametrize(
    ("data", "options", "error", "message"),
    [
        ([1, 2], {}, TypeError, "plane must be a Dataset"),
        (without("width_se"), {}, ValueError, "no width_se.*without errors"),
        (without("replicas"), {}, ValueError, "plane has no replicas"),
        (without("multiplet_target"), {}, ValueError, "plane has no multiplet_target"),
        (plane().isel(multiplet=0), {}, ValueError, "width must have dims"),
        (plane().isel(learning_rate=slice(None, None, -1)), {}, ValueError, "ascending"),
        (spoilt("width", np.nan), {}, ValueError, "every cell is NaN"),
        (spoilt("width_se", np.nan), {}, ValueError, "no learnt multiplet with an error"),
        (spoilt("width_se", 0.0), {}, ValueError, "no learnt multiplet with an error"),
        (spoilt("replicas", 2), {}, ValueError, "replicas"),
        (spoilt("diverged_replicas", 1), {}, ValueError, "measure smaller learning rates"),
        (spoilt("multiplet_target", 0.0), {}, ValueError, "multiplet_target must be"),
        (plane().isel(learning_rate=[0], batch_size=[0]), {}, ValueError, "3 usable cells"),
        (plane().isel(learning_rate=[0]), {}, ValueError, "2 learning rates"),
        (plane(), {"batch_size": 0}, ValueError, "batch_size must be >= 1"),
        (plane(), {"batch_size": 2.5}, TypeError, "batch_size must be a whole"),
        (plane(), {"noise_floor": 0.0}, ValueError, "noise_floor must be"),
        (plane(), {"noise_floor": -1.0}, ValueError, "noise_floor must be"),
        (plane(), {"margin": 0.0}, ValueError, "margin must be"),
        (plane(), {"confidence": 1.0}, ValueError, "confidence must be"),
    ],
)
def test_bad_input(data, options, error, message):
    with pytest.raises(error, match=message):
        advise(data, **({"batch_size": 512} | options))


def test_one_batch_size_or_few_cells_are_enough():
    one = advise(plane().isel(batch_size=[1]), 64, reference=(0.1, 64))
    assert one.fit.terms == "c, a"
    assert one.keep.learning_rate == pytest.approx(0.1, rel=1e-9)
    assert one.keep.learning_rate_se == pytest.approx(0.0, abs=1e-9)
    assert advise(plane().isel(learning_rate=[0, 4], batch_size=[0, 1]), 32).fit.dof == 6


def test_text_and_json_say_the_same():
    found = advise(plane(), 512, reference=(0.1, 64), noise_floor=0.05)
    text, data = str(found), json.loads(found.to_json())
    assert data["schema"] == "dyson-sgd/advice"
    assert data["keep"]["learning_rate"] == found.keep.learning_rate
    assert data["fit"]["theta"][0] == found.fit.theta[0].tolist()
    assert len(data["cells"]) == 20
    assert f"α = {found.keep.learning_rate:.4f}(" in text
    assert "20 cells, 20000 replicas" in text and f"χ² = {found.fit.chi2:.1f} at 54" in text
    assert len(found.table()) == 21 and {len(row) for row in found.table()} == {6}


def test_figure():
    data = plane(d=5.0)
    data["diverged_replicas"][4, 0], data["replicas"][3, 3], data["width"][3, 3] = 3, 0, np.nan
    figure = advice_figure(advise(data, 512, reference=(0.1, 64), noise_floor=0.05))
    labels = figure.axes[0].get_legend_handles_labels()[1]
    assert {"reference", "keeps the widths", "noise floor", "fit: 5 %", "holds", "fails"} <= set(labels)
    mesh = figure.axes[0].collections[0].get_array()
    assert mesh.shape == (4, 5) and np.ma.getmaskarray(mesh).sum() == 2
    assert "19 cells" in figure.get_label() and "<svg" in svg(figure, "a")
    svg(advice_figure(advise(plane().isel(batch_size=[1]), 4096)), "b")
    with pytest.raises(TypeError, match="advise returns"):
        advice_figure(data)


def parsed(*words):
    top = parser()
    return top.parse_args(["advise", *words])


def test_options():
    args = parsed("study", "--batch-size", "256", "--reference", "0.05,64", "--json")
    assert isinstance(args, argparse.Namespace)
    assert (args.store, args.batch_size, args.reference, args.noise_floor) == ("study", 256, (0.05, 64), None)
    assert (args.margin, args.confidence, args.json, args.debug) == (0.05, 0.95, True, False)
    for words in (
        ["study"],
        ["study", "--batch-size", "0"],
        ["study", "--batch-size", "8", "--reference", "0.1"],
        ["study", "--batch-size", "8", "--reference", "0,64"],
        ["study", "--batch-size", "8", "--reference", "0.1,6.4"],
        ["study", "--batch-size", "8", "--noise-floor", "0"],
        ["study", "--batch-size", "8", "--margin", "1"],
    ):
        with pytest.raises(UsageError):
            parsed(*words)


def measured(model, alpha, batch, seed):
    """Widths at one point, started at the fixed point; three relaxation times 32 of the slowest mode."""
    first = int(np.ceil(96 / alpha))
    record = np.unique(np.append(0, np.linspace(first, 2 * first, 12).round())).astype(np.int64)
    run = sgd.train(
        model, alpha, batch, int(record[-1]), 256, seed=seed, record=record, initial="fixed-point"
    )
    return statistics(run, start=alpha * (first - 0.5))


def test_training_at_the_advised_learning_rate_keeps_the_widths():
    """RBM, κ = 4, 6, 6, 8: rates 2 x̄/κ², α k/2 up to 0.25, levels seven widths apart or more."""
    model = sgd.GaussianRBM(target=sgd.ring_scalar_field(4, 4.0), n_hidden=4, mu2=9.0)
    alphas, batches = (0.1, 0.2, 0.4, 0.8), (256, 1024)
    cells = [[measured(model, a, b, 10 * i + j) for j, b in enumerate(batches)] for i, a in enumerate(alphas)]

    def table(name):
        return np.array([[cell[name].values for cell in row] for row in cells])

    data = xr.Dataset(
        {name: (DIMS, table(name)) for name in ("width", "width_se")}
        | {name: (DIMS[:2], table(name)) for name in ("replicas", "diverged_replicas")},
        {"learning_rate": list(alphas), "batch_size": list(batches)},
    )
    target = cells[0][0].multiplet_target.values
    data["multiplet_target"] = ("multiplet", target)
    data["rate"] = ("multiplet", 2 * target / (9 - target) ** 2)
    found = advise(data, 512, reference=(0.2, 256), noise_floor=0.05)
    assert found.fit.p > ALPHA and found.fit.rate_p > ALPHA
    assert found.keep.extrapolation == ""
    assert found.keep.learning_rate < 0.4 - 2 * found.keep.learning_rate_se
    new = measured(model, found.keep.learning_rate, 512, 99)
    ratio = np.log(new.width.values) - np.log(data.width.sel(learning_rate=0.2, batch_size=256).values)
    new_se = (new.width_se / new.width).values
    old_se = (data.width_se / data.width).sel(learning_rate=0.2, batch_size=256).values
    advice_se = found.keep.learning_rate_se / found.keep.learning_rate
    se = np.sqrt(np.sum(new_se**2 + old_se**2)) / 3 + advice_se
    assert abs(ratio.mean()) < norm.isf(ALPHA / 2) * se
