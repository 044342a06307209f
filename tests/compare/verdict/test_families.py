"""p-values of rows, families of them, and the replicas that would tell: by definition and by simulation."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import stdtr, stdtrit
from scipy.stats import binom, false_discovery_control, kstest, kstwobign, norm, t

from compare import FAMILIES, Check, CheckResult, align, benjamini_hochberg, check, holm, save
from compare.page.tables import check_groups
from compare.studies.cli.main import main
from compare.verdict.comparison import RELATIVE
from compare.verdict.distance import band
from compare.verdict.families import FAMILIES as OPTIONS, adjusted, jointly
from compare.verdict.row import judge
from tests.compare.ensembles import closed_form, ensemble
from tests.oracles import ALPHA

TRIES = 4000

REPEATS = 600
"""Simulated families."""


def row(d, e=1.0, margin=1.0, freedom=math.inf, confidence=0.95, quantity="width", level="pair", **more):
    """A row as `compare.check` makes it; its prediction is 0 and exact."""
    q = float(stdtrit(freedom, (1 + confidence) / 2))
    false_alarm = 2 * float(stdtr(freedom, -(margin / e + q))) if e else 0.0
    verdict = judge(d, e, margin, q)
    numbers = (d, e, 0.0, 0.0, d, math.nan, margin, q, false_alarm)
    return replace(Check(quantity, "it", level, 0, *numbers, verdict, "", freedom), **more)


def test_holm_and_benjamini_hochberg_against_their_definitions():
    rng = np.random.default_rng(1)
    for size in (1, 2, 7, 40):
        p = rng.uniform(size=size) ** 3
        p[rng.integers(size)] = p[0]  # a tie
        assert benjamini_hochberg(p) == pytest.approx(false_discovery_control(p), rel=1e-12)
        for level in rng.uniform(size=20):
            rejected = np.zeros(size, bool)
            for rank, k in enumerate(np.argsort(p)):
                if p[k] > level / (size - rank):
                    break
                rejected[k] = True
            assert ((holm(p) <= level) == rejected).all()


@pytest.mark.parametrize("method", [holm, benjamini_hochberg])
def test_no_test_is_no_member_of_the_family(method):
    p = np.array([[0.01, math.nan], [0.04, 0.03]])
    out = method(p)
    assert out.shape == p.shape and math.isnan(out[0, 1])
    assert out[~np.isnan(p)] == pytest.approx(method(p[~np.isnan(p)]))
    assert method(np.array([])).size == 0
    assert method(np.array([math.nan])).tolist() == pytest.approx([math.nan], nan_ok=True)
    assert method(np.array([0.9, 0.8])).max() <= 1.0


@pytest.mark.parametrize("freedom", [5.0, 49.0, math.inf])
@pytest.mark.parametrize("margin", [0.0, 0.5, 4.0])
def test_p_values_are_uniform_at_their_boundary(margin, freedom):
    """|true deviation| = margin: `p_differs` is uniform; `p_agrees` is where the other boundary is far."""
    rng = np.random.default_rng(3)
    z = rng.standard_t(freedom, TRIES) if freedom < math.inf else rng.normal(size=TRIES)
    rows = [row(margin + x, margin=margin, freedom=freedom) for x in z]
    assert kstest([r.p_differs for r in rows], "uniform").pvalue > ALPHA
    if margin == 0:
        assert [r.p_differs for r in rows] == pytest.approx([r.pvalue for r in rows], rel=1e-12)
    p_agrees = np.array([r.p_agrees for r in rows])
    assert (p_agrees < 0.05).sum() <= binom.isf(ALPHA, TRIES, 0.05)
    if margin == 4.0:
        assert (p_agrees < 0.05).sum() >= binom.ppf(ALPHA, TRIES, 0.05)
    centred = [row(x, margin=margin, freedom=freedom).pvalue for x in z]
    assert kstest(centred, "uniform").pvalue > ALPHA


def test_p_values_by_hand():
    r = row(1.5, 0.5, 1.0, 7.0)
    assert r.pvalue == pytest.approx(2 * t.sf(3, 7))
    assert r.p_differs == pytest.approx(t.sf(1, 7) + t.sf(5, 7))
    assert r.p_agrees == pytest.approx(t.sf(-1, 7))
    assert row(-1.5, 0.5, 1.0, 7.0).p_differs == pytest.approx(r.p_differs)
    exact = row(0.5, 0.0)
    assert (exact.pvalue, exact.p_differs, exact.p_agrees) == (0.0, 1.0, 0.0)
    assert (row(1.5, 0.0).p_differs, row(1.5, 0.0).p_agrees) == (0.0, 1.0)
    for missing in (row(math.nan), row(0.0, math.nan), row(0.0, 1.0, freedom=math.nan)):
        assert all(math.isnan(p) for p in (missing.pvalue, missing.p_differs, missing.p_agrees))
        assert not missing.open


@pytest.mark.parametrize("quantity", ["width", "spacing law"])
@pytest.mark.parametrize("freedom", [4.0, 60.0, math.inf])
def test_verdicts_and_significances_are_the_same_statement(quantity, freedom):
    for confidence in (0.9, 0.99):
        for d in np.linspace(0, 8, 201):
            r = row(d, 0.7, 3.0, freedom, confidence, quantity)
            assert (r.verdict == "differs") == (r.differs_from < 1 - confidence)
            assert (r.verdict == "agrees") == (r.agrees_from <= 1 - confidence)


def test_p_values_of_a_distance_are_bounds():
    """Distances of n uniform values from their law: p < u as often as u says, or somewhat less."""
    rng = np.random.default_rng(5)
    n, confidence = 400, 0.95
    e = band(n, confidence) / norm.isf((1 - confidence) / 2)
    u = np.sort(rng.uniform(size=(TRIES, n)), axis=1)
    d = np.maximum(np.arange(1, n + 1) / n - u, u - np.arange(n) / n).max(axis=1)
    p = np.array([row(x, e, 0.05, math.inf, confidence, "spacing law").pvalue for x in d])
    for level in (0.001, 0.01, 0.05, 0.3):
        assert (p < level).sum() <= binom.isf(ALPHA, TRIES, level)
    assert (p < 0.05).mean() > 0.03
    assert np.median(p) == pytest.approx(2 * math.exp(-2 * kstwobign.median() ** 2), rel=0.1)


@pytest.mark.parametrize("family", ["holm", "benjamini-hochberg"])
def test_a_family_of_one_is_judged_as_without(family):
    for d in np.linspace(0, 5, 101):
        alone = row(d, 0.5, 2.0, 9.0)
        (joint,) = jointly([alone], 0.95, family)
        assert joint == replace(alone, false_alarm=joint.false_alarm)
        assert joint.false_alarm == pytest.approx(2 * t.sf(4 + t.isf(0.025, 9), 9), rel=1e-9)


def alarms(family: str, deviations: np.ndarray, margin: float, correlation: float) -> np.ndarray:
    """Repetitions in which a row within the margin says "differs", and one beyond it "agrees"."""
    rng = np.random.default_rng(11)
    wrong = np.zeros(2, int)
    for _ in range(REPEATS):
        common = rng.normal() * math.sqrt(correlation)
        d = deviations + common + rng.normal(size=deviations.size) * math.sqrt(1 - correlation)
        rows = jointly([row(x, margin=margin) for x in d], 0.95, family)
        inside = np.abs(deviations) <= margin
        wrong[0] += any(r.verdict == "differs" and i for r, i in zip(rows, inside, strict=True))
        wrong[1] += any(r.verdict == "agrees" and not i for r, i in zip(rows, inside, strict=True))
    return wrong


@pytest.mark.parametrize("correlation", [0.0, 0.7])
def test_holm_keeps_the_family_wise_error_rate(correlation):
    most = binom.isf(ALPHA, REPEATS, 0.05)
    zero = np.zeros(15)
    assert alarms("none", zero, 1e-9, correlation)[0] > most  # each row errs at 5 %
    found = alarms("holm", zero, 1e-9, correlation)[0]
    assert found <= most
    if correlation == 0:  # and it is not wasteful
        assert found >= binom.ppf(ALPHA, REPEATS, 0.04)
    mixed = np.array([4.0] * 5 + [9.0] * 5 + [0.0] * 5)
    assert alarms("holm", mixed, 4.0, correlation)[0] <= binom.isf(ALPHA, REPEATS, 0.025)
    beyond = np.array([4.0 + 1e-9] * 5 + [9.0] * 5 + [0.0] * 5)
    assert alarms("holm", beyond, 4.0, correlation)[1] <= binom.isf(ALPHA, REPEATS, 0.025)
    assert alarms("none", beyond, 4.0, correlation)[1] > binom.isf(ALPHA, REPEATS, 0.025)


def test_benjamini_hochberg_keeps_the_false_discovery_rate():
    rng = np.random.default_rng(13)
    truth = np.array([0.0] * 20 + [3.5] * 10)
    shares, found = [], {"holm": 0, "benjamini-hochberg": 0}
    for _ in range(REPEATS):
        rows = [row(x, margin=1e-9) for x in truth + rng.normal(size=30)]
        for family in found:
            said = np.array([r.verdict == "differs" for r in jointly(rows, 0.9, family)])
            found[family] += said[20:].sum()
            if family == "benjamini-hochberg":
                shares.append(said[:20].sum() / max(1, said.sum()))
    # A share with standard deviation below 0.12 at a rate of 0.1 · 20/30.
    assert np.mean(shares) == pytest.approx(0.1 * 20 / 30, abs=4.5 * np.std(shares) / math.sqrt(REPEATS))
    assert found["benjamini-hochberg"] > 1.2 * found["holm"]


def test_levels_are_families_of_their_own():
    far = [row(4.0, level="pair")] + [row(3.0, level="pair")] * 20
    joint = jointly([*far, row(3.5, level="matrix")], 0.95, "holm")
    assert joint[-1].verdict == "differs" and joint[0].verdict == "cannot tell"
    assert [r.level for r in joint] == ["pair"] * 21 + ["matrix"]


def test_rows_that_no_data_settle_do_not_count():
    lost = row(9.0, verdict="cannot tell", note="not equilibrated")
    one = row(3.2)
    assert jointly([one] + [lost] * 50, 0.95, "holm")[0].verdict == "differs"
    differs, agrees = adjusted([one, lost], "holm")
    assert differs[0] == one.differs_from and np.isnan([differs[1], agrees[1]]).all()


@pytest.fixture(scope="module")
def tree():
    size = {"replicas": 100, "times": 21}
    theory = ensemble(2, kind="theory", level="matrix", **size)
    return align(ensemble(1, **size), {"pair": closed_form(), "matrix": theory})


def test_without_a_family_nothing_changes(tree):
    plain = check(tree)
    assert plain.family == "none" and check(tree, family="none").to_json() == plain.to_json()
    assert jointly(plain.rows, 0.99, "none") is plain.rows


@pytest.mark.parametrize("family", ["holm", "benjamini-hochberg"])
def test_the_rows_of_a_check_are_judged_together(tree, family):
    margin = dict.fromkeys(RELATIVE, 1e-9) | {"equilibration": 1.0}
    plain, joint = (check(tree, margin=margin, confidence=0.3, family=f) for f in ("none", family))
    assert joint.rows == jointly(plain.rows, 0.3, family)
    count = {r.family: sum(x.verdict == "differs" for x in r.rows) for r in (plain, joint)}
    assert count[family] < count["none"]
    assert joint.expected_by_chance < plain.expected_by_chance / 5
    assert f"0.3 confidence per level by {family}" in str(joint)
    back = CheckResult.from_json(joint.to_json())
    assert back.family == family and back.to_json() == joint.to_json() and str(back) == str(joint)


def test_a_family_that_is_none(tree):
    for wrong in ("Holm", "bonferroni", None, 3):
        with pytest.raises(ValueError, match="unknown family"):
            check(tree, family=wrong)
    broken = json.loads(check(tree).to_json()) | {"family": "mine"}
    with pytest.raises(ValueError, match="not a file of checks"):
        CheckResult.from_json(json.dumps(broken))


def test_files_without_p_values_are_read(tree):
    """Files written before there were families and degrees of freedom."""
    content = json.loads(check(tree).to_json())
    del content["family"]
    for r in content["rows"]:
        for name in ("freedom", "pvalue", "p_differs", "p_agrees", "replicas_needed"):
            del r[name]
    old = CheckResult.from_json(json.dumps(content))
    assert old.family == "none" and all(math.isnan(r.pvalue) for r in old.rows)
    again = CheckResult.from_json(old.to_json())
    assert again.to_json() == old.to_json() and all(math.isnan(r.freedom) for r in again.rows)


def test_the_command_line_judges_together(tree, tmp_path, capsys):
    save(tree, tmp_path / "data.zarr")
    words = ["check", str(tmp_path), "--margin", "1e-9", "--confidence", "0.5", "--json"]
    main([*words, "--family", "holm"])
    content = json.loads(capsys.readouterr().out)
    assert content["family"] == "holm"
    assert (
        content["rows"]
        == json.loads(check(tree, margin=1e-9, confidence=0.5, family="holm").to_json())["rows"]
    )
    assert main([*words, "--family", "hlm"]) == 2
    assert "did you mean 'holm'" in capsys.readouterr().err


def test_options_and_families_are_the_same():
    assert tuple(OPTIONS) == tuple(FAMILIES) == ("none", "holm", "benjamini-hochberg")


def result(*rows, replicas=100, level=None):
    return CheckResult(list(rows), 0.95, {}, "pair", {"sgd": replicas} | (level or {}))


@pytest.mark.parametrize(("d", "margin"), [(0.0, 0.4), (0.1, 0.4), (-0.3, 0.45), (0.6, 0.5), (-1.2, 1.05)])
def test_replicas_needed_tell_in_four_of_five_cases(d, margin):
    """At that number, simulated at the deviation as it is."""
    now = row(d, 0.5, margin, 49.0)
    assert now.verdict == "cannot tell"
    needed = result(now).replicas_needed(now)
    assert needed >= 100 and needed == float(f"{needed:.1e}")
    rng = np.random.default_rng(7)
    error = 0.5 * math.sqrt(100 / needed)
    d_then = d + error * rng.standard_t(49, size=TRIES)
    told = np.mean([row(x, error, margin, 49.0).verdict != "cannot tell" for x in d_then])
    # To two digits, at most 10 % in the number and 5 % in the error.
    assert 0.78 < told < 0.86


def test_replicas_needed_of_a_distance():
    """The distance of n values from their own law, truly 0: with the number found it mostly agrees."""
    rng = np.random.default_rng(9)

    def draw(n):
        e = band(n, 0.95) / norm.isf(0.025)
        u = np.sort(rng.uniform(size=n))
        d = max((np.arange(1, n + 1) / n - u).max(), (u - np.arange(n) / n).max())
        return row(d, e, 0.05, math.inf, 0.95, "spacing law")

    needed = [result(r, replicas=500).replicas_needed(r) for r in (draw(500) for _ in range(50))]
    typical = int(np.median(needed))
    assert 0.6 < np.mean([draw(typical).verdict == "agrees" for _ in range(300)]) <= 1.0
    assert np.mean([draw(typical // 2).verdict == "cannot tell" for _ in range(300)]) > 0.1


def test_replicas_that_would_not_help():
    margin = row(1.0, 0.5, 1.0)
    assert result(margin).replicas_needed(margin) == math.inf
    assert result(margin).needs(margin) == "at the margin"
    for r in (row(0.0, 0.1), row(9.0, 0.1), row(0.0, note="not equilibrated"), row(math.nan)):
        assert math.isnan(result(r).replicas_needed(r)) and result(r).needs(r) == ""
    # A closed form's own error stays; a sampled theory's falls.
    fixed = replace(row(0.0, 0.3, 0.5), prediction_se=0.3)
    assert result(fixed).replicas_needed(fixed) == math.inf
    assert result(fixed, level={"pair": 100}).replicas_needed(fixed) < 1000
    noted = replace(fixed, note="± spread between data sets")
    assert result(noted, level={"pair": 100}).replicas_needed(noted) == math.inf
    unreal = row(0.0, 0.3, 1e-9)
    assert result(unreal).replicas_needed(unreal) == math.inf


def test_replicas_needed_are_shown(tree):
    found = check(tree, margin=0.01)
    unsure = [r for r in found.rows if r.verdict == "cannot tell"]
    assert unsure
    text, cells = str(found), [row for g in check_groups(found) for b in g["blocks"] for row in b["rows"]]
    table = {(r["level"], r["quantity"], r["index"]): r for r in found.table()}
    for r in unsure:
        number = found.replicas_needed(r)
        words = f"about {number:.0f} replicas would tell"
        assert number > 100 and words in text
        assert any(c["note"] == words for c in cells)
        assert table[r.level, r.quantity, r.index]["replicas_needed"] == number
    stored = json.loads(found.to_json())["rows"]
    assert [s["replicas_needed"] for s in stored].count(None) == len(stored) - len(unsure)


def test_rows_know_their_degrees_of_freedom(tree):
    for r in check(tree).rows:
        assert r.quantile == pytest.approx(float(stdtrit(r.freedom, 0.995)), rel=1e-12)
        if r.verdict == "agrees":
            assert r.p_agrees <= 0.005
