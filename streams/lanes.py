"""Small matrix algebra on lanes: sums of products kept in vector registers (numba).

A matrix of the ensemble is an array ``(rows, columns, LANES)``: entry (i, j) of 64 replicas
side by side. Everything the training needs is sums Σ_k a[i, k] b[j, k] lane by lane. Written
as NumPy-style loops they pay an overlap test and a load and store of the sum for every few
terms; the two intrinsics below keep 2 × 2 sums in registers over all k (three times faster).
The first two axes may have any stride, so a transposed or flipped view is as good as a copy.
"""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.imputils import impl_ret_borrowed
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

from streams.seeds import LANES, kernel

_WIDTH = 8  # doubles of one vector operation: one AVX-512 register, split by LLVM on other machines
_VECTOR = ir.VectorType(ir.DoubleType(), _WIDTH)
_INT = ir.IntType(64)


class _Rows:
    """Address arithmetic on one array (rows, columns, LANES): its data and its two strides."""

    def __init__(self, builder, data, row, column):
        self.builder, self.data, self.row, self.column = builder, data, row, column

    def pointer(self, i, j, lane=None):
        b = self.builder
        offset = b.add(b.mul(i, self.row), b.mul(j, self.column))
        return b.gep(self.data, [offset if lane is None else b.add(offset, lane)])

    def load(self, i, j, lane):
        at = self.builder.bitcast(self.pointer(i, j, lane), _VECTOR.as_pointer())
        return self.builder.load(at, align=8)

    def store(self, value, i, j, lane):
        at = self.builder.bitcast(self.pointer(i, j, lane), _VECTOR.as_pointer())
        self.builder.store(value, at, align=8)


def _from(context, builder, kind, value, i, j):
    """Pointer and strides of a numba array from its entry (i, j) on."""
    array = context.make_array(kind)(context, builder, value)
    row, column, _ = cgutils.unpack_tuple(builder, array.strides)
    rows = _Rows(builder, array.data, builder.ashr(row, _INT(3)), builder.ashr(column, _INT(3)))
    return [rows.pointer(i, j), rows.row, rows.column]


def _sums(builder, a, b, bounds, lanes, rows, columns):
    """Σ_k a[p, k] b[q, k] for k from ``bounds[0]`` to ``bounds[1] - 1``, as vectors by (p, q, lane)."""
    cells = [(p, q, lane) for p in range(rows) for q in range(columns) for lane in lanes]
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
    fma = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fmuladd.v{_WIDTH}f64")
    entry = builder.block
    head, body, done = (builder.append_basic_block(name) for name in ("head", "body", "done"))
    builder.branch(head)
    builder.position_at_end(head)
    k = builder.phi(_INT)
    k.add_incoming(bounds[0], entry)
    total = {cell: builder.phi(_VECTOR) for cell in cells}
    for value in total.values():
        value.add_incoming(ir.Constant(_VECTOR, [0.0] * _WIDTH), entry)
    builder.cbranch(builder.icmp_signed("<", k, bounds[1]), body, done)
    builder.position_at_end(body)
    left = {(p, lane): a.load(_INT(p), k, lane) for p in range(rows) for lane in lanes}
    right = {(q, lane): b.load(_INT(q), k, lane) for q in range(columns) for lane in lanes}
    for p, q, lane in cells:
        new = builder.call(fma, [left[p, lane], right[q, lane], total[p, q, lane]])
        total[p, q, lane].add_incoming(new, body)
    k.add_incoming(builder.add(k, _INT(1)), body)
    builder.branch(head)
    builder.position_at_end(done)
    return total


_ARRAY = [ir.DoubleType().as_pointer(), _INT, _INT]


def _subroutine(module, name, arrays, rows, columns, chunks, finish):
    """Compile once a module, never inlined (which would cost half a minute of compilation).

    For all lanes out[p, q] = finish(Σ_k a[p, k] b[q, k]). Arguments: ``arrays`` times pointer and two
    strides (out, a, b, others), first k, last k + 1, and a number for ``finish``.
    """
    kind = ir.FunctionType(ir.VoidType(), _ARRAY * arrays + [_INT, _INT, ir.DoubleType()])
    function = cgutils.get_or_insert_function(module, kind, name)
    if not function.is_declaration:
        return function
    function.linkage = "linkonce_odr"
    function.attributes.add("noinline")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    out, a, b, *others = (_Rows(builder, *function.args[3 * n : 3 * n + 3]) for n in range(arrays))
    *bounds, number = function.args[3 * arrays :]
    with cgutils.for_range_slice(builder, _INT(0), _INT(LANES), _INT(_WIDTH * chunks)) as (lane, _):
        lanes = [builder.add(lane, _INT(_WIDTH * c)) for c in range(chunks)]
        total = _sums(builder, a, b, bounds, lanes, rows, columns)
        for (p, q, at), value in total.items():
            out.store(finish(builder, value, others, number, at), _INT(p), _INT(q), at)
    builder.ret_void()
    return function


def _scaled(builder, total, others, number, lane):
    first = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, _INT(0))
    splat = builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(ir.IntType(32), _WIDTH), None))
    return builder.fmul(total, splat)


def _eliminated(builder, total, others, number, lane):
    source, factor = (other.load(_INT(0), _INT(0), lane) for other in others)
    return builder.fmul(builder.fsub(source, total), factor)


