"""The learning-rate range test: against plain NumPy, and the fit that follows as if there had been none."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
import scipy.sparse
from helpers import knobs
from helpers.callback_models import CLASSES, MODELS, bits, make_model
from helpers.early_stopping_data import NUMBERS, TYPES, X
from helpers.merged import in_one_test
from sklearn.base import clone
from sklearn.callback import FitCallback
from sklearn.datasets import load_digits
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastmlp import SGD, AdamW, Cosine, MLPClassifier, MLPRegressor, Network, OneCycle, Schedule, WarmUp
from fastmlp.callbacks import Callback, Checkpoint, History, LearningRateFinder
from fastmlp.callbacks.smoothing import longest_fall, smooth
from fastmlp.optimizers import OPTIMIZERS
from fastmlp.training.epoch import EpochRunner

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
WEIGHTS = np.linspace(0.5, 2.0, len(X))
CASES = {
    **{name: {"solver": name} for name in OPTIMIZERS},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling"},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.5, "n_iter_no_change": 1, "max_iter": 12},
    "cosine": {"solver": SGD(Cosine(0.1, steps=30))},
    "one cycle": {"learning_rate": OneCycle(0.01, steps=30)},
    "L1": {"solver": AdamW(0.01), "l1": 0.1},
    "clipping": {"clip_norm": 0.1, "clip_value": 0.05, "max_norm": 1.0},
    "dropout": {"dropout": 0.3, "input_dropout": 0.1},
    "average": {"ema": 0.9},
    "no shuffle": {"shuffle": False},
    "batches of one": {"batch_size": 1, "max_iter": 2},
    "one batch": {"batch_size": 300},
    "early stopping": {"early_stopping": True},
    "no hidden layer": {"hidden_layer_sizes": ()},
    "large layers": {"hidden_layer_sizes": (400, 400), "max_iter": 2},
}


@dataclass(frozen=True)
class Alternating(Schedule):
    """A schedule of a user's own, without a `learning_rate`."""

    largest: float = 0.1

    def at(self, t):
        return self.largest / (1.0 + t % 2)


def everything(model):
    """Weights, history and what the next fit depends on."""
    numbers = model.n_iter_, model.t_, model.best_loss_, model.best_epoch_, model._no_improvement_count
    curves = model.loss_curve_, model.validation_loss_curve_, model.validation_scores_
    generator = model._random_state.get_state()[1].tolist()
    state = None if model._optimizer.state is None else model._optimizer.state.tobytes()
    return bits(model), numbers, curves, generator, model._optimizer.t, model._optimizer.schedule, state


@in_one_test()
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", MODELS)
def test_the_fit_is_that_without_the_test(name, case):
    finder, history, plain_history = LearningRateFinder(), History(), History()
    plain, y = make_model(name, plain_history, **CASES[case])
    model, _ = make_model(name, finder, history, **CASES[case])
    assert everything(model.fit(X, y)) == everything(plain.fit(X, y))
    for rows in (history.rows, plain_history.rows):
        for row in rows:
            del row["seconds"]
    assert history.rows == plain_history.rows
    assert 10 < len(finder.rates) == len(finder.losses) == len(finder.batch_losses) <= 100
    assert finder.suggestion in finder.rates
    assert {type(value) for value in (*finder.rates, *finder.losses, *finder.batch_losses)} == {float}


@in_one_test()
@pytest.mark.parametrize("kind", [np.array, scipy.sparse.csr_matrix, scipy.sparse.csc_matrix])
@pytest.mark.parametrize("dtype", TYPES)
def test_other_inputs_and_weights(dtype, kind):
    options = {"class_weight": {0: 1.0, 1: 5.0, 2: 0.5}}
    finder = LearningRateFinder()
    plain, _ = make_model("classifier", **options)
    model, _ = make_model("classifier", finder, **options)
    rows = kind(X.astype(dtype))
    fit_params = {"sample_weight": WEIGHTS, "X_val": X[:50].astype(dtype), "y_val": CLASSES[:50]}
    assert everything(model.fit(rows, CLASSES, **fit_params)) == everything(plain.fit(rows, CLASSES, **fit_params))
    weighted = LearningRateFinder().find(plain, rows, CLASSES, **fit_params)
    assert weighted.batch_losses == finder.batch_losses
    assert weighted.batch_losses != LearningRateFinder().find(plain, rows, CLASSES).batch_losses


