"""The kernels of clipping against plain references, in guarded memory."""

import numpy as np
import pytest
from helpers.guarded import Guarded, call
from helpers.merged import in_one_test
from oracles import reference_regularization as plain

from fastmlp.kernels.loop import global_phases as phases
from fastmlp.kernels.lowlevel import records
from fastmlp.kernels.optimizers import penalties

TYPES = [np.float32, np.float64]


def before_collect(dtype, **numbers):
    """Hyperparameters of `clip_by_value`, with numbers by name, followed by those of `collect`, which it calls."""
    hyperparameters = np.zeros((2, 2, records.N_HYPERPARAMETERS))
    hyperparameters.view(np.int64)[0, :, records.RULE] = phases.collect.address(dtype)
    hyperparameters[1, :, records.SCALE] = 1.0
    for name, number in numbers.items():
        hyperparameters[0, 0, getattr(records, name)] = number
    return Guarded(hyperparameters.ravel(), np.float64)


@in_one_test()
@pytest.mark.parametrize("n", [1, 2, 15, 33, 131])
@pytest.mark.parametrize("dtype", TYPES)
def test_clip_by_value(dtype, n):
    """The clipped gradient is written to d_param and passed to the update rule, here `collect`."""
    rng = np.random.RandomState(n)
    param = (rng.standard_normal(n) * (np.arange(n) > 0)).astype(dtype)  # the first is zero
    d_param = (rng.standard_normal(n) * 9).astype(dtype)
    hyperparameters = before_collect(dtype, LEARNING_RATE=0.5, L2=0.5, SCALE=0.0625, LARGEST=0.375)
    p, d, state = Guarded(param, dtype), Guarded(d_param, dtype), Guarded(np.zeros(n), dtype)
    arrays = {"param": p, "d_param": d, "state": state, "hyperparameters": hyperparameters}
    call(penalties.clip_by_value, dtype, **arrays, n_params=n, n=n)
    param, d_param = param.astype(float), d_param.astype(float)
    (expected,) = plain.clip_by_value([(d_param + 0.5 * param) * 0.0625], 0.375)
    np.testing.assert_allclose(d.array, expected, rtol=8 * np.finfo(dtype).eps, atol=8 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(state.array, d.array)
    assert hyperparameters.array[penalties.BEHIND + records.LEARNING_RATE] == 0.5
    for written in (d, state, hyperparameters):
        written.assert_only_inside_written()
    p.assert_untouched()


@pytest.mark.parametrize("dtype", TYPES)
def test_clip_by_value_keeps_what_diverged(dtype):
    """NaN stays NaN."""
    hyperparameters = before_collect(dtype, SCALE=1.0, LARGEST=2.0)
    p, state = Guarded(np.zeros(4), dtype), Guarded(np.zeros(4), dtype)
    d = Guarded([np.nan, np.inf, -np.inf, 1.0], dtype)
    arrays = {"param": p, "d_param": d, "state": state, "hyperparameters": hyperparameters}
    call(penalties.clip_by_value, dtype, **arrays, n_params=4, n=4)
    np.testing.assert_array_equal(state.array, [np.nan, 2.0, -2.0, 1.0])


@in_one_test()
@pytest.mark.parametrize("n", [1, 2, 15, 33, 131])
@pytest.mark.parametrize("dtype", TYPES)
def test_collect(dtype, n):
    """An update rule that stores the gradient and changes nothing else."""
    rng = np.random.RandomState(n)
    param, d_param = rng.standard_normal(n).astype(dtype), rng.standard_normal(n).astype(dtype)
    hyperparameters = np.zeros(records.N_HYPERPARAMETERS)
    hyperparameters[[records.L2, records.SCALE]] = 0.5, 0.0625
    p, d, g = Guarded(param, dtype), Guarded(d_param, dtype), Guarded(np.zeros(n), dtype)
    arrays = {"param": p, "d_param": d, "state": g, "hyperparameters": Guarded(hyperparameters, np.float64)}
    call(phases.collect, dtype, **arrays, n_params=n, n=n)
    expected = (d_param.astype(float) + 0.5 * param.astype(float)) * 0.0625
    np.testing.assert_allclose(g.array, expected, rtol=8 * np.finfo(dtype).eps, atol=8 * np.finfo(dtype).eps)
    g.assert_only_inside_written()
    p.assert_untouched()
    d.assert_untouched()
