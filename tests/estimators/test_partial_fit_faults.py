"""Changes between two calls of `partial_fit`: other shapes, threads, edits in place.

Tests that might make kernels leave their arrays run in a separate process, which may crash.
"""

import inspect
import os
import pickle
import subprocess
import sys
import warnings

import numpy as np
import pandas
import pytest
import scipy.sparse
import sklearn.neural_network
from helpers.fits import assert_same_bits, draw, ignores_max_iter, make, results

from fastmlp import MLPClassifier, MLPRegressor
from fastmlp.estimators.fitting import PARAMETERS
from fastmlp.optimizers import Adam
from fastmlp.training.epoch import EpochRunner

pytestmark = ignores_max_iter


_BEGIN = """
import threading, warnings
import numpy as np, scipy.sparse
from fastmlp import MLPClassifier, MLPRegressor
warnings.simplefilter("ignore")
rng = np.random.RandomState(0)
X = rng.standard_normal((300, 8)); y = X[:, 0] - X[:, 1] * X[:, 2]
def refused(call):
    try:
        call()
    except (TypeError, ValueError):
        return
    raise SystemExit("accepted")
"""


def in_another_process(program):
    """Run a program after the common beginning, in a process that must end without an error."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", _BEGIN + program], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)


FOREIGN_MEMORY = {
    "more targets": """
m = MLPRegressor(hidden_layer_sizes=(16,), random_state=0).partial_fit(X, y).partial_fit(X, y)
for columns in (2, 4000):
    for form in (X.tolist(), np.asfortranarray(X).astype(np.float32), X):
        refused(lambda: m.partial_fit(form, rng.standard_normal((300, columns))))
m.partial_fit(X, y)
""",
    "fewer targets": """
Y = rng.standard_normal((300, 3))
m = MLPRegressor(hidden_layer_sizes=(16,), random_state=0).partial_fit(X, Y).partial_fit(X, Y)
for form in (X.tolist(), X):
    refused(lambda: m.partial_fit(form, Y[:, 0]))
    refused(lambda: m.partial_fit(form, Y[:, :2]))
m.partial_fit(X, Y)
""",
    "more features of a model set by hand": """
m = MLPRegressor(hidden_layer_sizes=(16,), random_state=0)
m.coefs_ = [rng.standard_normal((8, 16)), rng.standard_normal((16, 1))]
m.intercepts_ = [np.zeros(16), np.zeros(1)]
m.out_activation_, m.n_layers_, m.n_outputs_ = "identity", 3, 1
m.partial_fit(X, y).partial_fit(X, y)
for columns in (4000, 7):
    W = rng.standard_normal((300, columns))
    for form in (W, W.tolist(), scipy.sparse.csr_array(W)):
        refused(lambda: m.partial_fit(form, y))
m.partial_fit(X, y)
""",
    "classes set by hand": """
c = np.digitize(y, [-0.5, 0.5])
m = MLPClassifier(hidden_layer_sizes=(16,), random_state=0).partial_fit(X, c, classes=[0, 1, 2]).partial_fit(X, c)
m.classes_ = np.arange(4000)
for form in (X, X.tolist()):
    refused(lambda: m.partial_fit(form, np.full(300, 3999)))
""",
    "threads": """
def rows(n, sparse):
    A = rng.standard_normal((n, 8))
    return (scipy.sparse.csr_array(A * (rng.rand(n, 8) < (0.05 if n < 100 else 0.9))) if sparse else A), A[:, 0].copy()
for sparse in (False, True):
    sets = [rows(n, sparse) for n in (32, 3000, 33, 2000)]
    m = MLPRegressor(hidden_layer_sizes=(64, 64), random_state=0, batch_size=32)
    for each in sets:
        m.partial_fit(*each)
    threads = [threading.Thread(target=lambda s=s: [m.partial_fit(*s) for _ in range(60)]) for s in sets]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert all(np.isfinite(coef).all() for coef in m.coefs_)
    m.partial_fit(*sets[0])
    assert not m._continuation.lock.locked()
""",
    "shapes in place": """
def reshaped(change, layer=1):
    m = MLPRegressor(hidden_layer_sizes=(64, 64), random_state=0)
    for _ in range(2):
        m.partial_fit(X[:32], y[:32])
    change(m.coefs_[layer])
    for _ in range(2):
        refused(lambda: m.partial_fit(X[:32], y[:32]))