@pytest.mark.parametrize("random_state", [None, "MT19937", "PCG64"])
def test_random_states_are_put_back(random_state):
    found = []
    for callbacks in ((), (LearningRateFinder(),)):
        np.random.seed(5)
        others = {"MT19937": np.random.RandomState(3), "PCG64": np.random.RandomState(np.random.PCG64(3))}
        generator = others.get(random_state)
        model, y = make_model("classifier", *callbacks, random_state=generator, dropout=0.2)
        model.fit(X, y)
        found.append((bits(model), np.random.uniform(), None if generator is None else generator.uniform()))
    assert found[0] == found[1]


@pytest.mark.parametrize("name", MODELS)
def test_a_warm_start_is_tested_with_its_weights(name):
    finder = LearningRateFinder()
    plain, y = make_model(name, warm_start=True)
    model, _ = make_model(name, finder, warm_start=True)
    model.fit(X, y)
    first = finder.batch_losses
    assert everything(model.fit(X, y)) == everything(plain.fit(X, y).fit(X, y))
    assert np.mean(finder.batch_losses[:10]) < np.mean(first[:10])


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("alpha", [0.0, 0.5])
def test_losses_by_hand(alpha, dtype):
    """Gradient descent in NumPy, with the gradients of a network, over several passes."""
    options = {"solver": "sgd", "momentum": 0.0, "shuffle": False, "alpha": alpha, "activation": "tanh"}
    finder = LearningRateFinder(1e-3, 0.5, 20)
    model, y = make_model("regressor", finder, **options, max_iter=1)
    rows, y = X.astype(dtype), y.astype(dtype)
    initial = clone(model).set_callbacks(StopAtOnce()).fit(rows, y)
    network = Network([4, 7, 1], ["tanh", "identity"], "half_squared_error", dtype)
    network.set_weights(initial.coefs_, initial.intercepts_)
    expected, rates = [], 1e-3 * 500 ** (np.arange(20) / 19)
    for step, rate in enumerate(rates):
        batch = np.arange(50) + 50 * (step % 6)
        loss, coef_grads, intercept_grads = network.loss_and_gradients(rows[batch], y[batch])
        expected.append(loss + alpha / 100 * sum((coef.astype(float) ** 2).sum() for coef in network.coefs))
        for coef, gradient in zip(network.coefs, coef_grads, strict=True):
            coef -= rate * (gradient + alpha / 50 * coef)
        for intercept, gradient in zip(network.intercepts, intercept_grads, strict=True):
            intercept -= rate * gradient
    model.fit(rows, y)
    np.testing.assert_allclose(finder.rates, rates, rtol=1e-12)
    np.testing.assert_allclose(finder.batch_losses, expected, rtol=1e-9 if dtype == np.float64 else 1e-5)
    fitted = smooth(np.array(finder.batch_losses), 2)[0]
    assert finder.losses == fitted.tolist()


class StopAtOnce(Callback):
    """End the fit before its first step."""

    def on_training_begin(self, estimator, training):
        training.finished = True


def test_the_test_ends_when_the_loss_explodes():
    finder = LearningRateFinder(1e-5, 1e5, 200)
    model, y = make_model("regressor", solver="sgd")
    finder.find(model, X, y)
    first = np.mean(finder.batch_losses[:20])
    assert 20 < len(finder.rates) < 180
    assert finder.rates[-1] == pytest.approx(1e-5 * 10 ** (10 * (len(finder.rates) - 1) / 199))
    assert np.mean(finder.batch_losses[-5:]) > 4 * first
    assert all(np.mean(finder.batch_losses[end - 5 : end]) <= 4 * first for end in range(21, len(finder.rates)))
    assert max(finder.losses) < 20 * first


@pytest.mark.filterwarnings("ignore:The loss falls at no rate")
def test_losses_that_are_infinite_are_left_out():
    finder = LearningRateFinder(1e-2, 1e300, 10)
    model, y = make_model("regressor", solver="sgd")
    finder.find(model, X, y)
    assert 1 <= len(finder.rates) < 10
    assert np.isfinite(finder.batch_losses).all()
    assert np.isfinite(finder.losses).all()


def curve_of(finder, losses, monkeypatch):
    """A finder that has seen these losses."""
    monkeypatch.setattr(LearningRateFinder, "_train", lambda self, training: losses.tolist())
    model, y = make_model("classifier")
    return finder.find(model, X, y)


@pytest.mark.parametrize("noise", [0.0, 0.02])
@pytest.mark.parametrize("center", [1e-4, 3e-2])
def test_the_suggestion_is_where_the_loss_falls_most_steeply(center, noise, monkeypatch):
    rates = 10 ** np.linspace(-7, 1, 100)
    fall = 2 - 1 / (1 + (center / rates) ** 1.5)
    losses = fall + noise * np.random.RandomState(0).standard_normal(100) + 20 * (rates > 3)
    finder = curve_of(LearningRateFinder(), losses, monkeypatch)
    assert center / 2 < finder.suggestion < 2 * center


