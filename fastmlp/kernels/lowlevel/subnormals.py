"""Treat subnormal numbers as zero while a kernel runs.

As a model converges, its deltas shrink below 10⁻³⁸. There float32 is subnormal, and a multiplication takes a hundred
cycles: sixteen subnormal deltas in a batch of 200 rows made a step four times slower.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ...compiler.cpu import TRIPLE

I8, I32, I64 = ir.IntType(8), ir.IntType(32), ir.IntType(64)

_IS_X86 = TRIPLE.startswith(("x86_64", "i686", "i386"))
_IS_ARM = TRIPLE.startswith(("aarch64", "arm64"))
#: The bits that make subnormal operands and results zero: DAZ and FTZ in x86's MXCSR, FZ in ARM's FPCR.
_MXCSR_FLUSH, _FPCR_FLUSH = 0x8040, 1 << 24


@intrinsic
def flush_subnormals(typingctx):
    """Treat subnormals as zero in this thread from now on; return the former mode for `restore_mode`."""

    def codegen(context, builder, signature, args):
        mode = _read_mode(builder)
        _write_mode(builder, builder.or_(mode, ir.Constant(I64, _MXCSR_FLUSH if _IS_X86 else _FPCR_FLUSH)))
        return mode

    return types.int64(), codegen


@intrinsic
def restore_mode(typingctx, mode):
    """Restore the mode that `flush_subnormals` returned."""

    def codegen(context, builder, signature, args):
        _write_mode(builder, args[0])
        return context.get_dummy_value()

    return types.void(types.int64), codegen


def _read_mode(builder):
    if _IS_X86:
        slot = cgutils.alloca_once(builder, I32)
        _call_intrinsic(builder, "llvm.x86.sse.stmxcsr", ir.VoidType(), [builder.bitcast(slot, I8.as_pointer())])
        return builder.zext(builder.load(slot), I64)
    if _IS_ARM:
        return _call_intrinsic(builder, "llvm.aarch64.get.fpcr", I64, [])
    return ir.Constant(I64, 0)


def _write_mode(builder, mode):
    if _IS_X86:
        slot = cgutils.alloca_once(builder, I32)
        builder.store(builder.trunc(mode, I32), slot)
        _call_intrinsic(builder, "llvm.x86.sse.ldmxcsr", ir.VoidType(), [builder.bitcast(slot, I8.as_pointer())])
    elif _IS_ARM:
        _call_intrinsic(builder, "llvm.aarch64.set.fpcr", ir.VoidType(), [mode])


def _call_intrinsic(builder, name, result, arguments):
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)
