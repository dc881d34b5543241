"""`Hessian`: products of the loss's second derivative with a vector."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse

from ..activations import as_written
from ..engine.model import TrainableModel
from ..losses import second_derivative_times
from .recorded_forward import RecordedForward, through_softmax


class Hessian:
    """H = ∇² (Σ wᵢ lossᵢ / Σ wᵢ + α / (2 Σ wᵢ) Σ weight²) at the model's parameters, never stored as a matrix.

    Along a direction (V, v), with R{·} = ∂/∂r at r = 0 of the same thing at (W + r V, b + r v), the product is
    R{∇ loss}, for one more pass forward and one back::

        R{z} = R{a below} W + a below V + v            R{a} = f′ R{z}
        R{delta below} = (R{delta} Wᵀ + delta Vᵀ) f′ + (delta Wᵀ) f″ R{z below}
        R{∇W} = R{a below}ᵀ delta + a belowᵀ R{delta}          R{∇b} = Σ R{delta}

    It is exact, and costs about as much as two gradients. All rows' values are kept as long as the object: a few times
    rows × Σ layer_sizes numbers.

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
        If an activation or the loss has no second derivative.
    """

    def __init__(self, model: TrainableModel, X: Any, y: np.ndarray, weights: np.ndarray, l2: float = 0.0) -> None:
        check_twice_differentiable(model)
        total = weights.sum(dtype=np.float64)
        weights = (weights / total).astype(model.dtype)
        trace = RecordedForward(model, X)
        deltas = trace.pull_back(trace.loss_delta(y, weights))
        ones = np.ones((len(y), 1), model.dtype)
        self.l2 = l2 / total
        self.vector, self.product = np.empty_like(model.params), np.empty_like(model.params)
        self.directions, self.products = model.layout.blocks(self.vector), model.layout.blocks(self.product)
        self.inputs = (
            scipy.sparse.hstack([X, ones], "csr") if scipy.sparse.issparse(X) else np.concatenate([X, ones], 1)
        )
        self.layers = [_Layer(trace, deltas[number], number) for number in range(1, len(deltas))]
        self.output = _Output(trace, y, weights[:, np.newaxis])

    def __matmul__(self, vector: np.ndarray) -> np.ndarray:
        """H v, (n_params,) in the model's type, for v (n_params,)."""
        self.vector[...] = vector
        change = self.inputs @ self.directions[0]
        for layer, direction in zip(self.layers, self.directions[1:], strict=True):
            change = layer.forward(change, direction)
        delta = self.output.change_of_delta(change)
        for layer, product in zip(self.layers[::-1], self.products[:0:-1], strict=True):
            delta = layer.backward(delta, product)
        self.products[0][...] = self.inputs.T @ delta  # sparse products have no out=
        if self.l2:
            for product, direction in zip(self.products, self.directions, strict=True):
                product[:-1] += self.l2 * direction[:-1]
        return self.product.copy()


class _Layer:
    """Any layer but the first. Sums of products are computed as one product: for few rows, calls take most of the time.

    ::

        inputs (B, 2 I + 1)  = [ R{a below}  a below  1 ]      weights (2 I + 1, O)  = [ W  V  v ], below each other
        deltas (B, 2 O)      = [ R{delta}  delta ]             transposed (2 O, I)   = [ Wᵀ  Vᵀ ], below each other
    """

    def __init__(self, trace: RecordedForward, delta: np.ndarray, number: int) -> None:
        coef, a, z = trace.model.coefs[number], trace.inputs[number], trace.pre_activations[number - 1]
        fan_in, fan_out = coef.shape
        ones, nothing = np.ones((len(a), 1), a.dtype), np.zeros_like(coef)
        self.inputs, self.weights = np.concatenate([a, a, ones], 1), np.concatenate([coef, nothing, nothing[:1]])
        self.deltas, self.transposed = np.concatenate([delta, delta], 1), np.concatenate([coef.T, nothing.T])
        self.derivative = trace.derivatives[number - 1]
        self.second_derivative = (delta @ coef.T) * trace.model.activations[number - 1].second_derivative(z)  # type: ignore[misc]
        # Views of the parts.
        self.change_below, self.below = self.inputs[:, :fan_in], self.inputs[:, fan_in:]
        self.change, self.delta = self.deltas[:, :fan_out], self.deltas[:, fan_out:]
        self.direction, self.direction_transposed = self.weights[fan_in:], self.transposed[fan_out:]

    def forward(self, change: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """R{z} from R{z below}; direction (I + 1, O) holds V and v."""
        self.change_of_z = change
        np.multiply(change, self.derivative, out=self.change_below)
        self.direction[...] = direction
        change_of_next: np.ndarray = self.inputs @ self.weights
        return change_of_next

    def backward(self, change: np.ndarray, product: np.ndarray) -> np.ndarray:
        """R{delta below} from R{delta}; product (I + 1, O) is overwritten with R{∇W} and R{∇b}."""
        np.matmul(self.below.T, change, out=product)
        product[:-1] += self.change_below.T @ self.delta
        self.change[...] = change
        self.direction_transposed[...] = self.direction[:-1].T
        below: np.ndarray = self.deltas @ self.transposed
        below *= self.derivative
        below += self.second_derivative * self.change_of_z
        return below


class _Output:
    """How the output layer's delta changes with its pre-activation.

    Parameters
    ----------
    trace : RecordedForward
    y : ndarray of shape (B, n_targets)
    weights : ndarray of shape (B, 1)
    """

    def __init__(self, trace: RecordedForward, y: np.ndarray, weights: np.ndarray) -> None:
        loss, output, z = trace.model.loss_function, trace.model.output_activation, trace.pre_activations[-1]
        self.a, self.derivative, self.weights = trace.outputs[-1], trace.derivatives[-1], weights
        self.softmax, self.times = not output.is_elementwise, None
        if loss.is_fused(output):
            self.times = loss.fused_derivatives(output, z, y)[1]
            return
        self.first, self.second = loss.output_derivatives(self.a, y)
        if not self.softmax:
            self.second_derivative = self.first * output.second_derivative(z)  # type: ignore[misc]

    def change_of_delta(self, change: np.ndarray) -> np.ndarray:
        """R{delta} from R{z}."""
        if self.times is not None:
            changed = self.times(change)
        elif self.softmax:  # delta = a (g − Σ a g)
            a, g = self.a, self.first
            change_a = through_softmax(a, change)
            change_g = second_derivative_times(self.second, change_a)
            changed = through_softmax(a, change_g) + change_a * (g - (a * g).sum(axis=1, keepdims=True))
            changed -= a * (change_a * g).sum(axis=1, keepdims=True)
        else:  # delta = g f′
            changed = (
                second_derivative_times(self.second, change * self.derivative) * self.derivative
                + self.second_derivative * change
            )
        weighted: np.ndarray = self.weights * changed
        return weighted.astype(change.dtype, copy=False)


def check_twice_differentiable(model: TrainableModel) -> None:
    """Check that f″ of all activations is known; a loss without a second derivative raises by itself.

    Raises
    ------
    ValueError
        If one is missing.
    """
    fused = model.loss_function.is_fused(model.output_activation)
    for activation in model.activations[:-1] if fused else model.activations:
        if activation.second_derivative is None and activation.is_elementwise:
            raise ValueError(
                f"activation={as_written(activation)} has no second derivative, which a Hessian needs: give it one, or "
                "use a solver that needs none."
            )
