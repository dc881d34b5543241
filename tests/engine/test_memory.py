"""The memory that a fit needs beside the caller's arrays, in bytes: NumPy reports every buffer to tracemalloc.

::

    parameters × (3 + moments)        the parameters, transposed weights, weights in panels; the solver's moments
    one batch                         inputs, each layer's output and delta, targets with their weights and losses
    the row order                     8 bytes a row; and a classifier's targets in the form that the loss reads
    early stopping                    the best parameters; two layers' outputs and an f′ for the validation rows; and
                                      while the rows are split, what scikit-learn's split needs
    each thread                       the gradient of a few rows of weights, their inputs; a batch of CSR sorted
    SPARE                             everything of constant size

X is not copied if its type is float32 or float64. SciPy keeps the history of L-BFGS in float64: the memory that SciPy
needs for as many numbers is measured separately.
"""

import gc
import tracemalloc
import warnings

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse
from helpers import knobs
from helpers.merged import in_one_test
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from fastmlp import MLPClassifier, MLPRegressor
from fastmlp.engine.blocking import MICROBATCH_BYTES, MICROBATCHES, NARROW, PANEL_ROWS
from fastmlp.training.epoch import EpochRunner
from fastmlp.training.full_batch_loss import CHUNK_ROWS

TYPES = [np.float32, np.float64]
SPARE = 1 << 18
MOMENTS = {"adam": 2, "sgd": 1}
WIDE = (1000, 900)


@pytest.fixture(autouse=True)
def every_thread(monkeypatch):
    """Small networks use as many threads as they are given."""
    knobs.let_threads_pay(monkeypatch)


def peak_of(work):
    """(most bytes that Python and NumPy held during `work`, beyond those before it; its result)

    What was allocated before the start is not counted, so older garbage need not be collected, which takes longer than
    most fits. The young is, so that Python's next collection is equally far.
    """
    gc.collect(1)
    tracemalloc.start()
    try:
        held = tracemalloc.get_traced_memory()[0]
        result = work()
        return tracemalloc.get_traced_memory()[1] - held, result
    finally:
        tracemalloc.stop()


def peak_of_fit(kind, X, y, **parameters):
    """`peak_of` a short fit, with one thread by default, after another fit has loaded and compiled all kernels.

    The smaller peak of two fits: pytest-xdist receives its messages in a thread, whose memory counts, too.
    """
    options = {"max_iter": 2, "max_fun": 4, "random_state": 0, "n_jobs": 1, **parameters}

    def fit():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return kind(**options).fit(X, y)

    fit()
    return min(peak_of(fit), peak_of(fit), key=lambda each: each[0])


def bytes_of(X):
    if scipy.sparse.issparse(X):
        return X.data.nbytes + X.indices.nbytes + X.indptr.nbytes
    return X.nbytes


def n_params(model):
    return sum(array.size for array in (*model.coefs_, *model.intercepts_))


