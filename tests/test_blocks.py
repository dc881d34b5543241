"""Prediction in blocks of depth: the same bits for any blocks, rows and threads; nothing read or written beside."""

import ctypes
import itertools

import numpy as np
import pytest
import reference
from guarded import Guarded, assert_lines_are_zero
from problems import lanes, make_problem

from fastmlp import workspace as sizes
from fastmlp.data import Rows
from fastmlp.kernels.panels import copy_panels
from fastmlp.kernels.predict import predict_rows
from fastmlp.layout import Layout
from fastmlp.model import BorrowedModel
from fastmlp.prediction import predict
from fastmlp.small_batches import SmallBatchPredictor, arrays_are_as_expected
from fastmlp.workspace import Workspace, prediction_rows

TYPES = [np.float32, np.float64]
WHOLE = {"PANEL_BYTES": 1 << 40, "GATHERED_COLUMNS": 1 << 20}
#: Blocks so small that every product has several, and strips of columns that end within a tile.
SMALL = {
    "packed": {"PANEL_BYTES": 0, "DEPTH_IN_PLACE": 3, "PACKED_DEPTH": 7, "PACK_ROWS": 1, "STRIP_TILES": 1},
    "two strips": {"PANEL_BYTES": 0, "DEPTH_IN_PLACE": 5, "PACKED_DEPTH": 16, "PACK_ROWS": 9, "STRIP_TILES": 2},
    "in place": {"PANEL_BYTES": 0, "DEPTH_IN_PLACE": 4, "PACK_ROWS": 1 << 20},
    "gathered": {"PANEL_BYTES": 1 << 40, "GATHERED_COLUMNS": 6},
    "few rows at a time": {"PANEL_BYTES": 0, "LEAST_LARGE_ROWS": 8, "MOST_LARGE_ROWS": 16, "PREDICTION_BYTES": 1},
}
LAYOUTS = {
    "C order": np.ascontiguousarray,
    "Fortran order": np.asfortranarray,
    "columns apart": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "rows apart, Fortran order": lambda X: np.asfortranarray(np.repeat(X, 2, axis=0))[::2],
    "backwards, Fortran order": lambda X: np.asfortranarray(X[:, ::-1])[:, ::-1],
}


@pytest.fixture
def cut(monkeypatch):
    """Set the constants by which a prediction is cut."""

    def set_sizes(constants):
        for name, value in constants.items():
            monkeypatch.setattr(sizes, name, value)

    return set_sizes


def large_problem(dtype, activation="relu", task="softmax log loss", hidden=(131, 58), rows=41):
    return make_problem(task, features=23, hidden=hidden, activation=activation, rows=rows, dtype=dtype)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("blocks", SMALL)
@pytest.mark.parametrize("dtype", TYPES)
def test_no_bit_depends_on_the_blocks(dtype, blocks, activation, cut):
    """Nor on the rows beside, the memory order or the row numbers; the plain twin says about the same."""
    problem = large_problem(dtype, activation)
    network, X = problem.network, problem.X
    cut(WHOLE)
    whole = predict(network, Rows(X))
    coefs, intercepts, batch = problem.in_float64()
    plain = reference.predict(coefs, intercepts, batch[0], activation, problem.loss[1])
    np.testing.assert_allclose(whole, plain, rtol=1e-4 if dtype == np.float32 else 1e-12)
    cut(SMALL[blocks])
    for (name, layout), rows in itertools.product(LAYOUTS.items(), (1, 2, 7, 8, 9, 16, 17, 41)):
        assert np.array_equal(predict(network, Rows(layout(X[:rows]))), whole[:rows]), (name, rows)
    for layout in LAYOUTS.values():
        order = np.random.RandomState(0).permutation(41)[:30]
        assert np.array_equal(predict(network, Rows(layout(X)), order), whole[order])


@pytest.mark.parametrize("blocks", SMALL)
@pytest.mark.parametrize("hidden", [(), (1,), (130, 1), (3, 129)], ids=str)
@pytest.mark.parametrize("task", ["logistic log loss", "squared error, 3 outputs"])
@pytest.mark.parametrize("dtype", TYPES)
def test_narrow_layers(dtype, task, hidden, blocks, cut):
    """One output adds up along the whole depth, whatever is gathered at a time."""
    problem = large_problem(dtype, task=task, hidden=hidden)
    cut(WHOLE)
    whole = predict(problem.network, problem.rows)
    cut(SMALL[blocks])
    for rows in (1, 8, 41):
        assert np.array_equal(predict(problem.network, Rows(problem.X[:rows])), whole[:rows])


