"""What comes in through the estimators' doors, checked once and turned into arrays."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.validation import _check_sample_weight

from ..common.user_warnings import warn_user
from ..engine.dataset import balance


def arithmetic_type(*parts: Any) -> np.dtype:
    """The type that arrays (or types) are computed in together: float32 if NumPy says so, float64 for all else."""
    common = np.result_type(*(part if isinstance(part, np.dtype) else np.asarray(part).dtype for part in parts))
    return np.dtype(np.float32 if common == np.float32 else np.float64)


#: Numbers up to which a plain matrix is looked through here; beyond, what scikit-learn costs more does not count.
MAX_PLAIN = 1 << 16


def is_plain_matrix(X: Any, n_features: int) -> bool:
    """Whether scikit-learn's validation would return X as it is: finite floats, dense or CSR, in so many columns."""
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
    """The hidden layers' widths as a list: one number is one layer, an empty list is no layer.

    Raises
    ------
    InvalidParameterError
        If a size is not an integer (a ValueError and a TypeError).
    ValueError
        If a size is not positive.
    """
    sizes = hidden_layer_sizes if hasattr(hidden_layer_sizes, "__iter__") else [hidden_layer_sizes]
    sizes = list(sizes)
    if any(not isinstance(size, (Integral, np.integer)) or isinstance(size, bool) for size in sizes):
        raise InvalidParameterError(
            f"hidden_layer_sizes must be integers, one for each hidden layer, got {hidden_layer_sizes!r}."
        )
    if any(size <= 0 for size in sizes):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [int(size) for size in sizes]


def check_sample_weight(sample_weight: Any, X: Any) -> np.ndarray | None:
    """Weights as an array of floats, one for each row of X; None stays None.

    Raises
    ------
    ValueError
        If there are more or fewer than rows, if one is not finite, or if they sum to zero.
    """
    if sample_weight is None:
        return None
    weights = sample_weight if _are_plain_weights(sample_weight, X) else _check_sample_weight(sample_weight, X)
    total = balance(weights)[0].sum(dtype=np.float64)
    if abs(total) < np.finfo(X.dtype).tiny:  # kernels count subnormal numbers as zero
        raise ValueError(
            f"sample_weight sums to zero over {weights.size} rows (zero for all rows?): there is nothing to fit. "
            "Give some rows positive weights, or leave sample_weight out."
        )
    return weights


def _are_plain_weights(sample_weight: Any, X: Any) -> bool:
    """Whether scikit-learn's check would return the weights as they are."""
    return (
        type(sample_weight) is np.ndarray
        and sample_weight.dtype.char in "fd"
        and sample_weight.shape == (X.shape[0],)
        and bool(np.isfinite(sample_weight).all() and sample_weight.any())
    )


def fit_labels(y: np.ndarray) -> LabelBinarizer:
    """A binarizer that has seen the labels y, (n,) or (n, n_labels).

    Its own fit looks through y four times, which is a tenth of a short training; for whole numbers once says it all.
    """
    binarizer = LabelBinarizer()
    if y.ndim != 1 or y.dtype.kind not in "biu":
        return binarizer.fit(y)
    classes = np.unique(y).astype(y.dtype.newbyteorder("="), copy=False)
    kind = "multiclass" if classes.size > 2 else "binary"
    binarizer.y_type_, binarizer.sparse_input_, binarizer.classes_ = kind, False, classes
    return binarizer


def check_batch_size(batch_size: int | str, n_rows: int) -> int:
    """Rows of a mini-batch: at most 200 when 'auto', at most all rows (with a warning) when a number."""
    if batch_size != "auto" and int(batch_size) > n_rows:
        warn_user(
            "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped "
            f"(batch_size={batch_size}, {n_rows} rows)."
        )
    return clip_batch_size(batch_size, n_rows)


def clip_batch_size(batch_size: int | str, n_rows: int) -> int:
    """The same without a warning."""
    return min(200 if batch_size == "auto" else max(int(batch_size), 1), n_rows)


def split_rows(
    n_rows: int, fraction: float, random_state: np.random.RandomState, stratify: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers to train on and to validate on: scikit-learn's split of the same seed, without copying a row.

    Raises
    ------
    ValueError
        If fewer than two rows are left to validate on, or a class has too few rows to stratify.
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
