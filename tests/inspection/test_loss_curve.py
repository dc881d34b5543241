"""`LossCurveDisplay`: the curves are those of the estimator, and the best epoch is where it belongs."""

from types import SimpleNamespace

import numpy as np
import pytest
from helpers.drawn_models import SIGN, X

from fastmlp import MLPClassifier
from fastmlp.callbacks import History
from fastmlp.inspection import LossCurveDisplay


def row(loss, validation_loss=None, validation_score=None):
    return {"loss": loss, "validation_loss": validation_loss, "validation_score": validation_score}


def test_curves_are_those_of_the_fit(models):
    model = models["binary"][0]
    display = LossCurveDisplay.from_estimator(model)
    for line, values in zip(
        display.lines_, (model.loss_curve_, model.validation_loss_curve_, model.validation_scores_), strict=True
    ):
        assert line.get_ydata().tolist() == values
        assert line.get_xdata().tolist() == list(range(1, model.n_iter_ + 1))
    assert display.score_ax_.get_ylabel() == "accuracy (dashed)"
    assert set(display.best_line_.get_xdata()) == {model.best_epoch_}
    shown = [text.get_text() for text in display.score_ax_.get_legend().get_texts()]
    assert shown == ["training loss", "validation loss", "accuracy", f"best epoch: {model.best_epoch_}"]


def test_without_validation_there_is_one_curve(models):
    display = LossCurveDisplay.from_estimator(models["multi-class"][0])
    assert len(display.lines_) == 1 and display.score_ax_ is None and display.best_line_ is None


def test_the_best_epoch_of_a_warm_start_is_counted_from_the_first():
    model = MLPClassifier((3,), early_stopping=True, warm_start=True, max_iter=300, tol=1.0, random_state=0)
    model.set_params(learning_rate_init=1e-6).fit(X, SIGN)
    before = model.n_iter_
    model.set_params(learning_rate_init=0.02, tol=1e-4).fit(X, SIGN)
    assert model.best_epoch_ > 0 and len(model.loss_curve_) == before + model.n_iter_
    assert LossCurveDisplay.from_estimator(model).best_epoch == before + model.best_epoch_


def test_curves_of_the_last_epochs_only_begin_later():
    model = MLPClassifier((3,), warm_start=True, max_iter=300, tol=1.0, random_state=0)
    model.fit(X, SIGN)
    before = len(model.loss_curve_)
    model.fit(X, SIGN, X_val=X, y_val=SIGN)
    display = LossCurveDisplay.from_estimator(model)
    assert len(model.validation_loss_curve_) < len(model.loss_curve_)
    assert np.isnan(display.validation_loss[:before]).all() and np.isfinite(display.validation_loss[before:]).all()


def test_initial_weights_that_were_best_are_mentioned():
    display = LossCurveDisplay([2.0, 3.0], validation_loss=[2.0, 3.0], best_epoch=0).plot()
    assert display.best_line_ is None
    assert display.ax_.get_legend().get_title().get_text() == "best: the initial weights"


def test_a_history_is_drawn():
    history = History()
    model = MLPClassifier((3,), max_iter=300, tol=1.0, random_state=0).set_callbacks(history)
    model.fit(X, SIGN, X_val=X, y_val=SIGN)
    display = LossCurveDisplay.from_history(history, log_scale=True)
    assert display.loss.tolist() == model.loss_curve_
    assert display.best_epoch == np.argmin(model.validation_loss_curve_) + 1
    assert display.ax_.get_yscale() == "log"


def test_the_best_epoch_of_a_history_is_that_of_the_best_score():
    history = SimpleNamespace(rows=[row(3.0, 3.0, 0.1), row(2.0, 2.0, 0.9), row(1.0, 1.0, 0.8)])
    assert LossCurveDisplay.from_history(history).best_epoch == 2
    history = SimpleNamespace(rows=[row(3.0, np.nan), row(2.0, 2.0), row(1.0, 3.0)])
    assert LossCurveDisplay.from_history(history).best_epoch == 2
    assert LossCurveDisplay.from_history(SimpleNamespace(rows=[row(3.0), row(2.0)])).best_epoch is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"loss": []}, "holds none"),
        ({"loss": [[1.0]]}, "one number for each epoch"),
        ({"loss": [1.0], "validation_loss": [1.0, 2.0]}, "validation_loss must be 1 numbers"),
        ({"loss": [1.0], "best_epoch": 2}, "from 0 to 1"),
    ],
)
def test_data_that_do_not_fit_are_refused(given, message):
    with pytest.raises(ValueError, match=message):
        LossCurveDisplay(**given)


def test_a_single_epoch_is_a_point():
    lines = LossCurveDisplay([1.0], validation_loss=[2.0], validation_score=[0.5]).plot().lines_
    assert [line.get_marker() for line in lines] == ["o"] * 3


def test_the_curve_of_an_earlier_fit_is_not_drawn():
    """A warm start with another solver leaves it."""
    model = MLPClassifier((2,), max_iter=300, tol=1.0, random_state=0, warm_start=True).fit(X, SIGN)
    model.set_params(solver="lbfgs", tol=1e-2).fit(X, SIGN)
    with pytest.raises(ValueError, match="no loss curve: solver='lbfgs' has no epochs"):
        LossCurveDisplay.from_estimator(model)
