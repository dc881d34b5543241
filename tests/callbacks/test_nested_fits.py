"""Callbacks that fit models, copy them, or are refused; what a fit leaves behind."""

import copy
import gc
import pickle
import tracemalloc

import numpy as np
import pytest
import scipy.sparse
from helpers.callback_models import CLASSES, MODELS, bits, make_model
from helpers.early_stopping_data import NUMBERS, X
from helpers.knobs import set_slice
from helpers.merged import in_one_test
from sklearn.base import clone
from sklearn.callback import CallbackContext, ProgressBar, ScoringMonitor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastmlp import MLPRegressor
from fastmlp.callbacks import Callback, EarlyStopping, History, TimeLimit

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

HOOKS = ("on_fit_begin", "on_training_begin", "on_epoch_begin", "on_epoch_end", "is_over", "on_fit_end")
SOLVERS = ["adam", "lbfgs"]
SCORING = {"classifier": "accuracy", "regressor": "r2"}


class In(Callback):
    """Do something in one hook, the first time that it is called."""

    def __init__(self, hook, work):
        self.hook, self.work, self.done = hook, work, 0

    def __getstate__(self):
        return {**super().__getstate__(), "work": None}  # functions of a test cannot be pickled

    def _act(self, hook, estimator):
        if hook == self.hook and not self.done:
            self.done += 1
            self.work(estimator)

    def on_fit_begin(self, estimator):
        self._act("on_fit_begin", estimator)

    def on_training_begin(self, estimator, training):
        self._act("on_training_begin", estimator)

    def on_epoch_begin(self, estimator):
        self._act("on_epoch_begin", estimator)

    def on_epoch_end(self, estimator):
        self._act("on_epoch_end", estimator)

    def on_fit_end(self, estimator):
        self._act("on_fit_end", estimator)

    def is_over(self, estimator):
        self._act("is_over", estimator)
        return False


class Counts(Callback):
    """Count calls; its setup and teardown come once a fit."""

    def __init__(self):
        self.calls = []

    def setup(self, estimator, context):
        super().setup(estimator, context)
        self.calls.append("setup")

    def on_epoch_end(self, estimator):
        self.calls.append(estimator.n_iter_)

    def teardown(self, estimator, context):
        super().teardown(estimator, context)
        self.calls.append("teardown")


def hooks_of(solver):
    return [hook for hook in HOOKS if solver == "adam" or hook != "on_training_begin"]


CASES = [(solver, hook) for solver in SOLVERS for hook in hooks_of(solver)]


@pytest.fixture(autouse=True)
def small_slices(monkeypatch):
    """So that short epochs ask whether they are over."""
    set_slice(monkeypatch)


def fit_within(name, solver, hook, work, *others):
    """A model whose callback has done something in a hook, and a plain one."""
    acting = In(hook, work)
    model, y = make_model(name, acting, *others, solver=solver, batch_size=50, n_jobs=1)
    plain, _ = make_model(name, solver=solver, batch_size=50, n_jobs=1)
    model.fit(X, y)
    assert acting.done
    return model, plain.fit(X, y)


@in_one_test()
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize(("solver", "hook"), CASES)
@pytest.mark.parametrize("name", MODELS)
def test_a_fit_of_the_same_model_is_refused_and_harms_nothing(name, solver, hook, method):
    if method == "partial_fit" and solver == "lbfgs":
        return
    counts = Counts()

    def work(estimator):
        with pytest.raises(RuntimeError, match=rf"^{method} was called by a callback of this very MLP"):
            getattr(estimator, method)(X, MODELS[name][1])

    model, plain = fit_within(name, solver, hook, work, counts, ScoringMonitor(scoring=SCORING[name]))
    assert bits(model) == bits(plain)
    assert counts.calls == ["setup", 1, 2, 3, 4, 5, "teardown"]
    assert not hasattr(model, "_callback_fit_ctx")
    model.set_callbacks().fit(X, MODELS[name][1])
    assert bits(model) == bits(plain)


@in_one_test()
@pytest.mark.parametrize("inner", [*SOLVERS, "newton-cg"])
@pytest.mark.parametrize(("solver", "hook"), CASES)
def test_another_model_may_be_fitted(solver, hook, inner):
    """With the same callbacks, too: their states are kept apart."""
    history, stopping, limit = History(), EarlyStopping("loss", patience=2, min_delta=1e-9), TimeLimit(1e6)
    other = MLPRegressor(hidden_layer_sizes=(5,), solver=inner, activation="tanh", max_iter=7, random_state=3)
    alone = clone(other).fit(X, NUMBERS)

    def work(estimator):
        other.set_callbacks(history, stopping, limit).fit(X, NUMBERS)
        assert [row["epoch"] for row in history.rows] == list(range(1, 8))

    monitor = ScoringMonitor(scoring="accuracy")
    model, plain = fit_within("classifier", solver, hook, work, history, stopping, limit, monitor)
    assert bits(model) == bits(plain)
    assert bits(other) == bits(alone)
    assert stopping.best_epoch_ == 5 if solver == "lbfgs" else stopping.best_epoch_ > 0
    assert not vars(stopping)["_states"]


