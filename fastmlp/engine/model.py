"""What the kernels run on: the network's shape, its functions, and the arrays that its parameters lie in."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Any, SupportsIndex

import numpy as np

from ..activations import BaseActivation, as_activation
from ..common.checks import as_real, counted
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

    matmul_precision = "float32"  # or another one of `engine.matmul_precision`, in float32 only

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
    def n_features(self) -> int:
        """Columns of the data that the network reads."""
        return self.layout.layer_sizes[0]

    @property
    def output_activation(self) -> BaseActivation:
        """The activation of the last layer."""
        return self.activations[-1]


class TrainableModel(Model):
    """Every parameter in one flat vector, `params` (layout.size,); `coefs` and `intercepts` are views of it.

    Copies and unpickled models have parameters of their own, and otherwise the attributes of the original, those that a
    user or a subclass has added included; `__init__` is not called.

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
        if layout.size > sys.maxsize >> 6:
            raise MemoryError(f"layers {layout.layer_sizes} have {layout.size} parameters, more than memory can hold.")
        self.params = buffers.aligned(layout.size, dtype)
        self._views = make_views(layout, self.params)
        super().__init__(layout, activations, loss, dtype, *self._views)

    @property  # type: ignore[override]
    def coefs(self) -> _Views:
        """Weights of each layer, (fan_in, fan_out): views of `params`."""
        return self._own_views()[0]

    @coefs.setter
    def coefs(self, arrays: Any) -> None:
        self._own_views()[0].fill("coefs", arrays)

    @property  # type: ignore[override]
    def intercepts(self) -> _Views:
        """Biases of each layer, (fan_out,): views of `params`."""
        return self._own_views()[1]

    @intercepts.setter
    def intercepts(self, arrays: Any) -> None:
        self._own_views()[1].fill("intercepts", arrays)

    def _own_views(self) -> tuple[_Views, _Views]:
        """Return the views; make them where a subclass's `__setstate__` has set the other attributes alone."""
        if "_views" not in self.__dict__:
            self._views = make_views(self.layout, self.params)
        return self._views

    def astype(self, dtype: Any) -> TrainableModel:
        """Return the same network with parameters of its own, in another type; products in float64 read all bits."""
        converted = TrainableModel(self.layout.layer_sizes, self.activations, self.loss_function, dtype)
        if converted.dtype == np.float32:
            converted.matmul_precision = self.matmul_precision
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
        whole = not isinstance(memory, np.ndarray) or (  # other memory cannot be resized
            _address(memory) <= start <= _address(memory) + memory.nbytes - params.nbytes
        )
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
        if name != "params" or "params" not in self.__dict__:
            super().__setattr__(name, value)
            return
        array = as_real("params", value)
        if array.ndim and array.shape != self.params.shape:
            raise ValueError(f"params has shape {self.params.shape}, got {array.shape}.")
        self.params[...] = array

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        """As of any object, but a copy gets parameters of its own, whatever a subclass's `__getstate__` returns."""
        if "params" in self.__dict__:
            self.check_memory()
        reduced = super().__reduce_ex__(max(int(protocol), 2))
        if not isinstance(reduced, tuple) or len(reduced) < 3:
            return reduced
        made, arguments, state, *rest = reduced
        if isinstance(state, tuple) and len(state) == 2:  # a subclass has __slots__
            return made, arguments, (self._without_views(state[0]), state[1]), *rest
        return made, arguments, self._without_views(state), *rest

    def _without_views(self, state: Any) -> Any:
        """Return the attributes with a copy of the parameters, and without views of the original."""
        if not isinstance(state, dict) or "params" not in self.__dict__ or state.get("params") is not self.params:
            return state
        kept = {name: value for name, value in state.items() if name != "_views"}
        return {**kept, "params": np.array(self.params)}

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, np.ndarray):  # pickles of earlier versions, which have called the class
            self.params = state
            return
        attributes, slots = state if isinstance(state, tuple) else (state, None)
        self.__dict__.update(attributes or {})
        for name, value in (slots or {}).items():
            setattr(self, name, value)
        if "params" in self.__dict__:
            params = buffers.aligned(self.layout.size, self.dtype)
            params[...] = self.params
            self.__dict__.update(params=params, _views=make_views(self.layout, params))


def _address(array: np.ndarray) -> int:
    """Address of the first element; much faster than `ctypes.data`."""
    return int(array.__array_interface__["data"][0])


class _Views(tuple[np.ndarray, ...]):
    """Views of the parameters, one for each layer; assigning to an entry copies into the view."""

    def __setitem__(self, number: int, value: Any) -> None:
        self.check(number, value)
        self[number][...] = value

    def fill(self, name: str, arrays: Any) -> None:
        """Copy one array into each view; nothing is copied if one of them is refused."""
        if arrays is self:
            return
        if isinstance(arrays, str) or not isinstance(arrays, Iterable):
            raise TypeError(f"{name} must be a list of arrays, one for each of {len(self)} layers, got {arrays!r}.")
        each = list(arrays)
        if len(each) != len(self):
            raise ValueError(f"{name} holds {counted(len(each), 'array')}; this network needs {len(self)}.")
        copies = [np.array(as_real(f"{name}[{number}]", array)) for number, array in enumerate(each)]
        for number, array in enumerate(copies):  # copies: they may be views of these very parameters
            self.check(number, array)
        for view, array in zip(self, copies, strict=True):
            view[...] = array

    def check(self, number: int, value: Any) -> None:
        """Refuse values that do not have the layer's shape."""
        if isinstance(number, slice):
            raise TypeError("assign to one layer's array at a time, or to all of them at once.")
        shape = as_real(f"the array of layer {number}", value).shape
        if shape != self[number].shape:
            raise ValueError(f"Layer {number} has an array of shape {self[number].shape} here, got {shape}.")


def make_views(layout: Layout, params: np.ndarray) -> tuple[_Views, _Views]:
    """Return views of the weights and of the biases in a vector of parameters."""
    return _Views(layout.coefs(params)), _Views(layout.intercepts(params))


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
