"""A refused fit leaves a model unchanged, bit for bit, and an unfitted model unfitted."""

import pickle

import numpy as np
import pandas
import pytest
import scipy.sparse
from helpers.fits import draw, ignores_max_iter, make
from helpers.merged import in_one_test
from sklearn.exceptions import NotFittedError

from fastmlp import SGD, Activation, AdamW, Cosine, Quantile

pytestmark = [
    ignores_max_iter,
    pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning"),
]


def with_value(array, value):
    array = np.array(array, float)
    array.flat[3] = value
    return array


#: What to set, and what to change in (X, y, sample_weight), before a call that is refused.
REFUSED = {
    "n_jobs": {"n_jobs": 0},
    "rates of dropout": {"dropout": [0.1, 0.2, 0.3]},
    "activations": {"activation": ["relu", "tanh", "relu"]},
    "unknown activation": {"activation": "rely"},
    "unknown solver": {"solver": "adaam"},
    "layers": {"hidden_layer_sizes": (5, 0)},
    "no layers": {"hidden_layer_sizes": ("5",)},
    "loss": {"loss": "hingee"},
    "validation rows": {"early_stopping": True, "validation_fraction": 0.001},
    "weight decay": {"solver": "lbfgs", "weight_decay": 0.1},
    "decay of sgd": {"solver": "sgd", "weight_decay": 0.1},
    "schedule of lbfgs": {"solver": "lbfgs", "learning_rate": Cosine(0.1, steps=5)},
    "unused rate": {"solver": AdamW(1e-3), "learning_rate_init": 0.1},
    "levenberg-marquardt": {"solver": "levenberg-marquardt", "loss": "perceptron"},
    "no second derivative": {"solver": "newton-cg", "activation": Activation(lambda z: z, lambda z: 1.0 + 0.0 * z)},
    "initializer": {"initializer": "helium"},
    "softmax": {"output_activation": "relu"},
    "weights": {"sample_weight": "nan"},
    "number of weights": {"sample_weight": "short"},
    "weights that sum to zero": {"sample_weight": "zero"},
    "rows": {"y": "short"},
    "X": {"X": "nan"},
    "y": {"y": "nan"},
    "text": {"X": "text"},
    "columns": {"X": "sparse", "columns": "damaged"},
}


def state_of(model):
    """Return all attributes of a model besides its parameters, comparable bit for bit."""
    parameters = model.get_params()
    return {name: pickle.dumps(value) for name, value in model.__getstate__().items() if name not in parameters}


def spoil(case, task):
    """(parameters, X, y, sample_weight) of a call that is refused: other columns and other classes than before."""
    X, y = draw(task, features=7)
    y = np.array(["no", "yes", "perhaps"])[y] if task == "classes" else y + 100
    frame = pandas.DataFrame(X, columns=[f"other {number}" for number in range(7)])
    parameters = dict(case)
    weight = parameters.pop("sample_weight", None)
    weights = {"nan": with_value(np.ones(len(X)), np.nan), "short": np.ones(5), "zero": np.zeros(len(X)), None: None}
    if parameters.pop("columns", None):
        frame = scipy.sparse.csr_array(X)
        frame.indices[3] = 10**6
    kind = parameters.pop("X", None)
    frame = with_value(X, np.nan) if kind == "nan" else np.array([["a"] * 7] * len(X)) if kind == "text" else frame
    wrong = parameters.pop("y", None)
    y = y[:-1] if wrong == "short" else (np.where(np.arange(len(X)) == 3, np.nan, 1.5) if wrong == "nan" else y)
    return parameters, frame, y, weights[weight]


def is_meant_for(name, task):
    return not (task == "regression" and name in ("softmax", "validation rows"))


CASES = [(name, task) for name in REFUSED for task in ("classes", "regression") if is_meant_for(name, task)]


@in_one_test()
@pytest.mark.parametrize(("name", "task"), CASES)
@pytest.mark.parametrize("warm_start", [False, True])
def test_a_refused_fit_changes_nothing(name, task, warm_start):
    X, y = draw(task)
    generator = np.random.RandomState(3)
    model = make(task, random_state=generator, warm_start=warm_start).fit(pandas.DataFrame(X).add_prefix("c"), y)
    frame = pandas.DataFrame(X).add_prefix("c")
    expected, before = model.predict(frame), state_of(model)
    given = model.get_params()
    parameters, other_X, other_y, weights = spoil(REFUSED[name], task)
    with pytest.raises((ValueError, TypeError)):
        model.set_params(**parameters).fit(other_X, other_y, weights)
    model.set_params(**{key: given[key] for key in parameters})
    assert state_of(model) == before
    np.testing.assert_array_equal(model.predict(frame), expected)
    if name != "columns":
        plain = make(task, random_state=np.random.RandomState(5))
        drawn = plain.random_state.get_state()[1].copy()
        with pytest.raises((ValueError, TypeError)):
            plain.set_params(**parameters).fit(other_X, other_y, weights)
        np.testing.assert_array_equal(plain.random_state.get_state()[1], drawn)
        assert not state_of(plain)
        with pytest.raises(NotFittedError):
            plain.set_params(**{key: given[key] for key in parameters}).predict(frame)


