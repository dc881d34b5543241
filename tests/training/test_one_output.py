"""Full-batch gradients of a layer with one output: the bits of the kernels for any number of outputs."""

import numpy as np
import pytest
import scipy.sparse
from helpers import knobs
from helpers.merged import in_one_test

from fastmlp.engine.dataset import Dataset
from fastmlp.engine.model import TrainableModel
from fastmlp.kernels.loop import weight_gradient
from fastmlp.training.full_batch_loss import FullBatch


def make_full_batch(dtype, rows, features, hidden, sparse=False):
    rng = np.random.RandomState(rows + features)
    layer_sizes, activations = [features, *hidden, 1], ["tanh"] * len(hidden) + ["identity"]
    model = TrainableModel(layer_sizes, activations, "half_squared_error", dtype)
    model.params[...] = rng.standard_normal(model.params.size) / features**0.5
    X = rng.standard_normal((rows, features)).astype(dtype)
    y = rng.standard_normal((rows, 1)).astype(dtype)
    return model, Dataset(scipy.sparse.csr_matrix(X) if sparse else X, y, None)


@in_one_test()
@pytest.mark.parametrize("rows", [1, 7, 8, 61])
@pytest.mark.parametrize("features", [1, 8, 25, 48, 101])
@pytest.mark.parametrize("hidden", [(), (1,)], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weight_gradient_has_the_bits_of_the_product(dtype, hidden, features, rows):
    model, dataset = make_full_batch(dtype, rows, features, hidden)
    full_batch = FullBatch(model, dataset, 0.0)
    full_batch(model.params.copy())
    tile = full_batch.workspace.buffers["weight gradients 0"]
    tile[...] = np.nan
    kernel = weight_gradient.weight_gradient.entry(dtype)
    task, layers = full_batch.workspace.arguments()[0], full_batch.layers.ctypes.data
    kernel(task, layers, 0, -1, 0, 0, features, 0, 1, rows, full_batch.gradient.ctypes.data)
    assert np.array_equal(full_batch.gradient[:features], tile[:features])


@in_one_test()
@pytest.mark.parametrize("features", [90, 96])
@pytest.mark.parametrize("hidden", [(), (1,), (1, 4)], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_thread_that_reads_rows_once_has_the_bits_of_several(dtype, hidden, features, monkeypatch):
    """One accumulates the gradient block by block of rows; several divide the features, after all rows of a chunk."""
    knobs.set_chunk_rows(monkeypatch, 40)
    knobs.set_block_bytes(monkeypatch, 1)
    model, dataset = make_full_batch(dtype, 133, features, hidden)
    answers = []
    for threads in (1, 3):
        knobs.set_full_batch_threads(monkeypatch, threads)
        full_batch = FullBatch(model, dataset, 0.1)
        answers.append(full_batch(model.params.copy()))
        assert np.array_equal(full_batch(model.params.copy())[1], answers[-1][1])
    assert answers[0][0] == answers[1][0]
    assert np.array_equal(answers[0][1], answers[1][1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gradient_matches_numpy_in_chunks(dtype, monkeypatch):
    knobs.set_chunk_rows(monkeypatch, 24)
    model, dataset = make_full_batch(dtype, 67, 90, ())
    gradient = FullBatch(model, dataset, 0.0)(model.params.copy())[1]
    X, y, params = (array.astype(np.float64) for array in (dataset.X, dataset.y, model.params))
    delta = X @ params[:-1] + params[-1] - y[:, 0]
    expected = np.append(delta @ X, delta.sum()) / len(X)
    scale = np.append(abs(delta) @ abs(X), abs(delta).sum()) / len(X)
    assert np.all(abs(gradient - expected) <= 100 * np.finfo(dtype).eps * scale)


@in_one_test()
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("rows", [1, 2, 3, 4, 61])
@pytest.mark.parametrize("hidden", [(), (1,)], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bias_gradient_is_four_sums_of_every_fourth_row(dtype, hidden, rows, sparse):
    """The order of `sum_vectors`, which adds up any number of outputs."""
    model, dataset = make_full_batch(dtype, rows, 5, hidden, sparse)
    full_batch = FullBatch(model, dataset, 0.0)
    full_batch(model.params.copy())
    stride = full_batch.workspace.layers[0]["stride"]
    assert stride == 1
    delta = full_batch.workspace.buffers["delta 0"].ravel()[:rows]
    p, q, r, s = (np.add.accumulate(np.append(dtype(0), delta[first::4]))[-1] for first in range(4))
    assert full_batch.gradient[5] == (p + q) + (r + s)
