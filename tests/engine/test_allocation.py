"""Compiled code allocates no memory, however many steps it makes; and no form of input causes another compilation."""

import tracemalloc
import warnings

import numba
import numpy as np
import pytest
import scipy.sparse
from helpers import knobs
from helpers.few_rows import misaligned, read_only
from helpers.merged import in_one_test
from helpers.problems import make_problem
from helpers.small_batches import small_batch_predictor
from numba.core.registry import cpu_target
from numba.core.runtime import _nrt_python, rtsys
from sklearn.exceptions import ConvergenceWarning

from fastmlp import MLPClassifier
from fastmlp.compiler import kernel as kernels
from fastmlp.compiler.numba_backend import POINTER, kernel
from fastmlp.engine.blocking import LARGE_BATCH_ROWS
from fastmlp.engine.prediction import predict
from fastmlp.engine.prediction_workspace import PredictionWorkspace
from fastmlp.kernels.loop.epoch import train_steps
from fastmlp.kernels.loop.full_batch import add_gradients
from fastmlp.kernels.loop.predict import predict_few, predict_rows
from fastmlp.kernels.lowlevel.records import N_STEP_RATES
from fastmlp.optimizers import LAMB, SGD, Adam
from fastmlp.regularization import Regularization
from fastmlp.training.dropout_keys import DropoutKeys
from fastmlp.training.epoch import EpochRunner
from fastmlp.training.full_batch_loss import FullBatch

#: The memory of a Python call (boxed integers). All arrays of the networks here are much larger.
CALL_BYTES = 2048


@numba.njit
def sum_of_copies(value, n):
    """Allocates memory, to test that allocations are detected; as a kernel it would be refused."""
    total = 0.0
    for i in range(n):
        total += np.full(n, value)[i]
    return total


@pytest.fixture(scope="module", autouse=True)
def counted():
    """Let Numba's runtime count the allocations of compiled code."""
    rtsys.initialize(cpu_target.target_context)
    _nrt_python.memsys_enable_stats()
    yield
    _nrt_python.memsys_disable_stats()


def allocations(work):
    """(allocations in compiled code, most bytes that Python and NumPy held) while `work` runs."""
    work()  # the first time may compile
    before = rtsys.get_allocation_stats().alloc
    tracemalloc.start()
    try:
        held = tracemalloc.get_traced_memory()[0]
        work()
        needed = tracemalloc.get_traced_memory()[1] - held
    finally:
        tracemalloc.stop()
    return rtsys.get_allocation_stats().alloc - before, needed


def assert_nothing_allocated(work):
    in_compiled_code, in_python = allocations(work)
    assert in_compiled_code == 0
    assert in_python < CALL_BYTES


