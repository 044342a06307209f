"""The three inner loops of the fast multipole method, written as vector instructions (numba intrinsics).

Their sums run over a few dozen numbers at positions known at compile time. As numba loops they
would be unrolled into scalar code, or not vectorised at all since sums may not be reordered; here the
order of every sum is fixed by hand. The first argument of each is a tuple, of which only the length counts.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

WIDTH = 8  # doubles of one vector operation: one AVX-512 register, split by LLVM on other machines
_DOUBLE, _INT = ir.DoubleType(), ir.IntType(64)
_POINTER = _DOUBLE.as_pointer()


def _vector(width: int) -> ir.VectorType:
    return ir.VectorType(_DOUBLE, width)


def _widths(size: int) -> list[int]:
    """Vectors that make up ``size`` numbers, a multiple of 4, at an even number where that is possible."""
    return [WIDTH] * (size // WIDTH) if size % (2 * WIDTH) == 0 else [4] * (size // 4)


class _Code:
    """A builder with the few vector operations that are needed."""

    def __init__(self, builder):
        self.b = builder

    def load(self, pointer, index, width: int):
        kind = _vector(width).as_pointer()
        return self.b.load(self.b.bitcast(self.b.gep(pointer, [index]), kind), align=8)

    def store(self, value, pointer, index):
        kind = value.type.as_pointer()
        self.b.store(value, self.b.bitcast(self.b.gep(pointer, [index]), kind), align=8)

    def splat(self, scalar, width: int):
        undefined = ir.Constant(_vector(width), ir.Undefined)
        first = self.b.insert_element(undefined, scalar, _INT(0))
        return self.b.shuffle_vector(
            first, undefined, ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
        )

    def fma(self, x, y, z):
        width = x.type.count
        kind = ir.FunctionType(x.type, [x.type] * 3)
        function = cgutils.get_or_insert_function(self.b.module, kind, f"llvm.fmuladd.v{width}f64")
        return self.b.call(function, [x, y, z])

    def total(self, vector):
        """Sum of the entries, in the order of a tree."""
        width = vector.type.count
        kind = ir.FunctionType(_DOUBLE, [_DOUBLE, vector.type])
        name = f"llvm.vector.reduce.fadd.v{width}f64"
        function = cgutils.get_or_insert_function(self.b.module, kind, name)
        return self.b.call(function, [_DOUBLE(-0.0), vector], fastmath=("reassoc",))

    def constant(self, value: float, width: int):
        return ir.Constant(_vector(width), [value] * width)

    def loop(self, stop, step: int, start_values, body):
        """``values = body(index, values)`` for index = 0, step, ... < stop; the last values."""
        b, entry = self.b, self.b.block
        head, inside, done = (b.append_basic_block(name) for name in ("head", "inside", "done"))
        b.branch(head)
        b.position_at_end(head)
        index = b.phi(_INT)
        index.add_incoming(_INT(0), entry)
        values = [b.phi(value.type) for value in start_values]
        for phi, value in zip(values, start_values, strict=True):
            phi.add_incoming(value, entry)
        b.cbranch(b.icmp_signed("<", index, stop), inside, done)
        b.position_at_end(inside)
        for phi, value in zip(values, body(index, values), strict=True):
            phi.add_incoming(value, b.block)
        index.add_incoming(b.add(index, _INT(step)), b.block)
        b.branch(head)
        b.position_at_end(done)
        return values


def _interact(code: _Code, size: int, both: bool, args) -> None:
    """Forces of ``sources`` s on ``size`` targets t, and back where ``both``."""
    t, qt, ft, s, qs, fs, sources, e2 = args
    b, widths = code.b, _widths(size)
    at = [_INT(sum(widths[:k])) for k in range(len(widths))]
    x = [code.load(t, i, w) for i, w in zip(at, widths, strict=True)]
    q = [code.load(qt, i, w) for i, w in zip(at, widths, strict=True)] if both else []
    soft = code.splat(e2, widths[0])

    def body(j, force):
        sj, qj = (code.splat(b.load(b.gep(p, [j])), widths[0]) for p in (s, qs))
        d = [b.fsub(xk, sj) for xk in x]
        r = _quotients(code, d, [code.fma(dk, dk, soft) for dk in d])
        force = [code.fma(rk, qj, fk) for rk, fk in zip(r, force, strict=True)]
        if both:
            back = b.fmul(r[0], q[0])
            for rk, qk in zip(r[1:], q[1:], strict=True):
                back = code.fma(rk, qk, back)
            place = b.gep(fs, [j])
            b.store(b.fsub(b.load(place), code.total(back)), place)
        return force

    start = [code.load(ft, i, w) for i, w in zip(at, widths, strict=True)]
    for i, value in zip(at, code.loop(sources, 1, start, body), strict=True):
        code.store(value, ft, i)


def _quotients(code: _Code, above: list, below: list) -> list:
    """above/below, two of them for one division: a/b and c/d from 1/(b d)."""
    b, out = code.b, []
    one = code.constant(1.0, above[0].type.count)
    for k in range(0, len(above) - 1, 2):
        inverse = b.fdiv(one, b.fmul(below[k], below[k + 1]))
        out += [
            b.fmul(b.fmul(above[k], below[k + 1]), inverse),
            b.fmul(b.fmul(above[k + 1], below[k]), inverse),
        ]
    return out + [b.fdiv(x, y) for x, y in zip(above[len(out) :], below[len(out) :], strict=True)]


def _transform(code: _Code, values: list, table, size: int) -> list:
    """Vectors of Σ_m values[m] table[m, ·]; the values are scalars."""
    widths = _widths(size)
    out = [code.constant(0.0, w) for w in widths]
    for m, value in enumerate(values):
        spread = code.splat(value, widths[0])
        for k, width in enumerate(widths):
            out[k] = code.fma(spread, code.load(table, _INT(m * size + k * width), width), out[k])
    return out


def _collect(code: _Code, order: int, args) -> None:
    """Charges q at x as charges at the nodes of their box: moments Σ q T_m, then ``table``."""
    x, q, number, centre, inverse, table, out = args
    b = code.b
    middle, scale = code.splat(centre, WIDTH), code.splat(inverse, WIDTH)

    def body(j, moment):
        z = b.fmul(b.fsub(code.load(x, j, WIDTH), middle), scale)
        double = b.fadd(z, z)
        before = code.load(q, j, WIDTH)  # q T_m by its recursion
        now = b.fmul(before, z)
        result = [b.fadd(moment[0], before), b.fadd(moment[1], now)]
        for m in range(2, order):
            before, now = now, b.fsub(b.fmul(double, now), before)
            result.append(b.fadd(moment[m], now))
        return result

    moments = code.loop(number, WIDTH, [code.constant(0.0, WIDTH)] * order, body)
    nodal = _transform(code, [code.total(m) for m in moments], table, order)
    place = 0
    for value in nodal:
        code.store(value, out, _INT(place))
        place += value.type.count


def _spread(code: _Code, order: int, args) -> None:
    """Add to ``out`` the polynomial with values ``local`` at the nodes of a box, at x inside it."""
    local, table, x, number, centre, inverse, out = args
    b = code.b
    nodal = [b.load(b.gep(local, [_INT(k)])) for k in range(order)]
    packed = _transform(code, nodal, table, order)
    width = packed[0].type.count
    coefficient = [
        code.splat(b.extract_element(packed[m // width], _INT(m % width)), WIDTH) for m in range(order)
    ]
    middle, scale = code.splat(centre, WIDTH), code.splat(inverse, WIDTH)

    def body(j, _):
        z = b.fmul(b.fsub(code.load(x, j, WIDTH), middle), scale)
        double = b.fadd(z, z)
        later, now = code.constant(0.0, WIDTH), coefficient[order - 1]
        for m in range(order - 2, 0, -1):  # Clenshaw
            later, now = now, code.fma(double, now, b.fsub(coefficient[m], later))
        value = code.fma(z, now, b.fsub(coefficient[0], later))
        code.store(b.fadd(code.load(out, j, WIDTH), value), out, j)
        return []

    code.loop(number, WIDTH, [], body)


def _function(module, name: str, kinds: list, write):
    """A function compiled once a module and never inlined."""
    function = cgutils.get_or_insert_function(module, ir.FunctionType(ir.VoidType(), kinds), name)
    if function.is_declaration:
        function.linkage = "linkonce_odr"
        function.attributes.add("noinline")
        builder = ir.IRBuilder(function.append_basic_block("entry"))
        write(_Code(builder), function.args)
        builder.ret_void()
    return function


def _call(context, builder, signature, args, name: str, write):
    """Call ``write``'s function; an array and the index that follows it become one pointer."""
    kinds, flat, k = signature.args[1:], [], 0
    while k < len(kinds):
        if isinstance(kinds[k], types.Array):
            data = context.make_array(kinds[k])(context, builder, args[k + 1]).data
            flat.append(builder.gep(data, [args[k + 2]]))
            k += 2
        else:
            flat.append(args[k + 1])
            k += 1
    builder.call(_function(builder.module, name, [v.type for v in flat], write), flat)
    return context.get_dummy_value()


