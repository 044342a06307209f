"""Bit-level helpers for the vectorised generators (numba intrinsics)."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


@intrinsic
def _bits_to_float(typingctx, bits):
    """Reinterpret the 64 bits of a uint64 as a float64."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.uint64), codegen


@intrinsic
def _float_to_bits(typingctx, value):
    """Reinterpret the 64 bits of a float64 as a uint64."""

    def codegen(context, builder, signature, args):
        return builder.bitcast(args[0], ir.IntType(64))

    return types.uint64(types.float64), codegen


# the intrinsics take a typing context that their callers never see
bits_to_float: Any = _bits_to_float
float_to_bits: Any = _float_to_bits
