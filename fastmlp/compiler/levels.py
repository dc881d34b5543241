"""The processors for which a wheel carries compiled kernels: each level is a set of features that many processors have.

A kernel is written for a number of vector registers and their width (`cpu`), and compiled for a level's features. So a
host may use a level if it has all of its features, and if its own registers are like the level's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from .cpu import many_registers, vector_bits

#: Of the archives' format, and of what their code may call and be called by.
FORMAT = 1
_V3 = (
    "+64bit,+avx,+avx2,+bmi,+bmi2,+cmov,+crc32,+cx16,+cx8,+f16c,+fma,+fxsr,+lzcnt,+mmx,+movbe,+popcnt,+sahf,+sse,+sse2,"
    "+sse3,+sse4.1,+sse4.2,+ssse3,+xsave"
)
#: What all 64-bit ARM processors with Linux have; where the kernel hides its list of features, LLVM finds none.
_ALWAYS = {"aarch64": ("+fp-armv8", "+neon")}


class Level(NamedTuple):
    """A kind of processor, with LLVM's names for it.

    Attributes
    ----------
    name : str
        Also that of its archive.
    triple : str
    cpu : str
        What code is scheduled for.
    features : str
        Such as "+avx,+avx2".
    """

    name: str
    triple: str
    cpu: str
    features: str

    def serves(self, triple: str, features: Sequence[str]) -> bool:
        """Whether a host of this triple and these features runs its code, with registers as the code expects."""
        own = self.features.split(",")
        machine, _, system = triple.partition("-")
        always = {one for one in _ALWAYS.get(machine, ()) if one.replace("+", "-") not in features}
        return (
            machine == self.triple.partition("-")[0]
            and "linux" in system
            and not system.endswith("x32")
            and set(own) <= {*features, *always}
            and vector_bits(own) == vector_bits(features)
            and many_registers(self.triple, own) == many_registers(triple, features)
        )

    def key(self, sources: bytes) -> str:
        """Return the key of its archive: a hash of the kernels' sources and of what they are compiled for.

        Versions of Python, Numba and llvmlite are no part of it: machine code depends on none of them once it is there.
        """
        return hashlib.sha256(repr((FORMAT, sources, *self)).encode()).hexdigest()[:16]


#: The best first.
LEVELS = (
    Level(
        "x86-64-v4",
        "x86_64-unknown-linux-gnu",
        "x86-64-v4",
        f"{_V3},+avx512bw,+avx512cd,+avx512dq,+avx512f,+avx512vl",
    ),
    Level("x86-64-v3", "x86_64-unknown-linux-gnu", "x86-64-v3", _V3),
    Level("aarch64", "aarch64-unknown-linux-gnu", "generic", "+fp-armv8,+neon"),
)


def best_for(triple: str, features: Sequence[str]) -> Level | None:
    """Return the best level that a host of this triple and these features can use; None if there is none."""
    return next((level for level in LEVELS if level.serves(triple, features)), None)
