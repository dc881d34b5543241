"""`LayerWise` as an object, and in estimators and networks."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from helpers import knobs
from helpers.frozen_values import assert_immutable_value, assert_refused
from helpers.merged import in_one_test
from oracles.reference_optimizers import CASES
from sklearn.base import clone

import fastmlp
from fastmlp import MLPClassifier, MLPRegressor, Network, optimizers, schedules
from fastmlp.optimizers import LAMB, OPTIMIZERS, SGD, Adam, AdamW, LayerWise, as_optimizer
from fastmlp.schedules import Cosine

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.RandomState(0)
X, Y = RNG.standard_normal((150, 6)), RNG.standard_normal(150)
SMALL = {"hidden_layer_sizes": (7, 5), "max_iter": 3, "batch_size": 40, "random_state": 0}
MODELS = {"classifier": (MLPClassifier(**SMALL), Y > 0), "regressor": (MLPRegressor(**SMALL), Y)}
EACH = {
    **{name: LayerWise(optimizer) for name, optimizer in OPTIMIZERS.items()},
    "sequences": LayerWise(AdamW(Cosine(0.1)), [0, 1, 2.5], np.array([0.5, 0.25, 0.0]), (1, 2, 3), "ntk"),
    "a name": LayerWise(LAMB(), "ntk", 0.1, bias_decays=1),
}


def make(name, **parameters):
    model, y = MODELS[name]
    return clone(model).set_params(**parameters), y


def bits(model):
    return [array.tobytes() for array in (*model.coefs_, *model.intercepts_)], model.loss_curve_


@in_one_test()
@pytest.mark.parametrize("name", EACH)
def test_parameters_are_immutable_values(name):
    """The repr is code, copies are equal, and everything else is the optimizer's."""
    layer_wise = EACH[name]
    optimizer = layer_wise.optimizer
    assert_immutable_value(layer_wise, {**vars(optimizers), **vars(schedules)})
    assert "learning_rate" not in repr(layer_wise).replace(repr(optimizer), "")
    assert layer_wise.learning_rate == optimizer.learning_rate and layer_wise.schedule == optimizer.schedule
    assert layer_wise.n_moments == optimizer.n_moments and layer_wise.kernel() is optimizer.kernel()
    assert layer_wise != optimizer and layer_wise != replace(layer_wise, weight_decays=7.0)
    assert hasattr(layer_wise, "weight_decay") == hasattr(optimizer, "weight_decay")
    assert as_optimizer(layer_wise, 0.7).optimizer == as_optimizer(optimizer, 0.7)


def test_public_name():
    assert fastmlp.LayerWise is LayerWise and "LayerWise" in fastmlp.__all__


def test_factors():
    shapes = [(4, 3), (16, 9), (25, 1)]
    found = LayerWise(Adam(), "ntk", (1, 2, 3), 0.5).factors(shapes)
    expected = [[[0.5, 0.5], [1, 0]], [[0.25, 0.5], [2, 0]], [[0.2, 0.5], [3, 0]]]
    assert found.tolist() == expected
    assert Adam().factors(shapes) is None


FACTOR = "a number of at least 0, a sequence of such, one for each layer, or one of 'ntk'"
FORBIDDEN = [-1e-9, np.nan, np.inf, None, True, "nkt", (1, -1), [1, None], (1, "ntk"), [[1, 2]], {}]


@pytest.mark.parametrize("name", ["weight_rates", "bias_rates", "weight_decays", "bias_decays"])
def test_factors_out_of_range_are_refused(name):
    assert_refused(LayerWise, name, FACTOR, FORBIDDEN, optimizer=Adam())


def test_what_is_no_optimizer_is_refused():
    allowed = r"an optimizer such as Adam\(\), which is no LayerWise itself"
    assert_refused(LayerWise, "optimizer", allowed, ["adam", None, Adam, LayerWise(Adam()), Adam().begin()])


def test_a_vector_has_no_layers():
    params = np.ones(3)
    with pytest.raises(ValueError, match="LayerWise scales its step layer by layer"):
        LayerWise(SGD(0.1)).begin().step(params, np.ones(3))
    assert params.tolist() == [1.0] * 3


# In estimators


@in_one_test("name")
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("rule", CASES)
@pytest.mark.filterwarnings("ignore:.* ends after:UserWarning")
def test_factors_of_one_change_no_bit(rule, name):
    optimizer = CASES[rule].in_training
    for options in ({}, {"alpha": 0.5, "l1": 0.1, "ema": 0.5}):
        models = [make(name, solver=solver, **options) for solver in (optimizer, LayerWise(optimizer))]
        plain, wrapped = (model.fit(X, y) for model, y in models)
        assert bits(plain) == bits(wrapped)


