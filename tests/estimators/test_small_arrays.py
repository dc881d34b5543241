"""Fits of small arrays pass scikit-learn's validation by: the same models, attributes and errors as through it."""

import numpy as np
import pandas as pd
import pytest

from fastmlp import MLPClassifier, MLPRegressor
from fastmlp.estimators import inputs as validation

X = np.random.RandomState(0).randn(24, 4)
INTEGERS = (10 * X).round()
INPUTS = {
    "float64": X,
    "float32": X.astype(np.float32),
    "fortran": np.asfortranarray(X),
    "every other": np.repeat(X, 2, axis=1)[:, ::2],
    "int64": INTEGERS.astype(np.int64),
    "int8": INTEGERS.astype(np.int8),
    "foreign": X.astype(">f8"),
    "foreign integers": INTEGERS.astype(">i4"),
    "float16": X.astype(np.float16),
    "bool": X > 0,
    "list": X.tolist(),
}
TARGETS = {
    "int": np.arange(24) % 3,
    "float": np.arange(24) % 3 + 0.0,
    "foreign": (np.arange(24) % 3).astype(">i8"),
    "bool": np.arange(24) % 2 == 0,
    "column": (np.arange(24) % 2)[:, np.newaxis],
    "two columns": np.eye(2, dtype=int)[np.arange(24) % 2],
    "list": [0, 1] * 12,
}


def state_of(kind, X, y):
    model = kind(hidden_layer_sizes=(3,), max_iter=2, random_state=0)
    with pytest.warns():  # neither converges
        model.fit(X, y)
    return model.coefs_ + model.intercepts_, model.n_features_in_, getattr(model, "classes_", None), model.predict(X)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_models_are_the_same(kind, monkeypatch):
    for inputs in INPUTS.values():
        for targets in TARGETS.values():
            monkeypatch.undo()
            params, columns, classes, predicted = state_of(kind, inputs, targets)
            monkeypatch.setattr(validation, "MAX_PLAIN", 0)
            others, other_columns, other_classes, other_predicted = state_of(kind, inputs, targets)
            assert columns == other_columns == 4
            for one, other in zip(params, others, strict=True):
                assert one.dtype == other.dtype and np.array_equal(one, other)
            assert np.array_equal(predicted, other_predicted) and predicted.dtype == other_predicted.dtype
            if kind is MLPClassifier:
                assert np.array_equal(classes, other_classes) and classes.dtype == other_classes.dtype


@pytest.mark.parametrize(
    "fault", ["NaN in X", "NaN in y", "infinity", "rows", "no columns", "no rows", "one dimension"]
)
def test_refusals_are_the_same(fault, monkeypatch):
    rows, y = X.copy(), np.arange(24.0)
    if fault == "NaN in X":
        rows[3, 2] = np.nan
    elif fault == "infinity":
        rows[0, 0] = np.inf
    elif fault == "NaN in y":
        y[2] = np.nan
    else:
        rows, y = {
            "rows": (rows, y[:-1]), "no columns": (rows[:, :0], y), "no rows": (rows[:0], y[:0]),
            "one dimension": (rows[:, 0], y),
        }[fault]  # fmt: skip
    with pytest.raises(ValueError) as refused:
        MLPRegressor(max_iter=1).fit(rows, y)
    monkeypatch.setattr(validation, "MAX_PLAIN", 0)
    with pytest.raises(ValueError) as other:
        MLPRegressor(max_iter=1).fit(rows, y)
    assert str(refused.value) == str(other.value)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_names_of_features_come_and_go():
    model, y = MLPRegressor(max_iter=1), np.arange(24.0)
    assert list(model.fit(pd.DataFrame(X, columns=list("abcd")), y).feature_names_in_) == list("abcd")
    assert not hasattr(model.fit(X, y), "feature_names_in_")
    model = MLPRegressor(max_iter=1, warm_start=True).fit(pd.DataFrame(X, columns=list("abcd")), y)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.partial_fit(X, y)
    with pytest.raises(ValueError, match="expecting 4 features"):
        MLPRegressor(max_iter=1).fit(X, y).partial_fit(X[:, :3], y)
