"""Species from data alone: ensembles whose species are known."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

import dyson
import sgd
from compare import find_species, statistics
from compare.measure.grouping import Widths
from compare.measure.multiple import holm
from tests.compare.ensembles import SIGMA, TARGET, closed_form, dataset, ensemble, units


def weights(seed, widths=(0.2, 0.2, 0.1), replicas=100, times=11, cols=3, step=0.3, basis=None):
    """W = 2 R diag + OU noise of these widths in the rows of RᵀW, stationary and correlated in time."""
    rng = np.random.default_rng(seed)
    k, decay = len(widths), np.exp(-step)
    y = rng.normal(size=(replicas, times, k, cols))
    for t in range(1, times):
        y[:, t] = decay * y[:, t - 1] + np.sqrt(1 - decay**2) * y[:, t]
    u = np.eye(k) if basis is None else basis
    w = u @ (2 * np.eye(k, cols) + y * np.array(widths)[:, None])
    x = np.sort(np.linalg.eigvalsh(w.swapaxes(-1, -2) @ w), axis=-1)[..., ::-1]
    run = dataset(np.ascontiguousarray(np.resize(x, (*x.shape[:2], 4))), step * np.arange(times))
    target = xr.Variable(("mode",), np.full(cols, 4.0), units("target"))
    run = run.isel(mode=slice(0, cols)).assign_coords(target=target)
    run["eigenvalue"] = (("replica", "time", "mode"), x.copy(), units("eigenvalue"))
    run["weight"] = (("replica", "time", "row", "col"), w, units("weight"))
    return run


def members(result):
    return [one.members for one in result.species]


def test_two_of_three_rows_are_one_species():
    found = find_species(weights(1))
    assert (found.of, members(found), found.label.tolist()) == ("row", [(0, 1), (2,)], [0, 0, 1])
    assert found.separation[0] > 10 and found.replicas == 100
    for one, width in zip(found.species, (0.2, 0.1), strict=True):
        assert abs(one.width - width) < 4.4 * one.width_se < 0.05 * 4.4 * width
    assert found.species[0].pvalue > 0.01 and found.species[1].pvalue == 1.0
    assert "2 species of rows at confidence 0.99 (100 replicas" in str(found)
    assert "row 0, 1 (p = " in str(found) and "errors apart" in str(found)


def test_in_the_basis_of_the_species():
    """Rows of W mix what the columns of the basis keep apart."""
    u = np.eye(3) - 2 / 3
    run = weights(2, basis=u)
    plain = weights(2)
    found, known = find_species(run, basis=u), find_species(plain)
    np.testing.assert_allclose(found.width, known.width, rtol=1e-12)
    assert members(found) == members(known) == [(0, 1), (2,)]
    assert min(find_species(run).width) > 0.15


def test_species_of_training_belong_to_the_right_singular_vectors_of_z():
    """Z = U diag(z) Rᵀ, not diagonal: widths in R are those of theory, widths in U are not."""
    turn, other = (np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) for a in (0.9, 0.3))
    z = turn @ np.diag([1.0, 0.3]) @ other.T
    model = {
        "teacher": np.sqrt(2.0) * np.eye(2),
        "output": z,
        "noise": "isotropic",
        "eps": 0.3,
        "data": "exact",
    }
    step = {"learning_rate": 0.05, "batch_size": 16}
    run = sgd.train(
        sgd.LinearNetwork(**model), steps=6000, replicas=400, record=600, initial="fixed-point", seed=1,
        keep_weights=True, **step,
    )  # fmt: skip
    law = dyson.LinearSGD(**model, **step)
    np.testing.assert_allclose(np.abs(law.basis[0].T @ other), np.eye(2), atol=1e-12)
    theory = np.sqrt((law.widths**2).mean(axis=1))
    found = find_species(run, basis=law.basis[0])
    assert (np.abs(np.array(found.width) - theory) < 4.4 * np.array(found.width_se)).all()
    assert theory[1] > 3 * theory[0] and len(found.species) == 2
    wrong = find_species(run, basis=turn)
    assert (np.abs(np.array(wrong.width) - theory) > 10 * np.array(wrong.width_se)).all()
    np.testing.assert_allclose(dyson.species(law)[0].width, theory[1])


def literal_width(w):
    """Loops: the unbiased variance between replicas, at every time and column."""
    return np.array(
        [
            np.sqrt(
                np.mean([np.var(w[:, t, a, b], ddof=1) for t in range(w.shape[1]) for b in range(w.shape[3])])
            )
            for a in range(w.shape[2])
        ]
    )


def test_widths_of_rows_and_their_errors():
    run = weights(3, replicas=30)
    inside = run["weight"].values[:, run.time.values >= 1.5]
    found = find_species(run)
    np.testing.assert_allclose(found.width, literal_width(inside), rtol=1e-12)
    without = np.array([np.log(literal_width(np.delete(inside, r, 0))) for r in range(30)])
    jackknife = np.sqrt(29 / 30 * ((without - without.mean(0)) ** 2).sum(0)) * found.width
    np.testing.assert_allclose(found.width_se, jackknife, rtol=0.1)  # which moves the mean as well
    spread = np.array([find_species(weights(s, replicas=60)).width for s in range(100)]).std(0, ddof=1)
    stated = np.mean([find_species(weights(s, replicas=60)).width_se for s in range(20)], axis=0)
    np.testing.assert_allclose(stated / spread, 1, atol=0.25)


def test_levels_have_the_widths_of_the_statistics():
    run = ensemble(4, 300)
    found, known = find_species(run), statistics(run)
    assert found.of == "multiplet" and members(found) == [(0,), (1,), (2,)]
    np.testing.assert_allclose(found.width, known["width"].values, rtol=1e-12)
    np.testing.assert_allclose(found.width_se, known["width_se"].values, rtol=0.3)
    equal = find_species(ensemble(5, 300, scale=0.15 / SIGMA))
    assert members(equal) == [(0, 1, 2)]
    assert abs(equal.species[0].width - 0.15) < 4.4 * equal.species[0].width_se
    assert equal.species[0].width_se < min(equal.width_se)


def test_correlated_rows():
    """Three rows with one common part: their widths vary together, and their difference is sharp."""
    run = weights(6, (1.0, 1.0, 0.93), replicas=200)
    shared = np.random.default_rng(0).normal(size=(200, 1, 1, 3)) * np.array([1.0, 1.0, 0.93])[:, None]
    run["weight"] = run["weight"] * 0.2 + 2.0 * shared
    run["weight"].attrs = units("weight")
    found = find_species(run)
    assert members(found) == [(0, 1), (2,)]
    independent = np.hypot(found.species[0].width_se, found.species[1].width_se)
    assert (found.species[0].width - found.species[1].width) / independent < 2.5


@pytest.mark.parametrize("factor, groups", [(1.0, [[0, 1]]), (0.9999, [[0], [1]])])
def test_widths_that_vary_together_exactly(factor, groups):
    v = np.random.default_rng(0).chisquare(3, size=(40, 1)) * np.array([1.0, factor**2])
    assert Widths(v, np.ones(2)).groups(0.01) == groups


@pytest.mark.parametrize("replicas, cols", [(30, 2), (100, 5)])
def test_rates_of_false_splits_and_merges(replicas, cols):
    """At confidence 0.99, over 400 ensembles; species at 4.5 errors are merged seldom."""
    split = merged = other = 0
    wide = 1 + 4.5 / np.sqrt(replicas * cols)  # each width has the error 1/√(2 R cols)
    for seed in range(400):
        y = np.random.default_rng(seed).normal(size=(replicas, 3, cols))
        for widths in ((1.0, 1.0, 1.0), (wide, wide, 1.0)):
            v = ((y * np.array(widths)[:, None]) ** 2).mean(axis=2)
            groups = [sorted(g) for g in Widths(v, np.ones(3)).groups(0.01)]
            if widths[0] == 1.0:
                split += len(groups) > 1
            else:
                merged += len(groups) == 1
                other += groups not in ([[0, 1], [2]], [[0, 1, 2]])
    assert split <= 14  # 1 % of 400, 14 has probability 1e-4
    assert merged <= 0.25 * 400
    assert other <= 14


def test_holm():
    assert (holm(np.array([])) <= 0.01).all()
    assert (holm(np.array([0.009, 0.004])) <= 0.01).all()
    assert not (holm(np.array([0.009, 0.006])) <= 0.01).all()
    assert not (holm(np.array([0.011, 0.001])) <= 0.01).all()


def two_species_pair(seed, ratio, replicas=400):
    """The 2 × 2 matrix of two rows of different width, as eigenvalues of a pair (and the other modes)."""
    rng = np.random.default_rng(seed)
    run = ensemble(seed, replicas, 4, grow=False)
    x = run["eigenvalue"].values.copy()
    # any two independent levels with |x₁ − x₂| as weight: by rejection
    proposal = rng.normal(size=(40 * replicas * 4, 2)) * 0.1 * np.array([1.0, ratio])
    keep = rng.random(len(proposal)) < np.abs(proposal[:, 0] - proposal[:, 1]) / 0.8
    pair = np.sort(3 + proposal[keep][: replicas * 4], axis=1)[:, ::-1]
    x[..., 1:3] = pair.reshape(replicas, 4, 2)
    return dataset(x, run.time.values)


def test_pairs_have_one_or_two_species():
    one = find_species(two_species_pair(1, 1.0)).pairs[0]
    assert (one.multiplet, one.verdict, one.two) == (1, "one", None) and "do not show" in one.note
    found = find_species(two_species_pair(1, 0.4))
    two = found.pairs[0]
    assert two.verdict == "two" and two.two is not None and two.note == ""
    law, se = two.two.law, two.two.se
    assert abs(law.sigma1 - 0.1) < 4.4 * se["sigma1"] and abs(law.sigma2 - 0.04) < 4.4 * se["sigma2"]
    assert "pair of multiplet 1: two species; TwoSpeciesSemicircle(" in str(
        find_species(two_species_pair(1, 0.4))
    )
    skewed = two_species_pair(1, 1.0)
    skewed["eigenvalue"].values[:, :, 1] += 0.3
    neither = find_species(skewed).pairs[0]
    assert neither.verdict == "neither" and "does not fit, p = " in neither.note


def test_what_does_not_move_is_no_species():
    run = ensemble(8, 60, grow=False)
    run["eigenvalue"].values[..., 3] = 1.0
    found = find_species(run)
    assert (found.still, found.width[2], found.width_se[2]) == ((2,), 0.0, 0.0)
    assert found.label.tolist() == [0, 1, -1] and "does not move: multiplet 2" in str(found)
    run["eigenvalue"].values[:] = TARGET
    with pytest.raises(ValueError, match="no multiplet moves"):
        find_species(run)


def test_replicas_that_diverged_are_left_out_and_the_result_is_reproducible():
    run = weights(9, replicas=60)
    lost = run.copy(deep=True)
    for name in ("eigenvalue", "weight"):
        lost[name].values[17, 5:] = np.nan
    lost["diverged"].values[17] = lost.time.values[5]
    kept = run.isel(replica=np.arange(60) != 17)
    a, b = find_species(lost), find_species(kept)
    assert a.replicas == 59 and a == b
    assert find_species(run) == find_species(run.copy(deep=True)) != a


@pytest.mark.parametrize(
    "run, arguments, words",
    [
        ("no", {}, "expected an xarray.Dataset"),
        (closed_form(), {}, "run has no eigenvalue: species need an ensemble"),
        (weights(1, replicas=29), {}, "29 replicas that did not diverge, species need at least 30"),
        (weights(1, (1.0,) * 12, replicas=30, times=2), {}, "12 rows: 30 replicas .* at least 36"),
        (weights(1, replicas=30), {"confidence": 1.0}, "confidence must be > 0 and < 1"),
        (weights(1, replicas=30), {"start": 99.0}, "start = 99 is after the last recorded time"),
        (weights(1, replicas=30), {"basis": np.eye(2)}, r"basis must have shape \(3, 3\), got \(2, 2\)"),
        (weights(1, replicas=30), {"basis": 2 * np.eye(3)}, "basis must have orthonormal columns"),
        (weights(1, replicas=30), {"basis": np.full((3, 3), np.nan)}, "basis must be finite"),
        (ensemble(1, 40), {"basis": np.eye(3)}, "basis rotates the rows of W, but the run has no weight"),
    ],
)
def test_refusals(run, arguments, words):
    with pytest.raises((TypeError, ValueError), match=words) as error:
        find_species(run, **arguments)
    assert "\n" not in str(error.value)


def test_weights_that_are_not_finite_are_refused():
    run = weights(1, replicas=30)
    run["weight"].values[3, -1, 0, 0] = np.nan
    with pytest.raises(ValueError, match="weight: has values that are not finite"):
        find_species(run)
