"""Forms of input: data frames, memory maps, views of any order, sparse matrices in any state.

The same numbers give the same bits for any memory layout, and arguments are not modified.
"""

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from helpers.merged import in_one_test
from sklearn.preprocessing import LabelBinarizer

from fastmlp import MLPClassifier, MLPRegressor
from fastmlp.estimators.checks import fit_labels

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

KINDS = [MLPClassifier, MLPRegressor]
ROWS, FEATURES = 61, 5
X = np.random.default_rng(0).normal(size=(ROWS, FEATURES))
WEIGHTS = np.random.default_rng(1).uniform(0.5, 2, ROWS)
TARGETS = {MLPClassifier: (X[:, 0] > X[:, 1]).astype(int), MLPRegressor: X[:, 0] - X[:, 1] ** 2}


def make(kind, **params):
    return kind(**{"hidden_layer_sizes": (7,), "max_iter": 4, "batch_size": 16, "random_state": 0, **params})


def bits(model, data=X):
    """Return all results of a fit."""
    answers = model.predict_proba(data) if hasattr(model, "predict_proba") else model.predict(data)
    return [answers, *model.coefs_, *model.intercepts_]


def assert_same_bits(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(a, b)


# Memory layouts


def strided(array):
    """Every second row and every second column of a larger array."""
    large = np.full((2 * len(array), 2 * array.shape[1]), 77, array.dtype)
    large[::2, ::2] = array
    return large[::2, ::2]


def reversed_in_memory(array):
    return np.ascontiguousarray(array[::-1, ::-1])[::-1, ::-1]


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def misaligned(array):
    """Return a misaligned array, as read from a packed file."""
    buffer = np.zeros(array.nbytes + 1, np.uint8)
    shifted = buffer[1:].view(array.dtype).reshape(array.shape)
    shifted[...] = array
    assert not shifted.flags.aligned
    return shifted


LAYOUTS = [np.asfortranarray, strided, reversed_in_memory, read_only, misaligned]


@in_one_test()
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("kind", KINDS)
def test_layout_changes_no_bit(kind, solver, dtype, layout):
    plain = X.astype(dtype)
    y = TARGETS[kind]
    expected = bits(make(kind, solver=solver).fit(plain, y, sample_weight=WEIGHTS), plain)
    model = make(kind, solver=solver).fit(layout(plain), y, sample_weight=WEIGHTS)
    assert_same_bits(bits(model, layout(plain)), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_other_byte_order_changes_no_bit(kind):
    """In float64; float32 of the other byte order becomes float64, as in scikit-learn."""
    swapped = X.astype(X.dtype.newbyteorder())
    expected = bits(make(kind).fit(X, TARGETS[kind]))
    assert_same_bits(bits(make(kind).fit(swapped, TARGETS[kind]), swapped), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_layout_of_targets_and_weights_changes_no_bit(kind):
    expected = bits(make(kind).fit(X, TARGETS[kind], sample_weight=WEIGHTS))
    for layout in (strided, reversed_in_memory, read_only):
        y, weights = (layout(column[:, None])[:, 0] for column in (TARGETS[kind], WEIGHTS))
        assert_same_bits(bits(make(kind).fit(X, y, sample_weight=weights)), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_memory_maps_change_no_bit(kind, tmp_path):
    expected = bits(make(kind).fit(X, TARGETS[kind], sample_weight=WEIGHTS))
    joblib.dump([X, TARGETS[kind], WEIGHTS], tmp_path / "data.joblib")
    data, y, weights = joblib.load(tmp_path / "data.joblib", mmap_mode="r")
    assert isinstance(data, np.memmap)
    assert_same_bits(bits(make(kind).fit(data, y, sample_weight=weights), data), expected)


@in_one_test()
@pytest.mark.parametrize("container", [np.array, scipy.sparse.csr_array, scipy.sparse.csc_array])
@pytest.mark.parametrize("kind", KINDS)
def test_arguments_are_not_modified(kind, container):
    data, y, weights = container(X), TARGETS[kind].copy(), WEIGHTS.copy()
    for solver in ("adam", "lbfgs"):
        model = make(kind, solver=solver).fit(data, y, sample_weight=weights)
        model.predict(data)
        model.score(data, y, sample_weight=weights)
    np.testing.assert_array_equal(data.toarray() if scipy.sparse.issparse(data) else data, X)
    np.testing.assert_array_equal(y, TARGETS[kind])
    np.testing.assert_array_equal(weights, WEIGHTS)


# Sparse


def half_zero():
    return np.where(np.random.default_rng(2).random(X.shape) < 0.5, 0, X)


def with_unsorted_rows(matrix):
    """The entries of each row in reverse."""
    matrix = matrix.copy()
    for start, stop in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True):
        matrix.indices[start:stop] = matrix.indices[start:stop][::-1].copy()
        matrix.data[start:stop] = matrix.data[start:stop][::-1].copy()
    matrix.has_sorted_indices = False
    return matrix


def with_duplicates(matrix):
    """Each entry in two halves."""
    data, indices = np.repeat(matrix.data / 2, 2), np.repeat(matrix.indices, 2)
    return scipy.sparse.csr_array((data, indices, 2 * matrix.indptr), shape=matrix.shape)


def with_explicit_zeros(matrix):
    dense = matrix.toarray()
    full = scipy.sparse.csr_array(np.ones_like(dense))
    full.data[:] = dense.ravel()
    return full


def with_wide_indices(matrix):
    matrix = matrix.copy()
    matrix.indptr, matrix.indices = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64)
    return matrix


STATES = [with_unsorted_rows, with_duplicates, with_explicit_zeros, with_wide_indices]


@in_one_test()
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
@pytest.mark.parametrize("kind", KINDS)
def test_sparse_matrices_in_any_state(kind, solver, state):
    dense = half_zero()
    expected = bits(make(kind, solver=solver).fit(dense, TARGETS[kind]), dense)
    matrix = state(scipy.sparse.csr_array(dense))
    np.testing.assert_allclose(matrix.toarray(), dense)
    for a, b in zip(bits(make(kind, solver=solver).fit(matrix, TARGETS[kind]), matrix), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)


@in_one_test()
@pytest.mark.parametrize("container", [scipy.sparse.coo_array, scipy.sparse.lil_array, scipy.sparse.csr_matrix])
@pytest.mark.parametrize("kind", KINDS)
def test_other_sparse_formats_are_converted(kind, container):
    dense = half_zero()
    expected = bits(make(kind).fit(scipy.sparse.csr_array(dense), TARGETS[kind]), dense)
    assert_same_bits(bits(make(kind).fit(container(dense), TARGETS[kind]), dense), expected)


# Types


@in_one_test()
@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("early_stopping", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_float32_stays_float32(kind, early_stopping, solver):
    single = X.astype(np.float32)
    params = {"solver": solver, "early_stopping": early_stopping, "warm_start": True}
    model = make(kind, **params)
    for _ in range(2):
        model.fit(single, TARGETS[kind].astype(np.float64), sample_weight=WEIGHTS)
        assert {array.dtype for array in bits(model, single)} == {np.dtype(np.float32)}
    if solver != "lbfgs" and not early_stopping:
        model.partial_fit(single, TARGETS[kind])
        assert {array.dtype for array in bits(model, single)} == {np.dtype(np.float32)}
    if kind is MLPClassifier:
        assert model.predict_log_proba(single).dtype == np.float32
        assert model.predict(single).dtype == np.float64  # the labels' own type


@pytest.mark.parametrize("kind", KINDS)
def test_lists_and_integers(kind):
    whole = np.round(3 * X).astype(int)
    expected = bits(make(kind).fit(whole.astype(float), TARGETS[kind]), whole)
    assert_same_bits(bits(make(kind).fit(whole, TARGETS[kind]), whole), expected)
    model = make(kind).fit(whole.tolist(), TARGETS[kind].tolist(), sample_weight=[1] * ROWS)
    for a, b in zip(bits(model, whole.tolist()), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-9)


# Data frames

NAMES = ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize("kind", KINDS)
def test_names_of_a_data_frame(kind):
    frame, y = pd.DataFrame(X, columns=NAMES), pd.Series(TARGETS[kind], index=range(100, 100 + ROWS))
    model = make(kind).fit(frame, y, sample_weight=pd.Series(WEIGHTS))
    np.testing.assert_array_equal(model.feature_names_in_, NAMES)
    assert_same_bits(bits(model, frame), bits(make(kind).fit(X, TARGETS[kind], sample_weight=WEIGHTS)))
    with pytest.raises(ValueError, match="The feature names should match those that were passed during fit"):
        model.predict(frame[NAMES[::-1]])
    with pytest.raises(ValueError, match="Feature names unseen at fit time:\n- z"):
        model.partial_fit(frame.rename(columns={"a": "z"}), y)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        model.predict(X)
    model.fit(X, y)
    assert not hasattr(model, "feature_names_in_")
    with pytest.warns(UserWarning, match=r"X has feature names, but MLP\w+ was fitted without feature names"):
        model.predict(frame)


def test_data_frame_of_mixed_types_and_string_labels():
    frame = pd.DataFrame(X, columns=NAMES).astype({"a": "float32", "b": "Float64"}).assign(c=range(ROWS), d=X[:, 3] > 0)
    labels = pd.Series(np.where(TARGETS[MLPClassifier], "yes", "no"))
    for y in (labels, labels.astype("category"), labels.astype(object)):
        model = make(MLPClassifier).fit(frame, y)
        assert set(model.predict(frame)) <= {"yes", "no"}
        np.testing.assert_array_equal(model.classes_, ["no", "yes"])


@pytest.mark.parametrize("kind", KINDS)
def test_names_survive_early_stopping_and_partial_fit(kind):
    """Validation rows are scored without a warning about missing feature names."""
    frame = pd.DataFrame(X, columns=NAMES)
    np.testing.assert_array_equal(make(kind, early_stopping=True).fit(frame, TARGETS[kind]).feature_names_in_, NAMES)
    classes = {"classes": [0, 1]} if kind is MLPClassifier else {}
    model = make(kind).partial_fit(frame, TARGETS[kind], **classes)
    np.testing.assert_array_equal(model.feature_names_in_, NAMES)


@in_one_test()
@pytest.mark.parametrize("y", [
    [3, 1, 3, 3, 1, 3], [True, False, True, True, False, True], [7] * 4, [5, 4, 6] * 5, [1, 2, 3], ["b", "a"] * 9,
    [1.0, 2.0] * 5, [[0, 1], [1, 1], [0, 0]], np.array([2, 250, 2, 2, 250, 9, 9, 9], np.uint8),
], ids=str)  # fmt: skip
def test_labels_are_those_of_scikit_learn(y):
    """For all kinds of labels."""
    expected, got = LabelBinarizer().fit(np.array(y)), fit_labels(np.array(y))
    assert vars(got).keys() == vars(expected).keys()
    assert (got.y_type_, got.sparse_input_) == (expected.y_type_, expected.sparse_input_)
    assert got.classes_.dtype == expected.classes_.dtype
    np.testing.assert_array_equal(got.classes_, expected.classes_)
