"""Every update rule against its reference, its settings, and how it goes on.

Convergence and PyTorch have files of their own.
"""

import copy
import ctypes
import pickle
from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest
from helpers import knobs
from helpers.guarded import Guarded, call
from helpers.problems import make_problem
from oracles import reference_optimizers
from oracles.reference_optimizers import CASES, RULES
from sklearn.base import clone

from fastmlp import MLPClassifier, optimizers, schedules
from fastmlp.compiler import kernel as kernels
from fastmlp.kernels.lowlevel import records
from fastmlp.optimizers import OPTIMIZERS, SGD, Adam, AdamW, AMSGrad, Lion, Optimizer, RMSProp, as_optimizer
from fastmlp.schedules import Adaptive, Cosine, Exponential, InverseScaling, WarmUp
from fastmlp.training.epoch import EpochRunner
from fastmlp.training.step_rates import STEPS_AHEAD, RateBuffer

TYPES = [np.float32, np.float64]
#: And those that need a network's layers.
OF_NETWORKS = {name: case.optimizer for name, case in CASES.items()}


def test_every_registered_optimizer_has_a_case():
    """Its class, its kernel, and a case of its name, by which its learning rates are known."""
    missing = OPTIMIZERS.keys() - CASES.keys()
    assert not missing, f"add {missing} to CASES in tests/oracles/reference_optimizers.py"
    for name, optimizer in OPTIMIZERS.items():
        assert type(optimizer) is type(CASES[name].optimizer)
        assert optimizer.kernel() is CASES[name].optimizer.kernel()
    exported = {kind for kind in vars(optimizers).values() if isinstance(kind, type) and issubclass(kind, Optimizer)}
    assert exported - {Optimizer} == {type(case.optimizer) for case in CASES.values()}


def tolerance(dtype, ulps=16):
    return {"rtol": ulps * np.finfo(dtype).eps, "atol": ulps * np.finfo(dtype).eps}


def in_type(values, dtype):
    """Rounded to `dtype`, as the kernel gets them, in float64, as the reference does."""
    return np.asarray(values).astype(dtype).astype(np.float64)


# The kernels


@pytest.mark.parametrize("n", [1, 2, 7, 15, 16, 17, 33, 67, 131])
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dtype", TYPES)
def test_update_rule(dtype, rule, n):
    """One pass, in place; the moments lie n_params apart, and what lies between is not this layer's."""
    for t in (1, 5, 7, 400):
        check_update(RULES[rule], t, n, dtype, weights=t == 7)


def check_update(optimizer, t, n, dtype, weights):
    """Step t of the kernel, once it is sure that nothing else was written, is that of the reference."""
    rng = np.random.RandomState(n)
    param, d_param = in_type(rng.standard_normal(n), dtype), in_type(rng.standard_normal(n) * 9, dtype)
    moments = in_type(rng.uniform([[1.0], [0.1], [1.0]], [[2.0], [0.9], [2.0]], (3, n)), dtype)
    moments = moments[: optimizer.n_moments or 1]  # whoever has none leaves alone what lies there
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


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dtype", TYPES)
def test_nan_stays(dtype, rule):
    """Divergence must be seen; and a gradient that has always been zero (dead units) is no reason for it."""
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
    """v − m² of a gradient that never changes is nothing but rounding, and can be further below zero than ε above."""
    running, params = RMSProp(1e-9, 0.6, momentum, centred=True).begin(), np.zeros(133, np.float32)
    for _ in range(100):
        running.step(params, np.linspace(1, 2, 133, dtype=np.float32))
    v, m = running.state.astype(np.float64)[:266].reshape(2, 133)
    assert np.any(v - m**2 < -1e-8)
    assert np.all(params < 0)


# Steps of one's own


def test_step_refuses_other_arrays():
    running, vector = Adam().begin(), np.zeros(4)
    for params in (vector.astype(int), vector[::2], vector.reshape(2, 2), np.frombuffer(bytes(32))):
        with pytest.raises(ValueError, match="one contiguous, writable vector"):
            running.step(params, params)
    for gradient in (np.zeros(3), np.zeros(4, np.float32), np.zeros(8)[::2], np.zeros((2, 2))):
        with pytest.raises(ValueError, match=r"contiguous vector of float64, \(4,\)"):
            running.step(vector, gradient)
    assert running.t == 0


# Settings


