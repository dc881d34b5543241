"""Small fitted models of every kind, and figures that are closed after each test."""

import warnings

import pytest
from helpers.drawn_models import KINDS, X
from matplotlib import pyplot
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning


@pytest.fixture(scope="session")
def models():
    """Fitted estimators by kind, each with its rows and targets."""
    fitted = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for kind, (y, estimator) in KINDS.items():
            fitted[kind] = clone(estimator).set_params(random_state=0, max_iter=12).fit(X, y), X, y
    return fitted


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    pyplot.close("all")
