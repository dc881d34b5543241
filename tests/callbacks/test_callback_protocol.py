"""Callbacks by scikit-learn's protocol: scikit-learn's own, and those of users."""

import numpy as np
import pytest
from helpers import knobs
from helpers.callback_models import MODELS, bits, make_model
from helpers.early_stopping_data import X
from helpers.knobs import set_slice
from helpers.merged import in_one_test
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastmlp import MLPClassifier
from fastmlp.callbacks import Callback, EarlyStopping, History, TimeLimit

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SCORING = {"classifier": "accuracy", "regressor": "r2"}
WEIGHTS = np.linspace(0.5, 2.0, len(X))


class Noted(Callback):
    """List what was called; end the fit after some epochs."""

    def __init__(self, epochs=10**9):
        self.epochs, self.calls = epochs, []

    def setup(self, estimator, context):
        super().setup(estimator, context)
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_begin(self, estimator):
        self.calls.append("fit")

    def on_epoch_begin(self, estimator):
        self.calls.append("epoch")

    def on_epoch_end(self, estimator):
        self.calls.append(estimator.n_iter_)
        assert len(estimator.loss_curve_) == estimator.n_iter_
        return estimator.n_iter_ >= self.epochs

    def on_fit_end(self, estimator):
        self.calls.append("end")


