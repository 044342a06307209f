"""Fill rows of random numbers, one lane per replica, inside numba kernels.

Every function advances the xoshiro256++ states ``state`` (4, LANES) in place
(Blackman & Vigna, ACM Trans. Math. Softw. 47 (2021) 36) and writes rows of
``LANES`` numbers. Inner loops run over lanes without branches and are vectorised
by LLVM; the polynomials below replace libm calls, which would not be.

Rows written in one outer loop lie in separate halves of the output, never
interleaved: LLVM hoists its overlap test out of the outer loop, and interleaved
rows would send every call through the scalar fallback (measured: 5 times slower).
"""

import math

import numpy as np

from streams._bits import bits_to_float, float_to_bits
from streams.seeds import LANES, kernel

_U = np.uint64
_ONE = _U(0x3FF0000000000000)  # bits of 1.0
_MANTISSA = _U(0x000FFFFFFFFFFFFF)
_SQRT_HALF = _U(0x3FE6A09E667F3BCD)  # bits of sqrt(1/2)
_12, _52, _63, _17, _23, _45, _41, _19 = (_U(k) for k in (12, 52, 63, 17, 23, 45, 41, 19))
_LN2 = math.log(2.0)

# log(1 + t)/t on [sqrt(1/2) - 1, sqrt(2) - 1]: Chebyshev interpolant, absolute error 1e-13
_L = (
    1.0000000000002172, -0.4999999999851276, 0.33333333311435903, -0.2500000043307045,
    0.2000000380257774, -0.1666663223191756, 0.1428545842875548, -0.12501075818336713,
    0.11119409087870422, -0.09987351478679421, 0.08954198214289553, -0.08317629568838164,
    0.08750398707543275, -0.08466988087299959, 0.04271825154622391,
)  # fmt: skip
_L0, _L1, _L2, _L3, _L4, _L5, _L6, _L7, _L8, _L9, _L10, _L11, _L12, _L13, _L14 = _L
# sin(pi v)/v and cos(pi v) as polynomials in v² on |v| <= 1/2, absolute error 1e-14
_S0, _S1, _S2, _S3, _S4, _S5, _S6 = (
    3.1415926535896355, -5.167712779988009, 2.5501640359083138, -0.5992644339577288,
    0.0821447948373263, -0.007364006114475325, 0.0004474930465328806,
)  # fmt: skip
_C0, _C1, _C2, _C3, _C4, _C5, _C6, _C7 = (
    0.9999999999999977, -4.934802200543556, 4.058712126326478, -1.3352627660422343,
    0.2353305869214637, -0.025806524718063883, 0.0019278510008007288, -0.00010039657354354858,
)  # fmt: skip


@kernel(inline="always")
def _next(s0, s1, s2, s3):
    """One xoshiro256++ step: (output, new state)."""
    u = s0 + s3
    out = ((u << _23) | (u >> _41)) + s0
    t = s1 << _17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= t
    s3 = (s3 << _45) | (s3 >> _19)
    return out, s0, s1, s2, s3


@kernel(inline="always")
def _minus_log(bits):
    """-log u, u = 1 - k 2⁻⁵² uniform on (0, 1]; never negative, never infinite (<= 36.04)."""
    u = 2.0 - bits_to_float((bits >> _12) | _ONE)
    b = float_to_bits(u) - _SQRT_HALF
    exponent = np.int64(b) >> 52
    t = bits_to_float((b & _MANTISSA) + _SQRT_HALF) - 1.0
    p = _L14
    p = p * t + _L13
    p = p * t + _L12
    p = p * t + _L11
    p = p * t + _L10
    p = p * t + _L9
    p = p * t + _L8
    p = p * t + _L7
    p = p * t + _L6
    p = p * t + _L5
    p = p * t + _L4
    p = p * t + _L3
    p = p * t + _L2
    p = p * t + _L1
    p = p * t + _L0
    return -(exponent * _LN2 + p * t)


@kernel
def fill_normal(state, out, pairs):
    """Standard normals (Box–Muller) into rows ``0 .. 2 pairs - 1`` of ``out``."""
    for k in range(pairs):
        cosine = out[k]
        sine = out[pairs + k]
        for lane in range(LANES):
            a, s0, s1, s2, s3 = _next(state[0, lane], state[1, lane], state[2, lane], state[3, lane])
            b, s0, s1, s2, s3 = _next(s0, s1, s2, s3)
            state[0, lane] = s0
            state[1, lane] = s1
            state[2, lane] = s2
            state[3, lane] = s3
            # angle on a half circle; a random sign (an unused low bit of b) reflects it to the whole
            radius = bits_to_float(float_to_bits(math.sqrt(2.0 * _minus_log(a))) | (b << _63))
            v = bits_to_float((b >> _12) | _ONE) - 1.5
            q = v * v
            sn = (((((_S6 * q + _S5) * q + _S4) * q + _S3) * q + _S2) * q + _S1) * q + _S0
            cs = ((((((_C7 * q + _C6) * q + _C5) * q + _C4) * q + _C3) * q + _C2) * q + _C1) * q + _C0
            cosine[lane] = radius * cs
            sine[lane] = radius * v * sn


@kernel
def fill_exponential(state, out, rows):
    """Standard exponentials, -log u, into rows ``0 .. rows - 1`` of ``out``."""
    for k in range(rows):
        row = out[k]
        for lane in range(LANES):
            a, s0, s1, s2, s3 = _next(state[0, lane], state[1, lane], state[2, lane], state[3, lane])
            state[0, lane] = s0
            state[1, lane] = s1
            state[2, lane] = s2
            state[3, lane] = s3
            row[lane] = _minus_log(a)
