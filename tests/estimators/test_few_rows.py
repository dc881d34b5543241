"""Predictions of a few rows, which take a short way past scikit-learn's validation: the long way's bits and errors."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pandas
import pytest
import scipy.sparse
import sklearn
import sklearn.neural_network
from helpers.fits import draw, ignores_max_iter, make
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from fastmlp.engine.blocking import BLOCK_ROWS
from fastmlp.engine.small_batches import SmallBatchPredictor, arrays_are_as_expected

pytestmark = [
    ignores_max_iter,
    pytest.mark.skipif(not arrays_are_as_expected(), reason="this interpreter has no short way"),
]

TASKS = ["binary", "classes", "labels", "regression", "outputs"]


def answers(model, X):
    """Of both methods, where there are both."""
    return [model.predict(X), *([model.predict_proba(X)] if hasattr(model, "predict_proba") else [])]


def fitted(task, dtype=np.float64, **parameters):
    """A model that is ready for the short way, and 203 rows."""
    X, y = draw(task, dtype)
    model = make(task, **{"hidden_layer_sizes": (19, 6), **parameters}).fit(X, y)
    answers(model, X)
    return model, X


@pytest.fixture
def short(monkeypatch):
    """For each call that came to the short way: whether it was taken to its end."""
    taken = []
    call = SmallBatchPredictor.__call__

    def remember(predictor, X):
        outputs = call(predictor, X)
        taken.append(outputs is not None)
        return outputs

    monkeypatch.setattr(SmallBatchPredictor, "__call__", remember)
    return taken


def long_way(model, X):
    """What both methods answer without the short way."""
    other = copy.copy(model)  # without what was prepared
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SmallBatchPredictor, "supports", lambda coefs, intercepts: False)
        return answers(other, X)


def assert_equal(ours, plain):
    for one, other in zip(ours, plain, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)


# The same bits


@pytest.mark.parametrize("hidden", [(), (5,), (33, 17), (300, 3)], ids=str)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("task", TASKS)
def test_the_bits_of_the_long_way(task, dtype, hidden, short):
    """Of any number of rows: those within a larger batch, and those of an array in Fortran's order."""
    model, X = fitted(task, dtype, hidden_layer_sizes=hidden)
    together = long_way(model, np.asfortranarray(X))
    for rows in [*range(1, 10), 31, 32, 33, 63, BLOCK_ROWS]:
        short.clear()
        got = answers(model, X[5 : 5 + rows])
        assert short == [True] * len(got)
        assert_equal(got, [all_rows[5 : 5 + rows] for all_rows in together])
        few = np.asfortranarray(X[5 : 5 + rows]) if rows > 1 else np.repeat(X[5:6], 2, axis=1)[:, ::2]
        assert_equal(got, long_way(model, few))


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
def test_every_activation(activation, short):
    model, X = fitted("classes", activation=activation)
    expected = long_way(model, X)[1][:9]
    short.clear()
    np.testing.assert_array_equal(model.predict_proba(X[:9]), expected)
    assert short == [True]


def test_a_single_feature_and_a_single_class(short):
    X = np.linspace(-1, 1, 50)[:, None]
    model = make("binary", batch_size=20).fit(X, X[:, 0] > 0)
    together = long_way(model, X)[::-1]
    for rows in (X[:1], X[3:30], np.repeat(X, 2, axis=1)[:1, :1], X.T[:, :1]):
        where = np.searchsorted(X[:, 0], rows[:, 0])
        np.testing.assert_array_equal(model.predict_proba(rows), together[0][where])
        np.testing.assert_array_equal(model.predict(rows), together[1][where])
    only = make("binary", batch_size=20).fit(X, ["yes"] * 50)
    assert only.predict(X[:2]).tolist() == only.predict(X[:2]).tolist() == ["yes", "yes"]


def test_answers_are_arrays_of_their_own(short):
    model, X = fitted("regression")
    first = model.predict(X[:3])
    kept = first.copy()
    model.predict(X[3:6])
    np.testing.assert_array_equal(first, kept)
    first[...] = 7
    np.testing.assert_array_equal(model.predict(X[:3]), kept)


# Forms of input


class Special(np.ndarray):
    """A subclass, which the short way leaves alone."""


def read_only(X):
    X = X.copy()
    X.setflags(write=False)
    return X


def misaligned(X):
    return np.frombuffer(b"." + X.tobytes(), np.uint8)[1:].view(X.dtype).reshape(X.shape)


