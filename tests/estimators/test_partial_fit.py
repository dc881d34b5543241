"""`partial_fit` reuses the preparation of its last call, with the bits of a call that prepares everything again."""

import copy
import pickle

import numpy as np
import pandas
import pytest
import scipy.sparse
import sklearn.neural_network
from helpers.fits import CONTAINERS, assert_same_bits, draw, ignores_max_iter, make, results
from helpers.merged import in_one_test

from fastmlp.estimators import fitting as _fitting
from fastmlp.estimators.fitting import Continuation


def classes_of(task):
    """Return the arguments of the first call only; each label has a column."""
    known = {"binary": [False, True], "classes": [0, 1, 2], "labels": [0, 1, 2]}
    return {"classes": known[task]} if task in known else {}


def forget(model):
    """Return the model without the preparation of its last call."""
    model._continuation = None


@pytest.fixture
def taken(monkeypatch):
    """List for each call whether it reused the preparation."""
    answers = []
    resume = Continuation.resume

    def remember(continuation, estimator, rows):
        fitting = resume(continuation, estimator, rows)
        answers.append(fitting is not None)
        return fitting

    monkeypatch.setattr(_fitting.Continuation, "resume", remember)
    return answers


def both(task, steps, **parameters):
    """Return the results of a model that reuses preparations, and of one that prepares each call again."""
    models = [make(task, **{"batch_size": "auto", **copy.deepcopy(parameters)}) for _ in range(2)]
    for index, model in enumerate(models):
        for step in steps:
            step(model)
            if index:
                forget(model)
    return models


@in_one_test(shared=("taken",), pairs=True)
@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("task", ["binary", "classes", "labels", "regression", "outputs"])
@pytest.mark.parametrize("parameters", [
    {}, {"solver": "sgd", "learning_rate": "invscaling"}, {"batch_size": "auto"}, {"batch_size": 7, "n_jobs": 2},
    {"shuffle": False}, {"random_state": None}, {"dropout": 0.3, "clip_norm": 1.0, "l1": 1e-3}, {"input_dropout": 0.2},
], ids=str)  # fmt: skip
def test_continued_calls_have_the_bits_of_new_ones(parameters, task, dtype, container, taken):
    taken.clear()
    X, y = draw(task, dtype, container)
    n = 32

    def call(start):
        def step(model):
            rows = slice(start, start + n)
            kwargs = classes_of(task) if not hasattr(model, "coefs_") else {}
            model.partial_fit(X[rows], y[rows], **kwargs)

        return step

    options = dict(parameters)
    if "random_state" in options:
        options["random_state"] = np.random.RandomState(5)
    models = both(task, [call(0), call(32), call(64), call(64)], **options)
    assert_same_bits(results(models[0], X), results(models[1], X))
    assert repr(models[0]._random_state.get_state()) == repr(models[1]._random_state.get_state())
    if not (container == "csr" and "input_dropout" in parameters):
        assert taken and all(taken)


FORMS = {
    "lists": lambda X, y: (X.tolist(), y.tolist()),
    "whole numbers": lambda X, y: ((10 * X).astype(np.int32), y),
    "Fortran order": lambda X, y: (np.asfortranarray(X), y),
    "a frame": lambda X, y: (pandas.DataFrame(X, columns=[f"column {i}" for i in range(X.shape[1])]), y),
    "CSC": lambda X, y: (scipy.sparse.csc_matrix(X), y),
    "CSR of whole numbers": lambda X, y: (scipy.sparse.csr_array((10 * X).astype(np.int64)), y),
    "targets as a list": lambda X, y: (X, y.tolist()),
    "more than is looked through at once": lambda X, y: (np.tile(X, (60, 1)), np.concatenate([y] * 60)),
}


@in_one_test(shared=("taken",))
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("task", ["binary", "regression"])
def test_partial_fit_continues_with_rows_in_any_form(task, form, taken):
    taken.clear()
    X, y = draw(task)

    def call(model):
        model.partial_fit(*FORMS[form](X[:64], y[:64]), **({} if hasattr(model, "coefs_") else classes_of(task)))

    ours, anew = both(task, [call] * 3)
    assert_same_bits(results(ours, FORMS[form](X, y)[0]), results(anew, FORMS[form](X, y)[0]))
    assert taken == [True, True]


