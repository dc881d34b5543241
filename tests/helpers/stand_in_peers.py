"""A peer of the benchmarks that trains nothing, and a small case for it."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from benchmarks.cases import Case
from benchmarks.peers import Answer

CASE = Case("small", 40, 3, 2, (4,), 16, epochs=2, loss_band=(0.1, 2.0), peers=("fastmlp", "other"))


class StandIn:
    """A peer that trains nothing: its network is zero except for `output_bias`; without one its loss is log 2."""

    def __init__(self, name, output_bias=0.0, epochs_short=0, reason=None, error=None):
        self.name, self.output_bias, self.epochs_short = name, output_bias, epochs_short
        self.reason, self.error = reason, error

    def missing(self):
        return self.reason

    def prepare(self, case, X, y, epochs, seed):
        trial = StandIn(self.name, self.output_bias, self.epochs_short, error=self.error)
        trial.case, trial.epochs = case, epochs
        return trial

    def fit(self):
        warnings.warn("not converged", ConvergenceWarning, stacklevel=2)
        if self.error:
            raise self.error

    def answer(self):
        weights = [np.zeros(pair) for pair in zip(self.case.widths[:-1], self.case.widths[1:], strict=True)]
        biases = [np.zeros(weight.shape[1]) for weight in weights]
        biases[-1] += self.output_bias
        return Answer(weights, biases, self.epochs - self.epochs_short)
