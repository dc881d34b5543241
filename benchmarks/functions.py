"""exp, tanh and log over an array, compared with NumPy's."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from .calls import SECONDS, measure_calls
from .findings import Finding
from .ratios import paired_ratio

SIZE = 100_000
RANGES = {"exp": (-10.0, 10.0), "tanh": (-4.0, 4.0), "log": (1e-3, 1e3)}  # where networks are
ALLOWED_ULP = 4  # between the two answers: each may be off by two


def measure_functions(dtypes: list[str], pairs: int, threads: int, seconds: float = SECONDS) -> Iterator[Finding]:
    """Yield NumPy's time divided by fastmlp's for each function and type; both write into an existing array."""
    from . import kernels

    for dtype in dtypes:
        for name, (low, high) in RANGES.items():
            inp = np.random.default_rng(0).uniform(low, high, SIZE).astype(dtype)
            ours, theirs = np.empty_like(inp), np.empty_like(inp)
            entry = getattr(kernels, name).entry(dtype)
            calls = {
                "fastmlp": partial(entry, ours.ctypes.data, inp.ctypes.data, SIZE),
                "numpy": partial(getattr(np, name), inp, out=theirs),
            }
            times = measure_calls(calls, pairs, seconds)
            apart = float(np.max(np.abs(ours - theirs) / np.spacing(np.abs(theirs))))
            if not apart <= ALLOWED_ULP:
                raise AssertionError(f"{name} in {dtype}: {apart:.1f} ulp from NumPy's")
            yield Finding(name, dtype, threads, paired_ratio(times["fastmlp"], times["numpy"]), "×", "numpy")
