"""The same seed gives the same model: details of scikit-learn's behavior.

Random numbers, labels and types, reported losses, and float32.
"""

import numpy as np
import pytest
import scipy.sparse
from helpers.merged import in_one_test
from helpers.parity import (
    SOLVERS,
    TASKS,
    assert_same_model,
    assert_same_weights,
    fit_pair,
    make_data,
    make_pair,
    make_weights,
)

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

STOCHASTIC = [name for name in SOLVERS if name != "lbfgs"]


# float32


@in_one_test(pairs=True)
@pytest.mark.parametrize("container", [np.asarray, scipy.sparse.csr_array], ids=["dense", "csr"])
@pytest.mark.parametrize("activation", ["logistic", "tanh", "relu"])
@pytest.mark.parametrize("solver", STOCHASTIC)
@pytest.mark.parametrize("task", TASKS)
def test_float32_loss_curves(task, solver, activation, container):
    X, y = make_data(task, dtype=np.float32)
    params = {"activation": activation, "hidden_layer_sizes": (17, 33), **SOLVERS[solver]}
    ours, theirs = fit_pair(task, container(X), y, make_weights(), **params)
    assert {array.dtype for array in ours.coefs_ + ours.intercepts_} == {np.dtype(np.float32)}
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-4)


@in_one_test()
@pytest.mark.parametrize("task", TASKS)
def test_float32_with_lbfgs(task):
    """scikit-learn changes to float64 here; fastmlp stays in float32, and reaches the same loss."""
    X, y = make_data(task, dtype=np.float32)
    ours, theirs = fit_pair(task, X, y, solver="lbfgs", activation="tanh", hidden_layer_sizes=(7,), alpha=0.1)
    assert {array.dtype for array in ours.coefs_ + ours.intercepts_} == {np.dtype(np.float32)}
    np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=1e-4)


# Losses


@in_one_test()
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("task", ["binary", "multiclass", "multilabel"])
def test_log_loss_is_clipped_at_the_epsilon_of_the_type(task, dtype):
    """Huge features: some rows are misclassified with probability 1, and have the loss −log(eps)."""
    X, y = make_data(task, dtype=dtype)
    params = {"solver": "sgd", "learning_rate_init": 1e-12, "activation": "identity", "batch_size": 47}
    ours, theirs = fit_pair(task, 1e5 * X, y, **params)
    epsilon_costs = -np.log(np.finfo(dtype).eps)
    assert 0.1 * epsilon_costs < theirs.loss_curve_[0] < 3 * epsilon_costs
    rtol = 1e-9 if dtype == np.float64 else 1e-4
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=rtol)


def test_squared_error_of_several_outputs_is_reported_as_their_mean():
    X, y = make_data("multioutput")
    params = {"solver": "sgd", "learning_rate_init": 1e-9, "alpha": 0, "batch_size": 47, "max_iter": 1}
    ours, theirs = fit_pair("multioutput", X, y, **params)
    expected = 0.5 * np.mean((theirs.predict(X) - y) ** 2)
    np.testing.assert_allclose(ours.loss_, theirs.loss_, rtol=1e-9)
    np.testing.assert_allclose(ours.loss_, expected, rtol=1e-6)


def test_poisson_loss_of_zero_targets():
    X, y = make_data("poisson")
    y[:20] = 0
    assert_same_model(*fit_pair("poisson", X, y, make_weights(), batch_size=10, shuffle=False))


# Random numbers


@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_random_state_is_left_where_scikit_learn_leaves_it(solver, early_stopping):
    X, y = make_data("binary")
    stop = {"early_stopping": early_stopping, "n_iter_no_change": 2, "tol": 0.1, "max_iter": 30}
    pair = make_pair("binary", solver=solver, **stop)
    for model in pair:
        model.set_params(random_state=np.random.RandomState(5)).fit(X, y).fit(X, y)
    ours, theirs = pair
    assert_same_weights(ours, theirs, 1e-4 if solver == "lbfgs" else 1e-6)
    assert ours.random_state.randint(2**31) == theirs.random_state.randint(2**31)


