"""scikit-learn's estimator checks for the estimators for tables."""

import warnings

import pytest
from sklearn.exceptions import SkipTestWarning
from sklearn.utils.estimator_checks import check_estimator

from fastmlp import TabularMLPClassifier, TabularMLPRegressor

#: A weight of 2 is not the same training as two rows: these are drawn apart, and scales count both.
STOCHASTIC = {"check_sample_weight_equivalence_on_dense_data": "mini-batches are drawn from the rows"}


@pytest.mark.parametrize("kind", [TabularMLPClassifier, TabularMLPRegressor])
def test_estimator_checks(kind):
    model = kind("fast", n_members=1, hidden_layer_sizes=(32,), max_iter=12, batch_size=16)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)
        logs = check_estimator(model, expected_failed_checks=STOCHASTIC)
    statuses = [each["status"] for each in logs]
    assert statuses.count("passed") > 40 and "failed" not in statuses