ALL = {**OPTIMIZERS, **OF_NETWORKS, "schedule": SGD(WarmUp(Cosine(0.1, 90), 10), momentum=0.5)}


@pytest.mark.parametrize("name", ALL)
def test_parameters_are_immutable_values(name):
    """Typed back, pickled, copied and cloned they are equal; and nobody can change them."""
    optimizer = ALL[name]
    assert eval(repr(optimizer), {**vars(optimizers), **vars(schedules)}) == optimizer
    for reference in (
        pickle.loads(pickle.dumps(optimizer)),
        copy.deepcopy(optimizer),
        clone(optimizer),
        replace(optimizer),
    ):
        assert reference == optimizer
        assert hash(reference) == hash(optimizer)
    assert replace(optimizer, learning_rate=0.7) != optimizer
    with pytest.raises(FrozenInstanceError):
        optimizer.learning_rate = 0.7


def test_no_two_rules_are_equal():
    assert len(set(OPTIMIZERS.values())) == len(OPTIMIZERS)
    assert Adam() != AMSGrad()


def test_parameters_become_plain_numbers():
    """Whatever number they were: NumPy's would show in repr."""
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
    "weight_decay": (FROM_ZERO, [-1e-9, np.nan, np.inf, None]),
    **{name: row for case in CASES.values() for name, row in (case.forbidden or {}).items()},
}
CLASSES = sorted({type(optimizer) for optimizer in OPTIMIZERS.values()}, key=lambda kind: kind.__name__)


@pytest.mark.parametrize(("kind", "name"), [(kind, field.name) for kind in CLASSES for field in fields(kind)])
def test_parameters_out_of_range_are_refused(kind, name):
    allowed, values = FORBIDDEN[name]
    for value in values:
        with pytest.raises(ValueError, match=rf"^{kind.__name__}: {name} must be {allowed}, but .* was given\.$"):
            kind(**{name: value})


def test_names():
    assert as_optimizer("nesterov") == SGD(momentum=0.9, nesterov=True)
    assert as_optimizer("adamw", Cosine(0.1, 10)) == AdamW(Cosine(0.1, 10))
    assert as_optimizer(Lion()) == Lion()
    assert as_optimizer(Lion(), 0.5) == Lion(0.5)
    with pytest.raises(
        ValueError, match=r"^optimizer='adma' is unknown: it is one of sgd, momentum, .* or an object such as"
    ):
        as_optimizer("adma")


# Running


@pytest.fixture
def problem():
    return make_problem("softmax log loss", features=11, hidden=(17, 5), rows=90, weighted=True)


SCHEDULE = WarmUp(Cosine(0.01, steps=30), steps=5)


def train(optimizer, orders, between=lambda running: running):
    """What a network and its optimizer are after an epoch over each of the orders."""
    problem = make_problem("softmax log loss", features=11, hidden=(17, 5), rows=90, weighted=True)
    running = optimizer.begin()
    for order in orders:
        running = between(running)
        EpochRunner(problem.network, problem.dataset, running, order, 7).run(0.1)
    return problem.network.params.tobytes(), running.state.tobytes(), running.t, running.learning_rate


@pytest.mark.parametrize("rule", OF_NETWORKS)
def test_interrupted_training_has_the_same_bits(rule, monkeypatch):
    """In slices, in parts, in another process: moments, steps and schedule go on."""
    optimizer, order = replace(OF_NETWORKS[rule], learning_rate=SCHEDULE), np.arange(90)
    whole = train(optimizer, [order, order])
    assert whole[2] == 26
    assert train(optimizer, [order[:49], order[49:], order[:7], order[7:]]) == whole
    assert train(optimizer, [order, order], lambda running: pickle.loads(pickle.dumps(running))) == whole
    knobs.set_slice(monkeypatch)
    assert train(optimizer, [order, order]) == whole
    assert train(optimizer, [order]) != whole


@pytest.mark.parametrize("rule", OF_NETWORKS)
def test_step_rates_do_not_depend_on_their_number(rule):
    whole, parts = (replace(OF_NETWORKS[rule], learning_rate=SCHEDULE).begin() for _ in range(2))
    expected = whole.step_rates(500)
    for steps in (1, 0, 2, 13, 484):
        got = parts.step_rates(steps)
        assert got.shape == (steps, records.N_STEP_RATES)
        assert np.array_equal(got, expected[parts.t : parts.t + steps])
        parts.advance(steps)
    assert np.isfinite(expected).all()
    assert np.isfinite(OF_NETWORKS[rule].step_rates(np.array([1e12]), np.array([0.1]))).all()


