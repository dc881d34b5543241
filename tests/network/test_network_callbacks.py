"""Callbacks of `Network.train`: the same calls, numbers and bits as in an estimator's fit."""

import pickle

import numpy as np
import pytest
from helpers.early_stopping_data import NUMBERS, X
from helpers.knobs import set_slice
from sklearn.callback import ProgressBar, ScoringMonitor

from fastmlp import Adam, MLPRegressor, Network, Regularization
from fastmlp.callbacks import Callback, Checkpoint, EarlyStopping, History, TimeLimit

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ROWS, HELD = slice(150), slice(150, None)
GIVEN = {"X_val": X[HELD], "y_val": NUMBERS[HELD]}


class Noted(Callback):
    """List what was called, with what callbacks read; end the training after some epochs."""

    def __init__(self, epochs=10**9):
        self.epochs, self.calls = epochs, []

    def setup(self, estimator, context):
        super().setup(estimator, context)
        self.calls.append(("setup", context.task_name, context.max_subtasks))

    def teardown(self, estimator, context):
        super().teardown(estimator, context)
        self.calls.append("teardown")

    def on_fit_begin(self, estimator):
        self.calls.append("fit")

    def on_training_begin(self, estimator, training):
        self.calls.append(("training", training.epochs_left, estimator.n_iter_))

    def on_epoch_begin(self, estimator):
        self.calls.append(("epoch", estimator.n_iter_))

    def on_epoch_end(self, estimator):
        weights = [array.copy() for array in (*estimator.coefs_, *estimator.intercepts_)]
        curves = [list(values or ()) for values in (estimator.loss_curve_, estimator.validation_loss_curve_)]
        rate = estimator._optimizer.learning_rate
        self.calls.append((estimator.n_iter_, estimator.loss_, curves, rate, [each.tobytes() for each in weights]))
        return estimator.n_iter_ >= self.epochs

    def on_fit_end(self, estimator):
        self.calls.append(("end", estimator.n_iter_))


def state_of(generator):
    """Its words, and how many of them are used."""
    return generator.get_state()[1].tobytes(), generator.get_state()[2]


def make_network(seed=0):
    net, generator = Network([X.shape[1], 7, 1], ["relu", "identity"], "squared_error"), np.random.RandomState(seed)
    net.initialize(random_state=generator)
    return net, generator


def train(*callbacks, epochs=5, ema=None, dropout=0.0, rate=0.001, given=GIVEN, **options):
    net, generator = make_network()
    losses = net.train(
        X[ROWS], NUMBERS[ROWS], Adam(rate), epochs, 50, True, random_state=generator, callbacks=callbacks,
        regularization=Regularization(ema=ema, dropout=dropout), **given, **options,
    )  # fmt: skip
    return net, losses


def fit(*callbacks, epochs=5, rate=0.001, given=GIVEN, **parameters):
    parameters = {"alpha": 0.0, "n_iter_no_change": np.inf, "learning_rate_init": rate, **parameters}
    model = MLPRegressor(hidden_layer_sizes=(7,), batch_size=50, random_state=0, max_iter=epochs, **parameters)
    return model.set_callbacks(*callbacks).fit(X[ROWS], NUMBERS[ROWS], **given)


def test_calls_are_those_of_an_estimator():
    ours, theirs = Noted(), Noted()
    train(ours)
    fit(theirs)
    assert ours.calls == theirs.calls
    assert ours.calls[0] == ("setup", "fit", 5)
    assert ours.calls[-2:] == [("end", 5), "teardown"]
    assert len(ours.calls) == 3 + 2 * 5 + 2


def test_callbacks_change_no_bit():
    plain, losses = train(dropout=0.2)
    watched, others = train(Noted(), History(), TimeLimit(1e6), dropout=0.2)
    assert plain.params.tobytes() == watched.params.tobytes()
    assert losses == others


def test_a_callback_ends_the_training():
    net, losses = train(Noted(3), epochs=100)
    shorter, _ = train(epochs=3)
    assert len(losses) == net.n_iter_ == 3
    assert net.params.tobytes() == shorter.params.tobytes()


class EndsWithin(Callback):
    def is_over(self, estimator):
        return True


def test_a_training_ends_within_an_epoch(monkeypatch):
    set_slice(monkeypatch)
    net, _ = make_network()
    net.train(X, NUMBERS, Adam(), 9, 10, callbacks=EndsWithin())
    shorter, _ = make_network()
    shorter.train(X[:10], NUMBERS[:10], Adam(), 1, 10)
    assert net.params.tobytes() == shorter.params.tobytes()
    assert (net.n_iter_, net.loss_) == (1, shorter.loss_)


