"""Any change of a fitted model is used by the next prediction, of few rows too, as in scikit-learn."""

import os
import subprocess
import sys

import numpy as np
import pandas
import pytest
import scipy.sparse
import sklearn.neural_network
from helpers import knobs
from helpers.few_rows import answers, fitted
from helpers.fits import draw, ignores_max_iter, make
from helpers.lanes import TESTS, environment
from helpers.merged import in_one_test

pytestmark = ignores_max_iter


def duplicate(model, X, y):
    """Return scikit-learn's model with the same parameters, in other arrays."""
    kind = getattr(sklearn.neural_network, type(model).__name__)
    known = kind().get_params()
    other = kind(**{name: value for name, value in model.get_params().items() if name in known}).fit(X, y)
    other.coefs_, other.intercepts_ = ([array.copy() for array in some] for some in (model.coefs_, model.intercepts_))
    return other


def double_in_place(model):
    for array in model.coefs_ + model.intercepts_:
        array *= 2


def one_number(model):
    model.coefs_[1][3, 2] += 1


def one_bias(model):
    model.intercepts_[-1][0] -= 1


def replaced_matrix(model):
    model.coefs_[0] = -model.coefs_[0]


def replaced_bias(model):
    model.intercepts_[1] = model.intercepts_[1] + 1


def replaced_lists(model):
    model.coefs_, model.intercepts_ = ([-array for array in some] for some in (model.coefs_, model.intercepts_))


def fortran_order(model):
    model.coefs_ = [np.asfortranarray(2 * coef) for coef in model.coefs_]


def strided(model):
    model.coefs_[1] = np.repeat(model.coefs_[1] * 3, 2, axis=1)[:, ::2]


def narrower(model):
    """Remove two units of the first hidden layer."""
    model.coefs_[0], model.coefs_[1] = model.coefs_[0][:, 2:], model.coefs_[1][2:]
    model.intercepts_[0] = model.intercepts_[0][2:]


def other_activation(model):
    model.set_params(activation="tanh")


def other_output(model):
    model.out_activation_ = "identity"


def other_parameters(model):
    """Parameters that do not affect predictions."""
    model.set_params(alpha=3.0, hidden_layer_sizes=(2,), solver="lbfgs", random_state=5)


EDITS = [
    double_in_place, one_number, one_bias, replaced_matrix, replaced_bias, replaced_lists, fortran_order, strided,
    narrower, other_activation, other_output, other_parameters,
]  # fmt: skip


@in_one_test()
@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("task", ["binary", "classes", "regression"])
def test_edits_are_used_by_the_next_prediction(task, dtype, edit):
    """For few and many rows, in repeated calls: equal classes, and numbers equal up to rounding, to scikit-learn's."""
    model, X = fitted(task, dtype)
    model.predict(X[:3])
    other = duplicate(model, X, draw(task)[1])
    for edited in (model, other):
        edit(edited)
    tolerance = 1e-10 if dtype == np.float64 else 2e-4
    for rows in (X[:3], X, X[:3], X[:64]):
        got = answers(model, rows)
        for ours, theirs in zip(got, answers(other, rows), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)
        for ours, all_rows in zip(got, answers(model, X), strict=True):
            np.testing.assert_array_equal(ours, all_rows[: len(rows)])


def test_edits_in_place_are_used_by_both_paths():
    """Each of a thousand small edits is used by the next prediction."""
    model, X = fitted("regression")
    rng = np.random.RandomState(0)
    for _ in range(300):
        array = [*model.coefs_, *model.intercepts_][rng.randint(6)]
        array[tuple(rng.randint(size) for size in array.shape)] += rng.standard_normal()
        np.testing.assert_array_equal(model.predict(X[:2]), model.predict(X[:65])[:2])


def transposed(array):
    array.strides = array.strides[::-1]


def one_column_for_all(array):
    array.strides = array.strides[0], 0


def reversed_bytes(array):
    array.dtype = array.dtype.newbyteorder()


def whole_numbers(array):
    array.dtype = np.int64


@pytest.mark.filterwarnings("ignore:Setting the (strides|dtype):DeprecationWarning")  # from NumPy 2.4 on
@pytest.mark.parametrize("change", [transposed, one_column_for_all, reversed_bytes, whole_numbers])
def test_changes_of_an_arrays_attributes_are_noticed(change):
    """Attributes of a square matrix, whose shape stays, are read at each call, as in scikit-learn."""
    X, y = draw("regression")
    model = make("regression", hidden_layer_sizes=(9, 9)).fit(X, y)
    model.coefs_ = [coef.copy() for coef in model.coefs_]
    other = duplicate(model, X, y)
    for _ in range(2):
        model.predict(X[:2])
    for edited in (model, other):
        change(edited.coefs_[1])
    expected = other.predict(X)
    for rows in (X[:2], X, X[:2], X[:1]):
        np.testing.assert_allclose(model.predict(rows), expected[: len(rows)], rtol=1e-10)