@pytest.mark.parametrize("rule", OF_NETWORKS)
def test_buffered_rates_are_those_of_their_steps(rule):
    """Whether or not they were computed before: epochs of one step and many, a schedule that changes, steps between."""
    running, plain = (replace(OF_NETWORKS[rule], learning_rate=SCHEDULE).begin() for _ in range(2))
    ahead = RateBuffer(running)
    for steps in (1, 2, 1, STEPS_AHEAD - 4, 1, 3, STEPS_AHEAD + 7, 1, 0, 5):
        for optimizer in (running, plain):
            if steps == 2:
                optimizer.schedule = Cosine(0.5, steps=1000)
            elif steps == 3:
                optimizer.advance(100)
        address, expected = ahead.address(steps), plain.step_rates(steps)
        got = (ctypes.c_double * expected.size).from_address(address)
        assert np.array_equal(np.reshape(got, expected.shape), expected)
        running.advance(steps)
        plain.advance(steps)


def test_training_does_not_change_the_optimizer(problem):
    """One object may serve many trainings: each begins anew."""
    optimizer = AdamW(SCHEDULE)
    before, params = pickle.dumps(optimizer), problem.network.params.copy()
    first = EpochRunner(problem.network, problem.dataset, optimizer, np.arange(90), 7)
    first.run(0.1)
    after_first = problem.network.params.copy()
    problem.network.params[...] = params
    EpochRunner(problem.network, problem.dataset, optimizer, np.arange(90), 7).run(0.1)
    assert np.array_equal(problem.network.params, after_first)
    assert pickle.dumps(optimizer) == before
    assert first.optimizer.begin() is first.optimizer


def test_schedules_of_epochs_and_plateaus():
    """They exchange the running schedule and leave the settings' alone."""
    running = SGD(InverseScaling(0.5, power=0.5)).begin()
    running.advance(3)
    running.after_epoch(rows_seen=24)
    assert running.learning_rate == 0.1
    assert running.step_rates(2)[:, 0].tolist() == [0.1, 0.1]
    assert not running.after_plateau()
    running = Adam(Adaptive(0.5, smallest=0.1)).begin()
    assert running.after_plateau()
    assert running.learning_rate == 0.1
    assert not running.after_plateau()
    assert running.schedule == Adaptive(0.1, smallest=0.1)
    assert running.optimizer == Adam(Adaptive(0.5, smallest=0.1))


# Compiling


@pytest.fixture
def asked_for(monkeypatch):
    """The names of the units that the compiler, or its cache, is asked for."""
    names, find = [], kernels.Kernel._from_cache

    def count(kernel, dtype):
        names.append(kernel.__name__)
        return find(kernel, dtype)

    monkeypatch.setattr(kernels.Kernel, "_from_cache", count)
    return names


def test_another_optimizer_compiles_only_its_kernel(problem, asked_for, monkeypatch):
    def run(optimizer):
        asked_for.clear()
        EpochRunner(problem.network, problem.dataset, optimizer, np.arange(90), 7).run(0.1)
        return list(asked_for)

    run(Adam())
    assert run(Adam()) == []
    for optimizer in RULES.values():
        with monkeypatch.context() as patch:
            patch.setattr(optimizer.kernel(), "compiled", {})  # as if it had never been used
            assert run(optimizer) == [optimizer.kernel().__name__]
            assert run(replace(optimizer, learning_rate=SCHEDULE)) == []
    for schedule in (Cosine(0.1, 9), Exponential(0.1, 0.9), WarmUp(Adaptive(0.1), 3), InverseScaling(0.1)):
        assert run(Adam(schedule)) == []


def test_estimators_keep_their_running_optimizer():
    """`partial_fit` goes on with it, also after pickling."""
    problem = make_problem("softmax log loss", rows=40)
    y = problem.y.ravel().astype(int)
    model = MLPClassifier((5,), random_state=0).partial_fit(problem.X, y, classes=[0, 1, 2])
    assert model._optimizer.t == 1
    again = pickle.loads(pickle.dumps(model))
    for estimator in (model, again):
        estimator.random_state = 0
        estimator.partial_fit(problem.X, y)
    assert again._optimizer.t == 2
    assert np.array_equal(model.coefs_[0], again.coefs_[0])
    assert np.array_equal(model._optimizer.state, again._optimizer.state)
