"""Replicas that share one data set are one draw of it: the spread between data sets is part of the error."""

from __future__ import annotations

import itertools
import json
import math
from functools import cache

import numpy as np
import pytest
from scipy.special import stdtrit
from scipy.stats import binom, rice

import compare
from compare import DataSpread, align, check, data_spread, load, save, shares_data
from compare.readers.foreign import read_npz
from compare.studies.cli.main import main
from compare.studies.published.study import read_tree
from compare.verdict.row import SPREAD, UNKNOWN_SPREAD
from compare.verdict.side import moved
from compare.verdict.spread import _growth_error
from compare.verdict.surmise import surmise
from dyson.linear.shared_data import TeacherStudent
from tests.compare.ensembles import SIGMA, TARGET, closed_form, ensemble, units
from tests.compare.published_files import KAPPA, NOISE, write
from tests.oracles import ALPHA

RATE, SIZE, BATCHES = 0.3, 16, 40
SIZES = ("width", "mean spacing")


def train(seed, replicas=1000, shared=True):
    """SGD of 2 × 2 students, literally: inputs x, labels κx, symmetric noise on the gradient, one epoch.

    The inputs are drawn once where the data are shared, and for every replica where they are not; the
    noise is each replica's own.
    """
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((1 if shared else replicas, BATCHES, SIZE, 2))
    covariance = np.einsum("rbsi,rbsj->rbij", x, x) / SIZE
    w = 0.1 * rng.standard_normal((replicas, 2, 2))
    records = [w]
    for step in range(BATCHES):
        a = rng.standard_normal((replicas, 2, 2)) * NOISE / math.sqrt(2 * SIZE)
        w = w + RATE * ((KAPPA * np.eye(2) - w) @ covariance[:, step] + a + a.swapaxes(-1, -2))
        if step + 1 == BATCHES:
            records.append(w)
    values = np.linalg.eigvalsh(
        np.stack(records, axis=1) / 2 + np.stack(records, axis=1).swapaxes(-1, -2) / 2
    )
    return values[..., ::-1]


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    """From a seed to a run in the layout, and the levels of theory of all of them."""
    path = tmp_path_factory.mktemp("runs") / "run.npz"
    mapping = {"eigenvalue": "x", "matrix": "W", "learning_rate": RATE, "batch_size": SIZE, "target": KAPPA}
    mapping |= {"step": [0, BATCHES]}
    model = TeacherStudent(RATE, SIZE, NOISE, batches=BATCHES)
    times = np.array([0.0, RATE * BATCHES])
    theory = {"pair": model.pair(times), "matrix": model.matrix(times)}

    def run(seed, shared=True, marked=True, **options):
        np.savez(path, x=train(seed, shared=shared, **options))
        more = {"shared_data": "yes"} if marked else {}
        return read_npz(path, mapping | more, model="teacher_student")

    return run, theory


@pytest.fixture(scope="module")
def shared_runs(student):
    return [student[0](seed) for seed in range(60)]


@pytest.fixture(scope="module")
def verdicts(student, shared_runs):
    """Checks of all `shared_runs`, each way once: with the marker or without, at the usual margin or none."""
    strict = {"margin": 1e-9, "confidence": 0.9}

    @cache
    def judged(marked, usual):
        marker = None if marked else False
        trees = (align(run, student[1], shared_data=marker) for run in shared_runs)
        return [check(tree, **({} if usual else strict)) for tree in trees]

    return judged


def differing(results, level):
    rows = [r for result in results for r in result.rows if r.level == level and r.quantity in SIZES]
    return max(sum(r.verdict == "differs" for r in rows if r.quantity == q) for q in SIZES), len(results)


def form(**errors):
    """The closed form, its ``<name>_se`` the given fractions of the values, marked as between data sets."""
    ds = closed_form().assign_attrs(error="between data sets", level="matrix")
    for name, share in errors.items():
        ds[f"{name}_se"] = (ds[name].dims, share * np.abs(ds[name].values), units("spread"))
    return ds


def rows(result, level, quantity):
    return [r for r in result.rows if (r.level, r.quantity) == (level, quantity)]


