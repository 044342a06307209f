"""Gamma and chi-square variates, one lane per replica, inside numba kernels.

Marsaglia & Tsang, ACM Trans. Math. Softw. 26 (2000) 363: one normal and one uniform
per try, at least 95 % of tries accepted. All lanes try once side by side; a rejected
lane tries again alone, from its own stream, so that what one replica draws never
depends on its neighbours.
"""

from __future__ import annotations

import math

import numpy as np

from streams._bits import bits_to_float, float_to_bits
from streams.fill import _minus_log, _next, fill_normal
from streams.seeds import LANES, kernel

_U = np.uint64
_MANTISSA = _U(0x000FFFFFFFFFFFFF)
_SQRT_HALF = _U(0x3FE6A09E667F3BCD)  # bits of sqrt(1/2)
_LN2 = math.log(2.0)
_REJECTED = -1.0  # a gamma variate is never negative


@kernel(inline="always")
def _log(x):
    """log x of a positive normal double, vectorisable: 2 artanh of the reduced mantissa, error 1e-15."""
    b = float_to_bits(x) - _SQRT_HALF
    m = bits_to_float((b & _MANTISSA) + _SQRT_HALF)
    s = (m - 1.0) / (m + 1.0)
    q = s * s
    p = ((((q / 17.0 + 1.0 / 15.0) * q + 1.0 / 13.0) * q + 1.0 / 11.0) * q + 1.0 / 9.0) * q
    p = (((p + 1.0 / 7.0) * q + 1.0 / 5.0) * q + 1.0 / 3.0) * q
    return (np.int64(b) >> 52) * _LN2 + 2.0 * s * (1.0 + p)


@kernel(inline="always")
def _draw(state, lane):
    """One standard exponential of one lane."""
    a, s0, s1, s2, s3 = _next(state[0, lane], state[1, lane], state[2, lane], state[3, lane])
    state[0, lane] = s0
    state[1, lane] = s1
    state[2, lane] = s2
    state[3, lane] = s3
    return _minus_log(a)


@kernel
def _try_again(state, lane, d, c):
    """Gamma(d + 1/3) of one lane, trying until accepted."""
    while True:
        angle = 2.0 * math.pi * math.exp(-_draw(state, lane))
        x = math.sqrt(2.0 * _draw(state, lane)) * math.cos(angle)
        e = _draw(state, lane)
        t = 1.0 + c * x
        v = t * t * t
        # written so that a NaN shape ends the loop and comes out as NaN
        if not (t <= 0.0 or e + 0.5 * x * x + d - d * v + 3.0 * d * math.log(t) <= 0.0):
            return d * v


@kernel
def fill_gamma(state, out, shape):
    """Gamma variates of unit scale: row ``k`` of ``out`` has shape parameter ``shape[k]``.

    A chi-square variate of n degrees of freedom is twice a gamma variate of shape n/2.

    Parameters
    ----------
    state : ndarray of uint64, shape (4, LANES)
        Generator states, advanced in place.
    out : ndarray, shape (rows, LANES)
        At least ``len(shape)`` rows, rounded up to an even number; the last may be scratch.
    shape : ndarray, shape (n,)
        Shape parameters, each > 0. Those below 1 cost an exponential per lane more.
    """
    fill_normal(state, out, (shape.size + 1) // 2)
    for k in range(shape.size):
        boosted = shape[k] < 1.0
        d = shape[k] - 1.0 / 3.0 + (1.0 if boosted else 0.0)
        c = 1.0 / math.sqrt(9.0 * d)
        row = out[k]
        for lane in range(LANES):
            x = row[lane]
            e = _draw(state, lane)
            t = 1.0 + c * x
            v = t * t * t
            gain = e + 0.5 * x * x + d - d * v + 3.0 * d * _log(t)
            row[lane] = _REJECTED if (t <= 0.0) | (gain <= 0.0) else d * v
        for lane in range(LANES):
            if row[lane] < 0.0:
                row[lane] = _try_again(state, lane, d, c)
        if boosted:  # Gamma(a) = Gamma(a + 1) U^(1/a)
            for lane in range(LANES):
                row[lane] *= math.exp(-_draw(state, lane) / shape[k])
