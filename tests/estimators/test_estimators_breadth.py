"""Parameters beyond scikit-learn's: by name and as objects, and refused in combinations that do not fit."""

import pickle

import numpy as np
import pytest
import scipy.sparse
import sklearn.neural_network
from helpers.fits import assert_same_bits, draw, ignores_max_iter, make, results
from helpers.merged import in_one_test
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.utils._param_validation import InvalidParameterError

from fastmlp import (
    SGD,
    Activation,
    AdamW,
    Focal,
    LeakyReLU,
    LogLoss,
    Loss,
    MLPClassifier,
    MLPRegressor,
    OneCycle,
    Quantile,
)
from fastmlp.activations import ACTIVATIONS
from fastmlp.initializers import INITIALIZERS, GivenArrays
from fastmlp.losses import names_for
from fastmlp.optimizers import OPTIMIZERS

pytestmark = ignores_max_iter
HIDDEN = [name for name, activation in ACTIVATIONS.items() if activation.is_elementwise]


def bent(z):
    return z + 0.5 * np.tanh(z)


def bent_slope(z):
    return 1.5 - 0.5 * np.tanh(z) ** 2


def distance(a, y):
    return (a - y) ** 2


def distance_slope(a, y):
    return 2 * (a - y)


def fit(task, dtype=np.float64, container="dense", **parameters):
    """Check that a fitted model has learned, and is the same after cloning and pickling; return it and its rows."""
    X, y = draw(task, dtype, container)
    if parameters.get("loss") in ("poisson", "gamma", "tweedie"):
        y = np.exp(y / 4)
    by_name = isinstance(parameters.get("solver", "adam"), str)
    rate = {"learning_rate_init": 0.01} if by_name and isinstance(parameters.get("learning_rate", ""), str) else {}
    model = make(task, **{"max_iter": 20, "batch_size": 50, **rate, **parameters}).fit(X, y)
    assert_same_bits(results(clone(model).fit(X, y), X), results(model, X))
    assert_same_bits(results(pickle.loads(pickle.dumps(model)), X), results(model, X))
    return model, X, y


@in_one_test()
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", HIDDEN)
def test_every_activation(activation, dtype):
    model, X, _ = fit("classes", dtype, activation=activation)
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert model.predict_proba(X).dtype == dtype


@in_one_test()
@pytest.mark.parametrize("solver", OPTIMIZERS)
def test_every_optimizer(solver):
    model, _, _ = fit("regression", solver=solver)
    assert model.loss_curve_[-1] < model.loss_curve_[0]


@in_one_test()
@pytest.mark.parametrize("initializer", INITIALIZERS)
def test_every_initializer(initializer):
    model, _, _ = fit("classes", initializer=initializer)
    assert model.loss_curve_[-1] < model.loss_curve_[0]


@in_one_test()
@pytest.mark.parametrize("container", ["dense", "csr"])
@pytest.mark.parametrize("task", ["binary", "classes", "labels"])
@pytest.mark.parametrize("loss", names_for("classifier"))
def test_every_loss_of_classes(loss, task, container):
    if task == "labels" and loss in ("hinge", "squared_hinge", "perceptron"):
        with pytest.raises(ValueError, match="takes one class a row, not several labels"):
            fit(task, container=container, loss=loss)
        return
    for early_stopping in (False, True):
        options = {"early_stopping": early_stopping, "hidden_layer_sizes": (16,), "max_iter": 60}
        model, X, y = fit(task, container=container, loss=loss, **options)
        if early_stopping:
            assert model.validation_metric_ == ("accuracy" if loss == "log_loss" else "neg_loss")
            assert model.best_validation_score_ == max(model.validation_scores_)
            assert (model.best_validation_score_ > 0) == (loss == "log_loss")
        else:
            assert model.loss_curve_[-1] < model.loss_curve_[0]
            assert model.score(X, y) > 0.8
        if loss in ("log_loss", "focal"):
            assert not hasattr(model, "decision_function")
            total = model.predict_proba(X).sum(axis=1)
            assert task == "labels" or np.allclose(total, 1)
        else:
            assert not hasattr(model, "predict_proba")
            margins = model.decision_function(X)
            answers = margins.argmax(axis=1) if margins.ndim == 2 else margins > 0
            assert np.array_equal(model.classes_[answers.astype(int)], model.predict(X))


@in_one_test()
@pytest.mark.parametrize("loss", names_for("regressor"))
@pytest.mark.parametrize("task", ["regression", "outputs"])
def test_every_loss_of_values(loss, task):
    model, X, y = fit(task, loss=loss)
    assert model.loss_curve_[-1] < model.loss_curve_[0]
    assert model.predict(X).shape == y.shape


