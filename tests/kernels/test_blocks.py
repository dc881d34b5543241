"""Prediction in blocks of depth: the same bits for any blocks, rows and threads; no access outside the arrays."""

import ctypes
import itertools

import numpy as np
import pytest
from helpers import knobs
from helpers.guarded import Guarded, assert_lines_are_zero
from helpers.merged import in_one_test
from helpers.problems import lanes, make_problem
from helpers.small_batches import small_batch_predictor
from oracles import reference

from fastmlp.engine import blocking as sizes
from fastmlp.engine.blocking import prediction_rows
from fastmlp.engine.dataset import Dataset
from fastmlp.engine.layout import Layout
from fastmlp.engine.model import ModelView
from fastmlp.engine.prediction import predict
from fastmlp.engine.prediction_workspace import PredictionWorkspace
from fastmlp.engine.small_batches import arrays_are_as_expected
from fastmlp.kernels.linalg.packing import copy_panels
from fastmlp.kernels.loop.predict import predict_rows

TYPES = [np.float32, np.float64]
#: Weights are packed for many rows, and read in blocks of depth for few.
ALWAYS, NEVER = ({"PACKED_BYTES": size, "LARGE_BYTES": size} for size in (0, 1 << 40))
WHOLE = {**NEVER, "GATHERED_COLUMNS": 1 << 20}
#: Blocks so small that every product has several, and panels of columns that end within a tile.
SMALL = {
    "packed": {**ALWAYS, "DEPTH_IN_PLACE": 3, "PACKED_DEPTH": 7, "PACK_ROWS": 1, "PANEL_TILES": 1},
    "two panels": {**ALWAYS, "DEPTH_IN_PLACE": 5, "PACKED_DEPTH": 16, "PACK_ROWS": 9, "PANEL_TILES": 2},
    "in place": {**ALWAYS, "DEPTH_IN_PLACE": 4, "PACK_ROWS": 1 << 20},
    "gathered": {**NEVER, "GATHERED_COLUMNS": 6},
    "middle": {"PACKED_BYTES": 0, "PACKED_SHAPE": (4, 8), "MIDDLE_ROWS": 9, "PACKED_DEPTH": 16, "GATHERED_COLUMNS": 6},
    "few rows at a time": {**ALWAYS, "LEAST_PACKED_ROWS": 8, "MOST_PACKED_ROWS": 16, "PREDICTION_BYTES": 1},
}
LAYOUTS = {
    "C order": np.ascontiguousarray,
    "Fortran order": np.asfortranarray,
    "columns apart": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "rows apart, Fortran order": lambda X: np.asfortranarray(np.repeat(X, 2, axis=0))[::2],
    "backwards, Fortran order": lambda X: np.asfortranarray(X[:, ::-1])[:, ::-1],
}


def cut(monkeypatch, constants):
    """Set the constants that determine the blocks of a prediction."""
    knobs.set_blocking(monkeypatch, **constants)


def large_problem(dtype, activation="relu", task="softmax log loss", hidden=(131, 58), rows=41):
    return make_problem(task, features=23, hidden=hidden, activation=activation, rows=rows, dtype=dtype)


@in_one_test()
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("blocks", SMALL)
@pytest.mark.parametrize("dtype", TYPES)
def test_results_have_the_same_bits_for_any_blocks(dtype, blocks, activation, monkeypatch):
    """They are also the same for any rows, memory order and row numbers; the reference agrees to rounding."""
    problem = large_problem(dtype, activation)
    network, X = problem.network, problem.X
    cut(monkeypatch, WHOLE)
    whole = predict(network, Dataset(X))
    coefs, intercepts, batch = problem.in_float64()
    plain = reference.predict(coefs, intercepts, batch[0], activation, problem.loss[1])
    np.testing.assert_allclose(whole, plain, rtol=1e-4 if dtype == np.float32 else 1e-12)
    cut(monkeypatch, SMALL[blocks])
    for (name, layout), rows in itertools.product(LAYOUTS.items(), (1, 2, 7, 8, 9, 16, 17, 41)):
        assert np.array_equal(predict(network, Dataset(layout(X[:rows]))), whole[:rows]), (name, rows)
    for layout in LAYOUTS.values():
        order = np.random.RandomState(0).permutation(41)[:30]
        assert np.array_equal(predict(network, Dataset(layout(X)), order), whole[order])


