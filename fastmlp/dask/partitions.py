"""Dask's collections as partitions: the blocks of rows of X, y and sample weights that belong together."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from .libraries import import_dask, is_collection


class Partition(NamedTuple):
    """Some rows, in the memory of one worker.

    Parameters
    ----------
    X : ndarray, sparse matrix or DataFrame of shape (n, n_features)
    y : ndarray of shape (n,) or (n, n_targets)
    sample_weight : ndarray of shape (n,), or None
    """

    X: Any
    y: np.ndarray
    sample_weight: np.ndarray | None


def make_partition(number: int, X: Any, y: Any, sample_weight: Any) -> Partition:
    """Put together what belongs together.

    Raises
    ------
    ValueError
        If the numbers of rows differ.
    """
    X, y = X.tocsr() if sp.issparse(X) else X, np.asarray(y)
    sample_weight = None if sample_weight is None else np.asarray(sample_weight).reshape(-1)
    sizes = [X.shape[0], len(y)] + ([] if sample_weight is None else [len(sample_weight)])
    if len(set(sizes)) > 1:
        named = "X, y and sample_weight" if sample_weight is not None else "X and y"
        raise ValueError(
            f"{named} have inconsistent numbers of samples in partition {number}: {sizes}. Rechunk or repartition them "
            "so that each partition of one has the rows of the same partition of the others."
        )
    return Partition(X, y, sample_weight)


def type_of_inputs(X: Any) -> np.dtype:
    """Return the type of an array, or the common one of a data frame's columns; object if one of them is no number."""
    if not hasattr(X, "columns"):
        single: np.dtype = np.dtype(X.dtype)
        return single
    types = [getattr(each, "numpy_dtype", each) for each in X.dtypes]  # pandas has types of its own
    common: np.dtype = np.result_type(*(each if isinstance(each, np.dtype) else np.dtype(object) for each in types))
    return common


def join(partitions: list[Partition]) -> Partition:
    """Return the rows of some partitions, one after the other; those of a single one as they are."""
    if len(partitions) == 1:
        return partitions[0]
    X, y, sample_weight = zip(*partitions, strict=True)
    if sp.issparse(X[0]):
        inputs = sp.vstack(X, format="csr")
    elif hasattr(X[0], "iloc"):
        inputs = import_dask("pandas").concat(X, ignore_index=True)
    else:
        inputs = np.concatenate(X)
    weights = None if sample_weight[0] is None else np.concatenate(sample_weight)
    return Partition(inputs, np.concatenate(y), weights)


def delayed_partitions(X: Any, y: Any, sample_weight: Any = None) -> list[Any]:
    """Return a `Delayed` of a `Partition` for each block of rows.

    Parameters
    ----------
    X : dask Array or DataFrame of shape (n, n_features)
    y : dask Array, Series or DataFrame of shape (n,) or (n, n_targets)
    sample_weight : dask Array or Series of shape (n,), optional

    Raises
    ------
    TypeError
        If one of them is no collection of Dask.
    ValueError
        If they do not fit together.
    """
    named = {"X": X, "y": y} | ({} if sample_weight is None else {"sample_weight": sample_weight})
    for name, value in named.items():
        if not is_collection(value) or not hasattr(value, "to_delayed") or not hasattr(value, "ndim"):
            raise TypeError(
                f"{name} must be a Dask array or data frame, as X is, got {type(value).__name__}: use "
                "dask.array.from_array or dask.dataframe.from_pandas, or MLPClassifier or MLPRegressor for data on "
                "this machine."
            )
    _check_dimensions(named)
    blocks = {name: _blocks_of_rows(_aligned(value, X)) for name, value in named.items()}
    numbers = {name: len(each) for name, each in blocks.items()}
    if len(set(numbers.values())) > 1:
        raise ValueError(
            f"{_listed(numbers)} have different numbers of partitions: {list(numbers.values())}. Rechunk or "
            "repartition them so that each partition of one has the rows of the same partition of the others."
        )
    delayed = import_dask().delayed
    weights = blocks.get("sample_weight", [None] * numbers["X"])
    return [
        delayed(make_partition, pure=False)(number, *each)
        for number, each in enumerate(zip(blocks["X"], blocks["y"], weights, strict=True))
    ]


def _listed(named: dict[str, Any]) -> str:
    *others, last = named
    return f"{', '.join(others)} and {last}"


def _check_dimensions(named: dict[str, Any]) -> None:
    """Refuse other numbers of dimensions, and numbers of rows that are known and differ."""
    if named["X"].ndim != 2:
        raise ValueError(
            f"Expected 2D array, got {named['X'].ndim}D array instead: X must have shape (n_samples, n_features)."
        )
    if named["y"].ndim > 2:
        raise ValueError(f"y must have shape (n_samples,) or (n_samples, n_targets), got {named['y'].ndim} dimensions.")
    rows = {name: value.shape[0] for name, value in named.items()}
    known = [number for number in rows.values() if isinstance(number, int)]
    if len(set(known)) > 1:
        raise ValueError(f"Found input variables with inconsistent numbers of samples: {known}")


def _aligned(value: Any, X: Any) -> Any:
    """Return an array with all columns in a block, and with the row chunks of X where both are known."""
    if not hasattr(value, "rechunk"):
        return value
    if value.ndim == 2 and value.numblocks[1] > 1:
        value = value.rechunk({1: -1})
    if hasattr(X, "rechunk") and value.chunks[0] != X.chunks[0] and not np.isnan(value.chunks[0] + X.chunks[0]).any():
        value = value.rechunk({0: X.chunks[0]})
    return value


def _blocks_of_rows(value: Any) -> list[Any]:
    """Return a `Delayed` for each block of rows."""
    blocks = value.to_delayed()
    return list(blocks.ravel()) if isinstance(blocks, np.ndarray) else list(blocks)
