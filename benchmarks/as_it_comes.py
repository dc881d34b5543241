"""Wall times of both libraries with their default threads; `defaults.py` runs this file in a child process.

Both run with default thread settings: fastmlp with ``n_jobs=None``, scikit-learn with BLAS's default.
Trainings, predictions of many rows, and searches whose fits run in worker processes. Each row is a line of JSON.
"""

import importlib
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, cross_val_score

from .calls import time_calls
from .cases import CASES, Case, find_cases
from .comparison import compare
from .data import make_data
from .harness import SEED, measure
from .idle_threads import wait_for_idle_threads
from .peers import EstimatorPeer
from .ratios import Spread, paired_ratio
from .sweep.cells import NAMED, Cell
from .sweep.timing import time_cell

OURS, THEIRS = EstimatorPeer("fastmlp", "fastmlp"), EstimatorPeer("scikit-learn", "sklearn.neural_network")
MANY = 1_000  # rows of a prediction that is measured
#: Beside the usual cases, layers for which every core pays.
WIDER = Case("wider", 2_048, 784, 10, (2048, 2048), 1024, epochs=1, loss_band=(1.98, 2.42))
SEARCHED = Case("search", 3_000, 20, 2, (100,), 200, epochs=15, loss_band=(0.405, 0.495), dtypes=("float64",))
GRID = {"hidden_layer_sizes": [(50,), (100,)], "alpha": [1e-4, 1e-2]}
FOLDS = 3
ALIKE = 0.01  # the most that two mean scores may differ


def measure_all(dtypes: list[str], pairs: int, epochs: int | None, names: list[str] | None) -> Iterator[dict]:
    """Yield all measurements as `row` formats them; if cases are named, only their trainings."""
    for dtype in dtypes:
        for case in find_trainings(names):
            one = compare(measure(case, dtype, [OURS, THEIRS], pairs, epochs), OURS.name, THEIRS.name)
            yield row(f"fit {case.name}", dtype, one.ratio, one.wrong)
        if names:
            continue
        for cell in many_rows(dtype):
            timing = time_cell(cell, None, pairs)
            yield row(str(cell), dtype, timing.ratio, timing.wrong)
        if dtype in SEARCHED.dtypes:
            yield from time_searches(SEARCHED, dtype, pairs)


def find_trainings(names: list[str] | None) -> list[Case]:
    """Return the cases with these names, or the usual ones and a wider one."""
    return [case for case in find_cases(names) if THEIRS.name in case.peers] if names else [*CASES, WIDER]


def many_rows(dtype: str) -> list[Cell]:
    """Return the sweep's named predictions of many rows."""
    return [cell for cell in NAMED if not cell.trains and cell.rows >= MANY and cell.dtype == dtype]


def time_searches(case: Case, dtype: str, pairs: int) -> Iterator[dict]:
    """Yield searches and cross-validations over both libraries' estimators, in this process and in workers."""
    X, y = make_data(case, dtype)
    estimators = [make_estimator(peer, case) for peer in (OURS, THEIRS)]
    for n_jobs in (None, 2, -1):
        for kind, score in (("GridSearchCV", search_scores), ("cross_val_score", fold_scores)):
            calls = [partial(score, estimator, X, y, n_jobs) for estimator in estimators]
            yield time_scores(f"{kind}, n_jobs={n_jobs}", dtype, calls, pairs)


def make_estimator(peer: EstimatorPeer, case: Case):
    module = importlib.import_module(peer.module)
    return module.MLPClassifier(case.hidden, max_iter=case.epochs, tol=0, n_iter_no_change=10**9, random_state=SEED)


def search_scores(estimator, X, y, n_jobs: int | None) -> np.ndarray:
    """Return the mean score of each point of the grid."""
    return GridSearchCV(estimator, GRID, cv=FOLDS, n_jobs=n_jobs).fit(X, y).cv_results_["mean_test_score"]


def fold_scores(estimator, X, y, n_jobs: int | None) -> np.ndarray:
    """Return the score of each fold."""
    return cross_val_score(estimator, X, y, cv=FOLDS, n_jobs=n_jobs)


def time_scores(what: str, dtype: str, calls: list[Callable[[], np.ndarray]], pairs: int) -> dict:
    """Time both calls in turn, after a first pair that starts workers, compiles and is checked."""
    ours, theirs = (call() for call in calls)
    apart = float(np.abs(ours - theirs).max())
    if not apart <= ALIKE:
        return row(what, dtype, None, f"scores {apart:.1e} apart, allowed {ALIKE:g}")
    times = [[time_at_rest(call) for call in calls] for _ in range(pairs)]
    return row(what, dtype, paired_ratio(*(list(each) for each in zip(*times, strict=True))), None)


def time_at_rest(call: Callable) -> float:
    """Return the seconds of a call that begins when the threads of the one before are idle."""
    wait_for_idle_threads()
    return time_calls(call, 1)


def row(what: str, dtype: str, ratio: Spread | None, wrong: str | None) -> dict:
    """Return what is sent to the parent process."""
    return {"what": what, "dtype": dtype, "ratio": asdict(ratio) if ratio else None, "wrong": wrong}


def main(arguments: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for one in measure_all(**json.loads(arguments)):
            print(json.dumps(one), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