def batch_bytes(model, X, rows):
    """Dense inputs, outputs and deltas, each row padded to an odd number of cache lines; and targets."""
    item, features = X.dtype.itemsize, model.coefs_[0].shape[0]
    widths = [0 if scipy.sparse.issparse(X) else features]
    widths += 2 * [coef.shape[1] for coef in model.coefs_]
    numbers = sum(width + 2 * 64 // item for width in widths)
    n_outputs = model.coefs_[-1].shape[1]
    return (rows + 16) * (numbers * item + n_outputs * (2 * item + 8))


def thread_bytes(model, X, rows):
    """Rows of a large layer's gradient and their inputs, or a narrow layer's gradient; a sparse batch by feature."""
    item, shapes = X.dtype.itemsize, [coef.shape for coef in model.coefs_]
    needed = item * PANEL_ROWS * (max(fan_out for _, fan_out in shapes) + rows)
    needed += item * NARROW * max((fan_in for fan_in, fan_out in shapes if fan_out <= NARROW), default=0)
    if scipy.sparse.issparse(X):
        longest = np.sort(np.diff(X.indptr))[-rows:].sum()
        needed += 8 * X.shape[1] + (4 + item) * int(longest)
    return needed


def allowed(model, X, batch_rows, moments, threads=1, copies=3):
    """The memory that a fit may need, in bytes."""
    item = X.dtype.itemsize
    total = n_params(model) * item * (copies + moments)
    total += batch_bytes(model, X, batch_rows) + threads * thread_bytes(model, X, batch_rows)
    return total + X.shape[0] * (8 + item) + SPARE


@pytest.fixture
def draw():
    rng = np.random.RandomState(0)

    def draw_rows(rows, features, dtype, sparse=False):
        X = rng.standard_normal((rows, features)).astype(dtype)
        y = rng.randint(2, size=rows)
        if sparse:
            X[rng.uniform(size=X.shape) < 0.9] = 0
            X = scipy.sparse.csr_matrix(X)
        return X, y

    return draw_rows


# Many parameters


@in_one_test(shared=("draw",), pairs=True)
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("solver", MOMENTS)
@pytest.mark.parametrize("dtype", TYPES)
def test_many_parameters(dtype, solver, threads, sparse, draw):
    """The gradient is stored for some rows at a time; one byte for each row records whether it is finite."""
    X, y = draw(300, 40, dtype, sparse)
    peak, model = peak_of_fit(MLPRegressor, X, y, hidden_layer_sizes=WIDE, solver=solver, n_jobs=threads)
    assert peak <= allowed(model, X, 200, MOMENTS[solver], threads) + n_params(model)


def test_one_more_copy_is_detected(draw, monkeypatch):
    run = EpochRunner.run

    def run_and_keep(epoch, *arguments):
        epoch.kept = epoch.workspace.network.params.copy()
        return run(epoch, *arguments)

    monkeypatch.setattr(EpochRunner, "run", run_and_keep)
    X, y = draw(300, 40, np.float32)
    peak, model = peak_of_fit(MLPRegressor, X, y, hidden_layer_sizes=WIDE)
    assert peak > allowed(model, X, 200, 2) + n_params(model)


@pytest.mark.parametrize("dtype", TYPES)
def test_many_features_of_sparse_input(dtype, draw):
    """The first layer needs no transposed copy, and its gradient is stored for a few rows at a time."""
    X, y = draw(400, 8000, dtype, sparse=True)
    peak, model = peak_of_fit(MLPClassifier, X, y, hidden_layer_sizes=(100,))
    assert peak <= allowed(model, X, 200, moments=2) - n_params(model) * X.dtype.itemsize


@pytest.mark.parametrize("dtype", TYPES)
def test_early_stopping_keeps_one_more_copy(dtype, draw):
    X, y = draw(400, 40, dtype)
    peak, model = peak_of_fit(MLPClassifier, X, y, hidden_layer_sizes=WIDE, early_stopping=True)
    validation = 3 * (len(X) // 10) * max(WIDE) * X.dtype.itemsize
    assert peak <= allowed(model, X, 200, moments=2, copies=4) + n_params(model) + validation


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", TYPES)
def test_lbfgs_beyond_what_scipy_takes(dtype, threads, draw):
    """Three copies in the network's type; in float64 the last iterate, the next one, and the gradient twice."""
    X, y = draw(700, 40, dtype)
    peak, model = peak_of_fit(
        MLPRegressor, X, y, hidden_layer_sizes=(400, 400), solver="lbfgs", n_jobs=threads, alpha=0
    )
    start = np.ones(n_params(model))

    def by_itself():
        options = {"method": "L-BFGS-B", "jac": True, "options": {"maxfun": 4}}
        scipy.optimize.minimize(lambda x: (x @ x, x), start, callback=lambda intermediate_result: None, **options)

    of_scipy, _ = peak_of(by_itself)
    assert peak <= of_scipy + allowed(model, X, CHUNK_ROWS, moments=0, threads=threads) + 4 * start.nbytes


# Many rows


@in_one_test(shared=("draw",))
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
@pytest.mark.parametrize("dtype", TYPES)
def test_many_rows(dtype, kind, solver, draw):
    """Only the row order and the targets of the loss grow with the number of rows."""
    X, y = draw(40_000, 3, dtype)
    peak, model = peak_of_fit(kind, X, y, hidden_layer_sizes=(3,), solver=solver, max_iter=1)
    assert peak <= allowed(model, X, CHUNK_ROWS, moments=50)  # of a network with 16 parameters


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_many_rows_with_early_stopping(kind, draw):
    """While the rows are split: the memory of scikit-learn's split, two row orders and a copy of y."""
    X, y = draw(40_000, 3, np.float32)
    peak, model = peak_of_fit(kind, X, y, hidden_layer_sizes=(3,), max_iter=1, early_stopping=True)
    stratify = y.astype(bool) if kind is MLPClassifier else None
    of_split, _ = peak_of(lambda: train_test_split(np.arange(len(y)), test_size=0.1, stratify=stratify, random_state=0))
    assert peak <= of_split + allowed(model, X, 200, moments=2)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("dtype", TYPES)
def test_a_large_batch_in_microbatches(dtype, threads, draw):
    """Each thread holds one microbatch of a small network at a time, and the gradients of all microbatches are kept."""
    X, y = draw(20_000, 16, dtype)
    peak, model = peak_of_fit(
        MLPRegressor, X, y, hidden_layer_sizes=(100, 16), batch_size=20_000, n_jobs=threads, max_iter=1
    )
    part = -(-20_000 // MICROBATCHES // 8) * 8
    assert peak <= allowed(model, X, threads * part, 2, threads) + MICROBATCHES * n_params(model) * X.dtype.itemsize
    assert n_params(model) * X.dtype.itemsize <= MICROBATCH_BYTES


# The inputs


FORMS = {
    "C order": np.ascontiguousarray,
    "Fortran order": np.asfortranarray,
    "columns apart": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "rows backwards": lambda X: X[::-1],
    "CSR": lambda X: scipy.sparse.csr_matrix(X * (X > 1)),
    "CSR array, 64-bit row starts": lambda X: scipy.sparse.csr_array(X * (X > 1)),
}


@in_one_test(shared=("draw",))
@pytest.mark.parametrize(
    ("dtype", "form", "solver"),
    [*((np.float32, form, "adam") for form in FORMS), (np.float64, "C order", "lbfgs"), (np.float64, "CSR", "lbfgs")],
)
def test_no_copy_of_inputs(dtype, form, solver, draw):
    X, y = draw(5000, 400, dtype)
    X = FORMS[form](X)
    if form.endswith("starts"):
        X.indptr = X.indptr.astype(np.int64)
    for early_stopping in {False, solver == "adam"}:
        peak, model = peak_of_fit(
            MLPClassifier, X, y, hidden_layer_sizes=(3,), solver=solver, max_iter=1, early_stopping=early_stopping
        )
        assert peak < bytes_of(X) / 3
        for predict in (model.predict, model.predict_proba):
            predict(X)
            assert peak_of(lambda predict=predict: predict(X))[0] < bytes_of(X) / 4


def test_a_copy_of_the_inputs_is_detected(draw):
    """Integers must be converted to floats."""
    X, y = draw(5000, 400, np.float32)
    peak, _ = peak_of_fit(MLPClassifier, (10 * X).astype(np.int32), y, hidden_layer_sizes=(3,), max_iter=1)
    assert peak > 5000 * 400 * 8