# ---------------------------------------------------------------- ensembles trained on one data set


@pytest.mark.parametrize("level", ["pair", "matrix"])
def test_shared_data_differ_no_more_often_than_the_confidence_says(verdicts, level):
    """Sixty literal data sets, no margin to speak of: "differs" is as rare as stated, and was not before."""
    wrong, count = differing(verdicts(marked=True, usual=False), level)
    assert wrong <= binom.isf(ALPHA, count, 0.1)
    assert differing(verdicts(marked=True, usual=True), level)[0] == 0
    if level == "pair":
        plain = verdicts(marked=False, usual=False)
        assert differing(plain, level)[0] > count / 2  # 10 % is what the confidence says


def test_the_same_at_the_default_margin_without_the_marker(verdicts):
    wrong, count = differing(verdicts(marked=False, usual=True), "pair")
    assert wrong > binom.isf(ALPHA, count, 0.01)


def test_a_spread_estimated_from_other_runs_does_as_well(student, shared_runs):
    spread = data_spread(shared_runs[:15])
    only = {"pair": student[1]["pair"]}
    results = [
        check(align(run, only), margin=1e-9, confidence=0.9, data_spread=spread) for run in shared_runs[15:]
    ]
    wrong, count = differing(results, "pair")
    assert wrong <= binom.isf(ALPHA, count, 0.1)


def test_a_planted_error_of_half_the_size_is_still_found(student):
    """The spread is 6 %: noise 1.5 times too large is no accident of the data."""
    run = student[0](3)
    x = run["eigenvalue"]
    wide = run.assign(eigenvalue=(x.dims, (KAPPA + 1.5 * (x - KAPPA)).values, x.attrs))
    assert [r.verdict for r in rows(check(align(wide, student[1])), "pair", "width")] == ["differs"]


def test_independent_data_are_judged_as_before(student):
    """Each replica on its own data: agrees at level pair with the errors between replicas alone."""
    run = student[0](5, shared=False, marked=False, replicas=3000)
    result = check(align(run, student[1]))
    for quantity in SIZES:
        (row,) = rows(result, "pair", quantity)
        assert (row.verdict, row.note, row.prediction_se) == ("agrees", "", 0.0)
    unmarked = check(align(run, student[1], shared_data=False))
    assert unmarked.to_json() == result.to_json()


def test_estimated_spread_is_that_of_simulated_data_sets(student, shared_runs):
    """Against the exact law given the data (level matrix), of 200 data sets."""
    spread, matrix = data_spread(shared_runs), student[1]["matrix"]
    for quantity, name in (("width", "width"), ("mean spacing", "mean_spacing")):
        known = float(matrix[f"{name}_se"].values[0] / matrix[name].values[0])
        size, error = spread[quantity].size[0], spread[quantity].error[0]
        assert 0.03 < known < 0.09
        assert abs(size - known) < 4.5 * math.hypot(error, known / math.sqrt(400))
        assert error < size / 3


# ---------------------------------------------------------------- the estimate


def test_the_estimate_by_hand():
    runs = [ensemble(s, 40, 11, scale=1 + 0.2 * s).assign_attrs(shared_data="yes") for s in range(4)]
    spread = data_spread(runs)
    measured = [compare.statistics(run) for run in runs]
    for level in range(3):
        theta = [float(m["width"][level]) for m in measured]
        noise = sum(float(m["width_se"][level]) ** 2 for m in measured) / 4
        mean = sum(theta) / 4
        total = sum((t - mean) ** 2 for t in theta) / 3
        assert spread["width"].size[level] == pytest.approx(math.sqrt(total - noise) / mean)
        size, shift = math.sqrt(total - noise), total * math.sqrt(2 / 3)
        up, down = math.sqrt(size**2 + shift) - size, size - math.sqrt(max(size**2 - shift, 0))
        assert spread["width"].error[level] == pytest.approx(max(up, down) / mean)
        assert spread["width"].freedom[level] == pytest.approx(3 * ((total - noise) / total) ** 2)


