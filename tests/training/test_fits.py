"""Whole fits in guarded memory, in threads: every solver on every task, dense and sparse; in the bounds lane too."""

import numpy as np
import pytest
import scipy.sparse
from helpers import knobs
from helpers.every_fit import CASES, fit
from helpers.guarded import Guarded, assert_lines_are_zero


@pytest.fixture
def buffers(monkeypatch):
    """Every buffer that is allocated for kernels while the test runs."""
    knobs.let_threads_pay(monkeypatch)
    return knobs.record_buffers(monkeypatch)


class GuardedInputs:
    """Puts X into guarded memory; of a sparse one, each of its three arrays."""

    def __call__(self, X):
        if not scipy.sparse.issparse(X):
            self.guarded = [Guarded(X, X.dtype, stride=X.shape[1] + 3)]
            return self.guarded[0].array
        self.guarded = [Guarded(array, array.dtype) for array in (X.data, X.indices, X.indptr)]
        X.data, X.indices, X.indptr = (guarded.array for guarded in self.guarded)
        return X


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES, ids=", ".join)
def test_fit_stays_within_its_memory(case, dtype, buffers):
    """Nothing is written beside any buffer, nor read beside X: the same bits without guards, and without threads."""
    inputs = GuardedInputs()
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
