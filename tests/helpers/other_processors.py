"""Assembly of the package's units for a processor that this one need not be. Run as a script::

    python other_processors.py aarch64-unknown-linux-gnu folder float32 float64:multiply,tanh

writes ``folder/<kernel>.<type>.s`` for every unit, or for those that are named. Numba is told of the other processor
before it makes its code generator, so that everything that asks it (vector width, rows of a tile, how to wait, how to
flush subnormals) answers for that one; its name and features come as NUMBA_CPU_NAME and NUMBA_CPU_FEATURES. Nothing
is run.
"""

import math
import sys
from pathlib import Path

import llvmlite.binding as llvm


def pretend(triple):
    """Have Numba compile for `triple`."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    llvm.get_process_triple = lambda: triple


def assembly(kernel, dtype):
    """Of a unit, as it would run: optimized, with its helpers linked in, and not loaded into this process."""
    from numba.core.codegen import JITCodeLibrary

    from fastmlp.compiler.numba_backend import build

    JITCodeLibrary._finalize_specific = lambda library: None  # helpers' own code cannot run here either
    return build(kernel.source, dtype)[0].get_asm_str()


def exponentials(out, n):
    """A unit with a call into libm for each element, for the test that this would be seen."""
    for i in range(n):
        out[i] = math.exp(out[i])


def write_all(folder, chosen):
    """`chosen` are types, each with the units' names behind a colon or with none for all."""
    from fastmlp.compiler.cpu import VECTOR_BITS
    from fastmlp.compiler.kernel import KernelSource
    from fastmlp.compiler.numba_backend import POINTER, SIZE, make_kernel
    from fastmlp.kernels.linalg.register_tiles import TILE_ROWS
    from fastmlp.warmup import all_kernels

    print(VECTOR_BITS, TILE_ROWS)
    kernels = {kernel.__name__: kernel for kernel in all_kernels()}
    kernels["exponentials"] = make_kernel(KernelSource(exponentials, (POINTER, SIZE), {"contract"}))
    for dtype, _, names in (choice.partition(":") for choice in chosen):
        for name in names.split(",") if names else kernels:
            (folder / f"{name}.{dtype}.s").write_text(assembly(kernels[name], dtype))


if __name__ == "__main__":
    pretend(sys.argv[1])
    write_all(Path(sys.argv[2]), sys.argv[3:])