def test_runs_that_scatter_as_their_replicas_have_no_spread():
    """Differences within the replicas' own errors are taken off; 30 runs know a variance to 26 %."""
    trees = [align(ensemble(s, 60, 11), {}, shared_data=True) for s in range(30)]
    noise = compare.statistics(trees[0]["experiment"].to_dataset())
    for quantity, spread in data_spread(trees).items():
        name = quantity.replace(" ", "_")
        assert (spread.size < (noise[f"{name}_se"] / np.abs(noise[name])).values).all(), quantity
        assert (spread.error > 0).all()


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        (lambda r: r, "runs must be a list of Datasets or DataTrees, got Dataset"),
        (lambda r: 3, "runs must be a list of Datasets or DataTrees, got int"),
        (lambda r: [r], "the spread needs at least 2 runs, each on its own data set; got 1"),
        (lambda r: [r, 3], "run 1: expected"),
        (lambda r: [r, r.drop_vars("replica")], "run 1: replica"),
        (lambda r: [r, r.assign_attrs(shared_data="no")], "run 1: its replicas do not share one data set"),
        (lambda r: [r, closed_form()], "run 1: kind is 'theory', expected 'experiment'"),
        (lambda r: [r, r.assign_coords(noise_level=((), 0.02, units("T")))], "run 1: noise_level is 0.02"),
        (lambda r: [r, r.assign_coords(target=("mode", TARGET + 1, units("x")))], "run 1: target is"),
    ],
)
def test_runs_that_do_not_belong_together(runs, message):
    run = ensemble(1, replicas=4, times=6).assign_attrs(shared_data="yes")
    with pytest.raises((TypeError, ValueError)) as caught:
        data_spread(runs(run))
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


# ---------------------------------------------------------------- rows


@pytest.fixture(scope="module")
def run():
    return ensemble(1, replicas=300, times=41).assign_attrs(shared_data="yes")


def test_a_spread_is_added_in_quadrature(run):
    pair = closed_form()
    pair["width_se"] = ("multiplet", 0.01 * SIGMA, units("error"))
    given = {
        "width": [0.02, 0.03, 0.04],
        "mean spacing": 0.05,
        "mean eigenvalue": 0.001,
        "spacing ratio": 0.02,
    }
    result = check(align(run, {"pair": pair}), data_spread=given)
    for row in rows(result, "pair", "width"):
        assert row.prediction_se == pytest.approx(
            SIGMA[row.index] * math.hypot(0.01, given["width"][row.index])
        )
        assert row.note == SPREAD
    (row,) = rows(result, "pair", "mean spacing")
    assert row.prediction_se == pytest.approx(0.05 * row.prediction)
    (row,) = rows(result, "pair", "spacing law")
    assert (row.prediction_se, row.note) == (0.02, SPREAD)
    (row,) = rows(result, "pair", "density law")
    sigma, centre = SIGMA[1], 3.0
    own, added = (moved(centre, sigma, 0, 0.01 * sigma), moved(centre, sigma, 0.003, 0.03 * sigma))
    assert row.prediction_se == pytest.approx(math.hypot(own, added))
    assert {r.note for r in rows(result, "pair", "growth time")} == {UNKNOWN_SPREAD}
    assert {r.verdict for r in rows(result, "pair", "growth time")} == {"cannot tell"}


def test_a_level_that_knows_the_spread_lends_it_in_per_cent(run):
    known = form(width=0.03, mean_spacing=0.04, mean_eigenvalue=0.001)
    pair = closed_form(scale=2.0)
    result = check(align(run, {"pair": pair, "matrix": known}))
    for row in rows(result, "pair", "width"):
        assert row.prediction_se == pytest.approx(0.03 * 2 * SIGMA[row.index])
    for row in rows(result, "matrix", "width"):  # keeps its own
        assert row.prediction_se == pytest.approx(0.03 * SIGMA[row.index])
        assert row.note == SPREAD
    assert {r.note for r in rows(result, "matrix", "growth time")} == {UNKNOWN_SPREAD}
    other = check(align(run, {"pair": pair, "matrix": known}), data_spread={"width": 0.01})
    assert rows(other, "pair", "width")[0].prediction_se == pytest.approx(0.01 * 2 * SIGMA[0])
    assert rows(other, "matrix", "width") == rows(result, "matrix", "width")


