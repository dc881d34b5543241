"""What a child process measures: fits of one method on one set, seed by seed; ``python -m benchmarks.tables.fit JSON``.

A small fit comes first, which loads compiled code or compiles it, and is not counted; each fit's scores and seconds
are a line of JSON. To measure compilation the process has an empty cache, and only the small fit runs, twice.
"""

import json
import os
import sys
import time
import warnings
from typing import Any

import numpy as np

from .inputs import few_rows, make_inputs, take_rows
from .methods import METHODS, Method
from .scores import normalized_rmse, score_classes
from .sets import TableSet, load_set


def measure_fit(
    method: Method, table: TableSet, train: np.ndarray, test: np.ndarray, seed: int, threads: int, epochs: int | None
) -> dict:
    """Fit on the training rows and predict the test rows; return the fields of a `Result`."""
    medians = np.nanmedian(table.numbers[train], axis=0) if method.imputes else None
    X = make_inputs(table, medians)
    model = method.make(table, seed, threads, epochs, hasattr(X, "iloc"))
    arguments = method.fit_arguments(table, hasattr(X, "iloc"))
    X_train, X_test = take_rows(X, train), take_rows(X, test)
    wall, cpu = time.perf_counter(), time.process_time()
    model.fit(X_train, table.y[train], **arguments)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    predicting = time.process_time()
    predicted = model.predict(X_test) if table.is_regression else model.predict_proba(X_test)
    predicting = time.process_time() - predicting
    error, loss = score(model, table, predicted, test)
    seconds = {"cpu_seconds": cpu, "wall_seconds": wall, "predict_seconds": predicting}
    return {"error": error, "log_loss": loss} | seconds


def score(model: Any, table: TableSet, predicted: Any, test: np.ndarray) -> tuple[float, float | None]:
    """Return the error, and the log loss of a classification."""
    if table.is_regression:
        return normalized_rmse(table.y[test], predicted), None
    return score_classes(table.y[test], predicted, np.asarray(model.classes_))


def run(job: dict, write) -> None:
    """Measure a job of `walk.py`; write a line for each seed, or one with the seconds of compilation."""
    method, table = METHODS[job["method"]], load_set(job["data"], job["set"])
    common = (job["threads"], job["epochs"])

    def fit_few() -> dict:
        train, test = table.split(0)
        return measure_fit(method, table, few_rows(table, train), test[:100], 0, *common)

    first = fit_few()
    if job["compiles"]:
        again, names = fit_few(), ("cpu_seconds", "predict_seconds")
        write({"cpu_seconds": sum(first[name] - again[name] for name in names)})
        return
    for seed in job["seeds"]:
        write(measure_fit(method, table, *table.split(seed), seed, *common))


def main(text: str) -> None:
    lines = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no result

    def write(measured: dict) -> None:
        print(json.dumps(measured), file=lines, flush=True)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run(json.loads(text), write)


if __name__ == "__main__":
    main(sys.argv[1])
