"""Scorers of validation rows, estimators around the model, and refused validation data."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from helpers.early_stopping_data import X
from helpers.merged import in_one_test
from helpers.validated_models import CLASSES, LABELS, WEIGHTS, bits, make_model
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss, make_scorer, mean_absolute_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
REFUSED = {
    "no y_val": ({"X_val": X}, "both X_val and y_val, but fit was called without y_val"),
    "no X_val": ({"y_val": CLASSES}, "without X_val"),
    "weights alone": ({"sample_weight_val": WEIGHTS}, "without X_val and y_val"),
    "other length": ({"X_val": X[:20], "y_val": CLASSES[:19]}, "inconsistent numbers of samples"),
    "other features": ({"X_val": X[:20, :1], "y_val": CLASSES[:20]}, "features"),
    "new class": ({"X_val": X[:20], "y_val": CLASSES[:20] + 7}, "classes not in"),
    "labels": ({"X_val": X[:20], "y_val": LABELS[:20]}, "label"),
    "NaN": ({"X_val": np.full((20, X.shape[1]), np.nan), "y_val": CLASSES[:20]}, "NaN"),
    "weights": ({"X_val": X[:20], "y_val": CLASSES[:20], "sample_weight_val": WEIGHTS[:19]}, "sample_weight"),
    "no weight": ({"X_val": X[:20], "y_val": CLASSES[:20], "sample_weight_val": np.zeros(20)}, "sum to zero|zero"),
}


@pytest.mark.parametrize("early_stopping", [False, True])
def test_scores_are_the_scorers_of_the_model_at_that_epoch(early_stopping):
    seen = []

    def scorer(model, X, y, sample_weight=None):
        seen.append(log_loss(y, model.predict_proba(X), sample_weight=sample_weight, labels=model.classes_))
        return -seen[-1]

    model, y = make_model("names", random_state=0, early_stopping=early_stopping, scoring=scorer)
    model.fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:], sample_weight_val=WEIGHTS[150:])
    assert model.validation_scores_ == [-value for value in seen[1:]]  # the first call checks the scorer
    assert model.validation_metric_ == "scorer"
    named, _ = make_model("names", random_state=0, early_stopping=early_stopping, scoring="neg_log_loss")
    named.fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:], sample_weight_val=WEIGHTS[150:])
    assert named.validation_scores_ == pytest.approx(model.validation_scores_, rel=1e-12)
    assert named.validation_metric_ == "neg_log_loss"
    assert (named.best_epoch_ is not None) is early_stopping


def test_scorers_of_a_model_with_feature_names_warn_of_nothing():
    frame = pd.DataFrame(X, columns=[f"column {i}" for i in range(X.shape[1])])
    model, y = make_model("numbers", random_state=0, early_stopping=True, scoring=make_scorer(mean_absolute_error))
    model.fit(frame, y)
    model.fit(frame[:150], y[:150], X_val=frame[150:], y_val=y[150:])
    assert len(model.validation_scores_) == model.n_iter_


def test_predictions_after_a_scorer_warn_of_missing_names():
    """The scorer's copy of the model does not leave its predictor behind."""
    frame = pd.DataFrame(X, columns=[f"column {i}" for i in range(X.shape[1])])
    model, y = make_model("classes", random_state=0, early_stopping=True, scoring="accuracy")
    model.fit(frame, y)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X)


def test_another_scorer_of_the_same_name_begins_anew():
    model, y = make_model("numbers", random_state=0, warm_start=True, early_stopping=True, n_iter_no_change=3)
    for best in (100.0, 1.0):
        model.set_params(scoring=lambda model, X, y, best=best: best).fit(X, y)
        assert model.best_validation_score_ == best
        assert model.best_epoch_ == 1


def test_scores_that_decide_nothing_are_not_said_to_keep_the_initial_weights():
    model, y = make_model("numbers", random_state=0, scoring=lambda model, X, y: np.nan)
    with pytest.warns(ConvergenceWarning, match="was nan in epoch 1") as caught:
        model.fit(X, y, X_val=X, y_val=y)
    assert not any("initial weights" in str(warning.message) for warning in caught)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_scores_that_are_not_finite_are_reported(value):
    model, y = make_model("numbers", random_state=0, early_stopping=True, scoring=lambda model, X, y: value)
    with pytest.warns(ConvergenceWarning, match=r"was (nan|inf) in epoch 1, while the weights stayed finite"):
        model.fit(X, y)


def test_scoring_and_ties_without_validation_rows_change_nothing():
    model, y = make_model("classes", random_state=0, scoring="accuracy", validation_ties="last")
    plain, _ = make_model("classes", random_state=0)
    assert bits(model.fit(X, y)) == bits(plain.fit(X, y))
    assert model.validation_scores_ is model.validation_loss_curve_ is None


def test_pipelines_transform_validation_data():
    with sklearn.config_context(enable_metadata_routing=True):
        model, y = make_model("numbers", random_state=0)
        model.set_fit_request(X_val=True, y_val=True, sample_weight_val=True)
        pipeline = make_pipeline(StandardScaler(), model, transform_input=["X_val"])
        pipeline.fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:], sample_weight_val=WEIGHTS[150:])
    scaler = StandardScaler().fit(X[:150])
    alone, _ = make_model("numbers", random_state=0)
    rows, held = scaler.transform(X[:150]), scaler.transform(X[150:])
    alone.fit(rows, y[:150], X_val=held, y_val=y[150:], sample_weight_val=WEIGHTS[150:])
    assert alone.validation_loss_curve_ == pipeline[-1].validation_loss_curve_