def test_the_global_random_state_is_used_when_none_is_given():
    X, y = make_data("regression")
    before = np.random.get_state()
    models = []
    for model in make_pair("regression", random_state=None):
        np.random.seed(17)
        models.append(model.fit(X, y))
    np.random.set_state(before)
    assert_same_model(*models)


# Labels, targets and types

LABELS = {
    "strings": np.array(["cat", "dog", "eel"]),
    "objects": np.array(["cat", "dog", "eel"], dtype=object),
    "negative numbers": np.array([-7, 0, 1000]),
    "whole floats": np.array([0.0, 2.0, 5.0]),
}


@in_one_test()
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_labels_of_every_kind(task, labels, early_stopping):
    X, y = make_data(task, rows=91)
    ours, theirs = fit_pair(task, X, LABELS[labels][y.astype(int)], early_stopping=early_stopping)
    np.testing.assert_array_equal(ours.classes_, theirs.classes_)
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    assert ours.predict(X).dtype == theirs.predict(X).dtype
    assert_same_weights(ours, theirs)


@pytest.mark.parametrize("label", ["only", 3])
def test_a_single_class(label):
    X, _ = make_data("binary")
    ours, theirs = fit_pair("binary", X, np.array([label] * len(X)))
    np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
    assert_same_model(ours, theirs)


@pytest.mark.parametrize("task", ["binary", "multilabel"])
def test_sparse_and_list_labels(task):
    X, y = make_data(task)
    assert_same_model(*fit_pair(task, X, y.tolist()))
    if task == "multilabel":
        ours, theirs = fit_pair(task, X, scipy.sparse.csr_array(y))
        assert_same_model(ours, theirs)
        assert scipy.sparse.issparse(ours.predict(X)) == scipy.sparse.issparse(theirs.predict(X))


@in_one_test()
@pytest.mark.parametrize("x_type", [np.float32, np.float64, np.int64, np.uint8, bool])
@pytest.mark.parametrize("y_type", [np.float32, np.float64, np.int32])
def test_types_of_features_and_targets(x_type, y_type):
    X, y = make_data("multioutput")
    X, y = np.abs(3 * X).astype(x_type), (4 * y).astype(y_type)
    ours, theirs = fit_pair("multioutput", X, y)
    single = x_type == np.float32
    assert ours.coefs_[0].dtype == ours.predict(X).dtype == (np.float32 if single else np.float64)
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-4 if single else 1e-9)


def test_column_of_targets_is_flattened_with_a_warning():
    X, y = make_data("regression")
    with pytest.warns(Warning, match="A column-vector y was passed when a 1d array was expected"):
        ours, theirs = fit_pair("regression", X, y[:, None])
    assert ours.predict(X).shape == theirs.predict(X).shape == (len(X),)
    assert_same_model(ours, theirs)


@pytest.mark.parametrize("weights", [2.5, [1] * 47, np.arange(47), np.ones(47, dtype=np.float32)], ids=str)
def test_weights_of_every_form(weights):
    X, y = make_data("multiclass")
    assert_same_model(*fit_pair("multiclass", X, y, weights))


# Unusual shapes


@pytest.mark.parametrize("rows, features", [(1, 1), (1, 6), (2, 1), (47, 1)])
def test_few_rows_and_few_features(rows, features):
    X, y = make_data("regression", rows=rows)
    for data in (X[:, :features], scipy.sparse.csr_array(X[:, :features])):
        assert_same_model(*fit_pair("regression", data, y, batch_size="auto"))


def test_rows_and_columns_without_entries():
    X, y = make_data("multiclass")
    X[10:20] = 0
    X[:, 2] = 0
    for data in (X, scipy.sparse.csr_array(X), scipy.sparse.csc_array(X)):
        for solver in SOLVERS:
            ours, theirs = fit_pair("multiclass", data, y, **SOLVERS[solver])
            assert_same_weights(ours, theirs)


def test_public_fitted_attributes_are_equal():
    names = ["n_iter_", "n_layers_", "n_outputs_", "out_activation_", "t_", "n_features_in_"]
    for task in TASKS:
        X, y = make_data(task)
        for solver in SOLVERS:
            ours, theirs = fit_pair(task, X, y, **SOLVERS[solver])
            assert [getattr(ours, name) for name in names] == [getattr(theirs, name) for name in names]
