"""Callbacks of solvers with all rows in each step: an iteration is what an epoch is to the others."""

import pickle

import numpy as np
import pytest
import scipy.sparse
from helpers import knobs
from helpers.callback_models import CLASSES, bits
from helpers.early_stopping_data import NUMBERS, X
from helpers.merged import in_one_test
from sklearn.base import clone
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor as TheirRegressor

from fastmlp import Loss, MLPClassifier, MLPRegressor
from fastmlp.callbacks import Callback, Checkpoint, EarlyStopping, History, TimeLimit

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

SMALL = {"hidden_layer_sizes": (7,), "activation": "tanh", "max_iter": 6, "random_state": 0, "tol": 1e-9}
#: name → (model, X, y)
CASES = {
    "lbfgs": (MLPClassifier(**SMALL, solver="lbfgs"), X, CLASSES),
    "newton-cg": (MLPClassifier(**SMALL, solver="newton-cg"), X, CLASSES),
    "levenberg-marquardt": (MLPRegressor(**SMALL, solver="levenberg-marquardt"), X, NUMBERS),
    "lbfgs in float32": (MLPRegressor(**SMALL, solver="lbfgs"), X.astype(np.float32), NUMBERS),
    "newton-cg in float32": (MLPRegressor(**SMALL, solver="newton-cg"), X.astype(np.float32), NUMBERS),
    "sparse": (MLPRegressor(**SMALL, solver="lbfgs"), scipy.sparse.csr_matrix(X), NUMBERS),
    "two outputs": (MLPRegressor(**SMALL, solver="newton-cg"), X, np.column_stack([NUMBERS, NUMBERS**2])),
}


def make_model(case, *callbacks, **parameters):
    model, rows, y = CASES[case]
    return clone(model).set_params(**parameters).set_callbacks(*callbacks), rows, y


class Noted(Callback):
    """List what was called, and what callbacks read; end the fit after some iterations."""

    def __init__(self, iterations=10**9):
        self.iterations, self.calls, self.weights, self.losses = iterations, [], [], []

    def setup(self, estimator, context):
        super().setup(estimator, context)
        self.calls.append(("setup", context.max_subtasks))

    def teardown(self, estimator, context):
        super().teardown(estimator, context)
        self.calls.append("teardown")

    def on_training_begin(self, estimator, training):
        pytest.fail("for mini-batches only")

    def on_fit_begin(self, estimator):
        self.calls.append("fit")

    def on_epoch_begin(self, estimator):
        self.calls.append(("begin", estimator.n_iter_))

    def on_epoch_end(self, estimator):
        assert estimator.loss_curve_[-1] == estimator.loss_
        assert estimator.validation_loss_curve_ is estimator.validation_scores_ is None
        self.weights.append(bits(estimator))
        self.losses.append(estimator.loss_)
        self.calls.append(estimator.n_iter_)
        return estimator.n_iter_ >= self.iterations

    def on_fit_end(self, estimator):
        self.calls.append(("end", estimator.n_iter_, len(estimator.loss_curve_)))


@in_one_test()
@pytest.mark.parametrize("case", CASES)
def test_each_iteration_is_told_of(case):
    noted = Noted()
    model, rows, y = make_model(case, noted)
    model.fit(rows, y)
    inner = [call for number in range(1, 7) for call in (("begin", number - 1), number)]
    assert noted.calls == [("setup", 6), "fit", *inner, ("end", 6, 6), "teardown"]
    assert noted.losses[-1] == model.loss_
    assert noted.weights[-1] == bits(model)
    for number, (weights, loss) in enumerate(zip(noted.weights, noted.losses, strict=True), start=1):
        shorter, _, _ = make_model(case, max_iter=number)
        assert bits(shorter.fit(rows, y)) == weights
        assert shorter.loss_ == loss


@in_one_test()
@pytest.mark.parametrize("case", CASES)
def test_callbacks_change_no_bit_and_no_attribute(case):
    plain, rows, y = make_model(case)
    watched, _, _ = make_model(case, Noted(), History(), TimeLimit(1e6), EarlyStopping("loss"))
    plain.fit(rows, y)
    watched.fit(rows, y)
    assert bits(plain) == bits(watched)
    assert (plain.n_iter_, plain.loss_) == (watched.n_iter_, watched.loss_)
    assert set(vars(watched)) - {"_skl_callbacks"} == set(vars(plain))


def test_attributes_after_the_fit_are_scikit_learns():
    model = MLPRegressor(**SMALL, solver="lbfgs").set_callbacks(History(), ProgressBar()).fit(X, NUMBERS)
    theirs = TheirRegressor(**SMALL, solver="lbfgs").fit(X, NUMBERS)
    fitted = {name for name in vars(theirs) if name.endswith("_") and not name.startswith("_")}
    assert fitted <= set(vars(model))
    for name in ("loss_curve_", "validation_scores_", "best_loss_", "validation_loss_curve_", "validation_metric_"):
        assert hasattr(model, name) == hasattr(theirs, name), name
    assert model.n_iter_ == theirs.n_iter_


