"""CSC input is processed by columns, with the bits of the same rows in CSR, for any entries and groups of blocks."""

import itertools
import tracemalloc

import numpy as np
import pytest
import scipy.sparse
from helpers import knobs
from helpers.guarded import Guarded, assert_lines_are_zero
from helpers.merged import in_one_test
from helpers.problems import make_problem
from oracles import reference

from fastmlp import MLPClassifier, MLPRegressor, Network
from fastmlp.engine.blocking import PRODUCT_BYTES, group_rows, tile_width
from fastmlp.engine.csc_input import COMPARED, WIDEST, Columns, rows_to_predict
from fastmlp.engine.dataset import Dataset
from fastmlp.engine.prediction import predict
from fastmlp.engine.prediction_workspace import PredictionWorkspace

TYPES = [np.float32, np.float64]
FEATURES, ROWS = 23, 203
#: Widths of first layers: a single output, fewer than a vector of any processor, and several tiles.
WIDTHS = [1, 2, 3, 5, 7, 8, 15, 16, 17, 33, 70, 131]


def make_network(dtype, *hidden, features=FEATURES):
    network = Network([features, *hidden, 2], ["tanh"] * len(hidden) + ["identity"], "half_squared_error", dtype=dtype)
    network.initialize(random_state=0)
    network.intercepts[0][...] = np.linspace(-1, 1, network.intercepts[0].size)
    return network


def draw(dtype, rows=ROWS, features=FEATURES, density=0.3):
    """Rows in CSR; some rows and columns are empty."""
    rng = np.random.RandomState(rows)
    X = rng.standard_normal((rows, features)) * (rng.uniform(size=(rows, features)) < density)
    X[::5], X[:, 2::7] = 0, 0
    return scipy.sparse.csr_matrix(X.astype(dtype))


@pytest.fixture
def in_groups(monkeypatch):
    """Groups of one block, and threads for small problems too."""
    knobs.set_product_bytes(monkeypatch, 1)
    knobs.let_threads_pay(monkeypatch)


@in_one_test()
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dtype", TYPES)
def test_csc_gives_the_bits_of_csr(dtype, width):
    """For all rows, a few and one; the reference agrees to rounding."""
    network = make_network(dtype, width)
    X = draw(dtype)
    plain = np.tanh(X.toarray().astype(float) @ network.coefs[0] + network.intercepts[0])
    plain = plain @ network.coefs[1] + network.intercepts[1]
    for rows in (1, 2, 31, 64, 65, ROWS):
        expected = predict(network, Dataset(X[:rows]))
        assert np.array_equal(predict(network, Columns(X[:rows].tocsc())), expected)
        np.testing.assert_allclose(expected, plain[:rows], rtol=1e-4, atol=1e-5)


@in_one_test(shared=("in_groups",))
@pytest.mark.parametrize("hidden", [(), (1,), (3, 4), (20,), (131, 58)], ids=str)
@pytest.mark.parametrize("dtype", TYPES)
def test_any_number_of_threads_and_groups(dtype, hidden, in_groups):
    network, X = make_network(dtype, *hidden), draw(dtype)
    expected = predict(network, Dataset(X))
    for threads in (1, 2, 3):
        assert np.array_equal(predict(network, Columns(X.tocsc()), n_threads=threads), expected)
    order = np.random.RandomState(0).permutation(ROWS)[:30]
    assert np.array_equal(predict(network, Columns(X.tocsc()), order), expected[order])


def unsorted(X):
    """Reverse the entries of each column, while SciPy's flag says that they are sorted."""
    X.has_sorted_indices = True
    for start, end in itertools.pairwise(X.indptr):
        X.indices[start:end], X.data[start:end] = X.indices[start:end][::-1].copy(), X.data[start:end][::-1].copy()
    return X


def twice(X):
    """Split each entry into two different parts, one after the other."""
    values = np.repeat(X.data, 2)
    values[::2] *= X.dtype.type(0.3)
    values[1::2] -= values[::2]
    return type(X)((values, np.repeat(X.indices, 2), X.indptr * 2), X.shape)


def with_zeros(X):
    X.data[::3] = 0
    return X


def read_only(X):
    for array in (X.data, X.indices, X.indptr):
        array.setflags(write=False)
    return X


def long_indices(X):
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


def more_behind(X):
    X.indices, X.data = np.append(X.indices, [-7, 10**9]).astype(np.int32), np.append(X.data, X.data[:2])
    return X