#: Form → whether it takes the short way.
FORMS = {
    "read-only": (read_only, True),
    "part of a larger array": (lambda X: np.concatenate([X, X, X])[len(X) : 2 * len(X)], True),
    "subclass": (lambda X: X.view(Special), False),
    "masked": (np.ma.masked_array, False),
    "rows apart": (lambda X: np.repeat(X, 2, axis=0)[::2], True),
    "columns apart": (lambda X: np.repeat(X, 2, axis=1)[:, ::2], True),
    "backwards": (lambda X: X[::-1].copy()[::-1], True),
    "the same row": (lambda X: np.broadcast_to(X[:1], X.shape), True),
    "misaligned": (misaligned, True),
    "other byte order": (lambda X: X.astype(X.dtype.newbyteorder()), True),
    "float32": (lambda X: X.astype(np.float32), True),
    "integers": (lambda X: np.rint(X).astype(int), True),
    "objects": (lambda X: X.astype(object), False),
    "list": (lambda X: X.tolist(), True),
    "list of rows": (list, True),
    "tuple": (lambda X: tuple(map(tuple, X.tolist())), False),
    "booleans": (lambda X: X > 0, True),
    "float16": (lambda X: X.astype(np.float16), True),
    "longdouble": (lambda X: X.astype(np.longdouble), False),
    "uint8": (lambda X: np.abs(np.rint(X)).astype(np.uint8), True),
    "csr": (scipy.sparse.csr_array, True),
    "csr matrix": (scipy.sparse.csr_matrix, True),
    "csr with int64 indices": (lambda X: with_indices(scipy.sparse.csr_array(X), np.int64), True),
    "csr of integers": (lambda X: scipy.sparse.csr_array(np.rint(X).astype(int)), True),
    "csc": (scipy.sparse.csc_array, True),
    "coo": (scipy.sparse.coo_array, False),
}


def with_indices(X, dtype):
    X.indices, X.indptr = X.indices.astype(dtype), X.indptr.astype(dtype)
    return X


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_forms_of_input(dtype, form, short):
    """Each is answered as a plain array of the same numbers is."""
    convert, is_short = FORMS[form]
    model, X = fitted("classes", dtype)
    for count in (1, 9):
        rows = convert(X[:count])
        expected = long_way(model, rows)
        plain = np.array(rows.toarray() if scipy.sparse.issparse(rows) else rows, expected[1].dtype)
        tolerance = 2 * np.finfo(plain.dtype).eps  # a sparse row adds up in another order
        np.testing.assert_allclose(expected[1], long_way(model, plain)[1], rtol=tolerance if "cs" in form else 0)
        for _ in range(2):
            short.clear()
            assert_equal(answers(model, rows), expected)
            assert short == [is_short] * 2


