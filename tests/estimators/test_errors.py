"""Invalid input is refused with scikit-learn's exception types; messages say what was given and what is allowed.

Diverging trainings are tested in `test_errors_divergence.py`.
"""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse
from helpers.merged import in_one_test
from sklearn.exceptions import NotFittedError
from sklearn.utils._param_validation import InvalidParameterError

from fastmlp import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

ROWS, FEATURES = 20, 3
X = np.random.default_rng(0).normal(size=(ROWS, FEATURES))
LABELS = (X[:, 0] > 0).astype(int)


@pytest.fixture(params=[MLPClassifier, MLPRegressor], ids=lambda kind: kind.__name__)
def case(request):
    """One of the two classes: `case.make(...)`, targets `case.y` and what its first `partial_fit` needs."""
    kind = request.param
    classifies = kind is MLPClassifier

    def make(**params):
        return kind(**{"hidden_layer_sizes": (3,), "max_iter": 2, "random_state": 0, **params})

    first = {"classes": [0, 1]} if classifies else {}
    return SimpleNamespace(make=make, name=kind.__name__, y=LABELS if classifies else X[:, 0], first=first)


def with_entry(array, entry):
    """A copy whose first entry is another."""
    changed = np.array(array, dtype=float)
    changed.flat[0] = entry
    return changed


def refuses(error, *fragments):
    """Expect the exception, and each of the fragments in its message."""
    lookaheads = "".join(f"(?=.*{re.escape(str(fragment))})" for fragment in fragments)
    return pytest.raises(error, match=f"(?s)^{lookaheads}")


# Features and targets

NOT_FINITE = {"NaN": np.nan, "infinity": np.inf, "minus infinity": -np.inf}


@in_one_test(shared=("case",))
@pytest.mark.parametrize("container", [np.asarray, scipy.sparse.csr_array, scipy.sparse.csc_array])
@pytest.mark.parametrize("entry", NOT_FINITE)
def test_features_that_are_not_finite(case, entry, container):
    bad = container(with_entry(X, NOT_FINITE[entry]))
    word = entry.removeprefix("minus ")
    with refuses(ValueError, "Input X contains", word):
        case.make().fit(bad, case.y)
    fitted = case.make().fit(X, case.y)
    with refuses(ValueError, "Input X contains", word):
        fitted.predict(bad)
    with refuses(ValueError, "Input X contains", word):
        fitted.partial_fit(bad, case.y)


@in_one_test(shared=("case",))
@pytest.mark.parametrize("entry", NOT_FINITE)
def test_targets_that_are_not_finite(case, entry):
    with refuses(ValueError, "Input y contains", entry.removeprefix("minus ")):
        case.make().fit(X, with_entry(case.y, NOT_FINITE[entry]))


@in_one_test(shared=("case",))
@pytest.mark.parametrize(
    "bad, fragments",
    [
        (X[:, 0], ["Expected 2D array, got 1D array instead"]),
        (X[None], ["Found array with dim 3", "dim <= 2"]),
        (X[:0], ["0 sample(s)", "minimum of 1"]),
        (X[:, :0], ["0 feature(s)", "minimum of 1"]),
        (X[:7], ["inconsistent numbers of samples: [7, 20]"]),
        (X + 1j, ["Complex data not supported"]),
        ([["a", "b", "c"]] * ROWS, ["could not convert string to float: 'a'"]),
    ],
    ids=["1d", "3d", "no rows", "no columns", "rows missing", "complex", "strings"],
)
def test_features_of_the_wrong_form(case, bad, fragments):
    with refuses(ValueError, *fragments):
        case.make().fit(bad, case.y)


def test_features_that_are_not_numbers(case):
    with pytest.raises(TypeError):
        case.make().fit(np.array([[{}, 1, 2]] * ROWS, dtype=object), case.y)


@pytest.mark.parametrize("container", [np.asarray, scipy.sparse.csr_array])
def test_wrong_number_of_features_later(case, container):
    model = case.make(warm_start=True).fit(X, case.y)
    few = container(X[:, :2])
    calls = [("predict", []), ("score", [case.y]), ("partial_fit", [case.y]), ("fit", [case.y])]
    if case.name == "MLPClassifier":
        calls += [("predict_proba", []), ("predict_log_proba", [])]
    for method, targets in calls:
        with refuses(ValueError, "X has 2 features", f"{case.name} is expecting 3 features"):
            getattr(model, method)(few, *targets)


