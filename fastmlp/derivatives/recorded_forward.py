"""`RecordedForward`: a forward pass that keeps every layer's values, and derivatives pulled back through it.

For everything beyond outputs, losses and gradients (which kernels compute in blocks of rows): values inside the
network, derivatives of outputs, second derivatives. Products are NumPy's; activations and losses are the compiled
kernels, so that all of them can be used here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..activations import BaseActivation
from ..engine.model import Model


def activate(activation: BaseActivation, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """f(z) and f′(z) of pre-activations z (B, O); behind softmax, which mixes a row's outputs, f′ is ones."""
    a, derivative = z.copy(), np.ones_like(z)
    constants = np.array(activation.constants, np.float64)
    if a.size:
        entry = activation.kernel.entry(a.dtype)
        entry(a.ctypes.data, derivative.ctypes.data, len(a), a.shape[1], a.shape[1], constants.ctypes.data)
    return a, derivative


class RecordedForward:
    """One forward pass of B rows; layer l has I inputs and O outputs.

    Parameters
    ----------
    model : Model
    X : ndarray or CSR matrix of shape (B, n_features)
        In the model's type.

    Attributes
    ----------
    inputs : list
        (B, I) for each layer: what comes in, X first.
    pre_activations, outputs, derivatives : list of ndarray
        (B, O) for each layer: z, a = f(z) and f′(z).
    """

    def __init__(self, model: Model, X: Any) -> None:
        self.model = model
        self.inputs = [X]
        self.pre_activations: list[np.ndarray] = []
        self.outputs: list[np.ndarray] = []
        self.derivatives: list[np.ndarray] = []
        for coef, intercept, activation in zip(model.coefs, model.intercepts, model.activations, strict=True):
            z = np.asarray(self.inputs[-1] @ coef)
            z += intercept
            a, derivative = activate(activation, z)
            self.pre_activations.append(z)
            self.derivatives.append(derivative)
            self.outputs.append(a)
            self.inputs.append(a)
        self.inputs.pop()

    def loss_delta(self, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Compute d (Σ wᵢ lossᵢ) / d z of the output layer, (B, O), by the loss's own kernel.

        y (B, n_targets) and weights (B,) are in the model's type.
        """
        loss, output = self.model.loss_function, self.model.output_activation
        reads_outputs = not loss.is_fused(output)
        z = self.outputs[-1].copy() if reads_outputs else self.pre_activations[-1].copy()
        delta = self.derivatives[-1].copy()
        target, weight = np.ascontiguousarray(y), np.repeat(weights[:, np.newaxis], y.shape[1], axis=1)
        losses = np.empty(y.shape)
        constants = np.array(loss.constants(output, z.shape[1]), np.float64)
        addresses = [array.ctypes.data for array in (z, delta, target, weight, losses)]
        loss.kernel(output).entry(z.dtype)(*addresses, *z.shape, y.shape[1], constants.ctypes.data)
        return through_softmax(self.outputs[-1], delta) if reads_outputs and not output.is_elementwise else delta

    def output_delta(self, d_outputs: np.ndarray) -> np.ndarray:
        """d/dz of the output layer from d/da, (B, O) or (B, K, O) for K numbers that are differentiated at once."""
        if not self.model.output_activation.is_elementwise:
            return through_softmax(_beside(self.outputs[-1], d_outputs), d_outputs)
        delta: np.ndarray = d_outputs * _beside(self.derivatives[-1], d_outputs)
        return delta

    def pull_back(self, delta: np.ndarray) -> list[np.ndarray]:
        """d/dz of every layer from that of the output layer, (B, O) or (B, K, O) each."""
        deltas = [delta]
        for coef, derivative in zip(self.model.coefs[:0:-1], self.derivatives[-2::-1], strict=True):
            below = deltas[-1] @ coef.T
            below *= _beside(derivative, below)
            deltas.append(below)
        return deltas[::-1]

    def gradient(self, deltas: list[np.ndarray]) -> np.ndarray:
        """Compute the gradient of all parameters, summed over the rows, (n_params,), from `pull_back`'s list."""
        layout = self.model.layout
        gradient = np.empty(layout.size, self.model.dtype)
        for d_coef, inp, delta in zip(layout.coefs(gradient), self.inputs, deltas, strict=True):
            d_coef[...] = inp.T @ delta
        for d_intercept, delta in zip(layout.intercepts(gradient), deltas, strict=True):
            d_intercept[...] = delta.sum(axis=0)
        return gradient


def through_softmax(a: np.ndarray, d: np.ndarray) -> np.ndarray:
    """Compute the product of d and the Jacobian of a = softmax(z), row by row; the Jacobian is symmetric."""
    product: np.ndarray = a * (d - (a * d).sum(axis=-1, keepdims=True))
    return product


def _beside(values: np.ndarray, other: np.ndarray) -> np.ndarray:
    """View of values (B, O) that broadcasts with `other`, (B, O) or (B, K, O)."""
    return values if other.ndim == 2 else values[:, np.newaxis]
