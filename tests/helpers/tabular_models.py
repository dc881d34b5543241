"""Small estimators for tables, the table with numbers, categories and missing values that they are fitted to."""

import numpy as np
import pandas as pd

from fastmlp import TabularMLPClassifier, TabularMLPRegressor

N = 96
_RNG = np.random.RandomState(0)
X = pd.DataFrame({"a": _RNG.normal(size=N), "b": _RNG.normal(size=N), "c": _RNG.choice(list("xyz"), N)})
T = 3 * X["a"].to_numpy() + 2 * (X["c"] == "x").to_numpy() + 1
Y = np.where(T > 1.5, "yes", "no")
X.loc[::11, "b"] = np.nan
SMALL = {
    "recipe": "fast", "n_members": 2, "hidden_layer_sizes": (8,), "numeric_encoding": "periodic", "max_iter": 4,
    "validation_fraction": 0.0, "random_state": 0,
}  # fmt: skip


def classifier(*callbacks, **parameters):
    return TabularMLPClassifier(**{**SMALL, **parameters}).set_callbacks(*callbacks)


def regressor(*callbacks, **parameters):
    return TabularMLPRegressor(**{**SMALL, **parameters}).set_callbacks(*callbacks)


MODELS = {"classifier": (classifier, Y), "regressor": (regressor, T)}


def bits(model):
    """The parameters of all members."""
    return [each.params.tobytes() for each in model.members_]
