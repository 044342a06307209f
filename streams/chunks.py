"""Products on chunks of eight lanes, sixteen sums at a time in vector registers (numba).

Where one matrix of an ensemble is too large for the first-level cache with all its LANES side by side,
a block is cut into chunks of ``CHUNK`` lanes that are carried one after the other: arrays
``(rows, columns, CHUNK)``, entry (i, j) of eight replicas in one cache line. The first two axes may have
any stride. A matrix that all replicas share is an ordinary array ``(rows, columns)``.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from streams.seeds import kernel

CHUNK = 8
"""Lanes of a chunk: one AVX-512 register, split by LLVM on other machines."""

TILE = 4
"""`products` and `add_products` take rows, and all take samples, in steps of this many."""

_VECTOR = ir.VectorType(ir.DoubleType(), CHUNK)
_INT = ir.IntType(64)
_ARRAY = [ir.DoubleType().as_pointer(), _INT, _INT]


class _Matrix:
    """Address arithmetic and loads of one array, of vectors or of shared numbers."""

    def __init__(self, builder, data, row, column, shared=False):
        self.builder, self.data, self.row, self.column, self.shared = builder, data, row, column, shared

    def pointer(self, i, j):
        b = self.builder
        at = b.gep(self.data, [b.add(b.mul(i, self.row), b.mul(j, self.column))])
        return at if self.shared else b.bitcast(at, _VECTOR.as_pointer())

    def load(self, i, j):
        b = self.builder
        if self.shared:
            return _splat(b, b.load(self.pointer(i, j)))
        return b.load(self.pointer(i, j), align=8)

    def store(self, value, i, j):
        self.builder.store(value, self.pointer(i, j), align=8)


def _splat(builder, number):
    first = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, _INT(0))
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(ir.IntType(32), CHUNK), None))


def _fma(builder):
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
    return cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{CHUNK}f64")


def _subroutine(module, name, shared, fill):
    """Compile ``fill`` once a module, never inlined: three arrays, a length, a number."""
    kind = ir.FunctionType(ir.VoidType(), _ARRAY * 3 + [_INT, ir.DoubleType()])
    function = cgutils.get_or_insert_function(module, kind, name)
    if not function.is_declaration:
        return function
    function.linkage = "linkonce_odr"
    function.attributes.add("noinline")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    triples = (function.args[3 * n : 3 * n + 3] for n in range(3))
    arrays = [
        _Matrix(builder, data, row, column, s) for (data, row, column), s in zip(triples, shared, strict=True)
    ]
    fill(builder, *arrays, *function.args[9:])
    builder.ret_void()
    return function


def _sums(rows: int, columns: int) -> Any:
    """out[q, p] = Σ_k a[p, k] b[q, k] over k < length, for p < rows and q < columns."""

    def fill(builder, out, a, b, length, number):
        cells = [(p, q) for p in range(rows) for q in range(columns)]
        fma, entry = _fma(builder), builder.block
        head, body, done = (builder.append_basic_block(name) for name in ("head", "body", "done"))
        builder.branch(head)
        builder.position_at_end(head)
        k = builder.phi(_INT)
        k.add_incoming(_INT(0), entry)
        total = {cell: builder.phi(_VECTOR) for cell in cells}
        for value in total.values():
            value.add_incoming(ir.Constant(_VECTOR, [0.0] * CHUNK), entry)
        builder.cbranch(builder.icmp_signed("<", k, length), body, done)
        builder.position_at_end(body)
        left = [a.load(_INT(p), k) for p in range(rows)]
        right = [b.load(_INT(q), k) for q in range(columns)]
        for p, q in cells:
            total[p, q].add_incoming(builder.call(fma, [left[p], right[q], total[p, q]]), body)
        k.add_incoming(builder.add(k, _INT(1)), body)
        builder.branch(head)
        builder.position_at_end(done)
        for (p, q), value in total.items():
            out.store(value, _INT(q), _INT(p))

    return fill


def _sum_of_outer(depth: int) -> Any:
    """w[p, l] = keep w[p, l] + Σ_q d[q, p] f[q, l] over l < length, for p < TILE and q < depth."""

    def fill(builder, w, d, f, length, keep):
        fma, keep = _fma(builder), _splat(builder, keep)
        factor = {(q, p): d.load(_INT(q), _INT(p)) for q in range(depth) for p in range(TILE)}
        with cgutils.for_range_slice(builder, _INT(0), length, _INT(1)) as (l, _):
            feature = [f.load(_INT(q), l) for q in range(depth)]
            for p in range(TILE):
                total = builder.fmul(keep, w.load(_INT(p), l))
                for q in range(depth):
                    total = builder.call(fma, [factor[q, p], feature[q], total])
                w.store(total, _INT(p), l)

    return fill


def _from(context, builder, kind, value, i, j):
    """Pointer and strides of a numba array from its entry (i, j) on."""
    array = context.make_array(kind)(context, builder, value)
    row, column = (builder.ashr(s, _INT(3)) for s in cgutils.unpack_tuple(builder, array.strides)[:2])
    offset = builder.add(builder.mul(i, row), builder.mul(j, column))
    return [builder.gep(array.data, [offset]), row, column]


def _call(name: str, fills: list, places: str) -> Any:
    """Intrinsic (out, a, b, p, q, width, length, number): calls the subroutine of ``width`` = 1 … TILE.

    ``places`` says where in out, a and b the tile begins: a pair of p, q or 0 for each.
    """

    @intrinsic
    def tile(typing, out, a, b, p, q, width, length, number):
        def codegen(context, builder, signature, args):
            index = {"p": args[3], "q": args[4], "0": _INT(0)}
            kinds = signature.args[:3]
            shared = [kind.ndim == 2 for kind in kinds]
            arrays = [
                x
                for kind, value, at in zip(kinds, args[:3], places.split(), strict=True)
                for x in _from(context, builder, kind, value, index[at[0]], index[at[1]])
            ]
            for wide, fill in enumerate(fills, 1):
                full = f"chunk_{name}_{wide}_{''.join('vs'[s] for s in shared)}"
                function = _subroutine(builder.module, full, shared, fill)
                with builder.if_then(builder.icmp_signed("==", args[5], _INT(wide))):
                    builder.call(function, [*arrays, args[6], args[7]])
            return context.get_dummy_value()

        n = types.intp
        return types.void(out, a, b, n, n, n, n, types.float64), codegen

    return tile


_WIDTHS = range(1, TILE + 1)
_tile = _call("sums", [_sums(TILE, q) for q in _WIDTHS], "qp p0 q0")
_row = _call("row", [_sums(1, q) for q in _WIDTHS], "qp p0 q0")
_outer = _call("outer", [_sum_of_outer(q) for q in _WIDTHS], "p0 qp q0")


@kernel
def products(out, a, b, rows, samples, depth):
    """out[s, r] = Σ_{k < depth} a[r, k] b[s, k]; ``rows`` a multiple of TILE.

    Parameters
    ----------
    out : ndarray, shape (samples, rows, CHUNK)
    a : ndarray, shape (rows, depth, CHUNK), or (rows, depth) if all lanes share it
    b : ndarray, shape (samples, depth, CHUNK)
    """
    for s in range(0, samples, TILE):
        for r in range(0, rows, TILE):
            _tile(out, a, b, r, s, min(TILE, samples - s), depth, 0.0)


@kernel
def few_products(out, a, b, rows, samples, depth):
    """As `products`, for any number of rows, one at a time."""
    for s in range(0, samples, TILE):
        for r in range(rows):
            _row(out, a, b, r, s, min(TILE, samples - s), depth, 0.0)


@kernel
def add_products(w, d, f, rows, columns, samples, keep):
    """w[r, l] = keep w[r, l] + Σ_s d[s, r] f[s, l]; ``rows`` a multiple of TILE.

    Parameters
    ----------
    w : ndarray, shape (rows, columns, CHUNK)
    d, f : ndarray, shapes (samples, rows, CHUNK) and (samples, columns, CHUNK)
    """
    for s in range(0, samples, TILE):
        kept = keep if s == 0 else 1.0
        for r in range(0, rows, TILE):
            _outer(w, d, f, r, s, min(TILE, samples - s), columns, kept)
