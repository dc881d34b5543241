"""Small fits that use every kernel: each solver on each task, dense and sparse; all optimizers and losses; both types.

Run as a script, it makes all of them and prints, as JSON, where each kernel came from.
"""

import gc
import itertools
import json
import warnings

import numpy as np
import scipy.sparse
from helpers import loss_cases
from helpers.problems import make_problem
from helpers.tables import CASES as TABLES
from helpers.tables import TableProblem
from oracles.reference_losses import QUARTIC
from sklearn.exceptions import ConvergenceWarning

from fastmlp import MLPClassifier, MLPRegressor, Network, Quantile
from fastmlp.activations import ACTIVATIONS
from fastmlp.compiler import cpu
from fastmlp.compiler.numba_backend import Kernel
from fastmlp.engine.dataset import Dataset
from fastmlp.engine.matmul_precision import KERNELS
from fastmlp.engine.model import TrainableModel
from fastmlp.losses import Perceptron
from fastmlp.optimizers import LAMB, OPTIMIZERS, LayerWise, RMSProp
from fastmlp.regularization import Regularization
from fastmlp.tabular.workspace import TablePrediction
from fastmlp.training.dead_units import DeadUnits
from fastmlp.training.dropout_keys import DropoutKeys
from fastmlp.training.epoch import EpochRunner
from fastmlp.training.full_batch_loss import FullBatch
from fastmlp.warmup import needed

SOLVERS = {
    "adam": {"solver": "adam"},
    "nesterov": {"solver": "sgd", "nesterovs_momentum": True, "learning_rate": "adaptive"},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False, "learning_rate": "invscaling"},
    "lbfgs": {"solver": "lbfgs"},
    "adam, early stopping": {"solver": "adam", "early_stopping": True},
}
TASKS = ["binary", "classes", "labels", "regression", "outputs", "poisson"]
INPUTS = {"dense": np.array, "csr": scipy.sparse.csr_matrix, "csc": scipy.sparse.csc_matrix}
RULES = [*OPTIMIZERS.values(), RMSProp(momentum=0.5), RMSProp(centred=True)]
CASES = list(itertools.product(SOLVERS, TASKS, INPUTS))
N_ROWS = 37


def draw(task, dtype):
    """X with many zeros, y and weights."""
    rng = np.random.RandomState(len(task))
    X = rng.standard_normal((N_ROWS, 7)) * rng.randint(2, size=(N_ROWS, 7))
    y = {
        "binary": rng.randint(2, size=N_ROWS),
        "classes": rng.randint(3, size=N_ROWS),
        "labels": rng.randint(2, size=(N_ROWS, 3)),
        "regression": rng.standard_normal(N_ROWS),
        "outputs": rng.standard_normal((N_ROWS, 2)),
        "poisson": rng.poisson(2.0, size=N_ROWS),
    }[task]
    return X.astype(dtype), y, rng.randint(1, 3, size=N_ROWS).astype(dtype)


