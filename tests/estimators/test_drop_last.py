"""`drop_last`: the last batch of an epoch is left out if it is incomplete."""

import numpy as np
import pytest
import scipy.sparse
from helpers.early_stopping_data import NUMBERS as ALL_NUMBERS
from helpers.early_stopping_data import TYPES
from helpers.early_stopping_data import X as ALL_ROWS
from helpers.merged import in_one_test
from sklearn.base import clone

from fastmlp import MLPClassifier, MLPRegressor
from fastmlp.callbacks import Callback, EarlyStopping

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

#: A prime number of rows.
X, NUMBERS = ALL_ROWS[:293], ALL_NUMBERS[:293]
CLASSES = (NUMBERS > 0).astype(int) + (NUMBERS > 1)
WEIGHTS = np.linspace(0.5, 2.0, len(X))
SMALL = {"hidden_layer_sizes": (7, 5), "max_iter": 4, "random_state": 0, "drop_last": True}
MODELS = {"classifier": (MLPClassifier(**SMALL), CLASSES), "regressor": (MLPRegressor(**SMALL), NUMBERS)}
N = len(X)


def make(name, **parameters):
    model, y = MODELS[name]
    return clone(model).set_params(**parameters), y


def weights_of(model):
    return [array.tobytes() for array in (*model.coefs_, *model.intercepts_)]


def bits(model):
    return weights_of(model), model.loss_curve_, model.t_, model._optimizer.t


@in_one_test()
@pytest.mark.parametrize("kind", [np.asarray, scipy.sparse.csr_matrix])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", MODELS)
def test_complete_batches_only(name, dtype, kind):
    """Without shuffling, the same bits as a fit of the rows that are left: weights, losses, rows seen."""
    for batch_size in (17, 50, N - 1):
        model, y = make(name, batch_size=batch_size, shuffle=False)
        kept = N // batch_size * batch_size
        assert kept < N
        rows = X.astype(dtype)
        expected, _ = make(name, batch_size=batch_size, shuffle=False, drop_last=False)
        expected.fit(kind(rows[:kept]), y[:kept], sample_weight=WEIGHTS[:kept])
        model.fit(kind(rows), y, sample_weight=WEIGHTS)
        assert bits(model) == bits(expected)
        assert model.t_ == 4 * kept and model._optimizer.t == 4 * (N // batch_size)


@pytest.mark.parametrize("name", MODELS)
def test_nothing_is_dropped(name):
    """If all batches are complete, or there is only one."""
    for parameters, rows in (({"batch_size": 25}, N // 25 * 25), ({"batch_size": "auto"}, 70), ({"batch_size": N}, N)):
        model, y = make(name, **parameters)
        expected = clone(model).set_params(drop_last=False).fit(X[:rows], y[:rows])
        assert bits(model.fit(X[:rows], y[:rows])) == bits(expected)
    model, y = make(name, batch_size=1000)
    with pytest.warns(UserWarning, match="It is going to be clipped"):
        assert model.fit(X, y).t_ == 4 * N


class Orders(Callback):
    """Keep the order of each epoch."""

    def __init__(self):
        self.orders = []

    def on_training_begin(self, estimator, training):
        self.state.training = training

    def on_epoch_end(self, estimator):
        self.orders.append(self.state.training.state.order.copy())


@pytest.mark.parametrize("name", MODELS)
def test_shuffled_batches(name):
    """Each epoch leaves out other rows; the order is drawn over all of them."""
    model, y = make(name, batch_size=60)
    orders = Orders()
    model.set_callbacks(orders).fit(X, y)
    replayed, _ = make(name, batch_size=60, shuffle=False)
    classes = {"classes": np.unique(y)} if name == "classifier" else {}
    for order in orders.orders:
        assert sorted(order) == list(range(N))
        for start in range(0, N // 60 * 60, 60):
            batch = order[start : start + 60]
            replayed.partial_fit(X[batch], y[batch], **classes)
    assert weights_of(replayed) == weights_of(model)
    assert len({tuple(order[N // 60 * 60 :]) for order in orders.orders}) == 4


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings("ignore:Got `batch_size`:UserWarning")
def test_partial_fit(name):
    """Each call drops its own incomplete batch, also where it continues with the last call's workspace."""
    model, y = make(name, batch_size=20, shuffle=False)
    expected, _ = make(name, batch_size=20, shuffle=False, drop_last=False)
    classes = {"classes": np.unique(y)} if name == "classifier" else {}
    for first, rows in ((0, 50), (50, 70), (0, 45), (100, 39)):
        kept = rows // 20 * 20
        model.partial_fit(X[first : first + rows], y[first : first + rows], **classes)
        expected.partial_fit(X[first : first + kept], y[first : first + kept], **classes)
        assert bits(model) == bits(expected)
    model, _ = make(name, batch_size=20)
    model.partial_fit(X[:7], y[:7], **classes)
    assert model.t_ == 7


@pytest.mark.parametrize("name", MODELS)
def test_with_validation_and_callbacks(name):
    """The rows that are set aside do not count, and those of a batch that was dropped are not validated."""
    model, y = make(name, batch_size=50, early_stopping=True, max_iter=30)
    assert model.fit(X, y).t_ == model.n_iter_ * 250  # of 263 rows
    model, y = make(name, batch_size=50, max_iter=30)
    model.set_callbacks(EarlyStopping(patience=3)).fit(X[:140], y[:140], X_val=X[140:], y_val=y[140:])
    assert model.t_ == model.n_iter_ * 100
    assert len(model.validation_loss_curve_) == model.n_iter_


@pytest.mark.parametrize("solver", ["lbfgs", "newton-cg", "levenberg-marquardt"])
def test_solvers_without_batches_refuse(solver):
    model, y = make("regressor", solver=solver, loss="half_squared_error")
    with pytest.raises(ValueError, match=rf"drop_last=True has no effect with solver='{solver}'"):
        model.fit(X, y)
    model.set_params(drop_last=False).fit(X, y)


@pytest.mark.parametrize("name", MODELS)
def test_models_of_earlier_versions_drop_nothing(name):
    """They have no such attribute."""
    model, y = make(name, drop_last=False, batch_size=60)
    model.fit(X, y)
    expected = bits(clone(model).fit(X, y))
    del model.drop_last
    assert bits(model.fit(X, y)) == expected
    assert model.get_params()["drop_last"] is False
