"""Types, shapes and tolerances for tests of kernels, and an activation's kernel through its address."""

import numpy as np
from helpers.guarded import Guarded, call

TYPES = [np.float32, np.float64]

#: (rows, columns): not multiples of vectors or tiles.
SHAPES = [(1, 1), (1, 7), (2, 3), (5, 1), (7, 17), (13, 10), (3, 33), (11, 67)]


def tolerance(dtype, ulps=16):
    return {"rtol": ulps * np.finfo(dtype).eps, "atol": ulps * np.finfo(dtype).eps}


def in_type(values, dtype):
    """`values` rounded to `dtype`, as the kernel gets them, in float64, as the reference computes."""
    return np.asarray(values).astype(dtype).astype(np.float64)


def activate(activation, z, dtype, stride):
    """The kernel's (f, f′), after a check that it wrote nothing else."""
    z, derivative = Guarded(z, dtype, stride), Guarded(np.full(z.shape, 0.25), dtype, stride)
    constants = Guarded(np.array(activation.constants or (np.nan,)), np.float64)
    rows, columns = z.shape
    shape = {"rows": rows, "stride": stride, "columns": columns}
    call(activation.kernel, dtype, z=z, derivative=derivative, **shape, constants=constants)
    for guarded in (z, derivative):
        guarded.assert_only_inside_written(columns=stride)  # the padding is computed too
    constants.assert_untouched()
    return z.array, derivative.array