FORMS = {
    "array": scipy.sparse.csc_array, "unsorted": unsorted, "twice": twice, "zeros": with_zeros, "read-only": read_only,
    "int64 indices": long_indices, "more behind the last": more_behind,
    "twice, unsorted": lambda X: unsorted(twice(X)),
}  # fmt: skip


@in_one_test(shared=("in_groups",))
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("hidden", [(), (20,)], ids=str)
def test_every_form_of_csc_gives_the_bits_of_csr(hidden, dtype, form, in_groups, monkeypatch):
    """In groups and in one group, and with threads, the results are those of SciPy's conversion to CSR."""
    network = make_network(dtype, *hidden)
    X = FORMS[form](draw(dtype).tocsc())
    expected = predict(network, Dataset(X.tocsr()))
    before = X.data.copy(), X.indices.copy(), X.indptr.copy()
    for threads in (1, 3):
        assert np.array_equal(predict(network, rows_to_predict(X, 1), n_threads=threads), expected)
    knobs.set_product_bytes(monkeypatch, 1 << 20)
    assert np.array_equal(predict(network, rows_to_predict(X, 1)), expected)
    assert np.array_equal(network.forward(X), expected)
    for array, as_it_was in zip((X.data, X.indices, X.indptr), before, strict=True):
        assert np.array_equal(array, as_it_was)


def test_integers_and_the_other_float():
    network, X = make_network(np.float32, 5), draw(np.float64).tocsc()
    for given in (X, X.astype(int)):
        assert np.array_equal(network.forward(given), network.forward(given.tocsr()))


@pytest.mark.parametrize("shape", [(0, FEATURES), (1, FEATURES), (ROWS, FEATURES)])
def test_matrices_without_stored_entries(shape):
    network = make_network(np.float64, 5)
    expected = predict(network, Dataset(np.zeros(shape)))
    assert np.array_equal(network.forward(scipy.sparse.csc_matrix(shape)), expected)


def test_whether_rows_ascend():
    def ascend(indices, indptr, rows=10):
        X = scipy.sparse.csc_matrix((np.ones(len(indices)), indices, indptr), (rows, len(indptr) - 1))
        return Columns(X).ascend()

    assert ascend([], [0, 0]) and ascend([], [0]) and ascend([3], [0, 0, 1, 1])
    assert ascend([1, 2, 2, 0, 5, 4], [0, 3, 3, 3, 5, 6, 6])
    assert not ascend([1, 0], [0, 2]) and not ascend([1, 2, 3, 2], [0, 0, 4])
    assert not ascend([5, 9, 1, 0], [0, 2, 2, 4])
    long = np.arange(3 * COMPARED)
    for place in (1, COMPARED - 1, COMPARED, COMPARED + 1, 2 * COMPARED, 3 * COMPARED - 1):
        swapped = long.copy()
        swapped[[place - 1, place]] = swapped[[place, place - 1]]
        assert not ascend(swapped, [0, long.size], long.size)
        assert ascend(np.arange(long.size), [0, place, long.size], long.size)
    assert ascend(np.concatenate([long, long]), [0, long.size, 2 * long.size], long.size)


@in_one_test()
@pytest.mark.parametrize("bytes_of_products", [1, 1 << 20])
@pytest.mark.parametrize("width", [1, 3, 17, 70])
@pytest.mark.parametrize("dtype", TYPES)
def test_nothing_outside_is_read_or_written(dtype, width, bytes_of_products, monkeypatch):
    """The matrix and the weights are in guarded memory; a workspace, used twice, has zeros around its buffers."""
    knobs.set_product_bytes(monkeypatch, bytes_of_products)
    problem = make_problem("softmax log loss", features=FEATURES, hidden=(width,), rows=131, dtype=dtype, sparse=True)
    network, X = problem.network, scipy.sparse.csc_matrix(problem.X)
    expected = predict(network, Dataset(X))
    rows = Columns(X)
    guarded = [Guarded(getattr(rows, name), getattr(rows, name).dtype) for name in ("indptr", "indices", "values")]
    rows.indptr, rows.indices, rows.values = (one.array for one in guarded)
    workspace = PredictionWorkspace(network, rows, 24)
    weights = Guarded(network.coefs[0], dtype), Guarded(network.intercepts[0], dtype)
    workspace.layers["weight"][0], workspace.layers["bias"][0] = (one.address for one in weights)
    out = Guarded(np.zeros(expected.shape), dtype)
    from fastmlp.kernels.loop.predict import predict_rows

    for _ in range(2):
        rows.describe(workspace.task)
        workspace.use_groups(131)
        for first, stop in ((0, 48), (48, 131)):
            predict_rows.entry(dtype)(*workspace.arguments(), 0, 0, first, stop, out.address)
        assert np.array_equal(out.array, expected)
    out.assert_only_inside_written()
    for one in (*guarded, *weights):
        one.assert_untouched()
    for buffer in workspace.buffers.values():
        assert_lines_are_zero(buffer)


