"""What the kernels run on: the network's shape, its functions, and the arrays that its parameters lie in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..activations import BaseActivation, as_activation
from ..losses import BaseLoss, as_loss
from . import buffers
from .layout import Layout


class Model:
    """A multi-layer perceptron as kernels see it: a record that does not check its arguments.

    Parameters
    ----------
    layout : Layout
    activations : sequence of (str or BaseActivation)
        One for each layer but the input.
    loss : str or BaseLoss
    dtype : numpy type
        float32 or float64, the type of parameters and arithmetic.
    coefs, intercepts : sequence of ndarray
        (fan_in, fan_out) and (fan_out,) for each layer, contiguous, of this type.
    """

    def __init__(
        self,
        layout: Layout,
        activations: Sequence[str | BaseActivation],
        loss: str | BaseLoss,
        dtype: Any,
        coefs: Sequence[np.ndarray],
        intercepts: Sequence[np.ndarray],
    ) -> None:
        self.layout = layout
        self.activations = tuple(as_activation(activation) for activation in activations)
        self.loss_function = as_loss(loss)
        self.dtype = np.dtype(dtype)
        self.coefs = coefs
        self.intercepts = intercepts

    def compile_custom(self, dtype: Any = None) -> None:
        """Compile the user's own functions for a type (the model's), so that their errors are raised now."""
        loss = self.loss_function.kernel(self.output_activation)
        for kernel in (*(activation.kernel for activation in self.activations), loss):
            if not kernel.named:
                kernel.address(self.dtype if dtype is None else dtype)

    @property
    def output_activation(self) -> BaseActivation:
        """The activation of the last layer."""
        return self.activations[-1]


class TrainableModel(Model):
    """Every parameter in one flat vector, `params` (layout.size,); `coefs` and `intercepts` are views of it.

    Copies and unpickled models have parameters of their own.

    Parameters
    ----------
    layer_sizes : sequence of int
        Width of every layer: features, hidden layers, outputs.
    activations, loss, dtype
        As in `Model`.
    """

    def __init__(
        self, layer_sizes: Sequence[int], activations: Sequence[str | BaseActivation], loss: str | BaseLoss, dtype: Any
    ) -> None:
        layout = Layout(layer_sizes)
        self.params = buffers.aligned(layout.size, dtype)
        coefs, intercepts = _Views(layout.coefs(self.params)), _Views(layout.intercepts(self.params))
        super().__init__(layout, activations, loss, dtype, coefs, intercepts)

    def astype(self, dtype: Any) -> TrainableModel:
        """Return the same network with parameters of its own, in another type."""
        converted = TrainableModel(self.layout.layer_sizes, self.activations, self.loss_function, dtype)
        converted.params[...] = self.params
        return converted

    def check_memory(self) -> None:
        """Refuse arrays whose memory has moved since they were made: kernels use their addresses.

        Raises
        ------
        ValueError
            If `params`, its memory or one of its views was given another size, shape or type in place (``resize``,
            ``shape = …``, ``dtype = …``).
        """
        params, item, memory = self.params, self.dtype.itemsize, self.params.base
        start = _address(params)
        views = (*self.coefs, *self.intercepts)
        places = zip(
            (params, *views),
            (0, *self.layout.weight_offsets, *self.layout.bias_offsets),
            ((self.layout.size,), *self.layout.shapes, *((fan_out,) for _, fan_out in self.layout.shapes)),
            strict=True,
        )
        whole = memory is not None and _address(memory) <= start <= _address(memory) + memory.nbytes - params.nbytes
        if not whole or not all(
            _address(array) == start + at * item
            and array.shape == shape
            and array.dtype == self.dtype
            and array.flags.c_contiguous
            for array, at, shape in places
        ):
            raise ValueError(
                "The parameters' memory, shape or type was changed in place (resize, shape = …, dtype = …): make "
                "another network, and set its weights. Entries may be changed at any time."
            )

    def __setattr__(self, name: str, value: Any) -> None:
        """Copy values into the parameters: the flat vector and its views must keep sharing memory."""
        if name == "params" and "params" in self.__dict__:
            if np.ndim(value) and np.shape(value) != self.params.shape:
                raise ValueError(f"params has shape {self.params.shape}, got {np.shape(value)}.")
            self.params[...] = value
        elif isinstance(views := self.__dict__.get(name), _Views):
            if len(value) != len(views):
                raise ValueError(f"{name} holds {len(value)} arrays; this network needs {len(views)}.")
            arrays = [np.array(array) for array in value]  # copies: they may be views of these very parameters
            for number, array in enumerate(arrays):
                views.check(number, array)
            for number, array in enumerate(arrays):
                views[number] = array
        else:
            super().__setattr__(name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        arguments = self.layout.layer_sizes, self.activations, self.loss_function, self.dtype.name
        return type(self), arguments, np.array(self.params)

    def __setstate__(self, params: np.ndarray) -> None:
        self.params = params


def _address(array: np.ndarray) -> int:
    """Address of the first element; much faster than `ctypes.data`."""
    return int(array.__array_interface__["data"][0])


class _Views(tuple[np.ndarray, ...]):
    """Views of the parameters, one for each layer; assigning to an entry copies into the view."""

    def __setitem__(self, number: int, value: Any) -> None:
        self.check(number, value)
        self[number][...] = value

    def check(self, number: int, value: Any) -> None:
        """Refuse values that do not have the layer's shape."""
        if isinstance(number, slice):
            raise TypeError("assign to one layer's array at a time, or to all of them at once.")
        if np.shape(value) != self[number].shape:
            raise ValueError(f"Layer {number} has an array of shape {self[number].shape} here, got {np.shape(value)}.")


class ModelView(Model):
    """The caller's arrays, for prediction: copied only if they have another type or order.

    Parameters
    ----------
    coefs, intercepts : sequence of array-like
        (fan_in, fan_out) and (fan_out,) for each layer.
    activations, loss, dtype
        As in `Model`.

    Attributes
    ----------
    given : tuple
        The arrays that the model was made from.

    Raises
    ------
    ValueError
        If the shapes do not fit together.
    """

    def __init__(
        self,
        coefs: Sequence[Any],
        intercepts: Sequence[Any],
        activations: Sequence[str | BaseActivation],
        loss: str | BaseLoss,
        dtype: Any,
    ) -> None:
        layout = Layout([np.shape(coefs[0])[0], *(np.shape(coef)[-1] for coef in coefs)])
        layout.check(coefs, intercepts)
        self.given = (*coefs, *intercepts)
        usable_coefs = [np.require(coef, dtype, ["C", "A"]) for coef in coefs]
        usable_intercepts = [np.require(intercept, dtype, ["C", "A"]) for intercept in intercepts]
        super().__init__(layout, activations, loss, dtype, usable_coefs, usable_intercepts)
