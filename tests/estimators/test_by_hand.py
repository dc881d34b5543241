"""Fitted attributes that were edited, or copied from scikit-learn's model, are used by predictions and training."""

import copy
import itertools

import numpy as np
import pytest
import sklearn.neural_network
from helpers.fits import CONTAINERS, draw, ignores_max_iter, make
from helpers.merged import in_one_test
from sklearn.preprocessing import LabelBinarizer

from fastmlp import MLPClassifier, MLPRegressor

pytestmark = ignores_max_iter

TASKS = ["binary", "classes", "labels", "regression", "outputs"]


def pair(task, **parameters):
    """Return fastmlp's and scikit-learn's models with the same parameters."""
    options = {"hidden_layer_sizes": (9, 5), "max_iter": 3, "random_state": 0, **parameters}
    ours = make(task, **{"batch_size": "auto", **options})
    return ours, getattr(sklearn.neural_network, type(ours).__name__)(**options)


def assert_same_model(ours, theirs, X):
    for one, other in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-9)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-9)
    if hasattr(theirs, "predict_proba"):
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-9, atol=1e-12)


@in_one_test()
@pytest.mark.parametrize("out", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("n_targets", [1, 3])
def test_regressor_methods_before_fit(n_targets, out):
    rng = np.random.RandomState(0)
    X, sizes = rng.standard_normal((30, 4)), [4, 7, n_targets]
    coefs = [rng.standard_normal((i, o)) for i, o in itertools.pairwise(sizes)]
    intercepts = [rng.standard_normal(o) for o in sizes[1:]]
    answers = []
    for kind in (MLPRegressor, sklearn.neural_network.MLPRegressor):
        model = kind(hidden_layer_sizes=(7,))
        model.coefs_, model.intercepts_, model.out_activation_, model.n_layers_ = coefs, intercepts, out, 3
        answers.append([model.predict(rows) for rows in (X, X[:2], X[:2], X[:1])])
    for ours, theirs in zip(*answers, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_classifier_methods_before_fit():
    rng = np.random.RandomState(0)
    X, sizes = rng.standard_normal((30, 4)), [4, 7, 3]
    coefs = [rng.standard_normal((i, o)) for i, o in itertools.pairwise(sizes)]
    intercepts = [rng.standard_normal(o) for o in sizes[1:]]
    answers = []
    for kind in (MLPClassifier, sklearn.neural_network.MLPClassifier):
        model = kind(hidden_layer_sizes=(7,))
        model.coefs_, model.intercepts_, model.out_activation_, model.n_layers_ = coefs, intercepts, "softmax", 3
        model.n_outputs_, model._label_binarizer = 3, LabelBinarizer().fit(["a", "b", "c"])
        model.classes_ = model._label_binarizer.classes_
        answers.append([(model.predict(rows).tolist(), model.predict_proba(rows)) for rows in (X, X[:2], X[:1])])
    for ours, theirs in zip(*answers, strict=True):
        assert ours[0] == theirs[0]
        np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-12)


@in_one_test()
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("solver", ["sgd", "adam", "lbfgs"])
@pytest.mark.parametrize("task", TASKS)
def test_a_warm_fit_from_arrays_that_were_replaced(task, solver, container):
    X, y = draw(task, container=container)
    models = pair(task, solver=solver, warm_start=True)
    rng = np.random.RandomState(3)
    shift = None
    for model in models:
        model.fit(X, y)
        shift = shift or [rng.standard_normal(array.shape) for array in model.coefs_ + model.intercepts_]
        model.coefs_ = [coef + 0.1 * change for coef, change in zip(model.coefs_, shift, strict=False)]
        model.intercepts_ = [b + 0.1 * change for b, change in zip(model.intercepts_, shift[3:], strict=False)]
        model.fit(X, y)
    if solver == "lbfgs":
        np.testing.assert_allclose(models[0].coefs_[0], models[1].coefs_[0], rtol=1e-5, atol=1e-7)
    else:
        assert_same_model(*models, X)


@in_one_test()
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(("task", "out"), [
    ("regression", "logistic"), ("regression", "tanh"), ("regression", "relu"), ("outputs", "tanh"),
    ("outputs", "logistic"), ("classes", "logistic"), ("binary", "logistic"), ("labels", "logistic"),
])  # fmt: skip
def test_an_output_activation_that_was_set(task, out, method):
    X, y = draw(task)
    models = pair(task, warm_start=method == "fit", solver="sgd", learning_rate_init=0.01)
    for model in models:
        kwargs = {} if method == "fit" or task in ("regression", "outputs") else {"classes": np.unique(y)}
        if task == "labels" and method == "partial_fit":
            kwargs = {"classes": [0, 1, 2]}
        getattr(model, method)(X, y, **kwargs)
        model.out_activation_ = out
        for _ in range(2):
            getattr(model, method)(X, y)
        assert model.out_activation_ == out
    assert_same_model(*models, X)


@in_one_test()
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_a_state_copied_from_scikit_learn(method, task, solver):
    """All fitted attributes, with the optimizer in the middle of a training."""
    X, y = draw(task)
    ours, theirs = pair(task, solver=solver, warm_start=True)
    theirs.fit(X, y)
    vars(ours).update({name: value for name, value in vars(theirs).items() if name.endswith("_") or name[0] == "_"})
    for name in ("coefs_", "intercepts_", "loss_curve_"):
        setattr(ours, name, list(getattr(theirs, name)))
    for rows in (X, X[:3], X[:3]):
        np.testing.assert_allclose(ours.predict(rows), theirs.predict(rows), rtol=1e-10)
    for model in (ours, theirs):
        getattr(model, method)(X, y)
        getattr(model, method)(X, y)
    assert_same_model(ours, theirs, X)


@pytest.mark.parametrize("rate", ["invscaling", "adaptive"])
@pytest.mark.parametrize("task", ["classes", "regression"])
def test_learning_rate_of_scikit_learn_is_continued(task, rate):
    """A rate that was lowered by epochs or plateaus is used by further training, and lowered again."""
    X, y = draw(task)
    options = {"solver": "sgd", "learning_rate": rate, "learning_rate_init": 0.1, "tol": 0.1, "n_iter_no_change": 2}
    ours, theirs = pair(task, **{**options, "max_iter": 12})
    theirs.fit(X, y)
    assert theirs._optimizer.learning_rate < 0.1
    state = {name: value for name, value in vars(theirs).items() if name.endswith("_") or name[0] == "_"}
    vars(ours).update(copy.deepcopy(state))
    for _ in range(8):
        for model in (ours, theirs):
            model.partial_fit(X, y)
        assert ours._optimizer.schedule(0) == pytest.approx(theirs._optimizer.learning_rate, rel=1e-12)
    assert_same_model(ours, theirs, X)


@pytest.mark.parametrize("task", ["classes", "regression"])
@pytest.mark.parametrize("prediction_before", [False, True])
def test_missing_arrays_are_refused(task, prediction_before):
    X, y = draw(task)
    model = make(task, warm_start=True).fit(X, y)
    if prediction_before:
        model.predict(X[:3])
    kept = model.coefs_
    model.coefs_ = []
    for rows in (X, X[:3]):
        with pytest.raises(ValueError, match="coefs_ is empty"):
            model.predict(rows)
    for method in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match="coefs_"):
            method(X, y)
    model.coefs_ = kept
    model.intercepts_ = []
    with pytest.raises(ValueError, match="intercepts_ is empty"):
        model.predict(X)


