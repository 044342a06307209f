"""Verdicts on ensembles from exact laws: agreement found, planted deviations found, no false certainty."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import xarray as xr
from scipy.stats import binom, kstwobign, norm

import compare
from compare import Check, CheckResult, align, check, with_error
from compare.verdict.distance import band, pool, to_law, to_sample
from compare.verdict.row import judge
from dyson.laws import WignerSurmise
from tests.compare.ensembles import SIGMA, closed_form, ensemble
from tests.oracles import ALPHA

STATIONARY = ("mean eigenvalue", "width", "mean spacing", "spacing ratio")


def theory(seed=2, level="matrix", **options):
    return ensemble(seed, kind="theory", level=level, **options)


def verdicts(result, quantity=None, level=None):
    return {
        r.label: r.verdict
        for r in result.rows
        if (quantity is None or r.quantity == quantity) and (level is None or r.level == level)
    }


@pytest.fixture(scope="module")
def true():
    """Experiment, sampled and closed-form theory, all of the same law."""
    size = {"replicas": 800, "times": 81}
    tree = align(ensemble(1, **size), {"pair": closed_form(), "matrix": theory(**size)})
    return check(tree, start=10)


def test_agreement_is_found_where_it_is_true(true):
    assert true.verdict == "agrees"
    assert true.exit_code == 0
    assert true.counts["matrix"] == {"agrees": 15, "differs": 0, "cannot tell": 0}
    assert true.counts["sgd"]["agrees"] == 4
    assert true.counts["pair"]["differs"] == 0
    assert true.expected_by_chance < 1e-3


def test_rows_cover_everything(true):
    found = {(r.quantity, r.label) for r in true.rows if r.level == "pair"}
    assert {("mean eigenvalue", f"mode {k}") for k in range(4)} < found
    assert {("growth time", f"mode {k}") for k in range(4)} < found
    assert ("width", "multiplet 1 (x = 3)") in found
    pair = {"mean spacing", "spacing ratio", "spacing law", "density law"}
    assert {(q, "pair 0") for q in pair} < found
    assert len(found) == len([r for r in true.rows if r.level == "pair"]) == 15


def test_verdicts_follow_from_the_numbers_in_the_row(true):
    for r in true.rows:
        error = math.hypot(r.estimate_se, r.prediction_se)
        assert r.deviation == r.estimate - r.prediction
        assert r.error == error
        assert r.verdict == judge(r.deviation, error, r.margin, r.quantile)
        assert norm.isf(0.005) - 1e-9 <= r.quantile < 2.69  # Student's, at least 49 degrees of freedom


@pytest.mark.parametrize(
    ("planted", "quantity", "labels"),
    [
        ({"shift": [0.03, 0, 0, 0]}, "mean eigenvalue", {"mode 0"}),
        ({"scale": [1.0, 1.15, 1.0]}, "width", {"multiplet 1 (x = 3)"}),
        ({"scale": [1.0, 1.15, 1.0]}, "mean spacing", {"pair 0"}),
        ({"scale": [1.0, 1.15, 1.0]}, "density law", set()),
        ({"scale": [1.0, 1.8, 1.0]}, "density law", {"pair 0"}),
        ({"shift": [0, 0.03, 0.03, 0]}, "density law", {"pair 0"}),
    ],
)
def test_a_planted_error_of_three_margins_is_found(planted, quantity, labels):
    size = {"replicas": 300, "times": 61, "grow": False}
    run = ensemble(11, **size, **planted)
    result = check(align(run, {"pair": closed_form(grow=False), "matrix": theory(**size)}))
    for level in ("pair", "matrix"):
        differing = {k for k, v in verdicts(result, quantity, level).items() if v == "differs"}
        assert differing == labels
    differing = {r.quantity for r in result.rows if r.verdict == "differs"}
    assert result.verdict == ("differs" if differing else result.verdict)
    assert result.exit_code == int(bool(differing))


def test_a_wrong_spacing_law_is_found():
    """Two independent modes do not repel: |x − y| is half-normal, at distance 0.19 from the surmise."""
    size = {"replicas": 300, "times": 21, "grow": False}
    run = ensemble(11, **size)
    rng = np.random.default_rng(5)
    x = run["eigenvalue"].values.copy()
    x[..., 1:3] = -np.sort(-(3 + 0.15 * rng.normal(size=(*x.shape[:2], 2))), axis=-1)
    run = run.assign(eigenvalue=(run["eigenvalue"].dims, x, run["eigenvalue"].attrs))
    result = check(align(run, {"pair": closed_form(grow=False), "matrix": theory(**size)}))
    for level in ("pair", "matrix"):
        assert verdicts(result, "spacing law", level) == {"pair 0": "differs"}
        assert verdicts(result, "spacing ratio", level) == {"pair 0": "differs"}


def test_a_shift_within_the_margin_agrees_although_it_is_significant():
    size = {"replicas": 2000, "times": 61, "grow": False}
    run = ensemble(11, **size, shift=[0.003, 0, 0, 0])
    row = check(align(run, {"pair": closed_form(grow=False)})).rows[4]
    assert (row.quantity, row.label) == ("mean eigenvalue", "mode 0")
    assert row.deviation > 5 * row.error
    assert row.verdict == "agrees"


def test_small_ensembles_cannot_tell():
    size = {"replicas": 6, "times": 9, "grow": False}
    result = check(align(ensemble(1, **size), {"matrix": theory(**size)}), margin=0.005)
    assert result.verdict == "cannot tell"
    assert result.exit_code == 0
    counts = result.counts["matrix"]
    assert counts["cannot tell"] == sum(counts.values()) == 11
    assert result.expected_by_chance > 0.02


def test_one_replica_says_why_it_cannot_tell():
    size = {"replicas": 1, "times": 9}
    result = check(align(ensemble(1, **size), {"matrix": theory(**size)}))
    assert all(r.verdict == "cannot tell" for r in result.rows)
    assert {r.note for r in result.rows if r.quantity == "mean eigenvalue"} == {"one replica has no error"}


def test_false_differs_rate_is_the_stated_one():
    """With margins far below the errors, a row errs with probability 1 − confidence: small ensembles, too."""
    confidence, wrong, rows, expected = 0.9, 0, 0, 0.0
    for seed in range(120):
        size = {"replicas": 12, "times": 7, "grow": False}
        tree = align(ensemble(2 * seed, **size), {"matrix": theory(2 * seed + 1, **size)})
        result = check(tree, margin=1e-9, confidence=confidence)
        mine = [r for r in result.rows if r.quantity == "mean eigenvalue"]
        wrong, rows = wrong + sum(r.verdict == "differs" for r in mine), rows + len(mine)
        expected += sum(r.false_alarm for r in mine)
    # The two means of a pair are nearly independent; 480 rows.
    assert binom.ppf(ALPHA, rows, 0.1) <= wrong <= binom.isf(ALPHA, rows, 0.1)
    assert expected == pytest.approx(0.1 * rows, rel=0.25)


def test_a_drifting_mode_cannot_be_judged():
    size = {"replicas": 600, "times": 61, "grow": False}
    run = ensemble(3, **size, drift=[0.003, 0, 0, 0])
    result = check(align(run, {"pair": closed_form(grow=False), "matrix": theory(**size)}))
    assert verdicts(result, "equilibration")["mode 0"] == "differs"
    assert verdicts(result, "equilibration")["mode 3"] == "agrees"
    moved = [r for r in result.rows if r.note == "not equilibrated"]
    assert {(r.quantity, r.label) for r in moved} == {
        ("mean eigenvalue", "mode 0"),
        ("width", "multiplet 0 (x = 5)"),
    }
    assert {r.verdict for r in moved} == {"cannot tell"}
    assert result.verdict == "differs"  # the equilibration itself


def test_a_drifting_pair_takes_its_rows_along():
    run = ensemble(3, replicas=300, times=41, grow=False, drift=[0, 0.005, 0.005, 0])
    result = check(align(run, {"pair": closed_form(grow=False)}))
    quiet = {r.quantity for r in result.rows if r.label == "pair 0"}
    assert quiet == {"mean spacing", "spacing ratio", "spacing law", "density law"}
    assert {r.note for r in result.rows if r.label == "pair 0"} == {"not equilibrated"}


def test_the_most_complete_level_decides():
    size = {"replicas": 300, "times": 41, "grow": False}
    run = ensemble(3, **size)
    wrong = closed_form(shift=[0.1, 0, 0, 0], grow=False)
    tree = align(run, {"pair": wrong, "dyson": theory(5, level="dyson", **size)})
    result = check(tree)
    assert result.deciding_level == "dyson" and result.exit_code == 0
    assert check(tree, level="pair").verdict == check(tree, level="all").verdict == "differs"
    tree = align(run, {"mine": theory(5, level="my own", **size), "yours": wrong.assign_attrs(level="x")})
    assert check(tree).deciding_level == "yours"
    with pytest.raises(ValueError, match="unknown level 'dysen'; did you mean 'dyson'"):
        check(align(run, {"dyson": theory(5, **size)}), level="dysen")


def test_without_theory_the_equilibration_decides():
    run = ensemble(3, replicas=600, times=81, grow=False)
    result = check(align(run, {}), margin={"equilibration": 0.02})
    assert result.deciding_level == "sgd" and result.verdict == "agrees"
    moving = ensemble(3, replicas=600, times=81, grow=False, drift=[0.003, 0, 0, 0])
    assert check(align(moving, {})).exit_code == 1


def test_margins_by_number_and_by_name(true):
    size = {"replicas": 20, "times": 11}
    tree = align(ensemble(1, **size), {"matrix": theory(**size)})
    by_number = check(tree, margin=0.5).margins
    assert {q: by_number[q] for q in STATIONARY} == dict.fromkeys(STATIONARY, 0.5)
    assert by_number["density law"] == 0.05 and by_number["equilibration"] == 0.01
    assert check(tree, margin={"density law": 0.2}).margins == compare.MARGINS | {"density law": 0.2}
    assert true.margins == compare.MARGINS
    for row in check(tree, margin={"width": 0.3}).rows:
        if row.quantity == "width":
            assert row.margin == pytest.approx(0.3 * row.prediction)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"margin": {"widht": 0.1}}, "margin: unknown quantity 'widht'; did you mean 'width'"),
        ({"margin": {"width": -1}}, "margin of width must be a finite number > 0, got -1"),
        ({"margin": math.nan}, "margin of .* must be a finite number > 0, got nan"),
        ({"margin": "wide"}, "margin of .* must be a finite number > 0, got 'wide'"),
        ({"margin": True}, "margin of .* must be a finite number"),
        ({"confidence": 1.0}, "confidence must be between 0 and 1, got 1.0"),
        ({"confidence": "99%"}, "confidence must be between 0 and 1, got '99%'"),
        ({"confidence": math.nan}, "confidence must be between 0 and 1"),
        ({"start": 1e9}, "start = 1e[+]09 is after the last recorded time"),
        ({"start": "late"}, "start must be a finite time"),
        ({"level": "pear"}, "unknown level 'pear'; did you mean 'pair'"),
        ({"level": 3}, "unknown level 3"),
    ],
)
def test_bad_arguments(options, message):
    tree = align(ensemble(1, replicas=4, times=6), {"pair": closed_form()})
    with pytest.raises(ValueError, match=message) as caught:
        check(tree, **options)
    assert "\n" not in str(caught.value)


def test_only_trees():
    with pytest.raises(TypeError, match=r"expected the DataTree of compare.align, got Dataset"):
        check(ensemble(1, replicas=4, times=6))


def test_diverged_replicas_are_counted_in_the_result():
    run = ensemble(1, replicas=30, times=21)
    x, diverged = run["eigenvalue"].values.copy(), run["diverged"].values.copy()
    x[4, 10:], diverged[4] = np.nan, run["time"].values[10]
    run = run.assign(
        eigenvalue=(run["eigenvalue"].dims, x, run["eigenvalue"].attrs),
        diverged=("replica", diverged, run["diverged"].attrs),
    )
    result = check(align(run, {"pair": closed_form()}))
    assert result.diverged_replicas == {"sgd": 1, "pair": 0}
    assert result.replicas == {"sgd": 29, "pair": 0}
    assert "sgd: 1 of 30 replicas diverged and were left out" in str(result)


def test_a_prediction_of_zero_has_no_relative_margin():
    form = closed_form(grow=False)
    form["mean_eigenvalue"].values[3] = 0.0
    row = check(align(ensemble(1, replicas=30, times=11, grow=False), {"pair": form})).rows[7]
    assert (row.verdict, row.note) == ("cannot tell", "prediction 0 has no relative margin")


def test_a_prediction_carries_its_own_error():
    """Widths known to 20 % only: the same deviation that differed now cannot be told, densities included."""
    run = ensemble(11, replicas=300, times=61, grow=False, scale=[1.0, 2.0, 1.0])
    form = closed_form(grow=False)
    assert verdicts(check(align(run, {"pair": form})), "density law")["pair 0"] == "differs"
    unsure = form.assign(width_se=("multiplet", 0.5 * SIGMA, {"long_name": "error", "units": "1"}))
    result = check(align(run, {"pair": unsure}))
    assert verdicts(result, "width")["multiplet 1 (x = 3)"] == "cannot tell"
    assert verdicts(result, "density law")["pair 0"] == "cannot tell"
    assert verdicts(result, "spacing law")["pair 0"] == "agrees"


@pytest.mark.parametrize("step", [0.05, 3.0])
def test_bands_of_correlated_samples_cover(step):
    """sup |F̂ − F| against its own 99 % half-width, where times are strongly and weakly correlated."""
    ratios, counts = [], []
    for seed in range(100):
        x = ensemble(seed, replicas=40, times=11, step=step, grow=False)["eigenvalue"].values
        spacing = (x[..., 1] - x[..., 2]) / (np.sqrt(np.pi) * SIGMA[1])
        sample = pool(spacing)
        ratios.append(to_law(sample, WignerSurmise(1.0).cdf) / band(sample.count, 0.99))
        counts.append(sample.count / 40)
    assert np.sum(np.array(ratios) > 1) <= binom.isf(ALPHA, 100, 0.01)
    # The band is not far too wide, either: the distance is what theory says it is for that many values.
    typical = kstwobign.mean() / (band(1, 0.99))
    assert 0.8 * typical < np.mean(ratios) < 1.15 * typical
    assert (np.mean(counts) < 5) if step < 1 else (np.mean(counts) > 9)


def test_effective_count_of_copies_and_of_independent_values():
    rng = np.random.default_rng(1)
    copies = np.repeat(rng.normal(size=(400, 1)), 20, axis=1)
    assert 400 <= pool(copies).count < 650
    assert 5000 < pool(rng.normal(size=(400, 20))).count <= 8000
    assert pool(np.zeros((1, 5))).count == 1
    assert pool(np.zeros((8, 5))).count == 40


def test_distances_by_hand():
    uniform = pool(np.arange(0.5, 10)[:, None] / 10)
    assert to_law(uniform, lambda x: x) == pytest.approx(0.05)
    assert to_sample(uniform, pool(np.arange(0.5, 10)[:, None] / 10 + 0.25)) == pytest.approx(0.3)
    many = pool(np.linspace(0, 1, 30001)[:, None])
    assert to_law(many, lambda x: x**2) == pytest.approx(0.25, abs=1e-3)
    assert to_sample(many, uniform) == pytest.approx(0.05, abs=1e-3)


def test_verdict_rule():
    assert judge(0.5, 0.1, 1.0, 2.0) == "agrees"
    assert judge(-1.5, 0.1, 1.0, 2.0) == "differs"
    assert judge(0.9, 0.1, 1.0, 2.0) == "cannot tell"
    assert judge(0.0, 10.0, 1.0, 2.0) == "cannot tell"
    assert judge(1.0, 0.0, 1.0, 2.0) == "agrees"
    for numbers in ((math.nan, 0.1, 1, 2), (0, math.nan, 1, 2), (0, 0.1, math.nan, 2)):
        assert judge(*numbers) == "cannot tell"


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (4.602567, 0.00123, "4.6026(12)"),
        (4.602567, 0.000996, "4.6026(10)"),
        (-0.00034, 0.0017, "-0.0003(17)"),
        (123456.0, 230.0, "123460(230)"),
        (12.3456, 1.23, "12.3(1.2)"),
        (12.3456, 0.987, "12.35(99)"),
        (12.3456, 0.9999, "12.3(1.0)"),
        (1.0, 0.0, "1"),
        (math.pi, math.nan, "3.14159"),
        (math.nan, 0.1, "–"),
        (math.inf, 0.1, "inf"),
        (1.5, 1e-18, "1.5"),
    ],
)
def test_numbers_show_only_the_digits_their_error_allows(value, error, text):
    assert with_error(value, error) == text


def test_text_table_is_aligned(true):
    lines = str(true).splitlines()
    column = lines[0].index("verdict")
    body = lines[2 : 2 + len(true.rows)]
    assert {line[column:].split("  ")[0] for line in body} <= {"agrees", "differs", "cannot tell"}
    assert "matrix: 15 agree, 0 differ, 0 cannot tell" in lines
    assert "verdict by level matrix: agrees" in lines[-1]


def test_html_is_escaped():
    row = Check(
        "width", "<script>", "pair", 0, 1.0, 0.1, 1.0, 0.0, 0.0, 0.0, 0.05, 2.6, 0.0, "cannot tell", "a & b"
    )
    page = CheckResult([row], 0.99, dict(compare.MARGINS), "pair")._repr_html_()
    assert "<script>" not in page and "&lt;script&gt;" in page and "a &amp; b" in page


def test_json_round_trip(true):
    size = {"replicas": 1, "times": 9}
    for result in (true, check(align(ensemble(1, **size), {"matrix": theory(**size)}))):
        text = result.to_json()
        content = json.loads(text, parse_constant=lambda name: pytest.fail(f"JSON has {name}"))
        assert content["schema_version"] == 2 and set(content["units"].values()) == {"1"}
        assert content["verdict"] == result.verdict
        back = CheckResult.from_json(text)
        assert back.to_json() == text
        assert str(back) == str(result)
        assert len(back.table()) == len(result.rows)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"schema": "dyson-sgd/checks"}',
        '{"schema": "dyson-sgd/checks", "schema_version": 2, "rows": []}',
        '{"schema": "dyson-sgd/checks", "schema_version": 1, "rows": 3}',
        '{"schema": "dyson-sgd/checks", "schema_version": 1, "rows": [{}]}',
        '{"schema": "dyson-sgd/checks", "schema_version": 1, "rows": [[]]}',
        '{"schema": "dyson-sgd/checks", "schema_version": 1, "rows": []}',
    ],
)
def test_foreign_json_is_refused(text):
    with pytest.raises(ValueError, match="checks") as caught:
        CheckResult.from_json(text)
    assert "\n" not in str(caught.value)


def test_damaged_rows_are_refused(true):
    content = json.loads(true.to_json())
    for field, value in (("verdict", "maybe"), ("index", "0"), ("margin", "wide"), ("label", None)):
        broken = json.loads(true.to_json())
        broken["rows"][0][field] = value
        with pytest.raises(ValueError, match="not a file of checks"):
            CheckResult.from_json(json.dumps(broken))
    assert len(content["rows"]) == len(true.rows)


def test_check_does_not_change_the_tree():
    size = {"replicas": 20, "times": 11}
    tree = align(ensemble(1, **size), {"pair": closed_form(), "matrix": theory(**size)})
    before = tree.copy(deep=True)
    check(tree)
    xr.testing.assert_identical(tree, before)


def test_modes_that_are_not_learnt_are_measured_against_the_largest_target():
    """Two modes at rounding level, of different size: no difference that matters, and no other rows."""
    theory = ensemble(2, replicas=30, times=11, grow=False, kind="theory", level="dyson")
    tree = align(ensemble(1, replicas=30, times=11, grow=False), {"dyson": theory})
    for node, size in ((tree["experiment"], 1e-16), (tree["theory/dyson"], 7e-16)):
        ds = node.to_dataset()
        x = ds["eigenvalue"].values.copy()
        x[..., 3] = size
        target = np.append(ds["target"].values[:3], 0.0)
        node.dataset = ds.assign(eigenvalue=(ds["eigenvalue"].dims, x, ds["eigenvalue"].attrs)).assign_coords(
            target=("mode", target, ds["target"].attrs)
        )
    rows = [row for row in check(tree).rows if row.label in ("mode 3", "multiplet 2 (x = 0)")]
    assert [(row.quantity, row.verdict) for row in rows] == [
        ("equilibration", "agrees"),
        ("mean eigenvalue", "agrees"),
        ("width", "agrees"),
    ]
