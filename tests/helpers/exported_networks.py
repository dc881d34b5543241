"""Hypothesis's strategies of models and inputs, for the tests of exports."""

import numpy as np
from helpers.exported_models import HIDDEN, OUTPUTS, targets
from hypothesis import strategies as st

from fastmlp import MLPClassifier, MLPRegressor, Network, Quantile
from fastmlp.losses import LOSSES, names_for

#: Rows of `targets`.
N_ROWS = 50
SIZES = st.integers(1, 12)
ACTIVATIONS = st.sampled_from([each for each in HIDDEN if each != "exp"])
#: Inputs in float32; the ends of the range would leave nothing of 24 bits in a sum.
NUMBERS = st.floats(-4, 4, width=32)
KINDS = ["binary", "strings", "integers", "multi-class", "one class", "multi-label"]


@st.composite
def models(draw):
    """A (model, inputs) of any kind, with drawn sizes, activations, loss and weights, and inputs of its own."""
    kind = draw(st.sampled_from(["network", "classifier", "regressor"]))
    hidden = draw(st.lists(SIZES, max_size=3))
    activations = [draw(ACTIVATIONS) for _ in hidden]
    rng, n_features = np.random.RandomState(draw(st.integers(0, 2**32 - 1))), draw(SIZES)
    spread = draw(st.floats(0.1, 1.5))
    if kind == "network":
        model = make_network(draw, n_features, hidden, activations)
        weights = [*model.coefs, *model.intercepts]
    else:
        model = make_estimator(draw, kind, rng, n_features, hidden, activations)
        weights = [*model.coefs_, *model.intercepts_]
    for array in weights:
        array[...] = spread * rng.standard_normal(array.shape) / np.sqrt(len(array))
    X = np.array(draw(st.lists(st.lists(NUMBERS, min_size=n_features, max_size=n_features), min_size=1, max_size=4)))
    return model, np.concatenate([X, rng.standard_normal((8, n_features))]).astype(np.float32)


def make_network(draw, n_features, hidden, activations):
    output, n_outputs = draw(st.sampled_from([*OUTPUTS, "softmax"])), draw(SIZES)
    if output == "softmax":
        n_outputs = max(2, n_outputs)
    loss = "log_loss" if output in ("softmax", "logistic") else "half_squared_error"
    dtype = draw(st.sampled_from(["float32", "float64"]))
    return Network([n_features, *hidden, n_outputs], [*activations, output], loss, dtype)


def make_estimator(draw, kind, rng, n_features, hidden, activations):
    """An estimator after one step of training."""
    options = {"hidden_layer_sizes": hidden, "activation": activations or "relu", "max_iter": 1, "random_state": 0}
    X = rng.standard_normal((N_ROWS, n_features)).astype(draw(st.sampled_from([np.float32, np.float64])))
    if kind == "classifier":
        task = draw(st.sampled_from(KINDS))
        losses = [name for name in names_for("classifier") if task != "multi-label" or name in ("log_loss", "focal")]
        y, model = targets(task), MLPClassifier(loss=draw(st.sampled_from(losses)), **options)
        return model.partial_fit(X, y, classes=np.arange(3) if y.ndim == 2 else np.unique(y))
    loss = draw(st.sampled_from([*names_for("regressor"), Quantile((0.1, 0.5, 0.9), crossing=False)]))
    positive = LOSSES[loss].default_output_activation("regression") == "exp" if isinstance(loss, str) else False
    y = targets("positive" if positive else draw(st.sampled_from(["one output", "outputs"])))
    return MLPRegressor(loss, **options).partial_fit(X, y)