def test_few_data_sets_have_students_law(run):
    """Five simulated data sets are four degrees of freedom, for the level itself and for who borrows."""
    parameters = json.dumps({"mu2": 9.0, "data_sets": 5})
    known = form(width=0.3, mean_spacing=0.3, mean_eigenvalue=0.02).assign_attrs(parameters=parameters)
    result = check(align(run, {"pair": closed_form(), "matrix": known}))
    for quantity in ("width", "mean spacing", "density law"):
        for row in rows(result, "pair", quantity) + rows(result, "matrix", quantity):
            assert 0.8 * stdtrit(4, 0.995) < row.quantile <= stdtrit(4, 0.995)


def test_the_level_itself_is_asked_before_the_caller(student, shared_runs):
    tree = align(shared_runs[0], student[1])
    plain, told = check(tree), check(tree, data_spread={"growth time": 0.5})
    assert rows(told, "matrix", "growth time") == rows(plain, "matrix", "growth time")
    for row in rows(told, "pair", "growth time"):
        assert row.prediction_se == pytest.approx(0.5 * row.prediction)


def test_a_sampled_level_gets_the_spread_too(run):
    sampled = ensemble(2, replicas=300, times=41, kind="theory", level="dyson")
    plain = check(align(run, {"dyson": sampled}, shared_data=False))
    result = check(align(run, {"dyson": sampled}), data_spread=0.03)
    for quantity in ("width", "mean spacing", "mean eigenvalue", "spacing ratio", "growth time"):
        for old, new in zip(rows(plain, "dyson", quantity), rows(result, "dyson", quantity), strict=True):
            assert new.prediction_se == pytest.approx(
                math.hypot(old.prediction_se, 0.03 * abs(old.prediction))
            )
    for quantity in ("spacing law", "density law"):
        (old,), (new,) = rows(plain, "dyson", quantity), rows(result, "dyson", quantity)
        assert new.prediction_se > math.hypot(old.prediction_se, 0.029)


def test_where_nobody_knows_the_spread_nothing_is_said_but_of_shapes(run):
    result = check(align(run, {"pair": closed_form()}))
    mine = [r for r in result.rows if r.level == "pair"]
    said = {(r.quantity, r.verdict, r.note) for r in mine if r.verdict != "cannot tell"}
    assert said == {("spacing ratio", "agrees", ""), ("spacing law", "agrees", "")}
    assert {r.note for r in mine if r.verdict == "cannot tell"} == {UNKNOWN_SPREAD}
    assert all(r.false_alarm == 0 for r in mine)
    assert result.verdict == "cannot tell"


def test_a_shape_that_is_off_may_be_the_data():
    run = ensemble(1, replicas=300, times=41, grow=False).assign_attrs(shared_data="yes")
    x = run["eigenvalue"].values.copy()
    rng = np.random.default_rng(5)
    x[..., 1:3] = -np.sort(-(3 + 0.15 * rng.normal(size=(*x.shape[:2], 2))), axis=-1)  # no repulsion
    split = run.assign(eigenvalue=(run["eigenvalue"].dims, x, run["eigenvalue"].attrs))
    for spread, verdict in ((None, "cannot tell"), ({"spacing ratio": 0.001}, "differs")):
        result = check(align(split, {"pair": closed_form(grow=False)}), data_spread=spread)
        assert {r.verdict for q in ("spacing ratio", "spacing law") for r in rows(result, "pair", q)} == {
            verdict
        }


def test_level_surmise_needs_no_spread(run):
    result = check(align(run, {"surmise": surmise(run)}))
    plain = check(align(run, {"surmise": surmise(run)}, shared_data=False))
    assert result.to_json() == plain.to_json()
    assert {r.verdict for r in rows(result, "surmise", "mean spacing")} == {"agrees"}


def test_no_spread_is_no_change(run):
    """Stated as 0, the choice of the data does not matter; without the marker nothing is changed at all."""
    result = check(align(run, {"pair": closed_form()}), data_spread=0)
    plain = check(align(run, {"pair": closed_form()}, shared_data=False))
    assert result.to_json() == plain.to_json()


