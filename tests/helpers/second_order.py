"""Helpers of the tests of both second-order solvers."""

import numpy as np

from fastmlp import Network
from fastmlp.engine.dataset import Dataset
from fastmlp.optimizers import Adam
from fastmlp.training.progress import Progress

#: One period of a sine.
ANGLES = np.linspace(-np.pi, np.pi, 50)[:, np.newaxis]
SINES = np.sin(ANGLES)


class Noted(Progress):
    """Progress that records its calls, and raises KeyboardInterrupt after so many steps, if given."""

    def __init__(self, interrupt_after=None):
        super().__init__(False)
        self.losses, self.interrupt_after = [], interrupt_after

    def epoch(self, number, loss):
        self.losses.append(loss)
        assert number == len(self.losses)
        if number == self.interrupt_after:
            raise KeyboardInterrupt


def solve(solver, network, X, y, weights=None, *, l2=0.0, max_iter=200, tol=1e-9, progress=None):
    """Run `newton_cg` or `levenberg_marquardt` on plain arrays."""
    rows = Dataset(X, np.asarray(y, network.dtype), weights, network.dtype)
    return solver(network, rows, l2=l2, max_iter=max_iter, tol=tol, progress=progress or Noted())


def gradient_with_penalty(network, X, y, weights, l2):
    """The gradient of (Σ w loss + ½ l2 Σ weight²) / Σ w, by the public `Network`."""
    total = len(y) if weights is None else weights.sum()
    _, coef_grads, intercept_grads = network.loss_and_gradients(X, y, weights)
    coef_grads = [grad + l2 / total * coef for grad, coef in zip(coef_grads, network.coefs, strict=True)]
    return np.concatenate([g.ravel() for g in (*coef_grads, *intercept_grads)])


def sine_network(seed):
    """A 1-10-1 network with random biases: with zeros it would be an odd function, as the sine is, and stay one."""
    network = Network([1, 10, 1], ["tanh", "identity"], "half_squared_error")
    network.initialize("sklearn", random_state=seed)
    return network


def adam_on_sines(rate, steps, seed):
    """The loss after so many full-batch steps of Adam."""
    network, times = sine_network(seed), 500  # one epoch of many batches, each with all rows
    X, y = np.tile(ANGLES, (times, 1)), np.tile(SINES, (times, 1))
    network.train(X, y, Adam(rate), epochs=-(-steps // times), batch_size=len(ANGLES))
    return network.loss(ANGLES, SINES)
