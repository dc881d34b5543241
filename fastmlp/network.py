"""The model in NumPy terms: shape, parameters, and which functions; no scikit-learn in sight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .activations import Activation, as_activation
from .layout import Layout
from .losses import BaseLoss, as_loss
from .workspace import aligned


class Network:
    """A multi-layer perceptron: every parameter in one flat vector, layers as views of it.

    Parameters
    ----------
    units : sequence of int
        Width of every layer: features, hidden layers, outputs.
    activations : sequence of (str or Activation)
        One for each layer but the input.
    loss : str or BaseLoss
        A name from `losses.LOSSES`, or an object.
    dtype : numpy type
        float32 or float64: parameters and arithmetic.

    Attributes
    ----------
    params : ndarray of shape (layout.size,)
    coefs, intercepts : list of ndarray
        Views of `params`: (fan_in, fan_out) and (fan_out,) for each layer.
    """

    def __init__(
        self, units: Sequence[int], activations: Sequence[str | Activation], loss: str | BaseLoss, dtype: Any
    ) -> None:
        self.layout = Layout(units)
        self.activations = [as_activation(activation) for activation in activations]
        self.loss = as_loss(loss)
        self.dtype = np.dtype(dtype)
        self.params = aligned(self.layout.size, self.dtype)
        self.coefs = self.layout.coefs(self.params)
        self.intercepts = self.layout.intercepts(self.params)
        self.given: tuple = ()

    @classmethod
    def around(
        cls, coefs: Sequence, intercepts: Sequence, activations: Sequence, loss: str | BaseLoss, dtype: Any
    ) -> Network:
        """A network on arrays as they are, for prediction: without `params`, and copied only where it must be.

        Raises
        ------
        ValueError
            If the shapes do not make a network.
        """
        units = [np.shape(coefs[0])[0], *(np.shape(coef)[-1] for coef in coefs)]
        network = cls.__new__(cls)
        network.layout = Layout(units)
        network.layout.check(coefs, intercepts)
        network.activations, network.loss = [as_activation(activation) for activation in activations], as_loss(loss)
        network.dtype = np.dtype(dtype)
        network.coefs = [np.require(coef, dtype, ["C", "A"]) for coef in coefs]
        network.intercepts = [np.require(intercept, dtype, ["C", "A"]) for intercept in intercepts]
        network.given = (*coefs, *intercepts)
        return network

    @property
    def output_activation(self) -> Activation:
        """That of the last layer."""
        return self.activations[-1]