def test_a_drifting_mode_is_still_the_first_thing_said():
    moving = ensemble(3, replicas=300, times=41, grow=False, drift=[0.01, 0, 0, 0])
    result = check(align(moving, {"pair": closed_form(grow=False)}, shared_data=True))
    assert rows(result, "pair", "mean eigenvalue")[0].note == "not equilibrated"


def test_growth_times_are_bounded_by_the_path_errors():
    """Against every combination of signs of the errors of the path and of its half."""
    model = TeacherStudent(0.2, 8, 0.1, batches=5)
    level = model.matrix(np.arange(9.0))
    measured = compare.statistics(level)
    bound = _growth_error(level, measured)
    path, path_se = level["mean_path"].values, level["mean_path_se"].values
    half, half_se = level["mean_eigenvalue"].values / 2, level["mean_eigenvalue_se"].values / 2
    for mode in (0, 1):
        after = int((path[:, mode] >= half[mode]).argmax())
        found = []
        for s, u, v in itertools.product((-1, 0, 1), repeat=3):
            a, b = (
                path[after - 1, mode] + s * path_se[after - 1, mode],
                path[after, mode] + u * path_se[after, mode],
            )
            h = half[mode] + v * half_se[mode]
            found.append(after - 1 + (h - a) / (b - a))
        largest = max(abs(t - measured["growth_time"].values[mode]) for t in found)
        assert bound[mode] == pytest.approx(largest)


def test_the_spacing_law_moves_by_less_than_the_ratio():
    """A pair that the data split, and one whose noise they make uneven: exact laws, changes up to 10 %."""
    s = np.linspace(1e-6, 6, 2001)
    surmise_law = 1 - np.exp(-np.pi * s**2 / 4)
    for split in (0.2, 0.5, 1.0, 1.5, 2.0):
        mean = rice.mean(split)
        change = (2 + split**2) / mean**2 / (4 / np.pi) - 1
        distance = np.abs(rice.cdf(s * mean, split) - surmise_law).max()
        assert 0.6 < distance / abs(change) < 0.95
    angle = (np.arange(2000) + 0.5) * np.pi / 4000
    for uneven in (0.1, 0.3, 0.5, 0.8):
        v1, v2 = 1 + uneven, 1 - uneven
        q = np.cos(angle) ** 2 / v1 + np.sin(angle) ** 2 / v2
        mean = math.sqrt(math.pi / 2) * (q**-1.5).mean() / math.sqrt(v1 * v2)
        law = ((1 - np.exp(-((s * mean)[:, None] ** 2) * q / 2)) / q).mean(axis=1) / math.sqrt(v1 * v2)
        change = 2 / mean**2 / (4 / np.pi) - 1
        assert 0.6 < np.abs(law - surmise_law).max() / change < 0.65


# ---------------------------------------------------------------- marker and arguments


def test_the_marker_is_kept_by_the_tree_and_on_disk(run, tmp_path):
    tree = align(run, {"pair": closed_form(), "matrix": form(width=0.03)})
    assert shares_data(tree["experiment"].to_dataset())
    save(tree, tmp_path / "data.zarr")
    again = load(tmp_path / "data.zarr")
    assert check(again).to_json() == check(tree).to_json()
    plain = run.drop_attrs(deep=False).assign_attrs(
        {k: v for k, v in run.attrs.items() if k != "shared_data"}
    )
    assert "shared_data" not in align(plain, {})["experiment"].attrs and not shares_data(plain)
    assert align(plain, {}, shared_data=True)["experiment"].attrs["shared_data"] == "yes"
    assert "shared_data" not in plain.attrs
    assert align(run, {}, shared_data=False)["experiment"].attrs["shared_data"] == "no"
    with pytest.raises(TypeError, match="shared_data must be True or False, got 'yes'"):
        align(plain, {}, shared_data="yes")


@pytest.mark.parametrize("value", ["maybe", "", 1, "Yes", ["yes"]])
def test_other_markers_are_refused(run, value):
    with pytest.raises(ValueError, match='shared_data: attribute must be "yes" or "no", got'):
        compare.validate(run.assign_attrs(shared_data=value))


