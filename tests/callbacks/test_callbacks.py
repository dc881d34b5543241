"""The package's callbacks: history, early stopping, time limit."""

import pickle

import joblib
import numpy as np
import pytest
from helpers.callback_models import bits, make_model
from helpers.early_stopping_data import X
from helpers.merged import in_one_test
from sklearn.base import clone
from sklearn.callback import FitCallback
from sklearn.model_selection import GridSearchCV

from fastmlp.callbacks import Callback, EarlyStopping, History, TimeLimit

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_fits_in_threads_share_no_state():
    """One callback in the clones of a search with threads: the models are those of fits one after the other."""
    model, y = make_model("classifier", EarlyStopping("loss", patience=2), learning_rate_init=0.3, max_iter=40)
    grid = {"hidden_layer_sizes": [(3,), (30,), (5, 5), (9,)]}
    found = []
    for n_jobs in (1, 3):
        with joblib.parallel_config("threading", n_jobs=n_jobs):
            found.append(GridSearchCV(model, grid, cv=2).fit(X, y).cv_results_["mean_test_score"].tolist())
    assert found[0] == found[1]


@pytest.mark.parametrize("callback", [Callback(), EarlyStopping(), History(), TimeLimit(1.0)], ids=repr)
def test_callbacks_of_the_package_follow_the_protocol(callback):
    assert isinstance(callback, FitCallback)
    assert type(pickle.loads(pickle.dumps(callback))) is type(callback)
    model, _ = make_model("classifier", callback)
    assert pickle.loads(pickle.dumps(model))._skl_callbacks[0] is not callback
    assert clone(model)._skl_callbacks[0] is callback


def test_history_holds_each_epoch():
    history = History()
    model, y = make_model("regressor", history, early_stopping=True, solver="sgd", learning_rate="invscaling")
    model.fit(X, y)
    frame = history.to_frame()
    assert frame.epoch.tolist() == list(range(1, 6))
    assert frame.loss.tolist() == model.loss_curve_
    assert frame.validation_loss.tolist() == model.validation_loss_curve_
    assert frame.validation_score.tolist() == model.validation_scores_
    assert (frame.learning_rate.diff().dropna() < 0).all()
    assert frame.seconds.is_monotonic_increasing
    model.set_params(early_stopping=False, max_iter=2).fit(X, y)
    assert len(history.rows) == 2
    assert history.to_frame().validation_score.isna().all()


@in_one_test()
@pytest.mark.parametrize("monitor", ["loss", "validation_loss", "validation_score"])
@pytest.mark.parametrize("restore", [False, True])
def test_early_stopping_by_a_number(monitor, restore):
    stopping = EarlyStopping(monitor, patience=3, restore_best_weights=restore)
    parameters = {"learning_rate_init": 0.5, "max_iter": 100, "scoring": "accuracy", "n_iter_no_change": 10**6}
    model, y = make_model("classifier", stopping, **parameters)
    model.fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:])
    names = {
        "loss": "loss_curve_",
        "validation_loss": "validation_loss_curve_",
        "validation_score": "validation_scores_",
    }
    values = getattr(model, names[monitor])
    best = int(np.argmax(values) if monitor == "validation_score" else np.argmin(values))
    assert (stopping.best_epoch_, stopping.best_) == (best + 1, values[best])
    assert model.n_iter_ == best + 4 < 100
    plain, _ = make_model("classifier", **{**parameters, "max_iter": best + 1 if restore else model.n_iter_})
    assert bits(plain.fit(X[:150], y[:150])) == bits(model)


def test_early_stopping_restores_the_average():
    """Of the epoch that was best, not the weights that were trained."""
    parameters = {"ema": 0.9, "learning_rate_init": 0.5, "n_iter_no_change": 10**6}
    stopping = EarlyStopping(patience=3)
    model, y = make_model("classifier", stopping, **parameters, max_iter=100)
    model.fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:])
    assert stopping.best_epoch_ == model.n_iter_ - 3
    shorter, _ = make_model("classifier", **parameters, max_iter=stopping.best_epoch_)
    assert bits(shorter.fit(X[:150], y[:150])) == bits(model)


