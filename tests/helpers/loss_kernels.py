"""The kernels of losses, called through their addresses on guarded memory."""

import numpy as np
from helpers.guarded import Guarded, call
from helpers.loss_cases import activation

from fastmlp.activations import ACTIVATIONS
from fastmlp.kernels.activations import softmax


def assert_close(ours, plain, dtype, ulps, name):
    scale = max(1.0, abs(plain).max())
    tolerance = ulps * np.finfo(dtype).eps
    np.testing.assert_allclose(ours / scale, plain / scale, rtol=tolerance, atol=tolerance, err_msg=name)


def compute(loss, output, z, y, w, dtype, derivative=np.nan):
    """The kernel's (z, delta, losses), after a check that it wrote nothing else; `derivative` is in delta before."""
    n_outputs = z.shape[1]
    guarded_z, delta = Guarded(z, dtype), Guarded(np.broadcast_to(derivative, z.shape), dtype)
    target, weight = Guarded(y, dtype), Guarded(np.repeat(w[:, None], y.shape[1], axis=1), dtype)
    losses = Guarded(np.full(y.shape, np.nan), np.float64)
    constants = Guarded(np.array(loss.constants(output, n_outputs)), np.float64)
    shape = {"rows": len(z), "columns": n_outputs, "n_targets": y.shape[1]}
    arrays = {
        "z": guarded_z,
        "delta": delta,
        "target": target,
        "weight": weight,
        "loss": losses,
        "constants": constants,
    }
    call(loss.kernel(output), dtype, **arrays, **shape)
    for written in (delta, losses):
        written.assert_only_inside_written()
    for read in (target, weight, constants):
        read.assert_untouched()
    guarded_z.assert_only_inside_written() if loss.is_fused(output) else guarded_z.assert_untouched()
    return guarded_z.array, delta.array, losses.array


def compute_through(loss, output, z, y, w, dtype):
    """(outputs, delta, losses) from pre-activations, by the kernels that a network uses."""
    if loss.is_fused(output):
        return compute(loss, output, z, y, w, dtype)
    a, derivative = Guarded(z, dtype), Guarded(np.full(z.shape, np.nan), dtype)
    name = activation(output)
    kernel = (
        softmax.softmax_beside_ones
        if output == "softmax"
        else getattr(name, "kernel", None) or ACTIVATIONS[name].kernel
    )
    rows, columns = z.shape
    call(kernel, dtype, z=a, derivative=derivative, rows=rows, stride=columns, columns=columns, constants=0)
    a, delta, losses = compute(loss, output, a.array, y, w, dtype, derivative.array)
    if output == "softmax":
        outputs, slopes = Guarded(a, dtype), Guarded(delta, dtype)
        call(softmax.softmax_backward, dtype, outputs=outputs, delta=slopes, rows=rows, columns=columns)
        outputs.assert_untouched()
        slopes.assert_only_inside_written()
        delta = slopes.array
    return a, delta, losses