def test_errors_of_a_theory_say_what_they_are():
    compare.validate(form(width=0.1))
    with pytest.raises(ValueError, match="error: attribute of a theory must be 'between data sets' or"):
        compare.validate(closed_form().assign_attrs(error="between replicas"))
    with pytest.raises(ValueError, match="the level is sampled and its errors are between replicas"):
        compare.validate(ensemble(1, 4, 6, kind="theory").assign_attrs(error="between data sets"))
    model = TeacherStudent(0.2, 8, 0.1, batches=5)
    assert model.matrix([0.0, 1.0]).attrs["error"] == "between data sets"
    assert "error" not in model.pair([0.0, 1.0]).attrs


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"widht": 0.1}, "data_spread: unknown quantity 'widht'; did you mean 'width'"),
        ({"spacing law": 0.1}, "data_spread: unknown quantity 'spacing law'"),
        ({"width": -0.1}, "data_spread of width must be >= 0, got -0.1"),
        ({"width": [0.1, 0.1]}, "data_spread of width has 2 values, the experiment has 3"),
        ({"width": DataSpread.of(np.ones(2))}, "data_spread of width has 2 values, the experiment has 3"),
        ({"width": math.nan}, "data_spread of width must be finite"),
        ({"width": "much"}, "data_spread of width must be an array of real numbers"),
        ("much", "data_spread of mean eigenvalue must be an array of real numbers"),
        (True, "data_spread of mean eigenvalue must be an array of real numbers"),
    ],
)
def test_bad_spreads(run, given, message):
    with pytest.raises(ValueError) as caught:
        check(align(run, {"pair": closed_form()}), data_spread=given)
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)


def test_a_spread_without_the_marker_is_refused(run):
    tree = align(run, {"pair": closed_form()}, shared_data=False)
    with pytest.raises(ValueError, match=r"mark it with compare.align\(..., shared_data=True\)"):
        check(tree, data_spread=0.05)


# ---------------------------------------------------------------- files and the command line


def test_formats_and_mappings_say_whether_data_are_shared(tmp_path):
    path = write(tmp_path)
    known = {"batches": 100}
    assert read_npz(path, known, "teacher-student").attrs["shared_data"] == "yes"
    for value, marker in (("no", "no"), (False, "no"), (True, "yes")):
        assert (
            read_npz(path, known | {"shared_data": value}, "teacher-student").attrs["shared_data"] == marker
        )
    mapping = {"weight": "W", "matrix": "W", "learning_rate": "lr", "batch_size": 16, "target": 2.0}
    mapping |= {"step": [0, 200, 400]}
    assert "shared_data" not in read_npz(path, mapping).attrs
    assert read_npz(path, mapping | {"shared_data": "yes"}).attrs["shared_data"] == "yes"
    with pytest.raises(ValueError, match=r'TSmodel.npz.*shared_data: attribute must be "yes" or "no"'):
        read_npz(path, mapping | {"shared_data": "lr"})
    tree = read_tree(path, "teacher-student", known | {"shared_data": "no"})
    assert {r.note for r in check(tree).rows} == {""}


def test_command_line(tmp_path, capsys, without_svg):
    path, out = write(tmp_path), tmp_path / "out"
    words = ["import", "npz", str(path), "--out", str(out), "--map", "shared_data=yes"]
    for pair in ("weight=W", "matrix=W", "learning_rate=lr", "batch_size=16", "target=2.0", "epochs=epochs"):
        words += ["--map", pair]
    words += ["--map", "record_every=save_int", "--map", "batches=100"]
    assert main(words) == 0
    page = (out / "TSmodel" / "report.html").read_text(encoding="utf-8")
    assert "shared_data=yes" in page
    capsys.readouterr()
    assert main(["check", str(out), "--data-spread", "0.05", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert {row["note"] for row in result["rows"] if row["level"] == "surmise"} == {""}
    assert main(["check", str(out), "--data-spread", "-1"]) == 2
    assert "expected a finite number >= 0, got '-1'" in capsys.readouterr().err
