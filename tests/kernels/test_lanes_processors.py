"""The kernels for processors with narrower vectors: Numba compiles for a processor without the wide registers."""

import platform
import re

import pytest
from helpers.lanes import TESTS, run_pytest
from llvmlite.binding import get_host_cpu_features

from fastmlp.compiler.cpu import VECTOR_BITS

PROCESSORS = {
    256: {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma,+sse2,+sse4.1,+sse4.2,+bmi,+bmi2"},
    128: {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "+sse2"},  # without fused multiply-add
}
IS_X86 = platform.machine() in ("x86_64", "AMD64")
HAS_AVX2 = IS_X86 and get_host_cpu_features().get("avx2", False)
#: Runs in the same process as the tests of matrix products.
NARROW = """
from fastmlp.compiler.cpu import VECTOR_BITS
from fastmlp.kernels.linalg.register_tiles import TILE_ROWS

def test_narrow_vectors():
    assert (VECTOR_BITS, TILE_ROWS) == ({bits}, 4)
"""


@pytest.mark.long
@pytest.mark.parametrize(("bits", "dtype"), [(128, "float32"), (256, "float64")])
def test_kernels_for_narrower_vectors(tmp_path, bits, dtype):
    if not (IS_X86 if bits == 128 else HAS_AVX2):
        pytest.skip("this processor cannot run code for that one")
    if bits == VECTOR_BITS:
        pytest.skip("all other tests run with these vectors")
    narrow = tmp_path / "test_narrow.py"
    narrow.write_text(NARROW.format(bits=bits))
    files = TESTS / "kernels" / "test_multiply.py", TESTS / "tabular" / "test_table_gradients.py"  # written in vectors
    code, output = run_pytest(narrow, *files, "-k", f"{dtype} or narrow", cache=tmp_path, **PROCESSORS[bits])
    assert code == 0, output
    assert int(re.search(r"(\d+) passed", output)[1]) >= 8
