"""Displays of the estimators for tables: curves, learning rates, scales of columns; the others refuse them by name."""

import sys

import numpy as np
import pytest
from helpers.drawn_models import SIGN
from helpers.drawn_models import X as NUMBERS
from helpers.tabular_models import T, X, Y, classifier, regressor
from matplotlib import pyplot
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from fastmlp import MLPClassifier
from fastmlp.callbacks import History
from fastmlp.inspection import (
    FeatureScalesDisplay,
    GradientFlowDisplay,
    LearningRateDisplay,
    LossCurveDisplay,
    LossSurfaceDisplay,
    NetworkDisplay,
    UnitDisplay,
)


def legend_of(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_loss_curves_are_the_means_of_the_members():
    judged = {"validation_fraction": 0.25, "scoring": "accuracy", "n_members": 3, "max_iter": 6, "random_state": 2}
    model = classifier(**judged, learning_rate=0.2).fit(X, Y)
    display = LossCurveDisplay.from_estimator(model, log_scale=True)
    curves = model.loss_curve_, model.validation_loss_curve_, model.validation_scores_
    for line, values in zip(display.lines_, curves, strict=True):
        assert line.get_ydata().tolist() == values and line.get_xdata().tolist() == list(range(1, 7))
    best = sorted(set(model.best_epochs_))
    assert len(best) > 1, "choose another seed, so that members have different best epochs"
    assert display.best_epoch == model.best_epochs_ and display.score_ax_.get_ylabel() == "accuracy (dashed)"
    assert legend_of(display.score_ax_)[-1] == f"best epochs of the members: {', '.join(map(str, best))}"
    assert [line.get_xdata()[0] for line in display.ax_.get_lines() if line.get_linestyle() == ":"] == best
    display.figure_.draw_without_rendering()
    plain = LossCurveDisplay.from_estimator(regressor().fit(X, T))
    assert len(plain.lines_) == 1 and plain.best_line_ is None and plain.score_ax_ is None
    again = regressor(validation_fraction=0.25, refit=True, max_iter=6, learning_rate=0.5).fit(X, T)
    display = LossCurveDisplay.from_estimator(again)
    assert len(again.loss_curve_) < 6 and len(display.loss) == len(display.validation_loss) == 6
    assert np.isnan(display.loss[len(again.loss_curve_) :]).all() and display.best_line_ is not None
    more = regressor(warm_start=True, validation_fraction=0.25).fit(X, T).set_params(n_members=3, max_iter=2).fit(X, T)
    display = LossCurveDisplay.from_estimator(more)
    assert len(display.loss) == 2 and display.best_line_ is None
    more.loss_curve_, more.validation_loss_curve_ = [], None  # as after a callback's end within the first epoch
    with pytest.raises(ValueError, match="no loss curve, because its fit was ended within the first epoch"):
        LossCurveDisplay.from_estimator(more)


def test_learning_rates_are_those_of_the_recipe():
    history = History()
    model = regressor(history, learning_rate=0.3, max_iter=8)
    display = LearningRateDisplay.from_estimator(model)
    assert display.ax_.get_xlabel() == "epoch" and display.rates.max() == pytest.approx(0.3, rel=1e-3)
    assert display.steps[0] == 0 and 7.9 < display.steps[-1] < 8 and display.rates[0] == 0
    model.fit(X, T)
    by_step = LearningRateDisplay.from_estimator(model, n_steps=24, log_scale=True)
    assert by_step.ax_.get_xlabel() == "step"
    assert by_step.rates.tolist() == model.recipe_.learning_rates(24)(np.arange(24)).tolist()
    recorded = LearningRateDisplay.from_history(history)
    assert recorded.rates.tolist() == [row["learning_rate"] for row in history.rows]
    assert by_step.ax_.get_title() == "TabularMLPRegressor, recipe='fast'"


def test_scales_of_columns():
    table = X.assign(**{"$cost": np.arange(len(X)) % 5.0, "constant": 1.0})
    model = classifier(n_members=3, numeric_encoding="auto").fit(table, Y)
    display = FeatureScalesDisplay.from_estimator(model)
    assert display.scales.tolist() == model.feature_scales_.tolist() and display.member_scales.shape == (3, 5)
    assert np.array_equal(display.member_scales.mean(axis=0), model.feature_scales_)
    order = np.argsort(-model.feature_scales_)
    assert [bar.get_width() for bar in display.bars_] == model.feature_scales_[order].tolist()
    names = [label.get_text().replace("\\$", "$") for label in display.ax_.get_yticklabels()]
    assert names == [table.columns[number] for number in order] and names[-1] == "constant"
    dots = display.ax_.get_lines()[0]
    assert sorted(dots.get_xdata()) == sorted(display.member_scales.ravel())
    assert legend_of(display.ax_) == ["members", "before the training"]
    display.figure_.draw_without_rendering()
    bottom, top = display.ax_.get_ylim()
    assert bottom > top, "the largest comes first"
    figure, axes = pyplot.subplots(1, 2)
    assert display.plot(ax=axes[1], max_features=2) is display and display.figure_ is figure
    assert len(display.bars_) == 2 and display.ax_.get_ylabel() == "2 of 5 columns" and not axes[0].has_data()
    one = FeatureScalesDisplay.from_estimator(regressor(n_members=1).fit(X.to_numpy()[:, :2].astype(float), T))
    assert legend_of(one.ax_) == ["before the training"] and one.feature_names == ["x0", "x1"]
    assert FeatureScalesDisplay([2.0]).plot(max_features=None).feature_names == ["x"]
    for given, message in (
        (([[1.0]],), "one number for each column"), (([],), "one number for each column"),
        (([1.0], [[1.0, 2.0]]), r"member_scales must be of shape \(n_members, 1\)"), (([1.0], None, []), "be 1 names"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            FeatureScalesDisplay(**dict(zip(("scales", "member_scales", "feature_names"), given, strict=False)))
    with pytest.raises(ValueError, match="max_features must be"):
        display.plot(max_features=0)


def test_what_is_not_fitted_or_of_another_kind_is_refused_by_name(monkeypatch):
    for draw in (LossCurveDisplay, FeatureScalesDisplay):
        with pytest.raises(NotFittedError):
            draw.from_estimator(classifier())
    network = MLPClassifier((2,), max_iter=300, tol=1.0).fit(NUMBERS, SIGN)
    with pytest.raises(TypeError, match=r"needs a TabularMLPClassifier or .*, got MLPClassifier, which has no scales"):
        FeatureScalesDisplay.from_estimator(network)
    for draw in (LossCurveDisplay, FeatureScalesDisplay, LearningRateDisplay):
        with pytest.raises(TypeError, match="TabularMLPRegressor, got Pipeline: pass its last step"):
            draw.from_estimator(make_pipeline(classifier()))
    model, message = (
        classifier().fit(X, Y),
        r"got TabularMLPClassifier, whose members are .*: FeatureScalesDisplay, Loss",
    )
    for display, given in (
        (NetworkDisplay, ()), (UnitDisplay, (X, Y)), (LossSurfaceDisplay, (X, Y)), (GradientFlowDisplay, (X, Y)),
    ):  # fmt: skip
        with pytest.raises(TypeError, match=rf"{display.__name__}\.from_estimator needs .*{message}"):
            display.from_estimator(model, *given)
    history = History()
    regressor(history).fit(X, T)
    assert LossCurveDisplay.from_history(history).loss.tolist() == [row["loss"] for row in history.rows]
    with pytest.raises(ValueError, match="no gradient norms in 4 epochs"):
        GradientFlowDisplay.from_history(history)
    assert len(pyplot.get_fignums()) == 1
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    for draw in (LossCurveDisplay, FeatureScalesDisplay, LearningRateDisplay):
        with pytest.raises(ImportError, match=rf"{draw.__name__}\.from_estimator needs .*pip install"):
            draw.from_estimator(model)