@pytest.mark.filterwarnings("ignore:Setting the (strides|dtype):DeprecationWarning")  # from NumPy 2.4 on
def test_scalar_bias_is_broadcast():
    X, y = draw("regression")
    model = make("regression", hidden_layer_sizes=(9,)).fit(X, y)
    model.intercepts_ = [bias.copy() for bias in model.intercepts_]
    for _ in range(2):
        model.predict(X[:2])
    model.intercepts_[0].strides = (0,)
    np.testing.assert_allclose(model.predict(X[:2]), duplicate(model, X, y).predict(X[:2]), rtol=1e-10)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_predictions_use_the_latest_fit(method):
    model, X = fitted("classes")
    y = draw("classes")[1]
    before = model.predict_proba(X[:3])
    getattr(model, method)(-X, y)
    after = model.predict_proba(X[:3])
    assert not np.array_equal(after, before)
    np.testing.assert_array_equal(after, model.predict_proba(X)[:3])


def test_another_fit_of_another_shape_and_type():
    model, X = fitted("classes")
    model.predict_proba(X[:3])
    narrow, y = draw("binary", np.float32, features=4)
    model.set_params(hidden_layer_sizes=(3,)).fit(narrow, y)
    for _ in range(2):
        assert model.predict_proba(narrow[:3]).shape == (3, 2)
        assert model.predict_proba(narrow[:3]).dtype == np.float32
    with pytest.raises(ValueError, match="X has 20 features, but MLPClassifier is expecting 4 features"):
        model.predict_proba(X[:3])


def test_unknown_activation_set_after_fit():
    model, X = fitted("classes")
    model.predict(X[:3])
    model.activation = "bogus"
    with pytest.raises(KeyError, match="bogus"):  # scikit-learn's message
        model.predict(X[:3])


#: Arrays that do not fit together: attribute and new shape. Without a check, memory would be overwritten.
UNFIT = """
import sys
import numpy as np
import warnings
from helpers.fits import draw, make

warnings.simplefilter("ignore")
X, y = draw("binary", features=2000)
for change in sys.argv[1:]:
    array, number, *shape = change.split()
    model = make("binary", hidden_layer_sizes=(19, 6)).fit(X, y)
    for rows in (X[:3], X):
        model.predict_proba(rows)
    getattr(model, array)[int(number)] = np.ones(tuple(map(int, shape)))
    for rows in (X[:3], X, np.asfortranarray(X)):
        for method in (model.predict, model.predict_proba):
            print(change, rows.shape, flush=True)
            try:
                method(rows)
            except ValueError:
                continue
            raise AssertionError(f"{array}[{number}] of shape {shape}: {rows.shape} were answered")
print("done")
"""


#: Of hidden layers, and of the number of features.
UNFIT_CHANGES = [
    "coefs_ 0 2000 18", "coefs_ 1 19 700", "coefs_ 1 114", "coefs_ 2 7 1",
    "intercepts_ 0 18", "intercepts_ 1 700", "intercepts_ 2 3", "intercepts_ 2 1 1",
    "coefs_ 0 4000 19", "coefs_ 0 1999 19", "coefs_ 0 3 19",
]  # fmt: skip


def test_arrays_that_do_not_fit_together():
    """In a child process, since the allocator may detect damage much later."""
    run = subprocess.run(
        [sys.executable, "-c", UNFIT, *UNFIT_CHANGES],
        env=environment(os.environ.get("NUMBA_CACHE_DIR")), cwd=TESTS, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, f"{run.returncode}\n{run.stdout}{run.stderr}"
    assert run.stdout.endswith("done\n")


@in_one_test()
@pytest.mark.parametrize(
    "container", [scipy.sparse.csr_array, scipy.sparse.csc_array, np.asfortranarray, pandas.DataFrame]
)
@pytest.mark.parametrize("task", ["classes", "regression"])
def test_many_rows_prepare_the_fast_path(task, container, monkeypatch):
    """Also for a matrix that does not use the fast path."""
    knobs.set_short_operations(monkeypatch, 1)
    X, y = draw(task)
    inputs = container(np.tile(X, (100, 1)))
    model = make(task, hidden_layer_sizes=(19, 6)).fit(inputs[: len(X)] if container is pandas.DataFrame else X, y)
    few = inputs[:1] if container is pandas.DataFrame else X[:1]
    for _ in range(2):
        model.predict(few)
    before = model._small_batches[False]
    engines = dict(before.engines)
    for _ in range(2):
        model.predict(inputs)
        model.predict(few)
    assert model._small_batches[False] is before
    assert engines.items() <= before.engines.items()


def test_other_column_names_are_noticed():
    X, y = draw("regression")
    frame = pandas.DataFrame(X, columns=[f"c{k}" for k in range(X.shape[1])])
    model = make("regression").fit(frame, y)
    for _ in range(2):
        model.predict(frame[:3])
    other = frame.rename(columns={"c0": "first"})
    model.feature_names_in_ = np.array(other.columns, object)
    for _ in range(2):
        np.testing.assert_array_equal(model.predict(other[:3]), model.predict(other)[:3])
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[:3])
