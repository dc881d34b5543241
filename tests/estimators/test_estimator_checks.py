"""scikit-learn's estimator checks, all of them, for dense and sparse input."""

import os
import subprocess
import sys

import pytest
from helpers.estimator_checks import assert_checks_pass

from fastmlp import MLPClassifier, MLPRegressor

# The checks fit small data on the default settings and stop at `max_iter`.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ESTIMATORS = [
    MLPClassifier(),
    MLPRegressor(),
    # With a very small penalty lbfgs separates the checks' data so well that a probability rounds to 1, and one
    # check wants every probability below 1: scikit-learn's own class fails it then.
    # (Most of the time is SciPy's: it goes with parameters and iterations, of which the checks need few.)
    MLPClassifier(solver="lbfgs", alpha=0.1, hidden_layer_sizes=(20,), max_iter=50),
    MLPRegressor(solver="lbfgs", hidden_layer_sizes=(20,), max_iter=50),
]

# scikit-learn skips this check unless SciPy was told about the array API before it was imported.
ARRAY_API_CHECK = """
import warnings
from sklearn.utils.estimator_checks import estimator_checks_generator
from fastmlp import MLPClassifier, MLPRegressor

for estimator in (MLPClassifier(max_iter=20), MLPRegressor(max_iter=20)):
    for instance, check in estimator_checks_generator(estimator):
        if "array_api" in str(check):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                check(instance)
            print("checked", type(instance).__name__)
"""


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_estimator(estimator):
    assert_checks_pass(estimator)


def test_arrays_under_array_api_dispatch():
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}
    run = subprocess.run(
        [sys.executable, "-c", ARRAY_API_CHECK], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == ["checked", "MLPClassifier", "checked", "MLPRegressor"]
