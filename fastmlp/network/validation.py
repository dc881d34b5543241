"""What comes in through `Network`'s door, checked once and turned into arrays; no scikit-learn in sight."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral
from typing import Any

import numpy as np
import scipy.sparse as sp

from ..activations import BaseActivation, as_activation, as_hidden_activation
from ..engine.dataset import balance
from ..engine.model import Model, TrainableModel
from ..engine.sparse_input import check_sparse

#: What NumPy would make floats of, though it is no number.
_NO_NUMBERS = (str, bytes, np.timedelta64, np.datetime64)


def check_layer_sizes(layer_sizes: Iterable) -> list[int]:
    """Widths of all layers, as integers.

    Raises
    ------
    TypeError
        If they are not integers.
    ValueError
        If there are fewer than two, or one is not positive.
    """
    if isinstance(layer_sizes, str) or not isinstance(layer_sizes, Iterable):
        raise TypeError(f"units must be a list of integers such as [2, 3, 1], got {layer_sizes!r}.")
    widths = list(layer_sizes)
    if any(not isinstance(width, Integral) or isinstance(width, bool) for width in widths):
        raise TypeError(f"units must be integers, the width of every layer, got {widths!r}.")
    if len(widths) < 2 or any(width < 1 for width in widths):
        raise ValueError(f"units must name at least features and outputs, each 1 or more, got {widths}.")
    return [int(width) for width in widths]


def check_activations(activations: Any, n_layers: int) -> list[BaseActivation]:
    """One activation for each layer but the input.

    Raises
    ------
    TypeError
        If they are no list.
    ValueError
        If there are more or fewer than layers, a name does not exist, or a hidden layer has softmax.
    """
    if isinstance(activations, str | BaseActivation) or not isinstance(activations, Iterable):
        raise TypeError(
            f"activations must be a list with one for each layer but the input ({n_layers}), got {activations!r}."
        )
    given = list(activations)
    if len(given) != n_layers:
        raise ValueError(
            f"activations holds {len(given)}, but there are {n_layers} layers after the input: give one for each."
        )
    return [*(as_hidden_activation(activation) for activation in given[:-1]), as_activation(given[-1])]


def check_dtype(dtype: Any) -> np.dtype:
    """float32 or float64.

    Raises
    ------
    TypeError
        If it is no type of NumPy's.
    ValueError
        If it is another one.
    """
    found = np.dtype(dtype)
    if found not in (np.float32, np.float64):
        raise ValueError(f"dtype must be 'float32' or 'float64', got {dtype!r}.")
    return found


def check_inputs(X: Any, model: TrainableModel, name: str = "X", formats: tuple[str, ...] = ("csr",)) -> Any:
    """X (n, n_features) as a finite array, or CSR matrix, of the network's type; copied only if it must be.

    A sparse matrix in another of the `formats` stays as it is.

    Raises
    ------
    TypeError
        If it does not hold real numbers.
    ValueError
        If it has another shape, holds an infinity or a NaN, or is a damaged sparse matrix (see `check_sparse`).
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
        hint = f": one row is {name}[np.newaxis]" if X.shape == (n_features,) else ""
        raise ValueError(f"{name} must have shape (n, {n_features}), got {X.shape}{hint}.")
    return X


def as_numbers(name: str, values: Any, dtype: np.dtype) -> np.ndarray:
    """An array of finite numbers of this type; copied only if it must be.

    Raises
    ------
    TypeError
        If they are not real numbers.
    ValueError
        If one is infinite or NaN, in this type, or masked.
    """
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(
            f"{name} has {np.ma.count_masked(values)} masked entries, and there are no numbers under a mask: leave "
            "such rows out, or put a number there (values.filled(number))."
        )
    try:
        array = np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise ValueError(f"{name} does not make an array: {error}") from None
    if array.dtype.kind == "O":
        strange = next((each for each in array.flat if isinstance(each, _NO_NUMBERS)), None)
        if strange is not None:
            raise TypeError(f"{name} must hold real numbers, got objects, such as {strange!r}.")
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise TypeError(f"{name} must hold real numbers, got objects: {error}") from None
        except OverflowError as error:
            raise ValueError(f"{name} must be finite in float64: {error}.") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must hold real numbers, got an array of {array.dtype}.")
    with np.errstate(over="ignore"):
        array = array.astype(dtype, copy=False)
    _check_finite(name, array)
    return array


def _check_finite(name: str, array: np.ndarray) -> None:
    finite = np.isfinite(array)
    if not finite.all():
        at = tuple(int(index) for index in np.argwhere(~finite)[0]) if array.ndim else ()
        where = f" at {at if len(at) > 1 else at[0]}" if at else ""
        raise ValueError(
            f"{name} must be finite, but holds {array[at]}{where} (as {array.dtype}): "
            "leave such rows out, or put a number there."
        )


def check_targets(y: Any, n_rows: int, model: Model) -> np.ndarray:
    """y as the loss's kernel reads it, (n, n_targets) in the network's type.

    Raises
    ------
    TypeError
        If it does not hold real numbers.
    ValueError
        If it has another shape, or holds what the loss has no meaning for.
    """
    loss, output, n_outputs = model.loss_function, model.output_activation, model.layout.layer_sizes[-1]
    n_targets = loss.n_targets(output, n_outputs)
    array = as_numbers("y", y, model.dtype)
    allowed = [(n_rows, n_targets), *([(n_rows,)] if n_targets == 1 else [])]
    if array.shape not in allowed:
        classes = n_targets < n_outputs
        hint = ", class numbers: np.argmax(y, axis=1) makes them of indicators" if classes and array.ndim == 2 else ""
        raise ValueError(
            f"y must have shape {' or '.join(map(str, allowed))} for {n_rows} rows of X, {n_outputs} outputs and "
            f"loss={loss.name!r}, got {array.shape}{hint}."
        )
    array = np.ascontiguousarray(array.reshape(n_rows, n_targets))
    loss.check(output, n_outputs, array)
    return array


def check_weights(sample_weight: Any, n_rows: int, dtype: np.dtype) -> np.ndarray | None:
    """Weights (n,) in the network's type, divided by a power of two if they are huge or tiny; None stays None.

    The losses are means, so that dividing changes nothing but what would overflow.

    Raises
    ------
    TypeError
        If they are not real numbers.
    ValueError
        If there are no rows, or the weights have another shape, are negative, not finite, or all zero.
    """
    if n_rows == 0:
        raise ValueError("X has no rows: a loss is a mean over rows, so give at least one.")
    if sample_weight is None:
        return None
    weights = as_numbers("sample_weight", sample_weight, np.dtype(np.float64))
    if weights.shape != (n_rows,):
        raise ValueError(f"sample_weight must have shape ({n_rows},), one for each row, got {weights.shape}.")
    if (weights < 0).any():
        raise ValueError(f"sample_weight must not be negative, but holds {weights.min():g}.")
    if not weights.any():
        raise ValueError(f"sample_weight sums to 0 in {weights.dtype}: the sum must be positive and finite.")
    return balance(weights)[0].astype(dtype, copy=False)


def check_count(name: str, number: Any) -> None:
    """An integer, 1 or more.

    Raises
    ------
    TypeError
        If it is no integer.
    ValueError
        If it is less than one.
    """
    if not isinstance(number, Integral) or isinstance(number, bool):
        raise TypeError(f"{name} must be an integer, got {number!r}.")
    if number < 1:
        raise ValueError(f"{name} must be 1 or more, got {number}.")
