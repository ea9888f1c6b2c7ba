"""Bytes by 32 or 64 at a time: where zeros end, where equal bytes end, where differences change, copies and fills.

The intrinsics read and write bytes past numba's own checks; their callers keep inside the arrays. With
`NUMBA_BOUNDSCHECK=1` plain loops take their places, and every access is checked.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import config, int64, types, uint8, uint64
from numba.core import cgutils
from numba.extending import intrinsic

from labelprep.png.compiled import compiled

_BYTES_32 = ir.VectorType(ir.IntType(8), 32)
_BYTES_64 = ir.VectorType(ir.IntType(8), 64)


def _pointer(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    return builder.gep(context.make_array(kind)(context, builder, array).data, [at])


def _load(context: Any, builder: Any, bytes_: Any, kind: Any, array: Any, at: Any) -> Any:
    place = _pointer(context, builder, kind, array, at)
    return builder.load(builder.bitcast(place, bytes_.as_pointer()), align=1)


def _load_32(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    return _load(context, builder, _BYTES_32, kind, array, at)


def _first_set(builder: Any, flags: Any) -> Any:
    """Position of the first of 32 flags that is set, 32 if none is: one comparison and one count of zeros."""
    bits = builder.bitcast(flags, ir.IntType(32))
    return builder.zext(builder.cttz(bits, ir.Constant(ir.IntType(1), 0)), ir.IntType(64))


@intrinsic
def _zeros_fast(typingctx: Any, array: Any, at: Any) -> Any:
    """How many of array[at : at + 32] are zero before the first that is not: 0 to 32."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        words = _load_32(context, builder, signature.args[0], args[0], args[1])
        return _first_set(builder, builder.icmp_unsigned("!=", words, ir.Constant(_BYTES_32, [0] * 32)))

    return types.int64(array, at), codegen


@intrinsic
def _equals_fast(typingctx: Any, array: Any, at: Any, other: Any) -> Any:
    """How many of array[at : at + 32] equal array[other : other + 32] before the first that does not: 0 to 32."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        here = _load_32(context, builder, signature.args[0], args[0], args[1])
        there = _load_32(context, builder, signature.args[0], args[0], args[2])
        return _first_set(builder, builder.icmp_unsigned("!=", here, there))

    return types.int64(array, at, other), codegen


@intrinsic
def _changes_fast(typingctx: Any, here: Any, at: Any, above: Any, up: Any) -> Any:
    """As `changes_one_by_one` for 64 places."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind, kind_above = signature.args[0], signature.args[2]
        array, place, other, place_above = args
        differences = []
        for back in (0, 1):
            one, two = (builder.sub(p, ir.Constant(ir.IntType(64), back)) for p in (place, place_above))
            lower = _load(context, builder, _BYTES_64, kind, array, one)
            upper = _load(context, builder, _BYTES_64, kind_above, other, two)
            differences.append(builder.sub(lower, upper))
        return builder.bitcast(builder.icmp_unsigned("!=", *differences), ir.IntType(64))

    return types.uint64(here, types.int64, above, types.int64), codegen


@intrinsic
def lowest(typingctx: Any, flags: Any) -> Any:
    """Position of the lowest bit that is set of a uint64; 64 where none is."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.uint64), codegen


@intrinsic
def ones(typingctx: Any, flags: Any) -> Any:
    """How many bits of a uint64 are set."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.uint64(types.uint64), codegen


@intrinsic
def _copy_fast(typingctx: Any, array: Any, to: Any, start: Any, count: Any) -> Any:
    """array[to : to + count] = array[start : start + count], which do not overlap."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        there = _pointer(context, builder, signature.args[0], args[0], args[1])
        here = _pointer(context, builder, signature.args[0], args[0], args[2])
        cgutils.raw_memcpy(builder, there, here, args[3], 1)
        return context.get_dummy_value()

    return types.void(array, to, start, count), codegen


@intrinsic
def _fill_fast(typingctx: Any, array: Any, to: Any, count: Any, value: Any) -> Any:
    """array[to : to + count] = value."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _pointer(context, builder, signature.args[0], args[0], args[1])
        cgutils.memset(builder, place, args[2], args[3])
        return context.get_dummy_value()

    return types.void(array, to, count, value), codegen


@compiled()
def _zeros_checked(array: Any, at: Any) -> Any:
    found = int64(32)
    for k in range(32):
        if array[uint64(at + 31 - k)] != 0:  # unsigned, so that what lies before the array is outside too
            found = int64(31 - k)
    return found


@compiled()
def _equals_checked(array: Any, at: Any, other: Any) -> Any:
    found = int64(32)
    for k in range(32):
        if array[uint64(at + 31 - k)] != array[uint64(other + 31 - k)]:
            found = int64(31 - k)
    return found


@compiled()
def changes_one_by_one(here: Any, at: Any, above: Any, up: Any, count: Any) -> Any:
    """A bit for each of `count` places, 64 at most, that is set where here[at + k] - above[up + k] changes with k.

    The first place is compared with the one before it.
    """
    flags = uint64(0)
    for k in range(count):
        new = uint8(here[uint64(at + k)] - above[uint64(up + k)])
        old = uint8(here[uint64(at + k - 1)] - above[uint64(up + k - 1)])
        flags |= uint64(new != old) << uint64(k)
    return flags


@compiled()
def _changes_checked(here: Any, at: Any, above: Any, up: Any) -> Any:
    return changes_one_by_one(here, at, above, up, 64)


@compiled()
def _copy_checked(array: Any, to: Any, start: Any, count: Any) -> None:
    for k in range(count):
        array[uint64(to + k)] = array[uint64(start + k)]


@compiled()
def _fill_checked(array: Any, to: Any, count: Any, value: Any) -> None:
    for k in range(count):
        array[uint64(to + k)] = value


checked = bool(config.BOUNDSCHECK)
zeros = _zeros_checked if checked else _zeros_fast
equals = _equals_checked if checked else _equals_fast
changes = _changes_checked if checked else _changes_fast
copy = _copy_checked if checked else _copy_fast
fill = _fill_checked if checked else _fill_fast


@compiled(inline="always")
def next_residual(raw: Any, at: Any, end: Any) -> Any:
    """First position from `at` on whose byte is not zero; at most `end`."""
    while at < end and at + 32 <= raw.size:  # a look past the end of the row is one into the next
        count = zeros(raw, at)
        if count < 32:
            return min(at + count, end)
        at += 32  # and not `count`, for which the next look would have to wait
    while at < end and raw[at] == 0:
        at += 1
    return min(at, end)


@compiled(inline="always")
def same_until(array: Any, at: Any, end: Any, back: Any) -> Any:
    """First position from `at` on whose byte is not the one `back` bytes before it; at most `end`."""
    while at < end and at + 32 <= array.size:
        same = equals(array, at, at - back)
        if same < 32:
            return min(at + same, end)
        at += 32
    while at < end and array[at] == array[at - back]:
        at += 1
    return min(at, end)
