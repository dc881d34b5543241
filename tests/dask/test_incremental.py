"""`partial_fit` behind Dask: dask_ml's wrapper, or a chain of tasks of the same shape."""

import numpy as np
import pytest

from fastmlp import MLPClassifier

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

PARAMETERS = {"hidden_layer_sizes": (4,), "random_state": 0}


def locally(X, y):
    model = MLPClassifier(**PARAMETERS)
    for first in range(0, 60, 20):
        model.partial_fit(X[first : first + 20], y[first : first + 20], classes=[0, 1, 2])
    return model


def test_a_chain_of_tasks(rows):
    """Each task trains the model that the one before it has returned, on one block."""
    X, y = rows
    train = dask.delayed(lambda model, X, y: model.partial_fit(X, y, classes=[0, 1, 2]))
    model = dask.delayed(MLPClassifier)(**PARAMETERS)
    for inputs, targets in zip(
        da.from_array(X, chunks=(20, -1)).to_delayed().ravel(), da.from_array(y, chunks=20).to_delayed(), strict=True
    ):
        model = train(model, inputs, targets)
    model = model.compute(scheduler="threads")
    assert (model.coefs_[0] == locally(X, y).coefs_[0]).all() and len(model.loss_curve_) == 3


@pytest.mark.filterwarnings("ignore")  # of dask_ml, which is older than its libraries
def test_incremental_of_dask_ml(rows):
    wrappers = pytest.importorskip("dask_ml.wrappers", exc_type=ImportError)
    X, y = rows
    chunked = da.from_array(X, chunks=(20, -1)), da.from_array(y, chunks=20)
    wrapper = wrappers.Incremental(MLPClassifier(**PARAMETERS), shuffle_blocks=False)
    wrapper.fit(*chunked, classes=np.arange(3))
    expected = locally(X, y)
    assert (wrapper.estimator_.coefs_[0] == expected.coefs_[0]).all()
    assert (wrapper.predict(chunked[0]).compute() == expected.predict(X)).all()