def test_no_model_yet(case):
    with refuses(NotFittedError, f"This {case.name} instance is not fitted yet"):
        case.make().predict(X)


@in_one_test(shared=("case",))
@pytest.mark.parametrize(
    "bad, fragments",
    [
        (None, ["requires y to be passed"]),
        (np.ones(7), ["inconsistent numbers of samples: [20, 7]"]),
        (np.ones((ROWS, 2, 2)), ["Found array with dim 3", "dim <= 2"]),
    ],
    ids=["none", "rows missing", "3d"],
)
def test_targets_of_the_wrong_form(case, bad, fragments):
    with refuses(ValueError, *fragments):
        case.make().fit(X, bad)


def test_targets_that_no_classifier_takes():
    with refuses(ValueError, "Unknown label type"):
        MLPClassifier().fit(X, X[:, 0])
    with refuses(ValueError, "Multioutput target data is not supported"):
        MLPClassifier().fit(X, np.column_stack([LABELS, LABELS + 1]))


def test_targets_that_no_regressor_takes():
    with pytest.raises((TypeError, ValueError)):
        MLPRegressor().fit(X, ["a"] * ROWS)
    with refuses(ValueError, "loss='poisson'", ">= 0", X[:, 0].min()):
        MLPRegressor(loss="poisson").fit(X, X[:, 0])


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_another_number_of_outputs_later(method):
    model = MLPRegressor(warm_start=True, max_iter=2).fit(X, X[:, 0])
    with refuses(ValueError, "3"):
        getattr(model, method)(X, X)


# Parameters

RANGES = {
    "hidden_layer_sizes": (-1, None),
    "activation": ("swoosh", 3),
    "solver": ("newton", None),
    "alpha": (-1, "small"),
    "batch_size": (0, -5, 2.5, "big"),
    "learning_rate": ("fast", 0.1),
    "learning_rate_init": (0, -0.1),
    "power_t": (-1,),
    "max_iter": (0, -3, 2.5),
    "shuffle": ("yes", 3),
    "random_state": ("x", -1),
    "tol": (-1,),
    "verbose": ("x", -1),
    "warm_start": (3,),
    "momentum": (1.5, -0.1),
    "nesterovs_momentum": (None,),
    "early_stopping": ("no",),
    "validation_fraction": (1.0, -0.1),
    "beta_1": (1.0, -0.1),
    "beta_2": (1.0, -0.1),
    "epsilon": (0,),
    "n_iter_no_change": (0, 2.5),
    "max_fun": (0,),
}


@in_one_test(shared=("case",))
@pytest.mark.parametrize("name", RANGES)
def test_parameters_out_of_range(case, name):
    for value in RANGES[name]:
        words = f"The '{name}' parameter of {case.name} must be"
        with refuses(InvalidParameterError, words, f"Got {value!r} instead"):
            case.make(**{name: value}).fit(X, case.y)


@in_one_test(shared=("case",))
@pytest.mark.parametrize("name", ["activation", "solver", "learning_rate"])
def test_unknown_names_are_answered_with_the_known_ones(case, name):
    known = {
        "activation": ["identity", "logistic", "tanh", "relu"],
        "solver": ["lbfgs", "sgd", "adam"],
        "learning_rate": ["constant", "invscaling", "adaptive"],
    }
    with refuses(InvalidParameterError, *map(repr, known[name])):
        case.make(**{name: "swoosh"}).fit(X, case.y)


def test_unknown_loss():
    with refuses(InvalidParameterError, "'loss'", "'squared_error'", "'poisson'", "Got 'absolute' instead"):
        MLPRegressor(loss="absolute").fit(X, X[:, 0])