_I, _F = types.intp, types.float64


def _forces(both: bool) -> Any:
    @intrinsic
    def forces(typing, shape, t, it, qt, iqt, ft, ift, s, js, qs, jqs, fs, jfs, sources, e2):
        size = len(shape)

        def codegen(context, builder, signature, args):
            name = f"fmm_forces_{size}_{both:d}"
            return _call(
                context, builder, signature, args, name, lambda code, a: _interact(code, size, both, a)
            )

        return types.void(shape, t, _I, qt, _I, ft, _I, s, _I, qs, _I, fs, _I, _I, _F), codegen

    return forces


@intrinsic
def _collected(typing, shape, x, ix, q, iq, number, centre, inverse, table, itable, out, iout):
    order = len(shape)

    def codegen(context, builder, signature, args):
        name = f"fmm_collect_{order}"
        return _call(context, builder, signature, args, name, lambda code, a: _collect(code, order, a))

    return types.void(shape, x, _I, q, _I, _I, _F, _F, table, _I, out, _I), codegen


@intrinsic
def _spreading(typing, shape, local, ilocal, table, itable, x, ix, number, centre, inverse, out, iout):
    order = len(shape)

    def codegen(context, builder, signature, args):
        name = f"fmm_spread_{order}"
        return _call(context, builder, signature, args, name, lambda code, a: _spread(code, order, a))

    return types.void(shape, local, _I, table, _I, x, _I, _I, _F, _F, out, _I), codegen


# the intrinsics take a typing context that their callers never see
one_way: Any = _forces(False)
"""``one_way(shape, t, i, q_t, i, f_t, i, s, j, q_s, j, f_s, j, number, e2)``.

f_t += Σ q_s d/(d² + e2), d = t - s, for ``len(shape)`` targets, a multiple of 4, and ``number`` sources;
every array is followed by the place of its first.
"""
both_ways: Any = _forces(True)
"""`one_way`, and the opposite forces q_t d/(d² + e2) on the sources."""
collect: Any = _collected
"""``collect(shape, x, i, q, i, number, centre, 1/half width, table, 0, out, k)``: charges at nodes."""
spread: Any = _spreading
"""``spread(shape, local, k, table, 0, x, i, number, centre, 1/half width, out, i)``: from nodes to x."""
