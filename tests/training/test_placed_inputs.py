"""Dense inputs of a full-batch gradient: read in place or copied once, with the same bits as gathered rows."""

import ctypes
import mmap
import sys

import numpy as np
import pytest
from helpers import knobs
from helpers.merged import in_one_test

from fastmlp.engine.dataset import Dataset
from fastmlp.engine.model import TrainableModel
from fastmlp.training import placed_inputs
from fastmlp.training.full_batch_loss import FullBatch

LAYOUTS = {
    "C order": lambda X: X,
    "a row apart": lambda X: np.repeat(X, 2, axis=0)[::2],
    "gap from row to row": lambda X: np.hstack([X, X])[:, : X.shape[1]],
    "Fortran order": np.asfortranarray,
    "rows of Fortran order": lambda X: np.asfortranarray(np.vstack([X, X]))[: len(X)],
    "every other row of Fortran order": lambda X: np.asfortranarray(np.repeat(X, 2, axis=0))[::2],
    "columns apart": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "rows backwards": lambda X: X[::-1].copy()[::-1],
    "columns backwards": lambda X: X[:, ::-1].copy()[:, ::-1],
    "one row for all": lambda X: np.broadcast_to(X[:1], X.shape),
}


def evaluate(X, hidden, threads, monkeypatch):
    """(loss and gradient of a second call, as in a solver; the `FullBatch`)."""
    rng = np.random.RandomState(5)
    model = TrainableModel(
        [X.shape[1], *hidden, 2], ["relu"] * len(hidden) + ["identity"], "half_squared_error", X.dtype
    )
    model.params[...] = rng.standard_normal(model.params.size)
    y = rng.standard_normal((len(X), 2)).astype(X.dtype)
    knobs.set_full_batch_threads(monkeypatch, threads)
    full_batch = FullBatch(model, Dataset(X, y), 0.1)
    full_batch(model.params + 1)
    return full_batch(model.params - 1), full_batch


def gather_always(monkeypatch):
    monkeypatch.setattr("fastmlp.training.full_batch_loss.place_inputs", lambda *arguments: None)


@in_one_test()
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_layouts_have_the_bits_of_gathered_rows(layout, dtype, monkeypatch):
    X = LAYOUTS[layout](np.random.RandomState(0).standard_normal((75, 21)).astype(dtype))
    for chunk, hidden, threads in ((8, (9,), 1), (24, (), 2), (13, (40, 3), 1), (75, (1,), 3), (74, (5,), 1)):
        with monkeypatch.context() as patch:
            knobs.set_all_chunk_rows(patch, chunk)
            (loss, gradient), _ = evaluate(X, hidden, threads, patch)
            gather_always(patch)
            (other_loss, other), _ = evaluate(np.ascontiguousarray(X), hidden, 1, patch)
        assert loss == other_loss
        assert np.array_equal(gradient, other)


def test_a_large_layer_reads_its_rows_in_place(monkeypatch):
    X = np.random.RandomState(0).standard_normal((70, 600)).astype(np.float32)
    knobs.set_all_chunk_rows(monkeypatch, 32)
    results = [evaluate(LAYOUTS[layout](X), (300,), 2, monkeypatch)[0] for layout in ("C order", "Fortran order")]
    gather_always(monkeypatch)
    (expected_loss, expected), _ = evaluate(X, (300,), 1, monkeypatch)
    for loss, gradient in results:
        assert loss == expected_loss
        assert np.array_equal(gradient, expected)


@pytest.mark.parametrize("layout", ["C order", "a row apart", "gap from row to row"])
def test_rows_that_lie_in_order_are_not_copied(layout, monkeypatch):
    X = LAYOUTS[layout](np.random.RandomState(0).standard_normal((75, 21)))
    knobs.set_all_chunk_rows(monkeypatch, 16)
    _, full_batch = evaluate(X, (3,), 1, monkeypatch)
    assert full_batch.workspace.task["placed_steps"] == 4
    assert np.shares_memory(full_batch.inputs, X)


