"""Whole fits in guarded memory and threads: every solver on every task, dense and sparse; also with bounds checks."""

import numpy as np
import pytest
import scipy.sparse
from helpers import knobs
from helpers.every_fit import CASES, fit
from helpers.guarded import Guarded, assert_lines_are_zero
from helpers.merged import in_one_test


def record_buffers(monkeypatch):
    """Return a list to which all buffers are appended that are allocated for kernels."""
    knobs.let_threads_pay(monkeypatch)
    return knobs.record_buffers(monkeypatch)


class GuardedInputs:
    """Copies X, or the three arrays of a sparse X, to guarded memory."""

    def __call__(self, X):
        if not scipy.sparse.issparse(X):
            self.guarded = [Guarded(X, X.dtype, stride=X.shape[1] + 3)]
            return self.guarded[0].array
        self.guarded = [Guarded(array, array.dtype) for array in (X.data, X.indices, X.indptr)]
        X.data, X.indices, X.indptr = (guarded.array for guarded in self.guarded)
        return X


@in_one_test("dtype")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES, ids=", ".join)
def test_fit_stays_within_its_memory(case, dtype, monkeypatch):
    """Nothing is written beside buffers or read beside X: fits without guards or without threads have equal bits."""
    buffers, inputs = record_buffers(monkeypatch), GuardedInputs()
    guarded_fit, X = fit(*case, dtype, prepare=inputs, n_jobs=3)
    outputs = [guarded_fit.predict(X) for _ in range(2)]
    assert len(buffers) > 5
    for buffer in buffers:
        assert_lines_are_zero(buffer)
    for guarded in inputs.guarded:
        guarded.assert_untouched()
    plain_fit, _ = fit(*case, dtype)
    for ours in outputs:
        assert np.array_equal(ours, plain_fit.predict(X))
    for ours, plain in zip(
        guarded_fit.coefs_ + guarded_fit.intercepts_, plain_fit.coefs_ + plain_fit.intercepts_, strict=True
    ):
        assert np.isfinite(ours).all()
        assert np.array_equal(ours, plain)
