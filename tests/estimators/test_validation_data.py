"""Validation data given to `fit`: the validation loss of each epoch and the epoch that is kept."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from helpers.early_stopping_data import TYPES, X
from helpers.loss_cases import CASES, make_problem
from helpers.merged import in_one_test
from helpers.validated_models import MODELS, WEIGHTS, bits, make_model
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import train_test_split

from fastmlp import MLPClassifier
from fastmlp.engine.prediction import predict
from fastmlp.training.validation_loss import ValidationLoss

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@in_one_test()
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


@in_one_test()
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


@in_one_test()
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


@in_one_test()
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


@in_one_test()
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
