"""Early stopping's R² has the bits of scikit-learn's `r2_score`."""

import numpy as np
import pytest
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import r2_score

from fastmlp.estimators.r_squared import r_squared


@pytest.mark.parametrize("weighted", [None, np.float32, np.float64], ids=str)
@pytest.mark.parametrize("dtypes", [(np.float32, np.float32), (np.float64, np.float64), (np.float32, np.float64)])
@pytest.mark.parametrize("n_targets", [1, 3])
def test_bits_are_those_of_scikit_learn(n_targets, dtypes, weighted):
    rng = np.random.RandomState(0)
    for rows in (2, 3, 57, 1000):
        y = rng.standard_normal((rows, n_targets)).astype(dtypes[0])
        weight = None if weighted is None else rng.uniform(0, 2, rows).astype(weighted)
        for outputs in (y, y + rng.standard_normal(y.shape), np.zeros_like(y), 1e3 * y):
            outputs = outputs.astype(dtypes[1])
            assert r_squared(y, outputs, weight) == r2_score(y, outputs, sample_weight=weight)


def test_targets_that_do_not_vary():
    y = np.array([[2.0, 2.0, 1.0], [2.0, 2.0, 3.0]])
    outputs = np.array([[2.0, 2.5, 1.0], [2.0, 1.0, 2.0]])
    assert r_squared(y, outputs) == r2_score(y, outputs) == (1 + 0 + 0.5) / 3


def test_one_row_warns_as_scikit_learn_does():
    one = np.ones((1, 1))
    with pytest.warns(UndefinedMetricWarning, match="less than two samples"):
        assert np.isnan(r_squared(one, one))


def test_squares_beyond_float32_are_computed_in_float64():
    y = np.array([[1e30], [2e30], [-1e30]], np.float32)
    assert r_squared(y, -y) == r2_score(y.astype(np.float64), -y.astype(np.float64)) < 0
    y = y.astype(np.float64) * 1e150
    assert np.isnan(r_squared(y, -y))
