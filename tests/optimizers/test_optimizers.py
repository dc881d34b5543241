"""Every update rule against its reference, and the parameters of optimizers.

Optimizers in use, convergence and the comparison with PyTorch have files of their own.
"""

from dataclasses import fields, replace

import numpy as np
import pytest
from helpers.frozen_values import assert_immutable_value, assert_refused
from helpers.guarded import Guarded, call
from helpers.kernel_cases import in_type, tolerance
from helpers.merged import in_one_test
from oracles import reference_optimizers
from oracles.reference_optimizers import CASES, RULES

from fastmlp import optimizers, schedules
from fastmlp.kernels.lowlevel import records
from fastmlp.optimizers import OPTIMIZERS, SGD, Adam, AdamW, AMSGrad, LayerWise, Lion, Optimizer, RMSProp, as_optimizer
from fastmlp.schedules import Cosine, WarmUp

TYPES = [np.float32, np.float64]
#: Every update rule, those that need a network's layers included.
OF_NETWORKS = {name: case.optimizer for name, case in CASES.items()}


def test_every_registered_optimizer_has_a_case():
    """The case of its name has the same class and kernel."""
    missing = OPTIMIZERS.keys() - CASES.keys()
    assert not missing, f"add {missing} to CASES in tests/oracles/reference_optimizers.py"
    for name, optimizer in OPTIMIZERS.items():
        assert type(optimizer) is type(CASES[name].optimizer)
        assert optimizer.kernel() is CASES[name].optimizer.kernel()
    exported = {kind for kind in vars(optimizers).values() if isinstance(kind, type) and issubclass(kind, Optimizer)}
    assert exported - {Optimizer, LayerWise} == {type(case.optimizer) for case in CASES.values()}


# The kernels


@in_one_test("dtype")
@pytest.mark.parametrize("n", [1, 2, 7, 15, 16, 17, 33, 67, 131])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dtype", TYPES)
def test_update_rule(dtype, rule, n):
    """One pass, in place; the moments are n_params apart, and other layers' moments between them are not touched."""
    for t in (1, 5, 7, 400):
        check_update(RULES[rule], t, n, dtype, weights=t == 7)


def check_update(optimizer, t, n, dtype, weights):
    """Compare step t of the kernel with the reference, and check that it wrote nothing else."""
    rng = np.random.RandomState(n)
    param, d_param = in_type(rng.standard_normal(n), dtype), in_type(rng.standard_normal(n) * 9, dtype)
    moments = in_type(rng.uniform([[1.0], [0.1], [1.0]], [[2.0], [0.9], [2.0]], (3, n)), dtype)
    moments = moments[: optimizer.n_moments or 1]  # a rule without moments must not change the state
    hyperparameters = optimizer.hyperparameters()
    hyperparameters[:, : records.N_STEP_RATES] = optimizer.step_rates(np.array([float(t)]), np.array([0.125]))
    hyperparameters[:, records.L2], hyperparameters[:, records.SCALE] = 0.5, 0.0625
    p, d, state = Guarded(param, dtype), Guarded(d_param, dtype), Guarded(moments, dtype, stride=n + 9)
    h = Guarded(hyperparameters[0 if weights else 1], np.float64)
    call(optimizer.kernel(), dtype, param=p, d_param=d, state=state, n_params=state.stride, n=n, hyperparameters=h)
    gradient = (d_param + 0.5 * param) * 0.0625
    expected, after = reference_optimizers.update(optimizer, param, gradient, moments, t, 0.125, weights)
    np.testing.assert_allclose(p.array, expected, err_msg=f"step {t}", **tolerance(dtype))
    np.testing.assert_allclose(state.array, after or moments, err_msg=f"step {t}", **tolerance(dtype))
    p.assert_only_inside_written()
    (state.assert_only_inside_written if after else state.assert_untouched)()
    d.assert_untouched()
    h.assert_untouched()


@in_one_test()
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dtype", TYPES)
def test_nan_stays_nan(dtype, rule):
    """Divergence is not hidden, and a gradient that is always zero (dead units) does not cause it."""
    running = RULES[rule].begin()
    params, gradient = np.zeros(40, dtype), np.zeros(40, dtype)
    gradient[3], gradient[5] = np.nan, 1.0
    running.step(params, gradient)
    gradient[3] = 1.0
    running.step(params, gradient)
    assert np.flatnonzero(np.isnan(params)).tolist() == [3]
    assert np.flatnonzero(params[~np.isnan(params)]).tolist() == [4]


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_centred_rmsprop_of_constant_gradients(momentum):
    """v − m² of a constant gradient is a rounding error, which may be below −ε."""
    running, params = RMSProp(1e-9, 0.6, momentum, centred=True).begin(), np.zeros(133, np.float32)
    for _ in range(100):
        running.step(params, np.linspace(1, 2, 133, dtype=np.float32))
    v, m = running.state.astype(np.float64)[:266].reshape(2, 133)
    assert np.any(v - m**2 < -1e-8)
    assert np.all(params < 0)


