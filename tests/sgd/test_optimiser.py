"""The optimiser's rule: as written, and the same in every compiled form."""

from __future__ import annotations

import numpy as np
import pytest

import sgd
from sgd.optimiser_kernels import move, move_by_products
from streams import LANES
from streams.chunks import CHUNK

OPTIONS = [(0.0, 0.0), (0.0, 0.3), (0.6, 0.0), (0.6, 0.3)]
each = pytest.mark.parametrize(("momentum", "weight_decay"), OPTIONS)


def drawn(*shapes):
    rng = np.random.default_rng(2)
    return [rng.normal(size=shape) for shape in shapes]


@each
def test_the_rule_is_as_written(momentum, weight_decay):
    o = sgd.Optimiser(0.2, 5, momentum, weight_decay)
    w, v, g = drawn((4, 2, 3), (4, 2, 3), (4, 2, 3))
    new, velocity = o.step(w, v, g)
    assert velocity == pytest.approx(momentum * v - 0.2 * (g + weight_decay * w), rel=1e-14)
    assert (new == w + velocity).all()
    assert o.time_step == pytest.approx(0.2 / (1 - momentum))


@each
def test_rows_of_lanes_move_by_the_rule(momentum, weight_decay):
    """On a part of larger arrays, whose rest stays."""
    o = sgd.Optimiser(0.2, 5, momentum, weight_decay)
    w, v, pull = drawn((3, 4, LANES), (3, 4, LANES), (3, 4, LANES))
    first, velocity = w.copy(), v.copy() if momentum else np.zeros_like(v)
    for _ in range(3):
        move(w, v, pull, o, 2, 3)
    part = np.s_[:2, :3]
    expected, moving = first[part], velocity[part]
    for _ in range(3):
        expected, moving = o.step(expected, moving, -pull[part] / 5)
    assert w[part] == pytest.approx(expected, abs=1e-14)
    assert (w[2] == first[2]).all() and (w[:, 3] == first[:, 3]).all()
    if momentum:
        assert v[part] == pytest.approx(moving, abs=1e-14)


@each
@pytest.mark.parametrize("samples", [1, 4, 6])
def test_sums_of_products_move_by_the_rule(momentum, weight_decay, samples):
    o = sgd.Optimiser(0.2, 5, momentum, weight_decay)
    w, d, f = drawn((4, 3, CHUNK), (samples, 4, CHUNK), (samples, 3, CHUNK))
    v = np.zeros_like(w)
    expected, moving = w.copy(), v.copy()
    gradient = np.einsum("srl,scl->rcl", d, f)
    for _ in range(3):
        move_by_products(w, v, w.reshape(-1), v.reshape(-1), -0.2 / 5 * d, f, o, 4, 3, samples)
        expected, moving = o.step(expected, moving, gradient / 5)
    assert w == pytest.approx(expected, abs=1e-13)
    assert not momentum or v == pytest.approx(moving, abs=1e-13)


def test_a_wrong_rule_is_noticed():
    w, v, pull = drawn((2, 2, LANES), (2, 2, LANES), (2, 2, LANES))
    moved = w.copy()
    move(moved, v.copy(), pull, sgd.Optimiser(0.2, 5, 0.6, 0.3), 2, 2)
    for wrong in ((0.2, 5, 0.6, 0.3 + 1e-9), (0.2, 5, 0.6 + 1e-9, 0.3), (0.2 + 1e-9, 5, 0.6, 0.3)):
        expected = sgd.Optimiser(*wrong).step(w, v, -pull / 5)[0]
        assert np.abs(moved - expected).max() > 1e-12
