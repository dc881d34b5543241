"""What `History` records of each layer."""

import pickle

import numpy as np
import pytest
import scipy.sparse
from helpers import knobs
from helpers.callback_models import MODELS, bits, make_model
from helpers.early_stopping_data import TYPES, X
from helpers.merged import in_one_test
from sklearn.base import clone

from fastmlp import Network
from fastmlp.callbacks import Callback, History, TimeLimit

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
WEIGHTS = np.linspace(0.5, 2.0, len(X))
KINDS = {
    "dense": np.array,
    "Fortran": np.asfortranarray,
    "CSR": scipy.sparse.csr_matrix,
    "CSC": scipy.sparse.csc_matrix,
}
#: Activation, loss and target of a network that computes what the estimator does.
LOSSES = {"classifier": ("softmax", "log_loss"), "regressor": ("identity", "half_squared_error")}


class Weights(Callback):
    """Keep copies of the weights before the first epoch and after each one."""

    def on_fit_begin(self, estimator):
        self.kept = []

    def on_epoch_begin(self, estimator):
        if not self.kept:
            self.on_epoch_end(estimator)

    def on_epoch_end(self, estimator):
        self.kept.append(
            ([array.copy() for array in estimator.coefs_], [array.copy() for array in estimator.intercepts_])
        )


def network_of(name, model, weights):
    output, loss = LOSSES[name]
    sizes = [X.shape[1], *model.hidden_layer_sizes, weights[0][-1].shape[1]]
    network = Network(sizes, [*[model.activation] * (len(sizes) - 2), output], loss, weights[0][0].dtype)
    network.set_weights(*weights)
    return network


@in_one_test()
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", MODELS)
def test_numbers_of_layers(name, dtype, kind):
    """With one batch an epoch, the gradients are those at the weights before it; the units, those after it."""
    history, weights = History(), Weights()
    options = {"batch_size": len(X), "hidden_layer_sizes": (9, 6), "learning_rate_init": 0.3, "max_iter": 4}
    model, y = make_model(name, history, weights, **options)
    rows = KINDS[kind](X.astype(dtype))
    model.fit(rows, y, sample_weight=WEIGHTS)
    sample = np.arange(256) * len(X) // 256
    for row, before, after in zip(history.rows, weights.kept, weights.kept[1:], strict=False):
        gradients = network_of(name, model, before).loss_and_gradients(X.astype(dtype), y, WEIGHTS)[1]
        expected = [np.linalg.norm(gradient.astype(np.float64)) for gradient in gradients]
        np.testing.assert_allclose(row["gradient_norms"], expected, rtol=1e-9 if dtype == np.float64 else 1e-4)
        outputs = network_of(name, model, after).activations_of(X[sample].astype(dtype))[1][:-1]
        assert row["dead_units"] == tuple(float((a.max(axis=0) <= 0).mean()) for a in outputs)
        assert {type(value) for name in ("gradient_norms", "dead_units") for value in row[name]} == {float}
    assert len(history.rows) == 4
    assert max(history.rows[-1]["dead_units"]) > 0


@pytest.mark.parametrize("hidden", [(), (7,), (5, 4, 3)])
def test_columns_of_the_frame(hidden):
    history = History()
    model, y = make_model("classifier", history, hidden_layer_sizes=hidden)
    names = ["epoch", "loss", "validation_loss", "validation_score", "learning_rate", "seconds"]
    assert history.to_frame().columns.tolist() == names
    model.fit(X, y)
    frame, layers = history.to_frame(), len(hidden) + 1
    names += [f"gradient_norm_{number + 1}" for number in range(layers)]
    names += [f"dead_units_{number + 1}" for number in range(layers - 1)]
    assert frame.columns.tolist() == names
    assert frame[f"gradient_norm_{layers}"].tolist() == [row["gradient_norms"][-1] for row in history.rows]
    if hidden:
        assert frame["dead_units_1"].tolist() == [row["dead_units"][0] for row in history.rows]
    assert {each.name for each in frame.dtypes[6:]} == {"float64"}