@in_one_test()
@pytest.mark.parametrize("blocks", SMALL)
@pytest.mark.parametrize("hidden", [(), (1,), (130, 1), (3, 129)], ids=str)
@pytest.mark.parametrize("task", ["logistic log loss", "squared error, 3 outputs"])
@pytest.mark.parametrize("dtype", TYPES)
def test_narrow_layers_have_the_same_bits_for_any_blocks(dtype, task, hidden, blocks, monkeypatch):
    """A single output is summed along the whole depth, however many columns are gathered at a time."""
    problem = large_problem(dtype, task=task, hidden=hidden)
    cut(monkeypatch, WHOLE)
    whole = predict(problem.network, problem.dataset)
    cut(monkeypatch, SMALL[blocks])
    for rows in (1, 8, 41):
        assert np.array_equal(predict(problem.network, Dataset(problem.X[:rows])), whole[:rows])


#: (features, hidden widths, activation): one output as a dot product, narrow layers, and one that is too wide to count
#: as narrow; depths below, at and above multiples of vectors and of the columns that are processed together.
NARROW = [
    *((features, (), "relu") for features in (1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 31, 63, 64, 65, 131)),
    *((features, (1,), "relu") for features in (1, 7, 8, 9, 23)),
    *((features, (width,), "tanh") for features in (1, 4, 9, 16) for width in (1, 2, 3, 7, 8, 9, 12, 13, 24, 25)),
    *((23, (width, 2), "relu") for width in (3, 8, 11, 12, 24)),
]


def narrow_problem(features, hidden, activation, dtype, rows=61, task="logistic log loss"):
    return make_problem(task, features=features, hidden=hidden, activation=activation, rows=rows, dtype=dtype)


@in_one_test()
@pytest.mark.parametrize(("features", "hidden", "activation"), NARROW)
@pytest.mark.parametrize("dtype", TYPES)
def test_narrow_first_layer_has_the_same_bits_for_any_layout(dtype, features, hidden, activation):
    """Inputs in Fortran order are processed column by column, with the same bits as rows that are read in place."""
    problem = narrow_problem(features, hidden, activation, dtype)
    whole = predict(problem.network, Dataset(problem.X))
    for (name, layout), rows in itertools.product(LAYOUTS.items(), (1, 2, 3, 5, 8, 15, 16, 33, 61)):
        assert np.array_equal(predict(problem.network, Dataset(layout(problem.X[:rows]))), whole[:rows]), (name, rows)
    for layout in LAYOUTS.values():
        order = np.random.RandomState(0).permutation(61)[:30]
        assert np.array_equal(predict(problem.network, Dataset(layout(problem.X)), order), whole[order])


@in_one_test()
@pytest.mark.parametrize("hidden", [(), (1,), (5,)], ids=str)
@pytest.mark.parametrize("dtype", TYPES)
def test_several_blocks_of_rows_match_one(dtype, hidden, monkeypatch):
    """With a single output, wide rows are gathered a few at a time: fewer than a block of the network has."""
    problem = narrow_problem(67, hidden, "relu", dtype, rows=997)
    whole = predict(problem.network, Dataset(problem.X))
    cut(monkeypatch, {"ROW_BYTES": 1 << 12})
    for name, layout in LAYOUTS.items():
        assert np.array_equal(predict(problem.network, Dataset(layout(problem.X))), whole), name
    alone = [predict(problem.network, Dataset(problem.X[i : i + 1])) for i in (0, 335, 336, 996)]
    assert np.array_equal(np.concatenate(alone), whole[[0, 335, 336, 996]])


@in_one_test()
@pytest.mark.parametrize("features", [1, 3, 8, 19])
@pytest.mark.parametrize("dtype", TYPES)
def test_zeros_keep_their_sign(dtype, features):
    """Products that underflow to −0, which masked lanes turn into +0, have the same sign in both memory orders."""
    problem = narrow_problem(features, (), "relu", dtype, task="squared error, 1 output")
    tiny = dtype(np.sqrt(np.finfo(dtype).tiny) / 2**20)
    problem.network.coefs[0][...], problem.network.intercepts[0][...] = tiny, -0.0
    X = np.where(problem.X > 0, dtype(0), -tiny).astype(dtype)
    X[::7] = -tiny
    rows = predict(problem.network, Dataset(X))
    assert not rows.any()
    assert np.array_equal(np.signbit(predict(problem.network, Dataset(np.asfortranarray(X)))), np.signbit(rows))


