"""Each parameter with wrong values, in each call that trains: refused before anything is written, with the same error.

What is wrong is decided by `fit` of a new estimator; every other call must agree with it.
"""

import pickle
from decimal import Decimal

import numpy as np
import pytest
from helpers.fits import draw, ignores_max_iter, make
from helpers.merged import in_one_test
from sklearn.utils._param_validation import InvalidParameterError

from fastmlp import SGD, Cosine, GivenArrays, Huber, LeakyReLU, MLPClassifier, MLPRegressor

pytestmark = [ignores_max_iter, pytest.mark.filterwarnings("ignore:Got `batch_size`:UserWarning")]

KINDS = {"classes": MLPClassifier, "regression": MLPRegressor}
#: By class; scikit-learn reads a signature for each answer.
PARAMETERS = {kind: frozenset(kind().get_params()) for kind in KINDS.values()}
FIRST = {"classes": {"classes": [0, 1, 2]}, "regression": {}}


class Strange:
    """No number and no name; not hashable."""

    __hash__ = None

    def __eq__(self, other):
        return NotImplemented


#: No parameter may have one of these values, apart from n_jobs=-1.
WRONG = [
    object(), Strange(), "auto?", b"adam", 1j, np.nan, -1, -0.5, Decimal("0.1"), np.array([0.5, 0.25]), {"a": 1},
    (0.1, "x"), [None], SGD, np.str_("relu?"), -np.inf,
]  # fmt: skip
#: Some parameters may have these values.
DOUBTFUL = [
    None, "auto", "lbfgs", True, 0, 2.5, np.inf, 10**400, np.float64(0.5), np.array(3), (), (3, 0), [0.1, 0.2],
    SGD(0.1), Cosine(0.1, 99), Huber(), LeakyReLU(), np.random.default_rng(0), GivenArrays([[[1.0]]], [[1.0]]),
]  # fmt: skip


def state_of(model):
    """Return the learned attributes, comparable bit for bit."""
    parameters = PARAMETERS[type(model)]
    return {name: pickle.dumps(value) for name, value in model.__getstate__().items() if name not in parameters}


def error_of(call, *args, **kwargs):
    """Return what a call raises, as (type, message); None if it raises nothing."""
    try:
        call(*args, **kwargs)
    except Exception as error:
        return type(error), str(error)
    return None


def drawn(value):
    return value.get_state()[1].tolist() if isinstance(value, np.random.RandomState) else None


def make_models(task, X, y):
    """Return calls on models that were fitted, and continued by `partial_fit` twice: (model, method, rows)."""
    plain, warm = (make(task, warm_start=warm).fit(X, y).partial_fit(X, y).partial_fit(X, y) for warm in (False, True))
    copied = pickle.loads(pickle.dumps(plain))
    return {
        "fit again": (plain, "fit", len(X)), "warm fit": (warm, "fit", len(X)),
        "later partial_fit": (plain, "partial_fit", len(X)), "partial_fit of some rows": (plain, "partial_fit", 60),
        "partial_fit of a copy": (copied, "partial_fit", len(X)),
    }  # fmt: skip


#: Each value is tried in every TURNS-th of these calls, so that each of them gets all kinds of values.
TURNS = 3
#: Calls that do not use a parameter: they accept what is wrong only beside others. (`max_iter` is epochs of `fit`.)
UNUSED = {("initializer", "warm fit"), *(("initializer", call) for call in (
    "later partial_fit", "partial_fit of some rows", "partial_fit of a copy"))}  # fmt: skip


def call_with(model, name, value, method, *args, **kwargs):
    """Return the error of a method with this value of a parameter, and whether anything has changed."""
    usual, state, generator = getattr(model, name), state_of(model), drawn(value)
    setattr(model, name, value)
    error = error_of(getattr(model, method), *args, **kwargs)
    setattr(model, name, usual)
    return error, state_of(model) != state or drawn(value) != generator


@in_one_test("task")
@pytest.mark.parametrize("name", sorted(frozenset().union(*PARAMETERS.values())))
@pytest.mark.parametrize("task", KINDS)
def test_a_refused_value_changes_nothing(task, name):
    if name not in PARAMETERS[KINDS[task]]:
        return
    X, y = draw(task, rows=120)
    models, problems, refused = make_models(task, X, y), [], 0
    for value in (*WRONG, *DOUBTFUL):
        wrong = any(value is one for one in WRONG) and not (name == "n_jobs" and type(value) is int)
        wrong = wrong and not (name == "scoring" and value is SGD)  # can be called
        expected, changed = call_with(make(task), name, value, "fit", X, y)
        if expected is None:
            if wrong:
                problems.append(f"fit accepts {name}={value!r}")
            continue
        refused += 1
        answers = {"fit": (expected, changed)}
        answers["first partial_fit"] = call_with(make(task), name, value, "partial_fit", X, y, **FIRST[task])
        for number, (call, (model, method, rows)) in enumerate(models.items(), start=refused):
            if number % TURNS == 0 and ((name, call) not in UNUSED or wrong):
                answers[call] = call_with(model, name, value, method, X[:rows], y[:rows])
        for call, (error, changed) in answers.items():
            case = f"{name}={value!r:.40} in {call}"
            if error is None:
                problems.append(f"{case} is accepted, but fit says {expected}")
            elif changed:
                problems.append(f"{case} changes the model: {error}")
            elif not issubclass(error[0], TypeError | ValueError | AttributeError):
                problems.append(f"{case}: {error}")
            elif wrong and error != expected:
                problems.append(f"{case} raises {error}, but fit {expected}")
    assert not problems, "\n".join(problems)
    assert refused >= len(WRONG) - 1


def test_constraints_of_subclasses_and_objects_may_change():
    """Made constraints are kept: scikit-learn's answer to the present ones counts, also after a fit."""
    X, y = np.random.RandomState(0).randn(40, 3), np.arange(40) % 2

    class Model(MLPClassifier):
        _parameter_constraints = {**MLPClassifier._parameter_constraints, "power_t": "no_validation"}

        def __init__(self, gamma=1.0, power_t=0.5, tol=10.0):
            super().__init__((4,), power_t=power_t, tol=tol, max_iter=20)
            self.gamma = gamma

    Model(gamma="x", power_t="y").fit(X, y)
    Model._parameter_constraints = {**Model._parameter_constraints, "gamma": ["boolean"]}
    model = Model()
    for changes in ({"gamma": True}, {"gamma": False, "power_t": None}):
        model.set_params(**changes).fit(X, y)
    with pytest.raises(InvalidParameterError, match="'gamma' parameter of Model must be an instance of 'bool'"):
        model.set_params(gamma=1.0).fit(X, y)
    Model._parameter_constraints["gamma"].append(None)  # in place
    model.set_params(gamma=None).fit(X, y)
    Model._parameter_constraints["gamma"].pop()
    with pytest.raises(InvalidParameterError, match="'gamma' parameter of Model"):
        model.fit(X, y)
    model.set_params(gamma=True)._parameter_constraints = {**Model._parameter_constraints, "tol": [None]}
    with pytest.raises(InvalidParameterError, match="'tol' parameter of Model must be None"):
        model.fit(X, y)
    Model(gamma=False).fit(X, y)