@pytest.mark.parametrize("dtype", TYPES)
def test_threads_change_no_number(dtype, monkeypatch):
    knobs.let_threads_pay(monkeypatch)
    found = []
    for threads in (1, 2, 3):
        history = History()
        model, y = make_model("classifier", history, n_jobs=threads, hidden_layer_sizes=(130, 70))
        model.fit(X.astype(dtype), y)
        found.append([(row["gradient_norms"], row["dead_units"]) for row in history.rows])
    assert found[0] == found[1] == found[2]


@in_one_test()
@pytest.mark.parametrize(
    "options",
    [
        {"solver": "sgd"}, {"solver": "lamb"}, {"dropout": 0.3, "ema": 0.9}, {"clip_norm": 0.1, "l1": 0.1},
        {"early_stopping": True}, {"activation": "tanh", "batch_size": 1},
        {"solver": "sgd", "learning_rate": "adaptive"},
    ],
    ids=repr,
)  # fmt: skip
@pytest.mark.parametrize("name", MODELS)
def test_recording_changes_no_bit(name, options):
    history = History()
    plain, y = make_model(name, **options)
    watched, _ = make_model(name, history, History(), **options)
    assert bits(plain.fit(X, y)) == bits(watched.fit(X, y))
    assert plain.loss_curve_ == watched.loss_curve_
    norms = np.array([row["gradient_norms"] for row in history.rows])
    assert norms.shape == (5, 2)
    assert (norms > 0).all()


def test_two_histories_record_the_same():
    histories = History(), History()
    model, y = make_model("regressor", *histories)
    model.fit(X, y)
    for name in ("gradient_norms", "dead_units", "learning_rate"):
        assert [row[name] for row in histories[0].rows] == [row[name] for row in histories[1].rows]


@pytest.mark.parametrize("learning_rate", ["constant", "invscaling", "adaptive"])
def test_learning_rates_are_those_of_the_optimizer(learning_rate):
    rates = []

    class Rates(Callback):
        def on_epoch_end(self, estimator):
            rates.append(estimator._optimizer.learning_rate)

    history = History()
    model, y = make_model(
        "regressor", history, Rates(), solver="sgd", learning_rate=learning_rate, tol=0.5, max_iter=40
    )
    model.set_params(n_iter_no_change=2).fit(X, y)
    assert [row["learning_rate"] for row in history.rows] == rates
    assert (len(set(rates)) > 1) == (learning_rate != "constant")


@pytest.mark.parametrize("solver", ["adam", "nadam", "radam", "adamax", "lamb"])
def test_learning_rates_with_corrections(solver):
    rates = []

    class Rates(Callback):
        def on_epoch_end(self, estimator):
            rates.append(estimator._optimizer.learning_rate)

    history = History()
    model, y = make_model("regressor", history, Rates(), solver=solver, max_iter=60)
    model.fit(X, y)
    assert [row["learning_rate"] for row in history.rows] == rates


def test_an_epoch_that_was_cut_short(monkeypatch):
    """The norms are of the steps that were made."""
    knobs.set_slice(monkeypatch)

    class EndsWithin(Callback):
        def is_over(self, estimator):
            return True

    history, other = History(), History()
    model, y = make_model("regressor", history, EndsWithin(), shuffle=False, batch_size=10)
    model.fit(X, y)
    shorter, _ = make_model("regressor", other, shuffle=False, batch_size=10, max_iter=1)
    shorter.fit(X[:10], y[:10])
    assert [row["gradient_norms"] for row in history.rows] == [row["gradient_norms"] for row in other.rows]


def test_pickles_and_clones_hold_the_rows_and_nothing_else():
    history = History()
    model, y = make_model("classifier", history, TimeLimit(60.0))
    model.fit(X, y)
    again = pickle.loads(pickle.dumps(model))._skl_callbacks[0]
    assert again.rows == history.rows
    assert vars(again) == {"rows": history.rows}
    assert not vars(history)["_states"]
    clone(model).fit(X, y)
    assert len(history.rows) == 5
