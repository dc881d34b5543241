"""Small models that are fitted with validation rows, by the name of their targets."""

import numpy as np
from helpers.early_stopping_data import NUMBERS, X

from fastmlp import Huber, MLPClassifier, MLPRegressor, Quantile

CLASSES = (NUMBERS > 0).astype(int) + (NUMBERS > 1)
NAMES = np.array(["few", "many", "none"])[CLASSES]
LABELS = np.column_stack([X[:, 0] > 0, X[:, 1] > 0.5]).astype(int)
WEIGHTS = np.linspace(0.5, 2.0, len(X))

#: name → (estimator, parameters, targets)
MODELS = {
    "classes": (MLPClassifier, {}, CLASSES),
    "two classes": (MLPClassifier, {}, CLASSES > 0),
    "names": (MLPClassifier, {"loss": "focal"}, NAMES),
    "labels": (MLPClassifier, {}, LABELS),
    "numbers": (MLPRegressor, {}, NUMBERS),
    "two targets": (MLPRegressor, {"loss": Huber(0.5)}, np.column_stack([NUMBERS, X[:, 0]])),
    "quantiles": (MLPRegressor, {"loss": Quantile((0.1, 0.9))}, NUMBERS),
}
SMALL = {"hidden_layer_sizes": (7,), "max_iter": 12, "learning_rate_init": 0.02, "batch_size": 32}


def make_model(name, **parameters):
    estimator, own, y = MODELS[name]
    return estimator(**{**SMALL, **own, **parameters}), y


def bits(model):
    return [array.tobytes() for array in (*model.coefs_, *model.intercepts_)]