REFUSED = {
    "too few columns": lambda X, y: ([[1.0, 2.0]], y[:1]),
    "NaN": lambda X, y: (np.full((4, X.shape[1]), np.nan).tolist(), y[:4]),
    "too few targets": lambda X, y: (X.tolist(), y[:-1]),
    "no numbers": lambda X, y: ([["a"] * X.shape[1]] * 4, y[:4]),
    "a number": lambda X, y: (1.0, y),
    "one row": lambda X, y: (X[0].tolist(), y[:1]),
}


@in_one_test()
@pytest.mark.parametrize("what", REFUSED)
def test_refused_calls_change_nothing(what):
    X, y = draw("regression")
    model = make("regression", batch_size="auto").partial_fit(X, y)
    before = copy.deepcopy(results(model, X))
    for _ in range(2):
        with pytest.raises(ValueError):
            model.partial_fit(*REFUSED[what](X, y))
        assert_same_bits(results(model, X), before)
    again = make("regression", batch_size="auto").partial_fit(X, y).partial_fit(X, y)
    assert_same_bits(results(model.partial_fit(X, y), X), results(again, X))


def weights(model, X, y, rows):
    model.partial_fit(X[rows], y[rows], sample_weight=np.linspace(0.1, 2, len(X[rows])))


#: What may happen between two calls.
BETWEEN = {
    "edit in place": lambda model, X, y: model.coefs_[0].__imul__(2),
    "edit of a later layer": lambda model, X, y: model.coefs_[1].__imul__(-1),
    "edit of a bias": lambda model, X, y: model.intercepts_[0].__iadd__(1),
    "replaced array": lambda model, X, y: model.coefs_.__setitem__(0, -model.coefs_[0]),
    "replaced list": lambda model, X, y: setattr(model, "coefs_", [1.5 * coef for coef in model.coefs_]),
    "other learning rate": lambda model, X, y: model.set_params(learning_rate_init=0.1),
    "other alpha": lambda model, X, y: model.set_params(alpha=0.5),
    "other batch size": lambda model, X, y: model.set_params(batch_size=5),
    "other threads": lambda model, X, y: model.set_params(n_jobs=3),
    "other activation": lambda model, X, y: model.set_params(activation="tanh"),
    "other seed": lambda model, X, y: model.set_params(random_state=11),
    "other penalty": lambda model, X, y: model.set_params(l1=0.01),
    "dropout": lambda model, X, y: model.set_params(dropout=0.5),
    "a fit": lambda model, X, y: model.fit(X, y),
    "a prediction": lambda model, X, y: (model.predict(X[:3]), model.predict(X)),
    "fewer rows": lambda model, X, y: model.partial_fit(X[:9], y[:9]),
    "more rows": lambda model, X, y: model.partial_fit(X, y),
    "weights": lambda model, X, y: weights(model, X, y, slice(0, 32)),
    "other weights": lambda model, X, y: [weights(model, X, y, slice(i, i + 32)) for i in (0, 9)],
    "the other type": lambda model, X, y: model.partial_fit(X[:32].astype(np.float32), y[:32]),
    "a list": lambda model, X, y: model.partial_fit(X[:32].tolist(), y[:32].tolist()),
    "csr": lambda model, X, y: [
        model.partial_fit(scipy.sparse.csr_array(X[i : i + 32]), y[i : i + 32]) for i in (0, 9)
    ],
    "a longer csr": lambda model, X, y: [
        model.partial_fit(scipy.sparse.csr_array(X[:32] * (np.arange(32) % d == 0)[:, None]), y[:32]) for d in (9, 2, 1)
    ],
    "strided": lambda model, X, y: model.partial_fit(X[::-1][:32], y[::-1][:32]),
    "the next epoch's optimizer": lambda model, X, y: model.__dict__.pop("_optimizer"),
}


