"""Data frames of one number type: validated as the array that they hold, their names apart.

scikit-learn looks at each column's type by itself, which takes ten microseconds a column: of 20,000 columns, many times
what a training on few rows takes.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from sklearn.utils.validation import check_X_y, validate_data


def validate_rows(estimator: Any, X: Any, y: Any, *, reset: bool, **check_params: Any) -> tuple[Any, Any]:
    """Validate as scikit-learn's `validate_data` does: the same results, attributes of the estimator and errors."""
    values = frame_values(X)
    if values is None:
        validated: tuple[Any, Any] = validate_data(estimator, X, y, reset=reset, **check_params)
        return validated
    validate_data(estimator, X, y, skip_check_array=True, reset=reset)  # names and number of columns
    checked: tuple[Any, Any] = check_X_y(values, y, estimator=estimator, **check_params)
    return checked


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
