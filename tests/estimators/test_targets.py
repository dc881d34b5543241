"""Targets have scikit-learn's meaning: indicators of any value, labels of any type, numbers."""

import numpy as np
import pandas
import pytest
import scipy.sparse
import sklearn.neural_network
from helpers.fits import draw, ignores_max_iter, make
from helpers.merged import in_one_test

pytestmark = ignores_max_iter


def assert_same(ours, theirs, X):
    np.testing.assert_allclose(ours.coefs_[0], theirs.coefs_[0], rtol=1e-9, atol=1e-12)
    one, other = ours.predict(X), theirs.predict(X)
    assert type(one) is type(other) and one.dtype == other.dtype  # sparse after sparse labels
    assert ours.score(X, other) == theirs.score(X, one) == 1


MASKS = {
    "0 and 255": lambda y: y * 255, "uint8": lambda y: (y * 255).astype(np.uint8), "bool": lambda y: y.astype(bool),
    "1 and 2": lambda y: y + 1, "0 and −1": lambda y: -y, "floats": lambda y: y * 7.0, "−1 and 1": lambda y: 2 * y - 1,
    "float32": lambda y: (y * 255).astype(np.float32), "big endian": lambda y: (y * 255).astype(">i4"),
    "fortran": lambda y: np.asfortranarray(y * 255),
}  # fmt: skip
HOLDERS = {
    "array": lambda y: y, "list": lambda y: y.tolist(), "frame": pandas.DataFrame,
    "csr array": scipy.sparse.csr_array, "csr matrix": scipy.sparse.csr_matrix, "csc": scipy.sparse.csc_array,
}  # fmt: skip


@in_one_test(pairs=True)
@pytest.mark.parametrize("holder", HOLDERS)
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_nonzero_indicators_are_true(mask, holder, method):
    if holder.startswith("cs") and mask in ("fortran", "big endian"):
        return  # SciPy has no such sparse matrices
    X, y = draw("labels")
    given = HOLDERS[holder](MASKS[mask](y))
    if holder == "list" and method == "partial_fit":
        given = np.array(given)
    kwargs = {"classes": [0, 1, 2]} if method == "partial_fit" else {}
    options = {"hidden_layer_sizes": (5,), "max_iter": 3, "random_state": 0}
    models = make("labels", batch_size="auto", **options), sklearn.neural_network.MLPClassifier(**options)
    ours, theirs = models
    try:
        getattr(theirs, method)(X, given, **kwargs)
    except (ValueError, TypeError) as error:  # sparse, without a single zero
        with pytest.raises(type(error)):
            getattr(ours, method)(X, given, **kwargs)
        return
    getattr(ours, method)(X, given, **kwargs)
    assert_same(ours, theirs, X)
    again = MASKS[mask](y[:9])
    for model in (ours, theirs):
        model.partial_fit(X[:9], again)
    assert_same(ours, theirs, X)


LABELS = {
    "big endian integers": lambda y: y.astype(">i8"), "big endian floats": lambda y: y.astype(">f8"),
    "big endian text": lambda y: np.array(["no", "yes", "so"])[y].astype(">U3"), "int8": lambda y: y.astype(np.int8),
    "big endian unsigned": lambda y: y.astype(">u2"), "bool": lambda y: y > 1,
    "float32": lambda y: y.astype(np.float32),
    "text": lambda y: np.array(["no", "yes", "so"])[y], "objects": lambda y: np.array(["no", "yes", "so"], object)[y],
    "bytes": lambda y: np.array([b"no", b"yes", b"so"])[y], "negative": lambda y: y - 7,
    "large": lambda y: y.astype(np.uint64) + np.uint64(2**63), "category": lambda y: pandas.Series(y, dtype="category"),
    "nullable": lambda y: pandas.Series(y, dtype="Int64"), "list": lambda y: y.tolist(),
}  # fmt: skip


@in_one_test()
@pytest.mark.parametrize("label", LABELS)
def test_predicted_labels_have_scikit_learns_type(label):
    X, y = draw("classes")
    given = LABELS[label](y)
    options = {"hidden_layer_sizes": (5,), "max_iter": 3, "random_state": 0}
    ours, theirs = make("classes", batch_size="auto", **options), sklearn.neural_network.MLPClassifier(**options)
    try:
        theirs.fit(X, given)
    except (ValueError, TypeError) as error:
        with pytest.raises(type(error)):
            ours.fit(X, given)
        return
    ours.fit(X, given)
    assert ours.classes_.dtype == theirs.classes_.dtype and ours.classes_.dtype.isnative
    assert_same(ours, theirs, X)
    if isinstance(given, np.ndarray):
        for model in (ours, theirs):
            model.partial_fit(X[:30], given[:30])
            model.partial_fit(X[30:60], given[30:60])
        assert_same(ours, theirs, X)


NO_NUMBERS = {
    "timedelta": lambda y: y.astype("m8[s]"), "NaT": lambda y: np.full(y.shape, np.timedelta64("NaT")),
    "datetime": lambda y: y.astype("M8[s]"), "text of numbers": lambda y: y.astype(str),
    "bytes of numbers": lambda y: y.astype("S"), "text": lambda y: np.full(y.shape, "a"),
    "record": lambda y: np.zeros(y.shape, [("a", float)]), "complex": lambda y: y * 1j,
    "pandas' timedelta": lambda y: (pandas.Series if y.ndim == 1 else pandas.DataFrame)(y.astype("m8[s]")),
    "None": lambda y: np.full(y.shape, None), "NaN": lambda y: y * np.nan, "infinity": lambda y: y + np.inf,
    "dates": lambda y: np.full(y.shape, pandas.Timestamp("2020-01-01").to_pydatetime(), object),
    "objects of text": lambda y: np.full(y.shape, "a", object),
}  # fmt: skip


@in_one_test()
@pytest.mark.parametrize("values", NO_NUMBERS)
@pytest.mark.parametrize("task", ["regression", "outputs"])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_values_that_are_not_numbers(method, task, values):
    """Refused with scikit-learn's exception type, also by a model that continues."""
    X, y = draw(task)
    given = NO_NUMBERS[values](np.rint(10 * y))
    with pytest.raises((ValueError, TypeError)) as theirs:
        getattr(sklearn.neural_network.MLPRegressor(hidden_layer_sizes=(5,), max_iter=2), method)(X, given)
    expected = TypeError if issubclass(theirs.type, TypeError) else ValueError
    with pytest.raises(expected):
        getattr(make(task), method)(X, given)
    model = make(task, batch_size="auto").partial_fit(X, y)
    with pytest.raises(expected):
        model.partial_fit(X, given)


@in_one_test()
@pytest.mark.parametrize("values", ["bool", "int8", "uint64", "float16", ">f8", ">i4", "longdouble", "object"])
@pytest.mark.parametrize("task", ["regression", "outputs"])
def test_values_of_every_kind_of_number(task, values):
    X, y = draw(task)
    given = np.abs(np.rint(y)).astype(values)
    options = {"hidden_layer_sizes": (5,), "max_iter": 3, "random_state": 0}
    models = make(task, batch_size="auto", **options), sklearn.neural_network.MLPRegressor(**options)
    for model in models:
        model.fit(X, given).partial_fit(X[:40], given[:40]).partial_fit(X[:40], given[:40])
    for ours, theirs in zip(models[0].coefs_, models[1].coefs_, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