@in_one_test(shared=("case",))
@pytest.mark.parametrize(
    "sizes, error, fragments",
    [
        ((3, -1), ValueError, ["hidden_layer_sizes must be > 0, got [3, -1]"]),
        ((3, 0), ValueError, ["hidden_layer_sizes must be > 0, got [3, 0]"]),
        ((3.5,), TypeError, ["hidden_layer_sizes", "3.5"]),
        (("a",), TypeError, ["hidden_layer_sizes", "a"]),
        (((3, 2), 4), ValueError, ["hidden_layer_sizes", "(3, 2)"]),
    ],
    ids=str,
)
def test_invalid_hidden_layers_are_refused(case, sizes, error, fragments):
    with refuses(error, *fragments):
        case.make(hidden_layer_sizes=sizes).fit(X, case.y)


# Weights of rows


@in_one_test(shared=("case",))
@pytest.mark.parametrize(
    "weights, fragments",
    [
        (np.ones(7), ["sample_weight.shape == (7,)", "expected (20,)"]),
        (np.ones((ROWS, 1)), ["must be 1D array or scalar", "2D"]),
        (with_entry(np.ones(ROWS), np.nan), ["Input sample_weight contains NaN"]),
        (with_entry(np.ones(ROWS), np.inf), ["Input sample_weight contains infinity"]),
        (np.zeros(ROWS), ["ample", "weight", "zero"]),
        (["heavy"] * ROWS, ["could not convert string to float: 'heavy'"]),
    ],
    ids=["rows missing", "2d", "NaN", "infinity", "all zero", "strings"],
)
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
def test_invalid_weights_are_refused(case, solver, weights, fragments):
    with refuses(ValueError, *fragments):
        case.make(solver=solver).fit(X, case.y, sample_weight=weights)
    if solver != "lbfgs":
        with refuses(ValueError, *fragments):
            case.make(solver=solver).partial_fit(X, case.y, sample_weight=weights, **case.first)


def test_validation_rows_without_any_weight(case):
    weights = np.zeros(ROWS)
    weights[:4] = 1  # none of the two rows that seed 0 sets aside
    with refuses(ValueError, "ample", "weight", "zero"):
        case.make(early_stopping=True).fit(X, case.y, sample_weight=weights)


# Chunks, warm starts and early stopping


def test_partial_fit_needs_the_classes_first():
    with refuses(ValueError, "classes must be passed on the first call to partial_fit"):
        MLPClassifier().partial_fit(X, LABELS)
    with refuses(ValueError, "0 samples"):
        MLPClassifier().partial_fit(X, LABELS, classes=[])


def test_partial_fit_refuses_unknown_labels():
    with refuses(ValueError, "`self.classes_` has [0 1]", "'y' has [1 2]"):
        MLPClassifier().partial_fit(X, LABELS + 1, classes=[0, 1])
    model = MLPClassifier().partial_fit(X, LABELS, classes=[0, 1])
    before = model.predict_proba(X)
    with refuses(ValueError, "`self.classes_` has [0 1]", "'y' has [5 6]"):
        model.partial_fit(X, LABELS + 5)
    with refuses(ValueError, "classes=[1, 2]", "is not the same as on last call to partial_fit"):
        model.partial_fit(X, LABELS, classes=[1, 2])
    np.testing.assert_array_equal(model.predict_proba(X), before)
    model.partial_fit(X, LABELS)


def test_warm_start_refuses_other_classes():
    model = MLPClassifier(warm_start=True, max_iter=2).fit(X, LABELS)
    with refuses(ValueError, "warm_start can only be used where `y` has the same", "[0 1]", "[1 2]"):
        model.fit(X, LABELS + 1)


def test_partial_fit_has_no_early_stopping(case):
    with refuses(ValueError, "partial_fit does not support early_stopping=True"):
        case.make(early_stopping=True).partial_fit(X, case.y, **case.first)


def test_partial_fit_is_absent_with_lbfgs(case):
    model = case.make(solver="lbfgs")
    assert not hasattr(model, "partial_fit")
    with refuses(AttributeError, "partial_fit"):
        model.partial_fit(X, case.y)
    assert hasattr(model.set_params(solver="adam"), "partial_fit")


def test_validation_set_too_small():
    with refuses(ValueError, "The validation set is too small", "validation_fraction"):
        MLPRegressor(early_stopping=True).fit(X[:4], X[:4, 0])


def test_class_too_rare_to_be_split():
    with refuses(ValueError, "The least populated classes in y have only 1 member"):
        MLPClassifier(early_stopping=True).fit(X[:4], [0, 0, 0, 1])
