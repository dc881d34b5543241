"""The moving average of the weights (`ema`): against plain NumPy, in every training that it goes with."""

import numpy as np
import pytest
from helpers import knobs
from helpers.early_stopping_data import NUMBERS, TYPES, X
from helpers.merged import in_one_test
from sklearn.callback import ScoringMonitor

from fastmlp import MLPClassifier, MLPRegressor
from fastmlp.callbacks import Callback

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CLASSES = (NUMBERS > 0).astype(int) + (NUMBERS > 1)
SMALL = {"hidden_layer_sizes": (7, 5), "max_iter": 4, "batch_size": 50, "shuffle": False, "random_state": 0}
MODELS = {"classifier": (MLPClassifier(**SMALL), CLASSES), "regressor": (MLPRegressor(**SMALL), NUMBERS)}
#: What may go with it.
OPTIONS = {
    "adam": {}, "sgd": {"solver": "sgd"}, "lamb": {"solver": "lamb"}, "L1": {"l1": 0.1, "solver": "adamw"},
    "clipping": {"clip_norm": 0.01, "clip_value": 0.01}, "max norm": {"max_norm": 0.5},
    "no layer": {"hidden_layer_sizes": ()},
}  # fmt: skip


def make_model(name, *callbacks, **parameters):
    model, y = MODELS[name]
    model = type(model)(**{**model.get_params(), **parameters})
    return model.set_callbacks(*callbacks), y


def params_of(model):
    return np.concatenate([array.ravel() for array in (*model.coefs_, *model.intercepts_)]).astype(np.float64)


def average_by_hand(name, decay, epochs, dtype=np.float64, **parameters):
    """The average over all steps of a plain training, batch by batch with `partial_fit`."""
    model, y = make_model(name, **parameters)
    rows, average = X.astype(dtype), None
    classes = {"classes": np.unique(y)} if name == "classifier" else {}
    for _ in range(epochs):
        for first in range(0, len(rows), 50):
            model.partial_fit(rows[first : first + 50], y[first : first + 50], **classes)
            params = params_of(model)
            average = params if average is None else decay * average + (1 - decay) * params
    return average


@in_one_test()
@pytest.mark.parametrize("decay", [0.0, 0.5, 0.95])
@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("name", MODELS)
def test_average_of_all_steps(name, option, decay):
    model, y = make_model(name, ema=decay, **OPTIONS[option])
    model.fit(X, y)
    expected = average_by_hand(name, decay, 4, **OPTIONS[option])
    assert params_of(model) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_average_in_float32(name):
    model, y = make_model(name, ema=0.9)
    model.fit(X.astype(np.float32), y)
    assert model.coefs_[0].dtype == np.float32
    assert params_of(model) == pytest.approx(average_by_hand(name, 0.9, 4, np.float32), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("option", ["adam", "clipping"])
def test_threads_change_no_bit(option, dtype, monkeypatch):
    knobs.let_threads_pay(monkeypatch)
    found = set()
    for threads in (1, 2, 3):
        model, y = make_model("classifier", ema=0.9, n_jobs=threads, hidden_layer_sizes=(130, 70), **OPTIONS[option])
        found.add(params_of(model.fit(X.astype(dtype), y)).tobytes())
    assert len(found) == 1


@pytest.mark.parametrize("name", MODELS)
def test_the_trained_weights_are_those_without_an_average(name):
    """So are the losses of the epochs; callbacks may look at the weights that are trained."""
    seen = {}

    class Look(Callback):
        def on_epoch_end(self, estimator):
            seen.setdefault(estimator.ema, []).append(params_of(estimator).tobytes())

    for ema in (None, 0.9):
        model, y = make_model(name, Look(), ema=ema)
        model.fit(X, y)
        seen[ema].append(model.loss_curve_)
    assert seen[None] == seen[0.9]


@pytest.mark.parametrize("name", MODELS)
def test_the_average_is_evaluated_and_kept(name):
    """By early stopping, validation data and scikit-learn's monitors of scores."""
    monitor = ScoringMonitor(scoring="accuracy" if name == "classifier" else "r2")
    model, y = make_model(name, monitor, ema=0.8, early_stopping=True)
    model.fit(X[:250], y[:250], X_val=X[250:], y_val=y[250:])
    plain, _ = make_model(name, ema=0.8, max_iter=model.best_epoch_)
    assert params_of(plain.fit(X[:250], y[:250])).tobytes() == params_of(model).tobytes()
    assert model.best_validation_score_ == model.score(X[250:], y[250:])
    for row in monitor.get_logs().data[1:]:
        shorter, _ = make_model(name, ema=0.8, max_iter=row["task_id"] + 1)
        shorter.fit(X[:250], y[:250], X_val=X[250:], y_val=y[250:])
        assert row["accuracy" if name == "classifier" else "r2"] == shorter.score(X[:250], y[:250])
        assert model.validation_scores_[row["task_id"]] == shorter.score(X[250:], y[250:])


def test_refusals():
    model, y = make_model("regressor", ema=0.9)
    with pytest.raises(ValueError, match="partial_fit does not support ema"):
        model.partial_fit(X, y)
    with pytest.raises(ValueError, match="ema"):
        model.set_params(solver="lbfgs").fit(X, y)
    for wrong in (1.0, -0.1, "much"):
        with pytest.raises(ValueError, match="'ema' parameter"):
            model.set_params(solver="adam", ema=wrong).fit(X, y)
    assert not hasattr(model, "coefs_")
