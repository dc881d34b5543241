"""Eight threads that use one model at the same time: predictions, refused calls, and `partial_fit` beside them."""

import sys
import threading

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.exceptions import ConvergenceWarning

from fastmlp import MLPClassifier, MLPRegressor

N_THREADS = 8
X = np.random.RandomState(0).standard_normal((300, 5))
NUMBERS = X[:, 0] - X[:, 1]
LETTERS = np.array(["a", "b", "c"])[np.digitize(NUMBERS, [-0.7, 0.7])]
SMALL = {"hidden_layer_sizes": (16, 8), "max_iter": 3, "random_state": 0, "learning_rate_init": 0.01}


@pytest.fixture(autouse=True)
def _many_switches():
    """Python's threads take turns as often as they can."""
    kept = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(kept)


def together(*calls):
    """Make each call in a thread of its own, all at the same time; return what each returned or raised."""
    barrier, found = threading.Barrier(len(calls)), [None] * len(calls)

    def make(number):
        barrier.wait()
        try:
            found[number] = calls[number]()
        except BaseException as error:
            found[number] = error

    threads = [threading.Thread(target=make, args=[number]) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def fitted():
    """Return models with their targets."""
    with pytest.warns(ConvergenceWarning):
        return [(MLPClassifier(**SMALL).fit(X, LETTERS), LETTERS), (MLPRegressor(**SMALL).fit(X, NUMBERS), NUMBERS)]


def test_predictions_and_refused_calls_get_what_one_thread_gets():
    """Few rows and many, dense and sparse: they share what is kept for the next prediction."""
    kinds = [X, X[:1], X[:3].tolist(), sp.csr_array(X), sp.csc_array(X), np.asfortranarray(X), X.astype(np.float32)]
    for model, y in fitted():
        methods = ["predict", "predict_proba"] if hasattr(model, "classes_") else ["predict"]
        expected = {(name, number): getattr(model, name)(kinds[number]) for name in methods for number in range(7)}
        before = [array.copy() for array in (*model.coefs_, *model.intercepts_)]

        def work(turn, model=model, y=y, methods=methods, expected=expected):
            for step in range(14):
                name, number = methods[(turn + step) % len(methods)], (turn * 3 + step) % 7
                assert np.array_equal(getattr(model, name)(kinds[number]), expected[name, number]), (name, number)
                with pytest.raises(ValueError, match="features"):
                    model.predict(X[:, :3])
                with pytest.raises(ValueError):
                    model.partial_fit(X * np.nan, y)
                with pytest.raises(ValueError, match="inconsistent"):
                    model.partial_fit(X, y[1:])

        results = together(*[lambda turn=turn: work(turn) for turn in range(N_THREADS)])
        assert results == [None] * N_THREADS
        assert all(map(np.array_equal, before, (*model.coefs_, *model.intercepts_)))


def test_partial_fit_beside_predictions():
    """Calls train the same weights, which stay in range; predictions are well-formed, and training goes on after it."""
    for model, y in fitted():

        def train(model=model, y=y):
            for size in (300, 20, 300, 7):
                model.partial_fit(X[:size], y[:size])

        def predict(model=model):
            answers = [model.predict(rows) for rows in (X, X[:1], sp.csr_array(X)) for _ in range(4)]
            assert [len(each) for each in answers] == [300] * 4 + [1] * 4 + [300] * 4
            known = getattr(model, "classes_", None)
            assert all(np.isfinite(each).all() if known is None else np.isin(each, known).all() for each in answers)

        assert together(*[train, predict] * (N_THREADS // 2)) == [None] * N_THREADS
        assert all(np.abs(array).max() < 10 for array in (*model.coefs_, *model.intercepts_))
        alone = model.predict(X)
        assert all(
            np.array_equal(each, alone) for each in together(*[lambda model=model: model.predict(X)] * N_THREADS)
        )
        score = model.score(X, y)
        for _ in range(10):
            model.partial_fit(X, y)
        assert model.score(X, y) > score