def test_quantiles_at_once():
    model, X, y = fit("regression", loss=Quantile((0.1, 0.5, 0.9)), max_iter=100)
    low, middle, high = model.predict(X).T
    assert np.mean(y < low) < 0.3 < np.mean(y < middle) < 0.7 < np.mean(y < high)
    model, X, y = fit("outputs", loss=Quantile((0.25, 0.75)))
    assert model.predict(X).shape == (len(X), 2, 2)
    assert np.isfinite(model.score(X, y))


def test_objects_of_every_kind():
    model, X, y = fit(
        "classes", activation=[LeakyReLU(0.1), Activation(bent, bent_slope)], hidden_layer_sizes=(9, 7),
        solver=AdamW(OneCycle(0.02, steps=100), weight_decay=1e-2), loss=LogLoss(label_smoothing=0.1), l1=1e-4,
        dropout=[0.2, 0.0], input_dropout=0.1, max_norm=3.0, clip_norm=1.0, clip_value=0.5, initializer="he_normal",
    )  # fmt: skip
    assert model.score(X, y) > 0.5
    assert max(np.linalg.norm(coef, axis=0).max() for coef in model.coefs_) <= 3.0 * (1 + 1e-12)


def test_custom_loss():
    own = Loss(distance, distance_slope)
    ours = fit("regression", loss=own, output_activation="identity")[0]
    plain = fit("regression", loss="sum_squared_error")[0]
    np.testing.assert_allclose(ours.coefs_[0], plain.coefs_[0], rtol=1e-9)
    assert MLPClassifier(loss=Focal(3.0)).get_params()["loss"] == Focal(3.0)


def test_two_classes_behind_softmax():
    model, X, y = fit("binary", output_activation="softmax")
    assert model.coefs_[-1].shape[1] == 2 and model.score(X, y) > 0.6
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)


def test_training_begins_with_given_weights():
    X, y = draw("regression")
    coefs, intercepts = [np.full((20, 5), 0.1), np.full((5, 1), 0.2)], [np.zeros(5), np.zeros(1)]
    start = GivenArrays(coefs, intercepts)
    model = make("regression", initializer=start, solver=SGD(1e-12), max_iter=1).fit(X, y)
    np.testing.assert_allclose(model.coefs_[0], 0.1)
    np.testing.assert_allclose(model.coefs_[1], 0.2)


@pytest.mark.parametrize("solver", ["newton-cg", "levenberg-marquardt"])
@pytest.mark.parametrize("container", ["dense", "csr"])
def test_second_order_solvers(solver, container):
    X, y = draw("regression", container=container)
    options = {"activation": "tanh", "loss": "half_squared_error", "max_iter": 30, "tol": 1e-6}
    model = make("regression", solver=solver, **options).fit(X, y)
    first = make("regression", solver="adam", **options).fit(X, y)
    assert model.loss_ < 0.5 * first.loss_ and model.n_iter_ <= 30
    assert not hasattr(model, "partial_fit")
    with pytest.warns(ConvergenceWarning, match="iterations are used up"):
        model.set_params(max_iter=2).fit(X, y)


def test_in_a_search_and_calibrated():
    X, y = draw("binary")
    grid = {"loss": ["log_loss", "hinge"], "solver": ["adam", AdamW(1e-2)], "activation": ["relu", LeakyReLU(0.2)]}
    search = GridSearchCV(make("binary", max_iter=3), grid, cv=2).fit(X, y)
    assert len(search.cv_results_["params"]) == 8 and np.isfinite(search.cv_results_["mean_test_score"]).all()
    calibrated = CalibratedClassifierCV(make("binary", loss="hinge"), cv=2).fit(X, y)
    assert calibrated.predict_proba(X).shape == (len(X), 2)


def test_dropout_continues_and_changes_nothing_else():
    """The bits are the same for any number of threads; without dropout no additional number is drawn."""
    X, y = draw("classes")
    options = {"dropout": 0.3, "input_dropout": 0.1, "hidden_layer_sizes": (40,)}
    one, three = (make("classes", n_jobs=n, **options).fit(X, y) for n in (1, 3))
    assert_same_bits(results(one, X), results(three, X))
    assert not np.array_equal(one.coefs_[0], make("classes", hidden_layer_sizes=(40,)).fit(X, y).coefs_[0])
    for _ in range(2):
        one.partial_fit(X, y)
    assert np.isfinite(one.loss_)
    sparse = make("classes", **options).fit(scipy.sparse.csr_array(X), y)
    assert np.isfinite(sparse.loss_)


