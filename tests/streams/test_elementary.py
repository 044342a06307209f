"""The vectorised tanh against arbitrary precision and libm, over the whole range."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from streams import kernel
from streams.elementary import tanh

ABSOLUTE, RELATIVE = 1e-13, 1e-15
TINY = np.array([5e-324, 1e-320, 2.3e-308, 1e-300, 1e-160, 1e-30, 1e-17, 1e-9, 1e-8, 1e-4])
LARGE = np.array([18.9, 19.1, 21.99, 22.0, 22.01, 100.0, 709.0, 711.0, 1e10, 1e300, 1.79e308])


@kernel
def fill(x, out):
    for i in range(x.size):
        out[i] = tanh(x[i])


def computed(x):
    x = np.atleast_1d(np.asarray(x, dtype=float))
    out = np.empty_like(x)
    fill(x, out)
    return out


def wrong(value, exact):
    """Largest absolute and relative error."""
    difference = np.abs(value - exact)
    return difference.max(), (difference / np.abs(exact)).max()


def test_against_arbitrary_precision():
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.uniform(0, 25, 3000), np.geomspace(1e-12, 30, 2000), TINY[3:], LARGE])
    with mpmath.workdps(50):
        exact = np.array([float(mpmath.tanh(v)) for v in x])
    absolute, relative = wrong(computed(x), exact)
    assert absolute < ABSOLUTE and relative < RELATIVE


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_against_libm_on_a_fine_grid(sign):
    """A million points; all steps of the reduction n = 0 … 63 and their edges (n + ½) ln 2 / 2."""
    edges = (np.arange(64) + 0.5) * np.log(2.0) / 2.0
    close = np.concatenate([edges, np.nextafter(edges, 0.0), np.nextafter(edges, 100.0)])
    x = sign * np.concatenate([np.linspace(1e-6, 25.0, 1_000_000), close])
    absolute, relative = wrong(computed(x), np.tanh(x))
    assert absolute < ABSOLUTE and relative < RELATIVE


def test_small_numbers_keep_all_their_digits():
    assert np.array_equal(computed(TINY[:-3]), TINY[:-3])
    assert np.array_equal(computed(-TINY[:-3]), -TINY[:-3])


def test_odd_bounded_and_never_far_from_monotone():
    x = np.linspace(0.0, 30.0, 300_001)
    y = computed(x)
    assert np.array_equal(computed(-x), -y)
    assert y.max() <= 1.0 and np.diff(y).min() > -4e-16


def test_special_values():
    large = np.array([*LARGE[3:], np.inf])
    assert np.array_equal(computed([*large, *-large]), np.repeat([1.0, -1.0], large.size))
    assert np.isnan(computed([np.nan, -np.nan])).all()
    zeros = computed([0.0, -0.0])
    assert np.array_equal(zeros, [0.0, 0.0]) and np.array_equal(np.signbit(zeros), [False, True])


def test_nan_stays_in_its_place():
    x = np.linspace(-3.0, 3.0, 37)
    x[11] = np.nan
    y = computed(x)
    assert np.array_equal(np.flatnonzero(np.isnan(y)), [11])
    assert np.array_equal(np.delete(y, 11), computed(np.delete(x, 11)))


def test_an_error_of_the_size_that_matters_is_noticed():
    """An argument wrong by 4e-13 of it: ln 2 in one part of too few digits would do that."""
    x = np.linspace(1e-6, 25.0, 100_000)
    absolute, relative = wrong(computed(x * (1 + 4e-13)), np.tanh(x))
    assert absolute > ABSOLUTE and relative > RELATIVE
