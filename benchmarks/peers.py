"""The libraries that train a case. Each is imported only when used, so any may be missing.

A peer has a `name`, says in one line why it is `missing()` (None when it is there), and `prepare`s a trial of
a case. A trial has `fit()`, the only thing that is timed, and `answer()`, which hands over the trained
network for `judge.py`. What is not part of training (turning arrays into tensors, building the module)
belongs in `prepare`; what a user waits for (validation, moving rows to the optimizer) belongs in `fit`.

To add one: a class with these three, one more line in `make_peers`, and its name in the `peers` of the cases it can
run. Same work for all means what scikit-learn does from one `random_state`; `start.py` says and draws it. The last
batch of an epoch may be short.
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
    """A library that can train a case."""

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
    """`MLPClassifier` and `MLPRegressor` of a module: scikit-learn's or ours; the last two parameters are ours."""

    name: str
    module: str
    n_jobs: int | None = None
    matmul_precision: str | None = None

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
        given = {"n_jobs": self.n_jobs, "matmul_precision": self.matmul_precision}
        own = {name: value for name, value in given.items() if value is not None}
        model = kind(
            hidden_layer_sizes=case.hidden,
            activation=case.activation,
            solver="adam",
            batch_size=case.batch,
            max_iter=epochs,
            shuffle=case.shuffle,
            random_state=seed,
            tol=0,  # with n_iter_no_change: nobody stops before the last epoch
            n_iter_no_change=10**9,
            **own,
        )
        return EstimatorTrial(model, X, y)


SUBJECT = "fastmlp"  # the one that every other is compared with
PRECISIONS = ("bfloat16_3x", "bfloat16")
NAMES = (
    "fastmlp", "fastmlp-1", "scikit-learn", "pytorch", "pytorch-compile", "jax",
    *(f"fastmlp-{name}" for name in PRECISIONS), "pytorch-bfloat16",
)  # fmt: skip


def make_peers(threads: int) -> list[Peer]:
    """Return all peers, the subject first, with their number of threads; `fastmlp-1` is fastmlp on one of several."""
    from .peer_jax import JaxPeer  # these two import nothing optional themselves, but they import this file
    from .peer_torch import TorchPeer

    peers: list[Peer] = [EstimatorPeer("fastmlp", "fastmlp", n_jobs=threads)]
    if threads > 1:
        peers.append(EstimatorPeer("fastmlp-1", "fastmlp", n_jobs=1))
    peers.append(EstimatorPeer("scikit-learn", "sklearn.neural_network"))
    peers.append(TorchPeer("pytorch", threads, compiled=False))
    peers.append(TorchPeer("pytorch-compile", threads, compiled=True))
    peers.append(JaxPeer("jax", threads))
    peers += [EstimatorPeer(f"fastmlp-{name}", "fastmlp", threads, name) for name in PRECISIONS]
    peers.append(TorchPeer("pytorch-bfloat16", threads, compiled=False, autocast=True))
    return peers


def find_peers(names: list[str] | None, threads: int = 1) -> list[Peer]:
    """Return the peers with these names, the subject first, or all of them."""
    unknown = [name for name in names or [] if name not in NAMES]
    if unknown:
        raise ValueError(f"no peer is called {', '.join(unknown)}; there are {', '.join(NAMES)}")
    return [peer for peer in make_peers(threads) if not names or peer.name in names]
