"""Schedules that last as long as the training: of the learning rate, of both decays and of dropout."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from helpers.merged import in_one_test
from sklearn.base import clone

from fastmlp import SGD, AdamW, LayerWise, MLPClassifier, MLPRegressor, Network
from fastmlp.schedules import (
    Adaptive,
    Cosine,
    FlatCosine,
    InverseScaling,
    LogCosine,
    OneCycle,
    Polynomial,
    Schedule,
    WarmUp,
    count_steps,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.RandomState(0)
#: 5 batches of 20, of which the last is incomplete.
X, Y = RNG.standard_normal((97, 3)), RNG.standard_normal(97)

#: A schedule without a length, and the same one for 40 steps.
SCHEDULES = {
    "cosine": (Cosine(0.05, final=0.001), Cosine(0.05, 40, 0.001)),
    "one cycle": (OneCycle(0.05), OneCycle(0.05, 40)),
    "polynomial": (Polynomial(0.05, power=2.0), Polynomial(0.05, 40, 2.0)),
    "log-cosine": (LogCosine(0.05, cycles=3), LogCosine(0.05, 40, 3)),
    "flat-cosine": (FlatCosine(0.05, final=0.001), FlatCosine(0.05, 40, 0.001)),
    "warm-up, then cosine": (WarmUp(Cosine(0.05), 4), WarmUp(Cosine(0.05, 36), 4)),
    "a share, then cosine": (WarmUp(Cosine(0.05), 0.1), WarmUp(Cosine(0.05, 36), 4)),
    "a share, then a rate": (WarmUp(0.05, 0.3), WarmUp(0.05, 12)),
    "a share, then a schedule": (WarmUp(Cosine(0.05, 9), 0.25), WarmUp(Cosine(0.05, 9), 10)),
    "shares of the rest": (WarmUp(WarmUp(OneCycle(0.05), 0.5), 0.5), WarmUp(WarmUp(OneCycle(0.05, 10), 10), 20)),
    "a share of nearly nothing": (WarmUp(0.05, 1e-9), WarmUp(0.05, 1)),
}
ENDS_EARLY = {"a share, then a schedule"}


def make(kind=MLPRegressor, **params):
    return kind(**{"hidden_layer_sizes": [4], "batch_size": 20, "max_iter": 8, "random_state": 0, "tol": 0.0, **params})


def bits(model):
    return [array.tobytes() for array in (*model.coefs_, *model.intercepts_)], model.loss_curve_


@in_one_test()
@pytest.mark.parametrize("name", SCHEDULES)
def test_for_training(name):
    """What has a length stays the same object."""
    without, expected = SCHEDULES[name]
    assert without.lasts_training and not expected.lasts_training
    assert without.for_training(40) == expected
    assert expected.for_training(77) is expected
    assert pickle.loads(pickle.dumps(without)) == clone(without) == without
    assert eval(repr(without)) == without
    for t in (0, [0, 1]):
        with pytest.raises(ValueError, match="lasts as long as the training, whose length is not known here"):
            without(t)


@in_one_test()
@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("name", SCHEDULES)
def test_short_trainings(name, steps):
    rates = SCHEDULES[name][0].for_training(steps)(np.arange(steps))
    assert np.all(rates >= 0) and np.isfinite(rates).all()


#: Parameters, by a schedule.
PLACES = {
    "learning_rate of adam": lambda s: {"learning_rate": s},
    "learning_rate of sgd": lambda s: {"learning_rate": s, "solver": "sgd"},
    "an object": lambda s: {"solver": AdamW(s)},
    "a wrapped object": lambda s: {"solver": LayerWise(AdamW(s), weight_rates=(1, 0.5))},
    "alpha": lambda s: {"alpha": s},
    "weight_decay": lambda s: {"weight_decay": s, "solver": "adamw"},
    "weight_decay of an object": lambda s: {"solver": LayerWise(AdamW(weight_decay=s))},
    "dropout": lambda s: {"dropout": s},
    "dropout of a layer": lambda s: {"dropout": [0.1, s], "hidden_layer_sizes": (5, 4)},
    "input_dropout": lambda s: {"input_dropout": s},
}
#: Names in messages.
NAMED = {"an object": "learning_rate", "a wrapped object": "learning_rate", "dropout of a layer": r"dropout\[1\]"}


@in_one_test()
@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.filterwarnings("ignore:.* ends after:UserWarning")
def test_fits_count_the_steps(place, name):
    """All epochs times the steps of each; the parameters keep the schedule as it was given."""
    without, expected = SCHEDULES[name]
    model = make(**PLACES[place](without))
    given = repr(model.get_params())
    assert bits(model.fit(X, Y)) == bits(make(**PLACES[place](expected)).fit(X, Y))
    assert model._optimizer.t == 40 and repr(model.get_params()) == given
    assert bits(clone(model).fit(X, Y)) == bits(pickle.loads(pickle.dumps(model)).fit(X, Y)) == bits(model)


@in_one_test()
@pytest.mark.parametrize("name", sorted(SCHEDULES.keys() - ENDS_EARLY))
def test_no_warning(name):
    """`warn_of_early_end` knows the end: it is that of the training."""
    model = make(learning_rate=SCHEDULES[name][0], early_stopping=True, warm_start=True)
    for max_iter in (3, 8, 5):
        model.set_params(max_iter=max_iter).fit(X, Y)
        assert model._optimizer.length == count_steps(max_iter, rows=87, batch_size=20)
    make(learning_rate=SCHEDULES[name][0], drop_last=True).fit(X, Y)
    with pytest.warns(UserWarning, match="ends after 2[0-9] steps, but training may make 40"):
        make(learning_rate=WarmUp(Cosine(0.1, 9), 0.4)).fit(X, Y)


def test_warm_start_lasts_as_long_as_each_fit():
    expected = make(warm_start=True, learning_rate=Cosine(0.05, 40)).fit(X, Y)
    model = make(warm_start=True, learning_rate=Cosine(0.05)).fit(X, Y)
    assert bits(expected.set_params(learning_rate=Cosine(0.05, 15), max_iter=3).fit(X, Y)) == bits(
        model.set_params(max_iter=3).fit(X, Y)
    )


def test_drop_last_counts_fewer_steps():
    model = make(drop_last=True, learning_rate=Cosine(0.05)).fit(X, Y)
    assert model._optimizer.schedule == Cosine(0.05, 32) and model._optimizer.t == 32


def test_epochwise_schedules_behind_a_share():
    """They change while the training runs, and the warm-up stays."""
    model = make(solver=SGD(WarmUp(Adaptive(0.05), 0.25)), tol=10.0, n_iter_no_change=1, max_iter=9).fit(X, Y)
    assert model._optimizer.schedule.steps == round(0.25 * 45)
    assert model._optimizer.schedule.schedule.learning_rate < 0.05


def state_of(model):
    parameters = model.get_params()
    return {name: pickle.dumps(value) for name, value in model.__getstate__().items() if name not in parameters}


@in_one_test()
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("place", PLACES)
def test_partial_fit_refuses(place, kind):
    """The first call, after a fit, and after other calls; nothing is written."""
    y, first = (Y > 0, {"classes": [False, True]}) if kind is MLPClassifier else (Y, {})
    parameters = PLACES[place](Cosine(0.05))
    name = NAMED.get(place, place.split(" ")[0])
    fitted, continued = (
        make(kind, **parameters).fit(X, y),
        make(kind)
        .set_params(**{key: value for key, value in parameters.items() if key == "hidden_layer_sizes"})
        .partial_fit(X, y, **first),
    )
    continued.set_params(**parameters)
    for model in (make(kind, **parameters), fitted, continued):
        before = state_of(model)
        with pytest.raises(ValueError, match=f"{name}=.* lasts as long as the training, and partial_fit does not know"):
            model.partial_fit(X, y, **(first if not before else {}))
        assert state_of(model) == before


def test_single_steps_refuse():
    for optimizer in (SGD(Cosine(0.05)), SGD(WarmUp(0.05, 0.1)), AdamW(weight_decay=Cosine(0.05))):
        running, params = optimizer.begin(), np.ones(3)
        with pytest.raises(ValueError, match="lasts as long as the training, whose length is not known here"):
            running.step(params, np.ones(3))
        assert params.tolist() == [1.0] * 3 and running.t == 0 and running.state is None


def test_a_single_step_with_a_schedule_of_decay():
    params, running = np.ones(2), AdamW(0.5, weight_decay=Polynomial(0.5, 2)).begin()
    for expected in (0.75, 0.75 * 0.875, 0.75 * 0.875):
        running.step(params, np.zeros(2))
        assert params.tolist() == [expected] * 2


@in_one_test()
@pytest.mark.parametrize("name", sorted(SCHEDULES.keys() - ENDS_EARLY))
def test_networks(name):
    """`Network.train` counts the steps of its first call with a running optimizer."""
    without, expected = SCHEDULES[name]
    found = []
    for schedule in (without, expected):
        net = Network([3, 4, 1], ["tanh", "identity"], "half_squared_error")
        net.initialize(random_state=0)
        running = SGD(schedule).begin()
        losses = net.train(X, Y, running, epochs=8, batch_size=20)
        found.append((losses, net.params.tobytes(), running.schedule, running.t))
    assert found[0] == found[1]
    if expected.ends_at:
        with pytest.warns(UserWarning, match=r"ends after 40 steps, but training may make 45 \(after 40 before"):
            net.train(X, Y, running, batch_size=20)


@dataclass(frozen=True)
class Mine(Schedule):
    """A user's schedule, which needs the length."""

    steps: int | None = None

    @property
    def lasts_training(self):
        return self.steps is None

    def for_training(self, steps):
        return Mine(steps)

    def at(self, t):
        return 0.01 + t / (100 * self.steps)


