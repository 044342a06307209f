"""Elementary functions without branches, which LLVM vectorises where it would not vectorise libm (numba)."""

import math

import numpy as np

from streams._bits import bits_to_float, float_to_bits
from streams.seeds import kernel

_U = np.uint64
_SIGN = _U(1 << 63)
_BIAS, _52 = _U(1023), _U(52)
_LOG2E = 1.0 / math.log(2.0)
# ln 2 in two parts, the first with zeros at the end: n · _LN2_HIGH is exact
_LN2_HIGH, _LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
_ROUND = 1.5 * 2.0**52
_ROUND_BITS = _U(np.float64(_ROUND).view(np.uint64))
_LARGEST = 44.0  # tanh(22) = 1 to the last bit

# (exp(r) - 1)/r on |r| <= ln 2/2: Chebyshev interpolant, relative error 2e-17
_E = (
    1.0, 0.5000000000000006, 0.1666666666666667, 0.041666666666573066, 0.008333333333326136,
    0.001388888893251478, 0.00019841269874820627, 2.480150431378554e-05, 2.7557255400206422e-06,
    2.7626371065696354e-07, 2.5105217004720745e-08,
)  # fmt: skip
_E0, _E1, _E2, _E3, _E4, _E5, _E6, _E7, _E8, _E9, _E10 = _E


@kernel(inline="always")
def tanh(x):
    """tanh x of a double; relative error below 1e-15, ±1 at ±inf, NaN at NaN.

    With y = 2|x| = n ln 2 + r it is (exp y - 1)/(exp y + 1), exp y - 1 = 2ⁿ(exp r - 1) + (2ⁿ - 1): nothing
    cancels, at small x either.
    """
    bits = float_to_bits(x)
    sign = bits & _SIGN
    y = 2.0 * bits_to_float(bits ^ sign)
    y = _LARGEST if y > _LARGEST else y
    shifted = y * _LOG2E + _ROUND  # n in its lowest bits
    n = shifted - _ROUND
    r = (y - n * _LN2_HIGH) - n * _LN2_LOW
    power = bits_to_float((float_to_bits(shifted) - _ROUND_BITS + _BIAS) << _52)
    p = _E10
    p = p * r + _E9
    p = p * r + _E8
    p = p * r + _E7
    p = p * r + _E6
    p = p * r + _E5
    p = p * r + _E4
    p = p * r + _E3
    p = p * r + _E2
    p = p * r + _E1
    p = p * r + _E0
    less_one = power * (p * r) + (power - 1.0)
    return bits_to_float(float_to_bits(less_one / (less_one + 2.0)) | sign)
