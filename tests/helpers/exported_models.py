"""Fitted models of every activation and every task, small and quickly made, for the tests of exports."""

import copy
import functools
import itertools

import numpy as np

from fastmlp import CELU, ELU, LeakyReLU, MLPClassifier, MLPRegressor, Quantile, SiLU, Softplus
from fastmlp.activations import ACTIVATIONS

N_FEATURES = 4
#: Every activation that hidden layers may have, also with other numbers than the usual ones.
HIDDEN = [*(name for name, one in ACTIVATIONS.items() if one.is_elementwise),
          LeakyReLU(0.3), LeakyReLU(0.0), LeakyReLU(-0.5), ELU(0.4), ELU(0.0), CELU(2.5), SiLU(1.7),
          Softplus(3.0)]  # fmt: skip
#: Every output activation, with a loss that goes with it.
OUTPUTS = [name for name, one in ACTIVATIONS.items() if one.is_elementwise]


def rows(n=50, dtype=np.float32):
    """Return inputs, two of them far from zero, and a target."""
    X = np.random.RandomState(0).standard_normal((n, N_FEATURES)).astype(dtype)
    X[0], X[1], X[2] = 4, -4, 0
    return X, X[:, 0] - X[:, 1] * X[:, 2]


def targets(kind):
    X, y = rows()
    three = np.digitize(y, [-0.5, 0.5])
    return {
        "binary": y > 0, "strings": np.array(["no", "yes ü"])[(y > 0).astype(int)], "integers": three * 10 - 3,
        "multi-class": np.array(["a", 'b"\\?', "ç"])[three], "one class": np.zeros(len(y), int), "floats": three * 1.0,
        "multi-label": np.column_stack([y > 0, X[:, 0] > 0, X[:, 3] < 0.2]).astype(int),
        "one output": y, "outputs": np.column_stack([y, X[:, 0], -y]), "positive": abs(y) + 0.1,
    }[kind]  # fmt: skip


def fitted(model, kind):
    """Return the model with drawn weights and classes, by a training of one step."""
    X, _ = rows()
    model.set_params(hidden_layer_sizes=(5, 4), random_state=0, max_iter=1)
    y = targets(kind)
    if isinstance(model, MLPClassifier):
        return model.partial_fit(X, y, classes=np.arange(3) if y.ndim == 2 else np.unique(y))
    return model.partial_fit(X, y)


def every_model():
    """Return (name, fitted model): each activation with a task, each output, each loss that matters for predictions."""
    return copy.deepcopy(_every_model())


@functools.cache
def _every_model():
    return list(_make_every_model())


def _make_every_model():
    tasks = ["binary", "multi-class", "multi-label", "one output", "outputs"]
    for activation, kind in zip(HIDDEN, itertools.cycle(tasks)):
        make = MLPRegressor if "output" in kind else MLPClassifier
        yield f"{activation} {kind}", fitted(make(activation=[activation, "tanh"]), kind)
    for output in OUTPUTS:
        loss = "absolute_error" if output != "exp" else "half_squared_error"
        yield f"output {output}", fitted(MLPRegressor(loss, activation="tanh", output_activation=output), "outputs")
    for kind in ("strings", "integers", "floats", "one class"):
        yield kind, fitted(MLPClassifier(), kind)
    for kind, loss in (
        ("binary", "hinge"),
        ("multi-class", "squared_hinge"),
        ("strings", "perceptron"),
        ("multi-label", "focal"),
    ):
        yield f"{loss} {kind}", fitted(MLPClassifier(loss=loss), kind)
    yield "softmax of two", fitted(MLPClassifier(output_activation="softmax"), "binary")
    yield "poisson", fitted(MLPRegressor("poisson"), "positive")
    yield "quantiles", fitted(MLPRegressor(Quantile((0.1, 0.5, 0.9))), "one output")
    for crossing, kind in itertools.product((True, False), ("one output", "outputs")):
        loss = Quantile((0.2, 0.4, 0.6, 0.8), crossing=crossing)
        yield f"{loss} {kind}", fitted(MLPRegressor(loss, activation="tanh"), kind)


def expected(model, X):
    """Return what the exported model gives beside labels: probabilities, margins, or predictions."""
    for name in ("predict_proba", "decision_function", "predict"):
        if hasattr(model, name):
            return getattr(model, name)(X)
    raise AssertionError


def assert_close(found, exact, what, tolerance=1e-6):
    """Relative to the largest of the numbers that are compared, or to one."""
    found, exact = np.asarray(found, np.float64), np.asarray(exact, np.float64)
    assert found.shape == exact.shape, (what, found.shape, exact.shape)
    error = np.abs(found - exact) / np.maximum(np.abs(exact), 1.0)
    assert error.max() <= tolerance, (what, error.max(), exact.ravel()[error.argmax()])