@in_one_test()
@pytest.mark.parametrize("between", BETWEEN)
@pytest.mark.parametrize("task", ["classes", "regression"])
@ignores_max_iter
def test_changes_between_two_calls(task, between):
    X, y = draw(task)
    options = {"hidden_layer_sizes": (9, 5)}

    def call(model):
        model.partial_fit(X[:32], y[:32], **({} if hasattr(model, "coefs_") else classes_of(task)))

    ours, anew = both(task, [call, call, lambda model: BETWEEN[between](model, X, y), call, call], **options)
    assert_same_bits(results(ours, X), results(anew, X))


@in_one_test()
@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("task", ["binary", "classes", "labels", "regression", "outputs"])
def test_stream_of_batches_as_in_scikit_learn(task, solver):
    X, y = draw(task)
    options = {"hidden_layer_sizes": (9, 5), "solver": solver, "random_state": 0}
    ours = make(task, batch_size="auto", **options)
    models = ours, getattr(sklearn.neural_network, type(ours).__name__)(**options)
    for start in [0, 30, 60, 0, 10, 140]:
        rows = slice(start, start + 40)
        for model in models:
            kwargs = classes_of(task) if not hasattr(model, "coefs_") else {}
            model.partial_fit(X[rows], y[rows], **kwargs)
    for array, theirs in zip(*(model.coefs_ + model.intercepts_ for model in models), strict=True):
        np.testing.assert_allclose(array, theirs, rtol=1e-9, atol=1e-12)
    assert models[0].t_ == models[1].t_ and models[0].n_iter_ == models[1].n_iter_
    np.testing.assert_allclose(models[0].loss_curve_, models[1].loss_curve_, rtol=1e-9)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_train_independently(copied):
    X, y = draw("classes")
    model = make("classes", batch_size="auto").partial_fit(X[:32], y[:32], classes=[0, 1, 2])
    model.partial_fit(X[:32], y[:32])
    other = copied(model)
    expected = [coef.copy() for coef in model.coefs_]
    other.partial_fit(X[:32], y[:32]).partial_fit(X[:32], y[:32])
    if copied is not copy.copy:  # a shallow copy shares its optimizer
        for coef, before in zip(model.coefs_, expected, strict=True):
            np.testing.assert_array_equal(coef, before)
        model.partial_fit(X[:32], y[:32]).partial_fit(X[:32], y[:32])
        assert_same_bits(results(model, X), results(other, X))


@in_one_test()
@pytest.mark.parametrize("wrong", ["nan", "class", "columns", "rows", "negative", "weights", "classes"])
def test_errors_equal_those_of_the_first_call(wrong):
    """With and without a reused preparation; nothing changes."""
    task = "regression" if wrong == "negative" else "classes"
    X, y = draw(task)
    y = np.abs(y)
    kwargs = {"loss": "poisson"} if wrong == "negative" else {}
    messages = []
    for prepared in (True, False):
        model = make(task, batch_size="auto", **kwargs)
        for _ in range(2):
            model.partial_fit(X[:32], y[:32], **({} if hasattr(model, "coefs_") else classes_of(task)))
        if not prepared:
            forget(model)
        before, bad_X, bad_y = pickle.dumps(model), X[:32].copy(), y[:32].copy()
        extra = {}
        if wrong == "nan":
            bad_X[3, 3] = np.nan
        elif wrong == "columns":
            bad_X = bad_X[:, :7]
        elif wrong == "rows":
            bad_y = bad_y[:9]
        elif wrong in ("class", "negative"):
            bad_y[5] = 9 if wrong == "class" else -1
        else:
            extra = {"sample_weight": np.full(32, np.nan)} if wrong == "weights" else {"classes": [0, 1]}
        with pytest.raises(ValueError) as caught:
            model.partial_fit(bad_X, bad_y, **extra)
        messages.append(str(caught.value))
        assert pickle.dumps(model) == before
    assert messages[0] == messages[1]
