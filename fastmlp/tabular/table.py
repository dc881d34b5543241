"""From a table as users have it to its columns: data frames of pandas and polars, Arrow tables, arrays, lists of rows.

None of these libraries is imported here: a table of one of them exists only where it has been imported.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array

from .columns import CodedColumn, Column, LargeNumberColumn, NumberColumn, ValueColumn
from .values import ValueKind, kind_of

#: From here on float64 has not every integer: as categories, some would be taken for one another.
_INEXACT = 2.0**53


def read_columns(X: Any, estimator: Any = None, min_rows: int = 1) -> list[Column]:
    """Return the columns of a table. Values are not looked at yet, and not copied where NumPy has them already.

    Parameters
    ----------
    X : DataFrame of pandas or polars, Arrow table, array-like or list of rows, of shape (n_samples, n_features)
    estimator : estimator or str, default=None
        Named in messages.
    min_rows : int, default=1

    Returns
    -------
    columns : list of Column

    Raises
    ------
    TypeError
        If `X` is sparse, a structured array, or no table at all.
    ValueError
        If `X` has not two dimensions, too few rows or no columns, or two columns of the same name.
    """
    names = _frame_names(X)
    if names is None:
        columns = _array_columns(X, estimator, min_rows)
        return [_array_column(str(number), values) for number, values in enumerate(columns)]
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f"Column names must be unique, but X has several columns named {_listed(repeated)}.")
    _check_shape(X.shape, estimator, min_rows)
    if _is_of("pandas", "DataFrame", X):
        return [_pandas_column(repr(name), series) for name, series in X.items()]
    if _is_of("polars", "DataFrame", X):
        return [_polars_column(repr(name), series) for name, series in zip(names, X.get_columns(), strict=True)]
    return [_arrow_column(repr(name), values) for name, values in zip(names, X.columns, strict=True)]


def as_frame(X: Any) -> Any:
    """Return a batch of Arrow rows as a table, whose column names scikit-learn's checks know; others as they are."""
    return sys.modules["pyarrow"].Table.from_batches([X]) if _is_of("pyarrow", "RecordBatch", X) else X


def column_names(X: Any) -> list[Any] | None:
    """Return the names of the columns, of any type; None if X has none."""
    return _frame_names(X)


def _is_of(module: str, names: str, X: Any) -> bool:
    """Whether X is of one of these classes of a module, which is not imported for the question."""
    library = sys.modules.get(module)
    return any(isinstance(X, getattr(library, name, ())) for name in names.split())


def _frame_names(X: Any) -> list[Any] | None:
    if _is_of("pandas", "DataFrame", X) or _is_of("polars", "DataFrame", X):
        return list(X.columns)
    if _is_of("pyarrow", "Table RecordBatch", X):
        return list(X.column_names)
    if _is_of("polars", "LazyFrame", X):
        raise TypeError("X is a LazyFrame, which holds no values yet. Pass X.collect().")
    return None


def _listed(names: Sequence[Any]) -> str:
    shown = ", ".join(map(repr, names[:5]))
    return f"{shown}, …" if len(names) > 5 else shown


def _check_shape(shape: tuple[int, ...], estimator: Any, min_rows: int) -> None:
    """Raise scikit-learn's errors for tables that are too small."""
    values = np.broadcast_to(np.zeros(()), shape)
    check_array(values, dtype=None, ensure_min_samples=min_rows, estimator=estimator, input_name="X")


def _array_columns(X: Any, estimator: Any, min_rows: int) -> Sequence[np.ndarray | list[Any]]:
    if isinstance(X, list | tuple) and X and all(issubclass(kind, list | tuple) for kind in set(map(type, X))):
        lengths = set(map(len, X))
        if len(lengths) > 1:
            raise ValueError(
                f"The rows of X differ in length: the shortest has {min(lengths)} values, the longest {max(lengths)}. "
                "Each row needs one value for each column, None where it is missing."
            )
        _check_shape((len(X), *lengths), estimator, min_rows)
        return list(map(list, zip(*X, strict=True)))
    if getattr(getattr(X, "dtype", None), "names", None):
        raise TypeError(
            "Structured arrays are not supported. Pass a DataFrame, such as pandas.DataFrame(X), or a plain array."
        )
    values = check_array(
        X, dtype=None, ensure_all_finite=False, ensure_min_samples=min_rows, estimator=estimator, input_name="X"
    )
    columns: Sequence[np.ndarray] = values.T
    return columns


def _array_column(label: str, values: np.ndarray | list[Any]) -> Column:
    """Return a column of an array (n,), or of a list."""
    if isinstance(values, list):
        return ValueColumn(label, values)
    if values.dtype.kind in "biuf":
        return NumberColumn(label, values)
    # NumPy's tolist makes integers of dates.
    return ValueColumn(label, list(values) if values.dtype.kind in "mM" else values.tolist())


def _number_column(label: str, values: np.ndarray, are_floats: bool, make_exact: Callable[[], list[Any]]) -> Column:
    """Return a column of numbers that were made float64, (n,), NaN where missing."""
    if not are_floats and np.fmax.reduce(np.abs(values), initial=0.0) >= _INEXACT:
        return LargeNumberColumn(label, values, make_exact)
    return NumberColumn(label, values)


def _pandas_column(label: str, series: Any) -> Column:
    pandas = sys.modules["pandas"]
    kind = series.dtype
    if isinstance(kind, pandas.CategoricalDtype):
        return CodedColumn(label, series.cat.codes.to_numpy(), kind.categories.tolist())
    if isinstance(kind, np.dtype):
        return _array_column(label, series.to_numpy()) if kind.kind in "biuf" else ValueColumn(label, series.tolist())
    if isinstance(kind, pandas.StringDtype):
        codes, values = pandas.factorize(series)
        return CodedColumn(label, codes, values.tolist())
    if kind.kind in "iuf":  # of nullable types, or sparse
        return _number_column(
            label, series.to_numpy(dtype=np.float64, na_value=np.nan), kind.kind == "f", series.tolist
        )
    return _value_column(label, series.tolist(), _is_temporal(getattr(kind, "pyarrow_dtype", None)))


def _polars_column(label: str, series: Any) -> Column:
    polars = sys.modules["polars"]
    if series.dtype.is_numeric():
        values = series.cast(polars.Float64).to_numpy()
        return _number_column(label, values, series.dtype.is_float(), series.to_list)
    return _value_column(label, series.to_list(), series.dtype.is_temporal())


def _arrow_column(label: str, values: Any) -> Column:
    types = sys.modules["pyarrow"].types
    if types.is_integer(values.type) or types.is_floating(values.type):
        floats = values.cast("float64", safe=False).to_numpy(zero_copy_only=False)
        return _number_column(label, floats, types.is_floating(values.type), values.to_pylist)
    return _value_column(label, values.to_pylist(), _is_temporal(values.type))


def _value_column(label: str, values: list[Any], are_dates: bool) -> Column:
    """Return a column of Python's values; dates that are all missing are dates, as NaT is in pandas."""
    if are_dates and ValueKind.DATE not in map(kind_of, set(map(type, values))):
        values = [np.datetime64("NaT")] * len(values)
    return ValueColumn(label, values)


def _is_temporal(kind: Any) -> bool:
    """Whether a type of Arrow, or None, has dates, times or durations."""
    if kind is None:
        return False
    types = sys.modules["pyarrow"].types
    return bool(types.is_temporal(kind.value_type if types.is_dictionary(kind) else kind))