def test_estimators_around_it_take_early_stopping_with_scoring():
    model, y = make_model("numbers", random_state=0, early_stopping=True, scoring="neg_mean_absolute_error")
    around = TransformedTargetRegressor(model, transformer=StandardScaler()).fit(X, y)
    assert len(around.regressor_.validation_scores_) == around.regressor_.n_iter_


@in_one_test()
@pytest.mark.parametrize("case", REFUSED)
def test_refused_validation_data_leave_the_model_unchanged(case):
    options, message = REFUSED[case]
    generator = np.random.RandomState(0)
    model, y = make_model("classes", random_state=generator)
    model.fit(X, y)
    before, drawn, attributes = bits(model), generator.get_state()[1].copy(), set(vars(model))
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, **options)
    assert bits(model) == before
    assert set(vars(model)) == attributes
    assert np.array_equal(generator.get_state()[1], drawn)


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize(
    ("scoring", "error", "message"),
    [
        ("neg_log_loss", AttributeError, "predict_proba"),
        (lambda model, X, y: None, TypeError, "must return a number, but it returned None"),
        (lambda model, X, y: np.zeros(2), TypeError, "must return a number"),
        (lambda model, X, y: 1 / 0, ZeroDivisionError, "zero"),
    ],
)
def test_scorers_that_cannot_work_leave_the_model_unchanged(scoring, error, message, given):
    model, y = make_model("classes", random_state=0)
    model.fit(X, y)
    before, attributes = bits(model), set(vars(model))
    model.set_params(loss="hinge", scoring=scoring, early_stopping=True)
    with pytest.raises(error, match=message):
        model.fit(X, y + 5, **({"X_val": X, "y_val": y + 5} if given else {}))
    assert bits(model) == before
    assert set(vars(model)) == attributes
    assert model.classes_.tolist() == [0, 1, 2]


def test_plain_scorers_do_not_need_sample_weights():
    model, y = make_model("classes", random_state=0, early_stopping=True, class_weight={0: 1, 1: 2, 2: 3})
    model.set_params(scoring=lambda model, X, y: float((model.predict(X) == y).mean()))
    assert model.fit(X, y, sample_weight=WEIGHTS).validation_scores_


def test_a_changed_scorer_begins_anew_without_early_stopping():
    model, y = make_model("classes", random_state=0, warm_start=True, scoring="accuracy")
    model.fit(X, y, X_val=X, y_val=y)
    model.set_params(scoring="neg_log_loss").fit(X, y, X_val=X, y_val=y)
    assert len(model.validation_scores_) == model.n_iter_
    assert max(model.validation_scores_) < 0


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_the_initial_weights_are_kept_if_no_epoch_has_a_score():
    model, y = make_model("numbers", random_state=0, early_stopping=True)
    with pytest.warns(UserWarning, match="Give more validation rows.*No epoch scored better than the initial weights"):
        model.fit(X, y, X_val=X[:1], y_val=y[:1])  # R² of one row is not defined
    assert model.best_epoch_ == 0


def test_validation_data_beyond_float32_are_refused():
    model, y = make_model("numbers", random_state=0)
    for X_val, y_val in ((X[:9] * 1e300, y[:9]), (X[:9], y[:9] * 1e300)):
        with pytest.raises(ValueError, match=r"(X|y)_val has numbers too large for float32"):
            model.fit(X.astype(np.float32), y, X_val=X_val, y_val=y_val)


def test_other_refusals():
    model, y = make_model("numbers")
    with pytest.raises(ValueError, match="y_val has 2 columns of targets, but y has 1"):
        model.fit(X, y, X_val=X, y_val=np.column_stack([y, y]))
    with pytest.raises(ValueError, match="no effect with solver='lbfgs'"):
        model.set_params(solver="lbfgs").fit(X, y, X_val=X, y_val=y)
    model, y = make_model("numbers", early_stopping=True, scoring="no scorer")
    with pytest.raises(ValueError, match="no scorer"):
        model.fit(X, y)
    assert not hasattr(model, "coefs_")
    with pytest.raises(ValueError, match="'validation_ties' parameter"):
        model.set_params(scoring=None, validation_ties="both").fit(X, y)


def test_divergence_without_early_stopping_is_an_error():
    model, y = make_model("numbers", solver="sgd", learning_rate_init=1e150, momentum=0.0, random_state=0)
    with pytest.raises(ValueError, match="non-finite"):
        model.fit(X, y, X_val=X, y_val=y)
    assert np.isnan(model.validation_loss_curve_[-1])


def test_verbose_prints_the_validation_loss(capsys):
    model, y = make_model("classes", verbose=True, random_state=0, max_iter=2)
    model.fit(X, y, X_val=X, y_val=y)
    assert capsys.readouterr().out.count("Validation loss: ") == 2


def test_convergence_warning_is_as_before():
    model, y = make_model("numbers", max_iter=2)
    with pytest.warns(ConvergenceWarning, match="Maximum iterations"):
        model.fit(X, y, X_val=X, y_val=y)