@in_one_test()
@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, clone, lambda model: pickle.loads(pickle.dumps(model))])
@pytest.mark.parametrize(("solver", "hook"), CASES)
def test_copies_that_callbacks_make_are_models_of_their_own(solver, hook, copied):
    """They hold nothing of the fit that goes on, and can be fitted at once."""
    counts, copies = Counts(), []

    def work(estimator):
        copies.append(copied(estimator))
        assert not {"_callback_fit_ctx", "_skl_callbacks_to_teardown"} & set(vars(copies[0]))
        copies[0].set_callbacks().set_params(solver="sgd", max_iter=2).fit(X, CLASSES)

    model, plain = fit_within("classifier", solver, hook, work, counts)
    assert bits(model) == bits(plain)
    assert counts.calls == ["setup", 1, 2, 3, 4, 5, "teardown"]
    assert copies[0].n_iter_ == 2


def test_copies_made_by_callbacks_of_lbfgs_continue_by_mini_batches():
    copies = []
    model, y = make_model("classifier", In("on_epoch_end", lambda each: copies.append(copy.copy(each))), solver="lbfgs")
    model.fit(X, y)
    copies[0].set_callbacks().set_params(solver="sgd", learning_rate="adaptive").partial_fit(X, y)
    assert copies[0].t_ == len(X)


@pytest.mark.parametrize("solver", SOLVERS)
def test_tasks_of_epochs_are_made_for_those_who_are_told_of_tasks(solver, monkeypatch):
    made = []
    subcontext = CallbackContext.subcontext

    def noted(self, *arguments, **options):
        made.append(self.estimator_name)
        return subcontext(self, *arguments, **options)

    monkeypatch.setattr(CallbackContext, "subcontext", noted)
    model, y = make_model("classifier", solver=solver)
    GridSearchCV(model, {"alpha": [0.1, 1.0]}, cv=2).fit(X, y)
    assert set(made) == {"GridSearchCV"}
    GridSearchCV(model.set_callbacks(counts := Counts()), {"alpha": [0.1, 1.0]}, cv=2, refit=False).fit(X, y)
    assert set(made) == {"GridSearchCV"}
    assert counts.calls.count(5) == 2 * 2
    GridSearchCV(model.set_callbacks(Counts(), ScoringMonitor(scoring="accuracy")), {"alpha": [0.1, 1.0]}, cv=2).fit(
        X, y
    )
    assert made.count("MLPClassifier") == 5 * (2 * 2 + 1)


def test_copies_of_models_in_a_pipeline_do_not_enter_its_tasks():
    monitor, copies = ScoringMonitor(scoring="accuracy"), []

    def work(estimator):
        copies.append(copy.copy(estimator))
        assert not hasattr(copies[0], "_parent_callback_ctx")
        copies[0].set_callbacks().fit(X, CLASSES)

    model, y = make_model("classifier", In("on_epoch_end", work), monitor)
    make_pipeline(StandardScaler(), model).set_callbacks(ProgressBar()).fit(X, y)
    assert copies
    assert [row["task_name"] for row in monitor.get_logs().data].count("epoch") == 5


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_search_within_a_callback(solver):
    found = []

    def work(estimator):
        search = GridSearchCV(clone(estimator).set_callbacks(), {"alpha": [0.1, 1.0]}, cv=2)
        found.append(search.fit(X, CLASSES).best_params_)

    model, plain = fit_within("classifier", solver, "on_epoch_end", work)
    assert bits(model) == bits(plain)
    assert found


@pytest.mark.parametrize("solver", [*SOLVERS, "newton-cg"])
def test_a_refused_fit_leaves_what_callbacks_have_recorded(solver):
    history, stopping = History(), EarlyStopping("loss", patience=2)
    model, y = make_model("regressor", history, stopping, solver=solver, activation="tanh")
    model.fit(X, y)
    rows, best = list(history.rows), (stopping.best_epoch_, stopping.best_)
    assert len(rows) == 5
    broken = In("on_fit_begin", lambda estimator: 1 / 0)
    refusals = (
        (lambda: model.fit(np.full_like(X, np.nan), y), ValueError),
        (lambda: model.set_params(alpha=-1.0).fit(X, y), ValueError),
        (lambda: model.set_params(alpha=1.0, hidden_layer_sizes=(0,)).fit(X, y), ValueError),
        (lambda: model.set_params(hidden_layer_sizes=(7,)).set_callbacks(history, stopping, broken).fit(X, y),
         ZeroDivisionError),
        (lambda: model.set_callbacks(history, stopping, EarlyStopping()).fit(X, y), ValueError),
    )  # fmt: skip
    for refused, error in refusals:
        with pytest.raises(error):
            refused()
        assert history.rows == rows
        assert (stopping.best_epoch_, stopping.best_) == best
    model.set_callbacks(history, stopping).set_params(max_iter=2).fit(X, y)
    assert len(history.rows) == 2


