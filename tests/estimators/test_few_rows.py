"""Predictions of a few rows use a fast path without scikit-learn's validation, with the same bits."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pandas
import pytest
import scipy.sparse
from helpers.few_rows import FORMS, answers, assert_equal, fitted, without_fast_path
from helpers.fits import draw, ignores_max_iter, make
from helpers.merged import in_one_test
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from fastmlp.engine.blocking import BLOCK_ROWS
from fastmlp.engine.small_batches import arrays_are_as_expected

pytestmark = [
    ignores_max_iter,
    pytest.mark.skipif(not arrays_are_as_expected(), reason="this interpreter has no fast path"),
]


TASKS = ["binary", "classes", "labels", "regression", "outputs"]


# The same bits


@in_one_test(shared=("fast_calls",))
@pytest.mark.parametrize("hidden", [(), (5,), (33, 17), (300, 3)], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("task", TASKS)
def test_fast_path_has_the_same_bits(task, dtype, hidden, fast_calls):
    """For any number of rows: also those of a larger batch, and of an array in Fortran order."""
    model, X = fitted(task, dtype, hidden_layer_sizes=hidden)
    together = without_fast_path(model, np.asfortranarray(X))
    for rows in [*range(1, 10), 31, 32, 33, 63, BLOCK_ROWS]:
        fast_calls.clear()
        got = answers(model, X[5 : 5 + rows])
        assert fast_calls == [True] * len(got)
        assert_equal(got, [all_rows[5 : 5 + rows] for all_rows in together])
        few = np.asfortranarray(X[5 : 5 + rows]) if rows > 1 else np.repeat(X[5:6], 2, axis=1)[:, ::2]
        assert_equal(got, without_fast_path(model, few))


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_every_activation(activation, fast_calls):
    model, X = fitted("classes", activation=activation)
    expected = without_fast_path(model, X)[1][:9]
    fast_calls.clear()
    np.testing.assert_array_equal(model.predict_proba(X[:9]), expected)
    assert fast_calls == [True]


def test_a_single_feature_and_a_single_class(fast_calls):
    X = np.linspace(-1, 1, 50)[:, None]
    model = make("binary", batch_size=20).fit(X, X[:, 0] > 0)
    together = without_fast_path(model, X)[::-1]
    for rows in (X[:1], X[3:30], np.repeat(X, 2, axis=1)[:1, :1], X.T[:, :1]):
        where = np.searchsorted(X[:, 0], rows[:, 0])
        np.testing.assert_array_equal(model.predict_proba(rows), together[0][where])
        np.testing.assert_array_equal(model.predict(rows), together[1][where])
    only = make("binary", batch_size=20).fit(X, ["yes"] * 50)
    assert only.predict(X[:2]).tolist() == only.predict(X[:2]).tolist() == ["yes", "yes"]


def test_predictions_are_new_arrays(fast_calls):
    model, X = fitted("regression")
    first = model.predict(X[:3])
    kept = first.copy()
    model.predict(X[3:6])
    np.testing.assert_array_equal(first, kept)
    first[...] = 7
    np.testing.assert_array_equal(model.predict(X[:3]), kept)


@in_one_test(shared=("fast_calls",))
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_forms_of_input(dtype, form, fast_calls):
    """Each form has the predictions of a plain array with the same numbers."""
    convert, is_fast = FORMS[form]
    model, X = fitted("classes", dtype)
    for count in (1, 9):
        rows = convert(X[:count])
        expected = without_fast_path(model, rows)
        plain = np.array(rows.toarray() if scipy.sparse.issparse(rows) else rows, expected[1].dtype)
        tolerance = 2 * np.finfo(plain.dtype).eps  # a sparse row adds up in another order
        np.testing.assert_allclose(
            expected[1], without_fast_path(model, plain)[1], rtol=tolerance if "cs" in form else 0
        )
        for _ in range(2):
            fast_calls.clear()
            assert_equal(answers(model, rows), expected)
            assert fast_calls == [is_fast] * 2


@in_one_test(shared=("fast_calls",))
@pytest.mark.parametrize("form", ["float32", "float64", "int", "several"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_data_frames_take_the_fast_path(dtype, form, fast_calls):
    """With the fitted column names in any object; other names are compared by scikit-learn."""
    X, y = draw("classes", dtype)
    names = [f"column {number}" for number in range(20)]
    model = make("classes", hidden_layer_sizes=(19, 6)).fit(pandas.DataFrame(X, columns=names), y)
    answers(model, pandas.DataFrame(X, columns=names))
    for rows in (1, 7):
        frame = pandas.DataFrame(np.rint(4 * X[:rows]) if form == "int" else X[:rows], columns=names)
        if form == "several":
            frame = frame.astype({"column 3": np.float32, "column 4": np.float64, "column 5": int})
        else:
            frame = frame.astype(form)
        expected = without_fast_path(model, frame)
        for _ in range(2):
            fast_calls.clear()
            assert_equal(answers(model, frame), expected)
            assert fast_calls == [True, True]
        for other in (frame.astype("Float64"), frame.assign(extra=1).drop(columns="extra").astype(object)):
            fast_calls.clear()
            assert_equal(answers(model, other), without_fast_path(model, other))
            assert not any(fast_calls)


def test_copies_of_arrays_in_another_type_follow_edits(fast_calls):
    """float64 rows of a float32 model are computed in float64, with the current values of its arrays."""
    model, X = fitted("classes", np.float32)
    rows = X[:3].astype(np.float64)
    for _ in range(3):
        assert_equal(answers(model, rows), without_fast_path(model, rows))
        model.coefs_[0] *= 1.5
        model.intercepts_[1] += 1
    assert fast_calls[-1]


def test_arrays_of_a_model_that_predicts_cannot_be_resized():
    """NumPy refuses to resize them, since records hold their addresses."""
    model, X = fitted("regression")
    model.coefs_ = [coef.copy() for coef in model.coefs_]
    model.intercepts_ = [intercept.copy() for intercept in model.intercepts_]
    expected = model.predict(X[:3])
    assert model.predict(X[:3]).tolist() == expected.tolist()
    for array in (*model.coefs_, *model.intercepts_):
        with pytest.raises(ValueError, match="cannot resize an array that references or is referenced"):
            array.resize((1000, 1000), refcheck=False)
    np.testing.assert_array_equal(model.predict(X[:3]), expected)
    model.coefs_[1].resize(model.coefs_[1].shape[::-1], refcheck=False)  # as many bytes: NumPy allows it
    with pytest.raises(ValueError, match="shape"):
        model.predict(X[:3])


# In threads


@pytest.mark.parametrize("task", ["binary", "classes", "regression"])
def test_predictions_of_one_model_in_threads(task):
    """Each thread gets the predictions of its own rows, in thousands of calls."""
    model, X = fitted(task)
    together = answers(model, X)

    def wrong(seed):
        rng, count = np.random.RandomState(seed), 0
        for _ in range(1500):
            first, rows = rng.randint(100), rng.randint(1, 65)
            got = answers(model, X[first : first + rows])
            expected = [all_rows[first : first + rows] for all_rows in together]
            count += not all(np.array_equal(one, other) for one, other in zip(got, expected, strict=True))
        return count

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(wrong, range(4))) == [0, 0, 0, 0]


# Copies


@pytest.mark.parametrize("copied", [
    copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model)),
], ids=["copy", "deepcopy", "pickle"])  # fmt: skip
def test_copies_made_after_predictions(copied, fast_calls):
    model, X = fitted("classes")
    expected = model.predict_proba(X[:3])
    other = copied(model)
    other.predict_proba(X)
    np.testing.assert_array_equal(other.predict_proba(X[:3]), expected)
    assert fast_calls[-1]
    other.coefs_ = [2 * coef for coef in other.coefs_]
    assert not np.array_equal(other.predict_proba(X[:3]), expected)
    np.testing.assert_array_equal(model.predict_proba(X[:3]), expected)
    with pytest.raises(NotFittedError):
        clone(model).predict(X[:3])


def test_predictions_leave_the_model_unchanged():
    X, y = draw("classes")
    model = make("classes").fit(X, y)
    before, dumped = dict(model.__dict__), joblib.hash(model)
    for rows in (X, X[:3], X[:3], X[:1]):
        answers(model, rows)
    assert model.__dict__.keys() == before.keys()
    assert all(value is before[name] for name, value in model.__dict__.items())
    assert joblib.hash(model) == dumped
