"""Models that are ready for the fast path of a few rows, and their predictions with and without it."""

import copy

import numpy as np
import pytest
import scipy.sparse
from helpers.fits import draw, make

from fastmlp.engine.small_batches import SmallBatchPredictor


def answers(model, X):
    """Predictions, and probabilities where there are any."""
    return [model.predict(X), *([model.predict_proba(X)] if hasattr(model, "predict_proba") else [])]


def fitted(task, dtype=np.float64, **parameters):
    """A model that is ready for the fast path, and 203 rows."""
    X, y = draw(task, dtype)
    model = make(task, **{"hidden_layer_sizes": (19, 6), **parameters}).fit(X, y)
    answers(model, X)
    return model, X


def without_fast_path(model, X):
    """`answers` without the fast path."""
    other = copy.copy(model)  # without the prepared predictor
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SmallBatchPredictor, "supports", lambda coefs, intercepts: False)
        return answers(other, X)


def assert_equal(ours, plain):
    for one, other in zip(ours, plain, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


# Forms of input


class Special(np.ndarray):
    """A subclass, which does not take the fast path."""


def read_only(X):
    X = X.copy()
    X.setflags(write=False)
    return X


def misaligned(X):
    return np.frombuffer(b"." + X.tobytes(), np.uint8)[1:].view(X.dtype).reshape(X.shape)


#: Name → (the form from a plain array, whether it takes the fast path).
FORMS = {
    "read-only": (read_only, True),
    "part of a larger array": (lambda X: np.concatenate([X, X, X])[len(X) : 2 * len(X)], True),
    "subclass": (lambda X: X.view(Special), False),
    "masked": (np.ma.masked_array, False),
    "rows apart": (lambda X: np.repeat(X, 2, axis=0)[::2], True),
    "columns apart": (lambda X: np.repeat(X, 2, axis=1)[:, ::2], True),
    "backwards": (lambda X: X[::-1].copy()[::-1], True),
    "the same row": (lambda X: np.broadcast_to(X[:1], X.shape), True),
    "misaligned": (misaligned, True),
    "other byte order": (lambda X: X.astype(X.dtype.newbyteorder()), True),
    "float32": (lambda X: X.astype(np.float32), True),
    "integers": (lambda X: np.rint(X).astype(int), True),
    "objects": (lambda X: X.astype(object), False),
    "list": (lambda X: X.tolist(), True),
    "list of rows": (list, True),
    "tuple": (lambda X: tuple(map(tuple, X.tolist())), False),
    "booleans": (lambda X: X > 0, True),
    "float16": (lambda X: X.astype(np.float16), True),
    "longdouble": (lambda X: X.astype(np.longdouble), False),
    "uint8": (lambda X: np.abs(np.rint(X)).astype(np.uint8), True),
    "csr": (scipy.sparse.csr_array, True),
    "csr matrix": (scipy.sparse.csr_matrix, True),
    "csr with int64 indices": (lambda X: with_indices(scipy.sparse.csr_array(X), np.int64), True),
    "csr of integers": (lambda X: scipy.sparse.csr_array(np.rint(X).astype(int)), True),
    "csc": (scipy.sparse.csc_array, True),
    "coo": (scipy.sparse.coo_array, False),
}


def with_indices(X, dtype):
    X.indices, X.indptr = X.indices.astype(dtype), X.indptr.astype(dtype)
    return X
