"""What may go wrong between two calls of ``partial_fit``: other shapes, threads, edits in place, what stays referenced.

What might lead kernels out of their arrays runs in a process of its own, which may die without ending the tests.
"""

import copy
import gc
import inspect
import os
import pickle
import subprocess
import sys
import warnings
import weakref

import numpy as np
import pandas
import pytest
import scipy.sparse
import sklearn.neural_network
from helpers.fits import assert_same_bits, draw, ignores_max_iter, make, results

from fastmlp import Cosine, MLPClassifier, MLPRegressor
from fastmlp.estimators.fitting import PARAMETERS, Continuation
from fastmlp.optimizers import Adam
from fastmlp.schedules import Schedule
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
    except ValueError:
        return
    raise SystemExit("accepted")
"""


def in_another_process(program):
    """Run it after the common beginning; the process must end by itself."""
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


@pytest.mark.parametrize("what", FOREIGN_MEMORY)
def test_foreign_memory_is_never_read(what):
    in_another_process(FOREIGN_MEMORY[what])


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
def test_every_parameter_is_looked_at(kind):
    assert set(inspect.signature(kind).parameters) <= set(PARAMETERS)


class WithProperty(MLPRegressor):
    """Its loss is a property."""

    @property
    def loss(self):
        return self.__dict__.get("_chosen", "squared_error")

    @loss.setter
    def loss(self, value):
        self._chosen = value


@pytest.mark.parametrize("kind", [MLPRegressor, WithProperty])
def test_a_loss_set_between_two_calls_counts(kind):
    X, y = draw("regression")
    found = []
    for anew in (False, True):
        model = kind(hidden_layer_sizes=(5,), random_state=0).partial_fit(X, y).partial_fit(X, y)
        model.loss = "huber"
        if anew:
            model._continuation = None
        found.append(model.partial_fit(X, y).partial_fit(X, y))
    assert_same_bits(results(found[0], X), results(found[1], X))


@pytest.mark.parametrize("container", [np.asarray, scipy.sparse.csr_array, pandas.DataFrame])
@pytest.mark.parametrize("calls", [1, 2, 3])
def test_nothing_that_the_caller_gave_stays_referenced(container, calls):
    X, y = draw("outputs")
    model, weights = make("outputs", batch_size=32), np.linspace(1, 2, len(y))
    for _ in range(calls):
        given = [np.array(X), np.array(y), np.array(weights)]
        given[0] = container(given[0])
        alive = [weakref.ref(array) for array in given[1:]]
        alive.append(weakref.ref(given[0].data if scipy.sparse.issparse(given[0]) else given[0]))
        model.partial_fit(*given)
        del given
        gc.collect()
        assert [one() is None for one in alive] == [True] * 3


def test_nothing_stays_referenced_after_a_refused_call():
    X, y = draw("regression")
    model = make("regression", batch_size=32).partial_fit(X, y).partial_fit(X, y)
    bad = np.full_like(X, np.nan)
    alive = weakref.ref(bad)
    with pytest.raises(ValueError, match="NaN"):
        model.partial_fit(bad, y)
    del bad
    gc.collect()
    assert alive() is None
    again = make("regression", batch_size=32).partial_fit(X, y).partial_fit(X, y).partial_fit(X, y)
    assert_same_bits(results(model.partial_fit(X, y), X), results(again, X))


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
    del model._optimizer.__dict__["mean_shrinkage"]  # as version 1.0 left it
    again = pickle.loads(pickle.dumps(model))
    again.partial_fit(X, y)
    assert np.isfinite(again.loss_) and again._optimizer.mean_shrinkage > 0


class Ending(Schedule):
    """Constant, and ends where it is told to."""

    end = None

    def at(self, t):
        return np.full(t.shape, 0.01)

    @property
    def ends_at(self):
        return type(self).end


@pytest.mark.parametrize("end", [7.5, 7, np.inf, np.float64(4.0), -1, None])
@pytest.mark.filterwarnings("ignore:.* ends after:UserWarning")
def test_a_schedule_may_end_at_any_number(end, monkeypatch):
    X, y = draw("regression")
    monkeypatch.setattr(Ending, "end", end)
    make("regression", learning_rate=Ending()).fit(X, y)


@pytest.mark.parametrize("end", ["7", float("nan"), [7]], ids=str)
def test_a_schedule_that_ends_at_no_number_is_refused(end, monkeypatch):
    X, y = draw("regression")
    model = make("regression").fit(X, y)
    before = pickle.dumps(model)
    monkeypatch.setattr(Ending, "end", end)
    with pytest.raises(ValueError, match="has ends_at="):
        model.set_params(learning_rate=Ending()).fit(X, -y)
    assert pickle.dumps(model.set_params(learning_rate="constant")) == before


class Breaking(Ending):
    """Has no rates."""

    def at(self, t):
        raise ZeroDivisionError("no rates")


def solver_without_memory(monkeypatch):
    def fail(*_, **__):
        raise MemoryError("no memory")

    monkeypatch.setattr("fastmlp.training.full_batch_loss.FullBatch.__init__", fail)
    monkeypatch.setattr("fastmlp.training.levenberg_marquardt.RecordedForward", fail)


#: Parameters, factor of y, what is raised.
LATE = {
    "newton-cg without a step": ({"solver": "newton-cg"}, 1e200, ValueError),
    "levenberg-marquardt without a step": ({"solver": "levenberg-marquardt"}, 1e200, ValueError),
    "lbfgs without memory": ({"solver": "lbfgs"}, 1.0, MemoryError),
    "newton-cg without memory": ({"solver": "newton-cg"}, 1.0, MemoryError),
    "levenberg-marquardt without memory": ({"solver": "levenberg-marquardt"}, 1.0, MemoryError),
    "a schedule that raises": ({"learning_rate": Breaking()}, 1.0, ZeroDivisionError),
    "the end of a schedule": ({"learning_rate": Cosine(0.01, steps=3)}, 1.0, UserWarning),
    "a clipped batch": ({"batch_size": 1000}, 1.0, UserWarning),
}


@pytest.mark.parametrize("what", LATE)
@pytest.mark.parametrize("fitted", [False, True])
def test_a_fit_that_is_refused_late_changes_nothing(what, fitted, monkeypatch):
    parameters, factor, raised = LATE[what]
    X, y = draw("regression")
    model = make("regression", random_state=np.random.RandomState(3))
    if fitted:
        model.fit(X, y)
    before = pickle.dumps(model)
    if raised is MemoryError:
        solver_without_memory(monkeypatch)
    given = model.get_params()
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("error", UserWarning)
        with pytest.raises(raised):
            model.set_params(**parameters).fit(X, -y * factor)
    model.set_params(**{name: given[name] for name in parameters})
    assert pickle.dumps(model) == before


def test_a_validated_call_that_goes_on_is_checked_on_a_draft():
    """What a check leaves on the model stays away from it if the call is refused."""
    X, y = draw("classes")
    model = make("classes", batch_size="auto").partial_fit(X, y, classes=[0, 1, 2]).partial_fit(X, y)
    del model.classes_
    before = pickle.dumps(model)
    with pytest.raises(ValueError):
        model.partial_fit(X[:, :7].tolist(), y, classes=[0, 1, 2])
    assert pickle.dumps(model) == before


def test_a_shallow_copy_of_another_type_leaves_the_original_alone():
    X, y = draw("regression")
    model, alone = (make("regression", batch_size=32).partial_fit(X, y).partial_fit(X, y) for _ in range(2))
    other = copy.copy(model)
    other.coefs_ = [coef.astype(np.float32) for coef in model.coefs_]
    other.intercepts_ = [intercept.astype(np.float32) for intercept in model.intercepts_]
    other.partial_fit(X, y).partial_fit(X, y)
    for one in (model, alone):
        one.partial_fit(X, y)
    found = [results(one, X) for one in (model, alone)]
    for each in found:
        del each["loss_curve_"]  # shallow copies share the list
    assert_same_bits(*found)
    assert model._optimizer.t == alone._optimizer.t
    np.testing.assert_array_equal(model._optimizer.state, alone._optimizer.state)


def test_one_call_at_a_time_holds_what_the_last_one_left():
    """The others prepare everything anew, with moments of their own: by the same bits where they come one by one."""
    X, y = draw("regression")
    model, other = (make("regression", batch_size=32).partial_fit(X, y).partial_fit(X, y) for _ in range(2))
    kept = Continuation.take(model)
    assert kept is not None and Continuation.take(model) is None
    states = kept.optimizer.state, kept.epoch.workspace.task["n_rows"].copy()
    before = states[0].copy()
    model.partial_fit(X[:40], y[:40]).partial_fit(X[:40], y[:40])
    assert model._continuation is not kept and model._optimizer is not kept.optimizer
    np.testing.assert_array_equal(states[0], before)
    assert states[1] == kept.epoch.workspace.task["n_rows"]
    kept.give_back()
    other.partial_fit(X[:40], y[:40]).partial_fit(X[:40], y[:40])
    assert_same_bits(results(model, X), results(other, X))


def test_models_that_share_their_attributes_take_turns():
    """``vars(other).update(vars(model))`` hands on what a call left ready, too."""
    X, y = draw("regression")
    model = make("regression", batch_size=32).partial_fit(X, y).partial_fit(X, y)
    other = make("regression")
    vars(other).update(vars(model))
    kept = Continuation.take(other)
    assert kept is not None and Continuation.take(model) is None
    kept.give_back()
    again = Continuation.take(model)
    assert again is kept
    again.give_back()