@in_one_test()
@pytest.mark.parametrize("width", [1, 2, 3, 5, 7, 8, 9, 15, 16, 17])
@pytest.mark.parametrize("dtype", TYPES)
def test_narrow_layers_on_csr(dtype, width):
    """Rows of all lengths, in groups of four or alone, have the bits of one chain of fused multiply-adds per sum."""
    network, X = make_network(dtype, width), draw(dtype, rows=30)
    single = [predict(network, Dataset(X[i])) for i in range(30)]
    assert np.array_equal(predict(network, Dataset(X)), np.concatenate(single))
    plain = reference.sparse_forward(
        X.astype(float), np.arange(30), network.coefs[0].astype(float), network.intercepts[0]
    )
    plain = np.tanh(plain) @ network.coefs[1] + network.intercepts[1]
    np.testing.assert_allclose(np.concatenate(single), plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", TYPES)
def test_estimators(dtype, in_groups):
    """All methods, with the fast path for few rows and without it."""
    X = draw(dtype)
    y = np.arange(ROWS) % 3
    for model, methods in ((MLPClassifier, ("predict", "predict_proba")), (MLPRegressor, ("predict",))):
        for threads in (1, 3):
            fitted = model(hidden_layer_sizes=(9,), max_iter=30, tol=1.0, random_state=0, n_jobs=threads).fit(X, y)
            for rows, method in itertools.product((1, 5, ROWS, ROWS), methods):
                answer = getattr(fitted, method)
                assert np.array_equal(answer(X[:rows].tocsc()), answer(X[:rows]))
            assert fitted.score(X.tocsc(), y) == fitted.score(X, y)


def test_a_number_that_is_not_finite_is_refused_in_csc():
    X = draw(np.float32)
    model = MLPClassifier((3,), max_iter=30, tol=1.0, random_state=0).fit(X, np.arange(ROWS) % 2)
    for rows, number in itertools.product((3, ROWS), (np.nan, np.inf, -np.inf)):
        given = X[:rows].tocsc()
        model.predict(given)
        given.data[-1] = number
        with pytest.raises(ValueError, match="Input X contains"):
            model.predict(given)


def test_large_numbers_whose_sum_is_beyond_float32():
    X = scipy.sparse.csc_matrix(np.full((4, FEATURES), 1e38, np.float32))
    model = MLPClassifier((3,), max_iter=30, tol=1.0, random_state=0).fit(draw(np.float32), np.arange(ROWS) % 2)
    for _ in range(2):
        assert np.array_equal(model.predict_proba(X), model.predict_proba(X.tocsr()))


def test_no_copy_of_the_input():
    """A prediction allocates less than the row numbers of the entries take."""
    X = scipy.sparse.csc_matrix(np.ones((30_000, 100), np.float32))
    network = make_network(np.float32, 3, features=100)
    network.forward(X)
    tracemalloc.start()
    network.forward(X)
    assert tracemalloc.get_traced_memory()[1] < X.indices.nbytes / 2 < 10 * PRODUCT_BYTES
    tracemalloc.stop()


def test_sizes_of_groups():
    for widest, columns in itertools.product((8, 32, 64), range(1, 200)):
        width = tile_width(columns, widest)
        assert columns <= width < max(2 * columns, 2)
    layout = make_network(np.float64, 100).layout
    for block in (1, 7, 64, 512):
        rows = group_rows(layout, np.dtype(np.float64), block)
        assert rows % block == 0 and rows >= block


@pytest.mark.parametrize("width", [WIDEST, WIDEST + 1])
def test_wide_first_layers_read_rows(width):
    """Their products do not stay in the caches from one column to the next."""
    network, X = make_network(np.float64, width), draw(np.float64)
    rows = rows_to_predict(X.tocsc(), width)
    assert isinstance(rows, Columns) == (width == WIDEST)
    assert np.array_equal(predict(network, rows), predict(network, Dataset(X)))
