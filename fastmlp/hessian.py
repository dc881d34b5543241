"""The loss's second derivative, as what it makes of a vector."""

from __future__ import annotations

from typing import Any

import numpy as np

from .model import TrainableModel
from .trace import Trace


class Hessian:
    """H = ∇² (Σ wᵢ lossᵢ / Σ wᵢ + α / (2 Σ wᵢ) Σ weight²) at the model's parameters, never written out.

    Along a direction v, with R{·} = ∂/∂r at r = 0 of the same thing at params + r v, the product H v = R{∇ loss} takes
    one more pass forward and one back::

        R{z} = R{a below} W + a below V + v          R{a} = f′ R{z}
        R{delta} = (R{delta above} Wᵀ + delta above Vᵀ) f′ + (delta above Wᵀ) f″ R{z}
        R{∇W} = R{a below}ᵀ delta + a belowᵀ R{delta}          R{∇b} = Σ R{delta}

    It is exact, and costs about as much as two gradients. All rows' values are kept: B rows of all layers' widths.

    Source: Pearlmutter (1994), "Fast exact multiplication by the Hessian".

    Parameters
    ----------
    model : TrainableModel
    X : ndarray or CSR matrix of shape (B, n_features)
    y : ndarray of shape (B, n_targets)
    weights : ndarray of shape (B,)
        All in the model's type.
    l2 : float
        α, for weights and not for biases.

    Raises
    ------
    ValueError
        If an activation or the loss brings no second derivative.
    """

    def __init__(self, model: TrainableModel, X: Any, y: np.ndarray, weights: np.ndarray, l2: float = 0.0) -> None:
        check_twice_differentiable(model)
        self.model = model
        self.trace = trace = Trace(model, X)
        total = weights.sum(dtype=np.float64)
        weights = (weights / total).astype(model.dtype)
        self.l2 = l2 / total
        self.deltas = trace.pull_back(trace.loss_delta(y, weights))
        #: For each hidden layer (delta above Wᵀ) f″.
        self.bends = [
            (delta @ coef.T) * activation.curvature(z)  # type: ignore[misc]
            for delta, coef, activation, z in zip(
                self.deltas[1:], model.coefs[1:], model.activations, trace.pre_activations, strict=False
            )
        ]
        self._describe_output(y, weights[:, np.newaxis])

    def _describe_output(self, y: np.ndarray, weights: np.ndarray) -> None:
        """What `_output_change` needs to know of the output layer."""
        trace, loss, output = self.trace, self.model.loss_function, self.model.output_activation
        a, slope = trace.outputs[-1], trace.derivatives[-1]
        self.is_softmax, self.is_canonical = output.name == "softmax", output.name in loss.canonical
        self.weights = weights
        if self.is_canonical:
            self.change = weights * slope
            return
        g, h = loss.output_derivatives(a, y)  # type: ignore[misc]
        if self.is_softmax:
            self.first, self.second = g, h
            self.excess = g - (a * g).sum(axis=1, keepdims=True)
        else:
            self.change = weights * (h * slope**2 + g * output.curvature(trace.pre_activations[-1]))  # type: ignore[misc]

    def _output_change(self, change: np.ndarray) -> np.ndarray:
        """R{delta} of the output layer from its R{z}."""
        if not self.is_softmax:
            return change * self.change
        a = self.trace.outputs[-1]
        change_a = a * (change - (a * change).sum(axis=1, keepdims=True))
        if self.is_canonical:
            return self.weights * change_a
        change_g = self.second * change_a
        of_mean = (change_a * self.first + a * change_g).sum(axis=1, keepdims=True)
        return self.weights * (change_a * self.excess + a * (change_g - of_mean))

    def __matmul__(self, vector: np.ndarray) -> np.ndarray:
        """H v, (n_params,) in the model's type, for v (n_params,)."""
        model, trace, layout = self.model, self.trace, self.model.layout
        coefs, intercepts = layout.coefs(vector), layout.intercepts(vector)
        changes: list[np.ndarray] = []  # R{z} of each layer
        outputs: list[np.ndarray] = []  # R{a} of each layer
        for number, inp in enumerate(trace.inputs):
            change = inp @ coefs[number]
            change += intercepts[number]
            if number:
                change += outputs[-1] @ model.coefs[number]
            changes.append(change)
            outputs.append(change * trace.derivatives[number])
        product = np.empty_like(model.params)
        d_coefs, d_intercepts = layout.coefs(product), layout.intercepts(product)
        delta = self._output_change(changes[-1])
        for number in reversed(range(len(coefs))):
            d_coefs[number][...] = trace.inputs[number].T @ delta
            d_intercepts[number][...] = delta.sum(axis=0)
            if number:
                d_coefs[number] += outputs[number - 1].T @ self.deltas[number]
                delta = delta @ model.coefs[number].T
                delta += self.deltas[number] @ coefs[number].T
                delta *= trace.derivatives[number - 1]
                delta += self.bends[number - 1] * changes[number - 1]
            if self.l2:
                d_coefs[number] += self.l2 * coefs[number]
        return product


def check_twice_differentiable(model: TrainableModel) -> None:
    """Whether f″ and the loss's second derivative are known.

    Raises
    ------
    ValueError
        If one is missing.
    """
    loss, output = model.loss_function, model.output_activation
    canonical = output.name in loss.canonical
    needed = model.activations[:-1] if canonical or output.name == "softmax" else model.activations
    for activation in needed:
        if activation.curvature is None:
            raise ValueError(
                f"activation={activation.name!r} brings no second derivative (curvature), which a Hessian needs: "
                "give it one, or use a solver that needs none."
            )
    if not canonical and loss.output_derivatives is None:
        raise ValueError(
            f"loss={loss.name!r} brings no second derivative (output_derivatives), which a Hessian needs: "
            "give it one, or use a solver that needs none."
        )