def test_attributes_of_an_earlier_fit_by_mini_batches_stay():
    """As in scikit-learn, with a warm start."""
    history = History()
    model = MLPRegressor(**{**SMALL, "warm_start": True}).fit(X, NUMBERS)
    curve, rate = list(model.loss_curve_), model._optimizer
    model.set_params(solver="lbfgs").set_callbacks(history).fit(X, NUMBERS)
    assert model.loss_curve_ == curve
    assert model._optimizer is rate
    assert len(history.rows) == model.n_iter_ == 6
    assert {row["learning_rate"] for row in history.rows} == {None}


@in_one_test()
@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("case", CASES)
def test_a_callback_ends_the_fit(case):
    """Without the warning that training has not converged."""
    noted = Noted(3)
    model, rows, y = make_model(case, noted)
    model.fit(rows, y)
    assert (model.n_iter_, model.loss_) == (3, noted.losses[2])
    assert noted.calls[-2:] == [("end", 3, 3), "teardown"]
    shorter, _, _ = make_model(case, max_iter=3)
    with pytest.warns(ConvergenceWarning):
        shorter.fit(rows, y)
    assert bits(shorter) == bits(model)
    assert np.array_equal(shorter.predict(rows), model.predict(rows))


@in_one_test()
@pytest.mark.parametrize("case", CASES)
def test_history(case):
    history = History()
    model, rows, y = make_model(case, history)
    model.fit(rows, y)
    frame = history.to_frame()
    assert frame.epoch.tolist() == list(range(1, 7))
    assert frame.loss.iloc[-1] == model.loss_
    assert (frame.loss.diff().dropna() < 0).all()
    assert frame[["validation_loss", "validation_score", "learning_rate"]].isna().all(axis=None)
    assert frame.seconds.is_monotonic_increasing


@in_one_test()
@pytest.mark.parametrize("case", CASES)
def test_early_stopping(case):
    """Where the loss falls by less than `min_delta`; the best iterate is put back, as the case may be."""
    for restore in (False, True):
        stopping = EarlyStopping("loss", patience=2, min_delta=1e6, restore_best_weights=restore)
        model, rows, y = make_model(case, stopping)
        model.fit(rows, y)
        assert (stopping.best_epoch_, model.n_iter_) == (1, 3)
        shorter, _, _ = make_model(case, max_iter=1 if restore else 3)
        assert bits(shorter.fit(rows, y)) == bits(model)


@in_one_test()
@pytest.mark.parametrize("monitor", ["validation_loss", "validation_score"])
@pytest.mark.parametrize("case", CASES)
def test_monitors_of_validation_rows_are_refused_and_nothing_is_changed(case, monitor):
    model, rows, y = make_model(case)
    model.fit(rows, y)
    before, attributes = bits(model), set(vars(model))
    model.set_callbacks(EarlyStopping(monitor))
    with pytest.raises(ValueError, match=r"this fit has none: use EarlyStopping\('loss'\), or a solver with mini"):
        model.fit(rows, y)
    assert bits(model.set_callbacks()) == before
    assert set(vars(model)) == attributes


def test_checkpoints_are_refused(tmp_path):
    for case in CASES:
        model, rows, y = make_model(case, Checkpoint(tmp_path))
        with pytest.raises(ValueError, match=f"needs mini-batches, but solver='{model.solver}' has all rows in each"):
            model.fit(rows, y)
        assert not hasattr(model, "coefs_")


class After(Callback):
    """End the fit the n-th time that it asks within iterations."""

    def __init__(self, times):
        self.times, self.asked = times, 0

    def is_over(self, estimator):
        self.asked += 1
        return self.asked > self.times


@in_one_test()
@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("times", [0, 1, 2, 5, 11, 23])
@pytest.mark.parametrize("case", CASES)
def test_a_fit_ends_within_an_iteration(case, times, monkeypatch):
    """With the last iterate that was complete."""
    knobs.set_slice(monkeypatch)
    after, noted = After(times), Noted()
    model, rows, y = make_model(case, after, noted, max_iter=60)
    model.fit(rows, y)
    assert model.n_iter_ == len(noted.losses) < 60
    assert after.asked == times + 1
    assert np.isnan(model.loss_) == (times == 0)  # not known yet
    expected, _, _ = make_model(case, max_iter=max(model.n_iter_, 1))
    if model.n_iter_:
        monkeypatch.undo()
        with pytest.warns(ConvergenceWarning):
            expected.fit(rows, y)
        assert bits(expected) == bits(model)
        assert expected.loss_ == model.loss_
    model.predict(rows)


