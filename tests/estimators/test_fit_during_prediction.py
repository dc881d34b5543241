"""A fit in another thread while a model predicts: the answer is that of one state, the former one or the new."""

import numpy as np
import pytest
from helpers.merged import in_one_test

from fastmlp import MLPClassifier, MLPRegressor
from fastmlp.estimators.forward import ForwardPass

X = np.random.RandomState(0).randn(40, 3)
OLD, NEW = (X[:, 0] > 0).astype(int), np.digitize(X[:, 1], [-0.5, 0.5]) + 10


def made(kind, width, y):
    return kind(hidden_layer_sizes=(width,), solver="lbfgs", max_iter=3, random_state=0).fit(X, y)


@in_one_test()
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    ("place", "warm"),
    [
        *((place, False) for place in ("_small_batch_predictor", "_answers_depend_on", "_check_coefs", "_arrays")),
        *((place, True) for place in ("_small_batch_predictor", "_answers_depend_on")),
    ],
)
@pytest.mark.parametrize(
    ("kind", "method"),
    [(MLPClassifier, "predict"), (MLPClassifier, "predict_proba"), (MLPRegressor, "predict")],
)
def test_a_fit_between_two_steps(kind, method, place, warm, monkeypatch):
    model = made(kind, 4, OLD)
    expected = getattr(made(kind, 4, OLD), method)(X)
    if warm:
        getattr(model, method)(X)
    function, refit = getattr(ForwardPass, place), []

    def fit_then_go_on(self, *arguments):
        result = function(self, *arguments)
        if not refit:
            refit.append(True)
            model.set_params(hidden_layer_sizes=(7,)).fit(X, NEW)
        return result

    with monkeypatch.context() as patched:
        patched.setattr(ForwardPass, place, fit_then_go_on)
        np.testing.assert_array_equal(getattr(model, method)(X), expected)
    np.testing.assert_array_equal(getattr(model, method)(X), getattr(made(kind, 7, NEW), method)(X))