@pytest.mark.parametrize(
    ("loss", "output"), [("squared_error", "softmax"), ("poisson", "logistic"), ("poisson", "relu")]
)
def test_edited_output_activation_with_another_gradient_is_refused(loss, output):
    """scikit-learn's delta is a − y for any of them; predictions use the edited activation."""
    rng = np.random.RandomState(0)
    X, y = rng.standard_normal((30, 4)), rng.uniform(0.5, 2.0, (30, 2))
    model = MLPRegressor(loss, hidden_layer_sizes=(5,), random_state=0).partial_fit(X, y)
    before = model.coefs_[0].copy()
    model.out_activation_ = output
    message = f"out_activation_ was set to '{output}', with which training with loss='{loss}' cannot continue"
    with pytest.raises(ValueError, match=message):
        model.partial_fit(X, y)
    assert np.array_equal(model.coefs_[0], before)
    assert np.isfinite(model.predict(X)).all()


def test_predicted_labels_are_those_of_the_fit():
    """An edit of `classes_` is ignored, as in scikit-learn."""
    X = np.linspace(-1, 1, 40).reshape(20, 2)
    y = np.where(X[:, 0] > 0, "yes", "no")
    models = [
        library(max_iter=30, random_state=0).fit(X, y)
        for library in (MLPClassifier, sklearn.neural_network.MLPClassifier)
    ]
    for model in models:
        model.classes_ = np.array(["a", "b"])
    assert np.array_equal(models[0].predict(X), models[1].predict(X))
