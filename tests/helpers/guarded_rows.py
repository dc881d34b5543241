"""A problem's rows in guarded memory, and checks after a pass over them."""

import numpy as np
import scipy.sparse
from helpers.guarded import Guarded, assert_lines_are_zero
from oracles import reference_optimizers

from fastmlp.engine.dataset import Dataset


class GuardedRows:
    """The problem's rows, with every array in guarded memory, and gaps between the rows of X."""

    def __init__(self, problem):
        dtype = problem.network.dtype
        self.guarded = [Guarded(problem.y, dtype)]
        weights = None
        if problem.weights is not None:
            self.guarded.append(Guarded(problem.weights, dtype))
            weights = self.guarded[-1].array
        if problem.sparse:
            X = scipy.sparse.csr_matrix(problem.X)
            self.dataset = Dataset(X, self.guarded[0].array, weights)
            for name, kind in (("indptr", np.int64), ("indices", np.int32), ("values", dtype)):
                self.guarded.append(Guarded(getattr(self.dataset, name), kind))
                setattr(self.dataset, name, self.guarded[-1].array)
        else:
            self.guarded.append(Guarded(problem.X, dtype, stride=problem.X.shape[1] + 2))
            self.dataset = Dataset(self.guarded[-1].array, self.guarded[0].array, weights)
            assert np.shares_memory(self.dataset.X, self.guarded[-1].memory)

    def assert_untouched(self):
        for guarded in self.guarded:
            guarded.assert_untouched()


def assert_nothing_written_beside(network, workspace):
    for buffer in [network.params, *workspace.buffers.values()]:
        assert_lines_are_zero(buffer)


def take_step(optimizer, t, eta, p, g, moments, weights):
    return reference_optimizers.update(optimizer, p, g, moments, t, eta, weights)
