"""Unfolding, spacings, ratios, number variance of known ensembles; classes told apart with known errors."""

from __future__ import annotations

import numpy as np
import pytest

import compare
from compare.measure.universality import reference
from dyson.laws import Semicircle
from tests.oracles import ALPHA

N, REPLICAS = 100, 300


def gaussian_ensemble(beta, n, replicas, seed):
    """Dense matrices: independent of the tridiagonal ones that the test uses."""
    rng = np.random.default_rng(seed)
    a = rng.standard_normal((replicas, n, n))
    if beta == 2:
        a = a + 1j * rng.standard_normal((replicas, n, n))
    return np.linalg.eigvalsh((a + a.conj().transpose(0, 2, 1)) / 2)


def within(statistics, name, expected, extra=0.0):
    value, se = statistics[name].values, statistics[f"{name}_se"].values
    assert (np.abs(value - expected) < 4.5 * se + extra).all(), f"{name}: {value} ± {se}, expected {expected}"


GOE = gaussian_ensemble(1, N, REPLICAS, 1)
EULER = 0.5772156649015329


@pytest.mark.parametrize("density", [Semicircle(0.0, np.sqrt(2 * N)), None])
def test_orthogonal_ensemble(density):
    """Gaudin's variance 0.2855 and Σ²(L) of β = 1 for large L (Mehta, Random Matrices, ch. 16)."""
    found = compare.spectral_statistics(compare.unfold(GOE, density), lengths=[2.0, 4.0])
    within(found, "mean_spacing", 1.0, 0.003)
    within(found, "spacing_variance", 0.28553)
    within(found, "mean_ratio", 0.5307, 0.001)
    length = found.length.values
    exact = 2 / np.pi**2 * (np.log(2 * np.pi * length) + EULER + 1 - np.pi**2 / 8)
    within(found, "number_variance", exact, 0.02)


def test_independent_levels():
    x = np.random.default_rng(3).normal(size=(REPLICAS, N))
    found = compare.spectral_statistics(compare.unfold(x), lengths=[1.0, 2.0])
    within(found, "spacing_variance", 1.0, 0.03)
    within(found, "mean_ratio", 2 * np.log(2) - 1)
    length = found.length.values
    within(found, "number_variance", length * (1 - length / N), 0.02)


def test_errors_are_the_scatter_between_ensembles():
    values, errors = [], []
    for seed in range(60):
        found = compare.spectral_statistics(compare.unfold(gaussian_ensemble(1, 20, 40, seed)))
        values.append([float(found[k]) for k in ("mean_ratio", "spacing_variance")])
        errors.append([float(found[f"{k}_se"]) for k in ("mean_ratio", "spacing_variance")])
    assert np.sqrt(np.mean(np.square(errors), axis=0)) == pytest.approx(np.std(values, axis=0), rel=0.35)


def test_ratios_do_not_depend_on_the_scale():
    x = GOE[:5]
    assert compare.mean_ratios(3.0 * x + 7.0) == pytest.approx(compare.mean_ratios(x))
    assert compare.mean_ratios(-x) == pytest.approx(compare.mean_ratios(x))
    assert compare.mean_ratios([np.arange(10.0)]) == pytest.approx([1.0])


@pytest.mark.parametrize(("name", "beta"), [("GOE", 1), ("GUE", 2), ("Poisson", 0)])
def test_classes_are_told_apart(name, beta):
    for seed in range(5):
        x = (
            gaussian_ensemble(beta, 60, 40, seed)
            if beta
            else np.random.default_rng(seed).uniform(size=(40, 60))
        )
        assert compare.universality(x).verdict == name


def test_too_few_levels_cannot_tell():
    found = compare.universality(gaussian_ensemble(1, 10, 3, 0))
    assert found.verdict == "cannot tell" and found.needed > 3
    assert "replicas would tell" in str(found)


def test_levels_of_no_class_are_none_of_them():
    rigid = np.arange(50.0) + 0.1 * np.random.default_rng(0).uniform(size=(30, 50))
    assert compare.universality(rigid).verdict == "none of them"


def test_a_true_class_is_rejected_as_often_as_stated():
    """At 80 %, over 400 ensembles of independent levels: at most a fifth (Holm: at least a fifteenth)."""
    rng = np.random.default_rng(8)
    rejected = sum(
        not compare.universality(rng.uniform(size=(12, 40)), confidence=0.8).classes["Poisson"].accepted
        for _ in range(400)
    )
    spread = np.sqrt(400 * 0.2 * 0.8)
    assert 400 * 0.2 / 3 - 4 * spread < rejected < 400 * 0.2 + 4 * spread
    assert rejected > 10


def test_reference_is_the_dense_ensembles():
    for beta in (1, 2):
        mean, spread = reference(20, beta, 0.5)
        dense = compare.mean_ratios(gaussian_ensemble(beta, 20, 4000, 5))
        error = np.hypot(dense.std(ddof=1), spread) / np.sqrt(4000)
        assert abs(dense.mean() - mean) < 4.5 * error > ALPHA
        assert dense.std(ddof=1) == pytest.approx(spread, rel=0.08)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: compare.unfold(np.ones((3, 7))), "at least 8 eigenvalues"),
        (lambda: compare.unfold(np.ones((3, 10))), "eigenvalues of replica 0 coincide"),
        (lambda: compare.unfold(GOE * np.nan), "must be finite"),
        (lambda: compare.unfold(GOE, cells=10**6), "8000000 eigenvalues in all, got 30000"),
        (lambda: compare.unfold(GOE, Semicircle(0.0, 1.0), cells=3), "not both"),
        (lambda: compare.unfold(GOE, lambda x: 2.0 + x), "cumulative probability"),
        (lambda: compare.unfold(GOE, lambda x: 0.5 - np.arctan(x) / 4), "does not decrease"),
        (lambda: compare.unfold(GOE, 3.0), "density must have a cdf"),
        (lambda: compare.spectral_statistics(compare.unfold(GOE), window=2.0), "at most 1"),
        (lambda: compare.spectral_statistics(compare.unfold(GOE), lengths=[-1.0]), "lengths must be > 0"),
        (lambda: compare.universality(GOE, confidence=1.0), "confidence must be"),
    ],
)
def test_refused(call, message):
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
