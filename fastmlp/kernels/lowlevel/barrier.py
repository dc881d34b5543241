"""The barrier between the phases of a step: no thread proceeds until all have arrived.

::

    thread 0   phase one ──┐                           ┌── phase two ──┐
    thread 1   phase one ──┴─ the last to arrive ──────┴── phase two ──┴─ …
                              increments GENERATION

A team has three words of memory, a cache line apart: ARRIVED, the number of threads that have arrived; GENERATION, the
number of times that the barrier has opened; CANCELLED, whether the work is to end. A waiting thread spins for some
microseconds and then yields its core, so more threads than cores are slow but make progress. A team is cancelled if a
thread could not be started or on an interrupt between two starts; then no thread waits any longer.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ...compiler.cpu import TRIPLE
from ...compiler.numba_backend import inline_llvm
from .records import ARRIVED, CANCELLED, GENERATION

#: How often the generation is read before the core is yielded: some microseconds.
SPINS = 500

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_ONE = ir.Constant(_I64, 1)
_yield_core = types.ExternalFunction("sched_yield", types.int32())


@intrinsic
def atomic_add(typingctx, address, value):
    """Add `value` to the 64-bit word at `address` atomically; return its former value."""

    def codegen(context, builder, signature, args):
        return builder.atomic_rmw("add", builder.inttoptr(args[0], _I64.as_pointer()), args[1], "seq_cst")

    return types.int64(types.intp, types.int64), codegen


@intrinsic
def atomic_load(typingctx, address):
    """Return the 64-bit word at `address`, read atomically."""

    def codegen(context, builder, signature, args):
        return builder.load_atomic(builder.inttoptr(args[0], _I64.as_pointer()), "seq_cst", 8)

    return types.int64(types.intp), codegen


@intrinsic
def pause(typingctx):
    """Tell the processor that this is a spin-wait loop."""

    def codegen(context, builder, signature, args):
        if TRIPLE.startswith(("x86_64", "i686", "i386")):
            name, arguments = "llvm.x86.sse2.pause", []
        elif TRIPLE.startswith(("aarch64", "arm64")):
            name, arguments = "llvm.aarch64.hint", [ir.Constant(_I32, 1)]
        else:
            return context.get_dummy_value()
        kind = ir.FunctionType(ir.VoidType(), [a.type for a in arguments])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)
        return context.get_dummy_value()

    return types.void(), codegen


@intrinsic
def cancelled(typingctx, team):
    """Whether the team at the address `team` is cancelled."""

    def codegen(context, builder, signature, args):
        word = builder.inttoptr(builder.add(args[0], ir.Constant(_I64, CANCELLED)), _I64.as_pointer())
        return builder.icmp_signed("!=", builder.load_atomic(word, "seq_cst", 8), ir.Constant(_I64, 0))

    return types.boolean(types.intp), codegen


@inline_llvm
def barrier_wait(team, n_threads):
    """Wait until all threads have arrived. Return False if the team is cancelled, else True."""
    if cancelled(team):
        return False
    if n_threads == 1:
        return True
    generation = atomic_load(team + GENERATION)
    if atomic_add(team + ARRIVED, 1) == n_threads - 1:
        atomic_add(team + ARRIVED, -n_threads)
        atomic_add(team + GENERATION, 1)
        return True
    spins = 0
    while atomic_load(team + GENERATION) == generation:
        if cancelled(team):
            return False
        spins += 1
        if spins < SPINS:
            pause()
        else:
            _yield_core()
    return True


@intrinsic
def thread_range(typingctx, total, tile, thread, n_threads):
    """Return first and stop of a thread's range within 0 … total, in whole tiles."""

    def codegen(context, builder, signature, args):
        b, (total, tile, thread, n_threads) = builder, args
        tiles = b.sdiv(b.sub(b.add(total, tile), _ONE), tile)

        def begin(of):
            at = b.mul(tile, b.sdiv(b.mul(tiles, of), n_threads))
            return b.select(b.icmp_signed("<", total, at), total, at)

        return context.make_tuple(b, signature.return_type, (begin(thread), begin(b.add(thread, _ONE))))

    size = types.intp
    return types.UniTuple(size, 2)(size, size, size, size), codegen
