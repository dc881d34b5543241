"""``python -m benchmarks.dask_speed [--data fashion_mnist.npz]``: two Dask workers compared with a local fit.

Each worker is a process with one thread; the local fit has one thread, too. Both train the same network for the same
number of epochs, in turns, and in as many steps: a worker's batches are smaller, as it has fewer rows. Rows are on the
workers before the clock starts. What counts is the median ratio of the seconds, and the accuracy on the test rows.
Before that, rounds are measured that train next to nothing: seconds and bytes.

The workers need a core each, and nothing else should run.

Without ``--data`` (arrays X_train, y_train, X_test, y_test) the rows are drawn: 60,000 of Fashion-MNIST's shape.

Exit code: 0 if the Dask fit is 1.6 times as fast as the local one, and its accuracy at most 0.5 points lower; else 1.
"""

import argparse
import pickle
import sys
import warnings
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.datasets import make_classification

from fastmlp import MLPClassifier
from fastmlp.dask import DaskMLPClassifier
from fastmlp.dask.state import RoundState

HIDDEN = (256, 128, 100)
GOAL, LOST_POINTS = 1.6, 0.5


def load(path: str | None) -> tuple[np.ndarray, ...]:
    """Return X and y of the training rows, X and y of the test rows."""
    if path is not None:
        arrays = np.load(path)
        X, y, X_test, y_test = (arrays[name] for name in ("X_train", "y_train", "X_test", "y_test"))
        X, X_test = ((each.reshape(len(each), -1) / np.float32(255)).astype(np.float32) for each in (X, X_test))
        return X, y, X_test, y_test
    X, y = make_classification(70_000, 784, n_informative=40, n_classes=10, random_state=0)
    X = X.astype(np.float32)
    return X[:60_000], y[:60_000], X[60_000:], y[60_000:]


def timed(model: Any, X: Any, y: Any) -> tuple[float, Any]:
    """Return seconds and the fitted model."""
    began = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the maximum number of epochs is reached
        model.fit(X, y)
    return perf_counter() - began, model


def compare(client: Any, rows: tuple[np.ndarray, ...], options: argparse.Namespace) -> bool:
    """Print both fits; return whether the goal is reached."""
    import dask.array as da
    from distributed import wait

    X, y, X_test, y_test = rows
    size = -(-len(X) // options.workers)
    chunks = [da.from_array(X, chunks=(size, -1)).persist(), da.from_array(y, chunks=size).persist()]
    wait(chunks)
    parameters: dict[str, Any] = {"hidden_layer_sizes": HIDDEN, "max_iter": options.epochs, "random_state": 0}
    parameters |= {"batch_size": options.batch_size, "n_iter_no_change": options.epochs + 1, "n_jobs": 1}
    of_dask = {
        **parameters,
        "client": client,
        "sync": options.sync,
        "batch_size": options.worker_batch_size or options.batch_size // options.workers,
    }
    for warm in ({**parameters, "max_iter": 1}, {**of_dask, "max_iter": 1}):
        (timed(DaskMLPClassifier(**warm), *chunks) if "client" in warm else timed(MLPClassifier(**warm), X, y))
    ratios, points = [], []
    for _ in range(options.pairs):
        local, plain = timed(MLPClassifier(**parameters), X, y)
        spread, model = timed(DaskMLPClassifier(**of_dask), *chunks)
        accuracies = [100 * each.score(X_test, y_test) for each in (plain, model)]
        ratios.append(local / spread)
        points.append(accuracies[0] - accuracies[1])
        print(
            f"local {local:7.2f} s, {accuracies[0]:.2f} %;  {options.workers} workers {spread:7.2f} s, "
            f"{accuracies[1]:.2f} %;  {ratios[-1]:.2f} times as fast",
            flush=True,
        )
    reached = median(ratios) >= GOAL and median(points) <= LOST_POINTS
    print(
        f"median: {median(ratios):.2f} times as fast (goal {GOAL}), {median(points):+.2f} points lost (goal "
        f"{LOST_POINTS}): {'reached' if reached else 'missed'}"
    )
    return reached


def measure_rounds(client: Any, n_features: int, n_classes: int, epochs: int = 20) -> None:
    """Print bytes and seconds of a round in which each worker makes one step on a few rows."""
    import dask.array as da

    n_rows = 16 * len(client.nthreads())
    X = da.from_array(np.random.RandomState(0).rand(n_rows, n_features).astype(np.float32), chunks=(16, -1))
    y = da.from_array(np.arange(n_rows) % n_classes, chunks=16)
    of_epochs = []
    for number in (1, epochs + 1):
        parameters = {"max_iter": number, "random_state": 0, "n_iter_no_change": epochs + 1, "client": client}
        of_epochs.append(timed(DaskMLPClassifier(HIDDEN, batch_size=16, n_jobs=1, **parameters), X, y))
    model = of_epochs[1][1]
    params = np.concatenate([each.ravel() for each in (*model.coefs_, *model.intercepts_)])
    running = model._optimizer
    state = RoundState(params, running.state, None, running.t, running.schedule, running.length, 0.0)
    print(
        f"a round: {len(pickle.dumps(state)):,} bytes to each worker and as many back ({params.size:,} parameters), "
        f"{(of_epochs[1][0] - of_epochs[0][0]) / epochs * 1e3:.1f} ms with {len(client.nthreads())} workers; "
        f"the rest of a fit takes {of_epochs[0][0]:.2f} s"
    )


def main(arguments: list[str] | None = None) -> int:
    """Measure; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dask_speed", description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="an .npz file with X_train, y_train, X_test and y_test")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--pairs", type=int, default=3, help="fits of each kind, in turns")
    parser.add_argument("--batch-size", type=int, default=200, help="rows of a step on all workers together")
    parser.add_argument("--worker-batch-size", type=int, help="rows of a step on a worker; default: its part of those")
    parser.add_argument("--sync", type=lambda text: int(text) if text.isdigit() else text, default="epoch")
    parser.add_argument("--rounds-only", action="store_true", help="measure rounds alone")
    options = parser.parse_args(arguments)
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=options.workers, threads_per_worker=1, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        measure_rounds(client, 784, 10)
        return 0 if options.rounds_only or compare(client, load(options.data), options) else 1


if __name__ == "__main__":
    sys.exit(main())