@pytest.mark.parametrize("form", ["float32", "float64", "int", "several"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_data_frames_take_the_short_way(dtype, form, short):
    """With the columns of the training, whatever object holds their names; others are compared by scikit-learn."""
    X, y = draw("classes", dtype)
    names = [f"column {number}" for number in range(20)]
    model = make("classes", hidden_layer_sizes=(19, 6)).fit(pandas.DataFrame(X, columns=names), y)
    answers(model, pandas.DataFrame(X, columns=names))
    for rows in (1, 7):
        frame = pandas.DataFrame(np.rint(4 * X[:rows]) if form == "int" else X[:rows], columns=names)
        if form == "several":
            frame = frame.astype({"column 3": np.float32, "column 4": np.float64, "column 5": int})
        else:
            frame = frame.astype(form)
        expected = long_way(model, frame)
        for _ in range(2):
            short.clear()
            assert_equal(answers(model, frame), expected)
            assert short == [True, True]
        for other in (frame.astype("Float64"), frame.assign(extra=1).drop(columns="extra").astype(object)):
            short.clear()
            assert_equal(answers(model, other), long_way(model, other))
            assert not any(short)


def test_copies_of_arrays_in_another_type_follow_edits(short):
    """Rows of float64 for a model in float32: computed in float64, from what the arrays hold at each call."""
    model, X = fitted("classes", np.float32)
    rows = X[:3].astype(np.float64)
    for _ in range(3):
        assert_equal(answers(model, rows), long_way(model, rows))
        model.coefs_[0] *= 1.5
        model.intercepts_[1] += 1
    assert short[-1]


def test_arrays_of_a_model_that_predicts_cannot_be_resized():
    """NumPy refuses: their memory would be freed below the records that hold its address."""
    model, X = fitted("regression")
    model.coefs_ = [coef.copy() for coef in model.coefs_]
    model.intercepts_ = [intercept.copy() for intercept in model.intercepts_]
    expected = model.predict(X[:3])
    assert model.predict(X[:3]).tolist() == expected.tolist()
    for array in (*model.coefs_, *model.intercepts_):
        with pytest.raises(ValueError, match="cannot resize an array that references or is referenced"):
            array.resize((1000, 1000), refcheck=False)
    np.testing.assert_array_equal(model.predict(X[:3]), expected)
    model.coefs_[1].resize(model.coefs_[1].shape[::-1], refcheck=False)  # as many bytes: NumPy allows it
    with pytest.raises(ValueError, match="shape"):
        model.predict(X[:3])


@pytest.mark.parametrize("rows", [
    np.zeros((0, 20)), np.zeros(20), np.zeros((1, 1, 20)), np.zeros((1, 19)), np.zeros((2, 21)), np.zeros((2, 0)),
    np.full((1, 20), np.nan), np.full((3, 20), np.inf), np.full((64, 20), -np.inf), 3.0, None, "text",
    np.array([["a"] * 20]), np.zeros((1, 20), complex), pandas.DataFrame(np.full((1, 20), np.nan)),
    scipy.sparse.csr_array(np.full((1, 20), np.inf)), np.zeros((19, 1)),
], ids=lambda rows: f"{type(rows).__name__} {getattr(rows, 'shape', rows)} {getattr(rows, 'dtype', '')}")  # fmt: skip
def test_what_is_wrong_is_said_in_scikit_learns_words(rows):
    X, y = draw("classes")
    messages = []
    for module in (sklearn.neural_network, None):
        model = module.MLPClassifier((5,), max_iter=2) if module else make("classes")
        model.fit(X, y).predict_proba(X[:2])
        for method in (model.predict, model.predict_proba):
            with pytest.raises((ValueError, TypeError)) as caught:
                method(rows)
            messages.append((caught.type, str(caught.value)))
    assert messages[:2] == messages[2:]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_single_number_that_is_not_finite(dtype, bad, short):
    """In any place of any row; numbers as large as there are, and subnormal ones, are fine."""
    model, X = fitted("classes", dtype)
    short.clear()
    for rows, row, column in ((1, 0, 0), (203, 202, 19), (1, 0, 19), (9, 8, 7), (64, 63, 19), (64, 0, 8)):
        few = X[:rows].copy()
        few[row, column] = bad
        with pytest.raises(ValueError, match="NaN" if np.isnan(bad) else "infinity"):
            model.predict(few)
    assert not any(short)
    few = X[:2].copy()
    few[0, 3], few[1, 4] = np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal
    model.predict(few)
    assert short[-1]


def test_where_scikit_learn_is_told_to_assume_finite():
    model, X = fitted("classes")
    X[0, 0] = np.nan
    with sklearn.config_context(assume_finite=True):
        assert np.isnan(model.predict_proba(X[:1])).all()


def test_names_of_columns_are_still_compared():
    X, y = draw("classes")
    frame = pandas.DataFrame(X, columns=[f"column {number}" for number in range(20)])
    model = make("classes").fit(frame, y)
    expected = model.predict_proba(frame)[:2]
    for _ in range(3):
        with pytest.warns(UserWarning, match="X does not have valid feature names"):
            np.testing.assert_array_equal(model.predict_proba(X[:2]), expected)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[:2].rename(columns={"column 3": "another"}))
    model.fit(X, y).predict(X[:2])
    with pytest.warns(UserWarning, match="X has feature names"):
        model.predict(frame[:2])
    model.fit(frame, y)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.predict(X[:2])


# Many rows


#: Hidden widths, of which the last has a large layer, and rows: more than are converted together or fit a block.
MANY = {"none": ((), 60_000), "one": ((1,), 9_000), "narrow": ((7, 3), 9_000), "large": ((6000, 7), 150)}


@pytest.mark.parametrize("form", ["C", "fortran", "float32", "integers", "fortran integers", "list", "misaligned", *[
    form for form, (_, is_short) in FORMS.items() if form.endswith("apart") and is_short
]])  # fmt: skip
@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("size", MANY)
def test_many_rows_are_looked_at_once(size, n_jobs, form, monkeypatch):
    """Nobody asks scikit-learn to look at every number: the kernels do. The bits are those of the long way."""
    hidden, rows = MANY[size]
    model, X = fitted("classes", hidden_layer_sizes=hidden, n_jobs=n_jobs, max_iter=1)
    X = np.resize(8 * X, (rows, X.shape[1]))
    forms = {
        "C": np.ascontiguousarray, "fortran": np.asfortranarray, "integers": FORMS["integers"][0],
        "fortran integers": lambda X: np.asfortranarray(np.rint(X).astype(int)),
    }  # fmt: skip
    given = (forms.get(form) or FORMS[form][0])(X)
    expected = long_way(model, given)
    damaged = None
    if not isinstance(given, list) and given.dtype.kind == "f":
        damaged = given.copy(order="K")
        damaged[rows - 3, 4] = np.nan
    with monkeypatch.context() as patch:
        patch.setattr("fastmlp.estimators.forward.validate_data", None)  # not called
        assert_equal(answers(model, given), expected)
    if damaged is not None:
        with pytest.raises(ValueError, match="NaN"):
            model.predict(damaged)


def test_a_large_frame_is_looked_at_once(monkeypatch):
    X = pandas.DataFrame(np.random.RandomState(0).standard_normal((4_000, 300)))
    X.columns = [f"column {number}" for number in X.columns]
    model = make("classes", hidden_layer_sizes=(4,), max_iter=1, batch_size=20).fit(X[:90], np.arange(90) % 3)
    model.predict_proba(X[:2]), model.predict(X[:2])
    for frame in (X, (8 * X).astype(int)):
        expected = long_way(model, frame)
        with monkeypatch.context() as patch:
            patch.setattr("fastmlp.estimators.forward.validate_data", None)
            assert_equal(answers(model, frame), expected)


def test_a_list_is_converted_once(monkeypatch):
    """However many rows there are: of a large network they are more than the short way once took."""
    model, X = fitted("classes", hidden_layer_sizes=(3000, 400))
    rows = np.resize(X, (460, 20)).tolist()
    expected = long_way(model, rows)
    asarray, converted = np.asarray, []

    def remember(given, *args, **kwargs):
        converted.extend([given] if given is rows else [])
        return asarray(given, *args, **kwargs)

    monkeypatch.setattr(np, "asarray", remember)
    np.testing.assert_array_equal(model.predict_proba(rows), expected[1])
    assert len(converted) == 1


# In threads


@pytest.mark.parametrize("task", ["binary", "classes", "regression"])
def test_predictions_of_one_model_in_threads(task):
    """Each gets its own rows' answers, thousands of times."""
    model, X = fitted(task)
    together = answers(model, X)

    def wrong(seed):
        rng, count = np.random.RandomState(seed), 0
        for _ in range(1500):
            first, rows = rng.randint(100), rng.randint(1, 65)
            got = answers(model, X[first : first + rows])
            expected = [all_rows[first : first + rows] for all_rows in together]
            count += not all(np.array_equal(one, other) for one, other in zip(got, expected, strict=True))
        return count

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(wrong, range(4))) == [0, 0, 0, 0]


# Copies


@pytest.mark.parametrize("copied", [
    copy.copy, copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model)),
], ids=["copy", "deepcopy", "pickle"])  # fmt: skip
def test_copies_made_after_predictions(copied, short):
    model, X = fitted("classes")
    expected = model.predict_proba(X[:3])
    other = copied(model)
    other.predict_proba(X)
    np.testing.assert_array_equal(other.predict_proba(X[:3]), expected)
    assert short[-1]
    other.coefs_ = [2 * coef for coef in other.coefs_]
    assert not np.array_equal(other.predict_proba(X[:3]), expected)
    np.testing.assert_array_equal(model.predict_proba(X[:3]), expected)
    with pytest.raises(NotFittedError):
        clone(model).predict(X[:3])


def test_predictions_leave_the_model_as_it_was():
    X, y = draw("classes")
    model = make("classes").fit(X, y)
    before, dumped = dict(model.__dict__), joblib.hash(model)
    for rows in (X, X[:3], X[:3], X[:1]):
        answers(model, rows)
    assert model.__dict__.keys() == before.keys()
    assert all(value is before[name] for name, value in model.__dict__.items())
    assert joblib.hash(model) == dumped
