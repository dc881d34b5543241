"""The processor's features, found without Numba, whose import takes half a second."""

from __future__ import annotations

import os
from collections.abc import Sequence

import llvmlite.binding as llvm

TRIPLE = llvm.get_process_triple()
#: Numba's rule: these report AVX and are slower with it (or are virtual machines' names for processors without it).
_WITHOUT_AVX = {"corei7-avx", "core-avx-i", "sandybridge", "ivybridge", "nocona"}


def _features() -> tuple[str, list[str]]:
    """Return LLVM's names of the processor and its features, as restricted by NUMBA_CPU_NAME and similar variables."""
    name = os.environ.get("NUMBA_CPU_NAME")
    chosen = os.environ.get("NUMBA_CPU_FEATURES", "" if name and name.lower() == "generic" else None)
    name = name or llvm.get_host_cpu_name()
    if chosen is not None:
        return name, chosen.split(",")
    features = llvm.get_host_cpu_features()
    if os.environ.get("NUMBA_ENABLE_AVX", str(int(name not in _WITHOUT_AVX))) == "0":
        features.update({feature: False for feature in features if feature.startswith("avx")})
    return name, features.flatten().split(",")


def many_registers(triple: str, features: Sequence[str]) -> bool:
    """Whether there are 32 vector registers, as with AVX-512 and on 64-bit ARM; else there are 16."""
    return "+avx512f" in features or triple.startswith(("aarch64", "arm64"))


def vector_bits(features: Sequence[str]) -> int:
    """Return the bits in the widest vector register."""
    return 512 if "+avx512f" in features else 256 if "+avx" in features else 128


NAME, FEATURES = _features()
MANY_REGISTERS = many_registers(TRIPLE, FEATURES)
VECTOR_BITS = vector_bits(FEATURES)
#: Whether there is a unit that multiplies tiles of bfloat16 numbers, whose registers Linux gives a process that asks.
TILE_UNIT = "+amx-bf16" in FEATURES and "+amx-tile" in FEATURES and TRIPLE.startswith("x86_64") and "linux" in TRIPLE