def test_history():
    history, theirs = History(), History()
    net, losses = train(history)
    fit(theirs)
    assert history.rows[0].keys() == theirs.rows[0].keys()
    for name in history.rows[0].keys() - {"seconds"}:
        assert [row[name] for row in history.rows] == [row[name] for row in theirs.rows], name
    assert [row["loss"] for row in history.rows] == losses
    assert history.to_frame().validation_loss.tolist() == net.validation_loss_curve_
    train(history, given={})
    assert {row["validation_loss"] for row in history.rows} == {None}


@pytest.mark.parametrize("ema", [None, 0.9])
@pytest.mark.parametrize("monitor", ["loss", "validation_loss"])
def test_early_stopping(monitor, ema):
    stopping, theirs = EarlyStopping(monitor, patience=3), EarlyStopping(monitor, patience=3)
    net, losses = train(stopping, epochs=100, rate=0.5, ema=ema)
    model = fit(theirs, epochs=100, rate=0.5, ema=ema)
    assert (stopping.best_epoch_, stopping.best_) == (theirs.best_epoch_, theirs.best_)
    assert len(losses) == stopping.best_epoch_ + 3 < 100
    assert [array.tobytes() for array in net.coefs] == [array.tobytes() for array in model.coefs_]
    assert vars(stopping).get("_states") == {}


def test_early_stopping_without_its_number_changes_nothing():
    net, generator = make_network()
    before, attributes, drawn = net.params.copy(), set(vars(net)), state_of(generator)
    stopping = EarlyStopping()
    with pytest.raises(ValueError, match="monitors 'validation_loss', but this fit has none: pass validation rows"):
        net.train(
            X, NUMBERS, Adam(), callbacks=[stopping], random_state=generator, regularization=Regularization(dropout=0.5)
        )
    assert net.params.tobytes() == before.tobytes()
    assert set(vars(net)) == attributes
    assert state_of(generator) == drawn
    with pytest.raises(ValueError, match="both end the fit and restore weights"):
        net.train(X, NUMBERS, Adam(), callbacks=[stopping], early_stopping=True, X_val=X, y_val=NUMBERS)


@pytest.mark.parametrize("given", [GIVEN, {}], ids=["validation rows", "none"])
def test_early_stopping_by_a_score_that_networks_have_not(given):
    with pytest.raises(ValueError, match=r"monitors 'validation_score', .* use EarlyStopping\('validation_loss'\)"):
        train(EarlyStopping("validation_score"), given=given)


def test_a_training_that_a_callback_ends_keeps_the_best_parameters():
    net, losses = train(Noted(9), epochs=50, rate=0.5, early_stopping=True)
    shorter, _ = train(epochs=net.best_epoch_, rate=0.5)
    assert net.best_epoch_ < len(losses) == 9
    assert net.params.tobytes() == shorter.params.tobytes()


