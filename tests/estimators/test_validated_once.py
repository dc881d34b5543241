"""Arguments are validated once, with one warning and one conversion, also where the fast path is abandoned."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import DataConversionWarning

from fastmlp import MLPClassifier, MLPRegressor

X = np.random.RandomState(0).randn(32, 4)
Y = (X[:, 0] > 0).astype(int)


class Weights:
    """Weights that only ``__array__`` converts to an array."""

    def __init__(self, array):
        self.array, self.asked = array, 0

    def __array__(self, dtype=None, copy=None):
        self.asked += 1
        return np.array(self.array, dtype=dtype)


def prepared(kind, weight=1.0):
    classes = {"classes": [0, 1]} if kind is MLPClassifier else {}
    return kind(random_state=0).partial_fit(X, Y, sample_weight=np.full(32, weight), **classes)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("weight", [1.0, 1e30])
def test_a_column_of_targets(weight, kind):
    """Weights of another scale need a new preparation: that of the last call cannot be used."""
    model, other = prepared(kind), prepared(kind)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.partial_fit(X, Y[:, np.newaxis], sample_weight=np.full(32, weight))
    assert [one.category for one in caught] == [DataConversionWarning]
    other.partial_fit(X, Y, sample_weight=np.full(32, weight))
    for mine, theirs in zip(model.coefs_, other.coefs_, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("weight", [1.0, 1e30])
def test_weights_that_are_no_array(weight, kind):
    model, weights = prepared(kind), Weights(np.full(32, weight))
    model.partial_fit(X, Y, sample_weight=weights)
    assert weights.asked == 1
