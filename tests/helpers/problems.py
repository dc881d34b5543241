"""Small seeded problems: a network with random parameters, rows, targets that its loss allows, and weights."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse
from oracles import reference

from fastmlp.compiler import cpu as host
from fastmlp.engine.dataset import Dataset
from fastmlp.engine.model import TrainableModel

HIDDEN = ["identity", "logistic", "tanh", "relu"]

#: Name → (loss, output activation), number of outputs.
TASKS = {
    "softmax log loss": (("log_loss", "softmax"), 3),
    "logistic log loss": (("log_loss", "logistic"), 1),
    "multi-label": (("log_loss", "logistic"), 3),
    "squared error, 1 output": (("squared_error", "identity"), 1),
    "squared error, 3 outputs": (("squared_error", "identity"), 3),
    "poisson": (("poisson", "exp"), 1),
}


@dataclass
class Problem:
    """A network and its training data, rounded to the network's type."""

    network: TrainableModel
    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None
    loss: tuple[str, str]
    activation: str
    sparse: bool = False

    @property
    def dataset(self):
        return Dataset(scipy.sparse.csr_matrix(self.X) if self.sparse else self.X, self.y, self.weights)

    def in_float64(self):
        """coefs, intercepts and (X, y, weights) as copies in float64, for references."""
        weights = np.ones(len(self.X)) if self.weights is None else self.weights
        arrays = self.network.coefs, self.network.intercepts, (self.X, self.y, weights)
        return tuple([array.astype(np.float64) for array in some] for some in arrays)


def draw_targets(rng, loss, rows, columns):
    """Class numbers, zeros and ones, counts (some of them zero), or any numbers: (rows, n_targets)."""
    if loss == ("log_loss", "softmax"):
        return rng.randint(columns, size=(rows, 1)).astype(float)
    if loss == ("log_loss", "logistic"):
        return rng.randint(2, size=(rows, columns)).astype(float)
    if loss == ("poisson", "exp"):
        return rng.poisson(1.0, size=(rows, columns)).astype(float)
    return rng.standard_normal((rows, columns))


def make_problem(
    task,
    *,
    features=3,
    hidden=(5, 4),
    activation="tanh",
    rows=7,
    dtype=np.float64,
    weighted=False,
    sparse=False,
    seed=0,
):
    """A problem of `TASKS`, with parameters of the size of initial ones, and inputs of which half are zero."""
    rng = np.random.RandomState(seed)
    loss, n_outputs = TASKS[task]
    network = TrainableModel([features, *hidden, n_outputs], [activation] * len(hidden) + [loss[1]], loss[0], dtype)
    for coef, intercept in zip(network.coefs, network.intercepts, strict=True):
        coef[...] = rng.standard_normal(coef.shape) / np.sqrt(len(coef))
        intercept[...] = rng.standard_normal(intercept.shape) * 0.3
    X = (rng.standard_normal((rows, features)) * rng.randint(2, size=(rows, features))).astype(dtype)
    y = draw_targets(rng, loss, rows, n_outputs).astype(dtype)
    weights = rng.uniform(0.5, 2.0, rows) * (rng.uniform(size=rows) < 0.8)  # some rows have weight zero
    weights[0] = 1.0
    return Problem(network, X, y, weights.astype(dtype) if weighted else None, loss, activation, sparse)


def batches_with_weight(batch, order, batch_size):
    """(X, y, weights) of each batch whose weights are not all zero: other batches make no step."""
    for start in range(0, len(order), batch_size):
        X, y, weights = (array[order[start : start + batch_size]] for array in batch)
        if weights.sum():
            yield X, y, weights


def lanes(dtype):
    """Elements in one vector register of this host."""
    return host.VECTOR_BITS // (8 * np.dtype(dtype).itemsize)


def assert_weight_copies_are_current(workspace):
    """Transposed weights and panels hold the current weights."""
    width = lanes(workspace.dtype)
    for number, coef in enumerate(workspace.network.coefs):
        pairs = []
        weight_copy = workspace.buffers.get(f"transposed {number}")
        if workspace.layers["panels"][number]:
            pairs.append((workspace.buffers[f"panels {number}"], reference.to_panels(coef, width, len(coef))))
            if weight_copy is not None:
                pairs.append((weight_copy, reference.to_panels(coef.T, width, coef.shape[1])))
        elif weight_copy is not None:
            pairs.append((weight_copy[:, : len(coef)].copy(), coef.T.ravel()))
        for got, expected in pairs:
            there = ~np.isnan(expected)  # not the padding
            assert np.array_equal(got.ravel()[: expected.size][there], expected[there]), number
