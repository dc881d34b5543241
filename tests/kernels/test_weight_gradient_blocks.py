"""Weight gradients over many rows: a few rows at a time, with the same bits as over all of them at once."""

import numpy as np
import pytest
from helpers import knobs
from helpers.merged import in_one_test

from fastmlp import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

#: Far more than any batch here.
ALL = 1 << 20


def fit(monkeypatch, estimator, X, y, **blocking):
    with monkeypatch.context() as patch:
        knobs.set_blocking(patch, **blocking)
        model = estimator.fit(X, y)
    return np.concatenate([array.ravel() for array in (*model.coefs_, *model.intercepts_)]).tobytes()


@in_one_test()
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize(
    ("hidden", "n_outputs", "panel_bytes"),
    [((40,), 20, ALL), ((33, 70), 3, ALL), ((70, 33), 20, 1 << 12), ((), 1, ALL), ((5,), 1, ALL)],
    ids=["small", "narrow outputs", "panels", "one output", "narrow"],
)
def test_rows_together_do_not_change_the_bits(monkeypatch, dtype, solver, hidden, n_outputs, panel_bytes):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((203, 21)).astype(dtype)
    if n_outputs == 1:
        kind, y = MLPRegressor, X[:, 0] ** 2
    else:
        kind, y = MLPClassifier, np.arange(203) % n_outputs
    model = kind(hidden_layer_sizes=hidden, solver=solver, batch_size=203, max_iter=3, random_state=0)
    at_once = fit(monkeypatch, model, X, y, GRADIENT_ROWS=ALL, PANEL_BYTES=panel_bytes)
    for rows in (8, 50, 202, 203):
        assert fit(monkeypatch, model, X, y, GRADIENT_ROWS=rows, PANEL_BYTES=panel_bytes) == at_once


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_weights_together_do_not_change_the_bits(monkeypatch, n_jobs):
    """Where deltas do not stay in the near caches, more weights are updated together."""
    knobs.let_threads_pay(monkeypatch)
    rng = np.random.default_rng(1)
    X = rng.standard_normal((300, 90))
    y = np.arange(300) % 3
    model = MLPClassifier((70, 60), batch_size=150, max_iter=2, random_state=0, n_jobs=n_jobs)
    near = fit(monkeypatch, model, X, y, DELTA_BYTES=ALL, UPDATE_BYTES=1)
    assert fit(monkeypatch, model, X, y, DELTA_BYTES=0, UPDATE_BYTES=1) == near