def test_time_limit(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("fastmlp.callbacks.time_limit.time.monotonic", lambda: now[0])

    class Clock(Callback):
        def on_epoch_begin(self, estimator):
            now[0] += 1.0

    assert len(train(Clock(), TimeLimit(3.5), epochs=100)[1]) == 4


@pytest.mark.parametrize("option", [{}, {"dropout": 0.3}, {"ema": 0.9}, {"early_stopping": True}], ids=str)
def test_a_killed_training_continues_with_the_same_bits(option, tmp_path):
    class Killed(Callback):
        def on_epoch_end(self, estimator):
            if estimator.n_iter_ == 2:
                raise InterruptedError

    expected, losses = train(**option)
    with pytest.raises(InterruptedError):
        train(Checkpoint(tmp_path), Killed(), **option)
    net, resumed = train(Checkpoint(tmp_path), **option)
    assert resumed == losses
    assert net.params.tobytes() == expected.params.tobytes()
    assert net.validation_loss_curve_ == expected.validation_loss_curve_
    again, _ = train(Checkpoint(tmp_path), **option)
    assert again.params.tobytes() == expected.params.tobytes()
    assert (again.n_iter_, again.best_epoch_) == (expected.n_iter_, expected.best_epoch_)


def test_what_a_later_callback_refuses_has_changed_nothing(tmp_path):
    """A checkpoint has restored parameters, moments and generator before."""

    class Refuses(Callback):
        def on_training_begin(self, estimator, training):
            raise ValueError("not this one")

    train(Checkpoint(tmp_path), dropout=0.3)
    net, generator = make_network()
    adam = Adam().begin()
    before, drawn, attributes = net.params.copy(), state_of(generator), set(vars(net))
    with pytest.raises(ValueError, match="not this one"):
        net.train(
            X[ROWS], NUMBERS[ROWS], adam, 5, 50, True, random_state=generator, **GIVEN,
            callbacks=[Checkpoint(tmp_path), Refuses()], regularization=Regularization(dropout=0.3),
        )  # fmt: skip
    assert net.params.tobytes() == before.tobytes()
    assert state_of(generator) == drawn
    assert set(vars(net)) == attributes
    assert adam.t == 0
    losses = net.train(
        X[ROWS], NUMBERS[ROWS], adam, 5, 50, True, random_state=generator, **GIVEN,
        regularization=Regularization(dropout=0.3),
    )  # fmt: skip
    assert losses == train(dropout=0.3)[1]


def test_errors_in_callbacks_reach_the_user_and_end_with_teardown():
    class Broken(Noted):
        def on_epoch_end(self, estimator):
            raise RuntimeError("broken")

    broken = Broken()
    with pytest.raises(RuntimeError, match="broken"):
        train(broken)
    assert broken.calls[-1] == "teardown"

    class BadEnd(Noted):
        def teardown(self, estimator, context):
            super().teardown(estimator, context)
            raise RuntimeError("at the end")

    first, second = BadEnd(), BadEnd()
    with pytest.raises(ExceptionGroup):
        train(first, second)
    assert first.calls[-1] == second.calls[-1] == "teardown"
    with pytest.raises(RuntimeError, match="at the end"):
        train(BadEnd())


def test_weights_changed_by_a_callback_are_trained_on():
    class Halve(Callback):
        def on_epoch_end(self, estimator):
            estimator.params *= 0.5

    net, _ = train(Halve())
    other, generator = make_network()
    adam = Adam(0.001).begin()
    order = np.arange(150)
    for _ in range(5):
        generator.shuffle(order)
        other.train(X[ROWS][order], NUMBERS[ROWS][order], adam, 1, 50)
        other.params *= 0.5
    np.testing.assert_allclose(net.params, other.params, rtol=1e-12)


def test_networks_with_callbacks_can_be_pickled_meanwhile():
    class Copies(Callback):
        def on_epoch_end(self, estimator):
            self.copies = [*getattr(self, "copies", []), pickle.loads(pickle.dumps(estimator))]

    copies = Copies()
    net, losses = train(copies)
    assert [each.loss_ for each in copies.copies] == losses
    assert not {"_optimizer", "early_stopping"} & {name for each in (*copies.copies, net) for name in vars(each)}


@pytest.mark.parametrize("make", [lambda: ProgressBar(), lambda: ScoringMonitor(scoring="r2")], ids=["bar", "monitor"])
def test_callbacks_of_scikit_learn_need_an_estimator(make):
    net, _ = make_network()
    with pytest.raises(TypeError, match=r"Those of scikit-learn need an estimator .* verbose='progress'"):
        net.train(X, NUMBERS, Adam(), callbacks=[make()])


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [([print], "callbacks must be callbacks of"), (History, "make an object of it"), (3, "got 3"), ("ab", "got 'ab'")],
)
def test_what_is_no_callback_is_refused(callbacks, message):
    net, _ = make_network()
    with pytest.raises(TypeError, match=message):
        net.train(X, NUMBERS, Adam(), callbacks=callbacks)


def test_a_callback_cannot_train_the_network_that_it_follows():
    class Again(Callback):
        def on_epoch_end(self, estimator):
            with pytest.raises(RuntimeError, match="by a callback of this very Network, which is being trained"):
                estimator.train(X, NUMBERS, Adam())

    net, _ = train(Again(), Noted())
    plain, _ = train()
    assert net.params.tobytes() == plain.params.tobytes()
    net.train(X, NUMBERS, Adam())


def test_a_callback_may_train_other_networks():
    """Also with the same callbacks, whose states are kept apart."""
    history, stopping = History(), EarlyStopping("loss", patience=2)

    class Trains(Callback):
        def on_epoch_end(self, estimator):
            self.losses = train(epochs=3)[1]
            if estimator.n_iter_ == 2:
                inner, _ = make_network(1)
                inner.train(X, NUMBERS, Adam(0.5), 50, callbacks=[stopping])

    trains = Trains()
    _, losses = train(trains, history, stopping)
    assert losses == train()[1]
    assert trains.losses == losses[:3]
    assert [row["loss"] for row in history.rows] == losses
    assert stopping.best_epoch_ == 5