@pytest.mark.parametrize("case", ["lbfgs", "newton-cg", "levenberg-marquardt"])
def test_time_limit(case, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("fastmlp.callbacks.time_limit.time.monotonic", lambda: now[0])

    class Clock(Callback):
        def on_epoch_begin(self, estimator):
            now[0] += 1.0

    model, rows, y = make_model(case, TimeLimit(2.5), Clock(), max_iter=100)
    assert model.fit(rows, y).n_iter_ == 2


@in_one_test()
@pytest.mark.parametrize("case", CASES)
def test_numpys_warnings_in_callbacks_are_not_hidden(case):
    class Divides(Callback):
        def on_epoch_end(self, estimator):
            np.float64(1) / np.float64(0)

    model, rows, y = make_model(case, Divides())
    with pytest.raises(RuntimeWarning, match="divide by zero"):
        model.fit(rows, y)


@in_one_test()
@pytest.mark.parametrize("case", CASES)
def test_an_error_leaves_the_last_iterate(case):
    """As with mini-batches; one before the first iteration changes nothing."""

    class Broken(Callback):
        def on_epoch_begin(self, estimator):
            if estimator.n_iter_ == self.after:
                raise RuntimeError("broken")

    broken = Broken()
    model, rows, y = make_model(case, broken)
    for broken.after in (0, 2):
        with pytest.raises(RuntimeError, match="broken"):
            model.fit(rows, y)
        if not broken.after:
            assert not [name for name in vars(model) if name.endswith("_") and not name.startswith("_")]
    shorter, _, _ = make_model(case, max_iter=2)
    assert bits(shorter.fit(rows, y)) == bits(model)
    assert model.n_iter_ == 2
    assert not hasattr(model, "loss_curve_")


def test_ctrl_c_in_a_callback_keeps_the_last_iterate():
    class Interrupts(Callback):
        def on_epoch_end(self, estimator):
            if estimator.n_iter_ == 2:
                raise KeyboardInterrupt

    for case in CASES:
        model, rows, y = make_model(case, Interrupts())
        with pytest.warns(UserWarning, match="Training interrupted by user"):
            model.fit(rows, y)
        shorter, _, _ = make_model(case, max_iter=2)
        assert bits(shorter.fit(rows, y)) == bits(model)


@in_one_test()
@pytest.mark.parametrize("case", CASES)
def test_changes_of_the_weights_are_lost(case):
    class Zeros(Callback):
        def on_epoch_end(self, estimator):
            for array in (*estimator.coefs_, *estimator.intercepts_):
                array[...] = 0

    model, rows, y = make_model(case, Zeros())
    plain, _, _ = make_model(case)
    assert bits(model.fit(rows, y)) == bits(plain.fit(rows, y))


@pytest.mark.parametrize("case", ["newton-cg", "levenberg-marquardt", "lbfgs"])
def test_converged_fits(case):
    """The iteration that finds no further step begins at most, and does not end."""
    noted, bar, monitor = Noted(), ProgressBar(), ScoringMonitor(scoring="neg_mean_squared_error")
    model, rows, y = make_model(case, noted, bar, monitor, max_iter=5000, tol=1e-2, alpha=1.0)
    model.fit(rows, y)
    assert model.n_iter_ == len(noted.losses) < 5000
    names = [row["task_name"] for row in monitor.get_logs().data]
    assert names == ["fit", *["iteration"] * model.n_iter_]
    begun = [call for call in noted.calls if isinstance(call, tuple) and call[0] == "begin"]
    assert len(begun) - model.n_iter_ == (0 if case == "lbfgs" else 1)


def test_a_search_by_searches_without_steps():
    """A line search that fails and begins again without a memory is one iteration."""
    noted = Noted()
    kinks = Loss(kink, kink_derivative)
    model = MLPRegressor(hidden_layer_sizes=(3,), solver="lbfgs", loss=kinks, random_state=0, max_iter=300)
    model.set_callbacks(noted).fit(X, NUMBERS)
    assert [call for call in noted.calls if isinstance(call, int)] == list(range(1, model.n_iter_ + 1))
    begun = [call[1] for call in noted.calls if isinstance(call, tuple) and call[0] == "begin"]
    assert begun == sorted(set(begun))


def kink(output, target):
    return np.sqrt(abs(output - target))


def kink_derivative(output, target):
    return 0.5 * np.sign(output - target) / np.sqrt(abs(output - target))


@pytest.mark.parametrize("solver", ["lbfgs", "newton-cg"])
def test_searches_in_processes(solver):
    monitor = ScoringMonitor(scoring="accuracy")
    model = MLPClassifier(**SMALL, solver=solver).set_callbacks(monitor)
    search = GridSearchCV(model, {"alpha": [0.1, 1.0]}, n_jobs=2, cv=2).fit(X, CLASSES)
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "iteration"]
    assert len(rows) == 6 * (2 * 2 + 1)
    assert search.best_estimator_.n_iter_ == 6
    assert pickle.loads(pickle.dumps(search.best_estimator_)).n_iter_ == 6


def test_without_a_step_nothing_is_changed():
    """The loss is not finite where the training begins: no iteration, an error, the model as before."""
    noted = Noted()
    model = MLPRegressor(**SMALL, solver="newton-cg", loss="half_squared_error").fit(X, NUMBERS)
    before, attributes = bits(model), set(vars(model))
    model.set_callbacks(noted)
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="cannot make a step"):
        model.fit(X, NUMBERS * 1e200)
    assert bits(model.set_callbacks()) == before
    assert set(vars(model)) == attributes
    assert noted.calls == [("setup", 6), "fit", "teardown"]
