"""Kernels of each kind compile for ARM, and arithmetic for an x86-64 without extensions, to the expected instructions.

Compiling all of them for ARM takes as long as a twentieth of all tests, so of each module a sixth is compiled, another
sixth whenever a source of the package changes; the kernels that hold the arithmetic are compiled each time.
Assembly is read, nothing is run: what it computes is tested where it can run (`test_lanes_processors`).
"""

import re

import pytest
from helpers.lanes import TESTS, finish, start_python

from fastmlp.compiler import source_hash
from fastmlp.warmup import all_kernels

#: Triple, Numba's names for the processor, and what `simd` is to make of it: bits in a vector, rows of a tile.
PROCESSORS = {
    "arm": ("aarch64-unknown-linux-gnu", "+neon,+fp-armv8", (128, 8)),
    "x86": ("x86_64-unknown-linux-gnu", "+sse2", (128, 4)),
}
#: Units whose loops hold the arithmetic, compiled for float64 as well.
ARITHMETIC = ["multiply", "transpose", "tanh", "logistic", "softmax_log_loss", "adam"]
#: Compiled for float32 whosever turn it is.
ALWAYS = [*ARITHMETIC, "train_steps", "exponentials"]
#: What compiled code may call beside other units: the C library's copies, the kernel's scheduler, and on the way out
#: of an error Numba and Python.
ALLOWED = re.compile(r"mem(set|cpy|move)|sched_yield|NRT_\w+|numba_\w+|Py\w+|_ZN(7fastmlp|8__main__)\w+")
CALL = {
    "arm": re.compile(r"^\s+bl?\s+([A-Za-z_][\w.]*)", re.M),
    "x86": re.compile(r"^\s+(?:callq?|jmp|movabsq)\s+\$?([A-Za-z_][\w.]*)", re.M),
}

pytestmark = pytest.mark.long


def of_each_module(turn):
    """The names of a sixth of each module's kernels, at least one: turns 0 to 5 together give all."""
    modules = {}
    for kernel in all_kernels():
        modules.setdefault(kernel.__module__, []).append(kernel.__name__)
    return [name for names in modules.values() for name in sorted(names)[turn % len(names) :: 6]]


def test_all_turns_give_every_kernel():
    turns = [of_each_module(turn) for turn in range(6)]
    assert {name for turn in turns for name in turn} == {kernel.__name__ for kernel in all_kernels()}


def compiled_for(processor):
    """The names of the kernels that are compiled for float32."""
    if processor == "x86":  # `test_lanes_processors` runs code for it: what holds the arithmetic is enough
        return ALWAYS
    return list(dict.fromkeys([*ALWAYS, *of_each_module(source_hash.of_sources()[0] % 6)]))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder of assembly for each processor; both are compiled in parallel."""
    folders = {name: tmp_path_factory.mktemp(name) for name in PROCESSORS}
    started = {}
    for name, (triple, features, _) in PROCESSORS.items():
        chosen = "float32:" + ",".join(compiled_for(name)), "float64:" + ",".join(ARITHMETIC)
        started[name] = start_python(
            TESTS / "helpers" / "other_processors.py", triple, folders[name], *chosen, cache=folders[name],
            NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES=features,
        )  # fmt: skip
    for name, process in started.items():
        assert tuple(map(int, finish(process).split())) == PROCESSORS[name][2]
    return folders


def calls(text, name):
    """The external functions that the assembly calls by name."""
    return {symbol for symbol in CALL[name].findall(text) if not symbol.startswith(".L")}


def loops(text):
    """The basic blocks of the assembly."""
    return re.split(r"\n(?=\.L\w+:)", text)


@pytest.mark.parametrize("name", PROCESSORS)
class TestEveryKernel:
    def test_is_there(self, folders, name):
        for kernel in compiled_for(name):
            assert "\n" in (folders[name] / f"{kernel}.float32.s").read_text()

    def test_calls_no_library_for_an_element(self, folders, name):
        for file in sorted(folders[name].glob("*.s")):
            found = calls(file.read_text(), name)
            assert found, f"{file.name}: not even Numba's entry calls the unit?"
            unexpected = {symbol for symbol in found if not ALLOWED.fullmatch(symbol)}
            assert unexpected == ({"expf"} if file.name == "exponentials.float32.s" else set()), file.name

    def test_loops_are_vectors(self, folders, name):
        """Products, and the functions of one number."""
        wanted = {
            "arm": {"float32": r"\b(?:fmla|fmul|fadd)\s+v\d+\.4s", "float64": r"\b(?:fmla|fmul|fadd)\s+v\d+\.2d"},
            "x86": {"float32": r"\b(?:mulps|addps)\s", "float64": r"\b(?:mulpd|addpd)\s"},
        }[name]
        for kernel in set(ARITHMETIC) - {"transpose"}:
            for dtype, pattern in wanted.items():
                text = (folders[name] / f"{kernel}.{dtype}.s").read_text()
                assert len(re.findall(pattern, text)) >= 4, (kernel, dtype)


@pytest.mark.parametrize(("dtype", "lanes"), [("float32", "4s"), ("float64", "2d")])
def test_arm_keeps_a_tile_in_registers(folders, dtype, lanes):
    """Eight rows of three vectors: 24 fused multiply-adds without stack access between them."""
    blocks = loops((folders["arm"] / f"multiply.{dtype}.s").read_text())
    largest = max(blocks, key=lambda block: block.count("fmla"))
    assert len(re.findall(rf"\bfmla\s+v\d+\.{lanes}", largest)) == 24
    assert "[sp" not in largest
    assert not re.search(r"\bst[pr1]\b", largest)


def test_arm_has_atomics_spin_hint_and_flush_mode(folders):
    """Atomic words, the hint for spin-wait loops, and FPCR read, written and restored."""
    text = (folders["arm"] / "train_steps.float32.s").read_text()
    assert re.search(r"\bldaxr\b|\bldadd", text)
    assert re.search(r"\bldar\b", text)
    assert re.search(r"\byield\b|\bhint\s+#0?x?1\b", text)
    assert re.search(r"\bmrs\s+x\d+, FPCR", text)
    assert len(re.findall(r"\bmsr\s+FPCR, x\d+", text)) >= 2


def test_plain_x86_uses_no_extensions(folders):
    """No AVX registers and no fused instructions; atomic words, spin hint and flush mode as elsewhere."""
    for file in folders["x86"].glob("*.s"):
        assert not re.search(r"%[yz]mm\d|\bvf?n?m(add|sub|ul)", file.read_text()), file.name
    text = (folders["x86"] / "train_steps.float32.s").read_text()
    for pattern in (r"\block\b", r"\bpause\b", r"\bstmxcsr\b", r"\bldmxcsr\b"):
        assert re.search(pattern, text), pattern
