"""Networks with several activations, for comparison with the scalar differentiator."""

import copy

import numpy as np

from fastmlp import Network

#: Loss → (output activation, number of outputs); other losses of values accept any output activation.
CASES = {
    "half squared error behind logistic": ("half_squared_error", "logistic", 2),
    "half squared error behind identity": ("half_squared_error", "identity", 1),
    "squares behind relu": ("sum_squared_error", "relu", 2),
    "squares behind tanh": ("sum_squared_error", "tanh", 1),
    "squares behind exp": ("sum_squared_error", "exp", 2),
    "log loss of a label": ("log_loss", "logistic", 1),
    "log loss of labels": ("log_loss", "logistic", 3),
    "log loss of classes": ("log_loss", "softmax", 3),
    "poisson": ("poisson", "exp", 2),
}


class Problem:
    """A network with a different activation in each layer, seven rows, and weights; about half of X is zero."""

    def __init__(self, case, hidden=("tanh", "logistic", "relu"), dtype="float64", seed=0):
        loss, output, n_outputs = CASES[case]
        rng = np.random.RandomState(seed)
        widths = [4, 5, 3][: len(hidden)]
        self.net = Network([3, *widths, n_outputs], [*hidden, output], loss, dtype)
        self.net.params = rng.standard_normal(self.net.params.size) * 0.6
        self.X = rng.standard_normal((7, 3)) * rng.randint(2, size=(7, 3))
        if output == "softmax":
            self.y = rng.randint(n_outputs, size=7)
        elif loss == "log_loss":
            self.y = rng.randint(2, size=(7, n_outputs))
        else:
            self.y = rng.poisson(1.5, (7, n_outputs)) if loss == "poisson" else rng.standard_normal((7, n_outputs))
        self.weights = rng.uniform(0.5, 2, 7)
        self.v = rng.standard_normal(self.net.params.size)

    def loss_at(self, params, X=None):
        """The compiled loss at other parameters or inputs."""
        net = copy.copy(self.net)
        net.params = params
        return net.loss(self.X if X is None else X, self.y, self.weights)