def test_early_stopping_counts_improvements_of_min_delta():
    stopping = EarlyStopping("loss", patience=2, min_delta=1e6)
    model, y = make_model("regressor", stopping, max_iter=50)
    assert model.fit(X, y).n_iter_ == 3
    assert stopping.best_epoch_ == 1


@pytest.mark.parametrize("monitor", ["validation_loss", "validation_score"])
def test_early_stopping_without_its_number(monitor):
    model, y = make_model("regressor", EarlyStopping(monitor))
    with pytest.raises(ValueError, match=f"monitors '{monitor}', but this fit has none: pass validation rows"):
        model.fit(X, y)


@in_one_test()
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"monitor": "accuracy"}, ValueError, "monitor must be one of 'loss', 'validation_loss'"),
        ({"patience": 0}, ValueError, "patience must be 1 or more"),
        ({"patience": 2.5}, TypeError, "patience must be an integer"),
        ({"min_delta": -1}, ValueError, "min_delta must be a number of at least 0"),
        ({"min_delta": "a"}, TypeError, "min_delta must be a number"),
        ({"monitor": ["loss"]}, ValueError, "monitor must be one of"),
    ],
)
def test_early_stopping_refuses(arguments, error, message):
    with pytest.raises(error, match=message):
        EarlyStopping(**arguments)


def test_time_limit(monkeypatch):
    """A clock that goes by a second an epoch."""
    now = [0.0]
    monkeypatch.setattr("fastmlp.callbacks.time_limit.time.monotonic", lambda: now[0])

    class Clock(Callback):
        def on_epoch_begin(self, estimator):
            now[0] += 1.0

    model, y = make_model("regressor", Clock(), TimeLimit(3.5), max_iter=100)
    assert model.fit(X, y).n_iter_ == 4
    assert model.fit(X, y).n_iter_ == 4


@pytest.mark.parametrize(
    ("seconds", "error"), [("1", TypeError), (True, TypeError), (0, ValueError), (-1.0, ValueError)]
)
def test_time_limit_refuses(seconds, error):
    with pytest.raises(error, match="seconds must be"):
        TimeLimit(seconds)
    for endless in (float("nan"), 10**400):
        with pytest.raises(ValueError, match="seconds must be a number greater than 0"):
            TimeLimit(endless)


def test_early_stopping_after_values_that_are_not_numbers():
    """The first value, and some of the others, are NaN."""
    scores = iter([0.0, np.nan, 1.0, np.nan, 3.0, np.nan, np.nan, np.nan])
    stopping = EarlyStopping("validation_score", patience=3)
    model, y = make_model("regressor", stopping, max_iter=50, scoring=lambda model, X, y: next(scores))
    with pytest.warns(UserWarning, match="was nan"):
        model.fit(X, y, X_val=X, y_val=y)
    assert (stopping.best_epoch_, stopping.best_, model.n_iter_) == (4, 3.0, 7)
    shorter, _ = make_model("regressor", max_iter=4)
    assert bits(shorter.fit(X, y)) == bits(model)


def test_early_stopping_restores_the_best_weights_of_a_fit_that_fails():
    stopping = EarlyStopping("loss")
    model, y = make_model("regressor", stopping, Killed(3))
    with pytest.raises(InterruptedError):
        model.fit(X, y)
    shorter, _ = make_model("regressor", max_iter=stopping.best_epoch_)
    assert bits(shorter.fit(X, y)) == bits(model)
    assert not vars(stopping).get("_states")


class Killed(Callback):
    def __init__(self, epochs):
        self.epochs = epochs

    def on_epoch_begin(self, estimator):
        if estimator.n_iter_ == self.epochs:
            for array in estimator.coefs_:
                array[...] = np.nan
            raise InterruptedError


def test_two_rules_of_early_stopping_exclude_each_other():
    model, y = make_model("regressor", EarlyStopping("loss"), early_stopping=True)
    with pytest.raises(ValueError, match="both end the fit and restore weights: use one of them"):
        model.fit(X, y)
    assert not hasattr(model, "coefs_")


def test_history_of_a_warm_start_without_validation_rows():
    history = History()
    model, y = make_model("regressor", history, warm_start=True, early_stopping=True)
    model.fit(X, y).set_params(early_stopping=False).fit(X, y)
    assert (
        {row["validation_score"] for row in history.rows} == {row["validation_loss"] for row in history.rows} == {None}
    )
