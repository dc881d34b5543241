"""The model in NumPy terms: shape, parameters, and which functions; no scikit-learn in sight."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .activations import ACTIVATIONS
from .layout import Layout
from .losses import LOSSES
from .workspace import aligned


class Network:
    """A multi-layer perceptron: every parameter in one flat vector, layers as views of it.

    Parameters
    ----------
    units : sequence of int
        Width of every layer: features, hidden layers, outputs.
    activation, output_activation : str
        Of the hidden layers, of the output.
    loss : str
        'log_loss', 'squared_error' or 'poisson'.
    dtype : numpy type
        float32 or float64: parameters and arithmetic.

    Attributes
    ----------
    params : ndarray of shape (layout.size,)
    coefs, intercepts : list of ndarray
        Views of `params`: (fan_in, fan_out) and (fan_out,) for each layer.
    """

    def __init__(
        self, units: Sequence[int], activation: str, output_activation: str, loss: str, dtype: Any
    ) -> None:
        self.layout = Layout(units)
        self.activation = activation
        self.output_activation = output_activation
        self.loss = loss
        self.dtype = np.dtype(dtype)
        self.params = aligned(self.layout.size, self.dtype)
        self.coefs = self.layout.coefs(self.params)
        self.intercepts = self.layout.intercepts(self.params)
        self.given: tuple = ()

    @classmethod
    def around(
        cls, coefs: Sequence, intercepts: Sequence, activation: str, output_activation: str, loss: str, dtype: Any
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
        network.activation, network.output_activation, network.loss = activation, output_activation, loss
        network.dtype = np.dtype(dtype)
        network.coefs = [np.require(coef, dtype, ["C", "A"]) for coef in coefs]
        network.intercepts = [np.require(intercept, dtype, ["C", "A"]) for intercept in intercepts]
        network.given = (*coefs, *intercepts)
        return network

    def activation_addresses(self) -> list[int]:
        """The compiled activation of each layer."""
        hidden = ACTIVATIONS[self.activation].address(self.dtype) if len(self.layout.shapes) > 1 else 0
        output = ACTIVATIONS[self.output_activation].address(self.dtype)
        return [hidden] * (len(self.layout.shapes) - 1) + [output]

    def loss_address(self) -> int:
        """The compiled loss, with its output activation and delta."""
        return LOSSES[self.loss, self.output_activation].address(self.dtype)
