"""Small models of every kind, for the displays."""

import numpy as np

from fastmlp import MLPClassifier, MLPRegressor

X = np.random.RandomState(0).standard_normal((60, 3))
SIGN = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int)
#: Targets and estimators by what they stand for.
KINDS = {
    "binary": (SIGN, MLPClassifier((5,), early_stopping=True, validation_fraction=0.2)),
    "multi-class": (np.array(["one", "two", "three"])[np.digitize(X[:, 0], [-0.5, 0.5])], MLPClassifier((4, 3))),
    "multi-label": (
        np.stack([SIGN, 1 - SIGN, X[:, 2] > 0], axis=1).astype(int),
        MLPClassifier((4,), activation="tanh"),
    ),
    "regression": (
        X[:, 0] * X[:, 1],
        MLPRegressor(hidden_layer_sizes=(6, 2), early_stopping=True, validation_fraction=0.2),
    ),
    "multi-output": (X[:, :2] ** 2, MLPRegressor(hidden_layer_sizes=(4,), activation="logistic")),
    "no hidden layer": (SIGN, MLPClassifier(())),
    "one hidden unit": (X[:, 0], MLPRegressor(hidden_layer_sizes=(1,), solver="sgd")),
    "full batch": (SIGN, MLPClassifier((3,), solver="lbfgs", activation="tanh")),
}
