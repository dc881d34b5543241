"""Searches over parameters: in threads, with growing `max_iter`, and by Optuna."""

import importlib
import sys
from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV

from fastmlp import MLPClassifier, TabularMLPClassifier

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
X, Y = load_iris(return_X_y=True)
SMALL = {"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0}
EXAMPLES = str(Path(__file__).parents[2] / "examples")


def test_searches_for_tables_in_threads_give_the_same_results():
    """Threads scale, because the kernels release the GIL; nothing is shared between the fits."""
    model, found = TabularMLPClassifier("fast", n_members=2, **SMALL), []
    grid = {"hidden_layer_sizes": [(8,), (4, 4)], "numeric_encoding": ["periodic", None]}
    for backend, n_jobs in (("sequential", 1), ("threading", 2), ("threading", 4)):
        with joblib.parallel_config(backend, n_jobs=n_jobs):
            search = GridSearchCV(model, grid, cv=2, scoring="neg_log_loss", error_score="raise").fit(X, Y)
        found.append([search.cv_results_["mean_test_score"].tolist(), search.predict_proba(X).tolist()])
    assert found[0] == found[1] == found[2]


def test_halving_gives_the_best_candidates_more_epochs():
    epochs = []

    class Counted(MLPClassifier):
        def fit(self, X, y):
            epochs.append(self.max_iter)
            return super().fit(X, y)

    model = Counted((8,), random_state=0, tol=0.0, n_iter_no_change=1000)
    grid = {"learning_rate_init": [1e-5, 1e-4, 1e-3, 3e-2]}
    search = HalvingGridSearchCV(
        model, grid, resource="max_iter", min_resources=5, max_resources=20, factor=2, cv=2, random_state=0,
        scoring="neg_log_loss",
    ).fit(X, Y)  # fmt: skip
    assert search.n_resources_ == [5, 10, 20] and search.n_candidates_ == [4, 2, 1]
    assert epochs == [5] * 8 + [10] * 4 + [20] * 2 + [20]
    assert search.best_params_ == {"learning_rate_init": 3e-2, "max_iter": 20}
    assert search.best_estimator_.n_iter_ == 20


class Trial:
    """A trial that is pruned once the epoch is `last`."""

    def __init__(self, last):
        self.last, self.reported = last, []

    def report(self, value, step):
        self.reported.append((step, value))

    def should_prune(self):
        return self.reported[-1][0] >= self.last


@pytest.fixture
def example(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    yield importlib.import_module("optuna_search")
    sys.modules.pop("optuna_search")


def test_the_callback_of_the_optuna_example_prunes(example):
    for last, epochs in ((3, 3), (100, 5)):
        callback = example.Pruning(Trial(last))
        model = MLPClassifier(**SMALL, scoring="neg_log_loss").set_callbacks(callback).fit(X, Y, X_val=X, y_val=Y)
        assert callback.pruned == (last == 3) and model.n_iter_ == epochs
        assert callback.trial.reported == list(enumerate(model.validation_scores_, 1))


def test_the_optuna_example_says_what_is_missing(example, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(SystemExit, match="pip install optuna"):
        example.main()


def test_the_optuna_example_prunes_and_finds(example, capsys):
    pytest.importorskip("optuna")
    study = example.main(12)
    states = [trial.state.name for trial in study.trials]
    assert len(states) == 12 and "PRUNED" in states and "FAIL" not in states
    assert f"12 trials, of which {states.count('PRUNED')} were pruned" in capsys.readouterr().out
    assert np.isfinite(study.best_value)
