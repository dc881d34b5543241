"""Checks of what users pass to `Network`, which turn it into arrays; scikit-learn is not imported."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..activations import BaseActivation, as_activation, as_hidden_activation
from ..common.checks import counted, is_integer, one_per_layer
from ..engine.model import Model, TrainableModel
from ..engine.sample_weights import check_sum_of_weights
from ..engine.sparse_input import check_sparse

#: Types that NumPy converts to floats although they are not numbers.
_NOT_NUMBERS = (str, bytes, np.timedelta64, np.datetime64)


def check_layer_sizes(layer_sizes: Iterable[Any]) -> list[int]:
    """Return the widths of all layers as a list of integers.

    Raises
    ------
    TypeError
        If they are not integers.
    ValueError
        If there are fewer than two, or one is less than 1.
    """
    if isinstance(layer_sizes, str) or not isinstance(layer_sizes, Iterable):
        raise TypeError(f"layer_sizes must be a list of integers such as [2, 3, 1], got {layer_sizes!r}.")
    widths = list(layer_sizes)
    if not all(map(is_integer, widths)):
        raise TypeError(f"layer_sizes must be integers, the width of each layer, got {widths!r}.")
    if len(widths) < 2 or any(width < 1 for width in widths):
        raise ValueError(
            f"layer_sizes must hold at least the number of features and of outputs, each 1 or more, got {widths}."
        )
    return [int(width) for width in widths]


def check_activations(activations: Any, n_layers: int) -> list[BaseActivation]:
    """Return one activation for each layer after the input.

    Raises
    ------
    TypeError
        If `activations` is not a list.
    ValueError
        If it has another length, a name is unknown, or a hidden layer has softmax.
    """
    *hidden, output = one_per_layer("activations", activations, n_layers, "layers after the input", allow_single=False)
    return [*map(as_hidden_activation, hidden), as_activation(output)]


def check_dtype(dtype: Any) -> np.dtype:
    """Return float32 or float64 as a NumPy type.

    Raises
    ------
    TypeError
        If `dtype` is not a NumPy type.
    ValueError
        If it is another type.
    """
    try:
        found: np.dtype = np.dtype(dtype)
    except TypeError:
        raise TypeError(f"dtype must be 'float32' or 'float64', got {dtype!r}.") from None
    if found not in (np.float32, np.float64):
        raise ValueError(f"dtype must be 'float32' or 'float64', got {dtype!r}.")
    return found


def check_inputs(X: Any, model: TrainableModel, name: str = "X", formats: tuple[str, ...] = ("csr",)) -> Any:
    """Return X, (n, n_features), as a finite array or CSR matrix of the network's type; copied only if necessary.

    A sparse matrix in one of the `formats` keeps its format.

    Raises
    ------
    TypeError
        If X does not hold real numbers.
    ValueError
        If X has another shape, holds NaN or infinity, or is not a valid sparse matrix (see `check_sparse`).
    """
    model.check_memory()
    n_features = model.layout.layer_sizes[0]
    if sp.issparse(X):
        check_sparse(X, name)
        X = X if X.format in formats else X.tocsr()
        if X.dtype.kind not in "biuf":
            raise TypeError(f"{name} must hold real numbers, got a sparse matrix of {X.dtype}.")
        X = X.astype(model.dtype, copy=False)
        _check_finite(name, X.data)
    else:
        X = as_numbers(name, X, model.dtype)
    if X.ndim != 2 or X.shape[1] != n_features:
        hint = f": pass a single row as {name}[np.newaxis]" if X.shape == (n_features,) else ""
        raise ValueError(f"{name} must have shape (n, {n_features}), got {X.shape}{hint}.")
    return X


def as_numbers(name: str, values: Any, dtype: np.dtype) -> np.ndarray:
    """Return an array of finite numbers of this type; copied only if necessary.

    Raises
    ------
    TypeError
        If `values` does not hold real numbers.
    ValueError
        If a number is masked, or is infinite or NaN in this type.
    """
    if values is None:
        raise TypeError(f"{name} must hold real numbers, got None.")
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(
            f"{name} has {int(np.sum(np.ma.getmaskarray(values)))} masked entries, which have no value: drop those "
            "rows, or fill the entries with values.filled(number)."
        )
    try:
        array = np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{name} cannot be converted to an array: {error}") from None
    if array.dtype.kind == "O":
        array = _objects_to_floats(name, array)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, got an array of {array.dtype}.")
    with np.errstate(over="ignore"):
        array = array.astype(dtype, copy=False)
    _check_finite(name, array)
    return array


def _objects_to_floats(name: str, array: np.ndarray) -> np.ndarray:
    """Return an array of objects as float64; refuse objects that are not real numbers."""
    other = next((each for each in array.flat if isinstance(each, _NOT_NUMBERS)), None)
    if other is not None:
        raise TypeError(f"{name} must hold real numbers, got objects, such as {other!r}.")
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must hold real numbers, got objects: {error}") from None
    except OverflowError as error:
        raise ValueError(f"{name} must be finite in float64: {error}.") from None


def _check_finite(name: str, array: np.ndarray) -> None:
    finite = np.isfinite(array)
    if not finite.all():
        at = tuple(int(index) for index in np.argwhere(~finite)[0]) if array.ndim else ()
        where = f" at {at if len(at) > 1 else at[0]}" if at else ""
        raise ValueError(
            f"{name} must be finite, but holds {array[at]}{where} (as {array.dtype}): drop such rows, or replace the "
            "value by a number."
        )


def check_targets(y: Any, n_rows: int, model: Model, names: tuple[str, str] = ("X", "y")) -> np.ndarray:
    """Return y as the loss's kernel reads it, (n, n_targets) in the network's type; `names` are X's and y's.

    Raises
    ------
    TypeError
        If y does not hold real numbers.
    ValueError
        If y has another shape, or values that are not valid targets of the loss.
    """
    loss, output, n_outputs = model.loss_function, model.output_activation, model.layout.layer_sizes[-1]
    n_targets = loss.n_targets(output, n_outputs)
    of_inputs, name = names
    array = as_numbers(name, y, model.dtype)
    allowed = [(n_rows, n_targets), *([(n_rows,)] if n_targets == 1 else [])]
    if array.shape not in allowed:
        one_hot = n_targets < n_outputs and array.ndim == 2
        hint = f": convert one-hot rows to class numbers by np.argmax({name}, axis=1)" if one_hot else ""
        raise ValueError(
            f"{name} must have shape {' or '.join(map(str, allowed))} for {counted(n_rows, 'row')} of {of_inputs}, "
            f"{counted(n_outputs, 'output')} and loss={loss.as_written()}, got {array.shape}{hint}."
        )
    array = np.ascontiguousarray(array.reshape(n_rows, n_targets))
    loss.check(output, n_outputs, array)
    return array


def check_weights(
    sample_weight: Any, n_rows: int, dtype: np.dtype, names: tuple[str, str] = ("X", "sample_weight")
) -> np.ndarray | None:
    """Return weights (n,) in float64, whose sum can be divided by; None stays None. `names` are X's and theirs.

    Raises
    ------
    TypeError
        If they are not real numbers.
    ValueError
        If there are no rows, or the weights have another shape, are not finite, or sum to zero in `dtype`.
    """
    of_inputs, name = names
    if n_rows == 0:
        raise ValueError(f"{of_inputs} has no rows: the loss is a mean over the rows, so at least one is needed.")
    if sample_weight is None:
        return None
    weights = as_numbers(name, sample_weight, np.dtype(np.float64))
    if weights.shape != (n_rows,):
        raise ValueError(f"{name} must have shape ({n_rows},), one for each row, got {weights.shape}.")
    check_sum_of_weights(weights, dtype, name)
    return weights