@in_one_test()
@pytest.mark.parametrize("hidden", [(), (1,), (5,), (14,), (40,)], ids=str)
@pytest.mark.parametrize("order", ["C", "F", "columns apart", "rows apart"])
@pytest.mark.parametrize("dtype", TYPES)
def test_inputs_that_are_not_finite_are_counted(dtype, order, hidden):
    """In every layout; overflowing sums and weights that are not finite are not counted."""
    problem = narrow_problem(9, hidden, "relu", dtype)
    layout = {
        "C": np.ascontiguousarray, "F": np.asfortranarray,
        "columns apart": LAYOUTS["columns apart"], "rows apart": lambda X: np.repeat(X, 2, axis=0)[::2],
    }[order]  # fmt: skip
    X, found = problem.X.copy(), np.ones(1, np.int64)
    for (row, column), bad in itertools.product([(0, 0), (0, 8), (31, 4), (60, 8)], (np.nan, np.inf, -np.inf)):
        damaged = X.copy()
        damaged[row, column] = bad
        predict(problem.network, Dataset(layout(damaged)), not_finite=found)
        assert found[0]
    large = X.copy()
    large[5] = np.finfo(dtype).max
    coef = problem.network.coefs[0]
    for change in (lambda: coef.fill(2), lambda: coef.fill(-2), lambda: coef.fill(np.inf), lambda: coef.fill(np.nan)):
        change()
        outputs = predict(problem.network, Dataset(layout(large)), not_finite=found)
        assert not found[0]
        assert np.array_equal(outputs, predict(problem.network, Dataset(large)), equal_nan=True)


@in_one_test()
@pytest.mark.parametrize("hidden", [(), (1,), (5,), (12,)], ids=str)
@pytest.mark.parametrize("features", [1, 5, 19])
@pytest.mark.parametrize("dtype", TYPES)
def test_columns_are_read_within_bounds(dtype, features, hidden):
    """Nothing outside the columns or the buffers is read or written."""
    problem = narrow_problem(features, hidden, "tanh", dtype, rows=41)
    network = problem.network
    whole = predict(network, problem.dataset)
    X = Guarded(problem.X.T, dtype, stride=44)
    weights = [Guarded(array, dtype) for array in (*network.coefs, *network.intercepts)]
    arrays, layers = [guarded.array for guarded in weights], len(network.coefs)
    view = ModelView(arrays[:layers], arrays[layers:], network.activations, "log_loss", dtype)
    for count in (1, 2, 7, 8, 41):
        rows = Dataset(X.array.T[:count])
        workspace = PredictionWorkspace(view, rows, 41)
        out = Guarded(np.zeros((count, 1)), dtype)
        x, row_stride = int(workspace.task["x"]), int(workspace.task["x_row_stride"])
        predict_rows.entry(dtype)(*workspace.arguments(), x, row_stride, 0, count, out.address)
        assert np.array_equal(out.array, whole[:count])
        out.assert_only_inside_written()
        for buffer in workspace.buffers.values():
            assert_lines_are_zero(buffer)
    for guarded in (X, *weights):
        guarded.assert_untouched()


@in_one_test()
@pytest.mark.parametrize("blocks", SMALL)
@pytest.mark.parametrize("sparse", [False, True])
def test_threads_do_not_change_predictions(sparse, blocks, monkeypatch):
    knobs.let_threads_pay(monkeypatch)
    problem = make_problem("softmax log loss", features=23, hidden=(131, 58), rows=203, sparse=sparse)
    cut(monkeypatch, WHOLE)
    whole = predict(problem.network, problem.dataset)
    cut(monkeypatch, SMALL[blocks])
    for threads in (1, 2, 3):
        assert np.array_equal(predict(problem.network, problem.dataset, n_threads=threads), whole)


