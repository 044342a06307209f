"""Products on chunks of lanes against einsum: all tile remainders, strides, shared and laned factors."""

from __future__ import annotations

import numpy as np
import pytest

from streams import kernel
from streams.chunks import CHUNK, TILE, add_products, few_products, products


@kernel
def run_products(out, a, b, rows, samples, depth):
    products(out, a, b, rows, samples, depth)


@kernel
def run_few(out, a, b, rows, samples, depth):
    few_products(out, a, b, rows, samples, depth)


@kernel
def run_add(w, d, f, rows, columns, samples, keep):
    add_products(w, d, f, rows, columns, samples, keep)


SAMPLES = [1, 2, 3, 4, 5, 7, 8, 9]


def laned(rng, *shape):
    return rng.standard_normal((*shape, CHUNK))


def places(rng, samples, rows):
    """An output with a margin, which nothing may write on."""
    return np.full((samples + 1, rows + 1, CHUNK), 7.0)


@pytest.mark.parametrize("samples", SAMPLES)
@pytest.mark.parametrize("shared", [False, True])
def test_products(samples, shared):
    rng = np.random.default_rng(samples)
    for rows, depth in ((TILE, 1), (2 * TILE, 5)):
        a = rng.standard_normal((rows, depth)) if shared else laned(rng, rows, depth)
        b, out = laned(rng, samples, depth), places(rng, samples, rows)
        run_products(out, a, b, rows, samples, depth)
        expected = np.einsum("rk,skl->srl" if shared else "rkl,skl->srl", a, b)
        assert out[:samples, :rows] == pytest.approx(expected, abs=1e-13)
        assert (out[samples:] == 7.0).all() and (out[:, rows:] == 7.0).all()


@pytest.mark.parametrize("samples", SAMPLES)
def test_few_products(samples):
    rng = np.random.default_rng(samples)
    for rows, depth in ((1, 3), (3, 1), (5, 4)):
        a, b, out = rng.standard_normal((rows, depth)), laned(rng, samples, depth), places(rng, samples, rows)
        run_few(out, a, b, rows, samples, depth)
        assert out[:samples, :rows] == pytest.approx(np.einsum("rk,skl->srl", a, b), abs=1e-13)
        assert (out[samples:] == 7.0).all() and (out[:, rows:] == 7.0).all()


@pytest.mark.parametrize("samples", SAMPLES)
def test_add_products(samples):
    rng = np.random.default_rng(samples)
    rows, columns = 2 * TILE, 5
    w, d, f = laned(rng, rows, columns), laned(rng, samples, rows), laned(rng, samples, columns)
    expected = 0.9 * w + np.einsum("srl,scl->rcl", d, f)
    run_add(w, d, f, rows, columns, samples, 0.9)
    assert w == pytest.approx(expected, abs=1e-13)


def test_any_stride_of_the_first_two_axes():
    rng = np.random.default_rng(1)
    a, b = laned(rng, 3, 2 * TILE).transpose(1, 0, 2), laned(rng, 6, 4)[::-1, ::-1][:5, :3]
    out = np.zeros((2 * TILE, 5, CHUNK)).transpose(1, 0, 2)
    run_products(out, a, b, 2 * TILE, 5, 3)
    assert out == pytest.approx(np.einsum("rkl,skl->srl", a, b), abs=1e-13)


def test_lanes_do_not_touch():
    rng = np.random.default_rng(2)
    a, b, out = laned(rng, TILE, 6), laned(rng, 5, 6), np.zeros((5, TILE, CHUNK))
    run_products(out, a, b, TILE, 5, 6)
    a[..., 3], spoilt = np.nan, np.zeros_like(out)
    run_products(spoilt, a, b, TILE, 5, 6)
    assert np.isnan(spoilt[..., 3]).all()
    assert np.array_equal(np.delete(spoilt, 3, axis=2), np.delete(out, 3, axis=2))
