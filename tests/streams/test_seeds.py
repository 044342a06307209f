"""From (seed, name, replica) to numbers: states, and the stream of one replica computed literally."""

from __future__ import annotations

import math

import numba
import numpy as np
import pytest

from streams import LANES, blocks, fill_exponential, fill_normal, kernel, states

WORD = 2**64 - 1


def lanes_of(blocked):
    """One row a replica, (replicas, 4), from (blocks, 4, LANES)."""
    return blocked.transpose(0, 2, 1).reshape(-1, 4)


class Literal:
    """xoshiro256++ in whole numbers, as published."""

    def __init__(self, state):
        self.s = [int(word) for word in state]

    def __call__(self):
        s = self.s
        out = (self._rotated((s[0] + s[3]) & WORD, 23) + s[0]) & WORD
        t = (s[1] << 17) & WORD
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = self._rotated(s[3], 45)
        return out

    @staticmethod
    def _rotated(x, k):
        return ((x << k) | (x >> (64 - k))) & WORD


def minus_log(bits):
    return -math.log1p(-(bits >> 12) / 2**52)


def test_xoshiro_matches_the_published_sequence():
    """First numbers of the state 1, 2, 3, 4: those of the reference C code."""
    expected = [41943041, 58720359, 3588806011781223, 3591011842654386]
    generator = Literal([1, 2, 3, 4])
    assert [generator() for _ in expected] == expected


@pytest.mark.parametrize("lane", [0, 31, LANES - 1])
def test_exponentials_and_normals_are_the_literal_ones(lane):
    rows, state = 2000, states(9, "literal", 0, LANES)[0]
    generator, out = Literal(state[:, lane]), np.empty((rows, LANES))
    fill_exponential(state, out, rows)
    literal = np.array([minus_log(generator()) for _ in range(rows)])
    np.testing.assert_allclose(out[:, lane], literal, rtol=1e-12, atol=1e-13)

    pairs = rows // 2
    fill_normal(state, out, pairs)
    for k in range(pairs):
        a, b = generator(), generator()
        radius = math.sqrt(2 * minus_log(a)) * (-1) ** (b & 1)
        angle = math.pi * ((b >> 12) / 2**52 - 0.5)
        expected = radius * math.cos(angle), radius * math.sin(angle)
        assert (out[k, lane], out[pairs + k, lane]) == pytest.approx(expected, abs=1e-12)
    assert [int(word) for word in state[:, lane]] == generator.s


def test_replicas_asked_alone_are_those_of_the_whole():
    whole = states(1, "sgd", 0, 128)
    assert whole.shape == (2, 4, LANES)
    assert whole.dtype == np.uint64
    assert whole.flags.c_contiguous
    assert (states(1, "sgd", 64, 64)[0] == whole[1]).all()


@pytest.mark.parametrize("first", [1, 63, 64, 65, 100, 1000])
@pytest.mark.parametrize("count", [1, 64, 65])
def test_any_start_and_count_give_the_same_replicas(first, count):
    part, whole = lanes_of(states(1, "sgd", first, count)), lanes_of(states(1, "sgd", 0, 1300))
    assert len(part) == LANES * blocks(count)  # padded with further replicas
    assert (part == whole[first : first + len(part)]).all()


def test_a_far_replica_is_reached_at_once():
    far = 2**62
    assert (states(1, "sgd", far, 2)[0, :, 1] == states(1, "sgd", far + 1, 1)[0, :, 0]).all()


def test_all_states_differ_between_replicas_names_and_seeds():
    runs = [(0, "sgd"), (1, "sgd"), (2**63, "sgd"), (1, "dyson"), (1, "sgd weights"), (1, "")]
    rows = np.concatenate([lanes_of(states(*run, 0, 5000)) for run in runs])
    assert len(np.unique(rows, axis=0)) == len(rows)
    assert np.unique(rows[:, 0]).size == len(rows)  # of 2⁶⁴: no repeated word either
    assert (rows != 0).any(axis=1).all()  # 0 is the one state that xoshiro never leaves


def test_bits_of_states_are_fair():
    """Each of the 256 bits is set in half of the replicas, at 6 standard deviations."""
    rows = lanes_of(states(1, "sgd", 0, 64 * 200))
    bits = np.unpackbits(rows.view(np.uint8), axis=1)
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 6 * 0.5 / math.sqrt(len(rows))


def test_states_are_pinned():
    """Stored runs are reproduced from their seed; a change here breaks them."""
    assert states(1, "sgd", 0, 1)[0, :, 0].tolist() == PINNED


PINNED = [15966035625482384046, 1054002233908903860, 1324961779323889464, 191896439553371659]


@pytest.mark.parametrize("count, expected", [(0, 0), (1, 1), (64, 1), (65, 2), (128, 2), (1000, 16)])
def test_blocks_hold_the_replicas(count, expected):
    assert blocks(count) == expected
    assert states(1, "sgd", 0, count).shape == (expected, 4, LANES)


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError):
        states(-1, "sgd", 0, 1)


def test_kernel_with_and_without_a_signature():
    def thrice(x):
        return 3.0 * x

    assert kernel(thrice)(2.0) == 6.0
    assert kernel(numba.float64(numba.float64))(thrice)(2.0) == 6.0
    assert kernel(nogil=True)(thrice)(2.0) == 6.0
    assert kernel(lambda x: 1.0 / x)(0.0) == math.inf  # NumPy's division: no exception in a kernel