@pytest.mark.parametrize("blocks", SMALL)
@pytest.mark.parametrize("sparse", [False, True])
def test_any_number_of_threads(sparse, blocks, cut, monkeypatch):
    monkeypatch.setattr("fastmlp.team.OPERATIONS_WORTH_A_THREAD", 1)
    problem = make_problem("softmax log loss", features=23, hidden=(131, 58), rows=203, sparse=sparse)
    cut(WHOLE)
    whole = predict(problem.network, problem.rows)
    cut(SMALL[blocks])
    for threads in (1, 2, 3):
        assert np.array_equal(predict(problem.network, problem.rows, n_threads=threads), whole)


@pytest.mark.parametrize("blocks", SMALL)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", TYPES)
def test_nothing_outside_is_read_or_written(dtype, order, blocks, cut):
    """X and the weights in guarded memory, where what lies beside them is NaN; zeros around every buffer."""
    problem = large_problem(dtype)
    network, rows, features = problem.network, *problem.X.shape
    whole = predict(network, problem.rows)
    cut(SMALL[blocks])
    if order == "C":
        X = Guarded(problem.X, dtype, stride=features + 3)
        inputs = X.array
    else:
        X = Guarded(problem.X.T, dtype, stride=rows + 3)
        inputs = X.array.T
    weights = [Guarded(array, dtype) for array in (*network.coefs, *network.intercepts)]
    arrays = [guarded.array for guarded in weights]
    borrowed = BorrowedModel(
        arrays[: len(network.coefs)], arrays[len(network.coefs) :], network.activations, "log_loss", dtype
    )
    assert borrowed.coefs[0] is arrays[0]
    for count in (1, 7, 41):
        assert np.array_equal(predict(borrowed, Rows(inputs[:count])), whole[:count])
    for guarded in (X, *weights):
        guarded.assert_untouched()
    workspace = Workspace(borrowed, Rows(inputs), 41, training=False)
    out = np.empty((41, 3), dtype)
    x, row_stride = int(workspace.task["x"]), int(workspace.task["x_row_stride"])
    predict_rows.entry(dtype)(*workspace.arguments(), x, row_stride, 0, 41, out.ctypes.data)
    assert np.array_equal(out, whole)
    for buffer in workspace.buffers.values():
        assert_lines_are_zero(buffer)


@pytest.mark.skipif(not arrays_are_as_expected(), reason="this interpreter has no short way")
@pytest.mark.parametrize("blocks", SMALL)
@pytest.mark.parametrize("dtype", TYPES)
def test_a_few_rows(dtype, blocks, cut):
    """The short way gives the same bits, and notices what is not finite in any block of depth."""
    problem = large_problem(dtype)
    network, X = problem.network, problem.X
    whole = predict(network, problem.rows)
    cut(SMALL[blocks])
    coefs, intercepts = network.coefs, network.intercepts
    few_rows = SmallBatchPredictor(
        coefs, intercepts,
        lambda dtype: BorrowedModel(coefs, intercepts, network.activations, "log_loss", dtype),
        lambda dtype: dtype, both_classes=False, feature_names=None, depends_on=(), n_threads=1,
    )  # fmt: skip
    for rows in (1, 2, 8, 9, 41):
        assert np.array_equal(few_rows(X[:rows]), whole[:rows])
    for column, bad in itertools.product((0, 3, 22), (np.nan, np.inf)):
        damaged = X[:5].copy()
        damaged[2, column] = bad
        assert few_rows(damaged) is None
    assert np.array_equal(few_rows(X[:9]), whole[:9])


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    "units", [[20_000, 4096, 4096, 10], [20_000, 100, 10], [20_000, 1], [4, 4096, 4096, 1]], ids=str
)
def test_memory_is_bounded(units, dtype):
    """However many rows there are: a block's outputs, of two layers and their f′; and its inputs' block of depth."""
    dtype, layout = np.dtype(dtype), Layout(units)
    for rows in (1, 63, 300, 513, 100_000):
        together = prediction_rows(layout, dtype, rows)
        assert 0 < together <= min(rows, sizes.MOST_ROWS)
        outputs = 3 * together * max(units[1:]) * dtype.itemsize
        assert outputs <= sizes.PREDICTION_BYTES or together <= sizes.LEAST_LARGE_ROWS


def widths_of_strips(fan_out, dtype):
    """The columns of each strip that a prediction copies to a panel, in order."""
    network, found = large_problem(dtype, hidden=(fan_out,)).network, []
    rows = Rows(np.zeros((40, 23), dtype))
    workspace = Workspace(network, rows, 40, training=False)
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


@pytest.mark.parametrize("dtype", TYPES)
def test_no_strip_is_left_with_one_vector(dtype, cut):
    """Its tile would take twice the time of the vector's share in a wider one."""
    cut({"PANEL_BYTES": 0})
    width = lanes(dtype)
    for fan_out in range(3 * width + 1, 10 * width + 2):
        strips = widths_of_strips(fan_out, dtype)
        assert sum(strips) == fan_out
        assert width < min(strips) and max(strips) <= 3 * width, (fan_out, strips)
