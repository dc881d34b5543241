"""Data frames of one number type are validated as their array, with scikit-learn's errors and warnings."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
import sklearn.neural_network
from helpers.fits import ignores_max_iter
from helpers.merged import in_one_test

import fastmlp
from fastmlp import MLPClassifier, MLPRegressor
from fastmlp.estimators.inputs import frame_values

ROWS = 30
KINDS = [MLPClassifier, MLPRegressor]
NAMES = ["a", "b", "c", "d"]
y = np.arange(ROWS) % 2


def make_frame(dtype):
    X = np.random.RandomState(0).randint(-3, 4, (ROWS, len(NAMES)))
    return pd.DataFrame((X % 5 if np.dtype(dtype).kind == "u" else X).astype(dtype), columns=NAMES)


def make(kind, **params):
    return kind(hidden_layer_sizes=(3,), max_iter=3, tol=0, n_iter_no_change=100, random_state=0, **params)


@pytest.fixture
def no_column_checks(monkeypatch):
    """scikit-learn's check of each column's type fails."""

    def refuse(dtype):
        raise AssertionError(f"a column of {dtype} was looked at by itself")

    monkeypatch.setattr("sklearn.utils.validation._pandas_dtype_needs_early_conversion", refuse, raising=False)


@in_one_test(shared=("no_column_checks",))
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint64"])
@pytest.mark.parametrize("kind", KINDS)
def test_columns_of_one_type_are_not_checked_one_by_one(kind, dtype, solver, no_column_checks):
    frame = make_frame(dtype)
    apart = pd.concat([frame[[name]] for name in NAMES], axis=1)  # a block for each column
    expected = make(kind, solver=solver).fit(frame.to_numpy(), y)
    for one in (frame, apart, frame.iloc[::-1].iloc[::-1]):
        model = make(kind, solver=solver).fit(one, y)
        assert model.feature_names_in_.tolist() == NAMES
        assert model.n_features_in_ == len(NAMES)
        for ours, plain in zip(model.coefs_, expected.coefs_, strict=True):
            assert ours.dtype == plain.dtype
            assert np.array_equal(ours, plain)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_partial_fit_continues_with_frames(kind, no_column_checks):
    frame, classes = make_frame("float32"), {"classes": [0, 1]} if kind is MLPClassifier else {}
    model = make(kind).partial_fit(frame, y, **classes).partial_fit(frame, y)
    expected = make(kind).partial_fit(frame.to_numpy(), y, **classes).partial_fit(frame.to_numpy(), y)
    assert np.array_equal(model.coefs_[0], expected.coefs_[0])
    with pytest.raises(ValueError, match="The feature names should match"):
        model.partial_fit(frame[NAMES[::-1]], y)


def damaged(frame, what):
    if what == "NaN":
        frame.iloc[3, 1] = np.nan
    elif what == "infinity":
        frame.iloc[3, 1] = np.inf
    return frame[:0] if what == "no rows" else frame[[]] if what == "no columns" else frame


@in_one_test()
@pytest.mark.parametrize("what", ["NaN", "infinity", "no rows", "no columns", "no y", "short y"])
@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_refusals_are_those_of_scikit_learn(name, what):
    frame = damaged(make_frame("float32"), what)
    targets = None if what == "no y" else y[: ROWS - 1] if what == "short y" else y[: len(frame)]
    with pytest.raises(ValueError) as theirs:
        make(getattr(sklearn.neural_network, name)).fit(frame, targets)
    ours = make(MLPClassifier if name == "MLPClassifier" else MLPRegressor)
    with pytest.raises(type(theirs.value), match=re.escape(str(theirs.value))):
        ours.fit(frame, targets)
    assert not hasattr(ours, "n_features_in_")
    assert not hasattr(ours, "feature_names_in_")


@in_one_test(shared=("no_column_checks",))
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint64"])
@pytest.mark.parametrize("kind", KINDS)
def test_first_predictions_do_not_look_at_columns_one_by_one(kind, dtype, no_column_checks):
    frame = make_frame(dtype)
    model, named = make(kind).fit(frame.to_numpy(), y), make(kind).fit(frame, y)
    methods = ["predict", "predict_proba"] if kind is MLPClassifier else ["predict"]
    for method in methods:
        for rows in (1, ROWS):
            some = frame[:rows]
            expected = getattr(model, method)(some.to_numpy())
            for one in (pickle.loads(pickle.dumps(named)), named):  # the first prediction, and a later one
                assert np.array_equal(getattr(one, method)(some), expected)
            with pytest.warns(UserWarning, match="X has feature names, but"):
                assert np.array_equal(getattr(pickle.loads(pickle.dumps(model)), method)(some), expected)
    with pytest.warns(UserWarning, match="X does not have valid feature names, but"):
        pickle.loads(pickle.dumps(named)).predict(frame.set_axis(range(len(NAMES)), axis=1))
    for columns in (NAMES[::-1], NAMES[:2]):
        with pytest.raises(ValueError, match="The feature names should match"):
            pickle.loads(pickle.dumps(named)).predict(frame[columns])


@in_one_test()
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.filterwarnings("ignore:X (has|does not have valid) feature names:UserWarning")
@pytest.mark.parametrize("what", ["NaN", "infinity", "no rows", "no columns", "columns", "columns and NaN"])
@pytest.mark.parametrize("call", ["predict", "partial_fit"])
@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("name", ["MLPClassifier", "MLPRegressor"])
def test_refusals_of_predictions_are_those_of_scikit_learn(name, named, call, what):
    frame, errors = make_frame("float32"), []
    bad = damaged(frame.copy(), "NaN" if "NaN" in what else what)
    bad = bad[NAMES[:3]] if "columns" in what and what != "no columns" else bad
    for package in (sklearn.neural_network, fastmlp):
        model = make(getattr(package, name)).fit(frame if named else frame.to_numpy(), y)
        with pytest.raises(ValueError) as error:
            model.predict(bad) if call == "predict" else model.partial_fit(bad, y[: len(bad)])
        errors.append((error.type, str(error.value)))
    assert errors[0] == errors[1]


@in_one_test()
@pytest.mark.parametrize("other", ["bool", "Float64", "object", "float16", "Int8", "complex64", ">f8"])
def test_other_types_are_left_to_scikit_learn(other):
    frame = make_frame("float64")
    assert frame_values(frame) is not None
    for changed in (frame.astype({"b": other}), frame.astype(other)):
        assert frame_values(changed) is None
    assert frame_values(frame.astype({"b": "float32"})) is None
    assert frame_values(frame.to_numpy()) is None
    assert frame_values(frame["a"]) is None


@in_one_test()
@ignores_max_iter
@pytest.mark.parametrize("columns", [["a"], NAMES])
@pytest.mark.parametrize("order", [">f4", ">f8"])
@pytest.mark.parametrize("kind", KINDS)
def test_frames_of_the_other_byte_order(kind, order, columns):
    """scikit-learn's validation leaves their byte order as it is."""
    native = make_frame(order.replace(">", "="))
    foreign = native.astype(dict.fromkeys(columns, order))
    one, other = make(kind).fit(native, y), make(kind).fit(foreign, y)
    for first, second in zip(one.coefs_, other.coefs_, strict=True):
        assert first.dtype == second.dtype and first.tobytes() == second.tobytes()
    again = one.partial_fit(native, y), other.partial_fit(foreign, y)
    assert again[0].coefs_[0].tobytes() == again[1].coefs_[0].tobytes()
    assert one.predict(native).tobytes() == other.predict(foreign).tobytes() == one.predict(foreign).tobytes()


def test_subclasses_are_left_to_scikit_learn():
    """Their conversion may be their own."""

    class Named(pd.DataFrame):
        pass

    assert frame_values(Named(make_frame("float32"))) is None
