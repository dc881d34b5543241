"""Every loss with its possible output activations: `CASES`, and helpers of their tests."""

import math
from dataclasses import dataclass

import numpy as np
from oracles import reference_losses

from fastmlp import Activation
from fastmlp.engine.dataset import Dataset
from fastmlp.losses.base import BaseLoss
from fastmlp.losses.outputs import name_of
from fastmlp.network import Network


def half_tanh(z):
    """A custom activation with values in (0, 1)."""
    return 0.5 + 0.5 * math.tanh(z)


def half_tanh_derivative(z):
    return 0.5 - 0.5 * math.tanh(z) ** 2


OWN = {"half_tanh": Activation(half_tanh, half_tanh_derivative)}


def _cases():
    for row in reference_losses.CASES.values():
        for loss, outputs in row.objects:
            yield from ((loss, output, n_outputs) for output, n_outputs in outputs)


#: Readable name → (loss, output activation, number of outputs).
CASES = {f"{loss}, {output}, {n}": (loss, output, n) for loss, output, n in _cases()}


def activation(name):
    """A custom activation of `OWN`, or the name of a built-in one."""
    return OWN.get(name, name)


def draw_targets(rng, loss, output, n, n_outputs):
    """Targets (n, n_targets) that the loss allows, not at its kinks."""
    width = loss.n_targets(output, n_outputs)
    if loss.kinds == ("classifier",):
        return rng.randint(2 if width == n_outputs else n_outputs, size=(n, width)).astype(float)
    if loss.natural["regression"] == "exp":
        zeros = rng.randint(2, size=(n, width)) if loss._p < 2 else 1
        return rng.uniform(0.2, 3.0, (n, width)) * zeros
    return rng.standard_normal((n, width))


@dataclass
class Problem:
    network: Network
    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None
    loss: BaseLoss
    output: str

    @property
    def dataset(self):
        return Dataset(self.X, self.y, self.weights)


def make_problem(case, *, hidden=(4,), hidden_activation="tanh", rows=6, dtype=np.float64, weighted=True, seed=0):
    """A small network with random parameters; some of the rows have weight zero."""
    loss, output, n_outputs = case
    rng = np.random.RandomState(seed)
    activations = [*[hidden_activation] * len(hidden), activation(output)]
    network = Network([3, *hidden, n_outputs], activations, loss, dtype)
    for coef, intercept in zip(network.coefs, network.intercepts, strict=True):
        coef[...] = rng.standard_normal(coef.shape) / np.sqrt(len(coef))
        intercept[...] = rng.standard_normal(intercept.shape) * 0.3
    X = rng.standard_normal((rows, 3)) * (rng.uniform(size=(rows, 3)) < 0.7)
    y = draw_targets(rng, loss, output, rows, n_outputs)
    weights = rng.uniform(0.5, 2.0, rows) * (rng.uniform(size=rows) < 0.8)
    weights[0] = 1.0
    weights = weights.astype(dtype) if weighted else None
    return Problem(network, X.astype(dtype), y.astype(dtype), weights, loss, name_of(output))