# Steps without a network


def test_step_refuses_other_arrays():
    running, vector = Adam().begin(), np.zeros(4)
    for params in (vector.astype(int), vector[::2], vector.reshape(2, 2), np.frombuffer(bytes(32))):
        with pytest.raises(ValueError, match="one contiguous, writable vector"):
            running.step(params, params)
    for gradient in (np.zeros(3), np.zeros(4, np.float32), np.zeros(8)[::2], np.zeros((2, 2))):
        with pytest.raises(ValueError, match=r"contiguous vector of float64, \(4,\)"):
            running.step(vector, gradient)
    assert running.t == 0


# Parameters


ALL = {
    **OPTIMIZERS,
    **OF_NETWORKS,
    "schedule": SGD(WarmUp(Cosine(0.1, 90), 10), momentum=0.5),
    "schedules": AdamW(Cosine(0.1), weight_decay=WarmUp(Cosine(0.3, final=0.1), 0.2)),
}


@in_one_test()
@pytest.mark.parametrize("name", ALL)
def test_parameters_are_immutable_values(name):
    """Copies of any kind are equal, the repr is code that recreates them, and they cannot be changed."""
    optimizer = ALL[name]
    assert_immutable_value(optimizer, {**vars(optimizers), **vars(schedules)})
    assert replace(optimizer, learning_rate=0.7) != optimizer


def test_no_two_rules_are_equal():
    assert len(set(OPTIMIZERS.values())) == len(OPTIMIZERS)
    assert Adam() != AMSGrad()


def test_parameters_become_plain_numbers():
    """NumPy numbers are converted, so that repr is plain."""
    optimizer = RMSProp(np.float64(0.5), momentum=np.float32(0.5), centred=np.True_)
    assert repr(optimizer) == "RMSProp(learning_rate=0.5, decay=0.9, momentum=0.5, epsilon=1e-08, centred=True)"
    assert repr(SGD(1)) == "SGD(learning_rate=1.0, momentum=0.0, nesterov=False)"


ABOVE_ZERO, FROM_ZERO = "a number greater than 0", "a number of at least 0"
SHARE, KEPT = r"a number in \[0, 1\]", r"a number in \[0, 1\)"
FORBIDDEN = {
    "learning_rate": (ABOVE_ZERO + r", or a schedule \(.*\)", [0, -1.0, np.nan, np.inf, "0.1", None, True]),
    "momentum": (SHARE, [-0.1, 1.1, np.nan, "0.9", None, True]),
    "nesterov": ("True or False", [0, 1, None, "yes"]),
    "centred": ("True or False", [0, 1.0, None]),
    "decay": (KEPT, [-0.1, 1, np.nan, None]),
    "beta_1": (KEPT, [-0.1, 1, np.nan, [0.9]]),
    "beta_2": (KEPT, [-0.1, 1.0, np.inf]),
    "epsilon": (ABOVE_ZERO, [0, -1e-8, np.nan, np.inf]),
    "weight_decay": (FROM_ZERO + r", or a schedule \(.*\)", [-1e-9, np.nan, np.inf, None, "cosine"]),
    **{name: row for case in CASES.values() for name, row in (case.forbidden or {}).items()},
}
CLASSES = sorted({type(optimizer) for optimizer in OPTIMIZERS.values()}, key=lambda kind: kind.__name__)


@in_one_test()
@pytest.mark.parametrize(("kind", "name"), [(kind, field.name) for kind in CLASSES for field in fields(kind)])
def test_parameters_out_of_range_are_refused(kind, name):
    allowed, values = FORBIDDEN[name]
    assert_refused(kind, name, allowed, values)


def test_names():
    assert as_optimizer("nesterov") == SGD(momentum=0.9, nesterov=True)
    assert as_optimizer("adamw", Cosine(0.1, 10)) == AdamW(Cosine(0.1, 10))
    assert as_optimizer(Lion()) == Lion()
    assert as_optimizer(Lion(), 0.5) == Lion(0.5)
    with pytest.raises(
        ValueError, match=r"^optimizer='adma' is unknown: it is one of sgd, momentum, .* or an object such as"
    ):
        as_optimizer("adma")
