"""Lazy predictions, block by block, and scores added up from all blocks."""

from __future__ import annotations

from typing import Any

import numpy as np

from .libraries import import_dask
from .partitions import type_of_inputs


def _of_block(X: Any, model: Any, method: str, width: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return what a method of a model says of a block of rows, which may have none."""
    if not X.shape[0]:
        return np.empty((0, *width), dtype)
    found: np.ndarray = getattr(model, method)(X)
    return found


def predict_lazily(model: Any, method: str, X: Any) -> Any:
    """Return a Dask array of what ``method`` says of a Dask array or data frame.

    Parameters
    ----------
    model : MLPClassifier or MLPRegressor
        Fitted.
    method : str
        Such as 'predict_proba'.
    X : dask Array or DataFrame of shape (n, n_features)

    Raises
    ------
    ValueError
        If X has another number of features than the model.
    """
    if X.ndim != 2 or X.shape[1] != model.n_features_in_:
        raise ValueError(
            f"X has {X.shape[1] if X.ndim == 2 else 1} features, but {type(model).__name__} is expecting "
            f"{model.n_features_in_} features as input."
        )
    single = type_of_inputs(X) == np.float32
    width, dtype = _shape_of_answer(model, method, np.float32 if single else np.float64)
    if not hasattr(X, "rechunk"):
        delayed, arrays = import_dask().delayed, import_dask("dask.array")
        model, of_block = delayed(model, pure=False), delayed(_of_block)
        blocks = [of_block(block, model, method, width, dtype) for block in X.to_delayed()]
        return arrays.concatenate([arrays.from_delayed(block, (np.nan, *width), dtype) for block in blocks])
    if X.numblocks[1] > 1:
        X = X.rechunk({1: -1})
    sizes: dict[str, Any] = {"drop_axis": 1} if not width else {"chunks": (X.chunks[0], *((each,) for each in width))}
    if len(width) == 2:
        sizes["new_axis"] = 2
    return X.map_blocks(
        _of_block, model, method, width, dtype, dtype=dtype, meta=np.empty((0,) * (1 + len(width)), dtype), **sizes
    )


def _shape_of_answer(model: Any, method: str, dtype: Any) -> tuple[tuple[int, ...], np.dtype]:
    """Return the shape of the answer for a row, and its type."""
    unnamed = object.__new__(type(model))
    unnamed.__dict__.update({name: value for name, value in vars(model).items() if name != "feature_names_in_"})
    found = getattr(unnamed, method)(np.zeros((1, model.n_features_in_), dtype))
    return found.shape[1:], found.dtype
