"""Checks of what users pass to the estimators, which turn it into arrays; each is made once a call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.validation import _check_sample_weight

from ..common.checks import is_integer
from ..common.user_warnings import warn_user
from ..engine.sample_weights import check_sum_of_weights


def arithmetic_type(*parts: Any) -> np.dtype:
    """Return the type of arithmetic for arrays or types: float32 if that is their common NumPy type, else float64."""
    common = np.result_type(*(part if isinstance(part, np.dtype) else np.asarray(part).dtype for part in parts))
    return np.dtype(np.float32 if common == np.float32 else np.float64)


#: Largest size of a plain matrix that is checked here; the overhead of scikit-learn's checks is small beyond it.
MAX_PLAIN = 1 << 16


def is_plain_matrix(X: Any, n_features: int) -> bool:
    """Whether scikit-learn's validation would return X unchanged: finite floats, dense or CSR, `n_features` columns."""
    values = X.data if sp.issparse(X) and X.format == "csr" else X
    return (
        type(values) is np.ndarray
        and X.ndim == 2
        and values.dtype.char in "fd"
        and values.dtype.isnative
        and X.shape[0] > 0
        and X.shape[1] == n_features
        and values.size <= MAX_PLAIN
        and bool(np.isfinite(values).all())
    )


def check_hidden_layer_sizes(hidden_layer_sizes: Any) -> list[int]:
    """Return the hidden layers' widths as a list: a number is one layer, an empty list is no layer.

    Raises
    ------
    InvalidParameterError
        If a size is not an integer; it is a ValueError and a TypeError.
    ValueError
        If a size is not positive.
    """
    if isinstance(hidden_layer_sizes, np.ndarray) and hidden_layer_sizes.ndim == 0:
        hidden_layer_sizes = hidden_layer_sizes.item()
    sizes = hidden_layer_sizes if hasattr(hidden_layer_sizes, "__iter__") else [hidden_layer_sizes]
    sizes = list(sizes)
    if not all(map(is_integer, sizes)):
        raise InvalidParameterError(
            f"hidden_layer_sizes must be integers, one for each hidden layer, got {hidden_layer_sizes!r}."
        )
    if any(size <= 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [int(size) for size in sizes]


def check_arrays(name: str, arrays: Any, form: str) -> None:
    """Check that an attribute is a list of arrays of real numbers, one for each layer.

    Parameters
    ----------
    name : {'coefs_', 'intercepts_'}
    arrays : object
    form : str
        What each array holds, and its shape, such as 'biases, (fan_out,)'.

    Raises
    ------
    TypeError
        If it is not a list, or one of the arrays does not hold real numbers.
    ValueError
        If it is empty, or an array has another number of dimensions.
    """
    needs = f"it must hold an array of {form}, for each layer"
    if not isinstance(arrays, list | tuple | np.ndarray):
        raise TypeError(f"{name} is {arrays!r:.80}: {needs}.")
    if not len(arrays):
        raise ValueError(f"{name} is empty: {needs}.")
    n_dims = 2 if name == "coefs_" else 1
    for number, array in enumerate(arrays):
        try:
            found = np.asarray(array)
            found = found.astype(np.float64) if found.dtype == object and array is not None else found
        except (TypeError, ValueError) as error:  # rows of different lengths, words
            raise TypeError(f"{name}[{number}] is no array of real numbers ({error}): {needs}.") from None
        if found.dtype.kind not in "biuf":
            raise TypeError(f"{name}[{number}] is {array!r:.80}, no array of real numbers: {needs}.")
        if found.ndim != n_dims or not found.size:
            raise ValueError(f"{name}[{number}] has shape {found.shape}: {needs}.")


def check_sample_weight(sample_weight: Any, X: Any) -> np.ndarray | None:
    """Return weights as an array of floats, one for each row of X; None stays None.

    Raises
    ------
    ValueError
        If their number is not the number of rows, one is not finite, or they sum to zero.
    """
    if sample_weight is None:
        return None
    plain = _are_plain_weights(sample_weight, X)
    weights: np.ndarray = sample_weight if plain else _check_sample_weight(sample_weight, X)
    check_sum_of_weights(weights, X.dtype)
    return weights


def _are_plain_weights(sample_weight: Any, X: Any) -> bool:
    """Whether scikit-learn's check would return the weights unchanged."""
    return (
        type(sample_weight) is np.ndarray
        and sample_weight.dtype.char in "fd"
        and sample_weight.shape == (X.shape[0],)
        and bool(np.isfinite(sample_weight).all() and sample_weight.any())
    )


def fit_labels(y: np.ndarray) -> LabelBinarizer:
    """Return a binarizer fitted to the labels y, (n,) or (n, n_labels).

    `LabelBinarizer.fit` passes over y four times, a tenth of the time of a short fit; for integers one pass is enough.

    Raises
    ------
    TypeError
        If labels cannot be compared with each other, such as None.
    """
    binarizer = LabelBinarizer()
    if y.ndim != 1 or y.dtype.kind not in "biu":
        with _labels_of_one_kind(y):
            return binarizer.fit(y)
    classes = np.unique(y).astype(y.dtype.newbyteorder("="), copy=False)
    return fitted_labels(classes, "multiclass" if classes.size > 2 else "binary", sparse=False)


def check_labels(y: Any) -> None:
    """Refuse labels that cannot be compared with each other before scikit-learn sorts them.

    Raises
    ------
    TypeError
        If there are such labels, as None beside a string.
    """
    try:
        labels = np.asarray(y)
    except ValueError:  # rows of several lengths, which scikit-learn refuses
        return
    if labels.dtype.kind in "OV" and labels.ndim == 1:
        with _labels_of_one_kind(labels):
            np.unique(labels)


@contextmanager
def _labels_of_one_kind(y: np.ndarray) -> Iterator[None]:
    """Say of a TypeError which labels it is about."""
    try:
        yield
    except TypeError as error:
        if y.dtype.kind not in "OV":
            raise
        raise TypeError(f"y must hold labels of one kind, strings or numbers, got {y.ravel()[0]!r}: {error}.") from None


def fitted_labels(classes: np.ndarray, kind: str, sparse: bool) -> LabelBinarizer:
    """Return a binarizer as if it was fitted to labels of this kind (`type_of_target`) with these classes."""
    binarizer = LabelBinarizer()
    binarizer.y_type_, binarizer.sparse_input_, binarizer.classes_ = kind, sparse, classes
    return binarizer


def check_batch_size(batch_size: int | str, n_rows: int) -> int:
    """Return the rows of a mini-batch, as `clip_batch_size` does; warn where a number is larger than all rows."""
    if batch_size != "auto" and int(batch_size) > n_rows:
        warn_user(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped "
            f"(batch_size={batch_size}, {n_rows} rows)."
        )
    return clip_batch_size(batch_size, n_rows)


def clip_batch_size(batch_size: int | str, n_rows: int) -> int:
    """Return the rows of a mini-batch: min(200, n_rows) for 'auto', else the given number, at most all rows."""
    return min(200 if batch_size == "auto" else max(int(batch_size), 1), n_rows)


def split_rows(
    n_rows: int, fraction: float, random_state: np.random.RandomState, stratify: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of the training rows and of the validation rows: scikit-learn's split for the same seed.

    Raises
    ------
    ValueError
        If there are fewer than two validation rows, or a class has too few rows for a stratified split.
    """
    train, validation = train_test_split(
        np.arange(n_rows), test_size=fraction, random_state=random_state, stratify=stratify
    )
    if validation.size < 2:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your dataset "
            f"(got {n_rows} rows and validation_fraction={fraction})."
        )
    return train, validation