@in_one_test()
@pytest.mark.parametrize("blocks", SMALL)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", TYPES)
def test_no_access_outside_of_inputs_weights_and_buffers(dtype, order, blocks, monkeypatch):
    """X and the weights are in guarded memory, surrounded by NaN; every buffer is surrounded by zeros."""
    problem = large_problem(dtype)
    network, rows, features = problem.network, *problem.X.shape
    whole = predict(network, problem.dataset)
    cut(monkeypatch, SMALL[blocks])
    if order == "C":
        X = Guarded(problem.X, dtype, stride=features + 3)
        inputs = X.array
    else:
        X = Guarded(problem.X.T, dtype, stride=rows + 3)
        inputs = X.array.T
    weights = [Guarded(array, dtype) for array in (*network.coefs, *network.intercepts)]
    arrays = [guarded.array for guarded in weights]
    view = ModelView(arrays[: len(network.coefs)], arrays[len(network.coefs) :], network.activations, "log_loss", dtype)
    assert view.coefs[0] is arrays[0]
    for count in (1, 7, 41):
        assert np.array_equal(predict(view, Dataset(inputs[:count])), whole[:count])
    for guarded in (X, *weights):
        guarded.assert_untouched()
    workspace = PredictionWorkspace(view, Dataset(inputs), 41)
    out = np.empty((41, 3), dtype)
    x, row_stride = int(workspace.task["x"]), int(workspace.task["x_row_stride"])
    predict_rows.entry(dtype)(*workspace.arguments(), x, row_stride, 0, 41, out.ctypes.data)
    assert np.array_equal(out, whole)
    for buffer in workspace.buffers.values():
        assert_lines_are_zero(buffer)


@in_one_test()
@pytest.mark.skipif(not arrays_are_as_expected(), reason="this interpreter has no fast path")
@pytest.mark.parametrize("blocks", SMALL)
@pytest.mark.parametrize("dtype", TYPES)
def test_small_batches_match_large_ones(dtype, blocks, monkeypatch):
    """The predictor for small batches gives the same bits, and finds inputs that are not finite in any block."""
    problem = large_problem(dtype)
    network, X = problem.network, problem.X
    whole = predict(network, problem.dataset)
    cut(monkeypatch, SMALL[blocks])
    predictor = small_batch_predictor(network)
    for rows in (1, 2, 8, 9, 41):
        assert np.array_equal(predictor(X[:rows]), whole[:rows])
    for column, bad in itertools.product((0, 3, 22), (np.nan, np.inf)):
        damaged = X[:5].copy()
        damaged[2, column] = bad
        assert predictor(damaged) is None
    assert np.array_equal(predictor(X[:9]), whole[:9])


@in_one_test()
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    "layer_sizes", [[20_000, 4096, 4096, 10], [20_000, 100, 10], [20_000, 1], [4, 4096, 4096, 1]], ids=str
)
def test_memory_is_bounded(layer_sizes, dtype):
    """For any number of rows: the outputs of a block in two layers, f′, and one block of depth of the inputs."""
    dtype, layout = np.dtype(dtype), Layout(layer_sizes)
    for rows in (1, 63, 300, 513, 100_000):
        together = prediction_rows(layout, dtype, rows, "float32")
        assert 0 < together <= min(rows, sizes.MOST_ROWS)
        outputs = 3 * together * max(layer_sizes[1:]) * dtype.itemsize
        assert outputs <= sizes.PREDICTION_BYTES or together <= sizes.LEAST_PACKED_ROWS


def widths_of_panels(fan_out, dtype):
    """The numbers of columns that a prediction copies to a panel, in order."""
    network, found = large_problem(dtype, hidden=(fan_out,)).network, []
    rows = Dataset(np.zeros((40, 23), dtype))
    workspace = PredictionWorkspace(network, rows, 40)
    copy = copy_panels.entry(dtype)

    def note(*arguments):
        found.append(arguments[-1])
        copy(*arguments)

    noted = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * 7)(note)
    workspace.task["copy_panels"] = ctypes.cast(noted, ctypes.c_void_p).value
    out = np.empty((40, 3), dtype)
    x, row_stride = int(workspace.task["x"]), int(workspace.task["x_row_stride"])
    predict_rows.entry(dtype)(*workspace.arguments(), x, row_stride, 0, 40, out.ctypes.data)
    return found


@pytest.mark.parametrize("tiles", [1, 2])
@pytest.mark.parametrize("dtype", TYPES)
def test_last_panel_is_wider_than_one_vector(dtype, tiles, monkeypatch):
    """A tile that is one vector wide takes twice the time per column."""
    cut(monkeypatch, {**ALWAYS, "PANEL_TILES": tiles})
    width = lanes(dtype)
    for fan_out in range(3 * width + 1, 10 * width + 2):
        widths = widths_of_panels(fan_out, dtype)
        assert sum(widths) == fan_out
        assert width < min(widths) and max(widths) <= 3 * tiles * width, (fan_out, widths)
