"""Small networks for tables with random parameters, their rows in guarded memory, and their training."""

import numpy as np
from helpers.guarded import Guarded
from oracles import reference_regularization, reference_tables
from oracles.reference_tables import Network, params_of

from fastmlp.engine.dataset import Dataset
from fastmlp.losses import LOSSES, LogLoss
from fastmlp.regularization import Regularization
from fastmlp.schedules import FlatCosine, LogCosine
from fastmlp.tabular.epoch import TableRunner
from fastmlp.tabular.layout import TableLayout
from fastmlp.tabular.look_ups import LookUps
from fastmlp.tabular.model import TableModel
from fastmlp.tabular.rates import TableRates
from fastmlp.training.config import count_batches
from fastmlp.training.dropout_keys import DropoutKeys

SEED = 12345678901234567890
LABELS = {"loss": LOSSES["log_loss"], "output": "logistic"}
CLASSES = {"loss": LogLoss(label_smoothing=0.1), "output": "softmax"}


def one_hot(at, size, frequent=None):
    """A column that is looked up, behind `at` numbers; of one category, if it is frequent, the zero is squashed too."""
    of_zero, of_one = np.zeros(size), np.linspace(0.9, 1.7, size)
    if frequent is not None:
        of_zero[frequent], of_one[frequent] = -1.5, 0.25
    return at, tuple(of_zero.tolist()), tuple(of_one.tolist())


#: Everything at once.
FULL = Network(
    5, 3, (4, 9), (9, 8), 3, "mish", True, **CLASSES, look_ups=(one_hot(4, 3), one_hot(4, 14, 9), one_hot(5, 2, 0))
)
ALL_LOOKED_UP = Network(0, 0, (), (9,), 2, "relu", **CLASSES, look_ups=(one_hot(0, 5), one_hot(0, 17, 16)))
FEW_PRODUCTS = Network(1, 1, (3,), (130,), 1, "selu", look_ups=(one_hot(1, 40), one_hot(1, 9)))
#: Name → network, number of rows, rows of a batch, and whether there are sample weights and dropout. Widths are 1,
#: below, at and above a vector of 8, and several tiles; batches have a last block, or a last batch, that is incomplete.
CASES = {
    "everything": (FULL, 61, 27, True, True),
    "numbers alone, selu": (Network(7, hidden=(130, 7), n_outputs=2, activation="selu"), 50, 50, False, False),
    "no hidden layer": (Network(3, 3, (3,), (), 1), 41, 33, True, False),
    "no hidden layer, labels": (Network(2, 0, (3, 2), (), 3, **LABELS), 23, 9, False, False),
    "one neuron each, slopes": (Network(1, 1, (), (1, 1), 1, "tanh", True), 17, 8, True, True),
    "a rectifier, slopes": (Network(8, 1, (), (8, 130), 1, "relu", True), 35, 35, False, True),
    "a rectifier, dropout": (Network(9, 2, (5,), (8, 9), 2, "relu", False, **LABELS), 45, 16, True, True),
    "codes alone": (Network(0, 0, (3, 20, 2), (7,), 4, "selu", True, **CLASSES), 66, 40, False, False),
    "many embedded": (Network(20, 20, (), (16,), 2, "mish", False, **CLASSES), 39, 39, False, True),
    "looked up alone": (ALL_LOOKED_UP, 40, 26, True, True),
    "one column, looked up": (Network(0, look_ups=(one_hot(0, 6, 2),)), 38, 19, False, False),
    "few are not looked up": (FEW_PRODUCTS, 47, 47, False, False),
    "split by columns": (Network(2, 2, (6,), (130, 130), 1, "mish", True), 70, 70, True, False),
}
#: First layers that are large: kept in panels, but not behind embeddings.
_LARGE = {"hidden": (130,), "n_outputs": 2, "activation": "mish", **CLASSES}
LARGE = Network(1030, **_LARGE, learn_slopes=True, look_ups=(one_hot(77, 19, 3),)), 43, 43, True, False
LARGE_EMBEDDED = Network(900, 40, **_LARGE), 43, 43, True, False


def make_model(network, dtype, rng, spread=1.0):
    """A `TableModel` with random parameters; scales and slopes are about 1."""
    layout = TableLayout(
        network.n_plain_inputs, network.hidden, network.n_outputs, network.n_periodic, network.table_sizes,
        network.learn_slopes, look_ups_of(network),
    )  # fmt: skip
    activations = [network.activation] * len(network.hidden) + [network.output]
    model = TableModel(layout, activations, network.loss, dtype)
    model.params[...] = 0.4 * spread * rng.standard_normal(layout.size)
    for coef in model.coefs:
        coef[...] = spread * rng.standard_normal(coef.shape) / np.sqrt(len(coef))
    for around_one in (layout.scales(model.params), *layout.slopes(model.params)):
        around_one[...] = 1 + 0.2 * rng.standard_normal(around_one.shape)
    return model