def test_the_way_down_from_a_peak_is_no_suggestion(monkeypatch):
    rates = 10 ** np.linspace(-7, 1, 100)
    losses = 2 - 1 / (1 + (1e-3 / rates) ** 2) + 5 * (abs(np.arange(100) - 80) < 5) - 0.2 * (np.arange(100) > 84)
    finder = curve_of(LearningRateFinder(), losses, monkeypatch)
    assert 5e-4 < finder.suggestion < 2e-3


@pytest.mark.parametrize("apply", [False, True])
def test_a_loss_that_never_falls_has_no_suggestion(apply, monkeypatch):
    monkeypatch.setattr(LearningRateFinder, "_train", lambda self, training: np.linspace(1, 2, 50).tolist())
    finder = LearningRateFinder(apply=apply)
    model, y = make_model("classifier", finder)
    plain, _ = make_model("classifier")
    with pytest.warns(UserWarning, match="The loss falls at no rate from 1e-07 to 0.000911163, so LearningRateFinder"):
        model.fit(X, y)
    assert np.isnan(finder.suggestion)
    assert bits(model) == bits(plain.fit(X, y))


@in_one_test()
@pytest.mark.parametrize("width", [2, 5])
@pytest.mark.parametrize("n", [1, 2, 3, 40])
def test_smoothing_is_local_linear_regression(n, width):
    values = np.random.RandomState(0).standard_normal(n)
    fitted, slopes = smooth(values, width)
    for i in range(n):
        at = np.arange(max(i - width, 0), min(i + width + 1, n))
        if at.size == 1:
            assert (fitted[i], slopes[i]) == (values[i], 0.0)
            continue
        weights = np.sqrt(1 - ((at - i) / (width + 1)) ** 2)
        slope, value = np.polyfit(at - i, values[at], 1, w=weights)
        assert (fitted[i], slopes[i]) == (pytest.approx(value), pytest.approx(slope))


@in_one_test()
@pytest.mark.parametrize(
    ("values", "places"),
    [
        ([3, 2, 1], [0, 1, 2]),
        ([1, 2, 3], [0]),
        ([3, 2, 9, 1.5, 1.4], [0, 1]),
        ([3, 2, 9, 1.5, 0.4], [3, 4]),
        ([1], [0]),
        ([2, 2, 1, 1, 3], [0, 1, 2, 3]),
    ],
)
def test_longest_fall(values, places):
    assert np.arange(len(values))[longest_fall(np.array(values, float))].tolist() == places


