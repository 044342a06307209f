"""Gamma variates in depth: each row of a call has its own law, each lane its own stream."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from streams import LANES, fill_gamma, kernel, states
from tests.oracles import ALPHA, assert_ks, assert_mean

SHAPES = np.array([27.0, 0.3, 2.5, 1.0, 0.3])
"""Not in order, odd in number, one of them twice: rows must not leak into each other."""

each_row = pytest.mark.parametrize("row", range(len(SHAPES)), ids=[f"{k}:{a}" for k, a in enumerate(SHAPES)])


@kernel
def gammas(state, out, shape):
    for k in range(out.shape[0]):
        fill_gamma(state, out[k], shape)


def drawn(shape, seed=3, calls=1500, state=None):
    """Numbers in the order of time, (calls, rows, LANES), without the scratch row."""
    shape = np.asarray(shape)
    out = np.full((calls, shape.size + shape.size % 2, LANES), np.nan)
    gammas(states(seed, "gamma", 0, LANES)[0] if state is None else state, out, shape)
    return out[:, : shape.size]


def assert_law(x, a):
    """KS, moments to the sixth where they converge fast, and both tails."""
    law = stats.gamma(a)
    assert_ks(x, law.cdf)
    for order in range(1, 7 if a > 10 else 4):
        assert_mean((x.ravel() / a) ** order, law.moment(order) / a**order)
    assert_mean(np.log(x.ravel()), special.digamma(a))
    for p in (1e-4, 1e-3):
        for beyond in (x > law.isf(p), x < law.ppf(p)):
            assert stats.binomtest(int(beyond.sum()), x.size, p).pvalue > ALPHA


@pytest.fixture(scope="module")
def sample():
    return drawn(SHAPES)


@each_row
def test_each_row_has_its_own_law(sample, row):
    assert_law(sample[:, row], SHAPES[row])


@each_row
def test_a_planted_scale_of_five_percent_is_caught(sample, row):
    with pytest.raises(AssertionError, match="z = "):
        assert_mean(1.05 * sample[:, row].ravel() / SHAPES[row], 1.0)


@each_row
def test_numbers_are_independent_in_time_and_of_other_rows_and_lanes(sample, row):
    """In rank: the law of a product of uniforms does not have a gamma's heavy tail."""
    u = stats.gamma(SHAPES[:, None]).cdf(sample) - 0.5
    mine = u[:, row]
    assert_mean(mine[1:] * mine[:-1], 0.0)
    assert_mean(mine[:, 1:] * mine[:, :-1], 0.0)
    for other in range(len(SHAPES)):
        if other != row:
            assert_mean((mine * u[:, other]).ravel(), 0.0)
            assert_mean(((mine**2 - 1 / 12) * (u[:, other] ** 2 - 1 / 12)).ravel(), 0.0)


def test_the_share_of_two_rows_is_independent_of_their_sum(sample):
    """Lukacs: X/(X+Y) and X+Y of two gammas are independent, the share beta, the sum gamma."""
    x, y = sample[:, 2].ravel(), sample[:, 3].ravel()
    share, total = stats.beta(2.5, 1.0).cdf(x / (x + y)), stats.gamma(3.5).cdf(x + y)
    assert_ks(share, stats.uniform.cdf)
    assert_ks(total, stats.uniform.cdf)
    assert_mean((share - 0.5) * (total - 0.5), 0.0)


def test_every_lane_has_the_law(sample):
    for row, a in enumerate(SHAPES):
        p = [stats.kstest(sample[:, row, lane], stats.gamma(a).cdf).pvalue for lane in range(LANES)]
        assert min(p) > ALPHA / LANES


def test_what_a_lane_draws_does_not_depend_on_who_rejects_beside_it():
    mine = states(3, "gamma", 0, LANES)[0]
    alone = np.repeat(mine[:, 5:6], LANES, axis=1)  # the same stream in all lanes
    for other in (4, 5, 6):
        mixed = states(other, "gamma", 0, LANES)[0]
        mixed[:, 5] = alone[:, 5]
        one, two = drawn(SHAPES, state=alone.copy()), drawn(SHAPES, state=mixed)
        assert (one[..., 5] == two[..., 5]).all()
        assert (one == one[..., :1]).all()  # nor on the lane's number
        assert (one[..., 4] != two[..., 4]).all()


def test_rows_that_were_not_asked_for_are_left_alone():
    out = np.full((5, LANES), 7.0)
    fill_gamma(states(1, "gamma", 0, LANES)[0], out, np.array([2.0, 2.0]))
    assert (out[:2] != 7.0).all()
    assert (out[2:] == 7.0).all()


@pytest.mark.parametrize("a", [1e-3, 1e3, 1e8, 1e12])
def test_extreme_shapes(a):
    """Small: mostly underflow to 0, as they should. Large: the test of acceptance cancels, harmlessly."""
    x = drawn([a, a], calls=400)
    if a < 1:
        assert stats.binomtest(int((x == 0).sum()), x.size, stats.gamma(a).cdf(5e-324)).pvalue > ALPHA
    else:
        assert_ks((x - a) / np.sqrt(a), lambda z: stats.gamma(a).cdf(a + np.sqrt(a) * z))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 110))
def test_law_at_other_seeds_and_with_more_numbers(seed):
    x = drawn(SHAPES, seed=seed, calls=10_000)
    for row, a in enumerate(SHAPES):
        assert_law(x[:, row], a)
