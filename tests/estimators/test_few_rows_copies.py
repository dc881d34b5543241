"""Copies of a model's state after predictions are independent, and do not keep each other alive."""

import copy
import gc
import weakref

import numpy as np
import pytest
import scipy.sparse
from helpers.few_rows import answers, fitted
from helpers.fits import draw, ignores_max_iter
from helpers.merged import in_one_test

pytestmark = ignores_max_iter


@in_one_test()
@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.bool_])
@pytest.mark.parametrize("task", ["binary", "classes", "regression"])
def test_a_copy_of_the_state_is_independent(task, dtype):
    """For rows of a new type, after the original model was fitted again."""
    model, X = fitted(task)
    y = draw(task)[1]
    snapshot = copy.copy(model)
    vars(snapshot).update(vars(model))  # including the prepared predictor
    assert snapshot._small_batches is model._small_batches
    rows = np.rint(3 * X[:3]).astype(dtype)
    expected = answers(copy.copy(model), rows)
    model.fit(-X[::-1], y)
    for ours, before in zip(answers(snapshot, rows), expected, strict=True):
        np.testing.assert_array_equal(ours, before)


def test_a_copy_of_the_state_keeps_its_features():
    """Reading the other model's matrix of 4000 rows would exceed these rows' memory."""
    model, X = fitted("regression")
    snapshot = copy.copy(model)
    vars(snapshot).update(vars(model))
    wide = np.random.RandomState(0).standard_normal((len(X), 4000))
    expected = copy.copy(model).predict(X[:3].astype(np.float32))
    model.fit(wide, wide[:, 0])
    for _ in range(2):
        np.testing.assert_array_equal(snapshot.predict(X[:3].astype(np.float32)), expected)


@pytest.mark.parametrize("task", ["binary", "classes", "labels", "regression"])
def test_a_model_is_freed_at_once(task):
    """Without garbage collection, after any prediction."""
    gc.collect()
    gc.disable()
    try:
        model, X = fitted(task)
        for rows in (X[:1], X, X[:2].astype(np.float32), scipy.sparse.csr_array(X[:3]), scipy.sparse.csc_array(X)):
            answers(model, rows)
        left = weakref.ref(model), weakref.ref(model.coefs_[0])
        del model
        assert [one() for one in left] == [None, None]
    finally:
        gc.enable()
