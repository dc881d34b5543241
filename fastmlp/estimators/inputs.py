"""Validation by scikit-learn's rules, without the work that small arrays and data frames of one type do not need.

Of a frame, scikit-learn looks at each column's type by itself, which takes ten microseconds a column: of 20,000
columns, many times what a training on few rows takes. A frame of one number type is validated as the array that it
holds, its names apart. Of arrays it finds out in half a millisecond, a third of a fit on few rows, what a few
comparisons say as well: those that it would return as they are, or only convert from integers, are passed by.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array, check_X_y, validate_data

from .checks import MAX_PLAIN, is_plain_matrix


def validate_rows(estimator: Any, X: Any, y: Any, *, reset: bool, **check_params: Any) -> tuple[Any, Any]:
    """Validate as scikit-learn's `validate_data` does: the same results, attributes of the estimator and errors."""
    if (reset or not hasattr(estimator, "feature_names_in_")) and _is_plain_target(y):
        plain = _plain_inputs(X, None if reset else getattr(estimator, "n_features_in_", None))
        if plain is not None and plain.shape[0] == y.shape[0]:
            if reset:
                estimator.__dict__.pop("feature_names_in_", None)
                estimator.n_features_in_ = plain.shape[1]
            return plain, y
    values = _checked_apart(estimator, X, reset)
    if values is None:
        X, y = validate_data(estimator, X, y, reset=reset, **check_params)
        return _in_native_order(X), y
    validate_data(estimator, X, y, skip_check_array=True, reset=reset)  # names and number of columns
    checked: tuple[Any, Any] = check_X_y(values, y, estimator=estimator, **check_params)
    return checked


def validate_inputs(estimator: Any, X: Any, **check_params: Any) -> Any:
    """Validate inputs of a fitted estimator as scikit-learn's `validate_data` does: the same result and errors."""
    values = _checked_apart(estimator, X, reset=False)
    if values is None:
        return _in_native_order(validate_data(estimator, X, reset=False, **check_params))
    validate_data(estimator, X, skip_check_array=True, reset=False)  # names and number of columns
    return check_array(values, input_name="X", estimator=estimator, **check_params)


def _in_native_order(X: Any) -> Any:
    """Return validated inputs in the byte order that kernels read; scikit-learn leaves that of data frames as it is."""
    return X if X.dtype.isnative else X.astype(X.dtype.newbyteorder("="))


def _plain_inputs(X: Any, n_features: int | None) -> np.ndarray | None:
    """Return a small array of finite floats as it is, one of integers as float64; None for everything else.

    `n_features` is the number of columns that it must have, or None.
    """
    if type(X) is not np.ndarray or X.ndim != 2 or not 0 < X.size <= MAX_PLAIN:
        return None
    columns = X.shape[1] if n_features is None else n_features
    if X.dtype.kind in "iu":
        return X.astype(np.float64) if X.shape[1] == columns else None
    return X if is_plain_matrix(X, columns) else None


def _is_plain_target(y: Any) -> bool:
    """Whether scikit-learn's validation would return y unchanged: a small array of integers or finite floats."""
    return (
        type(y) is np.ndarray
        and y.ndim in (1, 2)
        and 0 < y.size <= MAX_PLAIN
        and (y.dtype.kind in "biu" or (y.dtype.char in "fd" and bool(np.isfinite(y).all())))
    )


def _checked_apart(estimator: Any, X: Any, reset: bool) -> np.ndarray | None:
    """Return `frame_values`; None also for another number of columns, so that errors come in scikit-learn's order."""
    values = frame_values(X)
    if values is None or reset or getattr(estimator, "n_features_in_", values.shape[1]) == values.shape[1]:
        return values
    return None


def frame_values(X: Any) -> np.ndarray | None:
    """Return a pandas DataFrame's array if all its columns are floats or integers of one type; else None."""
    pandas = sys.modules.get("pandas")
    if pandas is None or type(X) is not getattr(pandas, "DataFrame", None) or not X.shape[1]:
        return None
    types = X.dtypes.to_numpy()
    first = types[0]
    if not isinstance(first, np.dtype) or first.kind not in "fiu" or first.itemsize < 4 or not first.isnative:
        return None
    return X.to_numpy() if (types == first).all() else None