def _tile(rows: int, columns: int, chunks: int) -> Any:
    """Intrinsic: out[i + p, j + q] = scale Σ_{k0 <= k < k1} a[i + p, k] b[j + q, k]."""

    @intrinsic
    def tile(typing, out, i, j, a, b, k0, k1, scale):
        def codegen(context, builder, signature, args):
            kinds, zero = signature.args, _INT(0)
            out, i, j, a, b, k0, k1, scale = args
            target = _from(context, builder, kinds[0], out, i, j)
            left = _from(context, builder, kinds[3], a, i, zero)
            right = _from(context, builder, kinds[4], b, j, zero)
            name = f"lanes_tile_{rows}_{columns}_{chunks}"
            function = _subroutine(builder.module, name, 3, rows, columns, chunks, _scaled)
            builder.call(function, [*target, *left, *right, k0, k1, scale])
            return context.get_dummy_value()

        n = types.intp
        return types.void(out, n, n, a, b, n, n, types.float64), codegen

    return tile


_tile_1, _tile_2 = _tile(1, 1, 4), _tile(2, 2, 1)


@intrinsic
def _eliminate(typing, out, i, j, source, a, b, k0, k1, factor, f):
    """out[i, j] = (source[i, j] - Σ_{k0 <= k < k1} a[i, k] b[j, k]) · factor[f, 0]."""

    def codegen(context, builder, signature, args):
        kinds, zero = signature.args, _INT(0)
        out, i, j, source, a, b, k0, k1, factor, f = args
        places = [(0, out, i, j), (4, a, i, zero), (5, b, j, zero), (3, source, i, j), (8, factor, f, zero)]
        arrays = [x for n, value, p, q in places for x in _from(context, builder, kinds[n], value, p, q)]
        function = _subroutine(builder.module, "lanes_eliminate", 5, 1, 1, 4, _eliminated)
        builder.call(function, [*arrays, k0, k1, ir.Constant(ir.DoubleType(), 0.0)])
        return context.get_dummy_value()

    n = types.intp
    return types.void(out, n, n, source, a, b, n, n, factor, n), codegen


@intrinsic
def _transposed(typing, a):
    """The view ``a.transpose(1, 0, 2)``, which takes numba seconds to compile."""
    kind = a.copy(layout="A")

    def codegen(context, builder, signature, args):
        source = context.make_array(a)(context, builder, args[0])
        view = context.make_array(kind)(context, builder)
        (m, n, lanes), (row, column, lane) = (
            cgutils.unpack_tuple(builder, x) for x in (source.shape, source.strides)
        )
        populate_array(
            view,
            data=source.data,
            shape=[n, m, lanes],
            strides=[column, row, lane],
            itemsize=source.itemsize,
            meminfo=source.meminfo,
            parent=source.parent,
        )
        return impl_ret_borrowed(context, builder, kind, view._getvalue())

    return kind(a), codegen


# the intrinsics take a typing context that their callers never see
eliminate: Any = _eliminate
transposed: Any = _transposed


@kernel
def multiply(out, a, b, rows, columns, depth, scale, triangle):
    """out = scale · a bᵀ over the first ``depth`` columns of a and b, all three (·, ·, LANES).

    Row j of ``b`` is taken to end at column ``triangle + j``: there starts a lower triangular
    part of ``b``; pass ``depth`` where there is none.
    """
    for j in range(0, columns - 1, 2):
        last = min(depth, triangle + j + 2)
        for i in range(0, rows - 1, 2):
            _tile_2(out, i, j, a, b, 0, last, scale)
        if rows % 2:
            _tile_1(out, rows - 1, j, a, b, 0, last, scale)
            _tile_1(out, rows - 1, j + 1, a, b, 0, last, scale)
    if columns % 2:
        for i in range(rows):
            _tile_1(out, i, columns - 1, a, b, 0, min(depth, triangle + columns), scale)


@kernel
def multiply_symmetric(out, a, b, n, depth, scale, triangular):
    """The upper triangle of a symmetric scale · a bᵀ (n, n, LANES); ``triangular``: so are a and b (upper).

    Some entries just below the diagonal are written too.
    """
    for j in range(0, n - 1, 2):
        first = j if triangular else 0
        for i in range(0, j + 1, 2):
            _tile_2(out, i, j, a, b, first, depth, scale)
    if n % 2:
        first = n - 1 if triangular else 0
        for i in range(n):
            _tile_1(out, i, n - 1, a, b, first, depth, scale)


@kernel
def cholesky(u, reciprocal, source, ones, valid, n):
    """Upper triangular u with uᵀu = source, from the upper triangle of ``source`` (n, n, LANES).

    A lane whose pivot is not positive gets NaN there and 0 in ``valid`` (LANES,). ``u`` keeps
    what it holds below the diagonal; ``reciprocal`` (n, 1, LANES) receives 1/u[i, i].
    """
    ut = transposed(u)
    for j in range(n):
        eliminate(u, j, j, source, ut, ut, 0, j, ones, 0)
        pivot = u[j, j]
        inverse = reciprocal[j, 0]
        for lane in range(LANES):
            valid[lane] = valid[lane] if pivot[lane] > 0.0 else 0.0
            pivot[lane] = math.sqrt(pivot[lane])
            inverse[lane] = 1.0 / pivot[lane]
        for i in range(j + 1, n):
            eliminate(u, j, i, source, ut, ut, 0, j, reciprocal, j)


@kernel
def solve(y, draw, u, reciprocal, samples, n, triangular):
    """Rows y[s] with u y[s] = draw[s]: covariance (uᵀu)⁻¹ from standard normal rows ``draw``.

    ``triangular``: draw[s] ends at its entry s, and so does y[s].
    """
    for s in range(samples):
        last = s + 1 if triangular else n
        for i in range(last - 1, -1, -1):
            eliminate(y, s, i, draw, y, u, i + 1, last, reciprocal, i)