@in_one_test()
@pytest.mark.parametrize("solver", ["adam", "lbfgs", "newton-cg"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_scores_of_each_epoch(name, weighted, solver):
    """A monitor scores the model of each epoch, which does not change when training continues."""
    monitor = ScoringMonitor(scoring=SCORING[name])
    parameters = {"solver": solver, "activation": "tanh"}
    model, y = make_model(name, monitor, **parameters)
    weights = {"sample_weight": WEIGHTS} if weighted else {}
    model.fit(X, y, **weights)
    rows = monitor.get_logs().data
    assert rows[0]["task_name"] == "fit"
    assert rows[0][SCORING[name]] == model.score(X, y, **weights)
    assert [row["task_name"] for row in rows[1:]] == ["epoch" if solver == "adam" else "iteration"] * 5
    for epochs, row in enumerate(rows[1:], start=1):
        shorter, _ = make_model(name, max_iter=epochs, **parameters)
        assert row[SCORING[name]] == shorter.fit(X, y, **weights).score(X, y, **weights)


@pytest.mark.parametrize("name", MODELS)
def test_scores_within_pipelines_and_searches(name):
    monitor = ScoringMonitor(scoring=SCORING[name])
    model, y = make_model(name, monitor, max_iter=3)
    make_pipeline(StandardScaler(), model).fit(X, y)
    assert [row["task_name"] for row in monitor.get_logs().data].count("epoch") == 3
    search = GridSearchCV(model, {"alpha": [1e-4, 1e-3]}, n_jobs=2, cv=2).fit(X, y)
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(rows) == 3 * (2 * 2 + 1)
    assert all(np.isfinite(row[SCORING[name]]) for row in rows)
    assert search.best_estimator_.n_iter_ == 3


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("around", ["nothing", "a pipeline", "a search"])
@pytest.mark.parametrize("name", MODELS)
def test_progress_bars(name, around, solver, capsys):
    model, y = make_model(name, solver=solver)
    if around == "a pipeline":
        model = make_pipeline(StandardScaler(), model)
    elif around == "a search":
        model = GridSearchCV(model, {"alpha": [1e-4, 1e-3]}, n_jobs=2, cv=2)
    model.set_callbacks(ProgressBar()).fit(X, y)
    shown = capsys.readouterr().out
    assert "fit" in shown
    assert "100%" in shown


@pytest.mark.parametrize("name", MODELS)
def test_order_of_calls(name):
    noted = Noted()
    model, y = make_model(name, noted, max_iter=2)
    model.fit(X, y)
    assert noted.calls == ["setup", "fit", "epoch", 1, "epoch", 2, "end", "teardown"]


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_callbacks_change_no_bit(name, early_stopping):
    plain, y = make_model(name, early_stopping=early_stopping)
    watched, _ = make_model(
        name, Noted(), History(), ScoringMonitor(scoring=SCORING[name]), early_stopping=early_stopping
    )
    assert bits(plain.fit(X, y)) == bits(watched.fit(X, y))
    assert plain.loss_curve_ == watched.loss_curve_


@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", MODELS)
def test_a_callback_ends_the_fit(name):
    """Without the warning that training has not converged."""
    model, y = make_model(name, Noted(3))
    model.fit(X, y)
    assert model.n_iter_ == len(model.loss_curve_) == 3
    shorter, _ = make_model(name, Noted(3), max_iter=200)
    assert bits(shorter.fit(X, y)) == bits(model)


class EndsWithin(Callback):
    """End the fit at the first opportunity within an epoch."""

    def is_over(self, estimator):
        return True


def test_a_fit_ends_within_an_epoch(monkeypatch):
    """Between two slices of steps; the loss is the mean over the steps that were made."""
    set_slice(monkeypatch)
    model, y = make_model("regressor", EndsWithin(), shuffle=False, batch_size=10, max_iter=1)
    model.fit(X, y)
    shorter, _ = make_model("regressor", shuffle=False, batch_size=10, max_iter=1)
    shorter.fit(X[:10], y[:10])
    assert bits(model) == bits(shorter)
    assert model.loss_ == shorter.loss_


class Halve(Callback):
    """Halve all weights, before or after each epoch."""

    def on_epoch_end(self, estimator):
        for array in (*estimator.coefs_, *estimator.intercepts_):
            array *= 0.5


@pytest.mark.parametrize("name", MODELS)
def test_weights_changed_by_a_callback_are_trained_on(name):
    """As by single epochs, between which the weights are changed by hand."""
    plain = {
        "solver": "sgd",
        "momentum": 0.0,
        "shuffle": False,
        "hidden_layer_sizes": (7, 5),
        "learning_rate_init": 0.1,
    }
    model, y = make_model(name, Halve(), **plain)
    model.fit(X, y)
    single, _ = make_model(name, **plain, warm_start=True)
    single.set_params(max_iter=1, random_state=np.random.RandomState(0))
    for _ in range(5):
        single.fit(X, y)
        Halve().on_epoch_end(single)
    assert bits(model) == bits(single)


def test_errors_in_callbacks_reach_the_user_and_end_with_teardown():
    class Broken(Noted):
        def on_epoch_end(self, estimator):
            raise RuntimeError("broken")

    broken = Broken()
    model, y = make_model("classifier", broken)
    with pytest.raises(RuntimeError, match="broken"):
        model.fit(X, y)
    assert broken.calls == ["setup", "fit", "epoch", "teardown"]
    model.set_callbacks().fit(X, y)


def test_refused_fits_end_with_teardown_and_change_nothing():
    noted = Noted()
    model, y = make_model("classifier", noted)
    model.fit(X, y)
    before, attributes = bits(model), set(vars(model))
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.full_like(X, np.nan), y)
    assert bits(model) == before
    assert set(vars(model)) == attributes
    assert noted.calls[-3:] == ["setup", "fit", "teardown"]


def test_partial_fit_has_no_tasks():
    noted = Noted()
    model, y = make_model("regressor", noted)
    model.partial_fit(X, y).partial_fit(X, y)
    assert noted.calls == []


@pytest.mark.parametrize("callback", [TimeLimit(9.0), History(), EarlyStopping("loss"), Callback()], ids=repr)
def test_callbacks_of_epochs_are_set_on_the_estimator_itself(callback):
    model, y = make_model("classifier")
    for around in (make_pipeline(StandardScaler(), model), GridSearchCV(model, {"alpha": [0.1]}, cv=2)):
        with pytest.raises(TypeError, match=f"not on the {type(around).__name__} around it"):
            around.set_callbacks(callback).fit(X, y)


def test_a_fit_ends_within_a_long_step(monkeypatch):
    """A single step that takes longer than an interrupt may wait is cancelled."""
    knobs.set_interrupt_latency(monkeypatch, 0.001)
    model, y = make_model("regressor", EndsWithin(), batch_size=len(X), hidden_layer_sizes=(2000, 2000), n_jobs=1)
    model.set_params(max_iter=1000).fit(X, y)
    assert model.n_iter_ == len(model.loss_curve_) == 0
    initial, _ = make_model("regressor", EndsWithin(), batch_size=len(X), hidden_layer_sizes=(2000, 2000), n_jobs=1)
    assert bits(initial.fit(X, y)) == bits(model)


def test_what_is_no_callback_is_refused():
    with pytest.raises(TypeError, match="FitCallback protocol"):
        MLPClassifier().set_callbacks(print)
