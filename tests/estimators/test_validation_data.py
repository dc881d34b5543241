"""Validation data given to `fit`, scorers, the validation loss of each epoch and the epoch that is kept."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import sklearn
from helpers.early_stopping_data import NUMBERS, TYPES, X
from helpers.loss_cases import CASES, make_problem
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss, make_scorer, mean_absolute_error
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastmlp import Huber, MLPClassifier, MLPRegressor, Quantile
from fastmlp.engine.prediction import predict
from fastmlp.training.validation_loss import ValidationLoss

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CLASSES = (NUMBERS > 0).astype(int) + (NUMBERS > 1)
NAMES = np.array(["few", "many", "none"])[CLASSES]
LABELS = np.column_stack([X[:, 0] > 0, X[:, 1] > 0.5]).astype(int)
WEIGHTS = np.linspace(0.5, 2.0, len(X))

#: name → (estimator, parameters, targets)
MODELS = {
    "classes": (MLPClassifier, {}, CLASSES),
    "two classes": (MLPClassifier, {}, CLASSES > 0),
    "names": (MLPClassifier, {"loss": "focal"}, NAMES),
    "labels": (MLPClassifier, {}, LABELS),
    "numbers": (MLPRegressor, {}, NUMBERS),
    "two targets": (MLPRegressor, {"loss": Huber(0.5)}, np.column_stack([NUMBERS, X[:, 0]])),
    "quantiles": (MLPRegressor, {"loss": Quantile((0.1, 0.9))}, NUMBERS),
}
SMALL = {"hidden_layer_sizes": (7,), "max_iter": 12, "learning_rate_init": 0.02, "batch_size": 32}


def make_model(name, **parameters):
    estimator, own, y = MODELS[name]
    return estimator(**{**SMALL, **own, **parameters}), y


def bits(model):
    return [array.tobytes() for array in (*model.coefs_, *model.intercepts_)]


# What is computed


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", CASES)
def test_outputs_beside_the_losses_are_those_of_predictions(name, dtype):
    problem = make_problem(CASES[name], rows=90, dtype=dtype)
    order = np.random.RandomState(1).permutation(90)[:71]
    loss = ValidationLoss(problem.network, problem.dataset, order)
    loss()
    expected = predict(problem.network, problem.dataset, order)
    arranged = problem.network.loss_function.arrange
    assert arranged(loss.outputs).tobytes() == arranged(expected).tobytes()


@pytest.mark.parametrize("name", MODELS)
def test_validation_loss_curve_is_the_loss_of_the_validation_rows(name):
    """The last entry is that of the fitted model, and the training loss still decides."""
    model, y = make_model(name, random_state=0, shuffle=False)
    model.fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:], sample_weight_val=WEIGHTS[150:])
    assert len(model.validation_loss_curve_) == len(model.loss_curve_) == model.n_iter_
    assert model.validation_scores_ is model.best_epoch_ is model.best_validation_score_ is None
    assert model.validation_metric_ == "neg_loss"
    plain, _ = make_model(name, random_state=0, shuffle=False)
    assert bits(plain.fit(X[:150], y[:150])) == bits(model)
    assert plain.validation_loss_curve_ is plain.validation_metric_ is None
    # A further epoch without a step: its training loss is the validation loss.
    still, _ = make_model(name, random_state=0, shuffle=False, solver="sgd", learning_rate_init=1e-300, alpha=0.0)
    still.set_params(warm_start=True, max_iter=1, batch_size=len(y) - 150, momentum=0.0)
    for attribute, value in vars(model).items():
        if attribute.endswith("_") and attribute not in still.get_params():
            setattr(still, attribute, value)
    still._label_binarizer = getattr(model, "_label_binarizer", None)
    if name == "quantiles":  # validation sorts quantiles that cross, training does not
        assert np.isfinite(model.validation_loss_curve_).all()
        return
    if isinstance(model, MLPClassifier) and name != "labels":
        assert set(y[150:]) == set(y)
    still.fit(X[150:], y[150:], sample_weight=WEIGHTS[150:])
    assert model.validation_loss_curve_[-1] == pytest.approx(still.loss_, rel=1e-9)


@pytest.mark.parametrize("kind", ["float32", "csr", "fortran", "frame", "list", "csc"])
def test_validation_data_of_any_kind(kind):
    make = {
        "float32": lambda A: A.astype(np.float32),
        "csr": scipy.sparse.csr_matrix,
        "csc": scipy.sparse.csc_array,
        "fortran": np.asfortranarray,
        "frame": lambda A: pd.DataFrame(A, columns=[f"column {i}" for i in range(A.shape[1])]),
        "list": lambda A: A.tolist(),
    }[kind]
    model, y = make_model("classes", random_state=0)
    expected, _ = make_model("classes", random_state=0)
    rows = make(X) if kind == "frame" else X
    expected.fit(rows[:150], y[:150], X_val=X[150:] if kind != "frame" else rows[150:], y_val=y[150:])
    model.fit(rows[:150], y[:150], X_val=make(X[150:]), y_val=list(y[150:]))
    assert model.validation_loss_curve_ == pytest.approx(
        expected.validation_loss_curve_, rel=1e-6 if kind == "float32" else 1e-12
    )


# Early stopping by given rows


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("scoring", [None, "loss", "scorer"])
@pytest.mark.parametrize("name", MODELS)
def test_the_split_of_early_stopping_given_by_hand(name, scoring, weighted):
    """With the generator as the split leaves it, the same model comes out, bit for bit."""
    if scoring == "scorer":
        scoring = "accuracy" if MODELS[name][0] is MLPClassifier else "neg_mean_absolute_error"
        if name == "quantiles":
            scoring = by_middle_quantile
    generator = np.random.RandomState(5)
    split, y = make_model(name, early_stopping=True, scoring=scoring, random_state=generator, n_iter_no_change=3)
    initial, _ = make_model(name, max_iter=1, solver="sgd", learning_rate_init=1e-300, random_state=5)
    initial.fit(X, y)
    given, _ = make_model(name, early_stopping=True, scoring=scoring, warm_start=True, n_iter_no_change=3)
    for attribute, value in vars(initial).items():
        if attribute not in given.get_params():
            setattr(given, attribute, value)
    given.loss_curve_, given.t_ = [], 0
    given.validation_scores_, given.best_validation_score_, given._no_improvement_count = [], -np.inf, 0
    split.fit(X, y, sample_weight=WEIGHTS if weighted else None)
    # What the split draws after the initial weights:
    generator = np.random.RandomState(5)
    for fan_in, fan_out in zip(initial_sizes(initial), initial_sizes(initial)[1:], strict=False):
        generator.uniform(size=(fan_in, fan_out)), generator.uniform(size=fan_out)
    stratify = y if name == "two classes" else None
    train, held = train_test_split(np.arange(len(X)), test_size=0.1, random_state=generator, stratify=stratify)
    given.set_params(random_state=generator)
    options = {"sample_weight": WEIGHTS[train], "sample_weight_val": WEIGHTS[held]} if weighted else {}
    given.fit(X[train], y[train], X_val=X[held], y_val=y[held], **options)
    assert bits(given) == bits(split)
    assert given.validation_scores_ == split.validation_scores_
    assert given.validation_loss_curve_ == split.validation_loss_curve_
    assert (given.n_iter_, given.best_epoch_) == (split.n_iter_, split.best_epoch_)


def initial_sizes(model):
    return [model.n_features_in_, *(len(biases) for biases in model.intercepts_)]


def by_middle_quantile(model, X, y, sample_weight=None):
    return -mean_absolute_error(y, model.predict(X).mean(axis=1), sample_weight=sample_weight)


@pytest.mark.parametrize("name", MODELS)
def test_the_best_epoch_is_kept(name):
    model, y = make_model(name, early_stopping=True, random_state=0, scoring="loss", max_iter=40)
    model.set_params(learning_rate_init=0.3).fit(X[:150], y[:150], X_val=X[150:], y_val=y[150:])
    best = int(np.argmin(model.validation_loss_curve_))
    assert model.best_epoch_ == best + 1
    assert best + 1 < model.n_iter_
    assert model.validation_scores_ == [-loss for loss in model.validation_loss_curve_]
    again, _ = make_model(name, random_state=0, max_iter=best + 1, learning_rate_init=0.3)
    assert bits(again.fit(X[:150], y[:150])) == bits(model)


def test_ties_keep_the_first_or_the_last_epoch():
    """The score rises once, in the third epoch."""
    scores = []

    def scorer(model, X, y):
        scores.append(len(scores))  # the first call is made before training
        return 0.5 if len(scores) < 4 else 1.0

    models = {}
    for ties in ("first", "last"):
        scores.clear()
        model, y = make_model("classes", early_stopping=True, scoring=scorer, random_state=0, validation_ties=ties)
        models[ties] = model.set_params(n_iter_no_change=4).fit(X, y)
    assert models["first"].best_epoch_ == 3
    assert models["last"].best_epoch_ == models["last"].n_iter_ == models["first"].n_iter_
    assert models["last"].validation_scores_ == models["first"].validation_scores_
    assert bits(models["last"]) != bits(models["first"])
    default, _ = make_model("classes")
    assert default.validation_ties == "first"


# Scorers


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


def test_a_warm_start_without_validation_data_has_no_validation_values():
    model, y = make_model("numbers", random_state=0, warm_start=True)
    model.fit(X, y, X_val=X[:9], y_val=y[:9])
    assert len(model.validation_loss_curve_) == model.n_iter_
    model.fit(X, y, X_val=X[:9], y_val=y[:9])
    assert len(model.validation_loss_curve_) == len(model.loss_curve_)
    model.fit(X, y)
    assert model.validation_loss_curve_ is model.validation_metric_ is None
    model.set_params(early_stopping=True).fit(X, y)
    assert model.validation_scores_
    model.set_params(early_stopping=False).fit(X, y, X_val=X[:9], y_val=y[:9])
    assert model.validation_scores_ is None


def test_another_scorer_of_the_same_name_begins_anew():
    model, y = make_model("numbers", random_state=0, warm_start=True, early_stopping=True, n_iter_no_change=3)
    for best in (100.0, 1.0):
        model.set_params(scoring=lambda model, X, y, best=best: best).fit(X, y)
        assert model.best_validation_score_ == best
        assert model.best_epoch_ == 1


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


# Where it is passed on


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


# What is refused, with the model unchanged

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


def test_other_validation_rows_begin_anew():
    """A perfect score on other rows does not end the training at once."""
    model, y = make_model("classes", random_state=0, warm_start=True, early_stopping=True, learning_rate_init=0.01)
    model.set_params(max_iter=300)
    model.fit(X[:250], y[:250], X_val=X[:1], y_val=y[:1])
    assert model.best_validation_score_ == 1.0
    model.fit(X[:250], y[:250], X_val=X[250:], y_val=y[250:])
    assert model.n_iter_ > 11
    assert model.best_epoch_ > 0
    scores = len(model.validation_scores_)
    model.fit(X[:250], y[:250], X_val=X[250:], y_val=y[250:])
    assert len(model.validation_scores_) > scores  # the same rows: it goes on


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
        model.set_params(validation_ties="both").fit(X, y)


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