@pytest.mark.parametrize("name", MODELS)
def test_a_frozen_layer_is_kept(name):
    """As it was drawn, or as another training has left it; by early stopping, warm start and `partial_fit` too."""
    frozen = LayerWise(AdamW(0.01, weight_decay=0.1), (0, 1, 1), (0, 1, 1))
    parts, last = [], {}
    for solver in (LayerWise(Adam(), 0, 0), Adam(0.01)):
        model, y = make(name, solver=solver, warm_start=True)
        model.fit(X, y)
        parts.append((model.coefs_[0].tobytes(), model.intercepts_[0].tobytes()))
    for options in ({}, {"early_stopping": True}, {"ema": 0.9, "l1": 0.1, "max_norm": 0.1, "clip_norm": 0.1}):
        fresh, y = make(name, solver=frozen, alpha=1.0, **options)
        last = fresh.fit(X, y)
        assert (last.coefs_[0].tobytes(), last.intercepts_[0].tobytes()) == parts[0]
        warm = pickle.loads(pickle.dumps(model)).set_params(solver=frozen, alpha=1.0, **options)
        before = warm.coefs_[1].tobytes()
        warm.fit(X, y)
        assert (warm.coefs_[0].tobytes(), warm.intercepts_[0].tobytes()) == parts[1]
        assert warm.coefs_[1].tobytes() != before
    again, y = make(name, solver=frozen, batch_size=20)
    classes = {"classes": np.unique(y)} if name == "classifier" else {}
    for start in range(0, 150, 30):
        again.partial_fit(X[start : start + 30], y[start : start + 30], **classes)
    assert (again.coefs_[0].tobytes(), again.intercepts_[0].tobytes()) == parts[0]


@pytest.mark.parametrize("name", MODELS)
def test_partial_fit_continues(name):
    """With the same bits as a fit, batch by batch, and after pickling."""
    solver = LayerWise(AdamW(0.01), "ntk", 0.5, 2.0, 1.0)
    whole, y = make(name, solver=solver, shuffle=False, max_iter=1, batch_size=30)
    whole.fit(X, y)
    parts, _ = make(name, solver=solver, shuffle=False, batch_size=30)
    classes = {"classes": np.unique(y)} if name == "classifier" else {}
    for start in range(0, 150, 30):
        parts.partial_fit(X[start : start + 30], y[start : start + 30], **classes)
        parts = pickle.loads(pickle.dumps(parts)) if start == 60 else parts
    assert bits(parts)[0] == bits(whole)[0]


@pytest.mark.parametrize("name", MODELS)
def test_threads_change_no_bit(name, monkeypatch):
    knobs.let_threads_pay(monkeypatch)
    found = []
    for n_jobs in (1, 2, 3):
        model, y = make(
            name, solver=LayerWise(AdamW(0.01), (0, 1, 0.5), "ntk", (1, 2, 3), 0.5), n_jobs=n_jobs, alpha=Cosine(1.0),
            hidden_layer_sizes=(130, 70), dropout=Cosine(0.5), weight_decay=Cosine(0.1),
        )  # fmt: skip
        found.append(bits(model.fit(X, y)))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("name", MODELS)
def test_errors_leave_the_model_unchanged(name):
    model, y = make(name)
    model.fit(X, y)
    before = bits(model)
    with pytest.raises(ValueError, match=r"weight_rates=\(1.0, 2.0\) has 2 entries, but there are 3 layers"):
        model.set_params(solver=LayerWise(Adam(), (1, 2))).fit(X, y)
    with pytest.raises(ValueError, match=r"weight_decay=0.1 was given, but solver=LayerWise.* has no decoupled"):
        model.set_params(solver=LayerWise(Adam()), weight_decay=0.1).fit(X, y)
    with pytest.raises(ValueError, match=r"learning_rate_init=0\.1 has no effect with solver=LayerWise"):
        model.set_params(weight_decay=None, learning_rate_init=0.1).fit(X, y)
    assert bits(model) == before


def test_weight_decay_of_the_estimator_is_the_optimizers():
    model, y = make("regressor", solver=LayerWise(AdamW(), weight_decays=2.0), weight_decay=0.3)
    expected, _ = make("regressor", solver=LayerWise(AdamW(weight_decay=0.3), weight_decays=2.0))
    assert bits(model.fit(X, y)) == bits(expected.fit(X, y))


def test_decay_of_biases():
    """With a gradient of zero, weights and biases shrink by their own factors alone."""
    net = Network([6, 7, 5, 1], ["tanh", "tanh", "identity"], "half_squared_error")
    net.initialize(random_state=0)
    before = [array.copy() for array in (*net.coefs, *net.intercepts)]
    solver = LayerWise(AdamW(0.5, weight_decay=0.1), 1, (1, 0.5, 1), (1, 0, 2), (0.5, 1, 0))
    net.train(X, net.forward(X), solver)
    kept = [0.95, 1.0, 0.9, 0.975, 0.975, 1.0]
    for old, new, factor in zip(before, [*net.coefs, *net.intercepts], kept, strict=True):
        np.testing.assert_allclose(new, old * factor, rtol=1e-12)


def test_networks():
    """`Network.train` knows layers; a running optimizer continues."""
    found = []
    for parts in ([4], [1, 3]):
        net = Network([6, 5, 1], ["tanh", "identity"], "half_squared_error")
        net.initialize(random_state=0)
        first = net.coefs[0].tobytes()
        running = LayerWise(Adam(0.01), (0, 1)).begin()
        for epochs in parts:
            net.train(X, Y, running, epochs=epochs, batch_size=50)
        assert net.coefs[0].tobytes() == first
        found.append(net.params.tobytes())
    assert found[0] == found[1]
