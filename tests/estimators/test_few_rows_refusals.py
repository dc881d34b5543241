"""Errors of predictions of a few rows: those of scikit-learn's validation."""

import numpy as np
import pandas
import pytest
import scipy.sparse
import sklearn
import sklearn.neural_network
from helpers.few_rows import fitted
from helpers.fits import draw, ignores_max_iter, make
from helpers.merged import in_one_test

from fastmlp.engine.small_batches import arrays_are_as_expected

pytestmark = [
    ignores_max_iter,
    pytest.mark.skipif(not arrays_are_as_expected(), reason="this interpreter has no fast path"),
]


@in_one_test()
@pytest.mark.parametrize("rows", [
    np.zeros((0, 20)), np.zeros(20), np.zeros((1, 1, 20)), np.zeros((1, 19)), np.zeros((2, 21)), np.zeros((2, 0)),
    np.full((1, 20), np.nan), np.full((3, 20), np.inf), np.full((64, 20), -np.inf), 3.0, None, "text",
    np.array([["a"] * 20]), np.zeros((1, 20), complex), pandas.DataFrame(np.full((1, 20), np.nan)),
    scipy.sparse.csr_array(np.full((1, 20), np.inf)), np.zeros((19, 1)),
], ids=lambda rows: f"{type(rows).__name__} {getattr(rows, 'shape', rows)} {getattr(rows, 'dtype', '')}")  # fmt: skip
def test_errors_equal_scikit_learns(rows):
    X, y = draw("classes")
    messages = []
    for module in (sklearn.neural_network, None):
        model = module.MLPClassifier((5,), max_iter=2) if module else make("classes")
        model.fit(X, y).predict_proba(X[:2])
        for method in (model.predict, model.predict_proba):
            with pytest.raises((ValueError, TypeError)) as caught:
                method(rows)
            messages.append((caught.type, str(caught.value)))
    assert messages[:2] == messages[2:]


@in_one_test(shared=("fast_calls",))
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_single_value_that_is_not_finite_is_refused(dtype, bad, fast_calls):
    """In any position of any row; the largest and subnormal numbers are accepted."""
    model, X = fitted("classes", dtype)
    fast_calls.clear()
    for rows, row, column in ((1, 0, 0), (203, 202, 19), (1, 0, 19), (9, 8, 7), (64, 63, 19), (64, 0, 8)):
        few = X[:rows].copy()
        few[row, column] = bad
        with pytest.raises(ValueError, match="NaN" if np.isnan(bad) else "infinity"):
            model.predict(few)
    assert not any(fast_calls)
    few = X[:2].copy()
    few[0, 3], few[1, 4] = np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal
    model.predict(few)
    assert fast_calls[-1]


def test_assume_finite_is_respected():
    model, X = fitted("classes")
    X[0, 0] = np.nan
    with sklearn.config_context(assume_finite=True):
        assert np.isnan(model.predict_proba(X[:1])).all()


def test_names_of_columns_are_still_compared():
    X, y = draw("classes")
    frame = pandas.DataFrame(X, columns=[f"column {number}" for number in range(20)])
    model = make("classes").fit(frame, y)
    expected = model.predict_proba(frame)[:2]
    for _ in range(3):
        with pytest.warns(UserWarning, match="X does not have valid feature names"):
            np.testing.assert_array_equal(model.predict_proba(X[:2]), expected)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[:2].rename(columns={"column 3": "another"}))
    model.fit(X, y).predict(X[:2])
    with pytest.warns(UserWarning, match="X has feature names"):
        model.predict(frame[:2])
    model.fit(frame, y)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.predict(X[:2])
