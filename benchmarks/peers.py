"""The peers: who trains a case. Each is imported only when asked for, so any may be missing.

A peer has a `name`, says in one line why it is `missing()` (None when it is there), and `prepare`s a trial of
a case. A trial has `fit()`, the only thing that is timed, and `answer()`, which hands over the trained
network for `judge.py`. What is not part of training (turning arrays into tensors, building the module)
belongs in `prepare`; what a user waits for (validation, moving rows to the optimizer) belongs in `fit`.

To add one (PyTorch, JAX …): a class with these three, its name in `PEERS`, and its name in the `peers` of the
cases it can run. Same work for all means what scikit-learn does from one `random_state`: `RandomState(seed)`
draws for each layer W ~ U(−b, b) and then its bias, b = √(6 / (fan_in + fan_out)) (√2 in place of √6 for
logistic), and then for each epoch `sklearn.utils.shuffle(row_order)`, in place of the previous order; the
last batch of an epoch may be short.
"""

import importlib
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .cases import Case


@dataclass(frozen=True)
class Answer:
    """A trained network: `weights[l]` (fan_in, fan_out), `biases[l]` (fan_out,), and the epochs it took."""

    weights: list[np.ndarray]
    biases: list[np.ndarray]
    epochs: int


class Trial(Protocol):
    """One training run, ready to start."""

    def fit(self) -> Any: ...

    def answer(self) -> Answer: ...


class Peer(Protocol):
    """Anyone who can train a case."""

    name: str

    def missing(self) -> str | None: ...

    def prepare(self, case: Case, X, y, epochs: int, seed: int) -> Trial: ...


class EstimatorTrial:
    """A scikit-learn style estimator with its rows."""

    def __init__(self, model, X, y):
        self.model, self.X, self.y = model, X, y

    def fit(self):
        self.model.fit(self.X, self.y)

    def answer(self):
        return Answer(self.model.coefs_, self.model.intercepts_, self.model.n_iter_)


@dataclass(frozen=True)
class EstimatorPeer:
    """`MLPClassifier` and `MLPRegressor` of a module: scikit-learn's own or ours, same parameters."""

    name: str
    module: str

    def missing(self) -> str | None:
        try:
            module = importlib.import_module(self.module)
            module.MLPClassifier, module.MLPRegressor  # noqa: B018 (lazily loaded names fail here)
        except (ImportError, AttributeError) as error:
            return str(error)
        return None

    def prepare(self, case: Case, X, y, epochs: int, seed: int) -> EstimatorTrial:
        module = importlib.import_module(self.module)
        kind = module.MLPClassifier if case.task == "classification" else module.MLPRegressor
        model = kind(
            hidden_layer_sizes=case.hidden,
            activation=case.activation,
            solver="adam",
            batch_size=case.batch,
            max_iter=epochs,
            random_state=seed,
            tol=0,  # with n_iter_no_change: nobody stops before the last epoch
            n_iter_no_change=10**9,
        )
        return EstimatorTrial(model, X, y)


PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        EstimatorPeer("fastmlp", "fastmlp"),
        EstimatorPeer("scikit-learn", "sklearn.neural_network"),
    )
}
SUBJECT = "fastmlp"  # the one that every other is compared with


def find_peers(names: list[str] | None) -> list[Peer]:
    """The peers of these names, the subject first, or all of them."""
    unknown = [name for name in names or [] if name not in PEERS]
    if unknown:
        raise ValueError(f"no peer is called {', '.join(unknown)}; there are {', '.join(PEERS)}")
    return [peer for name, peer in PEERS.items() if not names or name in names]