def test_an_allocation_is_detected():
    sum_of_copies(1.0, 7)
    assert allocations(lambda: sum_of_copies(1.0, 7))[0] == 7
    assert allocations(lambda: np.ones(1000))[1] >= 8000


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
class TestSteps:
    """A hundred steps; a longer training needs no more memory."""

    def problem(self, dtype, sparse):
        return make_problem(
            "softmax log loss", features=70, hidden=(90, 80), rows=1200, dtype=dtype, sparse=sparse, weighted=True
        )

    @in_one_test(shared=("dtype", "sparse"))
    @pytest.mark.parametrize("optimizer", [SGD, Adam, LAMB])
    def test_training(self, dtype, sparse, optimizer):
        problem = self.problem(dtype, sparse)
        options = (1, Regularization(0.1, 0.5, 0.2, 1.0, 1.0, 0.1), DropoutKeys(0)) if optimizer is LAMB else ()
        epoch = EpochRunner(problem.network, problem.dataset, optimizer(), np.arange(1200), 12, *options)
        epoch.run(0.1)
        task, entry = epoch.workspace.task, train_steps.entry(dtype)
        rates = np.full((100, N_STEP_RATES), 1e-3)
        task["step_rates"] = rates.ctypes.data
        arguments = (*epoch.workspace.arguments(), 0, 100, problem.network.params.ctypes.data)

        def hundred_steps():
            task["steps_made"] = 0
            entry(*arguments)

        assert_nothing_allocated(hundred_steps)
        assert task["steps_made"] == 100
        assert np.isfinite(problem.network.params).all()

    def test_training_in_threads(self, dtype, sparse, monkeypatch):
        """Only Python's threads are allocated, once for all steps."""
        knobs.let_threads_pay(monkeypatch)
        problem = self.problem(dtype, sparse)
        epoch = EpochRunner(problem.network, problem.dataset, Adam(), np.arange(1200), 24, n_threads=3)
        epoch.run(0.1)
        tasks, entry, rates = epoch.workspace.tasks, train_steps.entry(dtype), np.full((50, N_STEP_RATES), 1e-3)
        tasks["step_rates"] = rates.ctypes.data
        params = problem.network.params.ctypes.data
        arguments = [(*epoch.workspace.arguments(thread), 0, 50, params) for thread in range(3)]

        def fifty_steps():
            tasks["steps_made"] = 0
            epoch.team.run(lambda thread: entry(*arguments[thread]))

        in_compiled_code, in_python = allocations(fifty_steps)
        assert in_compiled_code == 0
        assert in_python < 10 * CALL_BYTES
        assert tasks["steps_made"].tolist() == [50, 50, 50]

    def test_full_batch(self, dtype, sparse, monkeypatch):
        knobs.set_chunk_rows(monkeypatch, 12)
        problem = self.problem(dtype, sparse)
        full_batch = FullBatch(problem.network, problem.dataset, 0.1)
        full_batch(problem.network.params.copy())
        arguments = (*full_batch.workspace.arguments(), 0, 100, full_batch.gradient.ctypes.data)
        entry = add_gradients.entry(dtype)
        assert_nothing_allocated(lambda: entry(*arguments))

    def test_prediction(self, dtype, sparse):
        problem = self.problem(dtype, sparse)
        workspace = PredictionWorkspace(problem.network, problem.dataset, 64)
        order, out = np.arange(1200), np.empty((1200, 3), dtype)
        workspace.use_order(order)
        x, row_stride = int(workspace.task["x"]), int(workspace.task["x_row_stride"])
        arguments = (*workspace.arguments(), x, row_stride, 0, 1200, out.ctypes.data)
        entry = predict_rows.entry(dtype)
        assert_nothing_allocated(lambda: entry(*arguments))
        assert np.array_equal(out, predict(problem.network, problem.dataset))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_prediction_of_few_rows(dtype):
    """Only the result is allocated."""
    network = make_problem("softmax log loss", features=70, hidden=(90, 80), dtype=dtype).network
    predictor = small_batch_predictor(network)
    X = np.ones((5, 70), dtype)
    assert_nothing_allocated(lambda: predictor(X))
    (engine,) = predictor.engines.values()
    (workspace,) = engine.idle
    out, entry = np.zeros((5, 3), dtype), predict_few.entry(dtype)
    arguments = (*workspace[:2], id(X), id(out), X.ctypes.data)
    assert_nothing_allocated(lambda: entry(*arguments))
    assert np.array_equal(out, predictor(X))


# No further compilation


def fit(X, y, weights=None, **parameters):
    """Predictions and parameters of a short fit."""
    model = MLPClassifier(**{"hidden_layer_sizes": (7, 3), "max_iter": 2, "random_state": 0, **parameters})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y, weights)
    return [model.predict_proba(X), *model.coefs_, *model.intercepts_]


@pytest.fixture(scope="module")
def data():
    rng = np.random.RandomState(0)
    X = rng.standard_normal((40, 6)) * rng.randint(2, size=(40, 6))
    return X, (X[:, 0] > 0).astype(int)


@pytest.fixture(scope="module")
def everything_compiled(data):
    """One fit for each type and each memory order, dense and sparse, has compiled all kernels."""
    X, y = data
    for dtype in (np.float32, np.float64):
        for prepare in (np.ascontiguousarray, np.asfortranarray, scipy.sparse.csr_matrix, scipy.sparse.csc_matrix):
            fit(prepare(X.astype(dtype)), y)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = MLPClassifier((7, 3), solver="lbfgs", max_iter=2).fit(X.astype(dtype), y)
        fit(X.astype(dtype), y, early_stopping=True)
        for _ in range(2):  # from the second call on, the fast path for few rows
            model.predict_proba(X.astype(dtype))