COUNTS = {"y": np.arange(-1.0, 202.0)}
REFUSED = {
    "softmax inside": ({"activation": "softmax"}, {}, ValueError, "only be an output activation"),
    "no such activation": ({"activation": "rely"}, {}, InvalidParameterError, "'activation' parameter"),
    "too many activations": ({"activation": ["relu", "tanh"]}, {}, ValueError, "2 entries, but there is 1 hidden"),
    "decay without": ({"weight_decay": 0.1}, {}, ValueError, "no decoupled weight decay: use one of 'adamw'"),
    "decay, all rows": ({"weight_decay": 0.1, "solver": "lbfgs"}, {}, ValueError, "has no weight decay: use alpha"),
    "dropout, all rows": ({"dropout": 0.1, "solver": "lbfgs"}, {}, ValueError, "one smooth function of all rows"),
    "rates of dropout": ({"dropout": [0.1, 0.2]}, {}, ValueError, "2 entries, but there is 1 hidden layer:"),
    "too much dropout": ({"dropout": 1.0}, {}, InvalidParameterError, "'dropout' parameter"),
    "two schedules": (
        {"solver": SGD(0.1), "learning_rate": OneCycle(0.1, steps=9)}, {}, ValueError, "OneCycle.* has no effect",
    ),
    "no probabilities": ({"output_activation": "tanh"}, {}, ValueError, r"needs outputs in \[0, 1\]"),
    "classes behind logistic": ({"output_activation": "logistic"}, {}, ValueError, "None or 'softmax'"),
    "a loss of values": ({"loss": "huber"}, {}, InvalidParameterError, "'loss' parameter of MLPClassifier"),
    "quantile": ({"loss": Quantile(1.5)}, {"task": "regression"}, ValueError, r"must be numbers in \(0, 1\)"),
    "no counts": ({"loss": "poisson"}, {"task": "regression"} | COUNTS, ValueError, "needs targets y >= 0"),
    "no positive numbers": ({"loss": "gamma"}, {"task": "regression"} | COUNTS, ValueError, "y > 0"),
    "squares only": (
        {"solver": "levenberg-marquardt", "loss": "huber"}, {"task": "regression"}, ValueError, "sums of squares",
    ),
}  # fmt: skip


@in_one_test()
@pytest.mark.parametrize("name", REFUSED)
def test_incompatible_parameters_are_refused(name):
    parameters, data, error, message = REFUSED[name]
    task = data.get("task", "classes")
    X, y = draw(task)
    with pytest.raises(error, match=message):
        make(task, **parameters).fit(X, data.get("y", y))


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_parameters_come_after_those_of_scikit_learn(kind):
    names = list(kind().get_params(deep=False))
    assert {"dropout", "clip_norm", "l1", "max_norm", "initializer", "output_activation"} <= set(names)


@pytest.mark.parametrize("task", ["binary", "classes"])
def test_custom_loss_with_softmax(task):
    model, X, y = fit(task, loss=Loss(distance, distance_slope), output_activation="softmax")
    assert model.score(X, y) > 0.5
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)


@pytest.mark.parametrize("wrong", [{"weight_decay": 0.1}, {"dropout": [0.1, 0.2]}, {"solver": "lbfgs", "l1": 0.1}])
def test_refused_fit_leaves_the_model_unchanged(wrong):
    X, y = draw("regression")
    model = make("regression").fit(X, y)
    before = results(model, X)
    with pytest.raises(ValueError, match=r"weight_decay|dropout|l1"):
        model.set_params(**wrong).fit(X, y)
    assert_same_bits(results(model, X), before)
    fresh = make("regression", **wrong)
    with pytest.raises(ValueError, match=r"weight_decay|dropout|l1"):
        fresh.fit(X, y)
    assert not hasattr(fresh, "coefs_")


@in_one_test()
@pytest.mark.parametrize("activation", ["relu", "logistic"])
@pytest.mark.parametrize("task", ["binary", "classes", "labels", "regression"])
def test_without_hidden_layers_the_weights_are_scikit_learns(task, activation):
    X, y = draw(task)
    options = {"hidden_layer_sizes": (), "activation": activation, "random_state": 0, "max_iter": 2}
    ours = make(task, batch_size="auto", **options).fit(X, y)
    plain = getattr(sklearn.neural_network, type(ours).__name__)(**options).fit(X, y)
    np.testing.assert_allclose(ours.coefs_[0], plain.coefs_[0], rtol=1e-9)