@in_one_test()
@pytest.mark.parametrize(("name", "task"), [case for case in CASES if REFUSED[case[0]].get("solver") != "lbfgs"])
def test_a_refused_partial_fit_changes_nothing(name, task):
    X, y = draw(task)
    model = make(task).partial_fit(X, y, **({"classes": [0, 1, 2]} if task == "classes" else {}))
    model.partial_fit(X, y)
    before, given = state_of(model), model.get_params()
    parameters, other_X, other_y, weights = spoil(REFUSED[name], task)
    with pytest.raises((ValueError, TypeError, AttributeError)):
        model.set_params(**parameters).partial_fit(other_X, other_y, weights)
    model.set_params(**{key: given[key] for key in parameters})
    assert state_of(model) == before
    other = make(task).partial_fit(X, y, **({"classes": [0, 1, 2]} if task == "classes" else {})).partial_fit(X, y)
    for one in (model, other):
        one.partial_fit(X, y)
    for ours, theirs in zip(model.coefs_, other.coefs_, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_first_partial_fit_that_is_refused():
    X, y = draw("classes")
    model = make("classes", n_jobs=0)
    with pytest.raises(ValueError, match="n_jobs=0"):
        model.partial_fit(X, y, classes=[0, 1, 2])
    assert not state_of(model)
    model.set_params(n_jobs=1).partial_fit(X, y + 5, classes=[5, 6, 7])
    assert model.classes_.tolist() == [5, 6, 7]


#: Parameters without effect with a solver, and the parameters that the message names.
UNUSED = {
    "rate": ({"solver": AdamW(1e-3), "learning_rate_init": 0.1}, "learning_rate_init=0.1"),
    "word": ({"solver": AdamW(1e-3), "learning_rate": "adaptive"}, "learning_rate='adaptive'"),
    "beta": ({"solver": AdamW(1e-3), "beta_1": 0.5}, "beta_1=0.5"),
    "momentum": ({"solver": SGD(0.1), "momentum": 0.5, "nesterovs_momentum": False}, "momentum=0.5"),
    "epsilon": ({"solver": AdamW(), "epsilon": 1e-3}, "epsilon=0.001"),
    "schedule beside an object": ({"solver": SGD(0.1), "learning_rate": Cosine(0.1, 5)}, "learning_rate=Cosine"),
    "schedule of lbfgs": ({"solver": "lbfgs", "learning_rate": Cosine(0.1, 5)}, "learning_rate=Cosine"),
    "schedule of newton-cg": ({"solver": "newton-cg", "learning_rate": Cosine(0.1, 5)}, "learning_rate=Cosine"),
    "rate beside a schedule": ({"learning_rate": Cosine(0.1, 5), "learning_rate_init": 0.5}, "learning_rate_init=0.5"),
    "power beside a schedule": ({"solver": "sgd", "learning_rate": Cosine(0.1, 5), "power_t": 0.1}, "power_t=0.1"),
    "numbers of another rule": ({"solver": "nadam", "beta_1": 0.5}, "beta_1=0.5"),
    "momentum of another rule": ({"solver": "rmsprop", "momentum": 0.5}, "momentum=0.5"),
}


@in_one_test()
@pytest.mark.parametrize("name", UNUSED)
@pytest.mark.parametrize("task", ["classes", "regression"])
def test_parameter_without_effect_is_refused(name, task):
    parameters, named = UNUSED[name]
    X, y = draw(task)
    with pytest.raises(ValueError, match=named.replace("(", r"\(") + ".* has no effect with"):
        make(task, **parameters).fit(X, y)


@in_one_test()
@pytest.mark.parametrize("parameters", [
    {"solver": "adam", "momentum": 0.5}, {"solver": "sgd", "beta_1": 0.5}, {"solver": "lbfgs", "power_t": 1.0},
    {"solver": "adam", "learning_rate": "adaptive"}, {"solver": "lbfgs", "momentum": 0.1, "early_stopping": True},
    {"solver": AdamW(1e-3)}, {"solver": "nadam", "learning_rate_init": 0.1}, {"learning_rate": Cosine(0.1, 20)},
], ids=str)  # fmt: skip
def test_what_scikit_learn_accepts_is_accepted(parameters):
    X, y = draw("classes")
    make("classes", **parameters).fit(X, y)


# A loss or an output activation that is set after the fit


@in_one_test()
@pytest.mark.parametrize(("task", "parameters"), [
    ("regression", {"loss": Quantile((0.1, 0.9))}), ("regression", {"loss": "poisson"}),
    ("regression", {"output_activation": "exp"}), ("classes", {"loss": "hinge"}), ("binary", {"loss": "hinge"}),
    ("classes", {"output_activation": "softmax"}), ("labels", {"loss": "focal"}),
], ids=str)  # fmt: skip
def test_loss_changed_after_fit_is_refused(task, parameters):
    X, y = draw(task)
    model = make(task).fit(X, y)
    expected, given = model.predict(X), model.get_params()
    model.predict(X[:2])
    model.set_params(**parameters)
    for method in [model.predict, lambda X: model.score(X, y[: len(X)])]:
        for rows in (X, X[:2], X[:2].tolist()):
            with pytest.raises(ValueError, match="was set after the model was fitted"):
                method(rows)
    model.set_params(**{name: given[name] for name in parameters})
    np.testing.assert_array_equal(model.predict(X), expected)
    model.set_params(**parameters).fit(X, y if parameters.get("loss") != "poisson" else np.abs(y)).predict(X)