@pytest.mark.parametrize("solver", ["adam", "sgd", "rmsprop"])
def test_the_suggestion_trains_well(solver):
    """Within 30 % of the best of rates three times apart, or better."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32)
    model = MLPClassifier(solver=solver, max_iter=10, random_state=0)
    losses = []
    for rate in 10 ** np.arange(-4, 0.1, 0.5):
        losses.append(clone(model).set_params(learning_rate_init=rate).fit(X, y).loss_)
    finder = LearningRateFinder().find(model, X, y)
    found = clone(model).set_params(learning_rate_init=finder.suggestion).fit(X, y).loss_
    assert found < 0.3 * max(losses)
    assert np.searchsorted(sorted(losses), found) <= 4


@in_one_test()
@pytest.mark.parametrize(
    ("options", "change"),
    [
        ({"solver": "adam"}, lambda rate: {"learning_rate_init": rate}),
        ({"solver": "sgd", "learning_rate": "invscaling"}, lambda rate: {"learning_rate_init": rate}),
        ({"solver": "sgd", "learning_rate": "adaptive", "tol": 9.0, "n_iter_no_change": 1},
         lambda rate: {"learning_rate_init": rate}),
        ({"solver": SGD(Cosine(0.1, steps=30))}, lambda rate: {"solver": SGD(Cosine(rate, steps=30))}),
        ({"solver": AdamW(WarmUp(Cosine(0.1, steps=20), steps=10))},
         lambda rate: {"solver": AdamW(WarmUp(Cosine(rate, steps=20), steps=10))}),
        ({"learning_rate": WarmUp(0.1, steps=3)}, lambda rate: {"learning_rate": WarmUp(rate, steps=3)}),
    ],
    ids=["adam", "invscaling", "adaptive", "cosine", "warm-up of adamw", "warm-up"],
)  # fmt: skip
@pytest.mark.parametrize("name", MODELS)
def test_the_suggestion_can_be_applied(name, options, change):
    finder = LearningRateFinder(apply=True)
    model, y = make_model(name, finder, **options)
    model.fit(X, y)
    by_hand, _ = make_model(name, **{**options, **change(finder.suggestion)})
    assert bits(by_hand.fit(X, y)) == bits(model)
    plain, _ = make_model(name, **options)
    assert bits(plain.fit(X, y)) != bits(model)
    assert {key: value for key, value in model.get_params().items() if key in options} == options


@pytest.mark.parametrize("name", MODELS)
def test_find_leaves_the_estimator_as_it_is(name):
    calls = []

    class Noted(Callback):
        def on_fit_begin(self, estimator):
            calls.append(estimator)

    generator = np.random.RandomState(7)
    model, y = make_model(name, Noted(), random_state=generator, early_stopping=True)
    before, drawn = dict(vars(model)), generator.get_state()[1].tolist()
    finder = LearningRateFinder(apply=True)
    assert finder.find(model, X, y) is finder
    assert vars(model) == before
    assert generator.get_state()[1].tolist() == drawn
    assert not calls
    watched, _ = make_model(name, callback := LearningRateFinder(), random_state=generator, early_stopping=True)
    watched.fit(X, y)
    assert (callback.rates, callback.losses, callback.suggestion) == (finder.rates, finder.losses, finder.suggestion)


def test_find_without_a_random_state_tests_the_weights_of_the_next_fit():
    model, y = make_model("classifier", random_state=None)
    np.random.seed(3)
    finder = LearningRateFinder().find(model, X, y)
    model.set_callbacks(callback := LearningRateFinder()).fit(X, y)
    assert callback.batch_losses == finder.batch_losses


@in_one_test()
@pytest.mark.parametrize("solver", ["lbfgs", "newton-cg", "levenberg-marquardt"])
@pytest.mark.parametrize("name", MODELS)
def test_solvers_without_mini_batches_are_refused(name, solver):
    model, y = make_model(name, LearningRateFinder(), solver=solver)
    with pytest.raises(ValueError, match=f"needs mini-batches, but solver='{solver}'"):
        model.fit(X, y)
    with pytest.raises(ValueError, match=f"solver='{solver}'"):
        LearningRateFinder().find(model.set_callbacks(), X, y)
    assert not hasattr(model, "coefs_")


def test_schedules_without_a_learning_rate_are_refused_where_it_would_be_applied():
    for schedule in (Alternating(), WarmUp(Alternating(), steps=2)):
        model, y = make_model("classifier", LearningRateFinder(apply=True), solver=SGD(schedule))
        with pytest.raises(ValueError, match=r"but Alternating\(largest=0.1\) has none: use apply=False"):
            model.fit(X, y)
        assert not hasattr(model, "coefs_")
        plain, _ = make_model("classifier", solver=SGD(schedule))
        assert bits(model.set_callbacks(LearningRateFinder()).fit(X, y)) == bits(plain.fit(X, y))


def test_a_network_whose_optimizer_has_made_steps_is_refused():
    net, running = Network([X.shape[1], 1], ["identity"], "half_squared_error"), SGD(0.01).begin()
    net.initialize(random_state=0)
    net.train(X, NUMBERS, running)
    before = net.params.copy()
    with pytest.raises(ValueError, match="this optimizer has made 1 step: pass one that begins"):
        net.train(X, NUMBERS, running, callbacks=[LearningRateFinder(apply=True)])
    assert (net.params.tobytes(), running.t) == (before.tobytes(), 1)


def test_a_first_loss_that_is_not_finite_is_refused():
    model, y = make_model("regressor", LearningRateFinder(), random_state=0)
    with pytest.raises(ValueError, match="the first loss is infinite or NaN: scale X"):
        model.fit(1e200 * X, y)
    assert not hasattr(model, "coefs_")


@in_one_test()
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"lowest": 0}, ValueError, "lowest must be a number greater than 0"),
        ({"lowest": "a"}, TypeError, "lowest must be a number"),
        ({"highest": np.inf}, ValueError, "highest must be a number greater than 0"),
        ({"highest": 1e-7}, ValueError, "highest must be greater than lowest=1e-07, got 1e-07"),
        ({"steps": 9}, ValueError, "steps must be 10 or more, got 9"),
        ({"steps": 10.5}, TypeError, "steps must be an integer"),
        ({"apply": "yes"}, (TypeError, ValueError), "apply must be"),
    ],
)
def test_refused_parameters(arguments, error, message):
    with pytest.raises(error, match=message):
        LearningRateFinder(**arguments)


def test_it_is_set_on_the_estimator_itself():
    model, y = make_model("classifier")
    around = make_pipeline(StandardScaler(), model)
    with pytest.raises(TypeError, match="not on the Pipeline around it"):
        around.set_callbacks(LearningRateFinder()).fit(X, y)
    for other in (around, LinearRegression(), 3, MLPClassifier, Network([2, 1], ["identity"], "half_squared_error")):
        with pytest.raises(TypeError, match="estimator must be an MLPClassifier or MLPRegressor, got"):
            LearningRateFinder().find(other, X, y)
    finder = LearningRateFinder()
    make_pipeline(StandardScaler(), model.set_callbacks(finder)).fit(X, y)
    assert finder.rates


def test_protocol_pickles_and_frames():
    finder = LearningRateFinder(1e-6, 1.0, 40, apply=True)
    assert isinstance(finder, FitCallback)
    assert repr(finder) == "LearningRateFinder(1e-06, 1, steps=40, apply=True)"
    assert np.isnan(finder.suggestion)
    assert finder.to_frame().columns.tolist() == ["rate", "loss", "batch_loss"]
    model, y = make_model("classifier", finder)
    model.fit(X, y)
    frame, again = finder.to_frame(), pickle.loads(pickle.dumps(model))._skl_callbacks[0]
    assert frame.rate.tolist() == again.rates == finder.rates
    assert frame.loss.tolist() == again.losses == finder.losses
    assert frame.batch_loss.tolist() == finder.batch_losses
    assert again.suggestion == finder.suggestion
    assert not vars(finder)["_states"]


def test_searches_with_two_processes_apply_it():
    model, y = make_model("classifier", LearningRateFinder(apply=True))
    plain, _ = make_model("classifier")
    grid = {"hidden_layer_sizes": [(5,), (9,)]}
    search = GridSearchCV(model, grid, cv=2, n_jobs=2, scoring="neg_log_loss").fit(X, y)
    without = GridSearchCV(plain, grid, cv=2, scoring="neg_log_loss").fit(X, y)
    assert (search.cv_results_["mean_test_score"] > without.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize("finder_first", [False, True])
@pytest.mark.parametrize("options", [{}, {"solver": "sgd", "learning_rate": "invscaling"}], ids=repr)
def test_a_resumed_fit_ends_with_the_same_bits(options, finder_first, tmp_path):
    class Killed(Callback):
        def on_epoch_end(self, estimator):
            if estimator.n_iter_ == 3:
                raise InterruptedError

    def callbacks(folder):
        pair = LearningRateFinder(apply=True), Checkpoint(folder)
        return pair if finder_first else pair[::-1]

    expected, y = make_model("classifier", *callbacks(tmp_path / "whole"), **options)
    expected.fit(X, y)
    killed, _ = make_model("classifier", *callbacks(tmp_path / "killed"), Killed(), **options)
    with pytest.raises(InterruptedError):
        killed.fit(X, y)
    resumed, _ = make_model("classifier", *callbacks(tmp_path / "killed"), **options)
    assert everything(resumed.fit(X, y)) == everything(expected)


def test_an_interrupt_leaves_the_initial_weights(monkeypatch):
    initial, y = make_model("classifier", StopAtOnce())
    initial.fit(X, y)
    steps = EpochRunner._steps

    def interrupted(self, start, stop):
        steps(self, start, stop)
        if start == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(EpochRunner, "_steps", interrupted)
    model, _ = make_model("classifier", LearningRateFinder())
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(X, y)
    assert bits(model) == bits(initial)
    assert model._optimizer.t == 0


@pytest.mark.parametrize("dtype", TYPES)
def test_threads_change_no_number(dtype, monkeypatch):
    knobs.let_threads_pay(monkeypatch)
    found = []
    for threads in (1, 2, 3):
        model, y = make_model("classifier", n_jobs=threads, hidden_layer_sizes=(130, 70))
        finder = LearningRateFinder().find(model, X.astype(dtype), y)
        found.append((finder.batch_losses, finder.suggestion))
    assert found[0] == found[1] == found[2]


def test_rows_whose_batches_have_no_weight():
    """Steps that are not made have no rate."""
    weights = np.ones(len(X))
    weights[:100] = 0
    model = MLPRegressor(hidden_layer_sizes=(7,), batch_size=50, shuffle=False, random_state=0, max_iter=2)
    finder = LearningRateFinder().find(model, X, NUMBERS, sample_weight=weights)
    other = LearningRateFinder().find(model, X[100:], NUMBERS[100:])
    np.testing.assert_allclose(finder.batch_losses, other.batch_losses, rtol=1e-9)
    assert finder.rates == other.rates