def test_other_orders_are_copied_once_and_only_up_to_a_size(monkeypatch):
    X = np.asfortranarray(np.random.RandomState(0).standard_normal((75, 21)))
    knobs.set_all_chunk_rows(monkeypatch, 16)
    monkeypatch.setattr(placed_inputs, "COPY_BYTES", X.nbytes)
    (loss, gradient), full_batch = evaluate(X, (3,), 1, monkeypatch)
    assert full_batch.workspace.task["placed_steps"] == 4
    monkeypatch.setattr(placed_inputs, "COPY_BYTES", X.nbytes - 1)
    (other_loss, other), full_batch = evaluate(X, (3,), 1, monkeypatch)
    assert not full_batch.workspace.task["placed"]
    assert loss == other_loss
    assert np.array_equal(gradient, other)


def test_rows_that_conflict_in_the_cache_are_gathered(monkeypatch):
    """Where they are one chunk, they are copied once into padded rows."""
    X = np.random.RandomState(0).standard_normal((40, placed_inputs.CROWDED // 8))
    knobs.set_all_chunk_rows(monkeypatch, 16)
    assert not evaluate(X, (3,), 1, monkeypatch)[1].workspace.task["placed"]
    knobs.set_all_chunk_rows(monkeypatch, 40)
    assert evaluate(X, (3,), 1, monkeypatch)[1].workspace.task["placed"]


@pytest.mark.skipif(sys.platform != "linux", reason="mprotect is called by its Linux numbers")
@pytest.mark.parametrize("features", [1, 3, 8, 21])
def test_nothing_is_read_beyond_the_rows(features, monkeypatch):
    """X ends at the beginning of a page that must not be read."""
    page = mmap.PAGESIZE
    for rows in (17, 32, 33, 40, 47):
        size = rows * features * 8
        pages = -(-size // page)
        memory = mmap.mmap(-1, (pages + 1) * page)
        whole = np.frombuffer(memory, np.uint8)
        X = whole[pages * page - size : pages * page].view(np.float64).reshape(rows, features)
        X[...] = np.random.RandomState(0).standard_normal(X.shape)
        end = ctypes.c_void_p(whole.ctypes.data + pages * page)
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.mprotect(end, ctypes.c_size_t(page), 0) == 0
        try:
            for chunk in (8, 11, 16, 30):
                knobs.set_all_chunk_rows(monkeypatch, chunk)
                for hidden in ((), (1,), (5,), (40,)):
                    evaluate(X, hidden, 1, monkeypatch)
        finally:
            libc.mprotect(end, ctypes.c_size_t(page), 3)


def test_whole_tiles_of_rows_in_order_are_read_in_place_up_to_the_last(monkeypatch):
    """Nothing is copied: `inputs` stays empty, and the bits are those of gathered rows."""
    X = np.random.RandomState(0).standard_normal((40, 24))
    for chunk in (16, 40):
        knobs.set_all_chunk_rows(monkeypatch, chunk)
        (loss, gradient), full_batch = evaluate(X, (3,), 1, monkeypatch)
        assert full_batch.workspace.task["placed_steps"] == -(-40 // chunk)
        assert full_batch.workspace.task["x"] == X.ctypes.data
        assert not full_batch.workspace.buffers["inputs"].any()
        with monkeypatch.context() as gathering:
            gather_always(gathering)
            (other_loss, other), _ = evaluate(X, (3,), 1, gathering)
        assert loss == other_loss
        assert np.array_equal(gradient, other)


def test_fortran_order_is_copied_in_blocks(monkeypatch):
    monkeypatch.setattr(placed_inputs, "BLOCK_ROWS", 16)
    monkeypatch.setattr(placed_inputs, "BLOCK_COLUMNS", 8)
    X = np.asfortranarray(np.random.RandomState(0).standard_normal((37, 21)))
    assert np.array_equal(placed_inputs._in_order(X), X)
    assert np.array_equal(placed_inputs._in_order(X[3:, 2:19]), X[3:, 2:19])