def test_a_fit_without_an_epoch_has_no_rows():
    """Such as one that ends before its first step."""
    history = History()
    model, y = make_model("regressor", history)
    model.fit(X, y)
    model.set_callbacks(history, TimeLimit(1e-9)).set_params(solver="lbfgs").fit(X, y)
    assert history.rows == []


@pytest.mark.parametrize("solver", SOLVERS)
def test_epochs_that_have_ended_are_not_kept(solver):
    """Without this, scikit-learn's tree of tasks keeps some 350 bytes an epoch."""
    epochs, sizes = 400, []

    class Measures(Callback):
        def on_epoch_end(self, estimator):
            if estimator.n_iter_ in (100, epochs):
                gc.collect()
                sizes.append(tracemalloc.get_traced_memory()[0])
            return estimator.n_iter_ == epochs

    model = MLPRegressor(hidden_layer_sizes=(2,), solver=solver, max_iter=epochs, tol=0.0, n_iter_no_change=np.inf)
    if solver == "lbfgs":
        model.set_params(hidden_layer_sizes=(9,), activation="tanh", alpha=0.0)
    model.set_params(random_state=0).set_callbacks(Measures())
    rows = np.random.RandomState(0).standard_normal((300, 3))
    tracemalloc.start()
    try:
        model.fit(rows, np.sin(rows[:, 0] * 5) * rows[:, 1])
    finally:
        tracemalloc.stop()
    assert model.n_iter_ == epochs
    assert sizes[1] - sizes[0] < 200 * (epochs - 100)


def test_numbers_of_tasks_are_scikit_learns():
    """Although those that have ended are not kept."""
    seen = []

    class Paths:
        def setup(self, estimator, context):
            self.root = context

        def teardown(self, estimator, context):
            pass

        def on_fit_task_begin(self, estimator, context):
            seen.append((context.task_name, context.task_id, context.parent is self.root, len(list(self.root))))

        def on_fit_task_end(self, estimator, context):
            pass

    model, y = make_model("classifier", Paths())
    model.fit(X, y)
    assert seen == [("fit", 0, False, 1), *[("epoch", number, True, 2) for number in range(5)]]
    with pytest.raises(ValueError, match="maximum number of children"):
        model._init_callback_context(max_subtasks=2).subcontext().subcontext()


@pytest.mark.parametrize("given", [False, True])
@pytest.mark.parametrize("kind", ["dense", "Fortran", "sparse", "CSC"])
def test_scorers_cannot_change_a_users_rows(kind, given):
    """They get read-only views, without a copy for each epoch."""
    rows = {
        "dense": X.copy(), "Fortran": np.asfortranarray(X), "sparse": scipy.sparse.csr_matrix(X),
        "CSC": scipy.sparse.csc_matrix(X),
    }[kind]  # fmt: skip
    y, weights, refused, seen = NUMBERS.copy(), np.linspace(1, 2, len(X)), [], set()

    def scorer(model, X, y, sample_weight):
        parts = [X.data] if scipy.sparse.issparse(X) else [X]
        for array in (*parts, y, sample_weight):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0
            refused.append(array)
        seen.add(id(X))
        return model.score(X, y, sample_weight)

    model = MLPRegressor(hidden_layer_sizes=(7,), max_iter=3, random_state=0, early_stopping=True, scoring=scorer)
    held = {"X_val": rows, "y_val": y, "sample_weight_val": weights} if given else {}
    model.fit(rows, y, sample_weight=weights, **held)
    assert len(model.validation_scores_) == 3
    assert len(refused) == 3 * 4
    assert len(seen) == 1
    assert abs(rows - X).max() == 0
    assert np.array_equal(y, NUMBERS)
    if given and kind in ("dense", "Fortran"):
        assert np.shares_memory(refused[0], rows)


def test_a_scorers_model_holds_nothing_of_the_fit():
    """A scorer may fit the copy that it is given."""
    seen, counts = [], Counts()

    def scorer(model, X, y):
        seen.append(set(vars(model)) & {"_callback_fit_ctx", "_skl_callbacks_to_teardown", "_continuation"})
        copied = clone(model).set_callbacks().set_params(early_stopping=False, scoring=None, max_iter=1, batch_size=20)
        return copied.fit(X, y).score(X, y)

    model, y = make_model("regressor", counts, early_stopping=True, scoring=scorer)
    model.fit(X, y)
    assert seen == [set()] * 6
    assert counts.calls == ["setup", 1, 2, 3, 4, 5, "teardown"]


def test_bars_and_fits_within_fits(capsys):
    def work(estimator):
        clone(estimator).set_callbacks(ProgressBar()).fit(X, CLASSES)

    model, plain = fit_within("classifier", "adam", "on_epoch_end", work)
    assert bits(model) == bits(plain)
    assert "100%" in capsys.readouterr().out
