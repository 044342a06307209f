"""The random streams: laws, tails, independence in time and between replicas, reproducibility."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from streams import LANES, fill_exponential, fill_gamma, fill_normal, kernel, new_entropy, states
from tests.oracles import ALPHA, assert_ks, assert_mean

CALLS, PAIRS = 1000, 8
SHAPES = np.array([0.05, 0.5, 1.0, 1.5, 5.0, 32.0])


@kernel
def normals(state, out):
    for k in range(out.shape[0]):
        fill_normal(state, out[k], out.shape[1] // 2)


@kernel
def exponentials(state, out):
    for k in range(out.shape[0]):
        fill_exponential(state, out[k], out.shape[1])


@kernel
def gammas(state, out, shape):
    for k in range(out.shape[0]):
        fill_gamma(state, out[k], shape)


def drawn(fill, rows, *args, seed=1, calls=CALLS, lanes=None):
    """Numbers in the order of time: (calls, rows, LANES)."""
    out = np.empty((calls, rows, LANES))
    fill(states(seed, "test", 0, LANES)[0], out, *args)
    return out


@pytest.fixture(scope="module")
def normal():
    return drawn(normals, 2 * PAIRS)


@pytest.fixture(scope="module")
def exponential():
    return drawn(exponentials, 2 * PAIRS)


def test_normal_moments_to_sixth_order(normal):
    for order, expected in enumerate([0, 1, 0, 3, 0, 15], start=1):
        assert_mean(normal.ravel() ** order, expected)


def test_a_planted_error_of_a_percent_in_the_variance_is_caught(normal):
    with pytest.raises(AssertionError, match="z = "):
        assert_mean(1.01 * normal.ravel() ** 2, 1.0)


def test_normal_law_of_each_half_and_its_tails(normal):
    assert_ks(normal[:, :PAIRS], stats.norm.cdf)  # cosines
    assert_ks(normal[:, PAIRS:], stats.norm.cdf)  # sines
    for edge in (3.0, 4.0):
        for tail in (normal > edge, normal < -edge):
            assert stats.binomtest(int(tail.sum()), normal.size, stats.norm.sf(edge)).pvalue > ALPHA


def test_exponential_law_moments_and_tail(exponential):
    assert_ks(exponential, stats.expon.cdf)
    for order, expected in ((1, 1), (2, 2), (3, 6)):
        assert_mean(exponential.ravel() ** order, expected)
    assert exponential.min() >= 0
    assert stats.binomtest(int((exponential > 10).sum()), exponential.size, np.exp(-10)).pvalue > ALPHA


@pytest.mark.parametrize("k", range(len(SHAPES)))
def test_gamma_law_and_moments(k):
    x, a = drawn(gammas, len(SHAPES), SHAPES)[:, k], SHAPES[k]
    assert_ks(x, stats.gamma(a).cdf)
    assert_mean(x, a)
    assert_mean((x - a) ** 2, a)
    with pytest.raises(AssertionError):
        assert_ks(x, stats.gamma(1.05 * a).cdf)


def test_gamma_of_an_odd_number_of_rows_and_nan():
    out = np.zeros((4, LANES))
    fill_gamma(states(1, "test", 0, LANES)[0], out, np.array([2.0, 3.0, np.nan]))
    assert (out[:2] > 0).all()
    assert np.isnan(out[2]).all()


@pytest.mark.parametrize(
    "one, two",
    [
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),  # neighbouring rows of a call
        ((slice(None, -1), slice(None)), (slice(1, None), slice(None))),  # the same row, next call
        ((slice(None), slice(None), slice(None, -1)), (slice(None), slice(None), slice(1, None))),  # replicas
        (
            (slice(None), slice(None, PAIRS)),
            (slice(None), slice(PAIRS, None)),
        ),  # the two of a Box–Muller pair
    ],
)
def test_neighbours_are_uncorrelated(normal, exponential, one, two):
    for x in (normal, exponential - 1.0):
        assert_mean((x[one] * x[two]).ravel(), 0.0)
        square = x**2 - (x**2).mean()
        assert_mean((square[one] * square[two]).ravel(), 0.0)


def test_replicas_have_the_same_law():
    x = drawn(normals, 2, calls=20_000).reshape(-1, LANES)
    assert stats.kstest((x.mean(axis=0) * np.sqrt(len(x))), stats.norm.cdf).pvalue > ALPHA
    correlation = np.corrcoef(x.T)[np.triu_indices(LANES, 1)] * np.sqrt(len(x))
    assert np.abs(correlation).max() < stats.norm.isf(ALPHA / 2 / correlation.size)


def test_a_lane_depends_on_its_own_state_alone():
    """Also where one lane rejects and draws again: gamma with a shape that rejects often."""
    shape = np.full(8, 1.0)
    one, other = (np.zeros((400, 8, LANES)) for _ in range(2))
    mine, mixed = states(1, "test", 0, LANES)[0], states(2, "test", 0, LANES)[0]
    mixed[:, 17] = mine[:, 17]
    gammas(mine, one, shape)
    gammas(mixed, other, shape)
    assert (one[..., 17] == other[..., 17]).all()
    assert (one[..., 18] != other[..., 18]).all()
    assert (mine[:, 17] == mixed[:, 17]).all()


def test_the_size_of_a_call_does_not_matter():
    whole, parts = np.empty((8, LANES)), np.empty((4, 2, LANES))
    fill_normal(states(1, "test", 0, LANES)[0], whole, 4)
    normals(states(1, "test", 0, LANES)[0], parts)
    assert (whole[:4] == parts[:, 0]).all()
    assert (whole[4:] == parts[:, 1]).all()


def test_states_depend_on_seed_name_and_replica_alone():
    many = states(1, "sgd", 0, 128)
    assert many.shape == (2, 4, LANES)
    assert (states(1, "sgd", 64, 64)[0] == many[1]).all()
    assert (states(1, "sgd", 5, 3)[0, :, :3] == many[0, :, 5:8]).all()
    assert (states(1, "sgd", 0, 10)[0] == many[0]).all()
    for other in (states(2, "sgd", 0, 128), states(1, "dyson", 0, 128)):
        assert np.intersect1d(other, many).size == 0
    assert np.unique(many).size == many.size


def test_new_entropy_is_a_usable_seed():
    a, b = new_entropy(), new_entropy()
    assert a != b
    assert 0 <= a < 2**63
    states(a, "test", 0, 1)
