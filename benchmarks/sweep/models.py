"""The models of a cell, fastmlp's and scikit-learn's, with the same initial state, and their calls."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .cells import Cell
from .cost import EPOCHS, ITERATIONS
from .inputs import make_first_rows, make_inputs, make_targets, square_of_row

SEED = 0
STEP = 1e-2  # of the learning rates, for rows of norm one: nothing diverges, however often a batch comes again


@dataclass(frozen=True)
class Side:
    """One library's model, ready for its call."""

    model: Any
    call: Callable[[], Any]


def make_sides(cell: Cell, threads: int | None) -> tuple[Side, Side]:
    """Return both models; before a prediction they have the same weights."""
    rng = np.random.default_rng(SEED)
    X = make_inputs(cell, rng)
    y = make_targets(cell, cell.rows, rng)
    ours, theirs = make_models(cell, threads)
    if cell.trains:
        weight = {"sample_weight": rng.uniform(0.5, 1.5, cell.rows)} if cell.option == "sample_weight" else {}
        return tuple(Side(model, make_training(cell, model, X, y, weight)) for model in (ours, theirs))
    start_equal(cell, ours, theirs, rng)
    arguments = (X, y) if cell.call == "score" else (X,)
    return tuple(Side(model, partial(getattr(model, cell.call), *arguments)) for model in (ours, theirs))


def make_models(cell: Cell, threads: int | None) -> tuple[Any, Any]:
    """Return estimators with few epochs, a small learning rate and no early end; without `threads` with the default."""
    import sklearn.neural_network

    import fastmlp

    kind = "MLPClassifier" if cell.classifies else "MLPRegressor"
    parameters = {
        "hidden_layer_sizes": cell.hidden,
        "activation": cell.activation,
        "solver": cell.solver if cell.trains else "sgd",  # which holds the fewest arrays
        "learning_rate_init": STEP / (1 + square_of_row(cell)),
        "max_iter": ITERATIONS if cell.trains and cell.solver == "lbfgs" else EPOCHS,
        "early_stopping": cell.option == "early_stopping",
        "tol": 0,
        "n_iter_no_change": 10**9,
        "random_state": SEED,
    }
    ours = getattr(fastmlp, kind)(n_jobs=threads, **parameters)
    return ours, getattr(sklearn.neural_network, kind)(**parameters)


def make_training(cell: Cell, model, X, y, weight: dict) -> Callable[[], Any]:
    """Return the call; a model of `partial_fit` has seen its classes, as in all calls but the first."""
    if cell.call == "fit":
        return partial(model.fit, X, y, **weight)
    classes = {"classes": np.arange(int(cell.target.split()[0]))} if cell.classifies else {}
    model.partial_fit(X, y, **classes, **weight)
    return partial(model.partial_fit, X, y, **weight)


def start_equal(cell: Cell, ours, theirs, rng) -> None:
    """Fit both to a few rows, and copy fastmlp's weights to scikit-learn's model."""
    X = make_first_rows(cell, rng)
    y = make_targets(cell, X.shape[0], rng)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for model in (ours, theirs):
            model.set_params(max_iter=1)
            model.fit(X, y)
    theirs.coefs_ = [coef.copy() for coef in ours.coefs_]
    theirs.intercepts_ = [intercept.copy() for intercept in ours.intercepts_]