def test_custom_schedule():
    assert bits(make(learning_rate=Mine()).fit(X, Y)) == bits(make(learning_rate=Mine(40)).fit(X, Y))
    assert bits(make(alpha=WarmUp(Mine(), 0.1)).fit(X, Y)) == bits(make(alpha=WarmUp(Mine(36), 4)).fit(X, Y))


@dataclass(frozen=True)
class Rising(Schedule):
    """From 0 on, with a jump to another value."""

    jump: int
    value: float

    def at(self, t):
        return np.where(t < self.jump, 0.01 * t / (t + 1), self.value)


#: Parameter by schedule, and values that are refused.
LIMITED = {
    "alpha": (lambda s: {"alpha": s}, [-1e-9, np.nan, np.inf]),
    "weight_decay": (lambda s: {"solver": "adamw", "weight_decay": s}, [-1.0, np.nan, np.inf]),
    "dropout": (lambda s: {"dropout": s}, [-1e-9, 1.0, np.nan]),
    r"dropout\[1\]": (lambda s: {"dropout": [0.1, s], "hidden_layer_sizes": (5, 4)}, [1.5]),
    "input_dropout": (lambda s: {"input_dropout": s}, [-1e-9, 1.0, np.nan]),
}


@in_one_test()
@pytest.mark.parametrize("jump", [0, 39])
@pytest.mark.parametrize("name", LIMITED)
def test_values_out_of_range_are_refused(name, jump):
    """Before the training, wherever they come in it."""
    parameters, values = LIMITED[name]
    for value in values:
        model = make(**parameters(Rising(jump, value)))
        with pytest.raises(ValueError, match=rf"{name}=Rising.* is .* in step {jump}, but must be a number"):
            model.fit(X, Y)
        assert not hasattr(model, "coefs_")
        if not jump:
            with pytest.raises(ValueError, match=rf"{name.partition(chr(92))[0]}.*=Rising.* in step 0, but must be"):
                model.partial_fit(X, Y)
    make(**parameters(Rising(40, value))).fit(X, Y)


@pytest.mark.parametrize("name", LIMITED)
def test_decay_and_dropout_refuse_schedules_that_change_between_epochs(name):
    """They would stay as they are at first."""
    for schedule in (Adaptive(0.1), InverseScaling(0.1), WarmUp(InverseScaling(0.1), 0.5)):
        model = make(**LIMITED[name][0](schedule))
        for train in (model.fit, model.partial_fit):
            with pytest.raises(
                ValueError, match=rf"{name.partition(chr(92))[0]}.*changes between epochs|lasts as long"
            ):
                train(X, Y)
        assert not hasattr(model, "coefs_")


@pytest.mark.parametrize("solver", ["lbfgs", "newton-cg", "levenberg-marquardt"])
def test_full_batch_solvers_refuse_schedules(solver):
    for parameters in ({"alpha": Cosine(0.1, 9)}, {"dropout": Cosine(0.1, 9)}, {"weight_decay": Cosine(0.1, 9)}):
        with pytest.raises(ValueError, match=rf"solver='{solver}'"):
            make(solver=solver, **parameters).fit(X, Y)
