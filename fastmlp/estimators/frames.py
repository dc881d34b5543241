"""Data frames of one number type: validated as the array that they hold, their names apart.

scikit-learn looks at each column's type by itself, which takes ten microseconds a column: of 20,000 columns, many times
what a training on few rows takes.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array, check_X_y, validate_data


def validate_rows(estimator: Any, X: Any, y: Any, *, reset: bool, **check_params: Any) -> tuple[Any, Any]:
    """Validate as scikit-learn's `validate_data` does: the same results, attributes of the estimator and errors."""
    values = _checked_apart(estimator, X, reset)
    if values is None:
        validated: tuple[Any, Any] = validate_data(estimator, X, y, reset=reset, **check_params)
        return validated
    validate_data(estimator, X, y, skip_check_array=True, reset=reset)  # names and number of columns
    checked: tuple[Any, Any] = check_X_y(values, y, estimator=estimator, **check_params)
    return checked


def validate_inputs(estimator: Any, X: Any, **check_params: Any) -> Any:
    """Validate inputs of a fitted estimator as scikit-learn's `validate_data` does: the same result and errors."""
    values = _checked_apart(estimator, X, reset=False)
    if values is None:
        return validate_data(estimator, X, reset=False, **check_params)
    validate_data(estimator, X, skip_check_array=True, reset=False)  # names and number of columns
    return check_array(values, input_name="X", estimator=estimator, **check_params)


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