@pytest.fixture
def compiler_refuses(everything_compiled, monkeypatch):
    def refuse(kernel, dtype):
        raise AssertionError(f"{kernel.__name__} is compiled once more")

    monkeypatch.setattr(kernels.Kernel, "_from_cache", refuse)


def mapped(X, folder):
    """A memory map, as joblib passes to its workers."""
    np.save(folder / "X.npy", X)
    return np.load(folder / "X.npy", mmap_mode="r")


FORMS = {
    "rows apart": lambda X, folder: np.repeat(X, 2, axis=0)[::2],
    "columns apart": lambda X, folder: np.repeat(X, 3, axis=1)[:, ::3],
    "backwards": lambda X, folder: X[::-1].copy()[::-1],
    "Fortran order": lambda X, folder: np.asfortranarray(X),
    "read-only": lambda X, folder: read_only(X),
    "memory map": mapped,
    "list": lambda X, folder: X.tolist(),
    "not aligned": lambda X, folder: misaligned(X),
    "other byte order": lambda X, folder: X.astype(X.dtype.newbyteorder()),
}


#: Forms that scikit-learn converts to float64, whatever their type.
ALWAYS_DOUBLE = {"list", "other byte order"}


@pytest.mark.parametrize(
    ("form", "dtype"),
    [*((f, np.float64) for f in FORMS), *((f, np.float32) for f in sorted(FORMS.keys() - ALWAYS_DOUBLE))],
)
def test_forms_of_dense_input(form, dtype, data, compiler_refuses, tmp_path):
    """Each gives the same model, bit for bit."""
    X, y = data[0].astype(dtype), data[1]
    for ours, plain in zip(fit(FORMS[form](X, tmp_path), y), fit(X, y), strict=True):
        assert ours.dtype == plain.dtype
        assert np.array_equal(ours, plain)


@in_one_test(shared=("data", "compiler_refuses"))
@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "csr array", "read-only csr"])
def test_forms_of_sparse_input(kind, index, data, compiler_refuses):
    X, y = data
    sparse = scipy.sparse.csr_array(X) if kind == "csr array" else scipy.sparse.csr_matrix(X).asformat(kind.split()[-1])
    if kind != "coo":
        sparse.indices, sparse.indptr = sparse.indices.astype(index), sparse.indptr.astype(index)
    if kind.startswith("read-only"):
        for array in (sparse.data, sparse.indices, sparse.indptr):
            array.setflags(write=False)
    for ours, plain in zip(fit(sparse, y), fit(scipy.sparse.csr_matrix(X), y), strict=True):
        assert np.array_equal(ours, plain)


@in_one_test(shared=("data", "compiler_refuses"))
@pytest.mark.parametrize("hidden", [(), (1,), (100,), (3, 4, 5, 6, 7, 8), (260, 270)])
@pytest.mark.parametrize("batch_size", [1, 7, 40])
def test_depth_width_and_batch_size(hidden, batch_size, data, compiler_refuses):
    X, y = data
    fit(X, y, hidden_layer_sizes=hidden, batch_size=batch_size)
    fit(X[:, :3], y, np.ones(40), hidden_layer_sizes=hidden, batch_size=batch_size)


def test_a_batch_in_microbatches(data, compiler_refuses):
    X, y = (np.repeat(array, LARGE_BATCH_ROWS // 20, axis=0) for array in data)
    fit(X, y, batch_size=len(X))


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_threads_and_few_rows(solver, data, compiler_refuses, monkeypatch):
    knobs.let_threads_pay(monkeypatch)
    X, y = data
    fit(X, y, n_jobs=3, solver="adam", early_stopping=True)
    model = MLPClassifier((7, 3), solver=solver, max_iter=2, n_jobs=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    for rows in (40, 40, 1, 7):
        model.predict_proba(X[:rows])
        model.predict(X[:rows])


def test_another_compilation_is_detected(compiler_refuses):
    @kernel(POINTER)
    def new(out):
        pass

    with pytest.raises(AssertionError, match="new is compiled once more"):
        new.address(np.float64)