def look_ups_of(network):
    """The rows of W of all columns that are looked up, and their values."""
    rows, before = [], 0
    for at, of_zero, _ in network.look_ups:
        rows.append(at + before + np.arange(len(of_zero)))
        before += len(of_zero)
    if not rows:
        return None
    of_zero, of_one = (np.concatenate([column[part] for column in network.look_ups]) for part in (1, 2))
    return LookUps([len(each) for each in rows], np.concatenate(rows), of_zero, of_one)


def make_empty(network, dtype):
    """A model whose parameters are all to be overwritten."""
    model = make_model(network, dtype, np.random.RandomState(0))
    model.params[...] = np.nan
    return model


def draw_rows(network, n_rows, dtype, rng, weighted):
    """X, y and weights or None, rounded to the type; each category occurs if there are rows enough."""
    numbers = rng.standard_normal((n_rows, network.n_plain))
    sizes = [*network.table_sizes, *(len(of_zero) + 1 for _, of_zero, _ in network.look_ups)]
    codes = [rng.permutation(np.arange(n_rows) % size) for size in sizes]
    X = np.column_stack([numbers, *codes]).astype(dtype)
    y = rng.standard_normal((n_rows, network.n_outputs))
    if network.output == "softmax":
        y = rng.randint(network.n_outputs, size=(n_rows, 1))
    elif network.output == "logistic":
        y = rng.randint(2, size=(n_rows, network.n_outputs))
    return X, y.astype(dtype), rng.uniform(0.2, 2, n_rows).astype(dtype) if weighted else None


class TableProblem:
    """A model, its rows in guarded memory, and the runner of its epochs.

    Two epochs are made, with schedules of the learning rate, the decay and the dropout.
    """

    def __init__(self, case, dtype, n_threads=1, drop_last=False, epochs=2, epsilon=1e-3, beta_1=0.8):
        self.network, n_rows, self.batch_size, weighted, drops = case
        self.rng = np.random.RandomState(0)
        self.model = make_model(self.network, dtype, self.rng)
        self.start = params_of(self.model)
        self.X, self.y, self.weights = draw_rows(self.network, n_rows, dtype, self.rng, weighted)
        self.guarded = [Guarded(self.X, dtype, stride=self.X.shape[1] + 2), Guarded(self.y, dtype)]
        self.guarded += [Guarded(self.weights, dtype)] if weighted else []
        self.dataset = Dataset(*(guarded.array for guarded in self.guarded))
        assert np.shares_memory(self.dataset.X, self.guarded[0].memory)
        self.order = self.rng.permutation(n_rows).astype(np.int64)
        self.epochs, self.n_batches = epochs, count_batches(n_rows, self.batch_size, drop_last)
        steps = epochs * self.n_batches
        self.rates = TableRates(
            LogCosine(0.02, 7 * steps, 2), beta_1, 0.95, epsilon, FlatCosine(0.3, steps), scale_decay=7.0
        )
        self.dropout = FlatCosine(0.3, 3 * steps) if drops else 0.0
        self.runner = TableRunner(
            self.model, self.dataset, self.rates, self.order, self.batch_size, n_threads,
            Regularization(dropout=self.dropout), DropoutKeys(SEED), epochs, drop_last,
        )  # fmt: skip

    def train(self):
        return [self.runner.run(0.0) for _ in range(self.epochs)]

    def train_plainly(self):
        """(losses of the epochs, parameters by name) by the reference."""
        params, moments, losses, t = self.start, {}, [], 0
        moments = {name: [0.0, 0.0] for name in params}
        weights = np.ones(len(self.X)) if self.weights is None else self.weights
        data = [np.asarray(array, np.float64) for array in (self.X, self.y, weights)]
        for _ in range(self.epochs):
            total = rows = 0
            for first in range(0, self.n_batches * self.batch_size, self.batch_size):
                batch = [array[self.order[first : first + self.batch_size]] for array in data]
                masks, t = self._masks(t, len(batch[0])), t + 1
                eta, decay = float(self.rates.learning_rate(t - 1)), float(self.rates.weight_decay(t - 1))
                loss = reference_tables.train_step(
                    self.network, params, moments, t, batch, self.rates, eta, decay, masks
                )
                total, rows = total + loss * len(batch[0]), rows + len(batch[0])
            losses.append(total / rows)
        return losses, params

    def _masks(self, step, rows):
        """The masks of each layer's inputs, None for those of the first."""
        if not self.dropout:
            return None
        strides, rate = self.runner.workspace.layers["input_stride"].tolist(), float(self.dropout(step))
        plain = reference_regularization
        widths = self.network.widths[:-1]
        return [None] + [
            plain.mask(plain.mask_key(SEED, step, layer), rate, rows, widths[layer], strides[layer])
            for layer in range(1, len(widths))
        ]
