"""Small models with callbacks, by the name of their kind."""

from helpers.early_stopping_data import NUMBERS
from sklearn.base import clone

from fastmlp import MLPClassifier, MLPRegressor

CLASSES = (NUMBERS > 0).astype(int) + (NUMBERS > 1)
SMALL = {"hidden_layer_sizes": (7,), "max_iter": 5, "random_state": 0, "batch_size": 50}
MODELS = {"classifier": (MLPClassifier(**SMALL), CLASSES), "regressor": (MLPRegressor(**SMALL), NUMBERS)}


def make_model(name, *callbacks, **parameters):
    model, y = MODELS[name]
    return clone(model).set_params(**parameters).set_callbacks(*callbacks), y


def bits(model):
    return [array.tobytes() for array in (*model.coefs_, *model.intercepts_)]