def make_estimator(solver, task, kind, n_jobs=None):
    """Activations and depths change from case to case, so that all of them occur."""
    turn = CASES.index((solver, task, kind))
    options = {
        "hidden_layer_sizes": [(5,), (11, 3), (), (17,)][turn // 3 % 4],
        "activation": ["relu", "tanh", "logistic", "identity"][turn % 4],
        "batch_size": 17, "max_iter": 3, "random_state": 0, "n_jobs": n_jobs,
    }  # fmt: skip
    if task in ("binary", "classes", "labels"):
        return MLPClassifier(**options, **SOLVERS[solver])
    loss = "poisson" if task == "poisson" else "squared_error"
    return MLPRegressor(**options, **SOLVERS[solver], loss=loss)


def fit(solver, task, kind, dtype, prepare=lambda X: X, n_jobs=None):
    """A fitted estimator, and the X that it was fitted on."""
    X, y, weights = draw(task, dtype)
    X = prepare(INPUTS[kind](X))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # three epochs are too few
        return make_estimator(solver, task, kind, n_jobs).fit(X, y, sample_weight=weights), X


def use_every_loss(dtype):
    """The gradient of a small network with every loss and its output activations, without the custom loss."""
    for case in [*loss_cases.CASES.values(), (Perceptron(), "step", 3)]:
        if case[0] is not QUARTIC:
            problem = loss_cases.make_problem(case, dtype=dtype)
            FullBatch(problem.network, problem.dataset, 0.1)(problem.network.params.copy())


def use_every_activation(dtype):
    """One hidden layer with each activation, and a batch that is divided into microbatches."""
    hidden = [activation for activation in ACTIVATIONS.values() if activation.is_elementwise]
    network = TrainableModel([2] * (len(hidden) + 1) + [1], [*hidden, "identity"], "squared_error", dtype)
    rows = Dataset(np.ones((2048, 2), dtype), np.ones((2048, 1), dtype))
    EpochRunner(network, rows, OPTIMIZERS["sgd"], np.arange(2048), 2048).run(0.1)


def judge_without_gradients(dtype):
    """The loss of validation rows, with sorted quantiles; and a network's loss without a gradient."""
    X, y, _ = draw("regression", dtype)
    loss = Quantile((0.2, 0.8), crossing=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        MLPRegressor(loss, hidden_layer_sizes=(5,), early_stopping=True, max_iter=2, random_state=0).fit(X, y)
    Network([7, 1], ["identity"], "half_squared_error", dtype).loss(X, y)


def train_with_all_options(dtype, sparse):
    """One epoch with all options of a step and parameter groups, and what is recorded of each layer."""
    problem = make_problem("multi-label", rows=N_ROWS, dtype=dtype, sparse=sparse)
    constants = Regularization(
        0.1, dropout=0.5, input_dropout=0.2, max_norm=1.0, clip_norm=1.0, clip_value=0.1, ema=0.9
    )
    order, optimizer = np.arange(N_ROWS), LayerWise(LAMB(), bias_decays=0.5)
    runner = EpochRunner(problem.network, problem.dataset, optimizer, order, 17, 1, constants, DropoutKeys(0))
    runner.record_gradient_norms()
    runner.run(0.1)
    DeadUnits(problem.network, problem.dataset, order)()


def train_for_tables(dtype):
    """Two epochs of a network with embeddings, scales, slopes and dropout, and its outputs."""
    problem = TableProblem(TABLES["everything"], dtype)
    problem.train()
    TablePrediction(problem.model, problem.dataset).predict()


def use_every_precision():
    """Products of rounded numbers, in float32 alone."""
    for precision in KERNELS:
        Network([3, 20, 1], ["tanh", "identity"], "half_squared_error", np.float32, precision).forward(np.ones((9, 3)))


def origins():
    """ "kernel, type" → "cache" or "compiler" for loaded kernels; kernel → None for those that were not loaded.

    Without the kernels of custom functions, which are not the package's.
    """
    found, custom = {}, [activation.kernel for activation in loss_cases.OWN.values()]
    asked = {id(kernel) for kernel, _ in needed(("float32",), cpu.TILE_UNIT)}
    for kernel in (thing for thing in gc.get_objects() if isinstance(thing, Kernel)):
        if kernel in custom:
            continue
        if not kernel.compiled and id(kernel) in asked:
            found[kernel.__name__] = None
        for dtype, compiled in kernel.compiled.items():
            found[f"{kernel.__name__}, {dtype}"] = "cache" if compiled.cache_hits else "compiler"
    return found


if __name__ == "__main__":
    for case in CASES:
        for dtype in (np.float32, np.float64):
            estimator, X = fit(*case, dtype)
            for rows in (X, X, X[:1]):  # dense rows take the fast path from the second call on
                estimator.predict(rows)
            if case[2] == "dense":
                estimator.predict(np.asfortranarray(X))
    for rule, dtype in itertools.product(RULES, (np.float32, np.float64)):
        problem = make_problem("poisson", dtype=dtype)
        EpochRunner(problem.network, problem.dataset, rule, np.arange(7), 3, 1, Regularization(0.1)).run(0.1)
    for dtype in (np.float32, np.float64):
        use_every_loss(dtype)
        use_every_activation(dtype)
        judge_without_gradients(dtype)
        train_for_tables(dtype)
    use_every_precision()
    for dtype, sparse in itertools.product((np.float32, np.float64), (False, True)):
        train_with_all_options(dtype, sparse)
    print(json.dumps(origins()))
