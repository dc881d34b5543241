"""The first layer's gradient on CSR input: scattered row by row, or sorted by feature, with the same bits."""

import numpy as np
import pytest
import scipy.sparse
from helpers import knobs
from helpers.merged import in_one_test
from sklearn.exceptions import ConvergenceWarning

from fastmlp import MLPRegressor
from fastmlp.engine.dataset import Dataset
from fastmlp.engine.model import TrainableModel
from fastmlp.engine.training_workspace import TrainingWorkspace
from fastmlp.training import sparse_gradient, step_options
from fastmlp.training.full_batch_loss import FullBatch

ROWS, FEATURES = 67, 23


def make_rows(dtype, n_targets, order="ascending"):
    """Rows with up to eight entries, the first without any; their columns in this order."""
    rng = np.random.RandomState(3)
    X = scipy.sparse.random(ROWS, FEATURES, 0.2, "csr", random_state=rng)
    X.data[: X.indptr[1]] = 0
    X.eliminate_zeros()
    X.data -= 0.5
    if order == "repeated":  # a column may occur several times in a row: its entries count together
        X.indices //= 2
        X.has_canonical_format = False
    if order == "descending":
        for begin, end in zip(X.indptr[:-1], X.indptr[1:], strict=True):
            X.indices[begin:end], X.data[begin:end] = X.indices[begin:end][::-1].copy(), X.data[begin:end][::-1].copy()
        X.has_sorted_indices = False
    return Dataset(X.astype(dtype), rng.standard_normal((ROWS, n_targets)).astype(dtype), rng.uniform(0.5, 2, ROWS))


def make_model(dtype, hidden):
    model = TrainableModel([FEATURES, *hidden, 2], ["tanh"] * len(hidden) + ["identity"], "half_squared_error", dtype)
    model.params[...] = np.random.RandomState(1).standard_normal(model.params.size)
    return model


@pytest.fixture(autouse=True)
def in_chunks(monkeypatch):
    knobs.set_all_chunk_rows(monkeypatch, 19)


@in_one_test()
@pytest.mark.parametrize("order", ["ascending", "descending", "repeated"])
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("hidden", [(), (1,), (3,), (16,), (31, 4), (100,), (163,)], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scattered_and_sorted_have_the_same_bits(dtype, hidden, threads, order, monkeypatch):
    model, rows = make_model(dtype, hidden), make_rows(dtype, 2, order)
    knobs.set_full_batch_threads(monkeypatch, threads)
    scattered = FullBatch(model, rows, 0.1)
    monkeypatch.setattr(sparse_gradient, "WIDEST", 0)
    monkeypatch.setattr(sparse_gradient, "SCATTERED_BYTES", 0)
    by_feature = FullBatch(model, rows, 0.1)
    assert scattered.workspace.task["scattered"] and not by_feature.workspace.task["scattered"]

    (loss, gradient), (other_loss, other) = (each(model.params.copy()) for each in (scattered, by_feature))
    assert loss == other_loss
    assert np.array_equal(gradient, other)
    again = scattered(model.params.copy())[1]
    assert np.array_equal(again, gradient)


def test_a_wide_layer_of_many_features_is_sorted(monkeypatch):
    """Its gradient is too large to stay in the caches from one entry to the next."""
    monkeypatch.setattr(sparse_gradient, "SCATTERED_BYTES", FEATURES * 40 * 4 - 1)
    for width, scattered in ((32, True), (40, False)):
        full_batch = FullBatch(make_model(np.float32, (width,)), make_rows(np.float32, 2), 0.0)
        assert bool(full_batch.workspace.task["scattered"]) is scattered


def test_memory_beside_the_scattered_gradient_is_untouched():
    from helpers.guarded import assert_lines_are_zero

    for hidden in ((), (1,), (5,), (33,)):
        model = make_model(np.float32, hidden)
        full_batch = FullBatch(model, make_rows(np.float32, 2), 0.1)
        full_batch(model.params.copy())
        assert_lines_are_zero(full_batch.workspace.buffers["scattered"])


@in_one_test()
@pytest.mark.parametrize("order", ["ascending", "descending", "repeated"])
@pytest.mark.parametrize("options", [{}, {"clip_value": 0.01}, {"clip_norm": 0.1}, {"l1": 1e-3}], ids=str)
@pytest.mark.parametrize("hidden", [(), (1,), (3,), (16,), (31, 4)], ids=str)
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_batches_are_scattered_or_sorted_with_the_same_bits(solver, threads, hidden, options, order, monkeypatch):
    """Of several outputs only one thread scatters: three sort in both models."""
    knobs.let_threads_pay(monkeypatch)
    rows = make_rows(np.float32, 1, order)
    X = scipy.sparse.csr_matrix((rows.values, rows.indices, rows.indptr), (ROWS, FEATURES))
    made = []
    scatter = step_options.scatter_batches

    def fit(choose):
        def note(workspace):
            choose(workspace)
            made.append(bool(workspace.task["scattered"]))

        monkeypatch.setattr(step_options, "scatter_batches", note)
        model = MLPRegressor(
            hidden_layer_sizes=hidden,
            solver=solver,
            batch_size=19,
            max_iter=3,
            random_state=0,
            n_jobs=threads,
            **options,
        )
        with pytest.warns(ConvergenceWarning):
            return model.fit(X, rows.y[:, 0])

    monkeypatch.setattr(sparse_gradient, "MANY_ENTRIES", 0)
    scattered, by_feature = fit(scatter), fit(lambda workspace: None)
    assert made == [threads == 1 or hidden in ((), (1,)), False]
    assert scattered.loss_curve_ == by_feature.loss_curve_
    for one, other in zip(
        scattered.coefs_ + scattered.intercepts_, by_feature.coefs_ + by_feature.intercepts_, strict=True
    ):
        assert np.array_equal(one, other)


def test_few_entries_of_many_features_are_sorted(monkeypatch):
    """Clearing and reading the whole buffer would take longer than sorting them; one number a feature does not."""
    rows = make_rows(np.float32, 2)
    entries = rows.values.size * 19 / ROWS / FEATURES
    for hidden, share, scattered in (((3,), 1.01, False), ((3,), 0.99, True), ((1,), 1.01, True)):
        monkeypatch.setattr(sparse_gradient, "MANY_ENTRIES", share * entries)
        workspace = TrainingWorkspace(make_model(np.float32, hidden), rows, 19)
        sparse_gradient.scatter_batches(workspace)
        assert bool(workspace.task["scattered"]) is scattered