reshaped(lambda coef: coef.resize((1, 4096), refcheck=False))
reshaped(lambda coef: setattr(coef, "shape", (1, 4096)))
reshaped(lambda coef: setattr(coef, "shape", (64, 8)), 0)
reshaped(lambda coef: setattr(coef, "dtype", np.float32))
reshaped(lambda coef: setattr(coef, "dtype", np.complex128))
""",
}


def test_foreign_memory_is_never_read():
    """All programs run in one process, each with its own names; the last one that is printed has failed."""
    run_all = "for what, program in programs.items():\n    print(what, flush=True)\n    exec(program, {**globals()})"
    in_another_process(f"programs = {FOREIGN_MEMORY!r}\n{run_all}")


OTHER_ROWS = {
    "targets": (lambda X, y: X, lambda y: np.c_[y, y]),
    "features": (lambda X, y: X[:, :7], lambda y: y),
    "sparse": (lambda X, y: scipy.sparse.csr_array(X), lambda y: y),
}


@pytest.mark.parametrize("what", OTHER_ROWS)
def test_a_workspace_refuses_rows_of_another_kind(what):
    from fastmlp.engine.dataset import Dataset
    from fastmlp.engine.model import TrainableModel

    X, y = draw("regression")
    rows = Dataset(X, y[:, np.newaxis], None, np.float64)
    epoch = EpochRunner(TrainableModel([20, 5, 1], ["relu", "identity"], "squared_error", np.float64), rows,
                  Adam(), np.arange(len(y)), 32)  # fmt: skip
    change_X, change_y = OTHER_ROWS[what]
    other = Dataset(change_X(X, y), change_y(y[:, np.newaxis]), None, np.float64)
    with pytest.raises(ValueError, match="made for other rows"):
        epoch.rebind(other, np.arange(len(y)))
    with pytest.raises(ValueError, match="weighted=True"):
        epoch.rebind(Dataset(X, y[:, np.newaxis], np.ones(len(y)), np.float64), np.arange(len(y)))
    with pytest.raises(ValueError, match="dtype=float32"):
        epoch.rebind(Dataset(X, y[:, np.newaxis], None, np.float32), np.arange(len(y)))


@pytest.mark.parametrize("kind", [MLPRegressor, MLPClassifier])
def test_change_of_any_parameter_is_noticed(kind):
    assert set(inspect.signature(kind).parameters) <= set(PARAMETERS)


class WithProperty(MLPRegressor):
    """A regressor whose loss is a property."""

    @property
    def loss(self):
        return self.__dict__.get("_chosen", "squared_error")

    @loss.setter
    def loss(self, value):
        self._chosen = value


@pytest.mark.parametrize("kind", [MLPRegressor, WithProperty])
def test_loss_changed_between_two_calls_is_used(kind):
    X, y = draw("regression")
    found = []
    for anew in (False, True):
        model = kind(hidden_layer_sizes=(5,), random_state=0).partial_fit(X, y).partial_fit(X, y)
        model.loss = "huber"
        if anew:
            model._continuation = None
        found.append(model.partial_fit(X, y).partial_fit(X, y))
    assert_same_bits(results(found[0], X), results(found[1], X))


def test_frames_of_sparse_columns_after_dense_ones():
    X, y = draw("regression")
    dense = pandas.DataFrame(X).add_prefix("c")
    sparse = dense.astype(pandas.SparseDtype(float, 0.0))
    models = [make("regression", batch_size=32) for _ in range(2)]
    for anew, model in enumerate(models):
        for frame in (dense, dense, sparse, sparse, dense, dense):
            if anew:
                model._continuation = None
            model.partial_fit(frame, y)
    assert_same_bits(results(models[0], dense), results(models[1], dense))


@pytest.mark.parametrize("form", [np.asarray, lambda X: X.tolist()])
def test_missing_classes_under_warm_start(form):
    X, y = draw("classes")
    one = np.resize(np.flatnonzero(y == 1), 60)
    messages = []
    for kind in (MLPClassifier, sklearn.neural_network.MLPClassifier):
        model = kind(hidden_layer_sizes=(5,), random_state=0, warm_start=True)
        for _ in range(2):
            model.partial_fit(form(X[:60]), y[:60], classes=[0, 1, 2])
        with pytest.raises(ValueError, match="warm_start can only be used where `y` has the same classes") as caught:
            model.partial_fit(form(X[one]), y[one])
        messages.append(str(caught.value).split("Previously")[0])
        model.partial_fit(form(X[:60]), y[:60])
    assert messages[0] == messages[1]


def test_read_only_weights_stay_as_they_are():
    X, y = draw("regression")
    models = [make("regression", batch_size=32).partial_fit(X, y).partial_fit(X, y) for _ in range(2)]
    frozen = [*models[0].coefs_, *models[0].intercepts_]
    before = [array.copy() for array in frozen]
    for array in frozen:
        array.flags.writeable = False
    for model in models:
        model.partial_fit(X, y).partial_fit(X, y)
    for array, former in zip(frozen, before, strict=True):
        np.testing.assert_array_equal(array, former)
    assert_same_bits(results(models[0], X), results(models[1], X))


def test_strides_set_in_place_count():
    X, y = draw("regression")
    X = X[:, :8]
    models = [kind(hidden_layer_sizes=(8,), random_state=0) for kind in (MLPRegressor, sklearn.neural_network.MLPRegressor)]  # fmt: skip  # noqa: E501
    for model in models:
        model.partial_fit(X, y).partial_fit(X, y)
        turned = model.coefs_[0].T.copy()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            model.coefs_[0].strides = model.coefs_[0].strides[::-1]
        np.testing.assert_array_equal(model.coefs_[0], turned)
        model.partial_fit(X, y)
    np.testing.assert_allclose(models[0].coefs_[0], models[1].coefs_[0], rtol=1e-9)


@pytest.mark.parametrize("sizes", [[200, 200, 100, 100, 200, 150, 60], [60, 60, 200, 90]], ids=str)
def test_a_clipped_batch_size_warns_once(sizes):
    X, y = draw("regression")
    model = MLPRegressor(hidden_layer_sizes=(5,), random_state=0, batch_size=200)
    for n in sizes:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.partial_fit(X[:n], y[:n])
        assert len(caught) == (n < 200), n


def test_pickled_optimizers_of_the_former_version():
    X, y = draw("regression")
    model = make("regression", l1=1e-3).partial_fit(X, y)
    del model._optimizer.__dict__["mean_shrinkage"]  # as version 1.0 wrote it
    again = pickle.loads(pickle.dumps(model))
    again.partial_fit(X, y)
    assert np.isfinite(again.loss_) and again._optimizer.mean_shrinkage > 0
